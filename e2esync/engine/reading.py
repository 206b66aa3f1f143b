"""Read what a scan found: what value it has, and for a new one its content, stored (format §6.3)."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from e2esync.adapters.files import ChangedLocally, Fingerprint
from e2esync.chunking.cutter import MIN_SIZE
from e2esync.engine.content import Borrow, ContentStore, Stored
from e2esync.engine.ondisk import read_hash
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import E2ESyncError
from e2esync.tree.keys import Kind
from e2esync.tree.values import Content, Dot, FileContent, SymlinkContent, WrappedKey

READS = 3  # tries at a file that changes under the read


class ChangedWhileRead(E2ESyncError):
    """A file that did not hold still; it is left for the next time."""

    code = "changed-while-read"

    def __init__(self, path: bytes, reason: str) -> None:
        super().__init__(f"{path!r} could not be read: {reason}")
        self.path = path
        self.reason = reason


class Likely(NamedTuple):
    """A content that a file may have."""

    size: int  # bytes
    hash: bytes  # keyed content hash
    keys: tuple[WrappedKey, ...] = ()  # of the chunks that it may refer to


class Read(NamedTuple):
    """A file or symlink as it was read."""

    value: bytes  # content hash of a file, target of a symlink
    fingerprint: Fingerprint | None  # of a file
    stored: Stored | None  # of a file, if the vault was seen to hold its content


class Reader:
    """Reads files and symlinks of one folder, and stores contents through one uploader."""

    def __init__(self, vault: SyncedFolder, contents: ContentStore) -> None:
        self._vault, self._folder, self._contents = vault, vault.folder, contents

    def read(self, path: bytes, kind: Kind, size: int, known: Collection[Likely]) -> Read:
        """Return what stands at a path: only hashed if its content is one of those known, else stored.

        Raises:
            ChangedWhileRead: It does not hold still.
            Unreadable: It cannot be read.
        """
        if kind is Kind.SYMLINK:
            return Read(self._folder.read_link(path), None, None)
        if any(each.size == size for each in known):
            read = read_hash(self._vault, path)  # one that was only touched sends nothing
            if read is not None and any(each.hash == read[0] for each in known):
                return Read(*read, None)
        return self.store(path, size, known)

    def store(self, path: bytes, size: int, known: Collection[Likely]) -> Read:
        """Return a file whose content was stored.

        Raises:
            ChangedWhileRead: It does not hold still.
            Unreadable: It cannot be read.
        """
        borrow = self._borrow(known)
        for _ in range(READS):
            stored = self._store(path, size, borrow)
            if stored is not None:
                return Read(stored.hash, stored.fingerprint, stored)
        raise ChangedWhileRead(path, "it changes while it is read")

    def _store(self, path: bytes, size: int, borrow: Borrow) -> Stored | None:
        if size <= MIN_SIZE:
            try:
                return self._contents.store_small(*self._folder.read_small(path, MIN_SIZE), borrow=borrow)
            except ChangedLocally:
                pass  # it may have grown: read it as any other
        with self._folder.open_read(path) as file:
            return self._contents.store(file, borrow=borrow)

    def _borrow(self, known: Collection[Likely]) -> Borrow:
        """Return the keys whose chunks a file may refer to."""
        if not self._vault.within_files:
            return None
        return frozenset[WrappedKey](key for each in known for key in each.keys)

    def content(self, read: Read, dot: Dot, mtime: int) -> Content:
        """Return the content of what was read, and stored, under a dot."""
        if read.fingerprint is None:
            return SymlinkContent(dot, read.value, mtime)
        stored = read.stored
        assert stored is not None
        return FileContent(
            dot,
            stored.size,
            stored.hash,
            stored.fingerprint.mtime_ns,
            stored.keys,
            stored.chunks,
            self._vault.names[0],
            stored.fingerprint.ctime_ns // 1_000_000_000,
        )
