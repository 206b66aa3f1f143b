"""What stands beside each other, for a person to see and to settle (format §6.9).

Settling is done on the disk alone, as by hand: any touch settles a conflict, and the next push says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import count, groupby

from e2esync.adapters.files import LocalFolder
from e2esync.adapters.state import Crowded, DiskRow, FolderState
from e2esync.engine.listing import find
from e2esync.engine.ondisk import fingerprint
from e2esync.engine.places import Places
from e2esync.engine.plan import of_row
from e2esync.engine.shown import digest_of, shown_of
from e2esync.engine.ways import row_path
from e2esync.errors import NeedsYou, UsageError
from e2esync.tree.keys import Kind, kind_of
from e2esync.tree.values import FileContent

_SUFFIX = re.compile(rb" \(conflict, (.*)\)(\.[^.]*)?\Z", re.DOTALL)


class Keep(StrEnum):
    """What is to be left of a conflict."""

    THIS = "this"
    OTHER = "other"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Version:
    """One of the things that were put at one place."""

    path: bytes  # where it is shown
    kind: Kind
    size: int  # bytes of a file, else 0
    device: str  # that wrote the content of a file; else empty
    saved: int | None  # s since 1970, of a file


@dataclass(frozen=True, slots=True)
class Conflict:
    """A name, and what stands beside what has it."""

    named: Version
    copies: tuple[Version, ...]


def conflicts(state: FolderState) -> list[Conflict]:
    """Return all conflicts, by path."""
    places = Places(state)
    found = []
    for (parent, _), group in groupby(state.crowd(), key=lambda each: (each.parent, each.place)):
        members = sorted(group, key=lambda each: (each.told != each.place, each.name))
        versions = [_version(state, each, places.path_in_tree((parent, each.name))) for each in members]
        if len(versions) > 1:  # else it has an alias, and is alone
            found.append(Conflict(versions[0], tuple(versions[1:])))
    return sorted(found, key=lambda conflict: conflict.named.path)


def _version(state: FolderState, crowded: Crowded, path: bytes) -> Version:
    shown = next(each for each in shown_of(state, crowded.node) if digest_of(each.content) == crowded.value)
    content, kind = shown.content, kind_of(crowded.node)
    if isinstance(content, FileContent):
        return Version(path, kind, content.size, content.device_name, content.saved)
    return Version(path, kind, 0, "", None)


def conflict_at(state: FolderState, path: bytes) -> tuple[Version, tuple[Version, ...]]:
    """Return the version that stands at a path of the disk, and the others of its conflict.

    Raises:
        UsageError: Nothing at this path is in conflict.
    """
    for conflict in conflicts(state):
        versions = (conflict.named, *conflict.copies)
        for version in versions:
            if version.path == path:
                return version, tuple(each for each in versions if each is not version)
    name = path.decode(errors="backslashreplace")
    raise UsageError(f"{name} is not in conflict", fix="e2esync conflicts list")


def resolve(
    state: FolderState, folder: LocalFolder, path: bytes, keep: Keep
) -> list[tuple[bytes, bytes | None]]:
    """Settle a conflict on the disk; return what was moved where, or removed.

    What is removed stays in the history of the vault, and for a while in the folder's trash.

    Raises:
        UsageError: Nothing at this path is in conflict, it has more than one other, or a directory would go.
        NeedsYou: The folder is not as the last sync left it.
    """
    version, others = conflict_at(state, path)
    if keep is Keep.BOTH:
        rows = {each.path: _row(state, folder, each.path) for each in (version, *others)}
        copies = [each.path for each in (version, *others) if _is_copy(state, rows[each.path])]
        return [_set_apart(state, folder, copy, rows[copy]) for copy in copies]
    if keep is Keep.OTHER:
        if len(others) > 1:
            raise UsageError(
                f"there are {len(others)} others",
                why=", ".join(each.path.decode(errors="backslashreplace") for each in others),
                fix="name the one to keep, with --keep this",
            )
        version, others = others[0], (version,)
    if any(each.kind is Kind.DIRECTORY for each in others):
        raise UsageError(
            "a directory is never removed for a conflict",
            why="what is in it is not in conflict",
            fix="keep both, or move what you need and remove the directory yourself",
        )
    return _keep_one(state, folder, version, others)


def _keep_one(
    state: FolderState, folder: LocalFolder, kept: Version, others: tuple[Version, ...]
) -> list[tuple[bytes, bytes | None]]:
    rows = {each.path: _row(state, folder, each.path) for each in (kept, *others)}
    named = next((each for each in others if not _is_copy(state, rows[each.path])), None)
    done: list[tuple[bytes, bytes | None]] = []
    for other in others:
        seen = fingerprint(rows[other.path])
        if other is named:
            seen, _ = folder.swap(kept.path, other.path, fingerprint(rows[kept.path]), seen)
            folder.remove(kept.path, seen)
            done += [(other.path, None), (kept.path, other.path)]
        else:
            folder.remove(other.path, seen)
            done.append((other.path, None))
    return done


def _set_apart(state: FolderState, folder: LocalFolder, path: bytes, row: DiskRow) -> tuple[bytes, bytes]:
    """Give a copy a name of its own, without the word conflict."""
    directory, slash, name = path.rpartition(b"/")
    for number in count(1):
        mark = b"" if number == 1 else b" %d" % number
        new = _SUFFIX.sub(rb" (\1" + mark + rb")\2", name)
        target = directory + slash + (new if new != name else name + mark)
        if target != path and folder.stat(target) is None and find(state, target) is None:
            folder.move(path, target, fingerprint(row))
            return path, target
    raise AssertionError("unreachable")


def _is_copy(state: FolderState, row: DiskRow) -> bool:
    """Return whether what a row shows was put at another name."""
    crowded = state.crowded_at(row.parent, row.name)
    return crowded is not None and crowded.told != crowded.place


def _row(state: FolderState, folder: LocalFolder, path: bytes) -> DiskRow:
    """Return the row at a path of the disk, which is as the tree has it and our own hand left it.

    Raises:
        NeedsYou: It is not.
    """
    found = find(state, path)
    rows = state.rows_of(found[0]) if found is not None else []
    row = next((row for row in rows if row_path(state, row) == path), None)
    here = folder.stat(path)
    is_as_left = row is not None and here is not None and (row.number is not None or here == fingerprint(row))
    if row is None or not is_as_left or not of_row(state, row).is_nothing:
        raise NeedsYou(
            f"{path.decode(errors='backslashreplace')} is not in the folder as the last sync left it",
            why="it was changed since, or did not come yet",
            fix="e2esync sync",
        )
    return row
