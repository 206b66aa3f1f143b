"""`push`: scan → write → publish, and now and then a look whether the store has kept it. Never touches the folder."""

from __future__ import annotations

from functools import partial

from e2esync.engine import ownhead
from e2esync.engine.away import forget_packs
from e2esync.engine.content import ContentStore
from e2esync.engine.disknames import note_naming
from e2esync.engine.doubt import is_time_to_look
from e2esync.engine.faults import has_untold
from e2esync.engine.fetch import fetch_good
from e2esync.engine.going import Going
from e2esync.engine.guard import guard
from e2esync.engine.ignoring import note_rules, untrack
from e2esync.engine.late import bring_back_late
from e2esync.engine.letgo import write_without
from e2esync.engine.local import LocalWriter
from e2esync.engine.marker import check_marker
from e2esync.engine.marks import Marks, is_news
from e2esync.engine.mend import mend
from e2esync.engine.narrow import narrow
from e2esync.engine.own import Listed, check_pending, see_own_head
from e2esync.engine.owner import has_looked, knows_nothing, see_owner
from e2esync.engine.preview import push_actions
from e2esync.engine.publish import publish_snapshot, publish_tree, put_pending_head
from e2esync.engine.scan import Within, scan
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
    note_naming(vault)
    take_stock(vault)
    return listed


def publish(
    vault: SyncedFolder, summary: Summary, listed: Listed, *, within: Within = None, beat: bool = False
) -> None:
    """Scan the folder, store what changed and publish it; now and then look whether the store has kept it."""
    if knows_nothing(vault.state):  # its first word is that of somebody who has seen what there is
        fetch_good(vault, listed)
        has_looked(vault.state)
    write = partial(_write_and_publish, vault, summary, within=within, beat=beat)
    known = write_without(vault, listed, write)
    published = put_pending_head(vault)
    if known.calls_for_mending or is_time_to_look(vault, quiet=not published):
        published |= mend(vault, summary, marks=known.marks, anew=bool(known.lost))
    forget_packs(vault, known.lost)
    if published:
        sweep(vault)


def _write_and_publish(
    vault: SyncedFolder, summary: Summary, marks: Marks, *, within: Within, beat: bool
) -> None:
    bring_back_late(vault)
    vars(summary).update(vars(Summary()))  # of an attempt that was undone
    found = scan(vault.folder, vault.state, clock=vault.clock, within=within)
    untracked = untrack(vault, found)
    (files, _), rows = vault.state.count_rows(), vault.state.count_all_rows()
    going = Going("push", vault.progress)
    with Uploader(vault, going) as uploader:
        writer = Writer(vault.device.id, ownhead.load(vault.state).sequence + 1)
        local = LocalWriter(vault, writer, ContentStore(vault.cipher, uploader), summary, going)
        local.write(found)
        note_rules(vault, found, untracked, summary)
        is_emptied = rows > 1 and not vault.state.has_rows()
        guard(vault, "push", files=files, gone=local.deleted, changed=local.edited, is_emptied=is_emptied)
        has_news = ownhead.load(vault.state).sequence > 0 and (is_news(vault, marks) or has_untold(vault))
        changed = {*local.changed, *narrow(vault, writer, local.changed)}
        if changed or has_news or beat:
            # What counts as published is on this disk: else a power cut puts an older content back, as an edit.
            vault.folder.barrier()
            root = publish_tree(vault, uploader, changed)
            publish_snapshot(vault, uploader, root, marks=marks.hashes)
