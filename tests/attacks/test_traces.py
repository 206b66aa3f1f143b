"""L9, L11: what the list in SECURITY.md says is all that shows at the store, and nothing shows on the way there."""

from __future__ import annotations

import logging
import os
import re
import stat
from pathlib import Path

import pytest

from e2esync.cli.main import main
from e2esync.crypto import recovery
from e2esync.errors import E2ESyncError
from e2esync.format.members import Role
from e2esync.format.names import Kind
from e2esync.vault.identity import create_identity
from e2esync.vault.keyring import MemberKeys, next_record
from tests.attacks import forge_defences, observer  # noqa: F401 - adds defences that can be switched off
from tests.attacks.arena import CANARY, Arena, AttackSucceeded, row
from tests.engine.people import entropy_of, join_up, set_up

SECURITY = Path(__file__).resolve().parent.parent.parent / "SECURITY.md"
SAID = {  # a feature that the store can measure: the words of the list that say so
    observer.SIZES: "number and padded size of stored objects",
    observer.COUNTS: "number and padded size of stored objects",
    observer.TIMES: "when each device reads and writes, pairs, shares or is removed",
    observer.COMING: "when each device reads and writes, pairs, shares or is removed",
    observer.GONE: "when each device reads and writes, pairs, shares or is removed",
    observer.PEOPLE: "the fingerprints of people",
    observer.DEVICES: "how many devices and cards each has",
    observer.CARDS: "how many devices and cards each has",
    observer.MEMBERS: "which vaults they are members of and in which role",
    observer.RECORDS: "number of membership records and epochs of a vault",
    observer.EPOCHS: "number of membership records and epochs of a vault",
    observer.ROLES: "which vaults they are members of and in which role",
}


def the_list() -> str:
    """What SECURITY.md says that the attacker learns."""
    (promise,) = re.findall(
        r"^\| G1 \|[^|]*learns only what is on this list: ([^|]*?)\.? \|", SECURITY.read_text(), re.MULTILINE
    )
    return promise


def session(arena: Arena, folder: Path) -> set[str]:
    """Set up, join, push, pull, rename, edit, delete, share and remove; return what the store has measured."""
    set_up(arena.store, folder / "home 1", folder / "Sync", folder / "words")  # type: ignore[arg-type]
    join_up(arena.store, folder / "home 2", folder / "Copy", entropy_of(folder / "words"))  # type: ignore[arg-type]
    laptop, desk = arena.pair()
    (laptop.root / "docs").rename(laptop.root / "papers")
    (laptop.root / "plain").unlink()
    (laptop.root / "large").write_bytes(os.urandom(3 << 20))
    laptop.push()
    desk.pull()
    keys, (guest, cards) = arena.world.keys, create_identity(recovery.generate())
    with_guest = [
        MemberKeys(keys.identity.public, Role.OWNER, "Ann"),
        MemberKeys(guest.public, Role.READER, "Bob"),
    ]
    cuts = ((desk.device.id, 1, os.urandom(32)),)
    shared = next_record(
        keys.membership, keys.identity, keys.keyring, members=with_guest, new_epoch=True, cuts=cuts
    )
    for key, content in {**cards, shared.key: shared.content}.items():
        arena.store.put(key, content)
    bodies = {key: arena.store.body(key) for key in arena.store.shown()}
    return observer.measured(bodies, arena.store.requests)


@row("L9", shows=["G1"], weaknesses=["padding", "encryption"])
def test_what_a_store_can_measure_is_on_the_list(arena: Arena, tmp_path):
    said = the_list()
    more = [what for what in session(arena, tmp_path) if SAID.get(what, "nowhere") not in said]
    if more:
        raise AttackSucceeded(f"the store learns {sorted(more)}")


@pytest.mark.row("L9")
@pytest.mark.shows("G1")
def test_all_that_is_on_the_list_is_really_measured(arena, tmp_path):
    found = {SAID[what] for what in session(arena, tmp_path)}
    left = the_list()
    for words in found:
        assert words in left
        left = left.replace(words, "")
    assert re.sub(r"[ ,;]", "", left) == ""


# --- L11 -----------------------------------------------------------------------------------------

NAME, TEXT = "canary-of-a-name-77aa", b"canary-of-a-content-88bb " * 4


def run(capsys, *arguments: object) -> str:
    """Run a command; return what it prints."""
    capsys.readouterr()
    main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return printed.out + printed.err


@row("L11", weaknesses=["silent logs", "closed directories"])
def test_nothing_readable_is_in_logs_in_temporary_files_or_open_to_others(
    arena: Arena, capsys, caplog, monkeypatch, tmp_path
):
    home, sync, store, temporary = (tmp_path / name for name in ("home", "Sync", "store", "tmp"))
    temporary.mkdir()
    monkeypatch.setenv("E2ESYNC_HOME", str(home))
    for variable in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(variable, str(temporary))
    caplog.set_level(logging.DEBUG)
    before = os.umask(0)
    try:
        run(capsys, "setup", store, sync, "--recovery-file", tmp_path / "words")
        (sync / NAME).write_bytes(TEXT)
        run(capsys, "push", sync)
        run(capsys, "inspect", sync / NAME)
        run(capsys, "verify", sync, "--deep")
        (sync / NAME).rename(sync / (NAME + "2"))
        run(capsys, "push", sync)
        run(capsys, "pull", sync)
        run(capsys, "status")
    finally:
        os.umask(before)
    secrets = [NAME.encode(), TEXT[:24], *(b" ".join(words) for words in three_words(tmp_path / "words"))]
    logged = "\n".join(record.getMessage() for record in caplog.records).encode()
    for secret in secrets:
        if secret in logged or any(secret in path.read_bytes() for path in files(temporary)):
            raise AttackSucceeded(f"{secret!r} is in a log or a temporary file")
        if any(secret in path.read_bytes() for path in files(store)):
            raise AttackSucceeded(f"{secret!r} is in the store")
    open_to_others = [path for path in files(home) if is_open(path, home)]
    if open_to_others:
        raise AttackSucceeded(f"others can read {open_to_others}")


def three_words(words: Path) -> list[list[bytes]]:
    listed = [
        w for line in words.read_bytes().splitlines() if not line.startswith(b"#") for w in line.split()
    ]
    return [listed[n : n + 3] for n in range(len(listed) - 2)]


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def is_open(path: Path, top: Path) -> bool:
    """Whether another user of this machine can read a file: its own bits, and those of the directories above."""
    above = [parent for parent in path.parents if parent.is_relative_to(top)]
    passable = all(stat.S_IMODE(parent.stat().st_mode) & 0o011 for parent in above)
    return passable and bool(stat.S_IMODE(path.stat().st_mode) & 0o044)


@pytest.mark.row("L11")
def test_no_error_of_a_check_names_what_it_was_about(arena):
    """Forty objects are damaged in turn: no error says a name, a content or a key."""
    laptop, _ = arena.pair()
    (laptop.root / NAME).write_bytes(TEXT)
    laptop.push()
    keyring = arena.world.keys.keyring
    secrets = [
        NAME,
        "notes",
        "docs",
        TEXT[:20].decode(),
        CANARY[:20].decode(),
        keyring.vault_secret.reveal().hex(),
    ]
    secrets += [key.reveal().hex() for key in keyring.epochs.values()]
    seen = 0
    for key in arena.keys(Kind.HEAD, Kind.INDEX, Kind.PACK, Kind.MEMBERS, Kind.CARD, Kind.CARD_KEYS):
        for position in (0, 40, 200, -1):
            arena.store.flip(key, min(position, len(arena.store.body(key)) - 1))
            known = len(arena.world.devices)
            try:
                arena.newcomer().pull()
            except E2ESyncError as error:
                seen += 1
                told = f"{error.what} {error.why} {error.fix} {error!r}"
                assert not [secret for secret in secrets if secret in told]
            for dev in arena.world.devices[known:]:
                arena.drop(dev)
            arena.store.honest()
    assert seen > 20
