"""`push`: scan → write → publish, and now and then a look whether the store has kept it. Never touches the folder."""

from __future__ import annotations

from e2esync.engine import ownhead
from e2esync.engine.away import forget_packs, missing_packs, note_look, was_away
from e2esync.engine.content import ContentStore
from e2esync.engine.doubt import is_time_to_look
from e2esync.engine.fetch import fetch
from e2esync.engine.guard import guard
from e2esync.engine.ignoring import note_rules, untrack
from e2esync.engine.late import bring_back_late
from e2esync.engine.local import LocalWriter
from e2esync.engine.marker import check_marker
from e2esync.engine.marks import Marks, is_news, read_marks
from e2esync.engine.mend import mend
from e2esync.engine.own import Listed, check_pending, list_heads, see_own_head
from e2esync.engine.owner import has_looked, knows_nothing, see_owner
from e2esync.engine.preview import push_actions
from e2esync.engine.publish import publish_snapshot, publish_tree, put_pending_head
from e2esync.engine.scan import scan
from e2esync.engine.stock import take_stock
from e2esync.engine.sweep import sweep
from e2esync.engine.upload import Uploader
from e2esync.engine.vault import Summary, SyncedFolder
from e2esync.merge.write import Writer

MOST_PAUSE = 12 * 3600  # seconds from a look at the prune marks to the head: half of the shortest grace


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
    lost: list[bytes] = []
    is_slow = False
    while True:
        began = vault.clock.now()
        marks = read_marks(vault, listed.marks)
        if is_slow or was_away(vault):
            lost += _come_back(vault, listed)
        _heed(vault, marks)
        has_lost = bool(lost) or _has_lost(vault, marks)
        try:
            with vault.state.transaction():
                _write_and_publish(vault, summary, marks)
                if vault.clock.now() - began > MOST_PAUSE:
                    _look_again(vault, marks)
            break
        except _SomethingWent:  # what was stored is known, and not sent again
            listed, is_slow = list_heads(vault), True
            vars(summary).update(vars(Summary()))
    published = put_pending_head(vault)
    if has_lost or is_time_to_look(vault, quiet=not published):
        published |= mend(vault, summary, marks=marks, anew=bool(lost))
    if lost:
        forget_packs(vault, lost)
    if published:
        sweep(vault)


class _SomethingWent(Exception):
    """Ends a transaction that refers to what may have been pruned meanwhile."""


def _look_again(vault: SyncedFolder, marks: Marks) -> None:
    """See that what a slow push refers to is not about to go: it may have slept for longer than a grace time."""
    if read_marks(vault, list_heads(vault).marks).hashes != marks.hashes or missing_packs(vault):
        raise _SomethingWent


def _come_back(vault: SyncedFolder, listed: Listed) -> list[bytes]:
    """Look what was pruned while we were away, and let go of what others gave up before it is said again."""
    lost = missing_packs(vault)
    forget_packs(vault, lost)
    note_look(vault)
    if lost:
        fetch(vault, listed)
        vault.catalogue.lose_packs(lost)  # indexes may name them still
    return lost


def _heed(vault: SyncedFolder, marks: Marks) -> None:
    """Take nothing as held that is about to go, or went."""
    vault.catalogue.do_not_borrow(marks.packs)
    if marks.gone and is_news(vault, marks):
        vault.catalogue.forget_known(marks.gone)


def _has_lost(vault: SyncedFolder, marks: Marks) -> bool:
    """Return whether our own indexes name what a new mark says is gone: it is time to name it no more."""
    rows = vault.catalogue.folding
    return bool(marks.gone) and is_news(vault, marks) and any(map(rows.is_named, sorted(marks.gone)))


def _write_and_publish(vault: SyncedFolder, summary: Summary, marks: Marks) -> None:
    bring_back_late(vault, recent_only=True)
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
