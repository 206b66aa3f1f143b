"""What every command starts from: this device's home, a voice, and somebody to ask or nobody."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from e2esync.cli.ask import Asker
from e2esync.cli.output import Output
from e2esync.errors import NoVault, UsageError

if TYPE_CHECKING:  # these cost time at start-up
    from e2esync.adapters.keystore import AskPassphrase, Kind
    from e2esync.engine.notes import FolderNote
    from e2esync.wiring.home import Home
    from e2esync.wiring.localdevice import HomeDevice


class Session:
    """One run of one command."""

    def __init__(
        self, *, json: bool = False, no_input: bool = False, yes: bool = False, plain: bool = False
    ) -> None:
        self.out = Output(is_json=json, is_plain=plain)
        self.ask = Asker(may_ask=not no_input and sys.stdin is not None and sys.stdin.isatty(), yes=yes)

    @cached_property
    def home(self) -> Home:
        """Where this device keeps its files."""
        from e2esync.wiring.home import find_home

        return find_home(os.environ)

    def device(self, kind: Kind | None = None) -> HomeDevice:
        """Return what this device keeps; `kind` of key store counts for keys that are yet to be made."""
        from e2esync.wiring.localdevice import HomeDevice

        return HomeDevice(self.home, kind=kind, ask=self.passphrase_source())

    def passphrase_source(self) -> AskPassphrase | None:
        """Return what gives the passphrase of the keys: the environment, or a person."""
        from e2esync.wiring.passphrase import passphrase_source

        prompt = (lambda: self.ask.secret("Passphrase of this device: ")) if self.ask.may_ask else None
        return passphrase_source(os.environ, prompt)

    @property
    def has_passphrase(self) -> bool:
        """Whether the environment gives the passphrase."""
        from e2esync.wiring.passphrase import passphrase_source

        return passphrase_source(os.environ, None) is not None

    def folders(self, local: HomeDevice, paths: Sequence[Path] | None) -> tuple[FolderNote, ...]:
        """Return the folders that are meant: those named, or all.

        Raises:
            NoVault: There is no folder on this device.
            UsageError: A path is in no folder of this device.
        """
        notes = local.folders()
        if not notes:
            raise NoVault(
                "no folder is synced on this device",
                why=f"{self.home.config} names none",
                fix="e2esync setup, or e2esync join STORE",
            )
        if not paths:
            return notes
        chosen = {note.vault: note for note in (folder_of(notes, path) for path in paths)}
        return tuple(chosen.values())


def folder_of(notes: Sequence[FolderNote], path: Path) -> FolderNote:
    """Return the folder that a path is or is in.

    Raises:
        UsageError: It is in none.
    """
    wanted = resolve(path)
    for note in notes:
        if note.path == wanted or note.path in wanted.parents:
            return note
    known = ", ".join(str(note.path) for note in notes)
    raise UsageError(f"{path} is not in a synced folder", why=f"synced are: {known}", fix="e2esync status")


def resolve(path: Path) -> Path:
    """Return the absolute path behind links, as far as it exists.

    Raises:
        UsageError: The configuration could not hold it.
    """
    full = Path(os.path.realpath(path.expanduser()))
    try:
        str(full).encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{full} cannot be used", why="its name is not UTF-8", fix="choose a folder with another name"
        ) from None
    return full
