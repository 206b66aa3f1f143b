"""`log --export`: the log as a file that proves itself (format §13)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from e2esync.cli.output import Output
from e2esync.errors import UsageError
from e2esync.model.amounts import counted

if TYPE_CHECKING:
    from e2esync.engine.notes import FolderNote
    from e2esync.engine.vault import SyncedFolder

STDOUT = Path("-")


class Wanted(NamedTuple):
    """What is to be exported."""

    since: int  # seconds since 1970
    device: str | None
    contents: bool  # whether the key of content hashes is disclosed


def exported_folder(places: list[tuple[FolderNote, bytes]]) -> FolderNote:
    """Return the one folder whose log is exported.

    Raises:
        UsageError: There are several, or a path in one was named.
    """
    if len(places) > 1:
        raise UsageError(
            "an export is of one vault",
            why="several folders are synced here",
            fix="e2esync log FOLDER --export FILE",
        )
    ((note, relative),) = places
    if relative:
        raise UsageError(
            "an export is of a whole folder",
            why="what proves a change shows what else was changed, so that a part would only look like less",
            fix="e2esync log FOLDER --export FILE, with --since or --device",
        )
    return note


def export_log(out: Output, vault: SyncedFolder, target: Path, wanted: Wanted) -> None:
    """Write the export, and say what it holds and what it shows.

    Raises:
        UsageError: The file is there already, or cannot be made.
    """
    from e2esync.engine.export import export

    with _written(target) as file:
        done = export(vault, file.write, since=wanted.since, device=wanted.device, contents=wanted.contents)
    safety_number = vault.membership.owner.safety_number
    if target != STDOUT:
        out.document(
            "export",
            file=str(target),
            pushes=done.pushes,
            told=done.told,
            changes=done.changes,
            safety_number=safety_number,
        )
        out.data(
            f"{counted(done.changes, 'change')} in {counted(done.told, 'push', 'pushes')} exported to {target}"
        )
    if done.pushes > done.told:
        out.note(
            f"{counted(done.pushes - done.told, 'push', 'pushes')} cannot be told any more: signed, but pruned."
        )
    out.note("Whoever has it sees names, sizes and times of what stood in the vault; contents stay closed.")
    if wanted.contents:
        out.note("With the key of content hashes in it anybody can also test what a file holds by guessing.")
    out.note(f"To check it: read_without_e2esync.py check-log FILE --fingerprint '{safety_number}'")


@contextmanager
def _written(target: Path) -> Iterator[BinaryIO]:
    """Give what an export is written to: stdout, or a file that is there once all of it is."""
    from e2esync.adapters.durable import growing

    if target == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = target.expanduser()
    if os.path.lexists(path):
        _refuse(path)
    try:
        with growing(path) as file:
            yield file
    except FileExistsError:
        _refuse(path)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"{path} cannot be made", why=f"there is no directory {path.parent}", fix="name another FILE"
        ) from None


def _refuse(path: Path) -> None:
    raise UsageError(f"{path} is there already", why="nothing is written over", fix="name another FILE")
