"""Put sealed blobs into packs and packs into the store, a few at a time (format §5.1, §10).

What a pack holds is in the catalogue before it is sent, and that it arrived as soon as it did:
whatever kills the process, nothing that was stored is sent twice.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from e2esync.adapters.catalogue import SENDING, STORED, Catalogue, KnownChunk
from e2esync.engine.going import Going
from e2esync.engine.vault import OpenVault
from e2esync.format import names
from e2esync.tree.values import WrappedKey
from e2esync.vault.cipher import BlobKind, FileCipher
from e2esync.vault.packs import PACK_SIZE, ClosedPack, PackBuilder

UNLISTED_TRUST = 86_400  # seconds that a stored pack counts as there without a look
IN_FLIGHT = 3  # packs, 16 MiB each
TOGETHER = 256 << 10  # bytes: a push below this is one pack


class Uploader:
    """Takes blobs, stores packs; a context manager whose normal end has stored them all."""

    def __init__(self, vault: OpenVault, going: Going | None = None) -> None:
        """Begin with empty packs; `going` hears what waits in them, and what was sent."""
        self._vault = vault
        self.going = going or Going("push")
        self._catalogue: Catalogue = vault.catalogue
        self._cipher = vault.cipher
        self._chunks = PackBuilder()
        self._pages = PackBuilder()
        self._fresh: dict[bytes, KnownChunk] = {}  # by content hash: sealed, not yet in the catalogue
        self._fresh_pages: set[bytes] = set()
        self._filled = 0  # bytes of files in the open pack
        self._pool = ThreadPoolExecutor(IN_FLIGHT, "upload")
        # Packs, how many bytes of files are in each, and its sending.
        self._sending: deque[tuple[bytes, int, Future[str]]] = deque()

    def __enter__(self) -> Self:
        settle(self._vault)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)

    def known(self, content_hash: bytes) -> KnownChunk | None:
        """Return the chunk with this content, if it need not be sent."""
        return self._fresh.get(content_hash) or self._catalogue.known(content_hash)

    def add_chunk(
        self, chunk: bytes | memoryview, content_hash: bytes, key: WrappedKey, cipher: FileCipher
    ) -> KnownChunk:
        """Seal a chunk into a pack; return what a file refers to."""
        known = KnownChunk(content_hash, cipher.chunk_id(chunk), len(chunk), key)
        sealed = cipher.seal(chunk)
        if not self._chunks.fits(sealed):
            self._close_chunks(full=True)
        self._chunks.add(known.id, sealed, is_chunk=True, epoch=key.born)
        self._fresh[content_hash] = known
        self._filled += len(chunk)
        self.going.held(len(chunk))
        return known

    def add_page(self, kind: BlobKind, body: bytes) -> bytes:
        """Seal a page into a pack, unless it is stored already; return its id."""
        page_id = self._cipher.page_id(kind, body)
        if page_id not in self._fresh_pages and not self._catalogue.holds(page_id):
            self._fresh_pages.add(page_id)
            self._add_sealed(page_id, self._cipher.seal_page(kind, body))
        return page_id

    def add_blob(self, kind: BlobKind, blob_id: bytes, body: bytes) -> None:
        """Seal a snapshot, or a proof, into a pack."""
        self._add_sealed(blob_id, self._cipher.seal_page(kind, body))

    def _add_sealed(self, blob_id: bytes, sealed: bytes) -> None:
        if not self._pages.fits(sealed):
            self._send(self._pages.close(full=True))
            self._pages = PackBuilder()
        self._pages.add(blob_id, sealed, is_chunk=False, epoch=self._cipher.epoch)

    def finish(self) -> None:
        """Store what is left and wait until everything is stored."""
        if self._chunks.size > 0 and self._chunks.size + self._pages.size <= TOGETHER:
            self._chunks.extend(self._pages)
            self._pages = PackBuilder()
        if self._chunks.size:
            self._close_chunks(full=False)
        if self._pages.size:
            self._send(self._pages.close(full=False))
            self._pages = PackBuilder()
        while self._sending:
            self._await_one()

    def _close_chunks(self, *, full: bool) -> None:
        self._send(self._chunks.close(full=full), tuple(self._fresh.values()), self._filled)
        self._chunks, self._fresh, self._filled = PackBuilder(), {}, 0

    def _send(self, pack: ClosedPack, chunks: tuple[KnownChunk, ...] = (), size: int = 0) -> None:
        while len(self._sending) >= IN_FLIGHT:
            self._await_one()
        self._catalogue.record_sending(pack, chunks, now=self._vault.clock.now())
        if len(pack.body) < PACK_SIZE:
            self._catalogue.cache.put(pack.id, pack.body)
        name = names.pack(self._vault.vault_id, pack.id)
        self._sending.append((pack.id, size, self._pool.submit(self._vault.store.put, name, pack.body)))

    def _await_one(self) -> None:
        pack, size, sent = self._sending.popleft()
        sent.result()
        self._catalogue.set_state([pack], STORED)
        self.going.sent(size)


def settle(vault: OpenVault) -> None:
    """Find out what became of packs whose sending was cut off, or that were stored long ago and never listed.

    Before anything refers to them: what is not there is forgotten, and its chunks are sent again.
    """
    before = vault.clock.now() - UNLISTED_TRUST
    old = [pack for pack in vault.catalogue.packs(STORED) if pack[2] < before]
    for pack, size, _ in [*vault.catalogue.packs(SENDING), *old]:
        info = vault.store.head(names.pack(vault.vault_id, pack))
        if info is not None and info.size == size:
            vault.catalogue.set_state([pack], STORED)
        else:
            vault.catalogue.forget_pack(pack)
