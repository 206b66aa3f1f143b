"""Take stock: what has a run done that was cut off before it could note it?

Rows are committed last. So after a crash the rows of nodes that are due may be behind the disk.
Before anything is concluded from them they are brought into line, by nothing but what is there:

1. things that had to move are looked for in every place that the run may have put them;
2. rows of directories that had to go and are not there are dropped, and of contents, beside others of their
   node, that had to go and are in the trash: missing, they would look like what a user settled;
3. new directories and contents that stand where they have to are noted.

What is not found stays as it is noted. Nothing on the disk is changed. What a killed process did there may
be in the memory of the system only: a barrier stands before the commit, as it does after every change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from e2esync.adapters.files import Fingerprint, Unreadable
from e2esync.adapters.state import DiskRow, FolderState
from e2esync.engine import scan
from e2esync.engine.closed import note_opened_directories
from e2esync.engine.had import can_be_had
from e2esync.engine.ondisk import OnDisk, Shows, seen_at
from e2esync.engine.places import Place, Places
from e2esync.engine.plan import Due, due_things, look_up, of_row, settle
from e2esync.engine.scan import below
from e2esync.engine.shown import digest_of, dots_bytes
from e2esync.engine.vault import SyncedFolder
from e2esync.tree.keys import ROOT
from e2esync.tree.values import Content, FileContent


def take_stock(vault: SyncedFolder) -> None:
    """Bring the rows of what is due into line with the disk."""
    if vault.state.count_due() == 0:
        return
    with vault.state.transaction():
        note_opened_directories(vault)
        due = _sort(vault.state)
        _Search(vault, due.moving).run()
        noter = _Noter(vault)
        noter.forget_gone(due.gone)
        noter.forget_taken(due.taken)
        noter.note_directories(due.directories)
        for thing in due.contents:
            noter.note(thing)
        vault.folder.barrier()


def parked_name(vault: SyncedFolder, row: DiskRow) -> bytes:
    """Return the name, in the root, under which the thing of a row waits for its place.

    It is that of what stands there, not of what it is to become: another content of its node may become
    that while it waits.
    """
    return scan.parked_name(vault.cipher.directory_number(row.node + row.inode.to_bytes(8, "big")))


class Moving(NamedTuple):
    """A thing that has to stand elsewhere."""

    thing: bytes
    row: DiskRow
    target: Place

    @property
    def noted(self) -> Place:
        """Where it was when its row was put."""
        return self.row.parent, self.row.name


@dataclass
class _Due:
    """What is due, by what may have been done of it."""

    moving: list[Moving] = field(default_factory=list)
    gone: list[DiskRow] = field(default_factory=list)  # directories
    taken: list[DiskRow] = field(default_factory=list)  # contents that had to go, and not all of their node
    directories: list[bytes] = field(default_factory=list)  # to be shown
    contents: list[bytes] = field(default_factory=list)  # to be shown


def _sort(state: FolderState) -> _Due:
    found = _Due()
    for due in due_things(state):
        if due.row is not None and due.is_gone and due.is_directory:
            found.gone.append(due.row)
        elif due.row is not None and due.is_gone and not due.is_alone:
            found.taken.append(due.row)
        if due.row is not None and due.target is not None and due.is_moved:
            found.moving.append(Moving(due.thing, due.row, due.target))
        if due.shown is not None and due.is_changed:
            (found.directories if due.is_directory else found.contents).append(due.thing)
    return found


class _Noter:
    """Puts the rows of what stands where it has to, and drops those of what is not there any more."""

    def __init__(self, vault: SyncedFolder) -> None:
        self._vault, self._state = vault, vault.state
        self._disk, self._places = OnDisk(vault), Places(vault.state)

    def forget_gone(self, directories: list[DiskRow]) -> None:
        """Drop the rows of directories that are not there, and of all in them that had to go with them."""
        for row in directories:
            if not self._is_there(row):
                lost = [each for each in below(self._state, row) if of_row(self._state, each).shown is None]
                self._state.drop_rows(lost)
                self._places.forget()

    def forget_taken(self, rows: list[DiskRow]) -> None:
        """Drop the rows of contents that our own hand took away."""
        missing = [row for row in rows if not self._is_there(row)]
        if missing:
            kept = {(seen.inode, seen.size, seen.mtime_ns) for *_, seen in self._vault.folder.kept()}
            self._state.drop_rows([row for row in missing if (row.inode, row.size, row.mtime) in kept])

    def _is_there(self, row: DiskRow) -> bool:
        path = self._places.path((row.parent, row.name))
        if path is None:
            return False
        try:
            return self._disk.is_thing(row, self._vault.folder.stat(path), path)
        except Unreadable:
            return True  # unknown is not gone

    def note_directories(self, things: list[bytes]) -> None:
        """Note new directories that are there, those nearer the root first."""
        while things:
            left = [thing for thing in things if not self.note(thing)]
            if len(left) == len(things):
                return
            things = left

    def note(self, thing: bytes) -> bool:
        """Put the row of a thing that shows what it has to, where it has to; return whether it does."""
        due = look_up(self._state, thing)
        target, stands = due.target, due.shown
        if (
            target is None
            or stands is None
            or (due.row is not None and due.is_moved and self._is_there(due.row))
        ):
            return False
        path = self._places.path(target)
        there = self._disk.row_there(target, self._places) if path is not None else None
        if path is None or (
            there is not None and (there.parent, there.name) != due.place and not self._had_to_go(there)
        ):
            return False
        try:
            here = self._vault.folder.stat(path)
            is_shown = (
                here is not None and self._disk.is_spelled(path) and self._disk.shows(stands, here, path)
            )
        except Unreadable:
            return False
        if here is None or not is_shown or not self._is_known(stands.content, here):
            return False  # what is here and nowhere else is stored by the next push
        self._state.drop_rows([there] if there is not None else [])
        note_shown(self._vault, due, here, path)
        return True

    def _is_known(self, content: Content, here: Fingerprint) -> bool:
        """Return whether a file was put here by our own hand, or is in the store; the catalogue may have lost what it knew."""
        is_ours = isinstance(content, FileContent) and here.mtime_ns == content.mtime
        return is_ours or can_be_had(self._vault, content)

    def _had_to_go(self, row: DiskRow) -> bool:
        """Return whether a file had to go, and is not there: another thing has its place."""
        due = of_row(self._state, row)
        return self._state.is_due(row.node) and due.is_gone and row.number is None and not self._is_there(row)


def note_shown(vault: SyncedFolder, due: Due, seen: Fingerprint, path: bytes) -> None:
    """Put the row of a thing that shows what it has to; it is due no longer, but for its mode."""
    stands, target = due.shown, due.target
    assert stands is not None
    assert target is not None
    shows = Shows(dots_bytes(stands.dots), stands.is_first, digest_of(stands.content))
    row = OnDisk(vault).row(target, due.node, seen, path, shows)
    vault.state.drop_rows([due.row] if due.row is not None else [])
    vault.state.put_rows([row])
    if stands.mode in {None, seen.mode}:
        settle(vault.state, due)


class _Search:
    """Looks for things that may have been moved, in every place that is involved."""

    def __init__(self, vault: SyncedFolder, moving: list[Moving]) -> None:
        self._vault, self._state, self._folder = vault, vault.state, vault.folder
        self._disk, self._places = OnDisk(vault), Places(vault.state)
        self._moving = moving
        self._lost = {one.thing for one in moving}
        self._found: dict[bytes, tuple[Place, Fingerprint]] = {}  # by thing
        self._directories = {one.row.number: one.thing for one in moving if one.row.number is not None}
        self._new: dict[bytes, Place] = {}  # directories that the run has made
        self._by_inode: dict[int, list[Moving]] = {}
        for one in moving:
            self._by_inode.setdefault(one.row.inode, []).append(one)

    def run(self) -> None:
        """Search, first where things are noted, and correct the rows of what was found elsewhere."""
        self._search([one.noted for one in self._moving], where_noted=True)
        if self._lost:
            self._search(self._involved(), where_noted=False)
            self._correct()

    def _involved(self) -> list[Place]:
        """Return every place at which something may have been put."""
        parked = ((ROOT, parked_name(self._vault, one.row)) for one in self._moving)
        noted = (place for one in self._moving for place in (one.noted, one.target))
        return list(dict.fromkeys([*noted, *parked]))

    def _search(self, places: list[Place], *, where_noted: bool) -> None:
        """Look at places whose directories were found, as long as that finds more directories."""
        while places:
            hidden = []
            for place in places:
                path = self._path(place)
                if path is None:
                    hidden.append(place)
                else:
                    self._look_at(place, path, where_noted=where_noted)
            if len(hidden) == len(places):
                return
            places = hidden

    def _look_at(self, place: Place, path: bytes, *, where_noted: bool) -> None:
        try:
            here = self._folder.stat(path)
            is_there = here is not None and self._disk.is_spelled(path)
        except Unreadable:
            return
        if here is None or not is_there:
            return
        for one in self._by_inode.get(here.inode, []):
            if one.thing not in self._lost or (where_noted and one.noted != place):
                continue
            if self._disk.is_thing(one.row, here, path):
                self._found[one.thing] = place, here
                self._lost.remove(one.thing)
                return

    def _path(self, place: Place) -> bytes | None:
        """Return where a place is, by what was found so far; None while a directory above it is not found."""
        parent, name = place
        names = [name]
        while parent != ROOT:
            above = self._place_of(parent)
            if above is None:
                return None
            parent, name = above
            names.append(name)
        return b"/".join(reversed(names))

    def _place_of(self, number: bytes) -> Place | None:
        """Return where a directory stands, as far as it is known."""
        node = self._directories.get(number)
        if node is not None:
            return self._found[node][0] if node in self._found else None
        row = self._state.directory_row(number)
        if row is not None:
            return row.parent, row.name
        made = self._new.get(number) or self._made(number)
        if made is not None:
            self._new[number] = made
        return made

    def _made(self, number: bytes) -> Place | None:
        """Return where the run has made a directory; None if what stands there is another one of ours."""
        place = self._places.in_tree(number)
        path = self._path(place) if place is not None else None
        here = self._folder.stat(path) if path is not None else None
        if path is None or here is None or here.kind != "d":
            return None
        known = (row for row in self._state.rows_with_inode(here.inode) if row.number is not None)
        return None if any(self._disk.is_thing(row, here, path) for row in known) else place

    def _correct(self) -> None:
        """Note where things were found: in place of what stood there and is lost, or had to go."""
        moved = [
            one for one in self._moving if one.thing in self._found and self._found[one.thing][0] != one.noted
        ]
        self._state.drop_rows([one.row for one in moved])
        self._state.put_rows([seen_at(one.row, *self._found[one.thing]) for one in moved])
