"""Whether a tree that a head names may count: every value as the format has it (format §8.5)."""

from __future__ import annotations

from collections.abc import Mapping

from e2esync.adapters.state import FolderState
from e2esync.errors import BadObject
from e2esync.format.cbor import decode
from e2esync.merge.view import only, place_of
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import ROOT, Kind, birthplace
from e2esync.tree.values import Entry

MAX_DEPTH = 1024


def check_value(key: bytes, value: bytes, covered: Mapping[bytes, int]) -> Entry:
    """Return the entry of a node, all of whose dots lie inside what the head has seen.

    Raises:
        BadObject: It is not as the format has it.
        Diverged: Several devices have the last word on it.
    """
    kind = birthplace(key).kind
    entries = decode_entries(decode(value), kind)
    for entry in entries:
        seen = (*entry.past, (entry.device, entry.sequence))
        if any(sequence > covered.get(device, 0) for device, sequence in seen):
            raise BadObject("a value of the tree claims a write that its head has not seen")
    return only(entries)


def check_hangs(state: FolderState, node: bytes) -> None:
    """Check that a directory that was moved hangs under the root.

    Raises:
        BadObject: It stands inside itself, too deep, or nowhere.
    """
    current: bytes | None = node
    for _ in range(MAX_DEPTH):
        value = state.node(current) if current is not None else None
        if current is None or value is None:
            raise BadObject("a value of the tree stands in no directory")
        parent, _name = place_of(current, only(decode_entries(decode(value), Kind.DIRECTORY)))
        if parent == ROOT:
            return
        current = state.directory_node(parent)
    raise BadObject("directories of the tree stand inside each other")
