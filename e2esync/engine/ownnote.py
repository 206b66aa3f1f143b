"""The own record of this device: which vaults it has, where, and what it has accepted of them (format §3.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from e2esync.engine.members import open_membership
from e2esync.engine.notes import FolderNote, KeptIdentity, LocalDevice
from e2esync.engine.vault import Clock
from e2esync.format import names
from e2esync.format.ownrecord import VaultNote
from e2esync.format.points import Context, RecordName
from e2esync.vault.device import Device
from e2esync.vault.ownrecord import seal_own_record
from e2esync.vault.trust import Trusted


def seal_note(
    local: LocalDevice,
    kept: KeptIdentity,
    device: Device,
    vaults: Iterable[VaultNote],
    clock: Clock,
) -> tuple[str, bytes]:
    """Return key and content of the own record that notes these vaults.

    Its revision is the time, which grows; readers take the union of all own records, so that one
    that is late takes nothing away.
    """
    public = kept.identity.public
    content = seal_own_record(
        device,
        public,
        revision=clock.now_ns(),
        device_name=local.device_name,
        user_name=local.user_name,
        vaults=vaults,
    )
    return names.own_record(public.fingerprint, device.id), content


def vault_note(note: FolderNote, owner: bytes, tip: RecordName, heads: Context) -> VaultNote:
    """Return what the own record says of one folder's vault."""
    return VaultNote(note.vault, owner, note.name, note.store.url, tip, heads)


def notes_of(local: LocalDevice, device: bytes, *, but: bytes) -> list[VaultNote]:
    """Return what the own record of `device` says of its folders, leaving out the vault `but`."""
    return [_note_of(local, note) for note in local.folders() if note.device == device and note.vault != but]


def _note_of(local: LocalDevice, note: FolderNote) -> VaultNote:
    membership = open_membership(note.vault, local.membership(note.vault))
    heads = points(local.trusted(note.vault))
    return vault_note(note, membership.owner.fingerprint, membership.tip, heads)


def points(trusted: Trusted) -> Context:
    """Return accepted heads as an own record has them."""
    heads: Mapping[bytes, object] = trusted.heads
    return tuple(
        (device, trusted.heads[device].sequence, trusted.heads[device].hash) for device in sorted(heads)
    )
