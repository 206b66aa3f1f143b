"""Join small packs into larger ones: sealed bytes move as they are, chunks and all else apart (format §5.1)."""

from __future__ import annotations

from collections.abc import Iterable

from e2esync.adapters.catalogue import MOVING, SENDING, STORED
from e2esync.engine.ownindex import own_pack
from e2esync.engine.vault import OpenVault
from e2esync.format import names
from e2esync.format.index import Group
from e2esync.vault.packs import PACK_SIZE, ClosedPack, PackBuilder

FULL_FROM = PACK_SIZE - (2 << 20) - 29  # bytes of blobs: where one more chunk may not fit

PackGroups = dict[bytes, list[Group]]
"""What indexes say of each pack, the oldest pack first."""


def by_pack(indexes: Iterable[Iterable[Group]]) -> PackGroups:
    """Put together what several indexes say of each pack."""
    packs: dict[bytes, dict[int, Group]] = {}
    for groups in indexes:
        for group in groups:
            packs.setdefault(group.pack, {}).setdefault(group.rows[0].offset, group)
    return {pack: list(groups.values()) for pack, groups in packs.items()}


def used(groups: Iterable[Group]) -> int:
    """Return where the last blob of a pack ends."""
    return max(group.rows[-1].offset + group.rows[-1].length for group in groups)


def to_join(packs: PackGroups) -> PackGroups:
    """Return the packs to join: the small ones, but none that has nobody to be joined with."""
    small = {pack: groups for pack, groups in packs.items() if used(groups) < FULL_FROM}
    for is_chunk in (False, True):
        sources = [
            pack for pack, groups in small.items() if any(group.is_chunk == is_chunk for group in groups)
        ]
        if len(sources) == 1 and all(group.is_chunk == is_chunk for group in small[sources[0]]):
            del small[sources[0]]
    return small


class PackMover:
    """Copies blobs into new packs and stores these. `is_lasting`: like those of a push, the next index lists them."""

    def __init__(self, vault: OpenVault, *, is_lasting: bool = False) -> None:
        self._vault, self._is_lasting = vault, is_lasting
        self._builders = {True: PackBuilder(), False: PackBuilder()}  # chunks, all else
        self.old: list[bytes] = []  # packs that were moved
        self.new: list[bytes] = []  # packs that were stored

    def move(self, pack: bytes, groups: list[Group]) -> None:
        """Copy the blobs of a pack; one that cannot be read as it was written stays where it is."""
        body = own_pack(self._vault, pack)
        if body is None or used(groups) > len(body):
            return
        for group in groups:
            for row in group.rows:
                sealed = body[row.offset : row.offset + row.length]
                self._add(row.prefix, sealed, is_chunk=group.is_chunk, epoch=group.epoch)
        self.old.append(pack)

    def _add(self, prefix: bytes, sealed: bytes, *, is_chunk: bool, epoch: bytes) -> None:
        builder = self._builders[is_chunk]
        if not builder.fits(sealed):
            self._send(builder.close(full=True))
            builder = self._builders[is_chunk] = PackBuilder()
        builder.add(prefix, sealed, is_chunk=is_chunk, epoch=epoch)

    def finish(self) -> None:
        """Store what is left."""
        for builder in self._builders.values():
            if builder.size:
                self._send(builder.close(full=False))

    def _send(self, pack: ClosedPack) -> None:
        state = SENDING if self._is_lasting else MOVING
        self._vault.catalogue.record_sending(pack, (), now=self._vault.clock.now(), state=state)
        self._vault.store.put(names.pack(self._vault.vault_id, pack.id), pack.body)
        if len(pack.body) < PACK_SIZE:
            self._vault.catalogue.cache.put(pack.id, pack.body)
        if self._is_lasting:
            self._vault.catalogue.set_state([pack.id], STORED)
        self.new.append(pack.id)
