"""All folders of a device, each with its keeper."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from e2esync.daemon.keeper import Keeper
from e2esync.daemon.ports import Ground, Times
from e2esync.daemon.schedule import Pace
from e2esync.daemon.standing import FolderStanding
from e2esync.errors import NoVault


class Daemon:
    """What is asked by the socket, and by whoever runs it."""

    def __init__(self, *, pace: Pace, jitter: Callable[[], float], times: Times) -> None:
        self._pace, self._jitter, self._times = pace, jitter, times
        self._keepers: dict[bytes, Keeper] = {}
        self._leaving: list[Keeper] = []  # they end
        self._paused = False
        self._changed = threading.Condition()
        self.version = 0
        """Grows with each change of how things stand."""

    def keep(self, grounds: Iterable[Ground]) -> None:
        """Keep these folders, and no others any more."""
        wanted = {ground.note.vault: ground for ground in grounds}
        gone = [vault for vault, keeper in self._keepers.items() if not _is_same(keeper, wanted.get(vault))]
        self._leaving = [self._keepers.pop(vault) for vault in gone]
        for keeper in self._leaving:
            keeper.end()
        self._leaving = []
        for vault, ground in wanted.items():
            if vault not in self._keepers:
                keeper = Keeper(
                    ground, pace=self._pace, jitter=self._jitter, times=self._times, report=self.report
                )
                self._keepers[vault] = keeper
                if self._paused:
                    keeper.pause()
                keeper.start()
        self.report()

    def end(self) -> None:
        """End all, breaking off the rounds that are on their way."""
        for keeper in list(self._keepers.values()):
            keeper.end_soon()
        self.keep(())

    def find(self, vault: bytes) -> Keeper | None:
        """Return who keeps a folder, if somebody does."""
        return self._keepers.get(vault)

    def keeper(self, vault: bytes) -> Keeper:
        """Return who keeps a folder.

        Raises:
            NoVault: Nobody does.
        """
        found = self.find(vault)
        if found is None:
            raise NoVault("the daemon does not keep this folder", fix="e2esync status")
        return found

    def pause(self) -> None:
        """Let all rest."""
        self._paused = True
        for keeper in list(self._keepers.values()):
            keeper.pause()

    def resume(self) -> None:
        """Let all go on, at once."""
        self._paused = False
        for keeper in list(self._keepers.values()):
            keeper.resume()

    def retry(self) -> None:
        """Let those that met something go on at once; who is paused stays so."""
        for keeper in list(self._keepers.values()):
            keeper.retry()

    def is_well(self) -> bool:
        """Return whether every folder has a keeper that lives and does not hang; to be asked by one thread."""
        return all(keeper.is_well() for keeper in [*self._keepers.values(), *self._leaving])

    def standings(self) -> list[FolderStanding]:
        """Return how the folders stand."""
        return [keeper.standing for keeper in list(self._keepers.values())]

    def report(self) -> None:
        """Note that something has changed."""
        with self._changed:
            self.version += 1
            self._changed.notify_all()

    def wait(self, version: int, seconds: float) -> int:
        """Wait until something has changed since a version, or so long; return the version now."""
        with self._changed:
            self._changed.wait_for(lambda: self.version != version, seconds)
            return self.version


def _is_same(keeper: Keeper, ground: Ground | None) -> bool:
    return ground is not None and keeper.ground.note == ground.note
