"""Proofs: what a device has signed, what it had seen, and where what it leads to is indexed; of one at fault, two histories (format §8.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from e2esync.crypto.labels import Purpose
from e2esync.errors import BadObject
from e2esync.format import cbor, shape
from e2esync.format.head import HeadBody
from e2esync.format.history import decode_history, descend, locate
from e2esync.format.points import Context, decode_context
from e2esync.vault.heads import check_context, open_snapshot
from e2esync.vault.records import open_record

MOST_INDEXES = 1024
_PAIR = 2


class Proof(NamedTuple):
    """One signed snapshot; or two, or one and a head, that cannot be of one history; and the indexes of their packs."""

    snapshots: tuple[bytes, ...]  # signed records
    head: tuple[
        bytes, ...
    ]  # signed record, then the history pages that lead to where the snapshot should stand
    indexes: tuple[bytes, ...]  # sorted; nobody vouches for them, as for no row
    context: Context | None = None  # the whole one of the snapshot; of a fault none

    def encode(self) -> bytes:
        """Return the body of the blob."""
        return cbor.encode(self)

    @classmethod
    def decode(cls, body: bytes) -> Proof:
        """Return what a blob holds, unchecked.

        Raises:
            BadObject: It does not have the form.
        """
        snapshots, head, indexes, context = shape.array(cbor.decode_exact(body), 4)
        found = cls(
            shape.each(snapshots, shape.octets),
            shape.each(head, shape.octets),
            shape.each(indexes, shape.digest),
            shape.optional(context, decode_context),
        )
        shape.must(hold=len(found.snapshots) == 1 or (len(found.snapshots) == _PAIR and not found.head))
        is_of_a_fault = len(found.snapshots) == _PAIR or bool(found.head)
        shape.must(hold=is_of_a_fault == (found.context is None))
        shape.must(hold=len(found.indexes) <= MOST_INDEXES)
        shape.ascending(found.indexes)
        return found

    def with_indexes(self, indexes: tuple[bytes, ...]) -> Proof:
        """Return the same with more indexes, as many as there may be."""
        return self._replace(indexes=tuple(sorted({*self.indexes, *indexes}))[:MOST_INDEXES])


def check_snapshot(
    proof: Proof, point: tuple[int, bytes], *, signer: bytes, vault_id: bytes, device: bytes
) -> None:
    """Check that `signer` signed the snapshot with this sequence and hash for this vault and device, and had seen what it says.

    Raises:
        BadObject: It is not what should be there.
        NewerFormat: It is of a newer format.
    """
    snapshot, digest = open_snapshot(proof.snapshots[0], signer=signer, vault_id=vault_id, device=device)
    if (snapshot.sequence, digest) != point:
        raise BadObject("a proof is not of the snapshot that is named")
    if proof.context is None:
        raise BadObject("a proof does not say what a snapshot had seen")
    check_context(snapshot, proof.context)


def check_fault(
    proof: Proof, *, signer: bytes, vault_id: bytes, device: bytes, page_id: Callable[[bytes], bytes]
) -> None:
    """Check that `signer` signed two histories for this vault and device.

    `page_id` gives the id of a history page by its body.

    Raises:
        BadObject: What is there can be of one history, or is not what it should be.
        NewerFormat: Something is of a newer format.
    """
    who = {"signer": signer, "vault_id": vault_id, "device": device}
    points = [_point(record, **who) for record in proof.snapshots]
    if proof.head:
        sequence, _ = points[0]
        points.append((sequence, _named_by(proof.head, sequence, page_id=page_id, **who)))
    sequences, hashes = {sequence for sequence, _ in points}, {digest for _, digest in points}
    if len(sequences) != 1 or len(hashes) != _PAIR:
        raise BadObject("a proof has two snapshots that can be of one history")


def _point(record: bytes, *, signer: bytes, vault_id: bytes, device: bytes) -> tuple[int, bytes]:
    snapshot, digest = open_snapshot(record, signer=signer, vault_id=vault_id, device=device)
    return snapshot.sequence, digest


def _named_by(
    head: tuple[bytes, ...],
    sequence: int,
    *,
    signer: bytes,
    vault_id: bytes,
    device: bytes,
    page_id: Callable[[bytes], bytes],
) -> bytes:
    """Return the hash that a signed head has for a snapshot before its own."""
    record, *pages = head
    body = HeadBody.decode(open_record(record, Purpose.HEAD, signer=signer).payload)
    newest, _ = _point(body.snapshot, signer=signer, vault_id=vault_id, device=device)
    history = decode_history([list(level) for level in body.history], sequence=newest)
    if body.vault != vault_id or sequence >= newest:
        raise BadObject("a proof has a head that does not speak of the snapshot")
    spot = locate(history, sequence)
    for page in pages:
        if not spot.level or page_id(page) != spot.item:
            raise BadObject("a proof has a page of another history")
        spot = descend(spot, page)
    if spot.level:
        raise BadObject("a proof lacks a page of the history")
    return spot.item
