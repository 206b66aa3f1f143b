"""Having a folder for this process alone, though a daemon keeps it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from e2esync.adapters.control import Control
from e2esync.errors import DaemonNotRunning, TemporaryError

if TYPE_CHECKING:
    from e2esync.engine.notes import FolderNote
    from e2esync.wiring.home import Home

SOON = 1.0  # seconds until it is said that this waits


def ask_for(home: Home, note: FolderNote, *, told: Callable[[str], object]) -> None:
    """Have the daemon, if one runs, let go of a folder as soon as it can; it comes back when the folder is free again."""
    control, wanted = Control(home.socket), {"vault": note.vault.hex()}
    with contextlib.suppress(DaemonNotRunning):
        try:
            control.ask("POST", "/make-way", wanted, timeout=SOON)
        except TemporaryError:
            told("waiting until the daemon has finished what it is at")
            control.ask("POST", "/make-way", wanted, timeout=None)
