"""Reach what lies beneath a directory, and nothing else: no symlink on the way is ever followed.

Each step is opened relative to the one before it, so that nobody who swaps a directory for a link
meanwhile leads us elsewhere. A symlink counts as absent. POSIX only (`dir_fd`).
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from e2esync.errors import (
    CredentialsRefused,
    E2ESyncError,
    NoBucket,
    StoreFull,
    StoreRefused,
    StoreUnavailable,
)

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_AWAY = frozenset(
    {
        errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH,
        errno.ETIMEDOUT, errno.ENODEV, errno.ENXIO, errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EMFILE,
        errno.ENFILE, errno.ENOMEM,
    }
)  # fmt: skip


def refusal(error: OSError, doing: str, root: Path) -> E2ESyncError:
    """Return what an `OSError` means to the user; `doing` ends the sentence "could not …"."""
    what = f"the store directory could not {doing} ({error.strerror or error})"
    if error.errno in _FULL:
        return StoreFull(f"the disk or quota of {root} has no room left", why=what)
    if error.errno in _FORBIDDEN:
        return CredentialsRefused(
            f"this user may not do everything under {root}, or it is mounted read-only",
            why=what,
            fix=f"ls -ld {root}, then give this user the right to write there",
        )
    if error.errno in _AWAY:
        return StoreUnavailable(
            f"the disk or network share with {root} does not answer as it should", why=what
        )
    return StoreRefused(what, why=f"the file system of {root} refuses it")


class Beneath:
    """The directories under a root. Descriptors are held for one step only, so a disk can be unmounted."""

    def __init__(self, root: Path, *, sync: Callable[[int], None]) -> None:
        self._root = root
        self._sync = sync
        self._durable: set[tuple[str, int]] = set()  # path and inode of directories whose name is on the disk
        self._lock = threading.Lock()

    @contextmanager
    def existing(self, path: str) -> Iterator[int]:
        """Open the directory `path`, "" for the root.

        Raises:
            OSError: With an errno of `ABSENT`, if it is not there.
            NoBucket: There is no root.
        """
        yield from _closing(
            self._descend(path, lambda parent, name, _: os.open(name, _DIRECTORY, dir_fd=parent))
        )

    @contextmanager
    def made(self, path: str) -> Iterator[int]:
        """Open the directory `path`, made where it is missing; its name and its parents' are durable.

        Raises:
            NoBucket: There is no root.
        """
        yield from _closing(self._descend(path, self._enter))

    def prune(self, path: str) -> None:
        """Remove the directory `path` and its parents as far as they are empty."""
        while path:
            parent, _, name = path.rpartition("/")
            try:
                with self.existing(parent) as descriptor:
                    os.rmdir(name, dir_fd=descriptor)
            except OSError:
                return
            path = parent

    def _descend(self, path: str, enter: Callable[[int, str, str], int]) -> int:
        descriptor = self._open_root()
        walked = ""
        for name in path.split("/") if path else ():
            walked = f"{walked}/{name}"
            try:
                deeper = enter(descriptor, name, walked)
            finally:
                os.close(descriptor)
            descriptor = deeper
        return descriptor

    def _open_root(self) -> int:
        try:
            return os.open(self._root, _DIRECTORY & ~os.O_NOFOLLOW)  # a link here is the user's own
        except (FileNotFoundError, NotADirectoryError):
            raise NoBucket(
                f"the directory {self._root} does not exist",
                why="its disk is not mounted, or the store was moved or never set up",
                fix=f"mount the disk, or look for it: ls -ld {self._root}",
            ) from None

    def _enter(self, parent: int, name: str, walked: str) -> int:
        try:
            descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
        except FileNotFoundError:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=parent)
            descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
        try:
            self._keep_name(parent, (walked, os.fstat(descriptor).st_ino))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _keep_name(self, parent: int, made: tuple[str, int]) -> None:
        """Write the name of a directory to the disk, once for each.

        Also of one that was there: whoever made it may not have come to that.
        """
        with self._lock:
            if made not in self._durable:
                self._sync(parent)
                self._durable.add(made)


def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)
