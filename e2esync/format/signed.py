"""A signed record: the array of payload and signature (format §1.2).

The signature is verified over the raw payload before anybody decodes it; so the payload stays
bytes here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from e2esync.format import cbor, shape


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """What was signed, and the signature over it (64 bytes)."""

    payload: bytes
    signature: bytes

    def encode(self) -> bytes:
        """Return the record as it is stored."""
        return cbor.encode([self.payload, self.signature])

    @classmethod
    def decode(cls, record: bytes) -> Self:
        """Return the two parts, nothing verified.

        Raises:
            BadObject: It is no signed record.
        """
        payload, signature = shape.array(cbor.decode_exact(record), 2)
        return cls(shape.octets(payload), shape.octets(signature, shape.SIGNATURE_SIZE))
