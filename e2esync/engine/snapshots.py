"""The snapshots of a device, from its head back to its first push (format §8.1, §8.2).

What a head's history names is proven by hash alone. A snapshot itself may be there no more, where
pruning took it (format §9); its hash and its place in the row stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from e2esync.engine.blobs import BlobReader
from e2esync.engine.vault import OpenVault
from e2esync.errors import BadObject, MissingObject
from e2esync.format.history import newest_first
from e2esync.format.snapshot import Snapshot
from e2esync.vault.heads import Head, open_snapshot


class Past(NamedTuple):
    """One snapshot of a device."""

    sequence: int
    hash: bytes
    snapshot: Snapshot | None  # None: it is in no pack any more


def snapshots(vault: OpenVault, head: Head, reader: BlobReader) -> Iterator[Past]:
    """Yield every snapshot of a device, from that of its accepted head to its first.

    The indexes of all accepted heads have to be loaded.

    Raises:
        MissingObject: A page of the history is not there; pruning leaves them all.
        BadObject: What is stored is not what the head names.
    """
    yield Past(head.sequence, head.hash, head.snapshot)
    sequence = head.sequence
    for digest in newest_first(head.history, reader.history_page):
        sequence -= 1
        yield Past(sequence, digest, _read(vault, head, reader, sequence, digest))


def _read(vault: OpenVault, head: Head, reader: BlobReader, sequence: int, digest: bytes) -> Snapshot | None:
    snapshot = read_snapshot(vault, head, reader, digest)
    if snapshot is not None and snapshot.sequence != sequence:
        raise BadObject("a snapshot in a pack is not the one that its device's history names")
    return snapshot


def read_snapshot(vault: OpenVault, head: Head, reader: BlobReader, digest: bytes) -> Snapshot | None:
    """Return a snapshot of a head's device by its hash; None if it is in no pack any more.

    Raises:
        BadObject: What is stored is not what was signed.
    """
    try:
        record = reader.snapshot(vault.cipher.snapshot_id(digest))
    except MissingObject:
        return None
    snapshot, found = open_snapshot(
        record, signer=head.certificate.signing, vault_id=vault.vault_id, device=head.device
    )
    if found != digest:
        raise BadObject("a snapshot in a pack is not the one that its device's history names")
    return snapshot
