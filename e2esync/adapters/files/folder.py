"""The synced folder on a real disk.

* Paths are raw bytes joined by `/`, relative to the root; `b""` is the root. Names are what the
  disk has: nothing is normalised.
* No symbolic link is ever followed below the root, whatever is swapped in at whatever moment.
* Every change states what it expects to find. If something else is there, `ChangedLocally` is
  raised and the path is as it was.
* A change is one step: a reader sees the old or the new. It survives a crash once `barrier`
  has returned. The order is: stage and write, `barrier`, `replace` and its like, `barrier`, and
  only then the caller's own notes.
* The returned `Fingerprint` is safe to note as our own work: where a program was faster than the
  last look, it is one that the next scan finds different.

A directory's permissions apply to us as to anybody: one that is to be read-only (0555) is made
writable, filled, and gets its mode with `set_mode` last. In one that is read-only already, each
change is `CannotWrite`; the caller may `set_mode` it before and after.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Self

from e2esync.adapters.files.faults import CannotWrite, ChangedLocally, setting_mode, staging, writing
from e2esync.adapters.files.fingerprint import (
    PERMISSIONS,
    Fingerprint,
    fingerprint_of,
    is_rounded,
    is_still,
    settled,
)
from e2esync.adapters.files.openfile import OpenFile
from e2esync.adapters.files.reader import FolderReader
from e2esync.adapters.files.replacing import Target, put_new, put_over, take_away
from e2esync.adapters.files.staging import Staged, StagedFile
from e2esync.adapters.files.syscalls import exchange, rename_noreplace, syncfs
from e2esync.adapters.files.trash import Kept
from e2esync.adapters.files.workspace import Workspace, make_workspace
from e2esync.merge.aliases import Naming

_SPECIAL = 0o7000  # setuid, setgid, sticky


class LocalFolder(FolderReader):
    """An open folder that can be written. The module's docstring has the rules."""

    @classmethod
    def open(cls, root: Path) -> Self:
        """Open a folder and change nothing; whether it has a marker is the caller's question.

        Raises:
            Unreadable: It is missing, no directory, or not permitted.
        """
        return cls(root)

    @classmethod
    def create(cls, root: Path) -> Self:
        """Open a folder, making the directory and its `.e2esync` where they are not there.

        Raises:
            CannotWrite: They cannot be made.
        """
        with staging(b""):
            root.mkdir(parents=True, exist_ok=True)
        folder = cls(root)
        make_workspace(folder._fd)
        return folder

    @cached_property
    def _workspace(self) -> Workspace:
        return Workspace(self._fd)

    def write_marker(self, folder_id: bytes) -> None:
        """Write the marker; when this returns it survives a crash."""
        make_workspace(self._fd)
        self._workspace.write_marker(folder_id)

    def naming(self) -> Naming:
        """Return what the disk makes of names, as a trial in the folder's own directory shows.

        Raises:
            DiskFull, CannotWrite: Nothing can be tried there.
        """
        return self._workspace.naming()

    # --- new content ----------------------------------------------------------------------------

    def stage(self, size_hint: int = 0, *, sparse: bool = False) -> StagedFile:
        """Return a new temporary file for about `size_hint` bytes; if `sparse`, zeros become holes.

        Raises:
            DiskFull: There is no room for that much.
            CannotWrite: The folder's `.e2esync` is gone or cannot be written.
        """
        return self._workspace.temporary.file(size_hint, sparse=sparse)

    def stage_link(self, target: bytes, mtime_ns: int) -> Staged:
        """Return a new temporary symbolic link; where it leads is not looked at.

        Raises:
            CannotWrite: The target is too long, or this file system has no links.
        """
        return self._workspace.temporary.link(target, mtime_ns)

    def replace(self, staged: Staged, path: bytes, expected: Fingerprint | None) -> Fingerprint:
        """Give `staged` its place. What was there goes to the trash; None expects nothing there.

        After an error the staged file is still the caller's, to be tried elsewhere or discarded.

        Raises:
            ChangedLocally: The path, or a directory above it, is not as expected.
            CannotWrite: It cannot be put there; a directory in the way is one reason.
            DiskFull: There is no room for the name.
        """
        staged.close()
        with self._target(path) as target:
            if expected is None:
                return put_new(staged, target)
            _refuse_directory(path, expected)
            return put_over(staged, target, expected, self._workspace.trash)

    # --- names ----------------------------------------------------------------------------------

    def make_directory(self, path: bytes, mode: int) -> Fingerprint:
        """Make a directory where nothing is, with exactly these permissions.

        Raises:
            ChangedLocally: Something is there, or its parent is not.
            CannotWrite, DiskFull: As `replace`.
        """
        with self._target(path) as target:
            os.mkdir(target.name, 0o700, dir_fd=target.directory)
            _chmod(target, mode)
            return _there(target)

    def remove(self, path: bytes, expected: Fingerprint) -> None:
        """Move a file or link to the trash.

        Raises:
            ChangedLocally: It is not as expected.
            CannotWrite: It cannot be removed, or is a directory.
        """
        _refuse_directory(path, expected)
        with self._target(path) as target:
            take_away(target, expected, self._workspace.trash)

    def remove_directory(self, path: bytes) -> None:
        """Remove a directory that is empty; nothing is ever removed with what is in it.

        Raises:
            ChangedLocally: It is not empty, not there, or no directory.
            CannotWrite: It cannot be removed.
        """
        with self._target(path) as target:
            os.rmdir(target.name, dir_fd=target.directory)

    def move(self, old: bytes, new: bytes, expected: Fingerprint) -> Fingerprint:
        """Rename a file, link or directory to a name that nothing has yet.

        Raises:
            ChangedLocally: `old` is not as expected, or something is at `new`.
            CannotWrite: It cannot be moved, such as a directory into itself.
        """
        with self._target(old) as source, self._target(new) as target:
            source.check(expected)
            rename_noreplace(source.directory, source.name, target.directory, target.name)
            return settled(target.look(), expected)

    def swap(
        self, one: bytes, other: bytes, expected_one: Fingerprint, expected_other: Fingerprint
    ) -> tuple[Fingerprint, Fingerprint]:
        """Exchange two files, links or directories in one step; return what is now at one and other.

        Raises:
            ChangedLocally: One of them is not as expected.
            CannotWrite: This file system cannot exchange names (FAT, NFS, most of FUSE).
        """
        with self._target(one) as first, self._target(other) as second:
            first.check(expected_one)
            second.check(expected_other)
            exchange(first.directory, first.name, second.directory, second.name)
            return settled(first.look(), expected_other), settled(second.look(), expected_one)

    # --- metadata -------------------------------------------------------------------------------

    def set_mode(self, path: bytes, mode: int, expected: Fingerprint) -> Fingerprint:
        """Set the permission bits of a file or directory.

        A disk that has none leaves them as they were; the answer has what the disk made of it.

        Raises:
            ChangedLocally: It is not as expected.
            CannotWrite: It is a link, or another user's.
        """
        with self._target(path) as target:
            target.check(expected)
            _chmod(target, mode)
            seen = target.look()
            is_ignored = seen is not None and seen.mode == expected.mode
            meant = expected if is_ignored else expected._replace(mode=mode & PERMISSIONS)
            return settled(seen, meant)

    def set_times(self, path: bytes, mtime_ns: int, expected: Fingerprint | None = None) -> Fingerprint:
        """Set the time of change of a file, directory or link; None expects anything.

        The disk may round it; the answer has what the disk made of it.

        Raises:
            ChangedLocally: It is not as expected, or absent.
            CannotWrite: It is another user's.
        """
        with self._target(path) as target:
            status = os.stat(target.name, dir_fd=target.directory, follow_symlinks=False)
            before = fingerprint_of(status)
            if expected is not None and not is_still(before, expected):
                raise ChangedLocally(path)
            times = (status.st_atime_ns, mtime_ns)
            os.utime(target.name, ns=times, dir_fd=target.directory, follow_symlinks=False)
            after = _there(target)
            rounded = after.mtime_ns if is_rounded(after.mtime_ns, mtime_ns) else mtime_ns
            return settled(after, before._replace(mtime_ns=rounded))

    # --- durability and room --------------------------------------------------------------------

    def barrier(self) -> None:
        """Return when all that was written so far survives a crash.

        Raises:
            DiskFull: Some of it found no room after all.
            CannotWrite: The disk reports an error. In both cases all since the last barrier is in doubt.
        """
        with staging(b""):
            syncfs(self._fd)

    def clean_temporary(self, older_than_ns: int) -> int:
        """Remove temporary files last touched before that moment (ns since 1970); return how many."""
        return self._workspace.temporary.clean(older_than_ns)

    def clean_trash(self, older_than_ns: int) -> int:
        """Remove what was kept, and not written to, before that moment (ns since 1970); return how many."""
        return self._workspace.trash.clean(older_than_ns)

    def kept(self, since_ns: int = 0) -> Iterator[Kept]:
        """Yield what is in the trash, or came there since a moment (ns since 1970), oldest first."""
        return self._workspace.trash.kept(since_ns)

    def count_kept(self) -> int:
        """Return how many files are in the trash."""
        return self._workspace.trash.count()

    def bring_back(self, name: bytes, path: bytes) -> None:
        """Move a file of the trash, by `Kept.name`, to a path that nothing has yet.

        Raises:
            ChangedLocally: Something is there, or its directory is not.
            CannotWrite: It cannot be moved there.
        """
        with self._target(path) as target:
            rename_noreplace(self._workspace.trash.fd, name, target.directory, target.name)

    def open_kept(self, name: bytes) -> OpenFile:
        """Open a file in the trash for reading, by `Kept.name`."""
        return self._workspace.trash.open(name)

    def close(self) -> None:
        """Give the descriptors back; the folder is not used afterwards."""
        if "_workspace" in self.__dict__:
            self._workspace.close()
        super().close()

    @contextmanager
    def _target(self, path: bytes) -> Iterator[Target]:
        with writing(path), self._walker.parent(path) as (parent, name):
            yield Target(path, parent, name)


def _refuse_directory(path: bytes, expected: Fingerprint) -> None:
    if expected.kind == "d":
        raise CannotWrite(path, "a directory is in the way")


def _there(target: Target) -> Fingerprint:
    seen = target.look()
    if seen is None:
        raise ChangedLocally(target.path)
    return seen


def _chmod(target: Target, mode: int) -> None:
    """Set the permission bits and no others; a directory keeps the setgid bit that its owner gave it."""
    status = os.stat(target.name, dir_fd=target.directory, follow_symlinks=False)
    now = status.st_mode
    if stat.S_ISLNK(now):
        raise CannotWrite(target.path, "a symbolic link has no permissions")
    special = now & _SPECIAL if stat.S_ISDIR(now) else 0
    with setting_mode(status.st_uid):
        os.chmod(target.name, special | mode & PERMISSIONS, dir_fd=target.directory, follow_symlinks=False)
