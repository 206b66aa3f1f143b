"""`forget`: leave a vault on this device. The files and the store stay as they are."""

from __future__ import annotations

from e2esync.engine.notes import FolderNote, LocalDevice


def forget(note: FolderNote, local: LocalDevice) -> None:
    """Forget a folder and what was known of its vault.

    The keys stay: this device is still one of its person's. A later `join` writes under new device
    keys, so that no sequence number is used twice.
    """
    local.remove_folder(note)
