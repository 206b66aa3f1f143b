"""Indexes and packs of our own: stored, kept in the cache, and read back from there or from the store."""

from __future__ import annotations

from collections.abc import Iterable

from e2esync.crypto.asymmetric import object_hash
from e2esync.engine.fetch import open_index_here
from e2esync.engine.ownhead import LiveIndex
from e2esync.engine.vault import OpenVault
from e2esync.errors import IntegrityError
from e2esync.format import names
from e2esync.format.index import Group
from e2esync.model.store import ObjectNotFound
from e2esync.vault.indexes import seal_index

WHOLE_INDEX = 512 << 10  # bytes; as a full pack: from this size on an index is not folded again


def put_index(
    vault: OpenVault,
    groups: Iterable[Group],
    *,
    level: int = 0,
    old_packs: Iterable[bytes] = (),
    old_indexes: Iterable[bytes] = (),
) -> LiveIndex:
    """Store an index of these groups; what it makes superfluous waits until a head lists it."""
    groups = list(groups)
    content = seal_index(
        groups,
        vault_id=vault.vault_id,
        record=vault.keyring.tip[1],
        key=vault.keyring.epochs[vault.keyring.current],
    )
    index_id = object_hash(content)
    packs = {group.pack for group in groups}
    vault.catalogue.folding.record_index(index_id, packs, old_packs=old_packs, old_indexes=old_indexes)
    vault.store.put(names.index(vault.vault_id, index_id), content)
    if len(content) < WHOLE_INDEX:
        vault.catalogue.cache.put(index_id, content)
    return LiveIndex(index_id, level, len(content))


def own_index(vault: OpenVault, index_id: bytes) -> list[Group] | None:
    """Return what an index of our own says; None if it cannot be read as it was written."""
    content = vault.catalogue.cache.get(index_id)
    if content is None:
        content = stored(vault, names.index(vault.vault_id, index_id), index_id, names.Kind.INDEX)
    try:
        return None if content is None else list(open_index_here(vault, index_id, content))
    except IntegrityError:
        return None


def own_pack(vault: OpenVault, pack: bytes) -> bytes | None:
    """Return a pack of our own; None if it cannot be read as it was written."""
    return vault.catalogue.cache.get(pack) or stored(
        vault, names.pack(vault.vault_id, pack), pack, names.Kind.PACK
    )


def stored(vault: OpenVault, key: str, object_id: bytes, kind: names.Kind) -> bytes | None:
    """Return the object with this id from the store; None if the store does not have it."""
    try:
        content = vault.store.get(key, length=kind.most_bytes)
    except ObjectNotFound:
        return None
    return content if object_hash(content) == object_id else None
