"""What a program writes into a file that was replaced or removed under it becomes a version of its own.

The file itself is in the trash, and the program may have it open still. Once it was written to it goes back:
under its name, if that is free, else beside it. There the next scan finds it as any other.

Nothing tells that somebody wrote, so that each kept file has to be looked at. Of many that is not done each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from e2esync.adapters.files import CannotWrite, ChangedLocally, Kept, Unreadable
from e2esync.engine.vault import SyncedFolder
from e2esync.merge.aliases import PLAIN, real_name
from e2esync.merge.naming import written_late

RECENT = 86_400 * 10**9  # ns in which it is looked for with the scans; later, when the trash is emptied
KEPT_FOR = 30 * RECENT  # ns for which a file stays in the trash; all of it is in the history
PER_SECOND = 1000  # kept files for which a look rests a second: it takes a hundredth of that

_LOOKED, _EMPTIED = "looked for late writes", "emptied the trash"


def bring_back_late(vault: SyncedFolder) -> None:
    """Bring back what was written to since it came to the trash, not long ago; what finds no place waits there."""
    with suppress(Unreadable):  # nothing is lost: it stays in the trash, where each later round looks again
        if _is_time(vault, _LOOKED):
            _bring_back_since(vault, vault.clock.now_ns() - RECENT)


def empty_trash(vault: SyncedFolder) -> None:
    """Remove what was kept for long, and was not written to.

    Raises:
        CannotWrite, Unreadable: It cannot be emptied.
    """
    if _is_time(vault, _EMPTIED):
        _bring_back_since(vault, 0)
        vault.folder.clean_trash(vault.clock.now_ns() - KEPT_FOR)


def _is_time(vault: SyncedFolder, last: str) -> bool:
    """Return whether to look at all that is kept, and note when the last time was, and for how long that is enough."""
    noted, now = vault.state.get(last), vault.clock.now_ns()
    if noted is not None:
        looked, rest = map(int, noted.split())
        if 0 <= now - looked < rest:
            return False
    rest = vault.folder.count_kept() // PER_SECOND * 10**9
    if rest or noted is not None:
        vault.state.set(last, b"%d %d" % (now, rest) if rest else None)
    return True


def _bring_back_since(vault: SyncedFolder, since: int) -> None:
    for kept in list(vault.folder.kept(since)):
        if kept.is_late:
            _bring_back(vault, kept)


def _bring_back(vault: SyncedFolder, kept: Kept) -> None:
    for path in _places(vault, kept):
        with suppress(ChangedLocally, CannotWrite):
            vault.folder.bring_back(kept.name, path)
            return


def _places(vault: SyncedFolder, kept: Kept) -> Iterator[bytes]:
    """Yield where it may go: where it was, beside that, and in the root, if its directory is gone."""
    path = kept.path if kept.path is not None else b"file"
    above, slash, name = path.rpartition(b"/")
    if vault.state.naming() != PLAIN:
        name = real_name(name, vault.cipher.directory_number) or name
    beside = written_late(name, vault.names[0], kept.fingerprint.mtime_ns // 10**9, kept.digits)
    if kept.path is not None:
        yield path
    yield above + slash + beside
    yield beside
