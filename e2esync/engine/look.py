"""Whether what is due can get its place and content here, or something of the user's is in the way.

A local file that is not what was last seen is never moved, overwritten or removed. Where another
thing of ours stands that has to leave, it waits for that; whoever waits for what stays, stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, auto

from e2esync.adapters.files import ChangedLocally, Fingerprint, Unreadable
from e2esync.adapters.state import DiskRow
from e2esync.engine.had import can_be_had
from e2esync.engine.ondisk import OnDisk
from e2esync.engine.places import MAX_DEPTH, Place, Places
from e2esync.engine.plan import Due, look_up, of_row
from e2esync.engine.stock import note_shown
from e2esync.engine.vault import SyncedFolder
from e2esync.tree.keys import ROOT, Kind

IN_THE_WAY = "something else stands in its place here"
NO_DIRECTORY = "the directory that it belongs in is not here"
INSIDE_ITSELF = "the directory that it belongs in stays inside of it here"


class Sight(Enum):
    """What the disk says to what is due."""

    DONE = auto()  # it shows that already
    CLEAR = auto()  # nothing of the user's is in the way
    WAITS = auto()  # nor here, once another thing of ours has left


class Looker:
    """Looks at one thing after another; notes at once what the disk shows already."""

    def __init__(self, vault: SyncedFolder) -> None:
        self._vault, self._state, self._folder = vault, vault.state, vault.folder
        self._disk, self._places = OnDisk(vault), Places(vault.state)

    def look(self, due: Due) -> Sight:
        """Return what the disk says.

        Raises:
            ChangedLocally: It, or what is in its way, is not as our own hand left it.
            Unreadable: It is unknown what is there.
        """
        if due.is_gone:
            return self._look_at_gone(due)
        if due.row is not None and not due.is_moved:
            return self._look_in_place(due, due.row)
        if due.row is not None and not self._source(due, due.row):
            due = due._replace(row=None)
        return self._look_at_target(due)

    def _look_at_gone(self, due: Due) -> Sight:
        row = due.row
        assert row is not None
        path = self._places.path((row.parent, row.name))
        here = self._folder.stat(path) if path is not None else None
        if path is None or here is None:
            return Sight.DONE
        if not self._disk.is_as_left(row, here, path):
            raise ChangedLocally(path)
        return Sight.CLEAR

    def _look_in_place(self, due: Due, row: DiskRow) -> Sight:
        path = self._places.path((row.parent, row.name))
        if path is None:
            raise ChangedLocally(row.name, NO_DIRECTORY)
        here = self._folder.stat(path)
        if not due.is_changed:  # only its mode may differ
            return Sight.CLEAR
        if here is None or self._disk.is_as_left(row, here, path):
            return Sight.CLEAR
        return self._shown_already(due, here, path)

    def _source(self, due: Due, row: DiskRow) -> bool:
        """Return whether a thing that has to move is where it was; False if it is gone and may come anew."""
        path = self._places.path((row.parent, row.name))
        here = self._folder.stat(path) if path is not None else None
        if path is None or here is None:
            if due.is_directory:
                raise ChangedLocally(path or row.name, "it is not where it was")
            return False
        if not self._disk.is_as_left(row, here, path):
            raise ChangedLocally(path)
        return True

    def _look_at_target(self, due: Due) -> Sight:
        target = due.target
        assert target is not None
        path = self._places.path(target)
        here = self._folder.stat(path) if path is not None else None
        there = self._disk.row_there(target, self._places)
        if there is not None:
            if not self._state.is_due(there.node):
                raise ChangedLocally(path or target[1], IN_THE_WAY)
            return Sight.WAITS  # whether that leaves, is seen once all is known
        if path is None or here is None:
            return Sight.CLEAR
        if due.row is not None:
            raise ChangedLocally(path, IN_THE_WAY)
        return self._shown_already(due, here, path)

    def _shown_already(self, due: Due, here: Fingerprint, path: bytes) -> Sight:
        """Note that the disk has what the tree wants, from wherever it came."""
        assert due.shown is not None
        is_so = self._disk.is_spelled(path) and self._disk.shows(due.shown, here, path)
        if not is_so or not can_be_had(self._vault, due.shown.content):
            raise ChangedLocally(path, IN_THE_WAY)
        note_shown(self._vault, due, here, path)
        return Sight.DONE


class Stays:
    """Which things cannot do what is due: found by following who waits for whom, until nothing changes."""

    def __init__(self, vault: SyncedFolder, changed_here: Iterable[bytes]) -> None:
        self._state, self._folder = vault.state, vault.folder
        self._places = Places(vault.state)
        self._disk = OnDisk(vault)
        self._stay = set(changed_here)
        self._reached: set[bytes] = {ROOT}  # numbers of directories that are here, or will be

    def __contains__(self, thing: bytes) -> bool:
        return thing in self._stay

    def find(self, waiting: Iterable[bytes], directories: Iterable[bytes]) -> Iterator[tuple[bytes, str]]:
        """Yield the things that stay and why: of those that wait for a place, and of directories that come or move."""
        things = list(dict.fromkeys([*waiting, *directories]))
        while True:
            left = []
            for thing in things:
                reason = self._reason(look_up(self._state, thing))
                if reason:
                    self._stay.add(thing)
                    self._reached = {ROOT}
                    yield thing, reason
                else:
                    left.append(thing)
            if len(left) == len(things):
                return
            things = left

    def _reason(self, due: Due) -> str:
        target = due.target
        if target is None:
            return ""
        there = self._disk.row_there(target, self._places)
        if there is not None and (there.parent, there.name) != due.place and not self._leaves(there):
            return IN_THE_WAY
        if not self.can_reach(target[0]):
            return NO_DIRECTORY
        if due.is_directory and due.row is not None and self._is_inside(target[0], due.row.number):
            return INSIDE_ITSELF
        return ""

    def _leaves(self, row: DiskRow) -> bool:
        """Return whether the thing of a row is to leave its place, and can."""
        due = of_row(self._state, row)
        if due.thing in self._stay or not self._state.is_due(row.node):
            return False
        if due.shown is not None:
            return due.is_moved
        return row.kind != Kind.DIRECTORY or self._gets_empty(row)

    def _gets_empty(self, row: DiskRow) -> bool:
        """Return whether all that is on the disk in a directory leaves it."""
        path = self._places.path((row.parent, row.name))
        if path is None or row.number is None:
            return True
        try:
            for name, _ in self._folder.list(path):
                inside = self._state.row_at(row.number, name)
                if inside is None or not self._leaves(inside):
                    return False
        except Unreadable:
            return False
        return True

    def can_reach(self, number: bytes) -> bool:
        """Return whether a directory is here, or will be."""
        passed: list[bytes] = []
        while number not in self._reached and self._state.directory_row(number) is None:
            node = self._state.directory_node(number)
            place = self._places.in_tree(number)
            if node is None or place is None or node in self._stay or len(passed) > MAX_DEPTH:
                return False
            passed.append(number)
            number = place[0]
        self._reached.update(passed)
        return True

    def _is_inside(self, number: bytes, outer: bytes | None) -> bool:
        """Return whether a directory will stand in another, when all that can move has moved."""
        for _ in range(MAX_DEPTH):
            if number == outer:
                return True
            place = self._final_place(number)
            if place is None:
                return False
            number = place[0]
        return True

    def _final_place(self, number: bytes) -> Place | None:
        if number == ROOT:
            return None
        row = self._state.directory_row(number)
        if row is not None and (
            of_row(self._state, row).thing in self._stay or not self._state.is_due(row.node)
        ):
            return row.parent, row.name
        return self._places.in_tree(number)
