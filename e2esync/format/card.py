"""The card of a person, its sealed secret halves, and the card file (format §3.3, §3.4, §12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from e2esync.errors import NewerFormat
from e2esync.format import cbor, shape
from e2esync.format.wraps import Wraps, decode_wraps

ONLY_NUMBER = 1  # of a card that version 1 of the format knows
SECRET_SIZE = 128  # bytes: identity HPKE seed and identity Ed25519 private key


@dataclass(frozen=True, slots=True)
class Card:
    """The public keys of a person (format §3.3)."""

    root: bytes  # Ed25519 public key
    recovery: bytes  # HPKE public key
    number: int
    hpke: bytes  # HPKE public key
    signing: bytes  # Ed25519 public key
    inherits: bytes | None  # hash

    def encode(self) -> bytes:
        """Return the payload."""
        return cbor.encode(
            {
                1: cbor.VERSION,
                2: self.root,
                3: self.recovery,
                4: self.number,
                5: self.hpke,
                6: self.signing,
                7: self.inherits,
            }
        )

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Return what a payload says.

        Raises:
            BadObject: It is not as the format has it.
            NewerFormat: It is of a newer format; so is every number but 1.
        """
        field = shape.fields(payload, 7)
        card = cls(
            root=shape.octets(field[2], 32),
            recovery=shape.octets(field[3], shape.HPKE_PUBLIC_SIZE),
            number=shape.number(field[4]),
            hpke=shape.octets(field[5], shape.HPKE_PUBLIC_SIZE),
            signing=shape.octets(field[6], 32),
            inherits=shape.optional(field[7], shape.digest),
        )
        if card.number != ONLY_NUMBER:
            raise NewerFormat("a person's keys were renewed, which is a newer format")
        shape.must(hold=card.inherits is None)
        return card


@dataclass(frozen=True, slots=True)
class CardKeys:
    """The secret halves of a card, wrapped (format §3.4)."""

    fingerprint: bytes
    number: int
    card: bytes  # hash
    wraps: Wraps

    def encode(self) -> bytes:
        """Return the payload."""
        return cbor.encode(
            {1: cbor.VERSION, 2: self.fingerprint, 3: self.number, 4: self.card, 5: self.wraps}
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
            number=shape.number(field[3]),
            card=shape.digest(field[4]),
            wraps=decode_wraps(field[5], SECRET_SIZE),
        )


@dataclass(frozen=True, slots=True)
class CardFile:
    """A card with a name, for another person (format §12)."""

    card: bytes  # encoded signed record
    name: str

    def encode(self) -> bytes:
        """Return the payload."""
        return cbor.encode({1: cbor.VERSION, 2: self.card, 3: self.name})

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Return what a payload says.

        Raises:
            BadObject: It is not as the format has it.
            NewerFormat: It is of a newer format.
        """
        field = shape.fields(payload, 3)
        return cls(card=shape.octets(field[2]), name=shape.text(field[3]))
