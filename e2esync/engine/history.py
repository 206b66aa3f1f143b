"""What was written when and by whom: read from the snapshots of all devices, nothing else (format §8.1, §13.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from e2esync.engine.pushes import Pushes, chain_start
from e2esync.engine.snapshots import Past
from e2esync.engine.told import Event, What, tell
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import MissingObject
from e2esync.tree.keys import Kind, kind_of
from e2esync.vault.heads import Head

__all__ = ["Event", "History", "What", "events", "is_thing"]

Point: TypeAlias = tuple[bytes, int]
"""A push: device and sequence."""


def events(vault: SyncedFolder, *, since: int = 0) -> list[Event]:
    """Return all that was written since a time, newest first.

    Raises:
        MissingObject: A list of a device's snapshots is not there; pruning leaves them.
        BadObject: What is stored is not what was signed.
        StoreUnavailable, StoreRefused, NoAccess: The store.
    """
    return History(vault).events(since)


def _ranks(seen: Mapping[Point, tuple[Point, ...]]) -> dict[Point, int]:
    """Return a number for each push that is higher than those of all that it had seen: seconds do not tell them apart."""
    ranks: dict[Point, int] = {}
    for start in seen:
        todo = [start]
        while todo:
            device, sequence = point = todo[-1]
            before = [each for each in ((device, sequence - 1), *seen[point]) if each in seen]
            missing = [each for each in before if each not in ranks]
            if missing:
                todo += missing
            else:
                ranks[point] = 1 + max((ranks[each] for each in before), default=0)
                todo.pop()
    return ranks


class History:
    """The snapshots of all devices as this one has accepted them, and what each push did."""

    def __init__(self, vault: SyncedFolder) -> None:
        self._vault = vault
        self._pushes = Pushes(vault)
        self.heads = self._pushes.heads
        self._seen: dict[
            Point, tuple[Point, ...]
        ] = {}  # what of others each push had seen for the first time
        self.untold = 0  # pushes of which something is not in the store any more, as pruning leaves it

    def events(self, since: int = 0) -> list[Event]:
        """Return all that was written since a time, newest first, as far as the store has it still."""
        return self._told({head.device: chain_start(self._pushes, head, since) for head in self.heads})

    def after(self, told: Mapping[bytes, int]) -> list[Event]:
        """Return what devices wrote after these of their sequences, newest first; of a device that is not named, all."""
        return self._told({head.device: told.get(head.device, 0) + 1 for head in self.heads})

    def _told(self, starts: Mapping[bytes, int]) -> list[Event]:
        found = [event for head in self.heads for event in self._of_device(head, starts[head.device])]
        ranks = _ranks(self._seen)
        return sorted(
            found,
            key=lambda event: (event.time, ranks[event.device, event.sequence], event.path),
            reverse=True,
        )

    def snapshots(self, head: Head) -> Iterator[Past]:
        """Yield the snapshots of a device, newest first."""
        for sequence in range(head.sequence, 0, -1):
            digest = self._pushes.hash_of(head.device, sequence)
            yield Past(sequence, digest, self._pushes.snapshot(head.device, sequence))

    def _of_device(self, head: Head, first: int) -> Iterator[Event]:
        """Yield what one device wrote from a sequence on."""
        for sequence in range(first, head.sequence + 1):
            push = self._pushes.push(head.device, sequence)
            if push is None:
                self.untold += 1
                continue
            self._seen[head.device, sequence] = tuple((device, at) for device, at, _ in push.snapshot.changes)
            try:
                yield from list(tell(push, self._pushes.get, self._vault.state.directory_node))
            except MissingObject:
                self.untold += 1


def is_thing(event: Event) -> bool:
    """Return whether an event is of a file or symlink."""
    return kind_of(event.node) in {Kind.FILE, Kind.SYMLINK}
