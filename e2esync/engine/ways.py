"""From paths to rows and back: how far a path leads through directories that are as their rows say."""

from __future__ import annotations

from collections.abc import Iterable

from e2esync.adapters.files import LocalFolder
from e2esync.adapters.state import DiskRow, FolderState
from e2esync.tree.keys import ROOT


class Ways:
    """The ways to the paths that one scan looks at; each directory on them is looked at once."""

    def __init__(self, folder: LocalFolder, state: FolderState) -> None:
        self._folder, self._state = folder, state
        self._known: dict[bytes, bytes | None] = {}  # number by path; None: it is not as its row says
        self._passed: set[bytes] = set()
        self._closed: set[bytes] = set()

    def first_unknown(self, path: bytes) -> tuple[bytes, bytes] | None:
        """Return the first path on the way, itself included, that is not known, and the number of the directory it is in.

        None if that was returned before, or is in what is closed.

        Raises:
            Unreadable: It cannot be seen.
        """
        names, number = path.split(b"/"), ROOT
        for depth in range(1, len(names) + 1):
            top = b"/".join(names[:depth])
            if top in self._closed:
                return None
            inside = self._inside(top, number) if depth < len(names) else None
            if inside is None:
                break
            number = inside
        if top in self._passed:
            return None
        self._passed.add(top)
        return top, number

    def close(self, path: bytes) -> None:
        """Note that all that is in a directory is looked at anyhow."""
        self._closed.add(path)

    def paths(self, places: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
        """Return the paths of rows by their places."""
        rows = (self._state.row_at(*place) for place in places)
        paths = (row_path(self._state, row) for row in rows if row is not None)
        return [path for path in paths if path is not None]

    def _inside(self, path: bytes, parent: bytes) -> bytes | None:
        if path not in self._known:
            self._known[path] = self._number(path, parent)
        return self._known[path]

    def _number(self, path: bytes, parent: bytes) -> bytes | None:
        row = self._state.row_at(parent, path.rpartition(b"/")[2])
        if row is None or row.number is None:
            return None
        here = self._folder.stat(path)
        is_known = here is not None and (here.kind, here.inode) == ("d", row.inode)
        return row.number if is_known else None


def row_path(state: FolderState, row: DiskRow) -> bytes | None:
    """Return the path of a row, or None if a directory above it has no row."""
    names = [row.name]
    parent = row.parent
    while parent != ROOT:
        above = state.directory_row(parent)
        if above is None:
            return None
        names.append(above.name)
        parent = above.parent
    return b"/".join(reversed(names))
