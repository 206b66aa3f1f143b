"""The group "start": setup and join."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from e2esync.cli import options as o
from e2esync.cli.output import escape, time_text
from e2esync.cli.places import check, prepared_device, s3_settings, set_names
from e2esync.cli.session import Session, resolve
from e2esync.cli.words import WordsOnTerminal, read_words
from e2esync.errors import UsageError

if TYPE_CHECKING:
    from e2esync.engine.join import Candidate, Found
    from e2esync.engine.notes import FolderNote, StoreAddress
    from e2esync.wiring.localdevice import HomeDevice

DEFAULT_FOLDER = Path("~/Sync")


def setup(
    *,
    store: Annotated[
        str | None, typer.Argument(metavar="STORE", help="s3://bucket/prefix, file:///dir or a directory.")
    ] = None,
    folder: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="Made if absent; ~/Sync.")] = None,
    recovery_file: o.NewRecoveryFile = None,
    device_name: o.DeviceName = None,
    user_name: o.UserName = None,
    key_store: o.KeyStoreOption = None,
    dedup: o.Dedup = o.DedupKind.VAULT,
    endpoint_url: o.EndpointUrl = None,
    profile: o.Profile = None,
    region: o.Region = None,
    addressing_style: o.AddressingStyle = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Make a new vault, and with the first one your identity.

    One argument that is no address is FOLDER; the store is then a directory on this machine.
    """
    from e2esync.adapters.stores.counting import Traffic
    from e2esync.engine.notes import Dedup
    from e2esync.engine.setup import NewFolder
    from e2esync.engine.setup import setup as set_up
    from e2esync.engine.vault import SYSTEM_CLOCK
    from e2esync.wiring.stores import connect

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    settings = s3_settings(endpoint_url, profile, region, addressing_style)
    address, path = _places(session, store, folder, settings)
    local = prepared_device(session, key_store)
    is_new = local.kept_identity() is None
    if is_new and recovery_file is None and not session.ask.may_ask:
        raise UsageError(
            "the recovery words have to reach you",
            why="there is no terminal to show them on (or --no-input)",
            fix="give --recovery-file FILE; they are written to it",
        )
    check(session, local, path, address)
    set_names(local, device_name, user_name)
    words = WordsOnTerminal(session.ask) if recovery_file is None else recovery_file.expanduser().absolute()
    with closing(connect(address, traffic=Traffic(), create=True)) as opened:
        request = NewFolder(path, address, path.name or "Sync", Dedup(dedup.value))
        note = set_up(request, opened, local, words=words, clock=SYSTEM_CLOCK)
    _tell_setup(session, local, note, recovery_file)


def _places(
    session: Session, store: str | None, folder: Path | None, settings: dict[str, str | None]
) -> tuple[StoreAddress, Path]:
    """Return store and folder; one argument that is no address is the folder."""
    from e2esync.wiring.stores import parse_address

    if store is not None and folder is None and "://" not in store:
        folder, store = Path(store), None
    text = store if store is not None else str(session.home.default_store)
    return parse_address(text, settings), resolve(folder or DEFAULT_FOLDER)


def _tell_setup(session: Session, local: HomeDevice, note: FolderNote, recovery_file: Path | None) -> None:
    kept = local.kept_identity()
    number = kept.identity.public.safety_number if kept else ""
    session.out.document(
        "setup",
        **folder_values(note),
        safety_number=number,
        recovery_file=str(recovery_file) if recovery_file else None,
    )
    session.out.data(f"The folder {escape(str(note.path))} is now a vault at {escape(note.store.url)}.")
    if recovery_file:
        session.out.data(
            f"Your recovery words are in {escape(str(recovery_file))}: put them on paper, remove the file."
        )
    session.out.data("Next: e2esync push")


def folder_values(note: FolderNote) -> dict[str, str]:
    """Return what JSON says of a folder."""
    return {
        "vault": note.vault.hex(),
        "name": note.name,
        "folder": str(note.path),
        "store": note.store.url,
        "device": note.device.hex(),
    }


def join(
    *,
    store: Annotated[str, typer.Argument(metavar="STORE", help="Where the vault is.")],
    folder: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="Made if absent; ~/Sync.")] = None,
    recovery_file: o.RecoveryFile = None,
    words: o.Words = False,
    vault: Annotated[
        str | None,
        typer.Option("--vault", envvar="E2ESYNC_VAULT", help="Which one, where there are several."),
    ] = None,
    device_name: o.DeviceName = None,
    user_name: o.UserName = None,
    key_store: o.KeyStoreOption = None,
    dedup: o.Dedup = o.DedupKind.VAULT,
    endpoint_url: o.EndpointUrl = None,
    profile: o.Profile = None,
    region: o.Region = None,
    addressing_style: o.AddressingStyle = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Join a vault of yours from this device, by your recovery words."""
    from e2esync.adapters.stores.counting import Traffic
    from e2esync.engine.join import JoinRequest
    from e2esync.engine.join import join as join_vault
    from e2esync.engine.notes import Dedup
    from e2esync.engine.vault import SYSTEM_CLOCK
    from e2esync.wiring.stores import connect, parse_address

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    address = parse_address(store, s3_settings(endpoint_url, profile, region, addressing_style))
    path = resolve(folder or DEFAULT_FOLDER)
    entropy = read_words(session.ask, recovery_file, typed=words)
    if entropy is None and not session.device().has_keys:
        raise UsageError(
            "a new device needs your recovery words",
            why="joining by a code that another device approves comes with a later version",
            fix="give --recovery-file FILE, or --words to type them",
        )
    local = prepared_device(session, key_store)
    check(session, local, path, address, rejoining=True)
    set_names(local, device_name, user_name, fallback=False)
    request = JoinRequest(path, address, vault, Dedup(dedup.value))
    with closing(connect(address, traffic=Traffic())) as opened:
        note, found = join_vault(
            request, opened, local, entropy=entropy, questions=_Questions(session), clock=SYSTEM_CLOCK
        )
    newest = found.newest
    session.out.document(
        "join",
        **folder_values(note),
        last_change=time_text(newest.time) if newest else None,
        devices=[head.device_name for head in found.heads],
    )
    session.out.data(
        f"This device has joined the vault {escape(note.name)!r}; its folder is {escape(str(note.path))}."
    )
    session.out.data("Next: e2esync pull")


NO_MEMORY = "a new device has no memory: it cannot tell whether the store shows it the newest state"
AT_LEAST = "; it is no older than what your other devices had noted when they joined"
NO_FLOOR = ", and no note of your other devices is there. Compare the date with what they show"


class _Questions:
    """What `join` asks, on the terminal."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def choose(self, candidates: Sequence[Candidate]) -> Candidate:
        """Return one of several vaults."""
        labels = [f"{escape(one.label)} ({one.vault.hex()[:12]})" for one in candidates]
        return candidates[self._session.ask.choose("Which vault", labels, flag="--vault NAME")]

    def confirm(self, found: Found, folder: Path, *, is_empty: bool) -> None:
        """Show vault and date; ask before a folder that is not empty."""
        newest = found.newest
        told = f"vault {escape(found.candidate.label)!r}, "
        told += "nothing was pushed yet"
        if newest:
            told = (
                f"vault {escape(found.candidate.label)!r}, last change {time_text(newest.time)}"
                f" by {escape(newest.device_name)!r}"
            )
        self._session.out.note(told)
        self._session.out.warn(NO_MEMORY + (AT_LEAST if found.candidate.notes else NO_FLOOR))
        if not is_empty:
            self._session.ask.confirm(
                f"{escape(str(folder))} is not empty; what is in it will be part of the vault. Join?"
            )
