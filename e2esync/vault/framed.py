"""Heads and prune marks: signed by a device, then sealed in an epoch (format §8.3, §9).

The object begins with the hash of the membership record under which it was written, in clear and
in the aad: it says in whose epoch the rest opens, and by whose rights it counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import SEAL_OVERHEAD, Sealer
from e2esync.errors import BadObject, MissingObject
from e2esync.format.certificate import Certificate, SignedCertificate
from e2esync.format.head import EpochFramed
from e2esync.format.members import Role
from e2esync.format.padding import pad, unpad
from e2esync.format.shape import HASH_SIZE
from e2esync.vault.device import device_id, verify_certificate
from e2esync.vault.keyring import Keyring
from e2esync.vault.membership import AcceptedRecord, Membership

_OVERHEAD = HASH_SIZE + SEAL_OVERHEAD


@dataclass(frozen=True, slots=True)
class Place:
    """What an object is bound to besides its membership record."""

    purpose: Purpose  # of its seal
    vault: bytes
    device: bytes

    def _context(self, record_hash: bytes) -> bytes:
        return self.vault + record_hash + self.device

    def seal(self, body: bytes, keyring: Keyring) -> bytes:
        """Return the object of a body, under the newest membership record."""
        _, record_hash = keyring.tip
        padded = pad(body, overhead=_OVERHEAD)
        sealed = Sealer(keyring.current_key, self.purpose).seal(padded, context=self._context(record_hash))
        return EpochFramed(record_hash, sealed).encode()

    def unseal(
        self, content: bytes, membership: Membership, keyring: Keyring
    ) -> tuple[AcceptedRecord, bytes]:
        """Return the membership record of an object, and its body.

        Raises:
            BadObject: It names no accepted record, or does not open in its epoch.
        """
        framed = EpochFramed.decode(content)
        record = membership.records.get(framed.record)
        if record is None or record.epoch not in keyring.epochs:
            raise BadObject("an object names a membership record that is not known")
        sealer = Sealer(keyring.epochs[record.epoch], self.purpose)
        return record, unpad(
            sealer.unseal(framed.sealed, context=self._context(framed.record)), overhead=_OVERHEAD
        )


def check_writer(
    certificate: SignedCertificate, device: bytes, *, record: AcceptedRecord, membership: Membership
) -> Certificate:
    """Return the certificate of a device that may write under a membership record (format §8.4).

    Raises:
        BadObject: It is not this device's, or not of a member with a writing role under that card.
        MissingObject: The card of the member is not known.
    """
    claimed = Certificate.decode(certificate.payload)
    member = record.member(claimed.fingerprint)
    if member is None or member.role is Role.READER or member.card != claimed.card:
        raise BadObject("a device writes that has no right to")
    now = membership.newest.member(claimed.fingerprint)
    if now is None or now.role is Role.READER:
        raise BadObject("a device writes that has no right to any more")
    identity = membership.cards.get(member.card)
    if identity is None:
        raise MissingObject("the card of a member is not there")
    verified = verify_certificate(certificate, identity)
    if device_id(verified.signing) != device or member.card_number != verified.card_number:
        raise BadObject("an object is not of the device that its name says")
    return verified
