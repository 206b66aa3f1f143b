"""What a command does if the daemon runs: it hands its job over, or asks for the folder."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from e2esync import errors
from e2esync.adapters.control import Control
from e2esync.cli.session import Session
from e2esync.errors import DaemonNotRunning, E2ESyncError, IntegrityError, TemporaryError

if TYPE_CHECKING:
    from e2esync.adapters.stores.counting import Traffic
    from e2esync.engine.notes import FolderNote
    from e2esync.engine.vault import Progress, Summary


def alone(session: Session, note: FolderNote) -> AbstractContextManager[None]:
    """Have the folder for this command alone."""
    from e2esync.wiring import way

    return way.alone(session.home, note, told=session.out.note)


def hand_over(
    session: Session,
    note: FolderNote,
    command: str,
    *,
    dry_run: bool,
    accepted: Collection[str],
    traffic: Traffic,
    progress: Progress,
) -> Summary | None:
    """Let the daemon do it; return what it did, or None if none runs.

    Raises:
        E2ESyncError: What it met.
    """
    wanted = {"vault": note.vault.hex(), "command": command, "dry_run": dry_run, "accepted": sorted(accepted)}
    try:
        for line in Control(session.home.socket).lines("POST", "/order", wanted):
            if "progress" in line:
                progress(*line["progress"])
            else:
                return _answer(line, traffic)
    except DaemonNotRunning:
        return None
    raise TemporaryError("the daemon ended before the work was done", fix="run the same command again")


def _answer(line: dict[str, Any], traffic: Traffic) -> Summary:
    if "traffic" in line:
        spent = line["traffic"]
        traffic.add(spent["requests"], up=spent["up"], down=spent["down"])
    summary = _summary(line["summary"]) if line.get("summary") else None
    if "error" not in line and summary is not None:
        return summary
    error = error_of(line["error"])
    if isinstance(error, IntegrityError):
        error.done = summary
    raise error


def _summary(values: dict[str, Any]) -> Summary:
    from e2esync.engine.preview import Action
    from e2esync.engine.vault import Summary

    actions = [
        Action(action, bytes.fromhex(path), bytes.fromhex(origin) if origin is not None else None)
        for action, path, origin in values["actions"]
    ]
    return Summary(**{**values, "actions": actions})


def error_of(values: dict[str, str]) -> E2ESyncError:
    """Return an error that the daemon told."""
    kind = getattr(errors, values["kind"], None)
    if isinstance(kind, type) and issubclass(kind, E2ESyncError):
        return kind(values["what"], why=values["why"], fix=values["fix"])
    return E2ESyncError(
        f"something went wrong inside the daemon ({values['kind']})",
        why="this is a defect of e2esync, not a mistake of yours",
        fix="e2esync stop, then run the same command again",
    )
