"""From a changed tree to a head in the store: pages, packs, index, head, in that order (format §10).

The head's bytes, the tree and the rows are committed locally in one transaction before the head is
put; after an unknown outcome the same bytes are put again before anything else is done, so that a
sequence number never serves two contents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from e2esync.adapters.catalogue import LISTED, STORED
from e2esync.engine import ownhead
from e2esync.engine.away import note_published
from e2esync.engine.doubt import doubt
from e2esync.engine.faults import store_proofs
from e2esync.engine.fold import fold
from e2esync.engine.joined import load_context
from e2esync.engine.marks import note_named
from e2esync.engine.ownhead import LiveIndex, OwnHead
from e2esync.engine.ownindex import put_index
from e2esync.engine.upload import Uploader
from e2esync.engine.vault import SyncedFolder
from e2esync.format import names
from e2esync.format.cbor import encode
from e2esync.format.history import append
from e2esync.tree.pagecodec import page_value
from e2esync.tree.pages import Page, Root, update
from e2esync.vault import heads
from e2esync.vault.cipher import BlobKind


class Relisted(NamedTuple):
    """Indexes of our own that give way, and the packs that the next one names in their place."""

    indexes: frozenset[bytes] = frozenset()
    packs: frozenset[bytes] = frozenset()


NOTHING = Relisted()


def publish_tree(vault: SyncedFolder, uploader: Uploader, changed: Iterable[bytes]) -> Root | None:
    """Store the pages of the tree that changed; return its root."""

    def emit(page: Page) -> bytes:
        return uploader.add_page(BlobKind.TREE_PAGE, encode(page_value(page)))

    root = update(vault.state, sorted(changed), draw=vault.cipher.draw, emit=emit)
    for body in vault.state.unsaid():
        uploader.add_page(BlobKind.TREE_PAGE, body)
    vault.state.clear_unsaid()
    return root


def publish_snapshot(
    vault: SyncedFolder,
    uploader: Uploader,
    root: Root | None,
    *,
    marks: tuple[bytes, ...],
    relisted: Relisted = NOTHING,
) -> None:
    """Store snapshot, packs and index; leave the head pending in the state's open transaction.

    `marks` are the SHA-256 of the prune marks that were seen.
    """
    own = ownhead.load(vault.state)
    context = load_context(vault.state)
    snapshot = heads.make_snapshot(
        vault.device,
        vault.vault_id,
        sequence=own.sequence + 1,
        previous=own.hash,
        root=root,
        context=context,
        previous_context=own.context,
        tip=vault.keyring.tip,
        epoch=vault.keyring.current,
        time=vault.clock.now(),
    )
    history = own.history
    if own.hash is not None:
        history, pages = append(history, own.hash, lambda body: vault.cipher.page_id(BlobKind.HISTORY, body))
        for body in pages:
            uploader.add_page(BlobKind.HISTORY, body)
    uploader.add_blob(BlobKind.SNAPSHOT, vault.cipher.snapshot_id(snapshot.hash), snapshot.record)
    store_proofs(vault, uploader, context)
    uploader.finish()
    own = replace(
        own,
        sequence=own.sequence + 1,
        hash=snapshot.hash,
        revision=own.revision + 1,
        history=history,
        context=context,
        root=root,
        indexes=fold(vault, (*own.indexes, *store_index(vault, relisted))),
    )
    head = heads.make_head(
        vault.device,
        vault.keyring,
        vault.vault_id,
        snapshot=snapshot,
        context=context,
        history=history,
        revision=own.revision,
        live_indexes=tuple(index.id for index in own.indexes),
        names=vault.names,
        prune_marks=marks,
    )
    ownhead.save(vault.state, own)
    vault.state.set(ownhead.PENDING, head)
    note_named(vault, marks)
    note_published(vault)
    doubt(vault)


def store_index(vault: SyncedFolder, relisted: Relisted = NOTHING) -> list[LiveIndex]:
    """Store one index of all packs that no head lists yet, or not any more; return it, if there is any."""
    packs = [*sorted(relisted.packs), *(pack for pack, _, _ in vault.catalogue.packs(STORED))]
    if not packs:
        return []
    return [put_index(vault, vault.catalogue.groups(packs), old_indexes=relisted.indexes)]


def put_pending_head(vault: SyncedFolder) -> bool:
    """Put a head that is committed here and may not be in the store; return whether there was one."""
    head = vault.state.get(ownhead.PENDING)
    if head is None:
        return False
    etag = vault.store.put(names.head(vault.vault_id, vault.device.id), head)
    with vault.state.transaction():
        own = replace(ownhead.load(vault.state), etag=etag)
        ownhead.save(vault.state, own)
        vault.state.set(ownhead.HEAD, head)
        vault.state.set(ownhead.PENDING, None)
    vault.catalogue.set_state([pack for pack, _, _ in vault.catalogue.packs(STORED)], LISTED)
    return True


__all__ = ["OwnHead", "publish_snapshot", "publish_tree", "put_pending_head"]
