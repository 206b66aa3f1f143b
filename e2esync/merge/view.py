"""What a node by itself looks like on a disk: place, content and mode of what its entries come to."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from e2esync.errors import Diverged
from e2esync.merge.arrange import mode_of, sights
from e2esync.merge.fold import fold, place_of
from e2esync.tree.keys import kind_of
from e2esync.tree.values import Content, DirectoryContent, Entry


class Shown(NamedTuple):
    """What stands where."""

    parent: bytes  # number of the directory, 16 bytes
    name: bytes
    content: Content
    mode: int | None  # permission bits, where the kind has them


def shown(key: bytes, entries: Collection[Entry], *, has_life: bool = False) -> Shown | None:
    """Return what a node shows, or None if it is a directory that was removed.

    `has_life`: something is shown in it, and so it is, too.

    Raises:
        Diverged: It has several contents.
    """
    folded = fold(entries)
    content = next(iter(folded.contents))
    if len(folded.contents) > 1:
        content, *others = (sight.content for sight in sights(key, folded))
        if others:
            raise diverged()
    if isinstance(content, DirectoryContent) and not content.here and not has_life:
        return None
    _, parent, name = place_of(key, folded)
    return Shown(parent, name, content, mode_of(kind_of(key), folded.attributes))


def diverged() -> Diverged:
    """Return the error for what this version does not show yet."""
    return Diverged(
        "one thing was changed on several devices at the same time",
        why="this version of e2esync does not show such changes beside each other; nothing was changed here",
        fix="upgrade e2esync on this device",
    )
