"""Copy what is needed out of packs of which the smaller part is, so that they may go (format §9.2).

Nothing is taken away by that: the old packs stay, and indexes go on to name them, until they have
been marked and deleted as any other. Only packs that no other device names are copied from; their
blobs move as they are sealed, and no id and no tree changes. Copies are stored as the packs of a
push: whatever is cut off, the next push lists them, and they are not made twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from e2esync.adapters.reach import Partly, ReachRows
from e2esync.engine import ownhead
from e2esync.engine.away import was_away
from e2esync.engine.fetch import read_index
from e2esync.engine.marks import Marks, is_news, read_marks
from e2esync.engine.moving import PackMover
from e2esync.engine.narrow import narrow
from e2esync.engine.own import list_heads
from e2esync.engine.publish import publish_snapshot, publish_tree, put_pending_head
from e2esync.engine.upload import Uploader
from e2esync.engine.vault import SyncedFolder
from e2esync.format.index import Group
from e2esync.merge.write import Writer


def can_publish(vault: SyncedFolder, marks: Marks) -> bool:
    """Return whether a head of ours may follow at once: all that a push has to see to first is seen to."""
    return not was_away(vault) and not is_news(vault, marks)


def repack(vault: SyncedFolder, rows: ReachRows, chosen: list[Partly]) -> bool:
    """Copy what is needed out of these packs and publish where it is; return whether it was published.

    A mark that came meanwhile leaves that to the next push.
    """
    mover = PackMover(vault, is_lasting=True)
    for pack, groups in _needed_of(vault, rows, {one.id for one in chosen if one.needed}):
        mover.move(pack, groups)
    mover.finish()
    marks = read_marks(vault, list_heads(vault).marks)
    if not can_publish(vault, marks):
        return False
    vault.catalogue.do_not_borrow(marks.packs)
    with vault.state.transaction(), Uploader(vault) as uploader:
        writer = Writer(vault.device.id, ownhead.load(vault.state).sequence + 1)
        root = publish_tree(vault, uploader, narrow(vault, writer, ()))
        publish_snapshot(vault, uploader, root, marks=marks.hashes)
    return put_pending_head(vault)


def _needed_of(
    vault: SyncedFolder, rows: ReachRows, chosen: set[bytes]
) -> Iterator[tuple[bytes, list[Group]]]:
    """Yield the packs with what of them is to be copied, as our own indexes say."""
    for index in ownhead.load(vault.state).indexes:
        for pack, groups in groupby(read_index(vault, index.id), key=lambda group: group.pack):
            if pack in chosen:
                chosen.remove(pack)
                found = [_only_needed(rows, group) for group in groups]
                if any(group.rows for group in found):
                    yield pack, [group for group in found if group.rows]


def _only_needed(rows: ReachRows, group: Group) -> Group:
    return group._replace(
        rows=tuple([row for row in group.rows if rows.has_to_move(row.prefix, row.length, group.pack)])
    )
