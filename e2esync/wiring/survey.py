"""How a folder stands, by what this device knows: its databases and one look at the disk, no request."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from e2esync.adapters.files import LocalFolder, Unreadable
from e2esync.adapters.state import FolderState, Found
from e2esync.engine.notes import FolderNote
from e2esync.engine.scan import scan
from e2esync.engine.seen import SeenDevice, last_sync, seen_devices
from e2esync.engine.vault import Clock
from e2esync.errors import E2ESyncError
from e2esync.wiring.localdevice import STATE_FILE, HomeDevice

_NO_WAITING = Clock(
    time.time_ns, lambda _seconds: None
)  # a deletion counts at once: nothing is published by it


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a person has to see to."""

    code: str
    text: str
    fix: str


@dataclass(frozen=True, slots=True)
class FolderSurvey:
    """What is known of one folder."""

    note: FolderNote
    files: int = 0
    bytes: int = 0
    pending_up: int = 0
    pending_down: int = 0
    conflicts: int = 0
    last_sync: int | None = None  # seconds since 1970
    devices: tuple[SeenDevice, ...] = ()
    needs: tuple[Need, ...] = ()


def survey(local: HomeDevice, note: FolderNote) -> FolderSurvey:
    """Return how a folder stands."""
    path = local.home.vault(note.vault) / STATE_FILE
    if not path.exists():
        return FolderSurvey(note)
    state = FolderState(path)
    try:
        files, size = state.count_rows()
        known = FolderSurvey(
            note,
            files=files,
            bytes=size,
            pending_down=state.count_due(),
            conflicts=state.count_beside(),
            last_sync=last_sync(state),
            devices=tuple(seen_devices(state)),
        )
        return _look_at_disk(known, state)
    finally:
        state.close()


def _look_at_disk(known: FolderSurvey, state: FolderState) -> FolderSurvey:
    note = known.note
    try:
        folder = LocalFolder.open(note.path)
    except Unreadable as error:
        return replace(known, needs=(_missing(note.path, error.reason),))
    try:
        if folder.marker() != note.vault:
            return replace(
                known, needs=(_missing(note.path, "its marker (.e2esync) is gone or another vault's"),)
            )
        found = scan(folder, state, clock=_NO_WAITING)
        differing = sum(_differs(state, one) for one in state.found())
        needs = (_in_conflict(note.path, known.conflicts),) if known.conflicts else ()
        return replace(known, pending_up=differing + len(found.gone), needs=needs)
    except E2ESyncError as error:
        return replace(known, needs=(Need(error.code, error.what, error.fix),))
    finally:
        folder.close()


def _differs(state: FolderState, found: Found) -> bool:
    """Return whether a thing differs from its row by more than having been read right after its change."""
    name = found.path.rpartition(b"/")[2]
    row = state.row_at(found.parent, name) if found.parent is not None else None
    if row is None:
        return True
    seen = (found.kind, found.size, found.mtime, found.ctime, found.inode, found.mode)
    return seen != (row.kind, row.size, row.mtime, row.ctime, row.inode, row.mode)


def _missing(path: Path, reason: str) -> Need:
    return Need(
        "folder-missing",
        f"the folder {path} is not there: {reason}",
        f"mount the disk it is on, or e2esync forget {path}",
    )


def _in_conflict(path: Path, number: int) -> Need:
    copies = "1 copy stands" if number == 1 else f"{number} copies stand"
    return Need(
        "conflict",
        f"{copies} beside others in {path}: several devices changed them at the same time",
        "e2esync conflicts list",
    )
