"""From the configuration to a daemon that keeps its folders."""

from __future__ import annotations

import logging
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from e2esync.adapters.desktop import Desktop, find_desktop
from e2esync.adapters.keystore import AskPassphrase
from e2esync.adapters.notify import Manager, keep_pinging
from e2esync.adapters.stores.counting import Traffic as Counter
from e2esync.adapters.stores.limited import Budget, LimitedStore
from e2esync.daemon.daemon import Daemon
from e2esync.daemon.news import News, Note
from e2esync.daemon.ports import Hints, Times, Traffic, Watching
from e2esync.daemon.schedule import Pace
from e2esync.daemon.standing import nameless
from e2esync.engine.notes import FolderNote
from e2esync.engine.renew import renew
from e2esync.engine.vault import Progress, SyncedFolder
from e2esync.errors import E2ESyncError
from e2esync.wiring.build import synced_folder
from e2esync.wiring.home import Home
from e2esync.wiring.localdevice import HomeDevice

log = logging.getLogger(__name__)

_BOOT_TIME = getattr(time, "CLOCK_BOOTTIME", None)


def steady() -> float:
    """Return seconds that go on while the machine sleeps, where the system has such a clock."""
    return time.clock_gettime(_BOOT_TIME) if _BOOT_TIME is not None else time.monotonic()


def _chance() -> float:
    return random.random()  # noqa: S311  spreads the rounds of many devices; nobody's secret


class KeptDevice:
    """The device of a home for as long as the daemon runs: its keys are opened once, and tried again until they do."""

    def __init__(self, home: Home, ask: AskPassphrase | None) -> None:
        """Open nothing yet; `ask` gives the passphrase, where one is needed and nobody is there to type it."""
        self._home, self._ask = home, ask
        self._opened: HomeDevice | None = None
        self._opening = threading.Lock()

    def get(self) -> HomeDevice:
        """Return the device, its keys open, and its configuration as it is now.

        Raises:
            Locked: The keys cannot be opened now.
        """
        with self._opening:
            if self._opened is None:
                self._opened = _opened(HomeDevice(self._home, ask=self._ask))
            return self._opened

    def unlock(self, passphrase: str) -> None:
        """Open the keys with what a person typed.

        Raises:
            Locked: They do not open.
        """
        device = _opened(HomeDevice(self._home, ask=lambda: passphrase))
        with self._opening:
            self._opened = device

    def folders(self) -> tuple[FolderNote, ...]:
        """Return the folders of the configuration as it is now."""
        fresh = HomeDevice(self._home)
        if self._opened is not None:
            self._opened.config = fresh.config
        return fresh.folders()


def _opened(device: HomeDevice) -> HomeDevice:
    device.identity()
    return device


class FolderGround:
    """What the keeper of one folder stands on."""

    def __init__(self, device: KeptDevice, note: FolderNote, budget: Budget) -> None:
        self._device, self._budget, self._counter = device, budget, Counter()
        self.note = note

    @contextmanager
    def open(self, progress: Progress) -> Iterator[SyncedFolder]:
        """Give the folder, locked for this process."""
        with synced_folder(self._device.get(), self.note, traffic=self._counter, progress=progress) as vault:
            yield replace(vault, store=LimitedStore(vault.store, self._budget))

    def renew(self, vault: SyncedFolder) -> SyncedFolder:
        """Give it as that of a new device."""
        device = self._device.get()
        renewed = renew(vault, self.note, device)
        self.note = next(note for note in device.folders() if note.vault == self.note.vault)
        return renewed

    def traffic(self) -> Traffic:
        """Return what went to the store so far."""
        counts = self._counter.counts
        requests = {str(verb): count for verb, count in counts.requests.items()}
        return Traffic(requests, counts.uploaded_bytes, counts.downloaded_bytes)

    def watch(self, hints: Hints) -> Watching:
        """Watch the folder."""
        return watch(self.note.path, hints, sys.platform)


def watch(root: Path, hints: Hints, platform: str) -> Watching:
    """Watch a folder by the means of the platform."""
    if platform == "linux":
        from e2esync.adapters.watching.watch import Watch

        return Watch.start(root, hints)
    from e2esync.adapters.watching.portable import PortableWatch

    return PortableWatch.start(root, hints)


def make_daemon(pace: Pace) -> Daemon:
    """Return a daemon that keeps nothing yet."""
    return Daemon(pace=pace, jitter=_chance, times=Times(steady))


class Kept:
    """The folders of the configuration, kept by a daemon, also where that changes."""

    def __init__(self, daemon: Daemon, device: KeptDevice, budget: Budget, config: Path) -> None:
        self._daemon, self._device, self._budget, self._config = daemon, device, budget, config
        self._seen: tuple[int, int] | None = None

    def begin(self) -> None:
        """Keep what is configured.

        Raises:
            UsageError, NewerFormat: The configuration cannot be read.
        """
        self._seen = self._stamp()
        folders = self._device.folders()
        self._daemon.keep([FolderGround(self._device, note, self._budget) for note in folders])

    def look(self) -> None:
        """Keep what is configured by now; while that is being written by hand, what is kept stays."""
        if self._stamp() == self._seen:
            return
        try:
            self.begin()
        except E2ESyncError as error:
            log.warning("the configuration cannot be read: %s", error.code)

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self._config.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino


class Told:
    """The service manager, told how the daemon is."""

    def __init__(self, manager: Manager, daemon: Daemon) -> None:
        self._manager, self._daemon = manager, daemon
        self._last = ""
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=keep_pinging, args=(manager, daemon.is_well, self._over.wait), name="pings", daemon=True
        )

    def begin(self) -> None:
        """Say that it is ready, and from now on that it is well."""
        self._last = self._now()
        self._manager.ready(self._last)
        self._thread.start()

    def look(self) -> None:
        """Say how things stand, if that is something else by now."""
        if (now := self._now()) != self._last:
            self._manager.status(now)
            self._last = now

    def stopping(self) -> None:
        """Say that it ends; pings go on meanwhile, since what a command wants may take its time."""
        self._manager.stopping()

    def end(self) -> None:
        """Say no more."""
        self._over.set()
        self._thread.join()

    def _now(self) -> str:
        return nameless([each.state for each in self._daemon.standings()])


class Bell:
    """The person at the desktop, told of what needs one: by a thread of its own, since a desktop may hang."""

    def __init__(self, desktop: Desktop | None, daemon: Daemon) -> None:
        self._desktop, self._daemon, self._news = desktop, daemon, News()
        self._was_unheard = False
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Tell what is news by now; not before the note before it was shown, or was not."""
        if self._desktop is None or (self._thread is not None and self._thread.is_alive()):
            return
        now = steady()
        if self._was_unheard:
            self._was_unheard = False
            self._news.unheard(now)
        note = self._news.look(self._daemon.standings(), now)
        if note is not None:
            self._thread = threading.Thread(
                target=self._tell, args=(self._desktop, note), name="bell", daemon=True
            )
            self._thread.start()

    def _tell(self, desktop: Desktop, note: Note) -> None:
        self._was_unheard = not desktop.show(*note)


def make_bell(daemon: Daemon, *, is_wanted: bool) -> Bell:
    """Return who tells the person at the desktop of this session, if there is one, and that is wanted."""
    return Bell(find_desktop(os.environ, sys.platform) if is_wanted else None, daemon)
