"""What goes wrong with one path, so that the others go on. The path is carried as raw bytes.

    E2ESyncError
    ├── Unreadable       what is there is unknown: never taken for deleted
    ├── ChangedLocally   it is not what was seen before: nothing was written, look again
    └── CannotWrite      this path cannot be written here: report it, go on

No space and no quota left is `e2esync.errors.DiskFull`, since the next path will not fit either.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from e2esync.errors import DiskFull, E2ESyncError

_NO_MODES = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_CHANGED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EEXIST, errno.ENOTEMPTY)
_REASONS = {
    errno.EACCES: "permission denied",
    errno.EXDEV: "it is on another file system than the folder",
    errno.ELOOP: "a symbolic link is in the way",
    errno.ENAMETOOLONG: "the name is too long for this file system",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the disk reports an error",
}


class _PathFault(E2ESyncError):
    """Trouble with one path."""

    _verb = ""

    def __init__(self, path: bytes, reason: str) -> None:
        super().__init__(
            f"{self._verb} {path.decode('utf-8', 'backslashreplace') or 'the folder'}", why=reason
        )
        self.path = path  # relative to the root; b"" is the root
        self.reason = reason


class Unreadable(_PathFault):
    """What is at this path, and below it, is unknown. It is not deleted."""

    code = "unreadable"
    _verb = "cannot read"


class ChangedLocally(_PathFault):
    """The path is not as it was last seen. It was left as it is."""

    code = "changed-locally"
    _verb = "somebody else changed"

    def __init__(self, path: bytes, reason: str = "it is not what the last scan saw") -> None:
        super().__init__(path, reason)


class CannotWrite(_PathFault):
    """This path cannot be written on this device."""

    code = "cannot-write"
    _verb = "cannot write"


def reason_of(error: OSError) -> str:
    """Return the operating system's error in words."""
    return _REASONS.get(error.errno or 0) or error.strerror or "unknown error"


def unreadable(path: bytes, error: OSError) -> Unreadable:
    """Return the error of a failed read."""
    return Unreadable(path, reason_of(error))


@contextmanager
def reading(path: bytes) -> Iterator[None]:
    """Turn the operating system's errors into `Unreadable`."""
    try:
        yield
    except OSError as error:
        raise unreadable(path, error) from error


@contextmanager
def writing(path: bytes) -> Iterator[None]:
    """Turn the operating system's errors into `DiskFull`, `ChangedLocally` or `CannotWrite`.

    An absent or occupied name and a parent that is a link or no directory mean that the folder is
    not as the caller believes.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _CHANGED:
            raise ChangedLocally(path, reason_of(error)) from error
        raise _refused(path, error) from error


@contextmanager
def staging(path: bytes) -> Iterator[None]:
    """Turn the operating system's errors into `DiskFull` or `CannotWrite`: this space is ours alone."""
    try:
        yield
    except OSError as error:
        raise _refused(path, error) from error


@contextmanager
def setting_mode(owner: int) -> Iterator[None]:
    """Let a disk that has no permissions refuse them: the owner may always set them elsewhere."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_MODES or owner != os.geteuid():
            raise


def is_full(error: OSError) -> bool:
    """Return whether there is no room, or no quota."""
    return error.errno in _FULL


def _refused(path: bytes, error: OSError) -> E2ESyncError:
    if is_full(error):
        return DiskFull("the disk of the folder is full", why=os.strerror(error.errno or 0))
    return CannotWrite(path, reason_of(error))
