"""`push`: scan → write → publish, and now and then a look whether the store has kept it. Never touches the folder."""

from __future__ import annotations

from e2esync.engine import ownhead
from e2esync.engine.away import look_for_packs, was_away
from e2esync.engine.content import ContentStore
from e2esync.engine.doubt import is_time_to_look
from e2esync.engine.fetch import fetch
from e2esync.engine.guard import guard
from e2esync.engine.ignoring import note_rules, untrack
from e2esync.engine.local import LocalWriter
from e2esync.engine.marker import check_marker
from e2esync.engine.marks import Marks, is_news, read_marks
from e2esync.engine.mend import mend
from e2esync.engine.own import Listed, check_pending, see_own_head
from e2esync.engine.owner import has_looked, knows_nothing, see_owner
from e2esync.engine.preview import push_actions
from e2esync.engine.publish import publish_snapshot, publish_tree, put_pending_head
from e2esync.engine.scan import scan
from e2esync.engine.stock import take_stock
from e2esync.engine.sweep import sweep
from e2esync.engine.upload import Uploader
from e2esync.engine.vault import Summary, SyncedFolder
from e2esync.merge.write import Writer


def push(vault: SyncedFolder, *, dry_run: bool = False) -> Summary:
    """Store what changed in the folder and publish it; `dry_run` only says what would be.

    Raises:
        StoreUnavailable, StoreRefused, NoAccess: The store; what was stored is not sent twice.
        SafetyStop: The folder is not the one that is synced here, or a guard stopped.
    """
    summary = Summary()
    check_marker(vault)
    if dry_run:
        summary.actions = push_actions(vault, scan(vault.folder, vault.state, clock=vault.clock))
        return summary
    publish(vault, summary, begin(vault))
    return summary


def begin(vault: SyncedFolder) -> Listed:
    """Finish what was cut off before, here and in the store; return what one LIST says of the heads.

    Raises:
        StateBehind: The local state was restored, copied or lost: `engine.renew`.
    """
    see_owner(vault)
    check_pending(vault)
    put_pending_head(vault)
    listed = see_own_head(vault)
    take_stock(vault)
    return listed


def publish(vault: SyncedFolder, summary: Summary, listed: Listed) -> None:
    """Scan the folder, store what changed and publish it; now and then look whether the store has kept it."""
    if knows_nothing(vault.state):  # its first word is that of somebody who has seen what there is
        fetch(vault, listed)
        has_looked(vault.state)
    marks = heed(vault, listed)
    has_lost = _has_lost(vault, marks)
    with vault.state.transaction():
        _write_and_publish(vault, summary, marks)
    published = put_pending_head(vault)
    if has_lost or is_time_to_look(vault, quiet=not published):
        published |= mend(vault, summary, marks=marks)
    if published:
        sweep(vault)


def heed(vault: SyncedFolder, listed: Listed) -> Marks:
    """Read the prune marks, and take nothing as held that is about to go or went; join first if we were away."""
    marks = read_marks(vault, listed.marks)
    if was_away(vault) and look_for_packs(vault):
        fetch(vault, listed)  # what others gave up is let go here, before it is said again
    vault.catalogue.do_not_borrow(marks.packs)
    if marks.gone and is_news(vault, marks):
        vault.catalogue.forget_known(marks.gone)
    return marks


def _has_lost(vault: SyncedFolder, marks: Marks) -> bool:
    """Return whether our own indexes name what a new mark says is gone: it is time to name it no more."""
    rows = vault.catalogue.folding
    return bool(marks.gone) and is_news(vault, marks) and any(map(rows.is_named, sorted(marks.gone)))


def _write_and_publish(vault: SyncedFolder, summary: Summary, marks: Marks) -> None:
    found = scan(vault.folder, vault.state, clock=vault.clock)
    untracked = untrack(vault, found)
    (files, _), rows = vault.state.count_rows(), vault.state.count_all_rows()
    with Uploader(vault) as uploader:
        writer = Writer(vault.device.id, ownhead.load(vault.state).sequence + 1)
        local = LocalWriter(vault, writer, ContentStore(vault.cipher, uploader), summary)
        local.write(found)
        note_rules(vault, found, untracked, summary)
        is_emptied = rows > 1 and not vault.state.has_rows()
        guard(vault, "push", files=files, gone=local.deleted, changed=local.edited, is_emptied=is_emptied)
        has_news = ownhead.load(vault.state).sequence > 0 and is_news(vault, marks)
        if local.changed or has_news:
            # What counts as published is on this disk: else a power cut puts an older content back, as an edit.
            vault.folder.barrier()
            root = publish_tree(vault, uploader, local.changed)
            publish_snapshot(vault, uploader, root, marks=marks.hashes)
