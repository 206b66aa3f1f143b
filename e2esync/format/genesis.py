"""The birth of a vault (format §4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from e2esync.format import cbor, shape


@dataclass(frozen=True, slots=True)
class Genesis:
    """Who made a vault; the hash of this record is the vault's id."""

    owner: bytes  # fingerprint
    card: bytes  # hash
    nonce: bytes  # 32 random bytes

    def encode(self) -> bytes:
        """Return the payload."""
        return cbor.encode({1: cbor.VERSION, 2: self.owner, 3: self.card, 4: self.nonce})

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Return what a payload says.

        Raises:
            BadObject: It is not as the format has it.
            NewerFormat: It is of a newer format.
        """
        field = shape.fields(payload, 4)
        return cls(
            owner=shape.digest(field[2]), card=shape.digest(field[3]), nonce=shape.octets(field[4], 32)
        )
