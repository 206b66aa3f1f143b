"""From the configuration to connected objects: a folder, its vault and its store, for one command."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager

from e2esync.adapters.catalogue import Catalogue
from e2esync.adapters.files import FolderLock, LocalFolder, Unreadable
from e2esync.adapters.state import FolderState
from e2esync.adapters.stores.counting import Traffic
from e2esync.engine.members import open_membership
from e2esync.engine.notes import Dedup, FolderNote, StoreAddress
from e2esync.engine.vault import SYSTEM_CLOCK, Progress, SyncedFolder, silent
from e2esync.errors import SafetyStop
from e2esync.vault.cipher import VaultCipher
from e2esync.vault.keyring import open_keyring
from e2esync.wiring.localdevice import CATALOGUE_FILE, LOCK_FILE, STATE_FILE, HomeDevice
from e2esync.wiring.stores import connect


@contextmanager
def synced_folder(
    local: HomeDevice,
    note: FolderNote,
    *,
    traffic: Traffic,
    progress: Progress = silent,
    address: StoreAddress | None = None,
    accepted: Collection[str] = (),
) -> Iterator[SyncedFolder]:
    """Give a folder of this device with everything that a command works on, locked for this process.

    Nothing is asked of the store here: the membership comes from the records that were verified
    when the vault was made or joined. `address` connects to another store than the noted one;
    `accepted` are the risks that need not be asked about.

    Raises:
        Busy: Another process works on the folder.
        SafetyStop: The folder is missing.
    """
    directory = local.home.vault(note.vault)
    with ExitStack() as stack:
        stack.enter_context(folder_lock(local, note))
        folder = stack.enter_context(local_folder(note))
        membership = open_membership(note.vault, local.membership(note.vault))
        keyring = open_keyring(membership, local.identity())
        state, catalogue = FolderState(directory / STATE_FILE), Catalogue(directory / CATALOGUE_FILE)
        stack.callback(state.close)
        stack.callback(catalogue.close)
        store = connect(address or note.store, traffic=traffic)
        stack.callback(store.close)
        yield SyncedFolder(
            vault_id=note.vault,
            store=store,
            membership=membership,
            keyring=keyring,
            cipher=VaultCipher(note.vault, keyring),
            catalogue=catalogue,
            clock=SYSTEM_CLOCK,
            progress=progress,
            device=local.device(note.device),
            names=(local.device_name, local.user_name),
            accepted=frozenset(accepted),
            within_files=note.dedup == Dedup.FILE,
            state=state,
            folder=folder,
        )


@contextmanager
def known_folder(local: HomeDevice, note: FolderNote) -> Iterator[tuple[FolderState, LocalFolder]]:
    """Give a folder and what is known of it, locked for this process; keys and store stay closed.

    Raises:
        Busy: Another process works on the folder.
        SafetyStop: The folder is missing.
    """
    with ExitStack() as stack:
        stack.enter_context(folder_lock(local, note))
        folder = stack.enter_context(local_folder(note))
        state = FolderState(local.home.vault(note.vault) / STATE_FILE)
        stack.callback(state.close)
        yield state, folder


def folder_lock(local: HomeDevice, note: FolderNote) -> FolderLock:
    """Return the lock of a folder, by which one process at a time works on it."""
    directory = local.home.vault(note.vault)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return FolderLock(directory / LOCK_FILE)


def local_folder(note: FolderNote) -> LocalFolder:
    """Return the folder.

    Raises:
        SafetyStop: It is missing.
    """
    try:
        return LocalFolder.open(note.path)
    except Unreadable as error:
        raise SafetyStop(
            f"the folder {note.path} cannot be read",
            why=f"{error.reason}; nothing was concluded from that",
            fix=f"move it back or mount its disk, or leave it with e2esync forget {note.path}",
        ) from error
