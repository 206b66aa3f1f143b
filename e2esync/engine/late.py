"""What a program writes into a file that was replaced or removed under it becomes a version of its own.

The file itself is in the trash, and the program may have it open still. Once it was written to it goes back:
under its name, if that is free, else beside it. There the next scan finds it as any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from e2esync.adapters.files import CannotWrite, ChangedLocally, Kept, Unreadable
from e2esync.engine.vault import SyncedFolder
from e2esync.merge.naming import written_late

RECENT = 86_400 * 10**9  # ns in which it is looked for with every scan; later, when the trash is emptied


def bring_back_late(vault: SyncedFolder, *, recent_only: bool) -> None:
    """Bring back what was written to since it came to the trash; what finds no place stays there for the next time."""
    since = vault.clock.now_ns() - RECENT if recent_only else 0
    with suppress(Unreadable):  # nothing is lost: it stays in the trash, where each later round looks again
        for kept in list(vault.folder.kept(since)):
            if kept.is_late:
                _bring_back(vault, kept)


def _bring_back(vault: SyncedFolder, kept: Kept) -> None:
    for path in _places(kept, vault.names[0]):
        with suppress(ChangedLocally, CannotWrite):
            vault.folder.bring_back(kept.name, path)
            return


def _places(kept: Kept, device: str) -> Iterator[bytes]:
    """Yield where it may go: where it was, beside that, and in the root, if its directory is gone."""
    path = kept.path if kept.path is not None else b"file"
    above, slash, name = path.rpartition(b"/")
    beside = written_late(name, device, kept.fingerprint.mtime_ns // 10**9, kept.digits)
    if kept.path is not None:
        yield path
    yield above + slash + beside
    yield beside
