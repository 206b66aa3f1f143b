"""`move-store`: the same vault at a new address, once the copy there is seen to be whole enough.

The records of the vault, and the head of every device, must be there, equal to what this device has
accepted or newer. A copy that lacks later writes would look like an attack; so it is refused here.
"""

from __future__ import annotations

from dataclasses import replace

from e2esync.engine import ownhead
from e2esync.engine.members import fetch_membership
from e2esync.engine.notes import FolderNote, LocalDevice, StoreAddress
from e2esync.engine.objects import read
from e2esync.engine.ownnote import notes_of, points, seal_note, vault_note
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import Fork, IntegrityError, MissingObject, NoVault, Rollback
from e2esync.format import names
from e2esync.vault.heads import Head, open_head
from e2esync.vault.trust import Trusted


def move_store(
    vault: SyncedFolder, note: FolderNote, address: StoreAddress, local: LocalDevice
) -> FolderNote:
    """Note the new address of a vault; `vault.store` is the store there.

    Raises:
        NoVault: The vault is not there.
        Rollback: The copy is older than what this device has seen.
        Fork: The copy shows something else than this device has seen.
    """
    check_copy(vault, local.trusted(note.vault))
    kept = local.kept_identity()
    if kept is None:
        raise NoVault("there is no identity on this device", fix="e2esync join")
    moved = replace(note, store=address)
    for key, content in sorted(kept.objects.items()):
        vault.store.put(key, content)
    heads = points(local.trusted(note.vault))
    noted = vault_note(moved, vault.membership.owner.fingerprint, vault.membership.tip, heads)
    others = notes_of(local, vault.device.id, but=note.vault)
    vault.store.put(*seal_note(local, kept, vault.device, [*others, noted], vault.clock))
    local.move_folder(moved)
    return moved


def check_copy(vault: SyncedFolder, trusted: Trusted) -> None:
    """See that a store holds this vault, no older than this device knows it."""
    try:
        there = fetch_membership(vault.store, vault.vault_id, vault.membership.owner)
    except MissingObject:
        raise NoVault(
            f"this vault is not at {vault.store.url}",
            why="its records are not there",
            fix="copy the whole store there first, then run the same command again",
        ) from None
    if not set(there.members) >= _members_known(vault):
        raise _older("the list of members")
    expected = {device: (head.sequence, head.hash) for device, head in trusted.heads.items()}
    own = vault.state.get(ownhead.HEAD)
    if own is not None:
        head = _open(vault, vault.device.id, own)
        expected[vault.device.id] = (head.sequence, head.hash)
    for device, (sequence, digest) in sorted(expected.items()):
        _check_head(vault, device, sequence, digest)


def _members_known(vault: SyncedFolder) -> set[str]:
    records = vault.membership.records.values()
    return {names.members(vault.vault_id, record.members.number, record.hash) for record in records}


def _check_head(vault: SyncedFolder, device: bytes, sequence: int, digest: bytes) -> None:
    content = read(vault.store, names.head(vault.vault_id, device))
    if content is None:
        raise _older(f"the device {device.hex()[:8]}")
    head = _open(vault, device, content)
    if head.sequence < sequence:
        raise _older(f"the device {head.device_name!r}")
    if head.sequence == sequence and head.hash != digest:
        raise Fork(
            f"the copy shows another state of the device {head.device_name!r} than this device has seen"
        )


def _open(vault: SyncedFolder, device: bytes, content: bytes) -> Head:
    return open_head(
        content, device.hex(), vault_id=vault.vault_id, membership=vault.membership, keyring=vault.keyring
    )


def _older(what: str) -> IntegrityError:
    return Rollback(
        f"the copy is older than what this device has seen of {what}",
        why="it was made before the last push, or is not complete; the configuration was not changed",
        fix="copy the store again, then run the same command again",
    )
