"""Signed records, made and verified: keys meet structures here (format §1.2)."""

from __future__ import annotations

from typing import NamedTuple

from e2esync.crypto.asymmetric import SigningKey, record_hash, verify
from e2esync.crypto.labels import Purpose
from e2esync.format.signed import SignedRecord


class Signed(NamedTuple):
    """A record with its hash."""

    record: bytes
    hash: bytes


class Verified(NamedTuple):
    """What a record says, once its signature holds, with its hash."""

    payload: bytes
    hash: bytes


def sign_record(key: SigningKey, purpose: Purpose, payload: bytes) -> Signed:
    """Return the signed record of a payload, and its hash."""
    record = SignedRecord(payload, key.sign(purpose, payload)).encode()
    return Signed(record, record_hash(purpose, payload))


def open_record(record: bytes, purpose: Purpose, *, signer: bytes) -> Verified:
    """Return the payload of a record that `signer` signed for this purpose.

    Raises:
        BadObject: It is no signed record, or the signature does not hold.
    """
    signed = SignedRecord.decode(record)
    verify(signer, purpose, signed.payload, signed.signature)
    return Verified(signed.payload, record_hash(purpose, signed.payload))
