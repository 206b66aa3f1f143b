"""What the histories of heads say: the hash of each earlier snapshot, looked up once (format §8.2)."""

from __future__ import annotations

from collections.abc import Callable

from e2esync.engine.blobs import BlobReader
from e2esync.engine.broken import Aside, as_signed
from e2esync.engine.vault import OpenVault
from e2esync.errors import BadObject, MissingObject
from e2esync.format.history import descend, locate
from e2esync.vault.heads import Head


class Chains:
    """The snapshots of devices by sequence; `load` takes in the indexes, and returns whose are broken."""

    def __init__(self, vault: OpenVault, load: Callable[[], Aside]) -> None:
        self.aside: Aside = {}
        self.reader = BlobReader(vault)
        self._load, self._is_loaded = load, False
        self._known: dict[tuple[bytes, int], bytes] = {}  # by head, as it is stored, and sequence

    def load(self) -> None:
        """Take in the indexes, once, before anything is read of what they name."""
        if not self._is_loaded:
            self.aside |= self._load()
            self._is_loaded = True

    def hash_at(self, head: Head, sequence: int) -> bytes:
        """Return the hash that a head has for a snapshot of its device, the newest or one before.

        Raises:
            BrokenWord: A page of its history is not as the format has it, or not found where an index of it is not.
        """
        if sequence == head.sequence:
            return head.hash
        found = self._known.get((head.content, sequence))
        if found is None:
            found, _ = self.way(head, sequence)
            self._known[head.content, sequence] = found
        return found

    def way(self, head: Head, sequence: int) -> tuple[bytes, tuple[bytes, ...]]:
        """Return the hash that a head's history has for an earlier snapshot, and the pages that lead there.

        Raises:
            BrokenWord: As `hash_at`.
        """
        spot, pages = locate(head.history, sequence), []
        if spot.level:
            self.load()
        while spot.level:
            pages.append(self._page(head, spot.item))
            with as_signed():
                spot = descend(spot, pages[-1])
        return spot.item, tuple(pages)

    def _page(self, head: Head, page_id: bytes) -> bytes:
        try:
            return self.reader.history_page(page_id)
        except (BadObject, MissingObject) as error:  # a broken index may have named it
            raise self.aside.get(head.device, error) from None
