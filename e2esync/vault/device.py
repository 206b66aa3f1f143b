"""A device: its keys, and the certificate that makes it one of a person's (format §3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from e2esync.crypto.asymmetric import HpkeKey, SigningKey, record_hash, verify
from e2esync.crypto.labels import Purpose
from e2esync.errors import BadObject
from e2esync.format.certificate import Certificate, SignedCertificate
from e2esync.format.shape import DEVICE_SIZE
from e2esync.vault.identity import Identity, PublicIdentity


@dataclass(frozen=True, slots=True)
class Device:
    """One installation, with its secret keys."""

    id: bytes
    signing: SigningKey
    hpke: HpkeKey
    certificate: bytes  # encoded

    def reveal(self) -> dict[str, bytes]:
        """Return the secret parts, to be kept by the key store."""
        return {"certificate": self.certificate, "hpke": self.hpke.reveal(), "signing": self.signing.reveal()}


def device_id(signing: bytes) -> bytes:
    """Return the id of the device with this Ed25519 public key."""
    return record_hash(Purpose.DEVICE, signing)[:DEVICE_SIZE]


def create_device(identity: Identity) -> Device:
    """Return a new device, certified by the identity."""
    signing, hpke = SigningKey.generate(), HpkeKey.generate()
    payload = Certificate(
        fingerprint=identity.public.fingerprint,
        card_number=identity.public.number,
        card=identity.public.card_hash,
        signing=signing.public,
        hpke=hpke.public,
    ).encode()
    certificate = SignedCertificate(
        payload,
        by_identity=identity.signing.sign(Purpose.DEVICE_CERTIFICATE, payload),
        by_device=signing.sign(Purpose.DEVICE_ACCEPTANCE, payload),
    )
    return Device(device_id(signing.public), signing, hpke, certificate.encode())


def load_device(secret: Mapping[str, bytes]) -> Device:
    """Return the device that `Device.reveal` took apart.

    Raises:
        BadObject: The parts do not belong together.
    """
    try:
        certificate, signing, hpke = (
            secret["certificate"],
            SigningKey(secret["signing"]),
            HpkeKey(secret["hpke"]),
        )
    except (KeyError, ValueError):
        raise BadObject("the kept keys of this device are not complete") from None
    said = Certificate.decode(SignedCertificate.decode(certificate).payload)
    if (said.signing, said.hpke) != (signing.public, hpke.public):
        raise BadObject("the kept keys of this device are not those of its certificate")
    return Device(device_id(signing.public), signing, hpke, certificate)


def verify_certificate(certificate: SignedCertificate, identity: PublicIdentity) -> Certificate:
    """Return what a certificate says, if it is a certificate of this person under this very card.

    Raises:
        BadObject: It is not, or one of the two signatures does not hold.
        NewerFormat: It is of a newer format.
    """
    verify(identity.signing, Purpose.DEVICE_CERTIFICATE, certificate.payload, certificate.by_identity)
    said = Certificate.decode(certificate.payload)
    verify(said.signing, Purpose.DEVICE_ACCEPTANCE, certificate.payload, certificate.by_device)
    if (said.fingerprint, said.card_number, said.card) != (
        identity.fingerprint,
        identity.number,
        identity.card_hash,
    ):
        raise BadObject("a device's certificate is not of this person's card")
    return said
