"""What one push did, told by the trees before and after it, and nothing else (format §13.3).

What a push wrote itself bears its own dot; all else that it changed it had taken in from others. What
went is told by whoever took it out of what all those trees came to together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from e2esync.engine.places import MAX_DEPTH
from e2esync.engine.pushes import Push
from e2esync.engine.shown import decoded
from e2esync.merge.arrange import sights
from e2esync.merge.fold import fold, place_of
from e2esync.merge.join import NO_ENTRIES, Entries, join_entries
from e2esync.merge.standing import is_here
from e2esync.merge.vector import Vector, union
from e2esync.tree.compare import GetPage
from e2esync.tree.differ import differing
from e2esync.tree.keys import ROOT, Kind, kind_of
from e2esync.tree.pages import Root
from e2esync.tree.stored import StoredTree
from e2esync.tree.values import Attributes, Content, DirectoryContent, Place, stored_order, value

NodeOf = Callable[[bytes], bytes | None]
"""Says which directory has a number, as far as known."""


class What(StrEnum):
    """What a push did to a thing."""

    ADDED = "added"
    CHANGED = "changed"
    MOVED = "moved"
    MODE = "mode"
    SETTLED = "settled"  # of several contents, or places, those that stay
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

    @property
    def id(self) -> str:
        """What names this version: one push may write several contents into one node."""
        told = self.node if self.content is None else self.node + _named(self.content)
        return f"{self.device.hex()[:8]}-{self.sequence}-{hashlib.sha256(told).hexdigest()[:8]}"


def _named(content: Content) -> bytes:
    """Return what tells a content from every other of its node: its dot, and what it is."""
    dot = content.dot
    return dot.device + dot.sequence.to_bytes(8, "big") + dot.j.to_bytes(8, "big") + value(content)


def tell(push: Push, get: GetPage, node_of: NodeOf) -> Iterator[Event]:
    """Yield what a push did, in the order of the nodes' keys.

    Raises:
        MissingObject: A page that this is read from is not in the store.
        BadObject: A page is not as it should be.
    """
    root = Root(*push.snapshot.root) if push.snapshot.root is not None else None
    telling = _Telling(push, get, node_of, root)
    for key, (now, *before) in differing([root, *(old.root for old in push.olds)], get):
        yield from telling.events(key, now, before)


class _Telling:
    """One push, and the trees before and after it."""

    def __init__(self, push: Push, get: GetPage, node_of: NodeOf, root: Root | None) -> None:
        self._push, self._node_of = push, node_of
        self._new = StoredTree(root, get)
        self._olds = [StoredTree(old.root, get) for old in push.olds]

    def events(self, key: bytes, now: bytes | None, before: Sequence[bytes | None]) -> Iterator[Event]:
        """Yield what the push did to a node; nothing if it had only taken that in."""
        found, entries = self._together(key, before), decoded(key, now)
        if entries:
            yield from self._written(key, entries, found)
        elif found and not _is_gone(key, found):
            content = next(sights(key, fold(found))).content
            yield self._event(What.DELETED, key, self._path_before(key, found), content)

    def _together(self, key: bytes, before: Sequence[bytes | None]) -> Entries:
        """Return what a node came to in all trees before, joined; where not all is known, in the first that has it."""
        sides = [decoded(key, each) for each in before]
        seen: list[Vector] = [old.seen for old in self._push.olds if old.seen is not None]
        if not self._push.is_whole or len(seen) < len(sides):
            return next(filter(None, sides), NO_ENTRIES)
        entries, known = sides[0], seen[0]
        for side, its in zip(sides[1:], seen[1:], strict=True):
            entries, known = join_entries(entries, known, side, its), union((known, its))
        return entries

    def _written(self, key: bytes, entries: Entries, found: Entries) -> Iterator[Event]:
        own = next((each for each in entries if (each.device, each.sequence) == self._dot), None)
        if own is None:
            if self._push.is_whole and entries != found:  # something of others was taken away
                content = next(sights(key, fold(entries))).content
                yield self._event(What.SETTLED, key, self._path(key, entries, self._now), content)
            return
        new = sorted(filter(self._is_new, own.contents), key=stored_order)
        path = self._path(key, entries, self._now)
        if any(isinstance(each, DirectoryContent) and not each.here for each in new):
            yield self._event(What.DELETED, key, path, None)
            return
        content = new[0] if new else next(sights(key, fold(entries))).content
        is_moved = bool(found) and any(map(self._is_new, own.places))
        origin = self._path_before(key, found) if is_moved else path
        if origin != path:
            yield self._event(What.MOVED, key, path, content, origin)
        for each in new:
            yield self._event(What.CHANGED if found or own.past else What.ADDED, key, path, each)
        if not new and origin == path:
            is_mode = any(map(self._is_new, own.attributes))
            yield self._event(What.MODE if is_mode else What.SETTLED, key, path, content)

    @property
    def _dot(self) -> tuple[bytes, int]:
        return self._push.head.device, self._push.sequence

    def _is_new(self, said: Content | Place | Attributes) -> bool:
        return (said.dot.device, said.dot.sequence) == self._dot

    def _event(
        self, what: What, key: bytes, path: bytes, content: Content | None, origin: bytes | None = None
    ) -> Event:
        head = self._push.head
        return Event(
            self._push.snapshot.time, head.device, head.device_name, head.user_name, self._push.sequence,
            what, key, path, origin, content,
        )  # fmt: skip

    # paths

    def _now(self, key: bytes) -> Entries:
        return decoded(key, self._new.value(key))

    def _before(self, key: bytes) -> Entries:
        return self._together(key, [old.value(key) for old in self._olds])

    def _path_before(self, key: bytes, found: Entries) -> bytes:
        return self._path(key, found, self._before)

    def _path(self, key: bytes, entries: Entries, entries_of: Callable[[bytes], Entries]) -> bytes:
        """Return the path of a node by its places; above a directory that is not known, or was passed already, `?`."""
        names: list[bytes] = []
        passed = {key}
        while entries and len(names) < MAX_DEPTH:
            _, parent, name = place_of(key, fold(entries))
            names.append(name)
            if parent == ROOT:
                return b"/".join(reversed(names))
            above = self._node_of(parent)
            if above is None or above in passed:
                break
            passed.add(above)
            key, entries = above, entries_of(above)
        return b"/".join([b"?", *reversed(names)])


def _is_gone(key: bytes, entries: Entries) -> bool:
    """Return whether a node is a directory that was removed before."""
    return kind_of(key) is Kind.DIRECTORY and not is_here(fold(entries))
