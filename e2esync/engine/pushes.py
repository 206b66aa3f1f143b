"""The pushes of all devices: what each said, what it had before it, and what of others it took in (format §13.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple, TypeAlias

from e2esync.crypto.asymmetric import object_hash
from e2esync.engine.blobs import BlobReader
from e2esync.engine.faults import kept_head, load_faults
from e2esync.engine.fetch import load_indexes, own_heads, read_heads, refresh
from e2esync.engine.joined import load_seen
from e2esync.engine.own import Listed
from e2esync.engine.snapshots import read_snapshot
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import BadObject
from e2esync.format.history import descend, locate
from e2esync.format.points import Point
from e2esync.format.snapshot import Snapshot, encode_context, is_whole
from e2esync.merge.vector import Vector
from e2esync.model.store import ObjectInfo
from e2esync.tree.pages import Item, Root
from e2esync.tree.stored import StoredTree
from e2esync.vault.cipher import BlobKind
from e2esync.vault.heads import Head

PAGES = 512  # of trees, remembered
HISTORY_PAGES, SNAPSHOTS, CONTEXTS = 64, 1024, 1024  # likewise

ContextMap: TypeAlias = dict[bytes, tuple[int, bytes]]
Heard: TypeAlias = Callable[[BlobKind, bytes], None]
"""Hears each page and snapshot that is read: its kind and its body."""


class Old(NamedTuple):
    """A tree that a push began with."""

    root: Root | None
    seen: Vector | None  # what it had taken in; None where that is not known any more


class Push(NamedTuple):
    """One push that can be told."""

    head: Head  # of its device, the newest
    sequence: int
    snapshot: Snapshot
    olds: tuple[Old, ...]  # its own tree before, then those that it took in
    is_whole: bool  # whether all that it took in is there, and known in full


class Pushes:
    """What heads lead to: those that this device has accepted, or those that it is given, with their indexes loaded."""

    def __init__(
        self, vault: SyncedFolder, heard: Heard | None = None, heads: Sequence[Head] | None = None
    ) -> None:
        self._vault = vault
        found = _accepted(vault) if heads is None else heads
        self.heads = sorted(found, key=lambda head: head.device)
        self._by_device = {head.device: head for head in self.heads}
        self._reader = BlobReader(vault, partial(refresh, vault), heard)
        self.get: Callable[[bytes, int], list[Item]] = lru_cache(PAGES)(self._reader.tree_page)
        self._history_page = lru_cache(HISTORY_PAGES)(self._reader.history_page)
        self._snapshot = lru_cache(SNAPSHOTS)(self._read_snapshot)
        self._context = lru_cache(CONTEXTS)(self._read_context)

    def covers(self, device: bytes, sequence: int) -> bool:
        """Return whether a device has a head, and has come as far as a sequence."""
        head = self._by_device.get(device)
        return head is not None and sequence <= head.sequence

    def tree(self, root: tuple[bytes, int] | None) -> StoredTree:
        """Return a tree by its root."""
        return StoredTree(Root(*root) if root is not None else None, self.get)

    def hash_of(self, device: bytes, sequence: int) -> bytes:
        """Return the hash of a snapshot, which the newest head of its device covers.

        Raises:
            MissingObject: A page of the history is not there; pruning leaves them all.
        """
        head = self._by_device[device]
        if sequence == head.sequence:
            return head.hash
        spot = locate(head.history, sequence)
        while spot.level:
            spot = descend(spot, self._history_page(spot.item))
        return spot.item

    def snapshot(self, device: bytes, sequence: int) -> Snapshot | None:
        """Return a snapshot; None if it is in no pack any more.

        Raises:
            BadObject: What is stored is not what was signed.
        """
        return self._snapshot(device, sequence)

    def _read_snapshot(self, device: bytes, sequence: int) -> Snapshot | None:
        head = self._by_device[device]
        if sequence == head.sequence:
            return head.snapshot
        found = read_snapshot(self._vault, head, self._reader, self.hash_of(device, sequence))
        if found is not None and found.sequence != sequence:
            raise BadObject("a snapshot in a pack is not the one that its device's history names")
        return found

    def push(self, device: bytes, sequence: int) -> Push | None:
        """Return a push with what it began with; None if its snapshot or the one before is not there."""
        snapshot = self.snapshot(device, sequence)
        before = self.snapshot(device, sequence - 1) if sequence > 1 else None
        if snapshot is None or (before is None and sequence > 1):
            return None
        olds = [self._old(device, sequence - 1, before)] if before is not None else []
        points = self._taken_in(device, snapshot)
        there = [point for point in points if self._is_there(point)]
        olds += [self._old(device, at, self.snapshot(device, at)) for device, at, _ in there]
        is_whole = len(there) == len(points) and (len(olds) < 2 or all(old.seen is not None for old in olds))
        return Push(self._by_device[device], sequence, snapshot, tuple(olds) or (Old(None, {}),), is_whole)

    def _taken_in(self, device: bytes, snapshot: Snapshot) -> list[Point]:
        """Return what of others a push had seen that the one before had not, as far as that is known."""
        before = self._context(device, snapshot.sequence - 1) or {}
        return [point for point in snapshot.changes if before.get(point[0]) != point[1:]]

    def _is_there(self, point: Point) -> bool:
        device, sequence, digest = point
        return (
            self.covers(device, sequence)
            and self.hash_of(device, sequence) == digest
            and self.snapshot(device, sequence) is not None
        )

    def _old(self, device: bytes, sequence: int, snapshot: Snapshot | None) -> Old:
        assert snapshot is not None
        context = self._context(device, sequence)
        root = Root(*snapshot.root) if snapshot.root is not None else None
        if context is None:
            return Old(root, None)
        return Old(root, {other: at for other, (at, _) in context.items()} | {device: sequence})

    def _read_context(self, device: bytes, sequence: int) -> ContextMap | None:
        """Return the whole context of a snapshot, put together from the last that stands there whole."""
        if sequence == 0:
            return {}
        head = self._by_device[device]
        if sequence == head.sequence:
            return dict(head.context)
        snapshot = self.snapshot(device, sequence)
        if snapshot is None:
            return None
        before = {} if is_whole(sequence) else self._context(device, sequence - 1)
        if before is None:
            return None
        context = before | {other: (at, digest) for other, at, digest in snapshot.changes}
        return context if _hash_of(context) == snapshot.context_hash else None


def _accepted(vault: SyncedFolder) -> list[Head]:
    """Return the heads that this device has accepted, and its own, with their indexes loaded.

    Of a device at fault it is the last that was joined, if there is one.
    """
    faults = load_faults(vault.state)
    seen = {
        device: ObjectInfo("", 0, etag)
        for device, etag in load_seen(vault.state).items()
        if device not in faults
    }
    heads = read_heads(vault, Listed(seen))
    heads += [head for device in faults if (head := kept_head(vault, device)) is not None]
    load_indexes(vault, heads)
    return own_heads(vault, heads)


def _hash_of(context: ContextMap) -> bytes:
    return object_hash(encode_context(tuple((device, *context[device]) for device in sorted(context))))


def chain_start(pushes: Pushes, head: Head, since: int) -> int:
    """Return the sequence from which on a device's snapshots are not older than a time (s since 1970), as far as known."""
    for sequence in range(head.sequence, 0, -1) if since > 0 else ():
        snapshot = pushes.snapshot(head.device, sequence)
        if snapshot is not None and snapshot.time < since:
            return sequence + 1
    return 1
