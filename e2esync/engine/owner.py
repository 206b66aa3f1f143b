"""Whose state it is: what another device of ours has published is that of any other, for this one."""

from __future__ import annotations

from types import MappingProxyType

from e2esync.adapters.state import FolderState
from e2esync.engine import ownhead
from e2esync.engine.fetch import TRUSTED, load_trusted
from e2esync.engine.joined import cached_head, former_device, load_context, note_former, save_context
from e2esync.engine.ownmark import MARK
from e2esync.engine.vault import SyncedFolder
from e2esync.vault.trust import Trusted, TrustedHead

_OWNER = "device"  # id of the device that writes by this state


def see_owner(vault: SyncedFolder) -> None:
    """See that the state is that of this device; one that was put back may be that of an earlier one."""
    owner = vault.state.get(_OWNER)
    if owner == vault.device.id:
        return
    with vault.state.transaction():
        if owner is not None:
            become(vault, owner, vault.device.id)
        vault.state.set(_OWNER, vault.device.id)


def knows_nothing(state: FolderState) -> bool:
    """Return whether this device has neither written nor joined anything, in this life of its state."""
    if former_device(state) is not None:
        return True
    return ownhead.load(state).sequence == 0 and not load_context(state)


def has_looked(state: FolderState) -> None:
    """Note that all heads there are were joined."""
    note_former(state, None)


def become(vault: SyncedFolder, old: bytes, new: bytes) -> None:
    """Make the state of the device `old` that of `new`; for use inside a transaction.

    What was committed and maybe never published cannot be told from what a copy of this disk has
    published under the same sequence: then the folder is scanned as if nothing was known of it.
    """
    state, own = vault.state, ownhead.load(vault.state)
    if state.get(ownhead.PENDING) is not None:
        state.forget_tree_and_disk()
        save_context(state, {})
    elif own.hash is not None:
        save_context(state, {**load_context(state), old: (own.sequence, own.hash)})
        trusted = load_trusted(state)
        heads = {**trusted.heads, old: TrustedHead(own.sequence, own.hash, own.revision, members=None)}
        state.set(TRUSTED, Trusted(MappingProxyType(heads), trusted.tip).encode())
        state.set(
            cached_head(old), state.get(ownhead.HEAD)
        )  # proves what we signed, where a copy has signed more
    for key in (ownhead.KEY, ownhead.HEAD, ownhead.PENDING, MARK):
        state.set(key, None)
    state.set(_OWNER, new)
    note_former(state, old)
    vault.catalogue.forget_all()
