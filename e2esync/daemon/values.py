"""How things stand, as JSON has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from e2esync.daemon.standing import FolderStanding, overall, sentence
from e2esync.engine.survey import FolderSurvey, Need


def status_values(standings: Sequence[FolderStanding]) -> dict[str, Any]:
    """Return what `status` is told by the daemon: times in seconds since 1970, sizes in bytes."""
    return {
        "state": overall([each.state for each in standings]),
        "sentence": sentence(standings),
        "folders": [_folder(each) for each in standings],
        "needs_you": [need_values(need) for each in standings for need in each.needs],
        "notes": [each.watch for each in standings if each.watch is not None and not each.is_stuck],
    }


def need_values(need: Need) -> dict[str, str]:
    """Return what a person has to see to."""
    return {"code": need.code, "text": need.text, "fix": need.fix}


def _folder(standing: FolderStanding) -> dict[str, Any]:
    return {"state": standing.state, **survey_values(standing.survey), "work": _work(standing)}


def _work(standing: FolderStanding) -> dict[str, Any] | None:
    work = standing.work
    if work is None:
        return None
    told = {"stage": work.stage, "done": work.done, "total": work.total, "since": work.since}
    return {**told, "rate": work.rate, "remaining": work.remaining}


def survey_values(survey: FolderSurvey) -> dict[str, Any]:
    """Return what is known of a folder."""
    note = survey.note
    return {
        "folder": str(note.path),
        "vault": note.vault.hex(),
        "name": note.name,
        "store": note.store.url,
        "files": survey.files,
        "bytes": survey.bytes,
        "pending_up": survey.pending_up,
        "pending_down": survey.pending_down,
        "conflicts": survey.conflicts,
        "last_sync": survey.last_sync,
        "devices": [{"name": device.name, "last_seen": device.last_seen} for device in survey.devices],
    }
