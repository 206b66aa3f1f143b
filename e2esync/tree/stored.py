"""A tree as it is stored: read page by page, only where something is looked for (format §6.5).

It answers as the tree at hand does, so that two stored trees are compared by the pages that differ.
"""

from __future__ import annotations

from collections.abc import Iterator

from e2esync.tree.compare import GetPage
from e2esync.tree.pages import Item, Root


class StoredTree:
    """One tree by its root; pages are asked for again and again, so `get` should remember some."""

    def __init__(self, root: Root | None, get: GetPage) -> None:
        self.root, self._get = root, get

    def value(self, key: bytes) -> bytes | None:
        """Return the value of a node."""
        return next((value for found, value in self._node(key) if found == key), None)

    def _node(self, key: bytes) -> list[Item]:
        """Return the items of the leaf in which a key stands, if it does."""
        if self.root is None:
            return []
        page, level = self.root
        items = self._get(page, level)
        while level:
            below = next((page for last, page in items if last >= key), None)
            if below is None:
                return []
            level -= 1
            items = self._get(below, level)
        return items

    def items(self, level: int, *, after: bytes, last: bytes | None) -> Iterator[Item]:
        """Yield nodes in (after, last]; to the end if None. Of other levels than 0 nobody asks."""
        if self.root is not None and level == 0:
            yield from self._below(*self.root, after, last)

    def _below(self, page: bytes, level: int, after: bytes, last: bytes | None) -> Iterator[Item]:
        begins = b""  # behind this
        for key, value in self._get(page, level):
            if last is not None and begins >= last:
                return
            if key > after and level:
                yield from self._below(value, level - 1, after, last)
            elif key > after and (last is None or key <= last):
                yield key, value
            begins = key

    def page_id(self, level: int, last: bytes) -> bytes | None:
        """Return the id of the page with this last key."""
        return self._find(level, last)[0]

    def page_before(self, level: int, last: bytes) -> bytes:
        """Return the last key of the page before this one, or `b""`."""
        return self._find(level, last)[1]

    def _find(self, level: int, last: bytes) -> tuple[bytes | None, bytes]:
        """Return the id of a page by its last key, if there is one, and the last key of the page before."""
        if self.root is None or level > self.root.level:
            return None, b""
        page, at, before = *self.root, b""
        items = self._get(page, at)
        found = items[-1][0]
        while at > level:
            position = next((n for n, (key, _) in enumerate(items) if key >= last), None)
            if position is None:
                return None, items[-1][0]
            before = items[position - 1][0] if position else before
            found, page = items[position]
            at -= 1
            items = self._get(page, at) if at > level else []
        return (page if found == last else None), before
