"""What cannot stand where it was put: strays, and one directory of each cycle (format §6.9).

A stray is a node whose directory is not in the tree: it stands in a directory for all of them. A cycle is of
directories that devices moved into each other at the same time: one of them goes to the root. Each goes back
to its place as soon as it can.
"""

from __future__ import annotations

from typing import NamedTuple

from e2esync.adapters.state import FolderState
from e2esync.engine.shown import entries_of
from e2esync.merge.fold import fold, place_of
from e2esync.merge.standing import ORPHANS
from e2esync.tree.keys import ROOT
from e2esync.tree.values import Dot, Place

_Stand = tuple[bytes, bytes]  # number of the directory, name


class Loose(NamedTuple):
    """What stands elsewhere than it did."""

    nodes: list[bytes]  # keys
    parents: list[bytes]  # numbers of the directories that they left, or stand in now


def put_right(state: FolderState, orphanage: bytes, *, has_moved: bool) -> Loose:
    """Bring the places of all nodes into line with what came in; return what stands elsewhere by it.

    Args:
        state: With what came in as the tree at hand.
        orphanage: Number of the directory of strays.
        has_moved: Whether directories were moved, or nodes are loose.
    """
    before = {node: state.stand(node) for node in state.loose()}
    for node in before:
        _put_back(state, node)
    had_strays = state.node(ORPHANS) is None and state.drop_directory(ORPHANS) is not None
    strays = {node: (orphanage, state.stand(node)[1]) for node in state.strays()}
    _put(state, strays)
    if strays:
        state.put_directories([(orphanage, ORPHANS)])
    cycles = _one_of_each_cycle(state) if has_moved or strays else {}
    _put(state, cycles)
    after = strays | cycles
    state.set_loose(after)
    changed = [node for node in {**before, **after} if before.get(node) != after.get(node)]
    places = [place for node in changed for place in (before.get(node), state.stand(node)) if place]
    orphans = [ORPHANS] if had_strays and not strays else []
    return Loose([*changed, *orphans], list({parent for parent, _ in places}))


def _put_back(state: FolderState, node: bytes) -> None:
    place = _said(state, node)
    if place is None:
        state.drop_moved(node)
    else:
        state.put_moved(node, place.parent, place.name)


def _put(state: FolderState, stands: dict[bytes, _Stand]) -> None:
    for node, (parent, name) in stands.items():
        state.put_moved(node, parent, name)


def _one_of_each_cycle(state: FolderState) -> dict[bytes, _Stand]:
    """Return that directory of each cycle which was put there first, and where it goes.

    A birthplace never leads back to itself, as numbers are hashes; so every cycle holds one that was moved.
    """
    passed, found = set[bytes](), {}
    for start in state.moved_directories():
        way: dict[bytes, None] = {}
        here: bytes | None = start
        while here is not None and here not in passed and here not in way:
            way[here] = None
            here = state.directory_node(state.stand(here)[0])
        if here is not None and here in way:
            steps = list(way)
            first = min(steps[steps.index(here) :], key=lambda node: (_dot(state, node), node))
            found[first] = ROOT, state.stand(first)[1]
        passed.update(way)
    return found


def _said(state: FolderState, node: bytes) -> Place | None:
    """Return where the tree says that a node was put; None where it was born, or if it is gone."""
    entries = entries_of(state, node)
    folded = fold(entries) if entries else None
    return place_of(node, folded) if folded is not None and folded.places else None


def _dot(state: FolderState, node: bytes) -> Dot:
    place = _said(state, node)
    return place.dot if place is not None else Dot(0, bytes(16), 0)
