"""Where directories stand: in the tree, and on this disk as it is now."""

from __future__ import annotations

from e2esync.adapters.state import FolderState
from e2esync.errors import BadObject
from e2esync.format.cbor import decode
from e2esync.merge.view import place_of
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import ROOT, Kind

MAX_DEPTH = 1024  # directories above each other


class Places:
    """Paths by the number of the directory, remembered until something moves."""

    def __init__(self, state: FolderState) -> None:
        self._state = state
        self._here: dict[bytes, bytes] = {ROOT: b""}

    def forget(self) -> None:
        """Note that a directory moved on this disk."""
        self._here = {ROOT: b""}

    def path(self, parent: bytes, name: bytes) -> bytes:
        """Return where a name in a directory stands on this disk now, or will where the disk lacks the directory.

        Raises:
            BadObject: The directory hangs under nothing, or too deep.
        """
        return join(self.directory(parent), name)

    def directory(self, number: bytes) -> bytes:
        """Return the path of a directory, as `path` does."""
        names: list[bytes] = []
        current = number
        while current not in self._here:
            if len(names) > MAX_DEPTH:
                raise BadObject("directories of the tree stand inside each other")
            row = self._state.directory_row(current)
            parent, name = (row.parent, row.name) if row is not None else self.in_tree(current)
            names.append(name)
            current = parent
        found = join(self._here[current], *reversed(names))
        self._here[number] = found
        return found

    def in_tree(self, number: bytes) -> tuple[bytes, bytes]:
        """Return parent and name of a directory as the tree has them."""
        node = self._state.directory_node(number)
        value = self._state.node(node) if node is not None else None
        if node is None or value is None:
            raise BadObject("a value of the tree stands in no directory")
        return place_of(node, decode_entries(decode(value), Kind.DIRECTORY)[0])

    def depth_in_tree(self, number: bytes) -> int:
        """Return how many directories of the tree stand above what is in this one."""
        depth = 0
        while number != ROOT:
            if depth > MAX_DEPTH:
                raise BadObject("directories of the tree stand inside each other")
            number, depth = self.in_tree(number)[0], depth + 1
        return depth


def join(*names: bytes) -> bytes:
    """Return names as one path."""
    return b"/".join([name for name in names if name])
