"""One folder that is watched by the means of the system it is on, where that is not Linux: watchdog's `Observer`.

FSEvents on macOS and ReadDirectoryChangesW on Windows watch a tree whole, so nothing is built here: each
event is put in terms of the folder and told by the thread that brings it. Where neither is there (BSD), nobody
watches, and the clock has to do: kqueue holds each file of the folder open, and what watchdog has opened
before it ran out of descriptors stays open, in a process that needs them itself.

Of the events these are told: what came, went, moved or changed, a moved thing under both names. Not told are:

- what changes nothing: opened, closed unchanged;
- that a directory is modified: a name in it came or went, and that name is told; who is told of the
  directory looks through all that is below it;
- what watchdog makes up for the content of a directory that has come or moved: that one is told, and whoever
  looks there finds it all;
- what is the folder's own, and what is elsewhere.

How the disk spells a name does not matter: one that takes two spellings for one thing is looked at whole
whenever anything is told (`engine/scan.py`), since only a listing tells which it has. The root may be spelled
otherwise as well; which one is meant is known.

Less is known than on Linux. `Observer` says nothing of events that the system has thrown away, and of its own
errors only those that end its threads. What it misses is found by the hourly look at everything.
"""

from __future__ import annotations

import logging
import os
import threading
import traceback
import unicodedata
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    EVENT_TYPE_CLOSED_NO_WRITE,
    EVENT_TYPE_DELETED,
    EVENT_TYPE_MODIFIED,
    EVENT_TYPE_MOVED,
    EVENT_TYPE_OPENED,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver

from e2esync.adapters.watching import trouble
from e2esync.adapters.watching.hints import Hints, is_ours

_log = logging.getLogger(__name__)
_NO_CHANGE = {EVENT_TYPE_OPENED, EVENT_TYPE_CLOSED_NO_WRITE}
_FIT = {"FSEventsObserver", "WindowsApiObserver"}
_PATIENCE = 0.25  # seconds; on Windows no event is told before for so long none came

MakeObserver = Callable[[], BaseObserver]


class PortableWatch(FileSystemEventHandler):
    """Watches one folder.

    `is_live`: while it is False, not every change is told, and the caller scans by the clock.
    `trouble`: why, in one sentence for people; None if all is well.
    """

    def __init__(self, root: str, hints: Hints, *, separator: str = os.sep) -> None:
        self.is_live = False
        self.trouble: str | None = None
        self._root, self._hints, self._separator = root, hints, separator
        self._is_over = False
        self._identity: tuple[int, int] | None = None
        self._observer: BaseObserver | None = None
        self._guards: list[threading.Thread] = []
        self._giving_up = threading.Lock()

    @classmethod
    def start(cls, root: Path, hints: Hints, *, make: MakeObserver | None = None) -> PortableWatch:
        """Watch all that is below `root`; when this returns, each change from now on is told, or `trouble` is.

        Args:
            root: The folder.
            hints: Who hears.
            make: Makes the observer; if not given, the one of this system.
        """
        watch = cls(os.path.realpath(root), hints)
        make = make or of_this_system()
        if make is None:
            watch.trouble = trouble.UNTOLD
        else:
            watch._begin(make)
        return watch

    def stop(self) -> None:
        """End it; when this returns no more is told. Hold no lock here that the hints wait for."""
        self._is_over, self.is_live = True, False
        observer, self._observer = self._observer, None
        if observer is None:
            return
        try:
            observer.stop()
        except Exception as error:  # noqa: BLE001 - then its threads may wait for ever: nobody hears them
            _log.warning("watching was not ended well: %s", type(error).__name__)
            return
        here = threading.current_thread()
        for thread in (observer, *self._guards):
            if here not in (observer, thread) and thread.is_alive():  # else it ends once this was heard
                thread.join()

    def _begin(self, make: MakeObserver) -> None:
        try:
            self._identity = self._now()
            observer = self._observer = make()
            observer.schedule(self, self._root, recursive=True)
            self.is_live = True
            observer.start()
        except Exception as error:  # noqa: BLE001 - whatever keeps a system from telling, the clock goes on
            self.trouble = trouble.of_start(error)
            self.stop()
            return
        for thread in (observer, *observer.emitters):
            guard = threading.Thread(target=self._follow, args=(thread,), name="watch guard", daemon=True)
            self._guards.append(guard)
            guard.start()

    def _now(self) -> tuple[int, int]:
        status = os.lstat(self._root)
        return status.st_dev, status.st_ino

    # --- what the threads tell ------------------------------------------------------------------------

    def dispatch(self, event: FileSystemEvent) -> None:
        """Tell one event; what goes wrong ends the hints, so it is said, and not left to the thread."""
        try:
            self._tell(event)
        except Exception as error:  # noqa: BLE001 - whatever it is
            where = traceback.extract_tb(error.__traceback__)[-1]
            name = Path(where.filename).name
            _log.error("watching ended: %s in %s:%s", type(error).__name__, name, where.lineno)
            self._give_up(trouble.BROKEN)

    def _tell(self, event: FileSystemEvent) -> None:
        if event.event_type in _NO_CHANGE or event.is_synthetic:
            return
        if event.is_directory and event.event_type == EVENT_TYPE_MODIFIED:
            return
        paths = [path for path in (event.src_path, event.dest_path) if path]
        places = [inside(path, self._root, self._separator) for path in paths]
        if places[0] == b"" and event.event_type in {EVENT_TYPE_DELETED, EVENT_TYPE_MOVED}:
            self._give_up(trouble.GONE)
        elif places == [None] * len(places):
            self._give_up(trouble.STRANGE)
        for place in places:
            if place is not None and not self._is_over and not is_ours(place.partition(b"/")[0]):
                self._hints.touched(place)

    def _follow(self, thread: threading.Thread) -> None:
        """Wait for the end of a thread without which nothing is told."""
        thread.join()
        self._give_up(trouble.ENDED if self._is_there() else trouble.GONE)

    def _is_there(self) -> bool:
        try:
            return self._now() == self._identity
        except OSError:
            return False

    def _give_up(self, why: str) -> None:
        with self._giving_up:
            if not self.is_live:
                return
            self.is_live, self.trouble = False, why
        self._hints.lost(why)


def of_this_system() -> MakeObserver | None:
    """Return what makes an observer by the means of this system; None if it has none that is fit for a folder."""
    from watchdog.observers import Observer

    if getattr(Observer, "__name__", "") not in _FIT:
        return None
    return lambda: Observer(timeout=_PATIENCE)


def inside(path: str | bytes, root: str, separator: str = os.sep) -> bytes | None:
    """Return the place of a path relative to the root, as the folder has it; None if it is not in the root."""
    names, above = _names(path, separator), _names(root, separator)
    if len(names) < len(above) or any(map(_differ, above, names)):
        return None
    return os.fsencode("/".join(names[len(above) :]))


def _names(path: str | bytes, separator: str) -> list[str]:
    return [name for name in os.fsdecode(path).split(separator) if name]


def _differ(one: str, other: str) -> bool:
    return one != other and _folded(one) != _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
