"""What the joined tree shows: everything in it, or what stands at one path (format §6).

Nothing here looks at the disk or the store. Paths are those of the tree, also where this disk does
not follow yet. A directory that was removed is not listed, but what lives on below it keeps its path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from e2esync.adapters.state import FolderState
from e2esync.engine.places import MAX_DEPTH, Places, join
from e2esync.engine.shown import Shown, shown_at, shown_of
from e2esync.errors import BadObject
from e2esync.merge.standing import ORPHANS
from e2esync.tree.keys import ROOT, Kind, kind_of
from e2esync.tree.values import FileContent, SymlinkContent

BATCH = 1000  # nodes read at once: no cursor stays open while the caller works with them
REMEMBERED = 10_000  # directories whose paths are kept


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a vault shows."""

    path: bytes  # relative to the folder, names as they are on the disk, between `/`
    kind: Kind
    size: int  # bytes of a file's content, else 0
    mtime_ns: int | None  # ns since 1970, of a file or symlink
    mode: int | None  # permission bits, 0 to 0o777, where the vault has some
    target: bytes | None  # of a symlink


def entries(state: FolderState) -> Iterator[Entry]:
    """Yield everything that the tree shows, in the order of the tree: no order of paths.

    Memory does not grow with the tree. The state must not change before the end.

    Raises:
        BadObject: The tree does not hang together.
    """
    for path, key, shown in everything(state):
        yield _entry(path, kind_of(key), shown)


def everything(state: FolderState) -> Iterator[tuple[bytes, bytes, Shown]]:
    """Yield path, node and what is shown of it, in the order of the tree; the state must not change before the end."""
    paths = _TreePaths(state)
    for key in _nodes(state):
        for shown in shown_of(state, key):
            yield join(paths.directory(shown.parent), shown.name), key, shown


def find(state: FolderState, path: bytes) -> tuple[bytes, Shown] | None:
    """Return which node the tree shows at a path, and what of it."""
    *directories, last = path.split(b"/")
    parent = ROOT
    for name in directories:
        found = shown_at(state, parent, name)
        number = state.directory_number(found[0]) if found is not None else None
        if number is None:
            return None
        parent = number
    return shown_at(state, parent, last)


def _nodes(state: FolderState) -> Iterator[bytes]:
    after = b""
    while batch := list(islice(state.items(0, after=after), BATCH)):
        yield from (key for key, _ in batch)
        after = batch[-1][0]
    if state.node(ORPHANS) is None:
        yield ORPHANS


def _entry(path: bytes, kind: Kind, stands: Shown) -> Entry:
    match stands.content:
        case FileContent() as content:
            return Entry(path, kind, content.size, content.mtime, stands.mode, None)
        case SymlinkContent() as content:
            return Entry(path, kind, 0, content.mtime, stands.mode, content.target)
        case _:
            return Entry(path, kind, 0, None, stands.mode, None)


class _TreePaths:
    """Paths of directories as the tree has them; how many are remembered is bounded."""

    def __init__(self, state: FolderState) -> None:
        self._places = Places(state)
        self._known: dict[bytes, bytes] = {ROOT: b""}

    def directory(self, number: bytes) -> bytes:
        names: list[bytes] = []
        current = number
        while current not in self._known:
            if len(names) > MAX_DEPTH:
                raise BadObject("directories of the tree stand inside each other")
            place = self._places.in_tree(current)
            if place is None:
                raise BadObject("a value of the tree stands in no directory")
            current, name = place
            names.append(name)
        found = join(self._known[current], *reversed(names))
        if len(self._known) >= REMEMBERED:
            self._known = {ROOT: b""}
        self._known[number] = found
        return found
