"""`--dry-run`: what a push or a pull would do, as lines for people and scripts; nothing is done."""

from __future__ import annotations

from typing import NamedTuple

from e2esync.engine.places import Places
from e2esync.engine.plan import due_things
from e2esync.engine.scan import Scan, below
from e2esync.engine.vault import SyncedFolder
from e2esync.engine.ways import row_path
from e2esync.tree.keys import Kind


class Action(NamedTuple):
    """One thing that would be done."""

    action: str  # upload, download, move, delete-remote, delete-local, create-directory
    path: bytes
    origin: bytes | None = None  # where it is now, for a move


def push_actions(vault: SyncedFolder, found: Scan) -> list[Action]:
    """Return what a push would write, by what a scan saw; contents are not read."""
    state, actions = vault.state, []
    for item in state.found():
        if item.claim_parent is not None and item.claim_name is not None:
            row = state.row_at(item.claim_parent, item.claim_name)
            actions.append(Action("move", item.path, row_path(state, row) if row is not None else None))
        elif item.kind == Kind.DIRECTORY:
            actions.append(Action("create-directory", item.path))
        else:
            actions.append(Action("upload", item.path))
    for gone in found.gone:
        rows = below(state, gone.row, but=lambda row: (row.parent, row.name) in found.claimed)
        actions += [Action("delete-remote", row_path(state, row) or row.name) for row in rows]
    return actions


def pull_actions(vault: SyncedFolder) -> list[Action]:
    """Return what is due on the disk."""
    state, places, actions = vault.state, Places(vault.state), []
    for due in due_things(state):
        here = places.path((due.row.parent, due.row.name)) if due.row is not None else None
        if due.shown is None:
            actions += [Action("delete-local", here)] if here is not None else []
            continue
        path = places.path_in_tree((due.shown.parent, due.shown.name))
        if due.is_moved:
            actions.append(Action("move", path, here))
        if due.kind is Kind.DIRECTORY:
            actions += [Action("create-directory", path)] if due.row is None else []
        elif due.is_changed:
            actions.append(Action("download", path))
    return actions
