"""`sync`: scan → publish → fetch → join → apply. One LIST says where the others are."""

from __future__ import annotations

from e2esync.engine.apply import apply
from e2esync.engine.fetch import fetch_good, refuse
from e2esync.engine.marker import check_marker
from e2esync.engine.preview import push_actions
from e2esync.engine.pull import looked
from e2esync.engine.push import begin, publish
from e2esync.engine.scan import Within, scan
from e2esync.engine.vault import Summary, SyncedFolder


def sync(vault: SyncedFolder, *, dry_run: bool = False, within: Within = None, beat: bool = False) -> Summary:
    """Publish what changed in the folder, and bring it to the newest state of the vault.

    What was changed here and cannot be published yet is left alone and listed in `skipped`.
    `dry_run` only says what would be done. `within`: where something may have changed, if that is known.
    `beat`: publish also where nothing changed here, for the others to see what this device has joined.

    Raises:
        IntegrityError: Something in the store fails verification; the folder was not touched, and what changed in it
            is published, if the store could be believed so far. If it was the tree of one device's head, the others'
            were joined, and if it was the content of a file (in `failed`), all other files are done: the error has
            the summary as `done`.
        StoreUnavailable, StoreRefused, NoAccess: The store; what was stored is not sent twice.
        DiskFull: There is no room here.
        SafetyStop: The folder is not the one that is synced here, or a guard stopped.
    """
    summary = Summary()
    check_marker(vault)
    if dry_run:
        summary.actions = push_actions(vault, scan(vault.folder, vault.state, clock=vault.clock))
        summary.actions += looked(vault, begin(vault))
        return summary
    listed = begin(vault)
    publish(vault, summary, listed, within=within, beat=beat)
    aside = fetch_good(vault, listed)
    refused = apply(vault, summary)
    refuse(aside or refused, summary)
    return summary
