"""Which ranges of which packs to read, and reading them a few at a time, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from e2esync.adapters.catalogue import Location
from e2esync.engine.blobs import aligned
from e2esync.engine.vault import OpenVault
from e2esync.format import names
from e2esync.model.store import ObjectNotFound
from e2esync.tree.lists import Reference

LONGEST = 8 << 20  # bytes read at once
WIDEST_GAP = 256 << 10  # bytes between two chunks that are read rather than asked for twice
AHEAD = 3  # ranges under way


class Want(NamedTuple):
    """A chunk that has to be read for a file."""

    node: bytes
    reference: Reference
    location: Location


@dataclass
class Range:
    """A piece of a pack and what is wanted of it."""

    pack: bytes
    start: int  # bytes
    end: int
    wants: list[Want] = field(default_factory=list)

    def take(self, want: Want) -> bool:
        """Add a chunk if it lies near enough behind or inside; return whether it did."""
        location = want.location
        end = location.start + location.length
        if (
            location.pack != self.pack
            or location.start < self.start
            or location.start > self.end + WIDEST_GAP
        ):
            return False
        if max(end, self.end) - self.start > LONGEST:
            return False
        self.end = max(self.end, end)
        self.wants.append(want)
        return True


def plan(wants: Iterable[Want]) -> Iterator[Range]:
    """Yield ranges that hold the chunks, in their order."""
    current: Range | None = None
    for want in wants:
        if current is None or not current.take(want):
            if current is not None:
                yield current
            location = want.location
            current = Range(location.pack, location.start, location.start + location.length, [want])
    if current is not None:
        yield current


def read(vault: OpenVault, ranges: Iterable[Range]) -> Iterator[tuple[Range, bytes | None]]:
    """Yield each range with its bytes from `range.start`; None where the pack is not there."""
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
    start, end = aligned(wanted.start, wanted.end)
    try:
        content = vault.store.get(names.pack(vault.vault_id, wanted.pack), start=start, length=end - start)
    except ObjectNotFound:
        return None
    return content[wanted.start - start :] if wanted.start != start else content
