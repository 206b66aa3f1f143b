"""One object as a file: fill it, read it, tell its ETag (`directory` says why it is made so)."""

from __future__ import annotations

import os
import stat
import time

from e2esync.errors import BadObject
from e2esync.model.store import MAX_OBJECT, ObjectInfo, ObjectNotFound

_COARSEST = 2 * 10**9  # ns: FAT counts in steps of two seconds


def fill(file: int, body: bytes, *, after: int) -> str:
    """Write a temporary file to the disk, modified later than `after` (ns); return its ETag."""
    rest = memoryview(body)
    while rest:
        rest = rest[os.write(file, rest) :]
    for moment in (max(time.time_ns(), after + 1), after + _COARSEST):
        os.utime(file, ns=(moment, moment))
        if os.fstat(file).st_mtime_ns > after:
            break
    os.fsync(file)
    return etag(os.fstat(file))


def etag(status: os.stat_result) -> str:
    """Return the ETag of a file."""
    return f"{status.st_mtime_ns:x}-{status.st_ino:x}-{status.st_size:x}"


def modified(name: str, parent: int) -> int:
    """Return when the object was modified, in ns; 0 if there is none."""
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False).st_mtime_ns
    except FileNotFoundError:
        return 0


def info(key: str, name: str, parent: int) -> ObjectInfo | None:
    """Return size and ETag of the file `name`; None if there is none, or no regular one."""
    try:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return ObjectInfo(key, status.st_size, etag(status)) if stat.S_ISREG(status.st_mode) else None


def read(key: str, file: int, start: int, length: int | None) -> bytes:
    """Return a piece of an open file.

    Raises:
        ObjectNotFound: It is no regular file.
        BadObject: No length was given, and there is more than `MAX_OBJECT`.
    """
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        raise ObjectNotFound(key)
    left = max(0, status.st_size - start)
    if length is None and left > MAX_OBJECT:
        raise BadObject(f"the object {key} is larger than any that e2esync writes")
    wanted = left if length is None else min(left, length)
    parts: list[bytes] = []
    while wanted and (part := os.pread(file, wanted, start)):
        parts.append(part)
        start += len(part)
        wanted -= len(part)
    return b"".join(parts)
