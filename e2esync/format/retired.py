"""The record that ends a device (format §3.7). This version reads it and writes none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, TypeAlias

from e2esync.format import cbor, shape

VaultCut: TypeAlias = tuple[bytes, int, bytes]
"""Vault id, sequence, snapshot hash: beyond it the device counts no more."""


def _decode_cut(value: object) -> VaultCut:
    vault, sequence, digest = shape.array(value, 3)
    return shape.digest(vault), shape.sequence(sequence), shape.digest(digest)


@dataclass(frozen=True, slots=True)
class Retired:
    """A device that was removed."""

    fingerprint: bytes
    card_number: int
    device: bytes
    cuts: tuple[VaultCut, ...]

    def encode(self) -> bytes:
        """Return the payload."""
        return cbor.encode(
            {1: cbor.VERSION, 2: self.fingerprint, 3: self.card_number, 4: self.device, 5: self.cuts}
        )

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Return what a payload says.

        Raises:
            BadObject: It is not as the format has it.
            NewerFormat: It is of a newer format.
        """
        field = shape.fields(payload, 5)
        return cls(
            fingerprint=shape.digest(field[2]),
            card_number=shape.number(field[3]),
            device=shape.device(field[4]),
            cuts=shape.each(field[5], _decode_cut),
        )
