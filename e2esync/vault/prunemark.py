"""The prune mark of a device, sealed and opened (format §9)."""

from __future__ import annotations

from collections.abc import Iterable

from e2esync.crypto.labels import Purpose
from e2esync.errors import BadObject
from e2esync.format.certificate import SignedCertificate
from e2esync.format.prune import PruneMark
from e2esync.format.signed import SignedRecord
from e2esync.vault.device import Device
from e2esync.vault.framed import Place, check_writer
from e2esync.vault.keyring import Keyring
from e2esync.vault.membership import Membership
from e2esync.vault.records import open_record, sign_record


def make_prune_mark(
    device: Device,
    keyring: Keyring,
    vault_id: bytes,
    *,
    packs: Iterable[bytes],
    since: int,
    gone: Iterable[bytes] = (),
) -> bytes:
    """Return the mark that stands in `heads/<device>.prune`; `since` in seconds since 1970.

    `packs` are about to go, `gone` are deleted as soon as the mark is there.
    """
    certificate = SignedCertificate.decode(device.certificate)
    payload = PruneMark(
        vault=vault_id,
        certificate=certificate,
        packs=tuple(sorted(packs)),
        since=since,
        gone=tuple(sorted(gone)),
    ).encode()
    record, _ = sign_record(device.signing, Purpose.PRUNE_MARK, payload)
    return Place(Purpose.PRUNE_MARK_SEAL, vault_id, device.id).seal(record, keyring)


def open_prune_mark(
    content: bytes, device_hex: str, *, vault_id: bytes, membership: Membership, keyring: Keyring
) -> PruneMark:
    """Return the mark that stands in `heads/<device_hex>.prune`.

    Raises:
        BadObject: It fails a check.
        MissingObject: The card of the member who wrote it is not known.
        NewerFormat: It is of a newer format.
    """
    device = bytes.fromhex(device_hex)
    record, signed = Place(Purpose.PRUNE_MARK_SEAL, vault_id, device).unseal(content, membership, keyring)
    mark = PruneMark.decode(SignedRecord.decode(signed).payload)  # believed once the signature below holds
    certificate = check_writer(mark.certificate, device, record=record, membership=membership)
    open_record(signed, Purpose.PRUNE_MARK, signer=certificate.signing)
    if mark.vault != vault_id:
        raise BadObject("a prune mark is of another vault")
    return mark
