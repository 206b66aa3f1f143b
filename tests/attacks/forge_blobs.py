"""Sealed blobs where they lie: what an index says of them, and packs in which they were exchanged.

The store does not know where blobs begin; a member does. Attacks on blobs are made with this knowledge,
so that they are not refused merely because they missed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from e2esync.chunking.cutter import Cutter
from e2esync.format import names
from e2esync.format.names import Kind
from e2esync.vault.indexes import open_index
from moto_fixtures.hostile import HostileStore
from tests.attacks.arena import Arena
from tests.engine.world import Dev

PIECE = 65 << 10  # bytes of each chunk of a file that is cut evenly; four get a pack of their own
SEALED = 29  # bytes that sealing adds to a chunk that does not compress


@dataclass(frozen=True)
class Spot:
    """Where a sealed chunk lies."""

    key: str  # of the pack
    start: int  # bytes
    length: int

    def of(self, body: bytes) -> bytes:
        """Return the sealed chunk in the body of its pack."""
        return body[self.start : self.start + self.length]


def noise(size: int, seed: object) -> bytes:
    """Return bytes that nothing compresses, the same for the same seed."""
    return random.Random(str(seed)).randbytes(size)


@contextmanager
def cut_evenly(size: int = PIECE) -> Iterator[None]:
    """Cut files into chunks of one size: where to cut is the writer's business (format §6.3)."""

    def cut(_self: Cutter, source) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(size))
        while count := source.readinto(buffer):
            yield buffer[:count]

    with patch.object(Cutter, "cut", cut):
        yield


def pushed(arena: Arena, dev: Dev, files: Mapping[str, bytes]) -> list[Spot]:
    """Write and push files; return where the chunks lie that this has stored, in their order."""
    before = set(arena.keys(Kind.INDEX))
    for name, content in files.items():
        path = dev.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with cut_evenly():
        dev.push()
    return [spot for key in arena.keys(Kind.INDEX) if key not in before for spot in _chunks(arena, key)]


def _chunks(arena: Arena, index: str) -> Iterator[Spot]:
    keys, name = arena.world.keys, names.parse(index)
    assert name is not None
    assert name.id is not None

    def key_of(record: bytes):
        return keys.keyring.epochs[keys.membership.records[record].epoch]

    for group in open_index(arena.store.body(index), name.id, vault_id=keys.vault_id, key_of=key_of):
        if group.is_chunk:
            pack = names.pack(keys.vault_id, group.pack)
            yield from (Spot(pack, row.offset, row.length) for row in group.rows)


def put(store: HostileStore, changed: Mapping[Spot, bytes]) -> None:
    """Show packs in which these bytes stand where those chunks lay."""
    bodies: dict[str, bytearray] = {}
    for spot, sealed in changed.items():
        body = bodies.setdefault(spot.key, bytearray(store.body(spot.key)))
        body[spot.start : spot.start + len(sealed)] = sealed
    for key, changed_body in bodies.items():
        store.inject(key, bytes(changed_body))


def arranged(store: HostileStore, spots: Sequence[Spot], order: Sequence[int]) -> dict[Spot, bytes]:
    """Return the chunks of `spots` in another order: at each spot, the chunk that lay at `order` of it."""
    sealed = [spot.of(store.body(spot.key)) for spot in spots]
    return {spot: sealed[source] for spot, source in zip(spots, order, strict=True)}
