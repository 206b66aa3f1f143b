"""What differs between a tree at hand and one that is read page by page: equal pages are skipped.

Every page that is read is checked: its level, that its keys ascend, and that it stands in the
range that the page above gives it (format §6.5). That pages are cut where the rule cuts is shown
by cutting the result anew: it must give the same root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from e2esync.errors import BadObject
from e2esync.tree.pages import MAX_LEVEL, Item, Root

GetPage = Callable[[bytes, int], list[Item]]  # id and level -> items


class Table(Protocol):
    """The tree at hand."""

    def items(self, level: int, *, after: bytes, last: bytes | None) -> Iterator[Item]:
        """Yield the items of a level in (after, last]; to the end if None."""
        ...

    def page_id(self, level: int, last: bytes) -> bytes | None:
        """Return the id of the page with this last key."""
        ...

    def page_before(self, level: int, last: bytes) -> bytes:
        """Return the last key of the page before this one, or `b""`."""
        ...


Change = tuple[bytes, bytes | None]  # key; value, or None if the node is not in the other tree


def compare(table: Table, root: Root | None, *, get: GetPage) -> Iterator[Change]:
    """Yield, in order of keys, what has to change in `table` for it to be the tree under `root`."""
    end = b""
    if root is not None:
        if not 0 <= root.level <= MAX_LEVEL:
            raise BadObject("a tree is too deep")
        items = get(root.id, root.level)
        end = check_range(items, b"", None)
        if table.page_id(root.level, end) != root.id or table.page_before(root.level, end) != b"":
            yield from _compare(table, items, root.level, b"", get)
        else:
            end = end or b""
    for key, _ in table.items(0, after=end, last=None):
        yield key, None


def _compare(table: Table, items: list[Item], level: int, after: bytes, get: GetPage) -> Iterator[Change]:
    """Compare a page that is not at hand; `after` is the last key before its range."""
    if level == 0:
        yield from _compare_nodes(table, items, after)
        return
    for last, page_id in items:
        if table.page_id(level - 1, last) == page_id:
            # The same page; but what stands here before its range may be of pages that went there.
            yield from _compare_nodes(table, [], after, table.page_before(level - 1, last))
        else:
            below = get(page_id, level - 1)
            check_range(below, after, last)
            yield from _compare(table, below, level - 1, after, get)
        after = last


def _compare_nodes(
    table: Table, items: list[Item], after: bytes, last: bytes | None = None
) -> Iterator[Change]:
    """Compare the nodes of one range, both sides in order."""
    end = items[-1][0] if items else last or b""
    if end <= after:
        return
    ours = table.items(0, after=after, last=end)
    mine = next(ours, None)
    for key, value in items:
        while mine is not None and mine[0] < key:
            yield mine[0], None
            mine = next(ours, None)
        if mine is None or mine[0] != key:
            yield key, value
            continue
        if mine[1] != value:
            yield key, value
        mine = next(ours, None)
    while mine is not None:
        yield mine[0], None
        mine = next(ours, None)


def check_range(items: list[Item], after: bytes, last: bytes | None) -> bytes:
    """Check that the keys of a page ascend within their range; return the last.

    Raises:
        BadObject: They do not.
    """
    previous = after
    for key, _ in items:
        if key <= previous:
            raise BadObject("a page of the tree is out of order")
        previous = key
    if not items or (last is not None and previous != last):
        raise BadObject("a page of the tree does not stand where it should")
    return previous
