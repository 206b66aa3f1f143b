"""The root marker: without it the folder is not ours to judge, and nothing is concluded from it."""

from __future__ import annotations

from e2esync.engine.vault import SyncedFolder
from e2esync.errors import SafetyStop


def check_marker(vault: SyncedFolder) -> None:
    """Stop if the folder is not the one that this vault was set up in.

    Raises:
        SafetyStop: It is missing, unmounted, emptied or another one.
    """
    if not vault.folder.is_in_place() or vault.folder.marker() != vault.vault_id:
        raise SafetyStop(
            f"the folder {vault.folder.root} is not the one that is synced here",
            why="its marker (.e2esync) is gone or belongs to another vault: is a disk not mounted?",
            fix="mount the disk, or e2esync forget FOLDER and e2esync join STORE FOLDER; files stay where they are",
        )
