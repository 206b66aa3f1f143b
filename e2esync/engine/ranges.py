"""Which ranges of which packs to read, and reading them a few at a time, in order (format §7).

Chunks that lie near each other in a pack are a run. A run is cut on a fixed grid, and ends where a pack
would end whose last chunk it ends with: what is asked for tells no more than sizes of packs do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from e2esync.adapters.catalogue import Location
from e2esync.engine.blobs import aligned
from e2esync.engine.vault import OpenVault
from e2esync.format import names
from e2esync.model.store import ObjectNotFound
from e2esync.tree.lists import Reference
from e2esync.vault.cipher import MAX_CHUNK
from e2esync.vault.packs import PACK_SIZE

LONGEST = 8 << 20  # bytes read at once; a pack has one cut, so that a chunk lies in two ranges at most
WIDEST_GAP = 256 << 10  # bytes between two chunks that are read rather than asked for twice
BLOCK = 256 << 10  # bytes; nowhere in a pack is Padmé coarser
AHEAD = 3  # ranges under way
MOST = 1 << 16  # chunks of a range, where the same one is wanted again and again


class Want(NamedTuple):
    """A chunk that has to be read for a file."""

    thing: bytes
    reference: Reference
    location: Location


def end_of_run(end: int) -> int:
    """Return where to stop reading behind several chunks of which the last ends at `end`.

    A full pack has its last chunk in its last 2 MiB, and filler behind it: that is read too.
    """
    block = -(-end // BLOCK) * BLOCK
    return PACK_SIZE if block >= PACK_SIZE - MAX_CHUNK else block


@dataclass
class Range:
    """A piece of a pack, and the chunks that end in it."""

    first: Location  # of the run
    start: int  # bytes
    end: int
    held: int  # from here on chunks can begin: `start`, or that of the range directly before
    wants: list[Want] = field(default_factory=list)

    @classmethod
    def at(cls, first: Location) -> Range:
        """Return the first range of a run, with nothing in it."""
        start, _ = aligned(first.start, _end(first))
        return cls(first, start, start, start)

    @property
    def cut(self) -> int:
        """Where another range begins, whatever is wanted."""
        return (self.start // LONGEST + 1) * LONGEST

    def reaches(self, location: Location) -> bool:
        """Return whether a chunk belongs to this run, here or further on."""
        return (
            location.pack == self.first.pack
            and self.held <= location.start <= self.end + WIDEST_GAP
            and _end(location) > self.start
            and len(self.wants) < MOST
        )

    def take(self, want: Want) -> None:
        """Add a chunk that ends here."""
        self.end = max(self.end, _end(want.location))
        self.wants.append(want)

    def last(self) -> Range:
        """Return the range as it is read where the run ends in it."""
        alone = self.end == _end(self.first)
        _, end = aligned(self.start, self.end if alone else end_of_run(self.end))
        return replace(self, end=end)


def plan(wants: Iterable[Want]) -> Iterator[Range]:
    """Yield ranges in which the chunks end, in their order."""
    current: Range | None = None
    for want in wants:
        if current is None or not current.reaches(want.location):
            if current is not None:
                yield current.last()
            current = Range.at(want.location)
        while _end(want.location) > current.cut:
            yield replace(current, end=current.cut)
            current = Range(current.first, current.cut, current.cut, held=current.start)
        current.take(want)
    if current is not None:
        yield current.last()


def read(vault: OpenVault, wants: Iterable[Want]) -> Iterator[tuple[Want, bytes | None]]:
    """Yield each chunk, sealed, in their order; None where the pack is not there."""
    before: bytes | None = None  # the range before, for a chunk that crosses the cut
    for piece, content in _fetched(vault, plan(wants)):
        for want in piece.wants:
            yield want, _joined(before, content, want.location.start - piece.start, want.location.length)
        before = content


def _joined(before: bytes | None, content: bytes | None, offset: int, length: int) -> bytes | None:
    """Return what lies at `offset` in `content`, or, where that is negative, at the end of `before` and in it."""
    if content is None:
        return None
    if offset >= 0:
        return content[offset : offset + length]
    return None if before is None else before[offset:] + content[: offset + length]


def _fetched(vault: OpenVault, ranges: Iterable[Range]) -> Iterator[tuple[Range, bytes | None]]:
    pool = ThreadPoolExecutor(AHEAD, "download")
    under_way: deque[tuple[Range, Future[bytes | None]]] = deque()
    try:
        for wanted in ranges:
            under_way.append((wanted, pool.submit(_get, vault, wanted)))
            if len(under_way) >= AHEAD:
                first, future = under_way.popleft()
                yield first, future.result()
        while under_way:
            first, future = under_way.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _get(vault: OpenVault, wanted: Range) -> bytes | None:
    pack = names.pack(vault.vault_id, wanted.first.pack)
    try:
        return vault.store.get(pack, start=wanted.start, length=wanted.end - wanted.start)
    except ObjectNotFound:
        return None


def _end(location: Location) -> int:
    return location.start + location.length
