"""`pull`: fetch → join → apply. Never publishes."""

from __future__ import annotations

from e2esync.engine.apply import apply
from e2esync.engine.fetch import fetch, fetch_good, refuse
from e2esync.engine.ignoring import leave_ignored
from e2esync.engine.marker import check_marker
from e2esync.engine.own import Listed
from e2esync.engine.preview import Action, pull_actions
from e2esync.engine.push import begin
from e2esync.engine.vault import Summary, SyncedFolder


class _OnlyLooked(Exception):
    """Ends the transaction of a dry run."""


def pull(vault: SyncedFolder, *, dry_run: bool = False) -> Summary:
    """Bring the folder to the newest state of the vault; `dry_run` only says what would be.

    A local file that is not what was last seen is never overwritten or removed, but listed.

    Raises:
        IntegrityError: Something in the store fails verification; nothing was changed. If it was the tree of one
            device's head, the others' were joined, and if it was the content of a file (in `failed`), all other
            files are done: the error has the summary as `done`.
        DiskFull: There is no room here; nothing was changed.
        SafetyStop: The folder is not the one that is synced here, or a guard stopped.
    """
    summary = Summary()
    check_marker(vault)
    listed = begin(vault)
    if dry_run:
        summary.actions = looked(vault, listed)
        return summary
    aside = fetch_good(vault, listed)
    refused = apply(vault, summary)
    refuse(aside or refused, summary)
    return summary


def looked(vault: SyncedFolder, listed: Listed) -> list[Action]:
    """Return what would be done on the disk, and forget what was read for it."""
    actions: list[Action] = []
    try:
        with vault.state.transaction():
            fetch(vault, listed)
            leave_ignored(vault, Summary())
            actions = pull_actions(vault)
            raise _OnlyLooked
    except _OnlyLooked:
        return actions
