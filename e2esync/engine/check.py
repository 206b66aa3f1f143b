"""Whether a tree that a head names may count: every value as the format has it (format §8.5)."""

from __future__ import annotations

from collections.abc import Iterable

from e2esync.engine.places import MAX_DEPTH, Places
from e2esync.errors import BadObject
from e2esync.format.cbor import decode
from e2esync.merge.vector import Vector, covers
from e2esync.tree.codec import are_too_many, decode_entries
from e2esync.tree.keys import birthplace
from e2esync.tree.values import Entry


def check_value(key: bytes, value: bytes, covered: Vector) -> tuple[Entry, ...]:
    """Return the entries of a node, all of whose dots lie inside what the head has seen.

    Raises:
        BadObject: They are not as the format has them.
    """
    kind = birthplace(key).kind
    entries = decode_entries(decode(value), kind)
    if are_too_many(entries):
        raise BadObject("a node of the tree has more values than it may have")
    for entry in entries:
        _check_seen((*entry.past, (entry.device, entry.sequence)), covered)
    return entries


def check_kept(value: bytes, covered: Vector) -> None:
    """Check the dots of a node that is good but for the head that it is of: only what it covers is looked at.

    Raises:
        BadObject: They do not lie inside what the head has seen.
    """
    for devices, _, sequence, past, *_ in decode(value, is_counted=False):
        _check_seen([(devices[0], sequence), *((devices[n], other) for n, other in past)], covered)


def _check_seen(dots: Iterable[tuple[bytes, int]], covered: Vector) -> None:
    if not all(covers(covered, device, sequence) for device, sequence in dots):
        raise BadObject("a value of the tree claims a write that its head has not seen")


def check_hangs(places: Places, number: bytes) -> None:
    """Check that a directory hangs under the root, and that what is in it is no deeper than 1024 names.

    Raises:
        BadObject: It stands inside itself, too deep, or nowhere.
    """
    if places.depth_in_tree(number) >= MAX_DEPTH:
        raise BadObject("a value of the tree stands too deep")
