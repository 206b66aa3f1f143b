"""The keys of a vault at work: ids, seals and wraps of pages, chunks and data keys (format §5.2, §6)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Protocol

from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import (
    DataKey,
    EpochKey,
    Hasher,
    Identifier,
    KeyWrapper,
    Sealer,
    VaultSecret,
    derive,
)
from e2esync.errors import BadObject
from e2esync.tree.keys import NUMBER_SIZE
from e2esync.tree.lists import Reference
from e2esync.tree.values import WrappedKey
from e2esync.vault.compression import RAW, Compressor

MAX_PAGE = 1 << 20  # bytes of a page's body
MAX_PROOF = 9 << 20  # bytes of a proof's: it may hold a whole head
MAX_CHUNK = 1 << 21  # bytes of a chunk's plaintext
_KNOWN_FILE_KEYS = 1024


class BlobKind(IntEnum):
    """What a blob is (format §5.2)."""

    CHUNK = 0
    TREE_PAGE = 1
    CHUNK_LIST = 2
    SNAPSHOT = 3
    HISTORY = 4
    PROOF = 5


_NAMED_OTHERWISE = {BlobKind.SNAPSHOT, BlobKind.PROOF}  # their ids do not follow from their bodies alone


class Keys(Protocol):
    """What a member holds of a vault."""

    @property
    def vault_secret(self) -> VaultSecret:
        """The key of ids."""
        ...

    @property
    def epochs(self) -> Mapping[bytes, EpochKey]:
        """The key of each epoch, by name."""
        ...

    @property
    def current(self) -> bytes:
        """The name of the newest epoch."""
        ...


class FileCipher:
    """Seals and opens the chunks of one data key."""

    __slots__ = ("_compressor", "_context", "_ids", "_sealer")

    def __init__(self, key: DataKey, vault_id: bytes, compressor: Compressor) -> None:
        self._ids = Identifier(key, Purpose.CHUNK_ID)
        self._sealer = Sealer(key, Purpose.CHUNK_SEAL)
        self._context = vault_id
        self._compressor = compressor

    def chunk_id(self, chunk: bytes | memoryview) -> bytes:
        """Return the 32-byte id that commits this key to this chunk."""
        return self._ids.of(chunk)

    def seal(self, chunk: bytes | memoryview) -> bytes:
        """Return the compressed and sealed chunk."""
        return self._sealer.seal(self._compressor.compress(chunk), context=self._context)

    def open(self, reference: Reference, sealed: bytes | memoryview) -> bytes:
        """Return the plaintext of a chunk.

        Raises:
            BadObject: It is not the chunk that `reference` names.
        """
        data = self._sealer.unseal(sealed, context=self._context)
        chunk = self._compressor.decompress(data, size=reference.length, most=MAX_CHUNK)
        if self._ids.of(chunk) != reference.id:
            raise BadObject("a chunk is not the one that its file names")
        return chunk


class VaultCipher:
    """What one vault's keys can do; for one thread at a time."""

    def __init__(self, vault_id: bytes, keys: Keys) -> None:
        self.vault_id = vault_id
        self.epoch = keys.current
        secret = keys.vault_secret
        self._pages = {name: Sealer(key, Purpose.PAGE_SEAL) for name, key in keys.epochs.items()}
        self._wrappers = {name: KeyWrapper(key) for name, key in keys.epochs.items()}
        self._page_ids = Identifier(secret, Purpose.PAGE_ID)
        self._snapshot_ids = Identifier(secret, Purpose.SNAPSHOT_ID)
        self._proof_ids = Identifier(secret, Purpose.PROOF_ID)
        self._numbers = Identifier(secret, Purpose.DIRECTORY_NUMBER)
        self._contents = Identifier(secret, Purpose.CONTENT_HASH)
        self.draw = Identifier(secret, Purpose.PAGE_CUT).of
        self.chunker_seed = int.from_bytes(derive(secret, Purpose.CHUNKER_SEED, 8), "big")
        self._compressor = Compressor()
        self._opened = lru_cache(_KNOWN_FILE_KEYS)(self._open_file_key)

    def content_hash(self, content: bytes | memoryview) -> bytes:
        """Return the keyed hash of a whole content."""
        return self._contents.of(content)

    def content_hasher(self) -> Hasher:
        """Return a hasher for a content that comes in pieces."""
        return self._contents.hasher()

    def directory_number(self, key: bytes) -> bytes:
        """Return the number of the directory with this node key."""
        return self._numbers.of(key)[:NUMBER_SIZE]

    def page_id(self, kind: BlobKind, body: bytes) -> bytes:
        """Return the id of a page of this kind."""
        return self._page_ids.of(bytes([kind]) + body)

    def disclosed(self, *, contents: bool) -> dict[str, bytes]:
        """Return the keys that an exported log gives away, by their purposes: they open nothing (format §13.1).

        `contents`: also that of content hashes, with which contents can be guessed at.
        """
        identifiers = {Purpose.PAGE_ID: self._page_ids, Purpose.DIRECTORY_NUMBER: self._numbers}
        if contents:
            identifiers[Purpose.CONTENT_HASH] = self._contents
        return {str(purpose): identifier.disclose() for purpose, identifier in identifiers.items()}

    def snapshot_id(self, snapshot_hash: bytes) -> bytes:
        """Return the id under which a snapshot lies in packs."""
        return self._snapshot_ids.of(snapshot_hash)

    def proof_id(self, of: bytes) -> bytes:
        """Return the id under which a proof lies in packs: of a snapshot, by its hash, or of a fault, by its device."""
        return self._proof_ids.of(of)

    def seal_page(self, kind: BlobKind, body: bytes) -> bytes:
        """Return a page or snapshot sealed under the current epoch.

        Never compressed: it holds names and hashes of several files, and what they have in common
        must not show in its size.
        """
        return self._pages[self.epoch].seal(RAW + body, context=self.vault_id + bytes([kind]))

    def open_page(self, kind: BlobKind, page_id: bytes, epoch: bytes, sealed: bytes) -> bytes:
        """Return the body of a page; the id of a snapshot or proof is for the caller to check.

        Raises:
            BadObject: It is not the page with this id.
        """
        if epoch not in self._pages:
            raise BadObject("a page is sealed in an epoch that this device does not know")
        data = self._pages[epoch].unseal(sealed, context=self.vault_id + bytes([kind]))
        most = MAX_PROOF if kind is BlobKind.PROOF else MAX_PAGE
        body = self._compressor.decompress(data, size=None, most=most)
        if kind not in _NAMED_OTHERWISE and self.page_id(kind, body) != page_id:
            raise BadObject("a page is not the one that is named")
        return body

    def new_file_key(self) -> tuple[WrappedKey, FileCipher]:
        """Return a fresh data key of the current epoch, wrapped and at work."""
        key = DataKey.generate()
        wrapped = WrappedKey(self.epoch, self.epoch, self._wrappers[self.epoch].wrap(key))
        return wrapped, FileCipher(key, self.vault_id, self._compressor)

    def file_key(self, wrapped: WrappedKey) -> FileCipher:
        """Return the data key that was wrapped, at work.

        Raises:
            BadObject: It does not open.
        """
        return self._opened(wrapped)

    def _open_file_key(self, wrapped: WrappedKey) -> FileCipher:
        if wrapped.under not in self._wrappers or wrapped.born not in self._wrappers:
            raise BadObject("a data key is of an epoch that this device does not know")
        return FileCipher(
            self._wrappers[wrapped.under].unwrap(wrapped.wrapped), self.vault_id, self._compressor
        )
