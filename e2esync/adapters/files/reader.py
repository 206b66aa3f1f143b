"""The synced folder as far as it is only looked at."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from e2esync.adapters.files.faults import reading, unreadable
from e2esync.adapters.files.fingerprint import Fingerprint, fingerprint_of, look
from e2esync.adapters.files.listing import entries
from e2esync.adapters.files.openfile import OpenFile, read_small
from e2esync.adapters.files.staging import free_bytes
from e2esync.adapters.files.syscalls import birth_ns
from e2esync.adapters.files.walk import Walker
from e2esync.adapters.files.workspace import read_marker

# Absence is certain where a parent is a file or a link: nothing of ours is below those.
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class FolderReader:
    """An open folder: its root is found once, by descriptor. Threads may share it."""

    def __init__(self, root: Path) -> None:
        """Open `root`, which itself may be reached through links.

        Raises:
            Unreadable: It is missing, no directory, or not permitted.
        """
        self.root = root
        with reading(b""):
            self._fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.device = os.fstat(self._fd).st_dev  # the file system's number
        self._walker = Walker(self._fd)

    def is_in_place(self) -> bool:
        """Return whether the root is still at its path: not moved, unmounted or mounted over."""
        try:
            return os.path.samestat(self.root.stat(), os.fstat(self._fd))
        except OSError:
            return False

    def marker(self) -> bytes | None:
        """Return the marker, None if there is none.

        Raises:
            Unreadable: It is there but cannot be read.
        """
        return read_marker(self._fd)

    def stat(self, path: bytes) -> Fingerprint | None:
        """Return what is at `path`, a link being a link; None if nothing is.

        Raises:
            Unreadable: It is unknown what is there.
        """
        if not path:
            return fingerprint_of(os.fstat(self._fd))
        try:
            with self._walker.parent(path) as (parent, name):
                return look(parent, name)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise unreadable(path, error) from error

    def birth_ns(self, path: bytes) -> int | None:
        """Return when this inode was made, in ns since 1970; None if absent or not known.

        Raises:
            Unreadable: It is unknown what is there.
        """
        try:
            with self._walker.parent(path) as (parent, name):
                return birth_ns(name, dir_fd=parent)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise unreadable(path, error) from error

    def read_link(self, path: bytes) -> bytes:
        """Return the target of a symbolic link, raw.

        Raises:
            Unreadable: It is no link, absent, or not permitted.
        """
        with reading(path), self._walker.parent(path) as (parent, name):
            return os.readlink(name, dir_fd=parent)

    def open_read(self, path: bytes) -> OpenFile:
        """Open a regular file for reading; a FIFO or a device is refused at once.

        Raises:
            Unreadable: It is anything else, absent, or not permitted.
        """
        return OpenFile(self._walker, path)

    def read_small(self, path: bytes, limit: int) -> tuple[Fingerprint, bytes]:
        """Return what a file is and all of its content, in as few system calls as can be.

        Raises:
            Unreadable: As `open_read`.
            ChangedLocally: It changed while it was read, or is longer than `limit` bytes.
        """
        return read_small(self._walker, path, limit)

    def free_bytes(self) -> int:
        """Return how many bytes may still be written to the folder's file system."""
        with reading(b""):
            return free_bytes(self._fd)

    def close(self) -> None:
        """Give the descriptors back; the folder is not used afterwards."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def list(self, path: bytes) -> Iterator[tuple[bytes, Fingerprint]]:
        """Yield the (name, fingerprint) of a directory's entries, sorted by raw name.

        Links are not followed; the root's `.e2esync` is left out. A directory with 100 000 entries
        holds their names in memory. Errors come while iterating; then the listing is not the whole.

        Raises:
            Unreadable: Nothing may be concluded about this directory and what is below.
        """
        return entries(self._walker, path, self.device)
