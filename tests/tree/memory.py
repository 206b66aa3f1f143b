"""A tree in memory: what the pages are cut from, and the table that `update` and `compare` work on."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from hashlib import sha256

from e2esync.tree.pages import Item, Page, Root, update


def draw(data: bytes) -> bytes:
    """A keyed hash, whose key does not matter here."""
    return sha256(b"draw" + data).digest()


def page_id(page: Page) -> bytes:
    return sha256(repr(page).encode()).digest()


class Table:
    """The reference for `PageTable`: dictionaries, sorted when asked."""

    def __init__(self, nodes: Mapping[bytes, bytes] | None = None) -> None:
        self.nodes = dict(nodes or {})
        self.pages: dict[int, dict[bytes, bytes]] = {}
        self.stored: dict[tuple[bytes, int], list[Item]] = {}
        self.emitted = 0

    def items(self, level: int, *, after: bytes = b"", last: bytes | None = None) -> Iterator[Item]:
        held = self.nodes if level == 0 else self.pages.get(level - 1, {})
        for key in sorted(held):
            if key > after and (last is None or key <= last):
                yield key, held[key]

    def page_at(self, level: int, key: bytes) -> bytes | None:
        keys = sorted(self.pages.get(level, {}))
        return keys[min(bisect.bisect_left(keys, key), len(keys) - 1)] if keys else None

    def page_before(self, level: int, last: bytes) -> bytes:
        keys = sorted(self.pages.get(level, {}))
        place = bisect.bisect_left(keys, last)
        return keys[place - 1] if place else b""

    def page_id(self, level: int, last: bytes) -> bytes | None:
        return self.pages.get(level, {}).get(last)

    def replace_pages(
        self, level: int, after: bytes, last: bytes | None, new: Mapping[bytes, bytes]
    ) -> dict[bytes, bytes]:
        held = self.pages.setdefault(level, {})
        old = {key: held[key] for key in held if key > after and (last is None or key <= last)}
        for key in old:
            del held[key]
        held.update(new)
        return old

    def single_page(self, level: int) -> Item | None:
        held = self.pages.get(level, {})
        return next(iter(held.items())) if len(held) == 1 else None

    def drop_levels(self, above: int) -> None:
        for level in [level for level in self.pages if level > above]:
            del self.pages[level]

    def emit(self, page: Page) -> bytes:
        self.emitted += 1
        named = page_id(page)
        self.stored[named, page.level] = list(page.items)
        return named

    def get(self, named: bytes, level: int) -> list[Item]:
        return self.stored[named, level]

    def update(self, changed) -> Root | None:
        return update(self, sorted(changed), draw=draw, emit=self.emit)

    def set(self, changes: Mapping[bytes, bytes | None]) -> Root | None:
        """Change nodes; None removes one."""
        for key, value in changes.items():
            if value is None:
                self.nodes.pop(key, None)
            else:
                self.nodes[key] = value
        return self.update(changes)

    def whole(self) -> dict[int, dict[bytes, bytes]]:
        return {level: pages for level, pages in self.pages.items() if pages}


def built(nodes: Mapping[bytes, bytes]) -> tuple[Root | None, Table]:
    """A tree made at once."""
    table = Table(nodes)
    return table.update(nodes), table
