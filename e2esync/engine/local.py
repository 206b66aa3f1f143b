"""Turn what a scan found into entries of the tree: what became of each row, then the table of local writes in its order.

The table is `merge.local`; here is what it is told: which row each found thing is that of, and which are gone.
"""

from __future__ import annotations

from e2esync.adapters.files import Unreadable
from e2esync.adapters.state import DiskRow, Found
from e2esync.engine.content import ContentStore
from e2esync.engine.going import Going
from e2esync.engine.known import KnownHere, as_row
from e2esync.engine.reading import ChangedWhileRead, Reader
from e2esync.engine.scan import Scan, below
from e2esync.engine.vault import Summary, SyncedFolder, failure
from e2esync.merge.local import LocalWrites
from e2esync.merge.write import Writer
from e2esync.tree.keys import Kind


class LocalWriter:
    """Writes the changes of one scan into the state; for use inside one transaction of it."""

    def __init__(
        self, vault: SyncedFolder, writer: Writer, contents: ContentStore, summary: Summary, going: Going
    ) -> None:
        self._vault, self._state, self._folder = vault, vault.state, vault.folder
        self._summary = summary
        self._known = KnownHere(vault, Reader(vault, contents), summary, going)
        self._writes = LocalWrites(self._known, writer, vault.cipher.directory_number)
        self._going = going
        self._going.total = self._state.count_found()[1]
        self.changed: list[bytes] = []  # keys of nodes

    @property
    def edited(self) -> int:
        """How many files got another content."""
        return self._known.edited

    @property
    def deleted(self) -> int:
        """How many files went."""
        return self._known.deleted

    def write(self, scan: Scan) -> None:
        """Write everything that the scan put aside."""
        self._known.begin()
        if not self._known.is_blank:
            _Matcher(self._vault).match(scan)
        self._write_directories()
        for node in self._state.touched():
            self._settle(node)
        self._write_new()
        for row in self._state.gone_directories():
            self._writes.directory_gone(as_row(row))
        if not self._known.is_blank:
            self._writes.finish()
        self.changed = self._known.finish()
        self._summary.failed += [failure(path, reason) for path, reason in scan.failed]

    def _write_directories(self) -> None:
        for found in self._state.found(Kind.DIRECTORY):
            old = self._row_of(found)
            row, thing = self._known.look(found, old)
            if old is not None and row is not None and (row.stand, row.mode) == (thing.stand, thing.mode):
                self._known.put_row(row, row)  # another one, of the same name
            else:
                self._writes.directory(row, thing)

    def _row_of(self, found: Found) -> DiskRow | None:
        if found.claim_parent is None or found.claim_name is None:
            return None
        return self._state.row_at(found.claim_parent, found.claim_name)

    def _settle(self, node: bytes) -> None:
        try:
            self._known.read_node(node)
        except (Unreadable, ChangedWhileRead) as error:
            self._summary.failed.append(failure(error.path, error.reason))
            return
        self._writes.settle(node)

    def _write_new(self) -> None:
        for found in self._state.found(Kind.FILE, Kind.SYMLINK):
            if found.claim_parent is not None:
                continue
            try:
                thing = self._known.read_new(found)
            except (Unreadable, ChangedWhileRead) as error:
                self._summary.failed.append(failure(found.path, error.reason))
                continue
            self._writes.new(thing)


class _Matcher:
    """Finds out what became of rows: which found thing is which, and what is gone."""

    def __init__(self, vault: SyncedFolder) -> None:
        self._state, self._folder = vault.state, vault.folder
        self._numbers: dict[int, bytes] = {}  # of found directories that have a row
        self._remade: list[tuple[int, bytes, bytes]] = []  # found directory, its path, number
        self._displaced: list[DiskRow] = []
        self._claimed: set[tuple[bytes, bytes]] = set()
        self._spelled: dict[tuple[bytes, bytes], bytes] = {}

    def match(self, scan: Scan) -> None:
        """Note claims, what is gone, and the nodes of files that are concerned."""
        self._claimed, self._spelled = scan.claimed, scan.spelled
        for found in self._state.found():
            self._match(found)
        gone = [row for remade in self._remade for row in self._gone_from(*remade)]
        for row in [*self._displaced, *gone, *(item.row for item in scan.gone)]:
            rows = list(below(self._state, row, but=self._is_elsewhere))
            self._state.add_gone(rows)
            self._state.touch(each.node for each in rows if each.number is None)

    def _match(self, found: Found) -> None:
        parent = found.parent if found.parent is not None else self._numbers.get(found.parent_num or 0)
        place = (parent, found.path.rpartition(b"/")[2]) if parent is not None else None
        if place in self._spelled:
            place = place[0], self._spelled[place]
        row = here = self._state.row_at(*place) if place is not None else None
        if found.claim_parent is not None and found.claim_name is not None:
            row = self._state.row_at(found.claim_parent, found.claim_name)
        elif here is not None and (here.kind != found.kind or place in self._claimed):
            row = None
        elif place is not None and here is not None:
            self._state.claim(found.num, *place)
            if found.kind == Kind.DIRECTORY and found.inode != here.inode:
                self._remade.append((found.num, found.path, here.number or b""))
        if here is not None and here != row and place not in self._claimed:
            self._displaced.append(here)
        if row is not None and row.number is not None:
            self._numbers[found.num] = row.number
        elif row is not None:
            self._state.touch([row.node])

    def _gone_from(self, num: int, path: bytes, number: bytes) -> list[DiskRow]:
        """Return what stood in a directory that another took the place of, and does not stand in that."""
        found = self._state.found_in(num)
        return [
            row
            for row in self._state.rows_in(number)
            if path + b"/" + row.name not in found and self._is_missing(path + b"/" + row.name)
        ]

    def _is_missing(self, path: bytes) -> bool:
        try:
            return self._folder.stat(path) is None
        except Unreadable:
            return False  # unknown; the directory above it is listed as failed

    def _is_elsewhere(self, row: DiskRow) -> bool:
        """Return whether a thing was found elsewhere, with all that is in it."""
        return (row.parent, row.name) in self._claimed
