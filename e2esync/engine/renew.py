"""Go on as a new device where the local state is behind what it has published: restored, copied or lost (format §8).

A sequence of the old device may serve two contents then, so nothing more is written under its id. What
it has published is joined as that of any other device, and then the folder is scanned: what both have
is taken as it is, all else stands beside each other. Nothing is lost, and nobody is asked.
"""

from __future__ import annotations

from dataclasses import replace

from e2esync.engine.fetch import TRUSTED, load_trusted
from e2esync.engine.join import ensure_device, find_vaults
from e2esync.engine.notes import FolderNote, LocalDevice
from e2esync.engine.owner import become
from e2esync.engine.ownnote import notes_of, points, seal_note, vault_note
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import NoAccess
from e2esync.vault.trust import NOTHING, recall


def renew(vault: SyncedFolder, note: FolderNote, local: LocalDevice) -> SyncedFolder:
    """Return the folder as that of a new device, noted here and in the store; again after a crash is harmless.

    Raises:
        NoAccess: The identity is not on this device.
        StoreUnavailable, StoreRefused: The store.
    """
    kept = local.kept_identity()
    if kept is None:
        raise NoAccess("there is no identity on this device", fix="e2esync join STORE --recovery-file FILE")
    trusted = load_trusted(vault.state)
    if trusted is NOTHING:  # lost with the state; the own records remember
        found = (one for one in find_vaults(vault.store, kept) if one.vault == note.vault)
        trusted = recall(each for candidate in found for each in candidate.notes)
    device = ensure_device(vault.store, local, kept.identity, note.vault)
    renewed = replace(note, device=device.id)
    owner, tip = kept.identity.public.fingerprint, vault.membership.tip
    noted = vault_note(renewed, owner, tip, points(trusted))
    others = notes_of(local, device.id, but=note.vault)
    vault.store.put(*seal_note(local, kept, device, [*others, noted], vault.clock))
    with vault.state.transaction():
        vault.state.set(TRUSTED, trusted.encode())
        become(vault, note.device, device.id)
    local.move_folder(renewed)
    return replace(vault, device=device)
