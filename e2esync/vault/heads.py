"""Snapshots and heads: what a device says, made and accepted (format §8).

`open_head` applies every rule of §8.4 that needs no memory; `e2esync.vault.trust` those that do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from e2esync.crypto.asymmetric import object_hash
from e2esync.crypto.labels import Purpose
from e2esync.errors import BadObject, NewerFormat
from e2esync.format.certificate import Certificate, SignedCertificate
from e2esync.format.head import HeadBody
from e2esync.format.history import History, decode_history
from e2esync.format.points import Context, RecordName
from e2esync.format.signed import SignedRecord
from e2esync.format.snapshot import Root, Snapshot, encode_context, is_whole
from e2esync.vault.device import Device
from e2esync.vault.framed import Place, check_writer
from e2esync.vault.keyring import Keyring
from e2esync.vault.membership import AcceptedRecord, Membership
from e2esync.vault.records import open_record, sign_record

NO_RETIRED = object_hash(b"")
"""The hash of the joined hashes of no retired records."""

ContextMap = Mapping[bytes, tuple[int, bytes]]
"""Sequence and snapshot hash of each device."""


@dataclass(frozen=True, slots=True)
class SignedSnapshot:
    """A snapshot as it is stored in a pack, and its hash."""

    record: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The newest word of a device, accepted but for what this device remembers."""

    content: bytes  # the object as it is stored
    device: bytes
    certificate: Certificate
    owner: bytes  # fingerprint of the device's identity
    revision: int
    sequence: int
    hash: bytes  # of the snapshot
    snapshot: Snapshot
    snapshot_record: bytes
    context: ContextMap
    history: History
    live_indexes: tuple[bytes, ...]
    device_name: str
    user_name: str
    retired_hash: bytes
    prune_marks: tuple[bytes, ...]

    @property
    def previous(self) -> bytes | None:
        """Hash of the snapshot before this one."""
        return self.snapshot.previous

    @property
    def root(self) -> Root | None:
        """Page id and level of the tree's root."""
        return self.snapshot.root

    @property
    def members(self) -> RecordName:
        """The membership record under which it was written."""
        return self.snapshot.members

    @property
    def epoch(self) -> bytes:
        """Name of the epoch."""
        return self.snapshot.epoch

    @property
    def time(self) -> int:
        """When it was signed, in seconds since 1970."""
        return self.snapshot.time

    @property
    def names(self) -> tuple[str, str]:
        """Names of the device and of its user."""
        return self.device_name, self.user_name


def make_snapshot(  # noqa: PLR0913 - the record has as many fields
    device: Device,
    vault_id: bytes,
    *,
    sequence: int,
    previous: bytes | None,
    root: Root | None,
    context: ContextMap,
    previous_context: ContextMap,
    tip: RecordName,
    epoch: bytes,
    time: int,
) -> SignedSnapshot:
    """Return the snapshot of one push.

    `context` is all that the tree has joined, without the device itself; `previous_context` that of
    the snapshot before. `time` in seconds since 1970.
    """
    if not previous_context.keys() <= context.keys():
        raise ValueError("a context never loses a device")
    whole = sorted_context(context)
    changes = [point for point in whole if previous_context.get(point[0]) != point[1:]]
    payload = Snapshot(
        vault=vault_id,
        device=device.id,
        sequence=sequence,
        previous=previous,
        root=root,
        changes=whole if is_whole(sequence) else tuple(changes),
        context_hash=object_hash(encode_context(whole)),
        members=tip,
        epoch=epoch,
        time=time,
    ).encode()
    Snapshot.decode(payload)  # refuses what readers would refuse
    return SignedSnapshot(*sign_record(device.signing, Purpose.SNAPSHOT, payload))


def open_snapshot(record: bytes, *, signer: bytes, vault_id: bytes, device: bytes) -> tuple[Snapshot, bytes]:
    """Return a snapshot that `signer` signed for this vault and device, and its hash.

    Raises:
        BadObject: It fails a check.
        NewerFormat: It is of a newer format.
    """
    verified = open_record(record, Purpose.SNAPSHOT, signer=signer)
    snapshot = Snapshot.decode(verified.payload)
    if (snapshot.vault, snapshot.device) != (vault_id, device):
        raise BadObject("a snapshot is of another vault or device")
    return snapshot, verified.hash


def check_context(snapshot: Snapshot, context: Context) -> None:
    """Check that a snapshot had seen this, whole.

    Raises:
        BadObject: It is not what the snapshot names, or not as it should be.
    """
    if object_hash(encode_context(context)) != snapshot.context_hash:
        raise BadObject("a context is not the one that its snapshot names")
    changes_fit = (
        snapshot.changes == context if is_whole(snapshot.sequence) else set(snapshot.changes) <= set(context)
    )
    if not changes_fit or any(device == snapshot.device for device, _, _ in context):
        raise BadObject("a snapshot's context does not fit")


def make_head(  # noqa: PLR0913 - the record has as many fields
    device: Device,
    keyring: Keyring,
    vault_id: bytes,
    *,
    snapshot: SignedSnapshot,
    context: ContextMap,
    history: History,
    revision: int,
    live_indexes: tuple[bytes, ...],
    names: tuple[str, str],
    retired_hash: bytes = NO_RETIRED,
    prune_marks: tuple[bytes, ...] = (),
) -> bytes:
    """Return the head that stands in `heads/<device>`, in the newest epoch.

    `history` covers all snapshots before this one; `names` are those of device and user.
    """
    payload = HeadBody(
        vault=vault_id,
        certificate=device.certificate,
        revision=revision,
        snapshot=snapshot.record,
        context=sorted_context(context),
        history=history,
        live_indexes=live_indexes,
        device_name=names[0],
        user_name=names[1],
        retired_hash=retired_hash,
        prune_marks=tuple(sorted(prune_marks)),
    ).encode()
    record, _ = sign_record(device.signing, Purpose.HEAD, payload)
    return Place(Purpose.HEAD_SEAL, vault_id, device.id).seal(record, keyring)


def open_head(
    content: bytes, device_hex: str, *, vault_id: bytes, membership: Membership, keyring: Keyring
) -> Head:
    """Return the head that stands in `heads/<device_hex>` (format §8.4).

    Raises:
        BadObject: It fails a check.
        MissingObject: The card of the member who wrote it is not known.
        NewerFormat: It is of a newer format.
    """
    device = bytes.fromhex(device_hex)
    record, signed = Place(Purpose.HEAD_SEAL, vault_id, device).unseal(content, membership, keyring)
    body, certificate = _open_body(signed, device, record, membership)
    if body.retired_hash != NO_RETIRED:
        raise NewerFormat("a head speaks of removed devices")
    if body.vault != vault_id:
        raise BadObject("a head is of another vault")
    snapshot, snapshot_hash = open_snapshot(
        body.snapshot, signer=certificate.signing, vault_id=vault_id, device=device
    )
    if (snapshot.members, snapshot.epoch) != (record.name, record.epoch):
        raise BadObject("a head and its snapshot name different membership records")
    check_context(snapshot, body.context)
    _check_history(snapshot, body.history)
    return Head(
        content=content,
        device=device,
        certificate=certificate,
        owner=certificate.fingerprint,
        revision=body.revision,
        sequence=snapshot.sequence,
        hash=snapshot_hash,
        snapshot=snapshot,
        snapshot_record=body.snapshot,
        context=MappingProxyType({name: (sequence, hash_) for name, sequence, hash_ in body.context}),
        history=body.history,
        live_indexes=body.live_indexes,
        device_name=body.device_name,
        user_name=body.user_name,
        retired_hash=body.retired_hash,
        prune_marks=body.prune_marks,
    )


def signed_body(head: Head, membership: Membership, keyring: Keyring) -> bytes:
    """Return the signed record inside of an accepted head."""
    place = Place(Purpose.HEAD_SEAL, head.snapshot.vault, head.device)
    return place.unseal(head.content, membership, keyring)[1]


def _open_body(
    signed: bytes, device: bytes, record: AcceptedRecord, membership: Membership
) -> tuple[HeadBody, Certificate]:
    """Return what a head says, once the device that its certificate names has signed it.

    The certificate stands inside what it vouches for. So the payload is decoded first and believed
    only after both signatures were verified.
    """
    claimed = HeadBody.decode(SignedRecord.decode(signed).payload)
    signed_certificate = SignedCertificate.decode(claimed.certificate)
    certificate = check_writer(signed_certificate, device, record=record, membership=membership)
    open_record(signed, Purpose.HEAD, signer=certificate.signing)
    return claimed, certificate


def _check_history(snapshot: Snapshot, history: History) -> None:
    decode_history([list(level) for level in history], sequence=snapshot.sequence)
    if snapshot.previous is not None and history[0][-1] != snapshot.previous:
        raise BadObject("a head's history does not end in the snapshot before")


def sorted_context(context: ContextMap) -> Context:
    """Return a context as it is encoded."""
    return tuple((device, *context[device]) for device in sorted(context))
