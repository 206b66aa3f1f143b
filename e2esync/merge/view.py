"""What a node looks like on a disk: the pure function from entries to place, content and mode.

In this version every node has one entry with one value in each field; several are the work of
devices that wrote at the same time, which this version does not join.
"""

from __future__ import annotations

from typing import NamedTuple

from e2esync.errors import Diverged
from e2esync.tree.keys import Kind, birthplace, kind_of
from e2esync.tree.values import Content, DirectoryContent, Entry

DEFAULT_MODES = {Kind.FILE: 0o644, Kind.DIRECTORY: 0o755}
"""Permission bits of what has none in the tree (format §6.2)."""


class Shown(NamedTuple):
    """What stands where."""

    parent: bytes  # number of the directory, 16 bytes
    name: bytes
    content: Content
    mode: int | None  # permission bits, where the kind has them


def shown(key: bytes, entries: tuple[Entry, ...]) -> Shown | None:
    """Return what a node shows, or None if it is a directory that was removed.

    Raises:
        Diverged: Several devices have the last word on it.
    """
    entry = only(entries)
    content = entry.contents[0]
    if isinstance(content, DirectoryContent) and not content.here:
        return None
    parent, name = place_of(key, entry)
    return Shown(parent, name, content, _mode(key, entry))


def _mode(key: bytes, entry: Entry) -> int | None:
    if entry.attributes:
        return max(entry.attributes, key=lambda attribute: attribute.dot).mode
    return DEFAULT_MODES.get(kind_of(key))


def place_of(key: bytes, entry: Entry) -> tuple[bytes, bytes]:
    """Return the directory and name where a node stands: the highest place, or its birthplace."""
    if entry.places:
        place = max(entry.places, key=lambda place: place.dot)
        return place.parent, place.name
    born = birthplace(key)
    return born.parent, born.name


def only(entries: tuple[Entry, ...]) -> Entry:
    """Return the only entry of a node, with its only content."""
    if len(entries) > 1 or len(entries[0].contents) > 1:
        raise Diverged(
            "a file was changed on several devices at the same time",
            why="this version of e2esync does not join such changes; nothing was changed here",
            fix="upgrade e2esync on this device",
        )
    return entries[0]
