"""The certificate of a device: identity and device both sign it (format §3.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from e2esync.format import cbor, shape


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says."""

    fingerprint: bytes
    card_number: int
    card: bytes  # hash
    signing: bytes  # Ed25519 public key of the device
    hpke: bytes  # HPKE public key of the device

    def encode(self) -> bytes:
        """Return the payload."""
        return cbor.encode(
            {
                1: cbor.VERSION,
                2: self.fingerprint,
                3: self.card_number,
                4: self.card,
                5: self.signing,
                6: self.hpke,
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
        return cls(
            fingerprint=shape.digest(field[2]),
            card_number=shape.number(field[3]),
            card=shape.digest(field[4]),
            signing=shape.octets(field[5], 32),
            hpke=shape.octets(field[6], shape.HPKE_PUBLIC_SIZE),
        )


@dataclass(frozen=True, slots=True)
class SignedCertificate:
    """A certificate's payload with its two signatures."""

    payload: bytes
    by_identity: bytes
    by_device: bytes

    def encode(self) -> bytes:
        """Return the array as bytes."""
        return cbor.encode(self.parts())

    def parts(self) -> list[bytes]:
        """Return the array as it stands inside an own record (format §3.6)."""
        return [self.payload, self.by_identity, self.by_device]

    @classmethod
    def decode(cls, encoded: bytes) -> Self:
        """Return the parts, nothing verified.

        Raises:
            BadObject: It is no certificate.
        """
        return cls.of_parts(cbor.decode_exact(encoded))

    @classmethod
    def of_parts(cls, value: object) -> Self:
        """Return the certificate of a decoded array, nothing verified."""
        payload, by_identity, by_device = shape.array(value, 3)
        return cls(
            shape.octets(payload),
            shape.octets(by_identity, shape.SIGNATURE_SIZE),
            shape.octets(by_device, shape.SIGNATURE_SIZE),
        )
