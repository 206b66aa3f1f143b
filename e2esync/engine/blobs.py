"""Read blobs out of packs: aligned ranges, a small cache, every claimed place tried before it is an error."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TypeVar

from e2esync.adapters.catalogue import Location
from e2esync.engine.vault import OpenVault
from e2esync.errors import BadObject, MissingObject
from e2esync.format import names
from e2esync.format.cbor import decode
from e2esync.model.store import ObjectNotFound
from e2esync.tree.lists import ListRoot, Reference, walk
from e2esync.tree.pagecodec import list_items, page_items
from e2esync.tree.pages import Item
from e2esync.tree.values import FileContent, WrappedKey
from e2esync.vault.cipher import BlobKind

ALIGNMENT = 64 << 10  # bytes; partial reads show no boundary of a chunk (format §7)
WINDOW = 512 << 10  # bytes read at once around a page: the next page is often beside it
WINDOWS = 32

T = TypeVar("T")


def aligned(start: int, end: int) -> tuple[int, int]:
    """Return the range, outward to the alignment."""
    return start // ALIGNMENT * ALIGNMENT, -(-end // ALIGNMENT) * ALIGNMENT


class BlobReader:
    """Reads pages and single chunks of one vault."""

    def __init__(
        self,
        vault: OpenVault,
        refresh: Callable[[], None] | None = None,
        heard: Callable[[BlobKind, bytes], None] | None = None,
    ) -> None:
        self._vault = vault
        self._heard = heard  # hears each page and snapshot that is read
        self._refresh = refresh  # takes in the newest indexes, before a missing blob is an error (format §10)
        self.has_failed = False  # the store does not have what was stored, or has something else
        self._windows: OrderedDict[tuple[bytes, int, int], bytes] = OrderedDict()

    def tree_page(self, page_id: bytes, level: int) -> list[Item]:
        """Return the items of a page of the tree."""
        return page_items(decode(self._page(BlobKind.TREE_PAGE, page_id)), level)

    def list_page(self, page_id: bytes, level: int) -> list[tuple[int | bytes, ...]]:
        """Return the items of a page of a chunk list."""
        return list_items(decode(self._page(BlobKind.CHUNK_LIST, page_id)), level)

    def snapshot(self, snapshot_id: bytes) -> bytes:
        """Return the record of a snapshot, whose hash is for the caller to check."""
        return self._page(BlobKind.SNAPSHOT, snapshot_id)

    def history_page(self, page_id: bytes) -> bytes:
        """Return the body of a page of a device's history."""
        return self._page(BlobKind.HISTORY, page_id)

    def checked(self, kind: BlobKind, blob_id: bytes, check: Callable[[bytes], None]) -> bytes:
        """Return a blob whose id says nothing of its body, from the first place where it passes a check."""

        def opened(location: Location, sealed: bytes) -> bytes:
            body = self._vault.cipher.open_page(kind, blob_id, location.epoch, sealed)
            check(body)
            return body

        return self.read(blob_id, opened)

    def iterate(self, content: FileContent) -> Iterator[Reference]:
        """Yield the chunk references of a file, wherever they stand."""
        if isinstance(content.chunks, ListRoot):
            return walk(content.chunks, content.size, get=self.list_page)
        return iter(content.chunks)

    def chunk(self, key: WrappedKey, reference: Reference) -> bytes:
        """Return one chunk of a file."""
        cipher = self._vault.cipher.file_key(key)
        return self.read(reference.id, lambda _location, sealed: cipher.open(reference, sealed))

    def _page(self, kind: BlobKind, page_id: bytes) -> bytes:
        body = self.read(
            page_id,
            lambda location, sealed: self._vault.cipher.open_page(kind, page_id, location.epoch, sealed),
        )
        if self._heard is not None:
            self._heard(kind, body)
        return body

    def read(self, blob_id: bytes, unseal: Callable[[Location, bytes], T]) -> T:
        """Return what `unseal` makes of a blob, trying each place that is said to hold it.

        Raises:
            BadObject: No place holds it.
            MissingObject: No index names it, or no pack is there.
        """
        try:
            return self._read(blob_id, unseal)
        except (BadObject, MissingObject):
            if self._refresh is None:
                self.has_failed = True
                raise
            refresh, self._refresh = self._refresh, None
            refresh()
            found = self._read(blob_id, unseal)
            self._refresh = refresh  # only where it helped: one that was in vain is not done again for every part of a file
            return found

    def _read(self, blob_id: bytes, unseal: Callable[[Location, bytes], T]) -> T:
        found: BadObject | None = None
        for location in self._vault.catalogue.find(blob_id):
            try:
                return unseal(location, self._sealed(location))
            except BadObject as error:
                found = error
            except (ObjectNotFound, MissingObject):
                continue
        raise found or MissingObject("a part of the vault is not in the store")

    def _sealed(self, location: Location) -> bytes:
        start, end = aligned(location.start, location.start + location.length)
        window = (location.pack, start // WINDOW * WINDOW, max(end, (start // WINDOW + 1) * WINDOW))
        content = self._windows.pop(window, None)
        if content is None:
            content = self._vault.store.get(
                names.pack(self._vault.vault_id, location.pack), start=window[1], length=window[2] - window[1]
            )
        self._windows[window] = content
        if len(self._windows) > WINDOWS:
            self._windows.popitem(last=False)
        offset = location.start - window[1]
        return content[offset : offset + location.length]
