"""What stands on the disk, held against rows and contents: is it that thing, as we left it, of that content?"""

from __future__ import annotations

from typing import NamedTuple

from e2esync.adapters.files import Fingerprint, Unreadable
from e2esync.adapters.state import DiskRow
from e2esync.engine.places import Place, Places
from e2esync.engine.scan import GRAIN_NS, LETTERS, is_unchanged
from e2esync.engine.shown import Shown
from e2esync.engine.vault import SyncedFolder
from e2esync.tree.keys import Kind, kind_of
from e2esync.tree.values import Content, FileContent, SymlinkContent

_BLOCK = 1 << 20  # bytes


class Shows(NamedTuple):
    """What a thing on the disk shows, as its row keeps it."""

    dots: bytes
    is_first: bool  # of the contents of its node
    digest: bytes  # content hash of a file, target of a symlink


def read_hash(vault: SyncedFolder, path: bytes) -> tuple[bytes, Fingerprint] | None:
    """Return the hash of a file's content, and what the file was meanwhile; None if it did not hold still.

    Raises:
        Unreadable: It cannot be read.
    """
    hasher = vault.cipher.content_hasher()
    with vault.folder.open_read(path) as file:
        while block := file.read(_BLOCK):
            hasher.update(block)
        return (hasher.digest(), file.fingerprint) if file.unchanged() else None


class OnDisk:
    """Answers about one folder; reads contents only where nothing else decides."""

    def __init__(self, vault: SyncedFolder) -> None:
        self._vault, self._folder = vault, vault.folder
        self._naming = vault.state.naming()
        self._listed: tuple[bytes, frozenset[bytes]] | None = None  # a directory, and the names in it

    def is_thing(self, row: DiskRow, here: Fingerprint | None, path: bytes) -> bool:
        """Return whether the thing at `path` is that of a row, wherever it stood: times of change may differ.

        A file system gives a freed inode to the next file at once. So a file's size and time have
        to be those of the row, and a directory has to be born when that one was.
        """
        if here is None or row.inode != here.inode or LETTERS.get(Kind(row.kind)) != here.kind:
            return False
        if here.kind != "d":
            return (row.size, row.mtime) == (here.size, here.mtime_ns)
        return row.birth is None or self._folder.birth_ns(path) in {None, row.birth}

    def row_there(self, place: Place, places: Places) -> DiskRow | None:
        """Return the row of what has a place on this disk, also under another name that the disk takes for the same."""
        row = self._vault.state.row_at(*place)
        if row is not None or not self._naming.folds:
            return row
        path = places.path(place)
        try:
            here = self._folder.stat(path) if path is not None else None
        except Unreadable:
            return None  # whoever goes there hears of it
        for row in self._vault.state.rows_with_inode(here.inode) if here is not None else ():
            if row.parent == place[0] and self._naming.is_same(row.name, place[1]):
                return row
        return None

    def is_spelled(self, path: bytes) -> bool:
        """Return whether what stands at a path has this very name; for as long as nothing is changed on the disk."""
        if not self._naming.folds:
            return True
        above, _, name = path.rpartition(b"/")
        if self._listed is None or self._listed[0] != above:
            names = (self._naming.listed(name) for name, _ in self._folder.list(above))
            self._listed = above, frozenset(names)
        return self._naming.listed(name) in self._listed[1]

    def is_as_left(self, row: DiskRow, here: Fingerprint, path: bytes) -> bool:
        """Return whether the thing at `path` is as our own hand left it; of a directory only itself counts.

        Where only a file's times or inode say no, its content decides; then the row gets the new ones.
        """
        if here.kind == "d":
            return self.is_thing(row, here, path)
        if LETTERS.get(Kind(row.kind)) != here.kind:
            return False
        if row.inode == here.inode and is_unchanged(row, here):
            return True
        if (here.kind == "f" and row.mode != here.mode) or self._content(here, path) != row.hash:
            return False
        refreshed = seen_at(row, (row.parent, row.name), here)
        self._vault.state.put_rows([refreshed._replace(inode=here.inode, mtime=here.mtime_ns)])
        return True

    def shows(self, stands: Shown, here: Fingerprint | None, path: bytes) -> bool:
        """Return whether the disk has what the tree wants at this path, whoever brought it."""
        if here is None:
            return False
        return self._has(stands.content, here, path)

    def _has(self, content: Content, here: Fingerprint, path: bytes) -> bool:
        match content:
            case FileContent():
                return (
                    here.kind == "f"
                    and here.size == content.size
                    and self._content(here, path) == content.hash
                )
            case SymlinkContent():
                return here.kind == "l" and self._content(here, path) == content.target
            case _:
                return here.kind == "d"

    def _content(self, here: Fingerprint, path: bytes) -> bytes | None:
        """Return what a row keeps as the hash of a content; None for a file that changes meanwhile."""
        if here.kind == "l":
            return self._folder.read_link(path)
        read = read_hash(self._vault, path)
        return read[0] if read is not None else None

    def row(
        self,
        place: tuple[bytes, bytes],
        node: bytes,
        seen: Fingerprint,
        path: bytes,
        shows: Shows,
    ) -> DiskRow:
        """Return the row of a thing that stands at a place with this path, as seen there just now."""
        is_directory = seen.kind == "d"
        return DiskRow(
            *place,
            node,
            kind_of(node),
            *seen[1:],
            self._folder.birth_ns(path) if is_directory else None,
            # Its time is set to that of its author: a later write shows, however soon it comes.
            max(self._vault.clock.now_ns(), seen.ctime_ns + GRAIN_NS + 1),
            shows.dots,
            shows.is_first,
            shows.digest,
            self._vault.cipher.directory_number(node) if is_directory else None,
        )


def fingerprint(row: DiskRow) -> Fingerprint:
    """Return what a row says of the disk."""
    return Fingerprint(LETTERS[Kind(row.kind)], row.size, row.mtime, row.ctime, row.inode, row.mode)


def seen_at(row: DiskRow, place: tuple[bytes, bytes], seen: Fingerprint) -> DiskRow:
    """Return the row after its thing was renamed to a place, or its mode set, by our own hand."""
    return row._replace(
        parent=place[0],
        name=place[1],
        mode=seen.mode,
        ctime=seen.ctime_ns,
        scanned=seen.ctime_ns + GRAIN_NS + 1,
    )
