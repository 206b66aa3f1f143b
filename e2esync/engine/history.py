"""What was written when and by whom: read from the snapshots of all devices, nothing else (format §8.1).

Each push is compared with the one before of the same device; equal pages are skipped. What a push wrote
itself bears its own dot; all else that it changed it had joined. A file that went is told by whoever
first wrote a tree without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial
from typing import TypeAlias

from e2esync.adapters.state import FolderState
from e2esync.engine.blobs import BlobReader
from e2esync.engine.fetch import load_indexes, own_heads, read_heads, refresh
from e2esync.engine.joined import load_seen
from e2esync.engine.own import Listed
from e2esync.engine.places import MAX_DEPTH
from e2esync.engine.shown import decoded
from e2esync.engine.snapshots import Past, read_snapshot, snapshots
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import MissingObject
from e2esync.format.snapshot import Snapshot
from e2esync.merge.arrange import sights
from e2esync.merge.fold import fold, place_of
from e2esync.merge.join import NO_ENTRIES, Entries
from e2esync.model.store import ObjectInfo
from e2esync.tree.compare import GetPage, compare
from e2esync.tree.keys import ROOT, Kind, kind_of
from e2esync.tree.pages import Root
from e2esync.tree.stored import StoredTree
from e2esync.tree.values import Content, DirectoryContent, Entry, Place, value
from e2esync.vault.heads import Head

PAGES = 4096  # remembered

Point: TypeAlias = tuple[bytes, int]
"""A push: device and sequence."""


class What(StrEnum):
    """What a push did to a thing."""

    ADDED = "added"
    CHANGED = "changed"
    MOVED = "moved"
    MODE = "mode"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that one push wrote."""

    time: int  # s since 1970, by the clock of the device
    device: bytes
    device_name: str
    person: str
    sequence: int
    what: What
    node: bytes  # key
    path: bytes
    origin: bytes | None  # where it was, if it was moved
    content: Content | None  # what it had from then on; of what was deleted, the last that it had
    joined: tuple[tuple[bytes, int], ...]  # what of others the push had seen for the first time

    @property
    def id(self) -> str:
        """What names this version: one push may write several contents into one node."""
        told = self.node if self.content is None else self.node + _named(self.content)
        return f"{self.device.hex()[:8]}-{self.sequence}-{hashlib.sha256(told).hexdigest()[:8]}"


def _named(content: Content) -> bytes:
    """Return what tells a content from every other of its node: its dot, and what it is."""
    dot = content.dot
    return dot.device + dot.sequence.to_bytes(8, "big") + dot.j.to_bytes(8, "big") + value(content)


def events(vault: SyncedFolder, *, since: int = 0) -> list[Event]:
    """Return all that was written since a time, newest first.

    Raises:
        MissingObject: A list of a device's snapshots is not there; pruning leaves them.
        BadObject: What is stored is not what was signed.
        StoreUnavailable, StoreRefused, NoAccess: The store.
    """
    return History(vault).events(since)


def _first_deletions(found: list[Event]) -> set[Event]:
    """Return the deletions that were written, and not joined from another device."""
    of_node: dict[bytes, list[Event]] = {}
    for event in found:
        if event.what is What.DELETED:
            of_node.setdefault(event.node, []).append(event)
    return {
        event
        for deletions in of_node.values()
        for event in deletions
        if not any(
            device == other.device and sequence >= other.sequence
            for device, sequence in event.joined
            for other in deletions
            if other is not event
        )
    }


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
    """The snapshots of all devices as this one has accepted them, and trees read from them."""

    def __init__(self, vault: SyncedFolder) -> None:
        self._vault = vault
        seen = {device: ObjectInfo("", 0, etag) for device, etag in load_seen(vault.state).items()}
        heads = read_heads(vault, Listed(seen))
        load_indexes(vault, heads)
        self.heads = own_heads(vault, heads)
        self._reader = BlobReader(vault, partial(refresh, vault))
        self._get = lru_cache(PAGES)(self._reader.tree_page)
        self._seen: dict[
            Point, tuple[Point, ...]
        ] = {}  # what of others each push had seen for the first time
        self.untold = 0  # pushes of which something is not in the store any more, as pruning leaves it

    def events(self, since: int = 0) -> list[Event]:
        """Return all that was written since a time, newest first, as far as the store has it still."""
        found = [event for head in self.heads for event in self.events_of(head, since)]
        first = _first_deletions(found)
        told = (event for event in found if event.what is not What.DELETED or event in first)
        ranks = _ranks(self._seen)
        return sorted(
            told,
            key=lambda event: (event.time, ranks[event.device, event.sequence], event.path),
            reverse=True,
        )

    def tree(self, root: tuple[bytes, int] | None) -> StoredTree:
        """Return a tree by its root."""
        return StoredTree(Root(*root) if root is not None else None, self._get)

    def snapshots(self, head: Head) -> Iterator[Past]:
        """Yield the snapshots of a device, newest first."""
        return snapshots(self._vault, head, self._reader)

    def events_of(self, head: Head, since: int) -> Iterator[Event]:
        """Yield what one device wrote, newest first."""
        for now, before in self._pairs(head, since):
            if now.snapshot is not None:
                changes = now.snapshot.changes
                self._seen[head.device, now.sequence] = tuple((device, at) for device, at, _ in changes)
            if now.snapshot is None or (before.snapshot is None and now.sequence > 1):
                self.untold += 1
                continue
            try:
                yield from list(self._told(head, now, now.snapshot, before))
            except MissingObject:
                self.untold += 1

    def _told(self, head: Head, now: Past, snapshot: Snapshot, before: Past) -> Iterator[Event]:
        """Yield what one push wrote.

        Raises:
            MissingObject: A page is not in the store.
        """
        new = self.tree(snapshot.root)
        mine = self.tree(before.snapshot.root if before.snapshot is not None else None)
        olds = [mine, *(self.tree(root) for root in self._joined(snapshot))]
        push = _Push(self._vault.state, head, now, olds, new)
        for key, found in compare(mine, new.root, get=self._get):
            yield from push.events(key, found)
        yield from push.gone_of_others(self._get)

    def _joined(self, snapshot: Snapshot) -> Iterator[tuple[bytes, int] | None]:
        """Yield the roots of the trees of others that a push had seen for the first time, where they are kept still."""
        by_device = {head.device: head for head in self.heads}
        for device, _, digest in snapshot.changes:
            head = by_device.get(device)
            past = read_snapshot(self._vault, head, self._reader, digest) if head is not None else None
            if past is not None:
                yield past.root

    def _pairs(self, head: Head, since: int) -> Iterator[tuple[Past, Past]]:
        now: Past | None = None
        for past in self.snapshots(head):
            if now is not None:
                yield now, past
            if past.snapshot is not None and past.snapshot.time < since:
                return
            now = past
        if now is not None:
            yield now, Past(0, b"", None)


class _Push:
    """One push, told by the trees before and after it."""

    def __init__(
        self, state: FolderState, head: Head, past: Past, olds: list[StoredTree], new: StoredTree
    ) -> None:
        assert past.snapshot is not None
        self._head, self._sequence, self._snapshot = head, past.sequence, past.snapshot
        self._olds, self._new = olds, new  # its own tree before, and those that it had joined
        self._path, self._paths_before = _Paths(state, new).path, [_Paths(state, old) for old in olds]
        self._joined = tuple((device, sequence) for device, sequence, _ in past.snapshot.changes)

    def events(self, key: bytes, now: bytes | None) -> list[Event]:
        """Return what the push did to a node that it changed; nothing if it had only joined that."""
        return self._written(key, now) if now is not None else [self._gone(key)]

    def gone_of_others(self, get: GetPage) -> Iterator[Event]:
        """Yield what the push removed of that which it had joined, and never had published itself."""
        mine, *others = self._olds
        passed = set[bytes]()
        for other in others:
            for key, found in compare(other, self._new.root, get=get):
                if found is None and key not in passed and mine.value(key) is None:
                    passed.add(key)
                    yield self._gone(key)

    def _before(self, key: bytes) -> tuple[Entries, _Paths]:
        """Return what a node was, and where it stood."""
        for old, paths in zip(self._olds, self._paths_before, strict=True):
            entries = decoded(key, old.value(key))
            if entries:
                return entries, paths
        return NO_ENTRIES, self._paths_before[0]

    def _written(self, key: bytes, now: bytes) -> list[Event]:
        entries = decoded(key, now)
        own = next((each for each in entries if self._is_own(each)), None)
        if own is None:
            return []
        before, paths = self._before(key)
        new = [each for each in own.contents if self._is_new(each)]
        path = self._path(key)
        if any(isinstance(each, DirectoryContent) and not each.here for each in new):
            return [self._event(What.DELETED, key, path=path)]
        told = []
        content = new[0] if new else next(sights(key, fold(entries))).content
        origin = paths.path(key) if before and any(map(self._is_new, own.places)) else path
        if origin != path:
            told.append(self._event(What.MOVED, key, path=path, origin=origin, content=content))
        what = What.CHANGED if before or own.past else What.ADDED
        told += [self._event(what, key, path=path, content=each) for each in new]
        return told or [self._event(What.MODE, key, path=path, content=content)]

    def _gone(self, key: bytes) -> Event:
        before, paths = self._before(key)
        content = next(sights(key, fold(before))).content
        return self._event(What.DELETED, key, path=paths.path(key), content=content)

    @property
    def _dot(self) -> tuple[bytes, int]:
        return self._head.device, self._sequence

    def _is_own(self, entry: Entry) -> bool:
        return (entry.device, entry.sequence) == self._dot

    def _is_new(self, said: Content | Place) -> bool:
        return (said.dot.device, said.dot.sequence) == self._dot

    def _event(
        self,
        what: What,
        key: bytes,
        *,
        path: bytes,
        origin: bytes | None = None,
        content: Content | None = None,
    ) -> Event:
        head = self._head
        return Event(
            self._snapshot.time, head.device, head.device_name, head.user_name, self._sequence,
            what, key, path, origin, content, self._joined,
        )  # fmt: skip


class _Paths:
    """Paths of nodes in one tree."""

    def __init__(self, state: FolderState, tree: StoredTree) -> None:
        self._state, self._tree = state, tree

    def path(self, key: bytes) -> bytes:
        """Return the path of a node; where a directory above it is not known any more, `?`."""
        names: list[bytes] = []
        node: bytes | None = key
        while node is not None and len(names) < MAX_DEPTH:
            entries = decoded(node, self._tree.value(node))
            if not entries:
                names.append(b"?")
                break
            _, parent, name = place_of(node, fold(entries))
            names.append(name)
            node = self._state.directory_node(parent) if parent != ROOT else None
            if parent != ROOT and node is None:
                names.append(b"?")
        return b"/".join(reversed(names))


def is_thing(event: Event) -> bool:
    """Return whether an event is of a file or symlink."""
    return kind_of(event.node) in {Kind.FILE, Kind.SYMLINK}
