"""The folder's own directory in its root: `.e2esync`, never synced, closed to other users.

folder-id   the marker: this is the folder, and not an empty mount point
tmp/        files that are not yet complete
trash/      files that were replaced or removed, for a grace time
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container
from contextlib import suppress

from e2esync.adapters.files.faults import CannotWrite, is_full, reading, staging
from e2esync.adapters.files.fingerprint import look
from e2esync.adapters.files.staging import TemporarySpace
from e2esync.adapters.files.syscalls import open_beneath
from e2esync.adapters.files.trash import Trash
from e2esync.adapters.files.walk import RESERVED, names_in
from e2esync.merge.aliases import Naming

_MARKER = b"folder-id"
_MARKER_PATH = RESERVED + b"/" + _MARKER
_MARKER_MAX = 4096  # bytes
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_TRY = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def read_marker(root: int) -> bytes | None:
    """Return what was written as the marker, None if there is none.

    Raises:
        Unreadable: It is there but cannot be read: unknown.
    """
    with reading(_MARKER_PATH):
        try:
            fd = open_beneath(root, _MARKER_PATH, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        try:
            return os.read(fd, _MARKER_MAX)
        finally:
            os.close(fd)


def make_workspace(root: int) -> None:
    """Make `.e2esync` if it is not there."""
    with staging(RESERVED), suppress(FileExistsError):
        os.mkdir(RESERVED, 0o700, dir_fd=root)


def tried_names(
    make: Callable[[bytes], bool], is_there: Callable[[bytes], bool], names: Callable[[], Container[bytes]]
) -> Naming:
    """Return what a disk makes of names. `make` makes a file and says whether it could; `names` lists all."""
    composed, decomposed = "names-\u00e9".encode(), "names-e\u0301".encode()
    make(b"names")
    folds_case = is_there(b"NAMES")
    folds_form = make(composed) and is_there(decomposed)
    rewrites_form = folds_form and composed not in names()
    return Naming(folds_case, folds_form, reserves=not make(b"names-?"), rewrites_form=rewrites_form)


class Workspace:
    """`.e2esync` of one folder, open. It is never made here: where it is gone, nothing is written."""

    def __init__(self, root: int) -> None:
        """Open it.

        Raises:
            CannotWrite: It is gone, or a link.
        """
        self._fds: list[int] = []
        try:
            with staging(RESERVED):
                self._fd = self._keep(open_beneath(root, RESERVED, _DIRECTORY))
                self.temporary = TemporarySpace(self._subdirectory(b"tmp"))
                self.trash = Trash(self._subdirectory(b"trash"))
        except CannotWrite as error:
            self.close()
            raise CannotWrite(
                RESERVED, f"the folder's own directory cannot be used: {error.reason}"
            ) from error

    def _keep(self, fd: int) -> int:
        self._fds.append(fd)
        return fd

    def _subdirectory(self, name: bytes) -> int:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=self._fd)
        return self._keep(open_beneath(self._fd, name, _DIRECTORY))

    def naming(self) -> Naming:
        """Return what the disk makes of names, as a trial shows.

        Raises:
            DiskFull, CannotWrite: There is no room for a trial, or no right to it.
        """
        made: list[bytes] = []
        directory = self.temporary.fd

        def make(name: bytes) -> bool:
            try:
                os.close(os.open(name, _TRY, 0o600, dir_fd=directory))
            except OSError as error:
                if is_full(error) or not made:
                    raise
                return False
            made.append(name)
            return True

        with staging(RESERVED):
            try:
                return tried_names(
                    make, lambda name: look(directory, name) is not None, lambda: names_in(directory)
                )
            finally:
                for name in made:
                    os.unlink(name, dir_fd=directory)

    def write_marker(self, folder_id: bytes) -> None:
        """Write the marker; when this returns it survives a crash."""
        staged = self.temporary.file(len(folder_id), sparse=False)
        try:
            staged.write(folder_id)
            staged.sync()
            staged.close()
            with staging(_MARKER_PATH):
                staged.move_to(self._fd, _MARKER)
                staged.use_up()
                os.fsync(self._fd)
        finally:
            staged.discard()

    def close(self) -> None:
        """Give the descriptors back."""
        while self._fds:
            os.close(self._fds.pop())
