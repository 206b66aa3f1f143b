"""Compare the folder with what is on it by our own hand: the scan is the truth, events are hints.

First pass: walk the disk beside the rows and put aside everything that is not exactly as it was.
Second pass: settle which node each of those things is: moved, edited, or new. What is missing
counts as deleted only if it is missing again a second later; what cannot be read is unknown.

Ignore rules are asked about what would be written, and about nothing that is as it was. If they are
not those of the last scan, they are asked about every row, and the folder is walked once more.

Somebody who watches the folder knows where something may have changed: then only that is looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from e2esync.adapters.files import Fingerprint, LocalFolder, Unreadable
from e2esync.adapters.state import DiskRow, FolderState, Found
from e2esync.engine.diskrules import DiskRules, own_names
from e2esync.engine.shown import shown_at
from e2esync.engine.vault import Clock
from e2esync.engine.ways import Ways, row_path
from e2esync.ignoring.rules import RULES_FILE
from e2esync.merge.standing import ORPHANS
from e2esync.tree.keys import ROOT, Kind, kind_of

GRAIN_NS = 20_000_000  # a change within one tick of the clock may leave the same times
LOOK_AGAIN = 1.0  # seconds until a missing path counts as deleted
BATCH = 1000
BACKUPS = (b"~", b".bak")  # gedit, vim, emacs, rsync, cp and mv; sed
RULES_NOTED = "ignore rules"  # what names all files of rules that the last scan went by
ANEW = b"anew"  # noted in place of that: the next scan asks about everything

_PARKED = re.compile(rb"\.e2esync-moving-[0-9a-f]{32}")
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
    spelled: dict[tuple[bytes, bytes], bytes] = field(
        default_factory=dict
    )  # place on the disk → name in the row of what the disk takes for the same
    untracked: dict[tuple[bytes, bytes], DiskRow] = field(
        default_factory=dict
    )  # rows of what is ignored, by place
    rules: bytes | None = None  # what names the files of rules it went by
    remade: bool = False  # a directory stands where another stood: what was in that one may be gone


class _Directory(NamedTuple):
    path: bytes
    number: bytes | None  # None: which node it is, is not settled
    num: int | None  # its place in the found table, if it is there


Within: TypeAlias = Collection[bytes] | None
"""Paths at which something may have changed: all else is taken to be as it was. None: nobody knows."""


class _RulesChanged(Exception):
    """What changed, or came, are ignore rules: they decide about more than was to be looked at."""


def scan(folder: LocalFolder, state: FolderState, *, clock: Clock, within: Within = None) -> Scan:
    """Walk the folder, or look `within` it; what differs from the rows is in the result and in `state.found()`.

    A directory that is named is walked whole: what came with it may not be named.
    """
    noted = state.get(RULES_NOTED)
    can_name = not state.naming().folds  # else only a listing tells how a name is spelled
    if within is not None and can_name and noted != ANEW and state.has_rows():
        try:
            scanner = _Scanner(folder, state, clock)
            scanner.look_at(within, rules=noted)
            return scanner.finish()
        except _RulesChanged:
            pass
    scanner = _Scanner(folder, state, clock)
    if scanner.walk() != noted:
        scanner = _Scanner(folder, state, clock)
        scanner.ask_about_rows()
        scanner.walk()
    return scanner.finish()


class _Scanner:
    def __init__(self, folder: LocalFolder, state: FolderState, clock: Clock) -> None:
        self._folder, self._state, self._clock = folder, state, clock
        self._naming = state.naming()
        self._folds = self._naming.folds
        self._rules = DiskRules(folder, own_names(state))
        self._new: set[int] = set()  # found directories that have no row
        self._maybe_hollow: set[int] = set()  # of those, in which something is ignored
        self._displaced: list[Gone] = []  # rows in whose place something ignored of another kind stands
        self._result = Scan()
        self._batch: list[Found] = []
        self._count = 0
        self._blank = not state.has_rows()
        self._is_partial = False

    def ask_about_rows(self) -> None:
        """Find the rows of what is ignored; where that is unknown, they stay."""
        todo: list[tuple[bytes, bytes]] = [(b"", ROOT)]
        while todo:
            path, number = todo.pop()
            for row in list(self._state.rows_in(number)):
                below = path + b"/" + row.name if path else row.name
                try:
                    if self._rules.is_ignored(below, is_directory=row.number is not None):
                        self._result.untracked[row.parent, row.name] = row
                    elif row.number is not None:
                        todo.append((below, row.number))
                except Unreadable:
                    break

    def walk(self) -> bytes | None:
        """Walk the folder; return what names the rules that it went by."""
        self._state.clear_found()
        self._walk_all([_Directory(b"", ROOT, None)])
        self._state.add_found(self._batch)
        self._result.rules = self._rules.digest()
        return self._result.rules

    def look_at(self, paths: Collection[bytes], *, rules: bytes | None) -> None:
        """Look at these paths alone, by the rules that were noted.

        Raises:
            _RulesChanged: Those are not all the rules any more.
        """
        self._is_partial = True
        self._state.clear_found()
        ways, todo = Ways(self._folder, self._state), sorted(paths, reverse=True)
        while todo:
            path = todo.pop()
            claimed = set(self._result.claimed)
            try:
                spot = ways.first_unknown(path)
                if spot is not None:
                    self._look_at(*spot, ways)
            except Unreadable as unreadable:
                self._result.failed.append((path, unreadable.reason))
            todo += ways.paths(self._result.claimed - claimed)  # something else may stand there now
        self._state.add_found(self._batch)
        self._result.rules = rules

    def _look_at(self, path: bytes, number: bytes, ways: Ways) -> None:
        """Compare what stands at a path in a known directory with its row; walk it, if it is a directory."""
        above, _, name = path.rpartition(b"/")
        if name == RULES_FILE:
            raise _RulesChanged
        here, row = self._folder.stat(path), self._state.row_at(number, name)
        below: list[_Directory] = []
        if here is not None:
            self._compare(_Directory(above, number, None), path, here, row, below)
        elif row is not None and not self._is_ignored_row(gone := Gone(path, row)):
            self._result.gone.append(gone)
        if below:
            ways.close(path)
            self._walk_all(below)

    def _walk_all(self, todo: list[_Directory]) -> None:
        while todo:
            directory = todo.pop()
            try:
                todo.extend(self._walk(directory))
            except Unreadable as unreadable:
                self._result.failed.append((directory.path, unreadable.reason))

    def finish(self) -> Scan:
        """Return what was put aside."""
        if self._maybe_hollow:
            self._leave_out_hollow()
        self._look_again()
        return self._result

    def _walk(self, directory: _Directory) -> list[_Directory]:
        """Compare one directory with its rows; return those below it."""
        rows = (
            self._state.rows_in(directory.number)
            if directory.number is not None and not self._blank
            else iter(())
        )
        if self._result.untracked:
            rows = (row for row in rows if (row.parent, row.name) not in self._result.untracked)
        below: list[_Directory] = []
        row = next(rows, None)
        prefix = directory.path + b"/" if directory.path else b""
        gone: list[Gone] = []
        new: list[
            tuple[bytes, Fingerprint]
        ] = []  # whose name no row has, where the disk takes names for the same
        for name, fingerprint in self._folder.list(directory.path):
            while row is not None and row.name < name:
                gone.append(Gone(prefix + row.name, row))
                row = next(rows, None)
            here = row if row is not None and row.name == name else None
            if here is not None:
                row = next(rows, None)
            if name == RULES_FILE:
                self._see_rules(directory)
            if here is None and self._folds:
                new.append((name, fingerprint))
            else:
                self._compare(directory, prefix + name, fingerprint, here, below)
        while row is not None:
            gone.append(Gone(prefix + row.name, row))
            row = next(rows, None)
        spelled = self._spelled_otherwise([name for name, _ in new], gone) if new and gone else {}
        for name, fingerprint in new:
            here = spelled.get(name)
            if here is not None and self._naming.listed(here.name) == self._naming.listed(name):
                name = here.name  # noqa: PLW2901  so it was written, and the disk lists it otherwise
            self._compare(directory, prefix + name, fingerprint, here, below)
        self._result.gone += [item for item in gone if not self._is_ignored_row(item)]
        return below

    def _spelled_otherwise(self, names: list[bytes], gone: list[Gone]) -> dict[bytes, DiskRow]:
        """Return the rows of what has new names, that the disk takes for the same as those it had; it is not gone."""
        left = {self._naming.folded(item.row.name): item for item in gone}
        found: dict[bytes, DiskRow] = {}
        for name in names:
            item = left.pop(self._naming.folded(name), None)
            if item is not None:
                found[name] = item.row
                self._result.spelled[item.row.parent, name] = item.row.name
        places = {(row.parent, row.name) for row in found.values()}
        gone[:] = [item for item in gone if (item.row.parent, item.row.name) not in places]
        return found

    def _see_rules(self, directory: _Directory) -> None:
        """See that the rules in a directory can be understood; where only a part is looked at, they are news."""
        if self._is_partial:
            raise _RulesChanged
        self._rules.look_into(directory.path)

    def _is_ignored_row(self, gone: Gone) -> bool:
        """Return whether what is gone is ignored: then it is not followed any more, and not gone."""
        row = gone.row
        is_ignored = self._rules.is_ignored(gone.path, is_directory=row.number is not None)
        if is_ignored and (row.parent, row.name) not in self._result.claimed:
            self._result.untracked[row.parent, row.name] = row
        return is_ignored

    def _compare(
        self,
        directory: _Directory,
        path: bytes,
        fingerprint: Fingerprint,
        row: DiskRow | None,
        below: list[_Directory],
    ) -> None:
        if row is None and not directory.path and is_parked(path):
            return  # a thing that a run was moving when it was cut off, and that no stock has found yet
        kind = KINDS.get(fingerprint.kind)
        is_known = row is not None and row.kind == kind and row.inode == fingerprint.inode
        is_same = row is not None and is_known and self._is_as_left(row, path, fingerprint)
        if not is_same and self._rules.is_ignored(path, is_directory=kind is Kind.DIRECTORY):
            self._pass_over(directory, path, row)
            return
        if kind is None:
            self._result.failed.append((path, "it is neither a file, a directory nor a symlink"))
            return
        if row is not None and is_known:
            if kind is Kind.DIRECTORY:
                below.append(_Directory(path, row.number, None))
            if not is_same:
                self._add(directory, path, kind, fingerprint, None)
            return
        if row is not None and row.kind == kind == Kind.DIRECTORY:
            self._result.remade = True
        is_rules, has_own = path.rpartition(b"/")[2] == RULES_FILE, row is not None and row.kind == kind
        may_have_moved = not self._blank and not is_rules
        claim = self._claim(path, kind, fingerprint, has_own=has_own) if may_have_moved else None
        num = self._add(directory, path, kind, fingerprint, claim)
        if kind is Kind.DIRECTORY and row is None and claim is None:
            self._new.add(num)
        if kind is Kind.DIRECTORY:
            below.append(_Directory(path, claim.number if claim else None, num))

    def _is_as_left(self, row: DiskRow, path: bytes, fingerprint: Fingerprint) -> bool:
        """Return whether a thing is as its row says: no directory either that got the inode of one that was removed."""
        if not is_unchanged(row, fingerprint) or (self._folds and row.name != path.rpartition(b"/")[2]):
            return False
        if row.kind != Kind.DIRECTORY or fingerprint.ctime_ns == row.ctime or row.birth is None:
            return True
        return self._folder.birth_ns(path) in {None, row.birth}

    def _pass_over(self, directory: _Directory, path: bytes, row: DiskRow | None) -> None:
        """Leave out what is ignored; if it has a row, it is not followed any more."""
        if row is not None and self._rules.is_ignored(path, is_directory=row.number is not None):
            self._result.untracked[row.parent, row.name] = row
        elif row is not None:
            self._displaced.append(Gone(path, row))
        elif directory.num in self._new:
            self._maybe_hollow.add(directory.num)

    def _leave_out_hollow(self) -> None:
        """Leave out new directories that hold nothing but what is ignored, and rules: they were never synced, or went."""
        inside, new, rules = Counter[int](), dict[int, Found](), dict[int, int]()
        for found in self._state.found():
            if found.parent_num is not None and found.path.endswith(b"/" + RULES_FILE):
                rules[found.parent_num] = found.num
            elif found.parent_num is not None:
                inside[found.parent_num] += 1
            if found.num in self._new:
                new[found.num] = found
        todo, hollow = list(self._maybe_hollow), dict[int, None]()
        while todo:
            found = new[todo.pop()]
            if inside[found.num] or found.num in hollow or self._is_wanted(found):
                continue
            hollow[found.num] = None
            if found.parent_num is not None:
                inside[found.parent_num] -= 1
                if found.parent_num in self._new and not inside[found.parent_num]:
                    todo.append(found.parent_num)
        self._state.drop_found([*hollow, *(rules[num] for num in hollow if num in rules)])

    def _is_wanted(self, found: Found) -> bool:
        """Return whether something else has a new directory's place in the tree: then the two have to stand beside."""
        if found.parent is None:
            return False
        shown = shown_at(self._state, found.parent, found.path.rpartition(b"/")[2])
        if shown is None:
            return False
        return kind_of(shown[0]) is not Kind.DIRECTORY or bool(self._state.rows_of(shown[0]))

    def _claim(self, path: bytes, kind: Kind, fingerprint: Fingerprint, *, has_own: bool) -> DiskRow | None:
        """Return the row of the thing that was moved here. An inode alone is no witness."""
        for row in self._state.rows_with_inode(fingerprint.inode):
            place = (row.parent, row.name)
            if (
                row.kind != kind
                or place in self._result.claimed
                or row.name == RULES_FILE
                or row.node == ORPHANS
            ):
                continue
            if not self._is_same(row, path, fingerprint, has_own=has_own):
                continue
            old = row_path(self._state, row)
            if old is not None and kind is not Kind.DIRECTORY and self._is_still_there(row, old, kind, path):
                continue
            self._result.claimed.add(place)
            return row
        return None

    def _is_still_there(self, row: DiskRow, old: bytes, kind: Kind, path: bytes) -> bool:
        """Return whether a row's file is where it was, and what is at `path` only linked to it, or kept of it."""
        still = self._folder.stat(old)
        if still is None:
            return False
        if still.inode == row.inode:
            return not self._naming.is_same(old, path)
        return is_backup(path, old) and self._is_new(old, kind, still)  # saved anew

    def _is_new(self, path: bytes, kind: Kind, here: Fingerprint) -> bool:
        """Return whether what stands at a path is of a kind, and not a known thing that was moved there."""
        rows = [row for row in self._state.rows_with_inode(here.inode) if row.kind == kind]
        return here.kind == LETTERS[kind] and not any(
            self._is_same(row, path, here, has_own=True) for row in rows
        )

    def _is_same(self, row: DiskRow, path: bytes, fingerprint: Fingerprint, *, has_own: bool) -> bool:
        """Return whether this is the thing of that row: a freed inode goes to the next file at once.

        Programs that unpack give many files one time, so that a file has to be born before it last changed. Where
        births are not told, a file under a name that had one (`has_own`) is that one, edited.
        """
        if row.kind == Kind.DIRECTORY:
            birth = self._folder.birth_ns(path)
            return birth is not None and birth == row.birth
        if (row.size, row.mtime) != (fingerprint.size, fingerprint.mtime_ns):
            return False
        birth = self._folder.birth_ns(path)
        return not has_own if birth is None else birth <= row.ctime

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
        gone = self._unclaimed(self._result.gone)
        if gone or self._result.remade:
            self._clock.sleep(LOOK_AGAIN)
        self._result.gone = [item for item in gone if self._is_missing(item)]
        self._result.gone += self._unclaimed(self._displaced)

    def _unclaimed(self, gone: list[Gone]) -> list[Gone]:
        return [item for item in gone if (item.row.parent, item.row.name) not in self._result.claimed]

    def _is_missing(self, item: Gone) -> bool:
        try:
            here = self._folder.stat(item.path)
        except Unreadable as unreadable:
            self._result.failed.append((item.path, unreadable.reason))
            return False
        return here is None or (self._folds and self._is_of_another(item.row, here))

    def _is_of_another(self, row: DiskRow, here: Fingerprint) -> bool:
        """Return whether what stands where a row's thing stood is another's, under a name that the disk takes for the same."""
        return any(
            other.parent == row.parent
            and other.name != row.name
            and self._naming.is_same(other.name, row.name)
            for other in self._state.rows_with_inode(here.inode)
        )


def parked_name(number: bytes) -> bytes:
    """Return the name, in the root, under which the thing of this number waits for its place."""
    return b".e2esync-moving-" + number.hex().encode()


def is_parked(name: bytes) -> bool:
    """Return whether a name in the root is one under which something waits for its place."""
    return _PARKED.fullmatch(name) is not None


def is_backup(path: bytes, of: bytes) -> bool:
    """Return whether programs give this name to what a file was before they saved it."""
    return path in {of + suffix for suffix in BACKUPS}


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
