"""The hashes of a device's earlier snapshots (format §8.2).

How many items stand on each level follows from the sequence alone, so that one history has one
form: a level keeps between 64 and 127 items once it has given a page to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self, TypeAlias

from e2esync.format import cbor, shape

FULL_LEVEL = 128  # items: a level never has as many
PAGE_ITEMS = 64

History: TypeAlias = tuple[tuple[bytes, ...], ...]
"""Levels: snapshot hashes in order, then ids of history pages in order. There is always level 0."""

NO_HISTORY: History = ((),)
"""The history that stands in the head at sequence 1."""


def level_sizes(count: int) -> tuple[int, ...]:
    """Return how many items stand on each level of the history of `count` snapshots."""
    sizes = []
    while True:
        pages = max(0, count // PAGE_ITEMS - 1)
        sizes.append(count - PAGE_ITEMS * pages)
        if pages == 0:
            return tuple(sizes)
        count = pages


def decode_history(value: object, *, sequence: int) -> History:
    """Return the history that stands in the head at `sequence`.

    Raises:
        BadObject: It does not cover exactly 1 … sequence - 1.
    """
    history = shape.each(value, lambda level: shape.each(level, shape.digest))
    shape.must(hold=tuple(map(len, history)) == level_sizes(sequence - 1))
    return history


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Sixty-four items of one level."""

    level: int
    items: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Return the body of the page."""
        return cbor.encode([self.level, *self.items])

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Return what a body says.

        Raises:
            BadObject: It is no history page.
        """
        level, *items = shape.array(cbor.decode_exact(body), 1 + PAGE_ITEMS)
        return cls(shape.integer(level), shape.each(items, shape.digest))


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the hash of an earlier snapshot is found.

    `item` is that hash itself if `level` is 0, else the id of a history page, and the hash is the
    one number `offset` (from 0) of those that the page covers.
    """

    item: bytes
    level: int
    offset: int


def append(
    history: History, snapshot_hash: bytes, page_id: Callable[[bytes], bytes]
) -> tuple[History, list[bytes]]:
    """Return the history with one more snapshot, and the bodies of the history pages that are new."""
    levels = [list(level) for level in history]
    pages: list[bytes] = []
    item, level = snapshot_hash, 0
    while True:
        if level == len(levels):
            levels.append([])
        levels[level].append(item)
        if len(levels[level]) < FULL_LEVEL:
            return tuple(map(tuple, levels)), pages
        pages.append(HistoryPage(level, tuple(levels[level][:PAGE_ITEMS])).encode())
        del levels[level][:PAGE_ITEMS]
        item, level = page_id(pages[-1]), level + 1


def locate(history: History, sequence: int) -> Spot:
    """Return where the hash of the snapshot with this sequence stands; the history has to cover it."""
    offset = sequence - 1
    for level in reversed(range(len(history))):
        span = PAGE_ITEMS**level
        if offset < span * len(history[level]):
            return Spot(history[level][offset // span], level, offset % span)
        offset -= span * len(history[level])
    raise ValueError(sequence)


def descend(spot: Spot, body: bytes) -> Spot:
    """Return the next spot on the way down, inside the page that `spot` names.

    Raises:
        BadObject: The body is no history page of the level below.
    """
    page = HistoryPage.decode(body)
    shape.must(hold=page.level == spot.level - 1)
    span = PAGE_ITEMS**page.level
    return Spot(page.items[spot.offset // span], page.level, spot.offset % span)


def newest_first(history: History, body_of: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """Yield the hashes of all snapshots that a history covers, the newest first.

    `body_of` gives the body of a history page by its id; it is asked for one only where the walk comes to it.

    Raises:
        BadObject: A body is no history page of its level.
    """
    for level, items in enumerate(history):
        for item in reversed(items):
            yield from _newest_first(item, level, body_of)


def _newest_first(item: bytes, level: int, body_of: Callable[[bytes], bytes]) -> Iterator[bytes]:
    if level == 0:
        yield item
        return
    page = HistoryPage.decode(body_of(item))
    shape.must(hold=page.level == level - 1)
    for below in reversed(page.items):
        yield from _newest_first(below, level - 1, body_of)
