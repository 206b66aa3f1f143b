"""Reading one file, with the proof that it did not change meanwhile."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from e2esync.adapters.files.faults import ChangedLocally, Unreadable, reading, unreadable
from e2esync.adapters.files.fingerprint import Fingerprint, fingerprint_of, look
from e2esync.adapters.files.walk import Walker

# O_NONBLOCK: opening a FIFO would wait for its writer; on a regular file it means nothing.
_READ = os.O_RDONLY | os.O_NONBLOCK
_NOT_A_FILE = "it is not a regular file"


class OpenFile:
    """A regular file that is open for reading. Close it, or use it in `with`."""

    __slots__ = ("_fd", "_path", "_position", "_walker", "fingerprint")

    def __init__(self, walker: Walker, path: bytes) -> None:
        """Open `path`.

        Raises:
            Unreadable: It is absent, a link, a FIFO, a device, a directory, or not permitted.
        """
        self._walker, self._path, self._position = walker, path, 0
        with reading(path):
            self._fd = walker.open(path, _READ)
        self.fingerprint: Fingerprint = fingerprint_of(os.fstat(self._fd))
        if self.fingerprint.kind != "f":
            self.close()
            raise Unreadable(path, _NOT_A_FILE)

    def read(self, n: int) -> bytes:
        """Return up to `n` bytes from where the last read ended; `b""` is the end.

        Raises:
            Unreadable: The disk reports an error.
        """
        with reading(self._path):
            piece = os.pread(self._fd, n, self._position)
        self._position += len(piece)
        return piece

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill `buffer` from where the last read ended; return the number of bytes, 0 at the end."""
        with reading(self._path):
            count = os.preadv(self._fd, [buffer], self._position)
        self._position += count
        return count

    def seek(self, offset: int) -> None:
        """Make the next read begin at `offset` bytes."""
        self._position = offset

    def unchanged(self) -> bool:
        """Return whether the file is as it was when it was opened, and still at its path."""
        if fingerprint_of(os.fstat(self._fd)) != self.fingerprint:
            return False
        try:
            with self._walker.parent(self._path) as (parent, name):
                return look(parent, name) == self.fingerprint
        except OSError:
            return False

    def data_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield (start, end) of what is not a hole, in bytes; all between reads as zeros.

        A file system that knows no holes gives one range. Reading in between is allowed.
        """
        end, size = 0, self.fingerprint.size
        while end < size:
            try:
                start = os.lseek(self._fd, end, os.SEEK_DATA)
                end = min(os.lseek(self._fd, start, os.SEEK_HOLE), size)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    yield end, size
                return  # ENXIO: nothing but a hole up to the end
            yield start, end

    def close(self) -> None:
        """Give the descriptor back; closing twice is allowed."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_small(walker: Walker, path: bytes, limit: int) -> tuple[Fingerprint, bytes]:
    """Return what the file is and all of its content, in five system calls.

    The path is not looked up again: a file that was replaced meanwhile was read as it was, and its
    inode tells the next scan.

    Raises:
        Unreadable: As `OpenFile`.
        ChangedLocally: It changed while it was read, or is longer than `limit` bytes.
    """
    try:
        fd = walker.open(path, _READ)
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        before = fingerprint_of(os.fstat(fd))
        if before.kind != "f":
            raise Unreadable(path, _NOT_A_FILE)
        if before.size > limit:
            raise ChangedLocally(path, "it is longer than it was")
        content = _read_all(fd, before.size, os.read)
        if len(content) != before.size or fingerprint_of(os.fstat(fd)) != before:
            raise ChangedLocally(path, "it changed while it was read")
    except OSError as error:
        raise unreadable(path, error) from error
    finally:
        os.close(fd)
    return before, content


def _read_all(fd: int, size: int, read: Callable[[int, int], bytes]) -> bytes:
    content = read(fd, size)
    while len(content) < size:  # a network file system may give less than was asked
        piece = read(fd, size - len(content))
        if not piece:
            break
        content += piece
    return content
