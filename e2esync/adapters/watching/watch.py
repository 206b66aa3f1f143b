"""One folder that is watched: events are hints, the scan is the truth.

Nothing is kept here: each event is told at once by the thread that reads it, and what waits is in the
kernel, which holds a bounded number and says when it has thrown some away. So who hears must be quick,
and had better keep a set.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from watchdog.observers.inotify_c import InotifyEvent, InotifyFD

from e2esync.adapters.watching import trouble
from e2esync.adapters.watching.directories import Directories
from e2esync.adapters.watching.hints import Hints

_log = logging.getLogger(__name__)
_SETTINGS = Path("/proc/sys/fs/inotify")
_MOUNTS = Path("/proc/self/mountinfo")


class Watch:
    """Watches one folder.

    `is_live`: while it is False, not every change is told, and the caller scans by the clock.
    `trouble`: why, in one sentence for people; None if all is well.
    """

    def __init__(self, hints: Hints) -> None:
        self.is_live = False
        self.trouble: str | None = None
        self._hints = hints
        self.is_over = False
        self._place = b""
        self._reader: _Reader | None = None

    @classmethod
    def start(cls, root: Path, hints: Hints) -> Watch:
        """Watch all that is below `root`; when this returns, each change from now on is told, or `trouble` is."""
        watch = cls(hints)
        watch._place = os.path.realpath(os.fsencode(root))
        watch.trouble = trouble.silence(_kind_at(watch._place))
        if watch.trouble is None:
            watch._begin()
        return watch

    def stop(self) -> None:
        """End it; when this returns no more is told. Hold no lock here that the hints wait for."""
        self.is_over = True
        self.is_live = False
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.stop()
            if reader.is_alive() and reader is not threading.current_thread():
                reader.join()

    def _begin(self) -> None:
        try:
            reader = self._reader = _Reader(self._failed)
            Directories(self._place, reader, self).watch()
        except OSError as error:
            self.trouble = self._sentence(error)
            self.stop()  # the watches that were made are for those who can do with few
            return
        self.is_live = True
        reader.start()

    def _sentence(self, error: OSError) -> str:
        there_are = sum(1 for _ in os.walk(self._place)) if error.errno == errno.ENOSPC else 0
        return trouble.of_error(error, _limit(error), there_are)

    # --- what the reading thread tells ----------------------------------------------------------------

    def changed(self, path: bytes) -> None:
        """Tell one path."""
        if not self.is_over:
            self._hints.touched(path)

    def overflowed(self) -> None:
        """Tell that the kernel had no room for all events."""
        self._tell_lost("more changed at once than the system had room to tell")

    def refused(self, error: OSError) -> None:
        """Tell that a part is not watched. What is watched goes on to be told."""
        if self.is_live:
            self._give_up(self._sentence(error))

    def vanished(self) -> None:
        """Tell that the root is gone."""
        if self.is_live:
            self._give_up(trouble.GONE)
            self.is_over = True

    def _failed(self, error: Exception) -> None:
        where = traceback.extract_tb(error.__traceback__)[-1]
        _log.error(
            "watching ended: %s in %s:%s",
            type(error).__name__,
            Path(where.filename).name,
            where.lineno,
        )
        self._give_up(trouble.BROKEN)

    def _give_up(self, why: str) -> None:
        self.is_live, self.trouble = False, why
        self._tell_lost(why)

    def _tell_lost(self, why: str) -> None:
        if not self.is_over:
            self._hints.lost(why)


def _kind_at(place: bytes) -> str | None:
    try:
        return trouble.kind_at(place, _MOUNTS.read_bytes())
    except FileNotFoundError:  # no /proc
        return None


def _limit(error: OSError) -> int | None:
    setting = "max_user_watches" if error.errno == errno.ENOSPC else "max_user_instances"
    try:
        return int((_SETTINGS / setting).read_text())
    except FileNotFoundError:
        return None


class _Reader(InotifyFD):
    """The thread that reads events, with an end that somebody hears of."""

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        super().__init__()
        self._failed = failed
        # It begins with True: stopped before its first read, it would leave its descriptors open.
        self._is_reading = False
        self._at_work = threading.RLock()

    def handle_event(self, event: InotifyEvent) -> None:
        with self._at_work:
            super().handle_event(event)

    def stop(self) -> None:
        with self._at_work:  # else a directory could be added by a number that is another file's by now
            super().stop()

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:  # noqa: BLE001 - whatever ends the thread ends the hints
            self._failed(error)
