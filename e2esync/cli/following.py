"""What was changed, as `log` tells it: what was, or as it comes."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from e2esync.adapters.control import Control
from e2esync.cli.handing import error_of
from e2esync.cli.moments import moment
from e2esync.cli.output import escape, path_values, time_text
from e2esync.cli.session import Session
from e2esync.errors import DaemonNotRunning

if TYPE_CHECKING:
    from e2esync.daemon.following import Change
    from e2esync.engine.notes import FolderNote


def follow_log(
    session: Session, places: Sequence[tuple[FolderNote, bytes]], since: str | None, device: str | None
) -> NoReturn:
    """Tell the last changes at these places, and from then on each as it comes.

    Raises:
        DaemonNotRunning: Nobody tells of changes, or not any more.
    """
    from e2esync.daemon.following import Change

    at = {note.vault.hex(): (note, path) for note, path in places}
    begin = max(moment(since, int(time.time())), 0) if since is not None else None
    for line in Control(session.home.socket).lines("POST", "/follow", {"vaults": list(at), "since": begin}):
        if "error" in line:
            raise error_of(line["error"])
        for values in line.get("changes", ()):
            (note, path), change = at[line["vault"]], Change.from_values(values)
            if is_asked(change, path, device):
                session.out.line("change", **change_values(note, change))
                session.out.data("  ".join(change_row(change)))
    raise DaemonNotRunning(
        "nobody tells of changes any more",
        why="the daemon has ended, or the folder was left",
        fix="e2esync status",
    )


def is_asked(change: Change, path: bytes, device: str | None) -> bool:
    """Return whether a change is at or below a path, and by a device; None is any."""
    where = {change.path, change.origin or change.path}
    is_there = not path or any(each == path or each.startswith(path + b"/") for each in where)
    return is_there and device in {None, change.device}


def change_values(note: FolderNote, change: Change) -> dict[str, Any]:
    """Return a change as JSON has it."""
    return {
        "time": time_text(change.time),
        "device": change.device,
        "person": change.person,
        "change": change.what,
        **path_values(change.path),
        "from": path_values(change.origin)["path"] if change.origin is not None else None,
        "version": change.version,
        "folder": str(note.path),
    }


def change_row(change: Change) -> tuple[str, ...]:
    """Return a change for people."""
    name = escape(os.fsdecode(change.path))
    if change.origin is not None:
        name = f"{escape(os.fsdecode(change.origin))} -> {name}"
    return time_text(change.time) or "", escape(change.device), change.what, name
