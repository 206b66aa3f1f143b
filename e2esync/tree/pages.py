"""The tree as an ordered map cut into pages by its content alone (format §6.5).

Equal content gives equal pages and an equal root, whatever the order of edits. A change rewrites
the page it falls into and those above. Nothing is held in memory but the page at hand: items and
the table of pages come through `PageTable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

TARGET_WEIGHT = 8192
MAX_WEIGHT = 24576
MAX_LEVEL = 12
ITEM_OVERHEAD = 8
_SPAN = 1 << 64

Item = tuple[bytes, bytes]  # key and value; a tuple, since there are very many


class Root(NamedTuple):
    """Where a tree begins."""

    id: bytes  # of the page, 32 bytes
    level: int


class Page(NamedTuple):
    """One page: `items` in order; its last key stands in the page above."""

    level: int
    items: list[Item]

    @property
    def last(self) -> bytes:
        """The key by which the page above names it."""
        return self.items[-1][0]


Draw = Callable[[bytes], bytes]  # keyed hash of `u8 level ‖ key`


def weight(item: Item) -> int:
    """Return what an item counts for in the cut."""
    return len(item[0]) + len(item[1]) + ITEM_OVERHEAD


def cut(items: Iterable[Item], level: int, draw: Draw) -> Iterator[list[Item]]:
    """Yield the pages of a level, given its items in order from the start of a page."""
    prefix = bytes([level])
    page: list[Item] = []
    filled = 0
    for item in items:
        size = weight(item)
        if page and filled + size > MAX_WEIGHT:
            yield page
            page, filled = [], 0
        page.append(item)
        filled += size
        if filled >= MAX_WEIGHT or (len(page) > 1 and is_drawn(draw(prefix + item[0]), size)):
            yield page
            page, filled = [], 0
    if page:
        yield page


def is_drawn(drawn: bytes, size: int) -> bool:
    """Return whether the keyed hash ends a page after an item of this weight."""
    return int.from_bytes(drawn[:8], "big") < size * _SPAN // TARGET_WEIGHT


class PageTable(Protocol):
    """What is known of a tree: its nodes (level 0 items) and, for each level, the pages over them."""

    def items(self, level: int, *, after: bytes) -> Iterator[Item]:
        """Yield the items of a level with keys above `after`: nodes, or last key and id of the pages below."""
        ...

    def page_at(self, level: int, key: bytes) -> bytes | None:
        """Return the last key of the page that covers `key`, or of the last page; None without pages."""
        ...

    def page_before(self, level: int, last: bytes) -> bytes:
        """Return the last key of the page before this one, or `b""`."""
        ...

    def page_id(self, level: int, last: bytes) -> bytes | None:
        """Return the id of the page with this last key."""
        ...

    def replace_pages(
        self, level: int, after: bytes, last: bytes | None, new: Mapping[bytes, bytes]
    ) -> dict[bytes, bytes]:
        """Put `new` (last key → id) in place of the pages in (after, last], to the end if None; return the old."""
        ...

    def single_page(self, level: int) -> Item | None:
        """Return the only page of a level, or None if there are none or several."""
        ...

    def drop_levels(self, above: int) -> None:
        """Forget the pages of all levels higher than `above` (-1: all)."""
        ...


Emit = Callable[[Page], bytes]  # takes a page, returns its id; keeps what has to be stored


def update(table: PageTable, changed: Iterable[bytes], *, draw: Draw, emit: Emit) -> Root | None:
    """Bring the pages up to date with the nodes; return the new root.

    `changed` are, in order, the keys of nodes that came, changed or went since the pages were made.
    `emit` is called for each page that is new or may be.
    """
    if next(iter(table.items(0, after=b"")), None) is None:
        table.drop_levels(-1)
        return None
    for level in range(MAX_LEVEL + 1):
        changed = _update_level(table, level, changed, draw, emit)
        only = table.single_page(level)
        if only is not None:
            table.drop_levels(level)
            return Root(only[1], level)
    raise AssertionError("a tree of more levels than the format allows")


def _update_level(
    table: PageTable, level: int, changed: Iterable[bytes], draw: Draw, emit: Emit
) -> list[bytes]:
    """Recut where items changed; return, in order, the last keys of pages that came, changed or went."""
    moved: set[bytes] = set()
    pending = iter(changed)
    key = next(pending, None)
    while key is not None:
        start = _start(table, level, key)
        fresh: dict[bytes, bytes] = {}
        first, end = key, None
        for items in cut(table.items(level, after=start), level, draw):
            last = items[-1][0]
            fresh[last] = emit(Page(level, items))
            while key is not None and key <= last:
                key = next(pending, None)
            # Old and new boundaries meet behind the change: what follows is cut as it was.
            if last >= first and table.page_id(level, last) is not None:
                end = last
                break
        if end is None:
            key = None  # the level is cut to its end
        old = table.replace_pages(level, start, end, fresh)
        moved |= {last for last in old.keys() | fresh.keys() if old.get(last) != fresh.get(last)}
    return sorted(moved)


def _start(table: PageTable, level: int, key: bytes) -> bytes:
    """Return the boundary to cut from: one page early, as a page may have ended only for what follows it."""
    here = table.page_at(level, key)
    if here is None:
        return b""
    before = table.page_before(level, here)
    return table.page_before(level, before) if before else b""
