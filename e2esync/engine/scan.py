"""Compare the folder with what is on it by our own hand: the scan is the truth, events are hints.

First pass: walk the disk beside the rows and put aside everything that is not exactly as it was.
Second pass: settle which node each of those things is: moved, edited, or new. What is missing
counts as deleted only if it is missing again a second later; what cannot be read is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from e2esync.adapters.files import Fingerprint, LocalFolder, Unreadable
from e2esync.adapters.state import DiskRow, FolderState, Found
from e2esync.engine.vault import Clock
from e2esync.tree.keys import ROOT, Kind

GRAIN_NS = 20_000_000  # a change within one tick of the clock may leave the same times
LOOK_AGAIN = 1.0  # seconds until a missing path counts as deleted
BATCH = 1000

PARKED = b".e2esync-moving-"  # names in the root under which directories wait for their place
LETTERS: dict[Kind, Literal["f", "d", "l"]] = {Kind.DIRECTORY: "d", Kind.FILE: "f", Kind.SYMLINK: "l"}
KINDS = {"d": Kind.DIRECTORY, "f": Kind.FILE, "l": Kind.SYMLINK}


class Gone(NamedTuple):
    """A row whose thing is not on the disk."""

    path: bytes
    row: DiskRow


@dataclass
class Scan:
    """What the first pass put aside; what it found lies in the state's `found` table."""

    gone: list[Gone] = field(default_factory=list)
    claimed: set[tuple[bytes, bytes]] = field(default_factory=set)  # places of rows whose thing moved
    failed: list[tuple[bytes, str]] = field(default_factory=list)
    remade: bool = False  # a directory stands where another stood: what was in that one may be gone


class _Directory(NamedTuple):
    path: bytes
    number: bytes | None  # None: which node it is, is not settled
    num: int | None  # its place in the found table, if it is there


def scan(folder: LocalFolder, state: FolderState, *, clock: Clock) -> Scan:
    """Walk the folder; what differs from the rows is in the result and in `state.found()`."""
    return _Scanner(folder, state, clock).run()


class _Scanner:
    def __init__(self, folder: LocalFolder, state: FolderState, clock: Clock) -> None:
        self._folder, self._state, self._clock = folder, state, clock
        self._result = Scan()
        self._batch: list[Found] = []
        self._count = 0
        self._blank = not state.has_rows()

    def run(self) -> Scan:
        self._state.clear_found()
        todo = [_Directory(b"", ROOT, None)]
        while todo:
            directory = todo.pop()
            try:
                todo.extend(self._walk(directory))
            except Unreadable as unreadable:
                self._result.failed.append((directory.path, unreadable.reason))
        self._state.add_found(self._batch)
        self._look_again()
        return self._result

    def _walk(self, directory: _Directory) -> list[_Directory]:
        """Compare one directory with its rows; return those below it."""
        rows = (
            self._state.rows_in(directory.number)
            if directory.number is not None and not self._blank
            else iter(())
        )
        below: list[_Directory] = []
        row = next(rows, None)
        prefix = directory.path + b"/" if directory.path else b""
        gone: list[Gone] = []
        for name, fingerprint in self._folder.list(directory.path):
            while row is not None and row.name < name:
                gone.append(Gone(prefix + row.name, row))
                row = next(rows, None)
            here = row if row is not None and row.name == name else None
            if here is not None:
                row = next(rows, None)
            self._compare(directory, prefix + name, fingerprint, here, below)
        while row is not None:
            gone.append(Gone(prefix + row.name, row))
            row = next(rows, None)
        self._result.gone += gone
        return below

    def _compare(
        self,
        directory: _Directory,
        path: bytes,
        fingerprint: Fingerprint,
        row: DiskRow | None,
        below: list[_Directory],
    ) -> None:
        if not directory.path and path.startswith(PARKED):
            return  # a directory that a pull was moving when it was cut off; its node is due
        kind = KINDS.get(fingerprint.kind)
        if kind is None:
            self._result.failed.append((path, "it is neither a file, a directory nor a symlink"))
            return
        if row is not None and row.kind == kind and row.inode == fingerprint.inode:
            if kind is Kind.DIRECTORY:
                below.append(_Directory(path, row.number, None))
            if not is_unchanged(row, fingerprint):
                self._add(directory, path, kind, fingerprint, None)
            return
        if row is not None and row.kind == kind == Kind.DIRECTORY:
            self._result.remade = True
        claim = None if self._blank else self._claim(path, kind, fingerprint)
        num = self._add(directory, path, kind, fingerprint, claim)
        if kind is Kind.DIRECTORY:
            below.append(_Directory(path, claim.number if claim else None, num))

    def _claim(self, path: bytes, kind: Kind, fingerprint: Fingerprint) -> DiskRow | None:
        """Return the row of the thing that was moved here. An inode alone is no witness."""
        for row in self._state.rows_with_inode(fingerprint.inode):
            place = (row.parent, row.name)
            if row.kind != kind or place in self._result.claimed:
                continue
            if not self._is_same(row, path, fingerprint):
                continue
            old = row_path(self._state, row)
            still = self._folder.stat(old) if old is not None and kind is not Kind.DIRECTORY else None
            if still is not None and still.inode == row.inode:
                continue  # a hard link: the other name is still there
            self._result.claimed.add(place)
            return row
        return None

    def _is_same(self, row: DiskRow, path: bytes, fingerprint: Fingerprint) -> bool:
        """Return whether this is the thing of that row. Its content is read before it counts as the same."""
        if row.kind != Kind.DIRECTORY:
            return (row.size, row.mtime) == (fingerprint.size, fingerprint.mtime_ns)
        birth = self._folder.birth_ns(path)
        return birth is not None and birth == row.birth

    def _add(
        self, directory: _Directory, path: bytes, kind: Kind, fingerprint: Fingerprint, claim: DiskRow | None
    ) -> int:
        self._count += 1
        self._batch.append(
            Found(
                self._count,
                directory.num,
                directory.number,
                path,
                kind,
                *fingerprint[1:],
                claim.parent if claim else None,
                claim.name if claim else None,
            )
        )
        if len(self._batch) >= BATCH:
            self._state.add_found(self._batch)
            self._batch = []
        return self._count

    def _look_again(self) -> None:
        """Keep as gone only what is missing a second time, and was not moved."""
        gone = [
            item for item in self._result.gone if (item.row.parent, item.row.name) not in self._result.claimed
        ]
        if gone or self._result.remade:
            self._clock.sleep(LOOK_AGAIN)
        self._result.gone = [item for item in gone if self._is_missing(item.path)]

    def _is_missing(self, path: bytes) -> bool:
        try:
            return self._folder.stat(path) is None
        except Unreadable as unreadable:
            self._result.failed.append((path, unreadable.reason))
            return False


def is_unchanged(row: DiskRow, fingerprint: Fingerprint) -> bool:
    """Return whether a thing is as our own hand left it. Of a directory only the mode counts."""
    if row.mode != fingerprint.mode and row.kind != Kind.SYMLINK:
        return False
    if row.kind == Kind.DIRECTORY:
        return True
    same = (row.size, row.mtime, row.ctime, row.inode) == (
        fingerprint.size,
        fingerprint.mtime_ns,
        fingerprint.ctime_ns,
        fingerprint.inode,
    )
    return same and row.scanned - row.ctime > GRAIN_NS


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


def below(
    state: FolderState, row: DiskRow, *, but: Callable[[DiskRow], bool] = lambda _row: False
) -> Iterator[DiskRow]:
    """Yield a row and all rows under it, parents first; leave out some, with all that is under those."""
    todo = [row]
    while todo:
        current = todo.pop()
        if but(current):
            continue
        yield current
        if current.number is not None:
            todo.extend(state.rows_in(current.number))
