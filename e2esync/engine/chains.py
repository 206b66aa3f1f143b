"""What the histories of heads say: the hash of each earlier snapshot, looked up once (format §8.2)."""

from __future__ import annotations

from collections.abc import Callable

from e2esync.engine.blobs import BlobReader
from e2esync.engine.vault import OpenVault
from e2esync.format.history import descend, locate
from e2esync.vault.heads import Head


class Chains:
    """The snapshots of devices by sequence; `load` takes in the indexes, before a page of a history is read."""

    def __init__(self, vault: OpenVault, load: Callable[[], None]) -> None:
        self.load = load
        self.reader = BlobReader(vault)
        self._known: dict[tuple[bytes, int], bytes] = {}  # by head, as it is stored, and sequence

    def hash_at(self, head: Head, sequence: int) -> bytes:
        """Return the hash that a head has for a snapshot of its device, the newest or one before."""
        if sequence == head.sequence:
            return head.hash
        found = self._known.get((head.content, sequence))
        if found is None:
            found, _ = self.way(head, sequence)
            self._known[head.content, sequence] = found
        return found

    def way(self, head: Head, sequence: int) -> tuple[bytes, tuple[bytes, ...]]:
        """Return the hash that a head's history has for an earlier snapshot, and the pages that lead there."""
        spot, pages = locate(head.history, sequence), []
        if spot.level:
            self.load()
        while spot.level:
            pages.append(self.reader.history_page(spot.item))
            spot = descend(spot, pages[-1])
        return spot.item, tuple(pages)
