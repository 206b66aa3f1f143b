"""How a folder stands, by what its databases say: values for `status`, made without keys and without a request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from e2esync.engine.seen import SeenDevice, last_sync, seen_devices

if TYPE_CHECKING:
    from e2esync.adapters.state import FolderState
    from e2esync.engine.notes import FolderNote


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a person has to see to."""

    code: str
    what: str
    fix: str
    why: str = ""

    @property
    def text(self) -> str:
        """What it is, and why."""
        return f"{self.what}: {self.why}" if self.why else self.what


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


def known(note: FolderNote, state: FolderState) -> FolderSurvey:
    """Return what the databases say; the disk is not looked at."""
    files, size = state.count_rows()
    conflicts = state.count_beside()
    return FolderSurvey(
        note,
        files=files,
        bytes=size,
        pending_down=state.count_due(),
        conflicts=conflicts,
        last_sync=last_sync(state),
        devices=tuple(seen_devices(state)),
        needs=(_in_conflict(note.path, conflicts),) if conflicts else (),
    )


def _in_conflict(path: Path, number: int) -> Need:
    copies = "1 copy stands" if number == 1 else f"{number} copies stand"
    return Need(
        "conflict",
        f"{copies} beside others in {path}",
        "e2esync conflicts list",
        "several devices changed them at the same time",
    )
