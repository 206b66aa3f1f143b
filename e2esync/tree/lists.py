"""Chunk lists: the references of a large file, cut into pages like the tree (format §6.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from e2esync.errors import BadObject
from e2esync.tree.pages import MAX_LEVEL, MAX_WEIGHT, Draw, is_drawn

INLINE = 64  # references that stand in the entry itself
REFERENCE_WEIGHT = 48
ID_SIZE = 32  # bytes
MAX_CHUNK = 1 << 21  # bytes of plaintext


class Reference(NamedTuple):
    """One chunk of a file."""

    key: int  # position in the entry's keys
    id: bytes  # 32 bytes
    length: int  # bytes of plaintext


class Listed(NamedTuple):
    """One page of a list, as the page above it names it."""

    id: bytes
    references: int  # below
    size: int  # bytes of content below


class ListRoot(NamedTuple):
    """Where a chunk list begins."""

    id: bytes
    level: int
    references: int


PutPage = Callable[[int, list[tuple[int | bytes, ...]]], bytes]  # level, items -> id of the page
GetPage = Callable[[bytes, int], list[tuple[int | bytes, ...]]]  # id, level -> items


def cut_list(items: Iterable[tuple], level: int, draw: Draw) -> Iterator[list[tuple]]:  # type: ignore[type-arg]
    """Yield the pages of one level of a list."""
    prefix, page, most = bytes([level]), [], MAX_WEIGHT // REFERENCE_WEIGHT
    for item in items:
        page.append(item)
        named = item[1] if level == 0 else item[0]
        if len(page) >= most or (len(page) > 1 and is_drawn(draw(prefix + named), REFERENCE_WEIGHT)):
            yield page
            page = []
    if page:
        yield page


def build(references: Iterable[Reference], *, draw: Draw, put: PutPage) -> ListRoot:
    """Store a list page by page, holding only the pages of the levels above; return its root."""
    level, count = 0, 0
    below: list[Listed] = []
    for page in cut_list(references, 0, draw):
        below.append(Listed(put(0, page), len(page), sum(item[2] for item in page)))
        count += len(page)
    while len(below) > 1:
        level += 1
        below = [
            Listed(put(level, page), sum(item[1] for item in page), sum(item[2] for item in page))
            for page in cut_list(below, level, draw)
        ]
    return ListRoot(below[0].id, level, count)


def walk(root: ListRoot, size: int, *, get: GetPage) -> Iterator[Reference]:
    """Yield the references of a list in order, checking what the pages above say of those below.

    `size` is that of the file, in bytes.

    Raises:
        BadObject: Counts or sizes do not agree.
    """
    if not 0 <= root.level <= MAX_LEVEL:
        raise BadObject("a list of chunks is too deep")
    yield from _walk(Listed(root.id, root.references, size), root.level, get)


def _walk(listed: Listed, level: int, get: GetPage) -> Iterator[Reference]:
    items = get(listed.id, level)
    if level == 0:
        references = [_reference(item) for item in items]
        _check_sums(listed, len(references), sum(reference.length for reference in references))
        yield from references
        return
    below = [Listed(*item) for item in items]  # type: ignore[arg-type]
    if any(page.references < 1 or page.size < 1 for page in below):
        raise BadObject("a list of chunks does not add up")
    # Before any page below is read: so a list never unfolds to more than its file says.
    _check_sums(listed, sum(page.references for page in below), sum(page.size for page in below))
    for page in below:
        yield from _walk(page, level - 1, get)


def _reference(item: tuple[int | bytes, ...]) -> Reference:
    reference = Reference(*item)  # type: ignore[arg-type]
    if reference.key < 0 or len(reference.id) != ID_SIZE or not 0 < reference.length <= MAX_CHUNK:
        raise BadObject("a list of chunks names a chunk that cannot be")
    return reference


def _check_sums(listed: Listed, references: int, size: int) -> None:
    if (references, size) != (listed.references, listed.size):
        raise BadObject("a list of chunks does not add up")
