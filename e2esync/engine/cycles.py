"""Directories that devices moved into each other at the same time: one of each cycle goes to the root (format §6.9)."""

from __future__ import annotations

from e2esync.adapters.state import FolderState
from e2esync.engine.shown import entries_of
from e2esync.merge.fold import fold, place_of
from e2esync.tree.keys import ROOT
from e2esync.tree.values import Dot, Place


def loosen(state: FolderState) -> list[bytes]:
    """Bring the places of directories into line with what was moved; return those that may stand elsewhere, as due."""
    before = state.loose()
    for node in before:
        place = _said(state, node)
        if place is None:
            state.drop_moved(node)
        else:
            state.put_moved(node, place.parent, place.name)
    found = _one_of_each_cycle(state)
    for node, name in found.items():
        state.put_moved(node, ROOT, name)
    state.set_loose(found)
    state.add_due({*before, *found})
    return [*before, *found]


def _one_of_each_cycle(state: FolderState) -> dict[bytes, bytes]:
    """Return node and name of that directory of each cycle which was put there first.

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
            found[first] = state.stand(first)[1]
        passed.update(way)
    return found


def _said(state: FolderState, node: bytes) -> Place | None:
    """Return where the tree says that a directory was put; None where it was born, or if it is gone."""
    entries = entries_of(state, node)
    folded = fold(entries) if entries else None
    return place_of(node, folded) if folded is not None and folded.places else None


def _dot(state: FolderState, node: bytes) -> Dot:
    place = _said(state, node)
    return place.dot if place is not None else Dot(0, bytes(16), 0)
