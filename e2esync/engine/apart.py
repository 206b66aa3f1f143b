"""Which folder goes with which store: neither inside the other, nor over the files of this program."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from e2esync.engine.notes import FolderNote
from e2esync.errors import UsageError


def check_apart(
    folder: Path, store: Path | None, *, folders: Iterable[FolderNote], ours: Iterable[Path]
) -> None:
    """See that a folder can be synced; all paths are resolved. `store` is None where it is no directory.

    Raises:
        UsageError: Two of them are in each other's way.
    """
    if store is not None and _overlap(folder, store):
        raise UsageError(
            "the store and the folder are inside one another",
            why=f"{folder} and {store}: the store would be synced into itself",
            fix="choose two directories side by side",
        )
    for path in ours:
        if path == folder or folder in path.parents:
            raise UsageError(
                f"{folder} holds the files of e2esync itself",
                why=f"its keys and databases are in {path}",
                fix="choose another folder, or another E2ESYNC_HOME",
            )
    for note in folders:
        if _overlap(folder, note.path):
            raise UsageError(
                f"{folder} is synced already" if folder == note.path else f"{folder} and {note.path} overlap",
                why=f"{note.path} belongs to the vault {note.name!r} at {note.store.url}",
                fix=f"e2esync forget {note.path}, or choose another folder",
            )


def _overlap(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents
