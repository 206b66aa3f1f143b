"""Which removed directories need not be remembered any more (format §6.11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from e2esync.merge.fold import fold
from e2esync.merge.naming import Tag
from e2esync.merge.standing import is_here
from e2esync.merge.vector import Vector, covers
from e2esync.tree.keys import Kind, birthplace, kind_of
from e2esync.tree.values import Entry


def droppable(tree: Mapping[bytes, Iterable[Entry]], seen_by: Iterable[Vector], tag: Tag) -> list[bytes]:
    """Return the removed directories that nothing names and everybody knows of.

    Args:
        tree: The joined tree.
        seen_by: The context of each other device's newest joined head.
        tag: What numbers directories.
    """
    contexts = tuple(seen_by)
    named = {parent for key, entries in tree.items() for entry in entries for parent in _parents(key, entry)}
    return [
        key
        for key, entries in tree.items()
        if kind_of(key) is Kind.DIRECTORY
        and tag(key) not in named
        and not is_here(fold(entries))
        and all(covers(seen, entry.device, entry.sequence) for entry in entries for seen in contexts)
    ]


def _parents(key: bytes, entry: Entry) -> list[bytes]:
    """Return the directories that an entry names as the node's place, be it the last word or not."""
    return [place.parent for place in entry.places] or [birthplace(key).parent]
