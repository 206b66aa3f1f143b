"""Our own head in the store: there as we put it, or put again; never a reason to doubt our own state."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NoReturn

from e2esync.engine import ownhead
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import BadObject, IntegrityError, StateBehind
from e2esync.format import names
from e2esync.model.store import ObjectInfo, ObjectNotFound
from e2esync.vault.heads import open_head

MOST_LISTED = 8192  # heads and marks: 64 devices for each of 64 people, twice


@dataclass(frozen=True, slots=True)
class Listed:
    """What one LIST says of heads and prune marks, by device."""

    heads: dict[bytes, ObjectInfo] = field(default_factory=dict)
    marks: dict[bytes, ObjectInfo] = field(default_factory=dict)


def list_heads(vault: SyncedFolder) -> Listed:
    """Return what one LIST says of the heads and prune marks."""
    listed = Listed()
    for info in vault.store.list(names.heads_prefix(vault.vault_id)):
        name = names.parse(info.key)
        if name is not None and name.id is not None:
            (listed.heads if name.kind is names.Kind.HEAD else listed.marks)[name.id] = info
        if len(listed.heads) + len(listed.marks) > MOST_LISTED:
            raise BadObject("the store lists more devices than a vault can have")
    return listed


def see_own_head(vault: SyncedFolder) -> Listed:
    """See that our own head stands in the store as we put it; put it again if it is absent or behind."""
    listed = list_heads(vault)
    head = vault.state.get(ownhead.HEAD)
    info = listed.heads.get(vault.device.id)
    own = ownhead.load(vault.state)
    if head is None:
        if info is not None:
            refuse_restored()
        return listed
    if info is None or info.etag != own.etag:
        _put_again(vault, head, own, present=info is not None)
    return listed


def _put_again(vault: SyncedFolder, head: bytes, own: ownhead.OwnHead, *, present: bool) -> None:
    key = names.head(vault.vault_id, vault.device.id)
    stored = _get(vault, key) if present else None
    if stored is None or stored != head:
        if stored is not None:
            _check_not_ahead(vault, stored, own)
        etag = vault.store.put(key, head)
    else:
        info = vault.store.head(key)
        etag = info.etag if info else ""
    with vault.state.transaction():
        ownhead.save(vault.state, replace(own, etag=etag))


def _get(vault: SyncedFolder, key: str) -> bytes | None:
    try:
        return vault.store.get(key)
    except ObjectNotFound:
        return None


def _check_not_ahead(vault: SyncedFolder, stored: bytes, own: ownhead.OwnHead) -> None:
    """Refuse to go on where the store shows a later word of ours: the local state was restored or copied."""
    try:
        head = open_head(
            stored,
            vault.device.id.hex(),
            vault_id=vault.vault_id,
            membership=vault.membership,
            keyring=vault.keyring,
        )
    except IntegrityError:
        return  # not signed by us: it does not count, and ours replaces it
    if head.sequence > own.sequence or (head.sequence == own.sequence and head.hash != own.hash):
        refuse_restored()


def check_pending(vault: SyncedFolder) -> None:
    """See that a head that waits to be put is the next one of this device.

    Raises:
        StateBehind: The store shows another word of ours with that sequence, or a later one.
    """
    pending = vault.state.get(ownhead.PENDING)
    stored = _get(vault, names.head(vault.vault_id, vault.device.id)) if pending is not None else None
    if stored is not None and stored != pending:
        own = ownhead.load(vault.state)
        _check_not_ahead(vault, stored, own)


def refuse_restored() -> NoReturn:
    """End a command of a device that has lost its place in what it has published."""
    raise StateBehind(
        "this device's state is older than what it has published",
        why="the local state was restored from a backup, copied, or lost",
        fix="e2esync sync, which goes on as a new device; files stay where they are",
    )
