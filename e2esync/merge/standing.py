"""Where nodes stand: parents that are not there and cycles of moves come to an end in the root (format §6.9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from e2esync.merge.fold import Folded, fold, place_of
from e2esync.merge.naming import Tag
from e2esync.tree.keys import ROOT, Kind, kind_of, node_key
from e2esync.tree.values import DirectoryContent, Dot, Entry, Place

ORPHANS = node_key(ROOT, b"Recovered", Kind.DIRECTORY, (1 << 32) - 1)
"""The directory in which those stand whose parent does not exist. Nobody writes this node."""

ORPHANAGE = Folded(
    frozenset(), frozenset({DirectoryContent(Dot(0, bytes(16), 0), here=False)}), frozenset(), {}
)
"""What it comes to without a word of anybody: it is there only for what is in it."""


class Stand(NamedTuple):
    """A directory and a name in it."""

    parent: bytes  # number, 16 bytes
    name: bytes


def folded(tree: Mapping[bytes, Iterable[Entry]]) -> dict[bytes, Folded]:
    """Return what every node comes to; with them the directory for orphans, which is not there without any."""
    return {ORPHANS: ORPHANAGE} | {key: fold(entries) for key, entries in tree.items()}


def standing(nodes: Mapping[bytes, Folded], tag: Tag) -> dict[bytes, Stand]:
    """Return where each node stands, of `folded`. From every one, the way up ends in the root."""
    places = {key: place_of(key, folded) for key, folded in nodes.items()}
    directories = {tag(key): key for key in nodes if kind_of(key) is Kind.DIRECTORY}
    orphanage = tag(ORPHANS)
    stands = {}
    for key, place in places.items():
        known = place.parent == ROOT or place.parent in directories
        stands[key] = Stand(place.parent if known else orphanage, place.name)
    for key in _loosened(stands, places, directories):
        stands[key] = Stand(ROOT, places[key].name)
    return stands


def _loosened(
    stands: Mapping[bytes, Stand], places: Mapping[bytes, Place], directories: Mapping[bytes, bytes]
) -> list[bytes]:
    """Return one directory of each cycle: that which was put there first."""
    passed: set[bytes] = set()
    loosened = []
    for start in directories.values():
        way: dict[bytes, None] = {}
        here: bytes | None = start
        while here is not None and here not in passed and here not in way:
            way[here] = None
            here = directories.get(stands[here].parent)
        if here is not None and here in way:
            steps = list(way)
            cycle = steps[steps.index(here) :]
            loosened.append(min(cycle, key=lambda key: (places[key].dot, key)))
        passed.update(way)
    return loosened


def living(nodes: Mapping[bytes, Folded], stands: Mapping[bytes, Stand], tag: Tag) -> set[bytes]:
    """Return the nodes that are seen: a removed directory is if anything below it is."""
    directories = {tag(key): key for key in nodes if kind_of(key) is Kind.DIRECTORY}
    alive: set[bytes] = set()
    for key, folded in nodes.items():
        if kind_of(key) is Kind.DIRECTORY and not is_here(folded):
            continue
        here: bytes | None = key
        while here is not None and here not in alive:
            alive.add(here)
            here = directories.get(stands[here].parent)
    return alive


def is_here(folded: Folded) -> bool:
    """Return whether somebody's last word on a directory is that it is there."""
    return any(isinstance(content, DirectoryContent) and content.here for content in folded.contents)


def children(alive: Iterable[bytes], stands: Mapping[bytes, Stand]) -> dict[bytes, dict[bytes, list[bytes]]]:
    """Return number of a directory → name → the nodes that were put there."""
    found: dict[bytes, dict[bytes, list[bytes]]] = {}
    for key in alive:
        parent, name = stands[key]
        found.setdefault(parent, {}).setdefault(name, []).append(key)
    return found
