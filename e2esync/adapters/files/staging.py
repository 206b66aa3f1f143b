"""Temporary files, complete before they get their name in the folder.

They lie in one flat directory, `.e2esync/tmp`, under random names: never more than one batch at a
time, and a name costs the same among 10 as among 100 000. What a crash leaves there is removed
by age.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import suppress

from e2esync.adapters.files.faults import setting_mode, staging
from e2esync.adapters.files.fingerprint import PERMISSIONS, Fingerprint, fingerprint_of
from e2esync.adapters.files.walk import names_in

_SPACE = b".e2esync/tmp"  # where an error of this module happened
_NAME = re.compile(rb"[0-9a-f]{16}\Z")
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 64 * 1024  # bytes; a shorter run of zeros is written
_ZEROS = bytes(_BLOCK)
_ASK_FOR_ROOM = 1024 * 1024  # bytes; smaller files find out by writing


class Staged:
    """A file or link that waits for its place. `LocalFolder.replace` gives it one; else `discard` it."""

    __slots__ = ("_place", "fingerprint")

    def __init__(self, directory: int, name: bytes) -> None:
        self._place: tuple[int, bytes] | None = (directory, name)
        self.fingerprint: Fingerprint  # of what is staged; there once it is closed

    @property
    def place(self) -> tuple[int, bytes]:
        """The open directory that holds it, and its name there."""
        if self._place is None:
            raise ValueError("this staged file was used up")
        return self._place

    def move_to(self, directory: int, name: bytes) -> None:
        """Rename it out of the temporary space. Raises OSError."""
        old_directory, old_name = self.place
        os.rename(old_name, name, src_dir_fd=old_directory, dst_dir_fd=directory)
        self._place = (directory, name)

    def use_up(self) -> None:
        """Note that it has its place in the folder."""
        self._place = None

    def close(self) -> None:
        """Finish writing; afterwards `fingerprint` is known. Closing twice is allowed."""

    def discard(self) -> None:
        """Remove it, if it did not get its place."""
        if self._place is not None:
            directory, name = self._place
            self._place = None
            with suppress(FileNotFoundError), staging(_SPACE):
                os.unlink(name, dir_fd=directory)


class StagedFile(Staged):
    """A regular file that is being written. Each byte is written once."""

    __slots__ = ("_fd", "_position", "_sparse")

    def __init__(self, directory: int, name: bytes, *, sparse: bool) -> None:
        super().__init__(directory, name)
        self._position, self._sparse = 0, sparse
        self._fd = os.open(name, _CREATE, 0o600, dir_fd=directory)

    def write(self, data: bytes | memoryview) -> None:
        """Write behind the last `write`."""
        self.pwrite(self._position, data)
        self._position += len(data)

    def pwrite(self, offset: int, data: bytes | memoryview) -> None:
        """Write at `offset` bytes. In a sparse file 64 KiB of zeros become a hole.

        Raises:
            DiskFull: There is no room, or no quota.
            CannotWrite: Anything else.
        """
        view = memoryview(data)
        with staging(_SPACE):
            if not self._sparse:
                self._write_at(offset, view)
                return
            for start, end in _without_zeros(view):
                self._write_at(offset + start, view[start:end])
            end = offset + len(view)
            if os.fstat(self._fd).st_size < end:
                os.ftruncate(self._fd, end)  # a hole at the end has to be said

    def _write_at(self, offset: int, view: memoryview) -> None:
        while view:
            count = os.pwrite(self._fd, view, offset)
            offset, view = offset + count, view[count:]

    def truncate(self, size: int) -> None:
        """Make it `size` bytes long; what is added reads as zeros."""
        with staging(_SPACE):
            os.ftruncate(self._fd, size)

    def set_meta(self, mtime_ns: int, mode: int) -> None:
        """Set its times and permission bits; the last step, since writing changes the time."""
        with staging(_SPACE):
            with setting_mode(os.fstat(self._fd).st_uid):
                os.fchmod(self._fd, mode & PERMISSIONS)
            os.utime(self._fd, ns=(mtime_ns, mtime_ns))

    def sync(self) -> None:
        """Return when this one file survives a crash; for many, `LocalFolder.barrier` is cheaper."""
        with staging(_SPACE):
            os.fsync(self._fd)

    def close(self) -> None:
        """Finish writing; afterwards `fingerprint` is known. Closing twice is allowed."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with staging(_SPACE):
                try:
                    self.fingerprint = fingerprint_of(os.fstat(fd))
                finally:
                    os.close(fd)

    def discard(self) -> None:
        """Close it, and remove it if it did not get its place."""
        self.close()
        super().discard()


def _without_zeros(view: memoryview) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of what is left without the blocks that are all zeros."""
    begin: int | None = None
    for start in range(0, len(view), _BLOCK):
        block = view[start : start + _BLOCK]
        if block == _ZEROS[: len(block)]:
            if begin is not None:
                yield begin, start
            begin = None
        elif begin is None:
            begin = start
    if begin is not None:
        yield begin, len(view)


class TemporarySpace:
    """The directory of temporary files. It borrows the descriptor."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def file(self, size_hint: int, *, sparse: bool) -> StagedFile:
        """Return a new, empty file.

        Raises:
            DiskFull: `size_hint` bytes have no room, unless it is sparse.
            CannotWrite: Anything else.
        """
        with staging(_SPACE):
            if size_hint >= _ASK_FOR_ROOM and not sparse and size_hint > free_bytes(self.fd):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return StagedFile(self.fd, _new_name(), sparse=sparse)

    def link(self, target: bytes, mtime_ns: int) -> Staged:
        """Return a new symbolic link to `target`, which is not looked at."""
        name = _new_name()
        with staging(_SPACE):
            os.symlink(target, name, dir_fd=self.fd)
            os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=self.fd, follow_symlinks=False)
            link = Staged(self.fd, name)
            link.fingerprint = fingerprint_of(os.stat(name, dir_fd=self.fd, follow_symlinks=False))
        return link

    def clean(self, older_than_ns: int) -> int:
        """Remove what was last touched before that moment; return how many there were.

        The ctime counts: the mtime of a staged file is that of the file it becomes. Only names
        of our own making are touched.
        """
        count = 0
        with staging(_SPACE):
            for name in names_in(self.fd):
                with suppress(FileNotFoundError):
                    status = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
                    if (
                        _NAME.match(name)
                        and status.st_ctime_ns < older_than_ns
                        and fingerprint_of(status).kind != "d"
                    ):
                        os.unlink(name, dir_fd=self.fd)
                        count += 1
        return count


def free_bytes(fd: int) -> int:
    """Return what an ordinary user may still write to the file system of `fd`."""
    room = os.fstatvfs(fd)
    return room.f_bavail * room.f_frsize


def _new_name() -> bytes:
    return os.urandom(8).hex().encode()
