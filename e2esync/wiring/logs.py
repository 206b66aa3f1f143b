"""The daemon's log: bounded, closed to others, and without names, contents or keys."""

from __future__ import annotations

import logging
import os
import threading
import traceback
from logging.handlers import RotatingFileHandler
from pathlib import Path

log = logging.getLogger(__name__)

_TELL_NAMES = ("watchdog", "fsevents")  # what these log has paths in it
SIZE, KEPT = 1 << 20, 3  # bytes of a file, and how many older ones stay


class _ClosedHandler(RotatingFileHandler):
    def _open(self):  # type: ignore[no-untyped-def]  # noqa: ANN202  as the base class has it
        return open(self.baseFilename, self.mode, encoding="utf-8", opener=_closed)


def _closed(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def log_to(path: Path) -> None:
    """Write what this program says of itself to a file; of libraries only warnings, to the standard error."""
    handler = _ClosedHandler(path, maxBytes=SIZE, backupCount=KEPT)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    ours = logging.getLogger("e2esync")
    ours.setLevel(logging.INFO)
    ours.addHandler(handler)
    ours.propagate = False
    threading.excepthook = _thread_died
    for name in _TELL_NAMES:  # else what they warn of went to the standard error, which services keep
        logging.getLogger(name).addHandler(logging.NullHandler())


def _thread_died(died: threading.ExceptHookArgs) -> None:
    """Write where a thread came to its end, and not what its error says, in which names may stand."""
    trace = "".join(traceback.format_tb(died.exc_traceback))
    log.error("a thread has died: %s\n%s", died.exc_type.__name__, trace)
