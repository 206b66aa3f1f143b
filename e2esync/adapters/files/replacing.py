"""Put one thing in place of another so that no instant, and no race, loses either.

A path is never absent in between, and a program that writes at the wrong moment keeps its
work. What the trash is to keep, and what was expected, is checked *after* it was taken out of the
path: before that, somebody can always be faster.

    1. look: is the target what was seen before?
    2. move the staged file to its trash name
    3. exchange trash name and target, in one step: the old file is in the trash
    4. look at what came out; if it is not what was expected, exchange back

A crash after 2 leaves a file more in the trash, after 3 the finished work.

All functions raise OSError, and ChangedLocally with nothing done.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from e2esync.adapters.files.faults import ChangedLocally
from e2esync.adapters.files.fingerprint import Fingerprint, is_moved, is_still, look, settled
from e2esync.adapters.files.staging import Staged
from e2esync.adapters.files.syscalls import exchange, rename_noreplace
from e2esync.adapters.files.trash import Trash

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)
_COPY_BLOCK = 8 * 1024 * 1024  # bytes


class Target:
    """A name in an open directory of the folder; `path` is what errors call it."""

    __slots__ = ("directory", "name", "path")

    def __init__(self, path: bytes, directory: int, name: bytes) -> None:
        self.path, self.directory, self.name = path, directory, name

    def look(self) -> Fingerprint | None:
        """Return what is there now, None if nothing."""
        return look(self.directory, self.name)

    def check(self, expected: Fingerprint | None) -> None:
        """Raise ChangedLocally if it is not as it was seen before."""
        if not is_still(self.look(), expected):
            raise ChangedLocally(self.path)


def put_new(staged: Staged, target: Target) -> Fingerprint:
    """Give the staged file a name that nothing has yet; EEXIST if something has."""
    rename_noreplace(*staged.place, target.directory, target.name)
    staged.use_up()
    return settled(target.look(), staged.fingerprint)


def put_over(staged: Staged, target: Target, expected: Fingerprint, trash: Trash) -> Fingerprint:
    """Give the staged file the name of what was seen there, which goes to the trash."""
    target.check(expected)
    _keep_attributes(staged, target, expected)
    kept = trash.new_name(target.path)
    staged.move_to(trash.fd, kept)
    try:
        exchange(trash.fd, kept, target.directory, target.name)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        _put_over_without_exchange(staged, target, expected, trash)
    else:
        if not is_moved(look(trash.fd, kept), expected):
            _hand_back(staged, target)
            raise ChangedLocally(target.path)
    staged.use_up()
    return settled(target.look(), staged.fingerprint)


def _hand_back(staged: Staged, target: Target) -> None:
    """Undo an exchange that took out something newer than what was expected.

    If the path was replaced once more meanwhile, the newest is put there and the other stays in
    the trash; likewise if the path is gone. Nothing of it is ever removed.
    """
    directory, name = staged.place
    with suppress(OSError):
        exchange(directory, name, target.directory, target.name)
        taken = look(directory, name)
        if taken is not None and taken.inode == staged.fingerprint.inode:
            return
        exchange(directory, name, target.directory, target.name)
    staged.use_up()


def _put_over_without_exchange(staged: Staged, target: Target, expected: Fingerprint, trash: Trash) -> None:
    """Keep the old file by a hard link, or a copy, then rename over it.

    Where a file system cannot exchange names. A file that replaces the old one between the last
    look and the rename is lost: some microseconds, on FAT, NFS and most of FUSE.
    """
    kept = trash.new_name(target.path)
    try:
        os.link(target.name, kept, src_dir_fd=target.directory, dst_dir_fd=trash.fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _copy(target, expected, trash.fd, kept)
    if not is_moved(target.look(), expected):
        os.unlink(kept, dir_fd=trash.fd)
        raise ChangedLocally(target.path)
    staged.move_to(target.directory, target.name)


def _copy(target: Target, expected: Fingerprint, directory: int, name: bytes) -> None:
    if expected.kind != "f":
        if expected.kind == "l":
            os.symlink(os.readlink(target.name, dir_fd=target.directory), name, dir_fd=directory)
        return
    source = os.open(target.name, _READ, dir_fd=target.directory)
    try:
        copy = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=directory)
        try:
            while os.sendfile(copy, source, None, _COPY_BLOCK):
                pass
            os.utime(copy, ns=(expected.mtime_ns, expected.mtime_ns))
        finally:
            os.close(copy)
    finally:
        os.close(source)


def _keep_attributes(staged: Staged, target: Target, expected: Fingerprint) -> None:
    """Give the new file the user attributes of the old one, as far as possible: they are not synced."""
    if not expected.kind == staged.fingerprint.kind == "f":
        return
    with suppress(OSError):
        old = os.open(target.name, _READ, dir_fd=target.directory)
        try:
            names = [name for name in os.listxattr(old) if name.startswith("user.")]
            if names:
                _copy_attributes(old, staged, names)
        finally:
            os.close(old)


def _copy_attributes(old: int, staged: Staged, names: list[str]) -> None:
    directory, staged_name = staged.place
    new = os.open(staged_name, _READ, dir_fd=directory)
    try:
        for name in names:
            os.setxattr(new, name, os.getxattr(old, name))
    finally:
        os.close(new)


def take_away(target: Target, expected: Fingerprint, trash: Trash) -> None:
    """Move what was seen at the target to the trash."""
    target.check(expected)
    kept = trash.new_name(target.path)
    rename_noreplace(target.directory, target.name, trash.fd, kept)
    if not is_moved(look(trash.fd, kept), expected):
        with suppress(OSError):  # something newer is at the path: what was taken stays in the trash
            rename_noreplace(trash.fd, kept, target.directory, target.name)
        raise ChangedLocally(target.path)
