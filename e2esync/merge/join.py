"""Join what two devices hold: commutative, associative, idempotent (format §6.7).

An entry that only one side has is new if the other side has not seen its dot; else it was replaced
or deleted there, and goes. So no common ancestor has to be found, and nothing is written to repair
a merge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from e2esync.merge.fold import past_of, values_of
from e2esync.merge.vector import Vector, covers, union
from e2esync.tree.values import Entry, stored_order

Entries: TypeAlias = frozenset[Entry]
NO_ENTRIES: Entries = frozenset()


class State(NamedTuple):
    """A tree and what it has seen. Nodes without entries are not in it."""

    tree: Mapping[bytes, Entries]  # by key
    context: Vector


EMPTY = State({}, {})


def join(one: State, other: State) -> State:
    """Return what both have come to."""
    tree = {}
    for key in one.tree.keys() | other.tree.keys():
        entries = join_entries(
            one.tree.get(key, NO_ENTRIES), one.context, other.tree.get(key, NO_ENTRIES), other.context
        )
        if entries:
            tree[key] = entries
    return State(tree, union((one.context, other.context)))


def join_entries(one: Entries, seen_by_one: Vector, other: Entries, seen_by_other: Vector) -> Entries:
    """Return the entries of a node after a join of two sides."""
    if one == other:
        return one
    mine, theirs = _by_dot(one), _by_dot(other)
    joined = []
    for dot in mine.keys() | theirs.keys():
        here, there = mine.get(dot), theirs.get(dot)
        if here is not None and there is not None:
            joined.append(here if here == there else unite(here, there))
        elif here is not None and not covers(seen_by_other, *dot):
            joined.append(here)
        elif there is not None and not covers(seen_by_one, *dot):
            joined.append(there)
    return frozenset(joined)


def _by_dot(entries: Entries) -> dict[tuple[bytes, int], Entry]:
    return {(entry.device, entry.sequence): entry for entry in entries}


def unite(one: Entry, other: Entry) -> Entry:
    """Return the entry that holds all that two of the same dot hold.

    No honest device writes two. What a dishonest one passes off under another's dot must not cost
    what that one wrote, so everything stays, and shows as a conflict.
    """
    past = union((past_of(one), past_of(other)))
    del past[one.device]
    places, contents, attributes = values_of((one, other))
    return Entry(
        one.device,
        one.sequence,
        tuple(sorted(past.items())),
        tuple(sorted(places, key=stored_order)),
        tuple(sorted(contents, key=stored_order)),
        tuple(sorted(attributes, key=stored_order)),
    )
