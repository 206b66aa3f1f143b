"""Give directories and moved things their places, and take away directories that go: in whatever order it can be done.

A place is free, or another thing of ours stands there that leaves: then the two are exchanged in
one step, so that no path is ever without its thing. Each exchange brings one of them to its place.
Where all wait for each other (a directory into its own child), one is parked in the root. If it cannot
have its place after all it goes home, or stays where it is until the next run, and is worked in there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from e2esync.adapters.files import CannotWrite, ChangedLocally
from e2esync.adapters.state import DiskRow
from e2esync.engine.diskrules import DiskRules, own_names
from e2esync.engine.ignoring import note_moved
from e2esync.engine.look import IN_THE_WAY
from e2esync.engine.ondisk import OnDisk, fingerprint, seen_at
from e2esync.engine.places import Place, Places
from e2esync.engine.plan import Due, look_up, of_row, settle
from e2esync.engine.scan import is_parked
from e2esync.engine.stock import note_shown, parked_name
from e2esync.engine.vault import Summary, SyncedFolder
from e2esync.tree.keys import ROOT

WRITABLE = 0o700  # what a directory needs while it is filled

Guarded = Callable[[bytes, Callable[[], object]], bool]  # path, act: whether nothing was in the way


class Arranger:
    """Works on a list of things until each has its place, or cannot have it."""

    def __init__(self, vault: SyncedFolder, summary: Summary, guarded: Guarded) -> None:
        self._vault, self._state, self._folder = vault, vault.state, vault.folder
        self._summary, self._guarded = summary, guarded
        self._places, self._disk = Places(vault.state), OnDisk(vault)
        self._pending: set[bytes] = set()
        self._parked: dict[bytes, Place] = {}  # things that were taken out of the way, and from where

    def run(self, things: list[bytes]) -> None:
        """Arrange these things, in this order where there is a choice."""
        self._pending = set(things)
        while things:
            waiting = []
            for thing in things:
                if self._arrange(thing):
                    self._pending.remove(thing)
                else:
                    waiting.append(thing)
            if len(waiting) == len(things) and not any(self._park(thing) for thing in waiting):
                for thing in reversed(self._parked):
                    self._bring_home(look_up(self._state, thing))
                for thing in waiting:
                    self._give_up(thing)
                return
            things = waiting

    def _arrange(self, thing: bytes) -> bool:
        """Do one thing; return False if it has to wait for another."""
        due = look_up(self._state, thing)
        if due.row is not None and due.is_gone:
            return self._remove_directory(due, due.row)
        if due.row is not None and not due.is_moved:
            self._arrived(due)  # by an exchange
            return True
        target = due.target
        assert target is not None
        path = self._path_of(target)
        if path is None:
            return False
        there = self._disk.row_there(target, self._places)
        if due.row is None:
            return there is None and self._make_directory(due, path)
        if there is not None and there.name != target[1]:  # which this disk takes for the same
            return (there.parent, there.name) == due.place and self._spell(thing)
        return self._move(due, due.row, there, path)

    def _spell(self, thing: bytes) -> bool:
        """Give a thing its name that is on the disk already, spelled otherwise: by a name that nothing has."""
        return self._park(thing) and self._arrange(thing)

    def _path_of(self, place: Place) -> bytes | None:
        """Return the path of a place whose directory is on the disk."""
        if place[0] != ROOT and self._state.directory_row(place[0]) is None:
            return None
        return self._places.path(place)

    def _make_directory(self, due: Due, path: bytes) -> bool:
        assert due.shown is not None
        mode = due.shown.mode or 0

        def make() -> None:
            here = self._folder.stat(path)
            if here is None:
                here = self._folder.make_directory(path, mode | WRITABLE)
            elif here.kind != "d":
                raise ChangedLocally(path, IN_THE_WAY)
            note_shown(self._vault, due, here, path)

        self._guarded(path, make)
        return True

    def _remove_directory(self, due: Due, row: DiskRow) -> bool:
        if next(self._state.rows_in(row.number or b""), None) is not None:
            return False  # something in it has yet to leave
        path = self._places.path((row.parent, row.name))

        def remove() -> None:
            if path is not None and self._disk.is_thing(row, self._folder.stat(path), path):
                self._take_away(path)
            self._state.drop_rows([row])
            settle(self._state, due)

        self._guarded(path or row.name, remove)
        self._places.forget()
        return True

    def _take_away(self, path: bytes) -> None:
        """Remove a directory; one that holds nothing but what is ignored stays, and is ours no longer."""
        try:
            self._folder.remove_directory(path)
        except ChangedLocally:
            if not DiskRules(self._folder, own_names(self._state)).is_hollow(path):
                raise

    def _move(self, due: Due, row: DiskRow, there: DiskRow | None, new: bytes) -> bool:
        old = self._places.path((row.parent, row.name))
        if old is None or _is_inside(new, old):
            return False
        if there is None:
            if self._guarded(old, lambda: self._rename(due, row, old, new)):
                self._arrived(due)
            return True
        other = of_row(self._state, there)
        if other.thing not in self._pending or other.shown is None or _is_inside(old, new):
            return False
        if self._guarded(old, lambda: self._exchange(due, row, there, (old, new))):
            self._arrived(due)
        return True

    def _rename(self, due: Due, row: DiskRow, old: bytes, new: bytes) -> None:
        assert due.target is not None
        seen = self._folder.move(old, new, fingerprint(row))
        self._note([row], [seen_at(row, due.target, seen)])

    def _exchange(self, due: Due, row: DiskRow, there: DiskRow, paths: tuple[bytes, bytes]) -> None:
        assert due.target is not None
        other, mine = self._folder.swap(*paths, fingerprint(row), fingerprint(there))
        self._note(
            [row, there], [seen_at(there, (row.parent, row.name), other), seen_at(row, due.target, mine)]
        )

    def _note(self, old: list[DiskRow], new: list[DiskRow]) -> None:
        """Note where things stand now, and nowhere else."""
        self._state.drop_rows(old)
        self._state.put_rows(new)
        if any(row.number is not None for row in new):
            self._places.forget()
            note_moved(self._vault)

    def _arrived(self, due: Due) -> None:
        self._summary.moved += 1
        if not due.is_changed and not due.has_other_mode:
            settle(self._state, due)

    def _park(self, thing: bytes) -> bool:
        """Take a thing out of the way; if a crash leaves it there, the next run finds it by that name."""
        due = look_up(self._state, thing)
        row = due.row
        if row is None or (row.parent == ROOT and is_parked(row.name)) or not due.is_moved:
            return False
        old = self._places.path((row.parent, row.name))
        if old is None:
            return False
        name = parked_name(self._vault, row)
        try:
            seen = self._folder.move(old, name, fingerprint(row))
            self._note([row], [seen_at(row, (ROOT, name), seen)])
        except (ChangedLocally, CannotWrite):
            return False
        self._parked[thing] = row.parent, row.name
        return True

    def _bring_home(self, due: Due) -> None:
        """Put a thing that waits for its place back where it was, if that is free; else it is at home where it waits."""
        home, path = self._parked[due.thing], self._path_of(self._parked[due.thing])
        row = due.row
        if row is None or not (row.parent == ROOT and is_parked(row.name)):
            return  # it has its place
        if path is None or self._state.row_at(*home) is not None:
            return
        with suppress(ChangedLocally, CannotWrite):
            seen = self._folder.move(row.name, path, fingerprint(row))
            self._note([row], [seen_at(row, home, seen)])

    def _give_up(self, thing: bytes) -> None:
        """List what nothing makes way for."""
        due = look_up(self._state, thing)
        place = due.place or due.target
        if due.is_gone or place is None:
            return  # a directory with something in it, which is listed
        path = self._places.path(place) or place[1]
        self._guarded(path, lambda: _refuse(path))


def _refuse(path: bytes) -> None:
    raise ChangedLocally(path, IN_THE_WAY)


def _is_inside(path: bytes, directory: bytes) -> bool:
    return path.startswith(directory + b"/")
