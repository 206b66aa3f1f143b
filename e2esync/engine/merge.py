"""From the tree of a head to a joined tree in the state: read what differs, check the head's tree whole, then join.

Where a head has seen all that is joined here, and goes on from it, its tree is the joined tree. Else the joined one has pages that
nobody has stored: they are put aside, and stored with the next snapshot of this device.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial

from e2esync.engine import ownhead
from e2esync.engine.blobs import BlobReader
from e2esync.engine.broken import BrokenTree
from e2esync.engine.check import check_hangs, check_kept, check_value
from e2esync.engine.joined import load_context, save_context
from e2esync.engine.narrow import is_too_large, note_too_large
from e2esync.engine.places import Places
from e2esync.engine.shown import decoded, encoded
from e2esync.engine.takeover import incoming, take_over
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import BadObject
from e2esync.format.cbor import encode
from e2esync.merge.join import NO_ENTRIES, Entries, join_entries
from e2esync.merge.vector import Vector, covers
from e2esync.tree.compare import compare
from e2esync.tree.pagecodec import page_value
from e2esync.tree.pages import Page, Root, update
from e2esync.vault.cipher import BlobKind
from e2esync.vault.heads import Head

BATCH = 1000


def join(vault: SyncedFolder, head: Head) -> None:
    """Join the tree of a head, whole or not at all; for use inside a transaction.

    Raises:
        BrokenTree: The tree is not as the format has it; so everybody finds it.
        IntegrityError: The store does not have it, or has something else.
    """
    reader = BlobReader(vault)
    try:
        with vault.state.step():
            _join(vault, head, reader)
    except BadObject as error:
        if reader.has_failed:
            raise
        raise BrokenTree(error.what) from error


def _join(vault: SyncedFolder, head: Head, reader: BlobReader) -> None:
    root = Root(*head.root) if head.root is not None else None
    covered = _sequences(head.context) | {head.device: head.sequence}
    seen = _seen_here(vault)
    unseen = {device for device, sequence in seen.items() if not covers(covered, device, sequence)}
    goes_on = _stage(vault, root, covered, seen, reader)
    if unseen:
        _check_kept(vault, unseen, covered)
    if unseen or not goes_on:
        with vault.state.tried():
            _take_over(vault, root)
        _join_staged(vault, seen, covered)
        _take_over(vault, None, is_joined=True)
        vault.state.drop_old_unsaid()
    else:
        _take_over(vault, root)
    _cover(vault, head)


def _seen_here(vault: SyncedFolder) -> dict[bytes, int]:
    """Return what the tree at hand covers."""
    own = {vault.device.id: ownhead.load(vault.state).sequence}
    return _sequences(load_context(vault.state)) | own


def _sequences(context: Mapping[bytes, tuple[int, bytes]]) -> dict[bytes, int]:
    return {device: sequence for device, (sequence, _) in context.items()}


def _cover(vault: SyncedFolder, head: Head) -> None:
    """Note that all that a head has seen is joined."""
    context = dict(load_context(vault.state))
    for device, point in [*head.context.items(), (head.device, (head.sequence, head.hash))]:
        context[device] = max(context.get(device, point), point)
    context.pop(vault.device.id, None)
    save_context(vault.state, context)


def _stage(vault: SyncedFolder, root: Root | None, covered: Vector, seen: Vector, reader: BlobReader) -> bool:
    """Put aside, checked, what the tree under `root` changes: it is compared whole before it counts.

    Return whether all of it goes on from what is here.
    """
    goes_on, batch = True, []
    vault.state.clear_incoming()
    for count, (key, value) in enumerate(compare(vault.state, root, get=reader.tree_page), 1):
        entries = frozenset(check_value(key, value, covered)) if value is not None else NO_ENTRIES
        goes_on = goes_on and _goes_on(vault, key, entries, seen)
        batch.append(incoming(vault, key, entries, value))
        if len(batch) >= BATCH:
            vault.state.add_incoming(batch)
            batch = []
            vault.progress("compare", count, None)
    vault.state.add_incoming(batch)
    return goes_on


def _check_kept(vault: SyncedFolder, unseen: Collection[bytes], covered: Vector) -> None:
    """Check what the tree of the head has in common with that at hand, which may be of writes that the head has not seen.

    Whether a tree counts must not depend on what of it is here already (format §8.5). `unseen`: whose writes they are.
    """
    for value in vault.state.kept():
        if any(device in value for device in unseen):  # quicker than to decode it
            check_kept(value, covered)


def _goes_on(vault: SyncedFolder, key: bytes, entries: Entries, seen: Vector) -> bool:
    """Return whether what was seen here before is as it is here: who honestly goes on neither brings back nor changes it."""
    old = [entry for entry in entries if covers(seen, entry.device, entry.sequence)]
    return not old or decoded(key, vault.state.node(key)).issuperset(old)


def _take_over(vault: SyncedFolder, root: Root | None, *, is_joined: bool = False) -> None:
    """Make the tree at hand what was put aside, checked in what shows only of a whole tree."""
    state = vault.state
    _check_places(vault, is_all=take_over(vault))
    emit = partial(_put_aside if is_joined else _page_id, vault)
    if update(state, state.incoming_keys(), draw=vault.cipher.draw, emit=emit) != root and not is_joined:
        raise BadObject("the pages of the tree are not cut as they should be")


def _check_places(vault: SyncedFolder, *, is_all: bool) -> None:
    """Check the directories in which something came, or all of them, with what is above each."""
    places = Places(vault.state)
    for number in vault.state.numbers_to_check(is_all=is_all):
        check_hangs(places, number)


def _page_id(vault: SyncedFolder, page: Page) -> bytes:
    return vault.cipher.page_id(BlobKind.TREE_PAGE, encode(page_value(page)))


def _put_aside(vault: SyncedFolder, page: Page) -> bytes:
    body = encode(page_value(page))
    page_id = vault.cipher.page_id(BlobKind.TREE_PAGE, body)
    if not vault.catalogue.holds(page_id):
        vault.state.put_unsaid(page_id, body)
    return page_id


def _join_staged(vault: SyncedFolder, seen: Vector, covered: Vector) -> None:
    """Join what was put aside with the tree at hand; what stays as it is here is not put aside any more."""
    too_large: list[bytes] = []
    for batch in _batches(vault):
        joined = []
        for key, theirs in batch:
            ours = vault.state.node(key)
            mine = decoded(key, ours)
            entries = join_entries(mine, seen, decoded(key, theirs), covered)
            if entries != mine:
                value = encoded(entries)
                joined.append(incoming(vault, key, entries, value))
                if is_too_large(entries, value):
                    too_large.append(key)
        vault.state.replace_incoming([key for key, _ in batch], joined)
    note_too_large(vault, too_large)


def _batches(vault: SyncedFolder) -> Iterator[list[tuple[bytes, bytes | None]]]:
    after = b""
    while batch := vault.state.incoming_after(after, BATCH):
        yield batch
        after = batch[-1][0]
