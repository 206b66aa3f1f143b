"""The own record of a device, sealed and opened (format §3.6)."""

from __future__ import annotations

from collections.abc import Iterable

from e2esync.crypto.asymmetric import HpkeKey, object_hash, verify, wrap
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import EnvelopeKey, Sealer
from e2esync.errors import BadObject
from e2esync.format.certificate import SignedCertificate
from e2esync.format.ownrecord import (
    OwnRecord,
    OwnRecordBody,
    OwnRecordObject,
    VaultNote,
    encode_wraps,
    pad_body,
    unpad_body,
)
from e2esync.format.wraps import Wraps, wrap_of
from e2esync.vault.device import Device, device_id, verify_certificate
from e2esync.vault.identity import PublicIdentity


def seal_own_record(
    device: Device,
    identity: PublicIdentity,
    *,
    revision: int,
    device_name: str,
    user_name: str,
    vaults: Iterable[VaultNote],
) -> bytes:
    """Return the own record of a device of this identity, as it is stored."""
    payload = OwnRecord(
        fingerprint=identity.fingerprint,
        device=device.id,
        revision=revision,
        device_name=device_name,
        user_name=user_name,
        vaults=tuple(sorted(vaults, key=lambda note: note.vault)),
    ).encode()
    certificate = SignedCertificate.decode(device.certificate)
    body = OwnRecordBody(certificate, payload, device.signing.sign(Purpose.OWN_RECORD, payload)).encode()
    about, key = identity.fingerprint + device.id, EnvelopeKey.generate()
    wraps: Wraps = tuple(
        sorted(
            (object_hash(public), wrap(public, Purpose.OWN_RECORD_WRAP, key.reveal(), context=about))
            for public in (identity.hpke, identity.recovery)
        )
    )
    sealer = Sealer(key, Purpose.OWN_RECORD_SEAL)
    sealed = sealer.seal(pad_body(body, wraps), context=about + encode_wraps(wraps))
    return OwnRecordObject(wraps, sealed).encode()


def open_own_record(content: bytes, device_hex: str, *, identity: PublicIdentity, key: HpkeKey) -> OwnRecord:
    """Return the own record that stands in `people/<fp>/own-<device_hex>`.

    `key` is the identity's HPKE key or its recovery key.

    Raises:
        BadObject: It fails a check.
        NewerFormat: It is of a newer format.
    """
    device = bytes.fromhex(device_hex)
    about = identity.fingerprint + device
    stored = OwnRecordObject.decode(content)
    wrapped = wrap_of(stored.wraps, object_hash(key.public))
    if wrapped is None:
        raise BadObject("an own record is not wrapped to this key")
    sealer = Sealer(
        EnvelopeKey(key.unwrap(Purpose.OWN_RECORD_WRAP, wrapped, context=about)), Purpose.OWN_RECORD_SEAL
    )
    padded = sealer.unseal(stored.sealed, context=about + encode_wraps(stored.wraps))
    body = OwnRecordBody.decode(unpad_body(padded, stored.wraps))
    writer = verify_certificate(body.certificate, identity)
    verify(writer.signing, Purpose.OWN_RECORD, body.payload, body.signature)
    record = OwnRecord.decode(body.payload)
    if device_id(writer.signing) != device or (record.fingerprint, record.device) != (
        identity.fingerprint,
        device,
    ):
        raise BadObject("an own record is not of the device that its name says")
    return record
