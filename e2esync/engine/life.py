"""Directories that were removed, and are shown all the same for what somebody else put or changed in them (format §6.9)."""

from __future__ import annotations

from collections.abc import Iterable

from e2esync.adapters.state import FolderState
from e2esync.format.cbor import decode
from e2esync.merge.fold import fold
from e2esync.merge.standing import is_here
from e2esync.merge.view import Shown, shown
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import Kind, kind_of


def shown_here(state: FolderState, key: bytes) -> Shown | None:
    """Return what a node of the tree shows, or None.

    Raises:
        Diverged: It has several contents.
    """
    value = state.node(key)
    if value is None:
        return None
    entries = decode_entries(decode(value), kind_of(key))
    stands = shown(key, entries)
    if kind_of(key) is not Kind.DIRECTORY:
        return stands
    if stands is None and has_life(state, key):
        stands = shown(key, entries, has_life=True)
    return Shown(*state.stand(key), *stands[2:]) if stands is not None else None


def has_life(state: FolderState, directory: bytes) -> bool:
    """Return whether anything is shown in a directory, at any depth."""
    todo, passed = [directory], {directory}
    while todo:
        number = state.directory_number(todo.pop())
        for key in list(state.children(number)) if number is not None else ():
            if kind_of(key) is not Kind.DIRECTORY or _is_here(state, key):
                return True
            if key not in passed:
                passed.add(key)
                todo.append(key)
    return False


def removed_above(state: FolderState, numbers: Iterable[bytes]) -> list[bytes]:
    """Return the directories that were removed, of these and all above them."""
    found, passed = [], set[bytes]()
    for start in numbers:
        number = start
        while number not in passed:
            passed.add(number)
            key = state.directory_node(number)
            value = state.node(key) if key is not None else None
            if key is None or value is None:
                break
            folded = fold(decode_entries(decode(value), Kind.DIRECTORY))
            if not is_here(folded):
                found.append(key)
            number = state.stand(key)[0]
    return found


def _is_here(state: FolderState, directory: bytes) -> bool:
    value = state.node(directory)
    return value is not None and is_here(fold(decode_entries(decode(value), Kind.DIRECTORY)))
