"""The root marker: without it the folder is not ours to judge, and nothing is concluded from it."""

from __future__ import annotations

from e2esync.engine.vault import SyncedFolder
from e2esync.errors import SafetyStop


def check_marker(vault: SyncedFolder) -> None:
    """Stop if the folder is not the one that this vault was set up in.

    Raises:
        SafetyStop: It is missing, unmounted, emptied or another one.
    """
    root = vault.folder.root
    if not vault.folder.is_in_place():
        raise SafetyStop(
            f"the folder {root} is not where it was",
            why="it was moved away, or its disk is not mounted; nothing was concluded from that",
            fix=f"move it back or mount its disk, or leave it with e2esync forget {root}",
        )
    if vault.folder.marker() != vault.vault_id:
        raise SafetyStop(
            f"the folder {root} is not the one that is synced here",
            why="its marker (.e2esync) is gone or belongs to another vault; nothing was concluded from that",
            fix=f"mount its disk, or leave it with e2esync forget {root}; its files stay",
        )
