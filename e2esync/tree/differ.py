"""The nodes in which stored trees differ, all of them at once: a page that every one of them has is left out (format §13.3).

Which pages are read follows from the trees alone, so that a file which proves a difference can hold just these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from e2esync.tree.compare import GetPage, check_range
from e2esync.tree.pages import MAX_LEVEL, Item, Root


class _Span(NamedTuple):
    """A page, and the range of keys that the page above gives it."""

    id: bytes
    after: bytes
    last: bytes | None  # None: the root, which may end anywhere


def differing(roots: Sequence[Root | None], get: GetPage) -> Iterator[tuple[bytes, list[bytes | None]]]:
    """Yield, in order of keys, each node that is not the same in all trees, with its value in each.

    Memory grows with the number of pages in which the trees differ, not with what is in them.

    Raises:
        BadObject: A page does not stand where it should.
        MissingObject: One of these pages is not there.
    """
    leaves = _leaves(roots, get)
    trees = (_numbered(place, spans, get) for place, spans in enumerate(leaves))
    for key, group in groupby(merge(*trees), key=itemgetter(0)):
        values: list[bytes | None] = [None] * len(roots)
        for _, place, value in group:
            values[place] = value
        if any(value != values[0] for value in values):
            yield key, values


def _leaves(roots: Sequence[Root | None], get: GetPage) -> list[list[_Span]]:
    """Return the leaves of each tree that not all of them have, in order."""
    fronts: list[list[_Span]] = [[] for _ in roots]
    for level in range(MAX_LEVEL, -1, -1):
        for front, root in zip(fronts, roots, strict=True):
            if root is not None and root.level == level:
                front.append(_Span(root.id, b"", None))
        everywhere = set.intersection(*({span.id for span in front} for front in fronts))
        fronts = [[span for span in front if span.id not in everywhere] for front in fronts]
        if level:
            fronts = [[below for span in front for below in _below(span, level, get)] for front in fronts]
    return fronts


def _below(span: _Span, level: int, get: GetPage) -> Iterator[_Span]:
    after = span.after
    for last, page_id in _page(span, level, get):
        yield _Span(page_id, after, last)
        after = last


def _numbered(place: int, spans: list[_Span], get: GetPage) -> Iterator[tuple[bytes, int, bytes]]:
    for span in spans:
        for key, value in _page(span, 0, get):
            yield key, place, value


def _page(span: _Span, level: int, get: GetPage) -> list[Item]:
    items = get(span.id, level)
    check_range(items, span.after, span.last)
    return items
