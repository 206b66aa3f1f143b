"""One process for each folder."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from e2esync.errors import Busy


class FolderLock:
    """A lock of the kernel on a file, released when the process ends, however it ends.

    It is never a lock that is only a file's existence: that would outlive a crash. A file system
    without kernel locks is an OSError, so the file should lie with the local state, not on a share.
    """

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path, blocking=False, mode=0o600, fallback_to_soft=False)

    def acquire(self) -> None:
        """Take the lock without waiting.

        Raises:
            Busy: Another process, or another lock in this one, holds it.
        """
        try:
            self._lock.acquire()
        except Timeout as error:
            raise Busy("another e2esync works on this folder") from error

    def release(self) -> None:
        """Give the lock back; the file stays."""
        self._lock.release()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
