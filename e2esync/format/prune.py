"""The list of packs that are about to go, and of those that went (format §9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from e2esync.format import cbor, shape
from e2esync.format.certificate import SignedCertificate


@dataclass(frozen=True, slots=True)
class PruneMark:
    """What a prune mark says."""

    vault: bytes
    certificate: SignedCertificate
    packs: tuple[bytes, ...]  # ids, sorted
    since: int  # seconds since 1970
    gone: tuple[bytes, ...] = ()  # ids, sorted: deleted, or about to be at any moment

    def encode(self) -> bytes:
        """Return the payload."""
        return cbor.encode(
            {
                1: cbor.VERSION,
                2: self.vault,
                3: self.certificate.parts(),
                4: self.packs,
                5: self.since,
                6: self.gone,
            }
        )

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Return what a payload says.

        Raises:
            BadObject: It is not as the format has it.
            NewerFormat: It is of a newer format.
        """
        field = shape.fields(payload, 6)
        mark = cls(
            vault=shape.digest(field[2]),
            certificate=SignedCertificate.of_parts(field[3]),
            packs=shape.each(field[4], shape.digest),
            since=shape.integer(field[5]),
            gone=shape.each(field[6], shape.digest),
        )
        shape.ascending(mark.packs)
        shape.ascending(mark.gone)
        return mark
