"""Directories that are closed to their own owner, as the tree has them, are opened while something in them changes.

They are due then, so that they get their mode back at the end, as directories do that were just made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from e2esync.adapters.files import CannotWrite, ChangedLocally, Fingerprint, Unreadable
from e2esync.adapters.files.fingerprint import is_still
from e2esync.adapters.state import DiskRow
from e2esync.engine.ondisk import fingerprint, seen_at
from e2esync.engine.places import Places
from e2esync.engine.plan import Due, due_things
from e2esync.engine.vault import SyncedFolder

OPEN = 0o300  # what a change in a directory needs


def open_closed_directories(vault: SyncedFolder) -> None:
    """Open those in which something is due. What the user closed stays so: what is due in it is listed then."""
    for path, row in _concerned(vault):
        with suppress(ChangedLocally, CannotWrite, Unreadable):
            _note(vault, row, vault.folder.set_mode(path, row.mode | OPEN, fingerprint(row)))


def note_opened_directories(vault: SyncedFolder) -> None:
    """Note those that a run has opened that was cut off: that is no change by the user."""
    for path, row in _concerned(vault):
        with suppress(Unreadable):
            here = vault.folder.stat(path)
            if is_still(here, fingerprint(row)._replace(mode=row.mode | OPEN)) and here is not None:
                _note(vault, row, here)


def _note(vault: SyncedFolder, row: DiskRow, seen: Fingerprint) -> None:
    vault.state.put_rows([seen_at(row, (row.parent, row.name), seen)])
    vault.state.add_due([row.node])


def _concerned(vault: SyncedFolder) -> list[tuple[bytes, DiskRow]]:
    """Return the closed directories that something due writes, from above."""
    closed = vault.state.directories_without(OPEN)
    if not closed:
        return []
    written = {number for due in due_things(vault.state) for number in _written(due)}
    places = Places(vault.state)
    paths = ((places.path((row.parent, row.name)), row) for row in closed if row.number in written)
    return sorted((path, row) for path, row in paths if path is not None)


def _written(due: Due) -> Iterator[bytes]:
    """Yield the numbers of the directories that a change writes: a directory that moves gets another `..`."""
    yield from (place[0] for place in (due.place, due.target) if place is not None)
    if due.is_moved and due.row is not None and due.row.number is not None:
        yield due.row.number
