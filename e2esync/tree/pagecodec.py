"""The body of a page: `[level, key, value, key, value, …]` (format §6.5, §6.6)."""

from __future__ import annotations

from e2esync.errors import BadObject
from e2esync.tree.pages import Item, Page

ID_SIZE = 32  # bytes
_MAX_KEY = 300  # bytes


def page_value(page: Page) -> list[object]:
    """Return what CBOR encodes for a page."""
    flat: list[object] = [page.level]
    for item in page.items:
        flat += item
    return flat


def page_items(value: object, level: int) -> list[Item]:
    """Return the items of a decoded page of this level.

    Raises:
        BadObject: It is no such page.
    """
    if (
        type(value) is not list
        or len(value) < 3
        or len(value) % 2 == 0
        or value[0] != level
        or type(value[0]) is not int
    ):
        raise BadObject("a page of the tree is not as it should be")
    keys, values = value[1::2], value[2::2]
    if any(type(key) is not bytes or not 0 < len(key) <= _MAX_KEY for key in keys):
        raise BadObject("a page of the tree holds a key that names no node")
    if any(type(item) is not bytes or (level and len(item) != ID_SIZE) for item in values):
        raise BadObject("a page of the tree holds a value that is not as it should be")
    return list(zip(keys, values, strict=True))


def list_items(value: object, level: int) -> list[tuple[int | bytes, ...]]:
    """Return the items of a decoded page of a chunk list; their types are checked, their ranges not.

    Raises:
        BadObject: It is no such page.
    """
    shape = (int, bytes, int) if level == 0 else (bytes, int, int)
    if type(value) is not list or len(value) < 2 or type(value[0]) is not int or value[0] != level:
        raise BadObject("a page of a chunk list is not as it should be")
    for item in value[1:]:
        if type(item) is not list or tuple(map(type, item)) != shape:
            raise BadObject("a page of a chunk list is not as it should be")
    return [tuple(item) for item in value[1:]]
