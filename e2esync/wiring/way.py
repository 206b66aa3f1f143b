"""Having a folder for this process alone, though a daemon keeps it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from e2esync.adapters.control import Control
from e2esync.errors import DaemonNotRunning

if TYPE_CHECKING:
    from e2esync.engine.notes import FolderNote
    from e2esync.wiring.home import Home

SOON = 1.0  # seconds until it is said that this waits


@contextmanager
def alone(home: Home, note: FolderNote, *, told: Callable[[str], object]) -> Iterator[None]:
    """Have a folder that the daemon, if one runs, lets go of as soon as it can, and takes again behind this."""
    with ExitStack() as stack:
        try:
            said = Control(home.socket).opened("POST", "/make-way", {"vault": note.vault.hex()})
            lines = stack.enter_context(said)
            waits = threading.Timer(SOON, told, ["waiting until the daemon has finished what it is at"])
            waits.daemon = True
            waits.start()
            stack.callback(waits.cancel)
            next(lines, None)
            waits.cancel()
        except DaemonNotRunning:
            pass
        yield
