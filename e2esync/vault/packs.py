"""Packs: sealed blobs side by side in one object, filled up so that its size tells little (format §5.1)."""

from __future__ import annotations

from secrets import token_bytes
from typing import NamedTuple

from e2esync.crypto.asymmetric import object_hash
from e2esync.format.padding import padme

PACK_SIZE = 1 << 24  # bytes of a full pack


class PackedBlob(NamedTuple):
    """One blob and where it lies in its pack."""

    id: bytes  # 32 bytes
    is_chunk: bool
    epoch: bytes  # of the key that seals it, 32 bytes
    offset: int  # bytes
    length: int  # bytes, sealed


class ClosedPack(NamedTuple):
    """A pack that is ready to be stored."""

    id: bytes  # SHA-256 of the body
    body: bytes
    blobs: list[PackedBlob]


class PackBuilder:
    """Collects blobs until the pack is full."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._blobs: list[PackedBlob] = []
        self.size = 0  # bytes so far

    def fits(self, sealed: bytes) -> bool:
        """Return whether another blob fits."""
        return self.size + len(sealed) <= PACK_SIZE

    def add(self, blob_id: bytes, sealed: bytes, *, is_chunk: bool, epoch: bytes) -> None:
        """Append a blob that fits."""
        self._blobs.append(PackedBlob(blob_id, is_chunk, epoch, self.size, len(sealed)))
        self._parts.append(sealed)
        self.size += len(sealed)

    def extend(self, other: PackBuilder) -> None:
        """Append the blobs of another builder, which fit."""
        for blob, sealed in zip(other._blobs, other._parts, strict=True):
            self.add(blob.id, sealed, is_chunk=blob.is_chunk, epoch=blob.epoch)

    def close(self, *, full: bool) -> ClosedPack:
        """Fill the pack up, to its full size if another blob did not fit, and name it."""
        target = PACK_SIZE if full else padme(self.size)
        body = b"".join([*self._parts, token_bytes(target - self.size)])
        return ClosedPack(object_hash(body), body, self._blobs)
