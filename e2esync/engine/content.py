"""Read one file, cut it, and see that the vault holds every chunk of it (format §6.3–6.6)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import NamedTuple, TypeAlias

from e2esync.adapters.files import Fingerprint, OpenFile
from e2esync.chunking.cutter import Cutter
from e2esync.engine.upload import Uploader
from e2esync.format.cbor import encode
from e2esync.tree.lists import INLINE, ListRoot, Reference, build
from e2esync.tree.values import WrappedKey
from e2esync.vault.cipher import BlobKind, FileCipher, VaultCipher

MAX_KEYS = 64  # of one file; beyond, a chunk is sealed anew rather than borrowed


Borrow: TypeAlias = frozenset[WrappedKey] | None
"""The keys whose chunks a file may refer to; None: all. A person who lets strangers put files into a
synced folder gives each file only its own, so that nobody sees whether the vault holds a content."""


class Stored(NamedTuple):
    """The content of a file, every chunk of which the vault holds."""

    fingerprint: Fingerprint
    size: int  # bytes
    hash: bytes  # keyed content hash, 32 bytes
    keys: tuple[WrappedKey, ...]
    chunks: tuple[Reference, ...] | ListRoot


class ContentStore:
    """Stores contents through one uploader."""

    def __init__(self, cipher: VaultCipher, uploader: Uploader) -> None:
        self._cipher = cipher
        self._uploader = uploader
        self._cutter = Cutter(cipher.chunker_seed)

    def store(self, file: OpenFile, *, borrow: Borrow) -> Stored | None:
        """Store what an open file holds; return None if it changed while it was read."""
        reading = _Reading(self._cipher, self._uploader, borrow)
        references = reading.references(self._cutter.cut(file))
        first = tuple(islice(references, INLINE + 1))
        chunks = first if len(first) <= INLINE else self._store_list(chain(first, references))
        if reading.size != file.fingerprint.size or not file.unchanged():
            return None
        return Stored(file.fingerprint, reading.size, reading.hasher.digest(), tuple(reading.keys), chunks)

    def store_small(self, fingerprint: Fingerprint, content: bytes, *, borrow: Borrow) -> Stored:
        """Store a content of at most `MIN_SIZE` bytes: one chunk, whose hash serves twice."""
        content_hash = self._cipher.content_hash(content)
        if not content:
            return Stored(fingerprint, 0, content_hash, (), ())
        known = self._uploader.known(content_hash)
        if known is None or (borrow is not None and known.key not in borrow):
            key, cipher = self._cipher.new_file_key()
            known = self._uploader.add_chunk(content, content_hash, key, cipher)
        reference = Reference(0, known.id, known.length)
        return Stored(fingerprint, len(content), content_hash, (known.key,), (reference,))

    def _store_list(self, references: Iterator[Reference]) -> ListRoot:
        return build(references, draw=self._cipher.draw, put=self._put_list_page)

    def _put_list_page(self, level: int, items: list[tuple[int | bytes, ...]]) -> bytes:
        return self._uploader.add_page(BlobKind.CHUNK_LIST, encode([level, *[list(item) for item in items]]))


class _Reading:
    """A file on its way from chunks to references; it holds its own key, once it needs one."""

    def __init__(self, cipher: VaultCipher, uploader: Uploader, borrow: Borrow) -> None:
        self.size = 0
        self._borrow = borrow
        self.hasher = cipher.content_hasher()
        self.keys: dict[WrappedKey, int] = {}
        self._cipher = cipher
        self._uploader = uploader
        self._own: tuple[WrappedKey, FileCipher] | None = None

    def references(self, chunks: Iterator[memoryview]) -> Iterator[Reference]:
        """Yield a reference for each chunk, sending only what the vault does not hold."""
        for chunk in chunks:
            self.size += len(chunk)
            self.hasher.update(chunk)
            content_hash = self._cipher.content_hash(chunk)
            known = self._uploader.known(content_hash)
            if known is None or not self._may_refer_to(known.key):
                self._own = self._own or self._cipher.new_file_key()
                known = self._uploader.add_chunk(chunk, content_hash, *self._own)
            self._uploader.going.passed(len(chunk))
            yield Reference(self.keys.setdefault(known.key, len(self.keys)), known.id, known.length)

    def _may_refer_to(self, key: WrappedKey) -> bool:
        if key in self.keys:
            return True
        if len(self.keys) >= MAX_KEYS:
            return False
        return self._borrow is None or key in self._borrow or (self._own is not None and key == self._own[0])
