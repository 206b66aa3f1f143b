"""Objects as files beneath a directory: a NAS, a USB disk, the embedded default.

* A write is: temporary file, its bytes to the disk, rename, the directory to the disk. A reader
  sees the old object or the new one, and what `put` returned survives a power cut.
* Temporary files lie in the root and have a reserved name, which no key can have.
* The ETag is made of modification time, inode and size, so that a listing reads no file. The
  modification time alone would not do: clocks tick every few milliseconds, inodes are used again.
  So each write sets it later than that of the object which it replaces, by as much as the file
  system can tell; an ETag never comes back while the object lives.
* Conditional writes are exact among processes that use them (a lock file, `flock`). A `put` does
  not look at the lock.
* A symlink inside the store is never followed; it counts as absent. POSIX only.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from e2esync.adapters.stores.beneath import ABSENT, Beneath, refusal
from e2esync.adapters.stores.object_files import fill, info, modified, read
from e2esync.errors import StoreUnavailable, UsageError
from e2esync.model.store import (
    ObjectInfo,
    ObjectNotFound,
    check_key,
    check_prefix,
    check_range,
    is_key,
)

_TEMPORARY = ".tmp-"
_LOCK = ".lock"
_STALE = 86_400 * 10**9  # ns; what a killed process left is removed after a day
_MODE = 0o666  # less the umask: everything here is sealed, and several users may share a store
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # NONBLOCK: a FIFO would hang us
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})  # of a directory, on some network shares
_TRIES = 10  # to put into a directory that others remove when it is empty


class DirectoryStore:
    """A store that is a directory, which has to exist; `create` makes one."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._beneath = Beneath(self._root, sync=_sync_names)
        self._swept = False

    @classmethod
    def create(cls, root: Path) -> Self:
        """Make the directory, its parents too, unless it is there, and return its store.

        Raises:
            UsageError: Something else is in its place.
        """
        root = root.absolute()
        try:
            _make_durable(root)
        except (FileExistsError, NotADirectoryError):
            raise UsageError(
                f"the store can not be at {root}",
                why="a file is in its place",
                fix="name another directory",
            ) from None
        except OSError as error:
            raise refusal(error, "be made", root) from error
        return cls(root)

    @property
    def url(self) -> str:
        """Where this is, for people."""
        return self._root.as_uri()

    def put(self, key: str, body: bytes) -> str:
        """Store `body` under `key`, durably; return the new ETag."""
        check_key(key)
        with self._told("save an object"):
            return self._write(key, body)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store `body` if `key` is absent; return whether it was."""
        check_key(key)
        with self._told("save an object"):
            try:
                self._write(key, body, link=True)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                return self._write_if(key, body, None)
            return True

    def put_if_match(self, key: str, body: bytes, *, etag: str) -> bool:
        """Replace the object if its ETag is `etag`; return whether it was."""
        check_key(key)
        with self._told("save an object"):
            return self._write_if(key, body, etag)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `start`, or all of them."""
        check_key(key)
        check_range(start, length)
        directory, _, name = key.rpartition("/")
        with self._told("read an object", absent=key), self._beneath.existing(directory) as parent:
            file = os.open(name, _READ, dir_fd=parent)
            try:
                return read(key, file, start, length)
            finally:
                os.close(file)

    def head(self, key: str) -> ObjectInfo | None:
        """Return size and ETag, or None."""
        check_key(key)
        directory, _, name = key.rpartition("/")
        with self._told("look at an object"):
            try:
                with self._beneath.existing(directory) as parent:
                    return info(key, name, parent)
            except OSError as error:
                if error.errno not in ABSENT:
                    raise
                return None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object whose key starts with `prefix`."""
        check_prefix(prefix)
        waiting = [prefix.rpartition("/")[0]]
        while waiting:
            path = waiting.pop()
            with self._told("list objects"):
                infos, directories = self._scan(path, prefix)
            yield from infos
            waiting += directories

    def delete(self, keys: Iterable[str]) -> None:
        """Remove these objects, and directories that they leave empty."""
        for key in keys:
            check_key(key)
            directory, _, name = key.rpartition("/")
            with self._told("delete an object"):
                try:
                    with self._beneath.existing(directory) as parent:
                        os.unlink(name, dir_fd=parent)
                except OSError as error:
                    if error.errno not in ABSENT | {errno.EISDIR}:
                        raise
                self._beneath.prune(directory)

    def close(self) -> None:
        """Nothing is held."""

    def _write(self, key: str, body: bytes, *, link: bool = False) -> str:
        """Write a temporary file and give it the name `key`; `link` refuses a name that is taken."""
        directory, _, name = key.rpartition("/")
        for _ in range(_TRIES):
            try:
                with self._beneath.made(directory) as parent, self._beneath.existing("") as root:
                    return self._place(root, parent, name, body, link=link)
            except FileNotFoundError:
                continue  # the directory was empty, and somebody who deleted something removed it
        raise StoreUnavailable(
            "the store directory could not save an object", why=f"{directory} vanishes again and again"
        )

    def _place(self, root: int, parent: int, name: str, body: bytes, *, link: bool) -> str:
        temporary = _TEMPORARY + secrets.token_hex(8)
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE, dir_fd=root)
        try:
            try:
                etag = fill(file, body, after=modified(name, parent))
                self._sweep(root, now=os.fstat(file).st_mtime_ns)
            finally:
                os.close(file)
            if link:
                os.link(temporary, name, src_dir_fd=root, dst_dir_fd=parent, follow_symlinks=False)
            else:
                os.rename(temporary, name, src_dir_fd=root, dst_dir_fd=parent)
        finally:
            with suppress(FileNotFoundError):  # after a rename it is gone
                os.unlink(temporary, dir_fd=root)
        _sync_names(parent)
        return etag

    def _write_if(self, key: str, body: bytes, etag: str | None) -> bool:
        """Write if the object's ETag is `etag`, None for absent, under the lock of all who do this."""
        with self._locked():
            known = self.head(key)
            matches = (known.etag if known else None) == etag
            if matches:
                self._write(key, body)
            return matches

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._beneath.existing("") as root:
            lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE, dir_fd=root)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _scan(self, path: str, prefix: str) -> tuple[tuple[ObjectInfo, ...], tuple[str, ...]]:
        """Return what a directory holds: objects under `prefix`, directories that may hold more."""
        infos: list[ObjectInfo] = []
        directories: list[str] = []
        try:
            with self._beneath.existing(path) as parent, os.scandir(parent) as entries:
                for entry in entries:
                    key = f"{path}/{entry.name}" if path else entry.name
                    if not is_key(key):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/"):
                            directories.append(key)
                    elif key.startswith(prefix) and (found := info(key, entry.name, parent)):
                        infos.append(found)
        except OSError as error:
            if error.errno not in ABSENT:
                raise
        return tuple(infos), tuple(directories)

    def _sweep(self, root: int, *, now: int) -> None:
        """Remove what killed processes left, once; `now` is the file system's clock, not ours."""
        if self._swept:
            return
        self._swept = True
        for name in os.listdir(root):
            if name.startswith(_TEMPORARY):
                with suppress(OSError):  # another process sweeps as well
                    if now - os.stat(name, dir_fd=root, follow_symlinks=False).st_mtime_ns > _STALE:
                        os.unlink(name, dir_fd=root)

    @contextmanager
    def _told(self, doing: str, *, absent: str | None = None) -> Iterator[None]:
        """Convert what the system says; what is missing is `ObjectNotFound` of the key `absent`."""
        try:
            yield
        except OSError as error:
            if absent is not None and error.errno in ABSENT:
                raise ObjectNotFound(absent) from None
            raise refusal(error, doing, self._root) from error


def _sync_names(directory: int) -> None:
    """Write the names in a directory to the disk, where the file system knows how."""
    try:
        os.fsync(directory)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def _make_durable(root: Path) -> None:
    """Make a directory and its missing parents, each name written to the disk."""
    missing = [path for path in (root, *root.parents) if not path.exists()]
    root.mkdir(parents=True, exist_ok=True)
    for path in missing:
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _sync_names(parent)
        finally:
            os.close(parent)
