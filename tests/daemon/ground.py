"""A device of the small world as a keeper stands on it: opened by the thread that uses it, and watched by the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from e2esync.adapters.stores.counting import CountingStore
from e2esync.daemon.daemon import Daemon
from e2esync.daemon.keeper import Keeper
from e2esync.daemon.ports import Hints, Times, Traffic
from e2esync.daemon.schedule import Pace
from e2esync.daemon.standing import FolderStanding
from e2esync.engine.notes import FolderNote, StoreAddress
from e2esync.engine.vault import Progress, SyncedFolder
from tests.engine.world import Dev, opened

DEADLINE = 60.0  # seconds in which what has to come comes, on any machine


@dataclass
class FakeWatch:
    """A watch whose events are the test's calls."""

    is_live: bool = True
    trouble: str | None = None
    is_stopped: bool = False

    def stop(self) -> None:
        self.is_stopped = True


@dataclass
class FakeGround:
    """One folder; `errors` are raised by the next attempts to open it, one each."""

    dev: Dev
    errors: list[Exception] = field(default_factory=list)
    watches: list[FakeWatch] = field(default_factory=list)
    is_open: bool = False
    opened: int = 0
    renewed: int = 0

    def opening(self) -> object:
        """What comes before it is open."""

    def __post_init__(self) -> None:
        self.dev.close()  # the keeper's thread opens it for itself
        self.counting = CountingStore(self.dev.store)
        self.note = FolderNote(
            self.dev.keys.vault_id, "vault", Path(self.dev.root), StoreAddress("memory:"), self.dev.device.id
        )

    @contextmanager
    def open(self, progress: Progress) -> Iterator[SyncedFolder]:
        if self.errors:
            raise self.errors.pop(0)
        self.opening()
        vault = replace(opened(self.dev), store=self.counting, progress=progress, accepted=frozenset())
        self.opened, self.is_open = self.opened + 1, True
        try:
            yield vault
        finally:
            vault.state.close()
            vault.catalogue.close()
            vault.folder.close()
            self.is_open = False

    def renew(self, vault: SyncedFolder) -> SyncedFolder:
        self.renewed += 1
        return self.dev.renewed(vault)

    def traffic(self) -> Traffic:
        counts = self.counting.counts
        return Traffic(
            {str(verb): count for verb, count in counts.requests.items()},
            counts.uploaded_bytes,
            counts.downloaded_bytes,
        )

    def watch(self, hints: Hints) -> FakeWatch:
        self.watches.append(FakeWatch())
        return self.watches[-1]


class Watched:
    """A keeper, and a way to wait for what it comes to."""

    def __init__(
        self,
        ground: FakeGround,
        times: Times | None = None,
        *,
        settle: float = 0.0,
        poll: float | None = 1e6,
    ) -> None:
        self.ground = ground
        self._changed = threading.Condition()
        self.seen: list[FolderStanding] = []
        self.keeper = Keeper(
            ground,
            pace=Pace(settle, poll),
            jitter=lambda: 0.5,
            times=times or Times(time.monotonic),
            report=self._report,
        )

    def _report(self) -> None:
        with self._changed:
            self.seen.append(self.keeper.standing)
            self._changed.notify_all()

    def wait(self, come: Callable[[FolderStanding], object]) -> FolderStanding:
        """Wait until the folder stands so."""
        with self._changed:
            assert self._changed.wait_for(lambda: come(self.keeper.standing), DEADLINE), self.seen[-3:]
            return self.keeper.standing

    def wait_rounds(self, number: int) -> None:
        """Wait until so many rounds were done."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.keeper.rounds >= number, DEADLINE), self.seen[-3:]


def daemon_of(*grounds: FakeGround, **pace: float) -> Daemon:
    """A daemon that keeps these folders."""
    daemon = Daemon(
        pace=Pace(**{"settle": 0.0, "poll": 1e6, **pace}), jitter=lambda: 0.5, times=Times(time.monotonic)
    )
    daemon.keep(grounds)
    return daemon
