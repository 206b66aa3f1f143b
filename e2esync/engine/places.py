"""Where directories stand: in the tree, and on this disk as it is now.

A place is a name in a directory, and the directory is named by its number. So a place stays the
same wherever that directory is moved; only its path changes.
"""

from __future__ import annotations

from e2esync.adapters.state import FolderState
from e2esync.errors import BadObject
from e2esync.merge.standing import ORPHANS
from e2esync.tree.keys import ROOT

MAX_DEPTH = 1024  # names in a path (format §8.5)

Place = tuple[bytes, bytes]  # number of the directory, name


class Places:
    """Paths by the number of the directory, remembered until something moves; what is not there is looked up anew."""

    def __init__(self, state: FolderState) -> None:
        self._state, self._naming = state, state.naming()
        self._known: dict[bytes, bytes] = {ROOT: b""}
        self._depths: dict[bytes, int] = {ROOT: 0}  # in the tree

    def forget(self) -> None:
        """Note that a directory moved on this disk, or went."""
        self._known = {ROOT: b""}

    def path(self, place: Place) -> bytes | None:
        """Return where a place is on this disk, or will be; None where its directory is not there yet.

        Raises:
            BadObject: Directories stand inside each other, or too deep.
        """
        parent, name = place
        directory = self.directory(parent)
        return None if directory is None else join(directory, name)

    def directory(self, number: bytes) -> bytes | None:
        """Return the path of a directory, as `path` does."""
        names: list[bytes] = []
        current = number
        while current not in self._known:
            if len(names) > MAX_DEPTH:
                raise BadObject("directories of the tree stand inside each other")
            place = self._place(current)
            if place is None:
                return None
            current, name = place
            names.append(name)
        found = self._known[number] = join(self._known[current], *reversed(names))
        return found

    def _place(self, number: bytes) -> Place | None:
        """Return where a directory stands, by its row, or else by the tree if no other thing of ours is there."""
        row = self._state.directory_row(number)
        if row is not None:
            return row.parent, row.name
        place = self.in_tree(number)
        return None if place is None or self._is_taken(place) else place

    def _is_taken(self, place: Place) -> bool:
        """Return whether another thing of ours is at a place, or another directory under a name that is the same here."""
        if self._state.row_at(*place) is not None:
            return True
        here = self._state.directories_in(place[0]) if self._naming.folds else ()
        return any(self._naming.is_same(row.name, place[1]) for row in here)

    def in_tree(self, number: bytes) -> Place | None:
        """Return where the tree has a directory; None if it has none of this number."""
        node = self._state.directory_node(number)
        if node is None or (node != ORPHANS and self._state.node(node) is None):
            return None
        crowded = self._state.crowd_of(node)
        return (crowded[0].parent, crowded[0].name) if crowded else self._state.stand(node)

    def depth_in_tree(self, number: bytes) -> int:
        """Return how many directories of the tree stand above what is in this one.

        Raises:
            BadObject: It hangs under nothing, or too deep.
        """
        above: list[bytes] = []
        while number not in self._depths:
            place = self.in_tree(number)
            if place is None or len(above) > MAX_DEPTH:
                raise BadObject("a value of the tree stands in no directory, or too deep")
            above.append(number)
            number = place[0]
        depth = self._depths[number]
        for each in reversed(above):
            depth += 1
            self._depths[each] = depth
        return depth

    def path_in_tree(self, place: Place) -> bytes:
        """Return the path of a place in the tree, wherever things stand on this disk.

        Raises:
            BadObject: The directory hangs under nothing, or too deep.
        """
        parent, name = place
        names = [name]
        while parent != ROOT:
            above = self.in_tree(parent)
            if above is None or len(names) > MAX_DEPTH:
                raise BadObject("a value of the tree stands in no directory")
            parent, name = above
            names.append(name)
        return join(*reversed(names))


def join(*names: bytes) -> bytes:
    """Return names as one path."""
    return b"/".join([name for name in names if name])
