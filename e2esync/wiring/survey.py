"""How a folder stands, by what this device knows: its databases and one look at the disk, no request."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from e2esync.adapters.files import LocalFolder, Unreadable
from e2esync.adapters.state import FolderState, Found
from e2esync.engine.notes import FolderNote
from e2esync.engine.scan import scan
from e2esync.engine.survey import FolderSurvey, Need, known
from e2esync.engine.vault import Clock
from e2esync.errors import E2ESyncError
from e2esync.wiring.localdevice import STATE_FILE, HomeDevice

_NO_WAITING = Clock(
    time.time_ns, lambda _seconds: None
)  # a deletion counts at once: nothing is published by it


def survey(local: HomeDevice, note: FolderNote) -> FolderSurvey:
    """Return how a folder stands."""
    path = local.home.vault(note.vault) / STATE_FILE
    if not path.exists():
        return FolderSurvey(note)
    state = FolderState(path)
    try:
        return _look_at_disk(known(note, state), state)
    finally:
        state.close()


def _look_at_disk(one: FolderSurvey, state: FolderState) -> FolderSurvey:
    note = one.note
    try:
        folder = LocalFolder.open(note.path)
    except Unreadable as error:
        return replace(one, needs=(_missing(note.path, error.reason),))
    try:
        if folder.marker() != note.vault:
            return replace(
                one, needs=(_missing(note.path, "its marker (.e2esync) is gone or another vault's"),)
            )
        found = scan(folder, state, clock=_NO_WAITING)
        differing = sum(_differs(state, one) for one in state.found())
        return replace(one, pending_up=differing + len(found.gone))
    except E2ESyncError as error:
        return replace(one, needs=(Need(error.code, error.what, error.fix, error.why),))
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
        f"the folder {path} is not there",
        f"mount the disk it is on, or e2esync forget {path}",
        reason,
    )
