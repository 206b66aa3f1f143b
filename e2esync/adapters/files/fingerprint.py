"""What the file system says of a file without reading it, and when two such words are the same.

A file counts as unchanged only if all of it is equal: a tool can put size and mtime back, none
puts ctime back. `NamedTuple` and not a dataclass, since a scan makes one for each of 100 000
files: 0.3 µs instead of 1.0 µs.
"""

from __future__ import annotations

import os
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["f", "d", "l", "o"]  # file, directory, symbolic link, other: never synced

PERMISSIONS = 0o777  # setuid, setgid and sticky are neither seen nor set
_GRAINS = (1, 100, 1_000, 10_000_000, 1_000_000_000, 2_000_000_000)  # ns: … NTFS, XFS, exFAT, ext3, FAT
_KINDS: dict[int, Kind] = {0o100000: "f", 0o040000: "d", 0o120000: "l"}


class Fingerprint(NamedTuple):
    """One entry of a directory, as `lstat` has it."""

    kind: Kind
    size: int  # bytes; of a link: of its target's name; of a directory: 0
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int  # permission bits


def fingerprint_of(status: os.stat_result) -> Fingerprint:
    """Return what counts of a `stat` result."""
    mode = status.st_mode
    kind = _KINDS.get(mode & 0o170000, "o")
    size = 0 if kind == "d" else status.st_size
    return Fingerprint(kind, size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, mode & PERMISSIONS)


def look(directory: int, name: bytes) -> Fingerprint | None:
    """Return the fingerprint of `name` in an open directory, or None if it is absent."""
    try:
        return fingerprint_of(os.stat(name, dir_fd=directory, follow_symlinks=False))
    except FileNotFoundError:
        return None


def is_still(seen: Fingerprint | None, expected: Fingerprint | None) -> bool:
    """Return whether a path is as it was seen before; None is absence.

    The times of a directory change with every child, so that only kind, inode and mode count.
    """
    if seen is None or expected is None:
        return seen is expected
    if seen.kind == expected.kind == "d":
        return (seen.inode, seen.mode) == (expected.inode, expected.mode)
    return seen == expected


def is_moved(seen: Fingerprint | None, expected: Fingerprint) -> bool:
    """Return whether this is that file after a rename, which changes nothing but the ctime."""
    return seen is not None and is_still(seen._replace(ctime_ns=expected.ctime_ns), expected)


def settled(seen: Fingerprint | None, meant: Fingerprint) -> Fingerprint:
    """Return what may be remembered as our own work.

    `seen` is how the path looks after it was written. If a program was there in between, its
    change must not be taken for ours: then the answer is what was meant, and the next scan finds
    the difference.
    """
    return seen if seen is not None and is_moved(seen, meant) else meant


def is_rounded(stored_ns: int, wanted_ns: int) -> bool:
    """Return whether a disk may have made this of the time that it was given."""
    return any(stored_ns == wanted_ns - wanted_ns % grain for grain in _GRAINS)
