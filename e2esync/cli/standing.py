"""What `status` shows: one sentence, the folders, and what needs you. Asks no store."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from e2esync.adapters.control import Control
from e2esync.cli.output import columns, escape, time_text
from e2esync.cli.session import Session
from e2esync.errors import DaemonNotRunning
from e2esync.model.amounts import counted, size_text

if TYPE_CHECKING:
    from e2esync.engine.notes import FolderNote
    from e2esync.engine.survey import FolderSurvey
    from e2esync.wiring.localdevice import HomeDevice

NEEDS_YOU = 4
_PERSON = {"needs-you", "locked", "error"}  # states that a person has to see to
STALE_AFTER = 30 * 86_400  # seconds


def show(session: Session) -> int:
    """Print how things stand; return the exit code."""
    told = _told(session)
    session.out.document("status", **told)
    for text in _sentences(told):
        session.out.data(text)
    return _code(told)


def show_short(session: Session) -> int:
    """Print the state alone, for a prompt or a bar; return the exit code."""
    told = _told(session)
    session.out.document("status", **told)
    session.out.data(told["state"])
    return _code(told)


def watch(session: Session) -> None:
    """Print how things stand, and again with each change, until somebody ends it.

    Raises:
        DaemonNotRunning: Nobody tells of changes.
    """
    control, version, before = Control(session.home.socket), None, None
    while True:
        path = "/status" if version is None else f"/status?since={version}"
        answer = control.ask("GET", path, timeout=60)
        version, told = answer["version"], _from_daemon(answer)
        if told != before:
            session.out.line("status", **told)
            session.out.data(f"{time.strftime('%H:%M:%S')}  {told['sentence']}")
        before = told


def _told(session: Session) -> dict[str, Any]:
    """Return the answer: what the daemon says, or, if none runs, what this device knows."""
    local = session.device()
    notes = session.folders(local, None)
    try:
        return _from_daemon(Control(session.home.socket).ask("GET", "/status"))
    except DaemonNotRunning:
        return _looked(local, notes)


def _from_daemon(answer: dict[str, Any]) -> dict[str, Any]:
    folders = [_folder(values) for values in answer["folders"]]
    told = {key: answer[key] for key in ("state", "sentence", "needs_you", "notes")}
    return {**told, "daemon": True, "folders": folders}


def _looked(local: HomeDevice, notes: Sequence[FolderNote]) -> dict[str, Any]:
    from e2esync.daemon.values import need_values, survey_values
    from e2esync.wiring.survey import survey

    surveys = [survey(local, note) for note in notes]
    needs = [need_values(need) for one in surveys for need in one.needs]
    return {
        "state": "needs-you" if needs else "up-to-date",
        "sentence": _sentence(surveys, needs),
        "daemon": False,
        "folders": [_folder(survey_values(one)) for one in surveys],
        "needs_you": needs,
        "notes": [],
    }


def _code(told: dict[str, Any]) -> int:
    return NEEDS_YOU if told["needs_you"] or told["state"] in _PERSON else 0


def _folder(values: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of a folder with its times as JSON has them."""
    now = time.time()
    devices = [
        {
            "name": device["name"],
            "last_seen": time_text(device["last_seen"]),
            "stale": now - device["last_seen"] > STALE_AFTER,
        }
        for device in values["devices"]
    ]
    return {**values, "last_sync": time_text(values["last_sync"]), "devices": devices}


def _sentence(surveys: list[FolderSurvey], needs: list[dict[str, str]]) -> str:
    if needs:
        return f"{counted(len(needs), 'thing')} to see to."
    up, down = sum(one.pending_up for one in surveys), sum(one.pending_down for one in surveys)
    waiting = [f"{counted(up, 'change')} to push"] * bool(up)
    waiting += [f"{counted(down, 'change')} to pull"] * bool(down)
    return f"{', '.join(waiting)}." if waiting else "Everything is as it was last synced."


def _sentences(told: dict[str, Any]) -> list[str]:
    """Return the answer for people."""
    rows = [
        (
            escape(one["folder"]),
            escape(one["store"]),
            counted(one["files"], "file"),
            size_text(one["bytes"]),
            f"synced {one['last_sync'] or 'never'}",
        )
        for one in told["folders"]
    ]
    needs = [
        text
        for need in told["needs_you"]
        for text in (f"! {escape(need['text'])}", f"  fix: {escape(need['fix'])}")
    ]
    return [escape(told["sentence"]), *columns(rows), *needs, *(escape(note) for note in told["notes"])]
