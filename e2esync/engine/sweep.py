"""Delete what folding has moved, an hour after the head that lists the new place (format §10).

Only by the device that wrote it, only once new packs, their index and the head were seen in the
store, and never a pack that a live index of ours names, or of which a blob is in no other that one
names. What cannot be done now waits; nothing here makes a push fail that has succeeded.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from e2esync.adapters.catalogue import LISTED, STORED
from e2esync.adapters.folding import Waiting
from e2esync.engine import ownhead
from e2esync.engine.ownhead import LiveIndex
from e2esync.engine.ownindex import own_index, stored
from e2esync.engine.vault import OpenVault, SyncedFolder
from e2esync.errors import NoAccess, StoreRefused, TemporaryError
from e2esync.format import names
from e2esync.model.store import ObjectNotFound

GRACE = 3600  # seconds


def settle(vault: OpenVault, live: Iterable[LiveIndex]) -> None:
    """Bring what the catalogue has of folding into line with the indexes that are live."""
    now = vault.clock.now()
    vault.catalogue.folding.settle({index.id for index in live}, now=now, due=now + GRACE)


def sweep(vault: SyncedFolder) -> None:
    """Delete what is due, after our head was put."""
    own = ownhead.load(vault.state)
    settle(vault, own.indexes)
    rows, now = vault.catalogue.folding, vault.clock.now()
    due = rows.due(now)
    if not due:
        return
    with suppress(TemporaryError, StoreRefused, NoAccess):
        if _learn(vault, own):
            _delete(vault, due)
    rows.postpone(now + GRACE)  # what is still there


def _learn(vault: OpenVault, own: ownhead.OwnHead) -> bool:
    """Take in live indexes of ours that the catalogue has lost; return whether all are known."""
    rows = vault.catalogue.folding
    for index in own.indexes:
        if rows.is_recorded(index.id):
            continue
        groups = own_index(vault, index.id)
        if groups is None:
            return False
        vault.catalogue.load(index.id, groups, now=vault.clock.now())
        rows.record_index(index.id, {group.pack for group in groups})
    settle(vault, own.indexes)
    return True


def _delete(vault: SyncedFolder, due: list[Waiting]) -> None:
    """Delete what nobody needs, if the store shows what replaces it."""
    rows = vault.catalogue.folding
    named = {one.id for one in due if one.is_pack and rows.is_named(one.id)}
    rows.keep(named, state=LISTED)
    moved = {
        one.id: rows.covers(one.id) for one in due if one.is_pack and one.was_listed and one.id not in named
    }
    covers = {cover for found in moved.values() for cover in found or ()}
    if any(one.was_listed for one in due) and not _is_published(vault, {cover.index_id for cover in covers}):
        return
    lost = {cover for cover in covers if _size(vault, cover.pack) != cover.size}
    rows.give_up([cover.pack for cover in lost])
    needed = {pack for pack, found in moved.items() if found is None or found & lost}
    rows.keep([pack for pack in needed if _size(vault, pack) is not None], state=STORED)
    deleted = [one for one in due if one.id not in named | needed]
    rows.give_up([one.id for one in deleted if one.is_pack])
    vault.store.delete([_key(vault, one) for one in deleted])
    rows.forget(deleted)
    vault.catalogue.cache.drop(one.id for one in deleted)


def _is_published(vault: SyncedFolder, indexes: Iterable[bytes]) -> bool:
    """Read our head and these indexes back."""
    try:
        head = vault.store.get(names.head(vault.vault_id, vault.device.id), length=names.Kind.HEAD.most_bytes)
    except ObjectNotFound:
        return False
    return head == vault.state.get(ownhead.HEAD) and all(
        stored(vault, names.index(vault.vault_id, index), index, names.Kind.INDEX) is not None
        for index in indexes
    )


def _size(vault: OpenVault, pack: bytes) -> int | None:
    info = vault.store.head(names.pack(vault.vault_id, pack))
    return None if info is None else info.size


def _key(vault: OpenVault, one: Waiting) -> str:
    return names.pack(vault.vault_id, one.id) if one.is_pack else names.index(vault.vault_id, one.id)
