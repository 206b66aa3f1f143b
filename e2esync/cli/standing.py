"""What `status` shows: one sentence, the folders, and what needs you. Asks no store."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from e2esync.cli.output import columns, counted, escape, size_text, time_text
from e2esync.cli.session import Session

if TYPE_CHECKING:
    from e2esync.engine.survey import FolderSurvey, Need

NEEDS_YOU = 4
STALE_AFTER = 30 * 86_400  # seconds


def show(session: Session) -> int:
    """Print how things stand; return the exit code."""
    from e2esync.wiring.survey import survey

    local = session.device()
    surveys = [survey(local, note) for note in session.folders(local, None)]
    needs = [need for one in surveys for need in one.needs]
    session.out.document(
        "status",
        state="needs-you" if needs else "up-to-date",
        daemon=False,
        folders=[_values(one) for one in surveys],
        needs_you=[{"code": need.code, "text": need.text, "fix": need.fix} for need in needs],
    )
    for text in _sentences(surveys, needs):
        session.out.data(text)
    return NEEDS_YOU if needs else 0


def _values(one: FolderSurvey) -> dict[str, Any]:
    now = time.time()
    return {
        "folder": str(one.note.path),
        "vault": one.note.vault.hex(),
        "name": one.note.name,
        "store": one.note.store.url,
        "files": one.files,
        "bytes": one.bytes,
        "pending_up": one.pending_up,
        "pending_down": one.pending_down,
        "conflicts": one.conflicts,
        "last_sync": time_text(one.last_sync),
        "devices": [
            {
                "name": device.name,
                "last_seen": time_text(device.last_seen),
                "stale": now - device.last_seen > STALE_AFTER,
            }
            for device in one.devices
        ],
    }


def _sentences(surveys: list[FolderSurvey], needs: list[Need]) -> list[str]:
    """Return the answer for people."""
    up, down = sum(one.pending_up for one in surveys), sum(one.pending_down for one in surveys)
    waiting = [f"{counted(up, 'change')} to push"] * bool(up) + [f"{counted(down, 'change')} to pull"] * bool(
        down
    )
    first = f"{counted(len(needs), 'thing')} to see to." if needs else "Everything is as it was last synced."
    if waiting and not needs:
        first = f"{', '.join(waiting)}."
    rows = [
        (
            escape(str(one.note.path)),
            escape(one.note.store.url),
            counted(one.files, "file"),
            size_text(one.bytes),
            f"synced {time_text(one.last_sync) or 'never'}",
        )
        for one in surveys
    ]
    listed = [text for need in needs for text in (f"! {escape(need.text)}", f"  fix: {escape(need.fix)}")]
    return [first, *columns(rows), *listed]
