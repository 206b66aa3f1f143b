"""Devices that have signed two histories: found out, proven, noted for good, and told the others (format §8.4).

A store can show different beginnings of one history. Two snapshots of one sequence it cannot make: only the device
can. Who has joined one of the two is not at fault, and has stored the one that it names, with the names of the indexes
of what that leads to: the head that the store shows may not lead there any more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from e2esync.adapters.state import FolderState
from e2esync.engine.broken import setting_aside
from e2esync.engine.chains import Chains
from e2esync.engine.joined import cached_head, head_aside
from e2esync.engine.upload import Uploader
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import BadObject, IntegrityError, MissingObject, NewerFormat
from e2esync.format.cbor import decode_exact, encode
from e2esync.format.head import HeadBody
from e2esync.format.signed import SignedRecord
from e2esync.vault.cipher import BlobKind
from e2esync.vault.faults import Proof, check_fault, check_snapshot
from e2esync.vault.heads import ContextMap, Head, open_head, open_snapshot, signed_body, sorted_context
from e2esync.vault.trust import Trusted

_FAULTS = "devices at fault"
_PROOF = "proof {}"  # of a snapshot


def load_faults(state: FolderState) -> dict[bytes, Proof]:
    """Return what is known of devices at fault."""
    data = state.get(_FAULTS)
    return {device: Proof.decode(body) for device, body in decode_exact(data)} if data is not None else {}


def save_faults(state: FolderState, faults: Mapping[bytes, Proof]) -> None:
    """Note it for good: what such a device says later counts no more, on whichever of its branches."""
    noted = sorted([device, proof.encode()] for device, proof in faults.items())
    state.set(_FAULTS, encode(noted) if noted else None)


def without(heads: list[Head], faults: Collection[bytes]) -> list[Head]:
    """Return heads as they speak of devices that are not at fault."""
    return [replace(head, context=_but(head.context, faults)) for head in heads if head.device not in faults]


def _but(context: ContextMap, faults: Collection[bytes]) -> ContextMap:
    return MappingProxyType({device: point for device, point in context.items() if device not in faults})


class _Claim(NamedTuple):
    device: bytes
    sequence: int
    hash: bytes


def find_faults(
    vault: SyncedFolder, heads: list[Head], trusted: Trusted, chains: Chains
) -> dict[bytes, Proof]:
    """Return the devices of which it is known, or proven by these heads, memory and store, that they are at fault.

    `heads` are all that are in the store, our own too. What contradicts itself and is not proven is not for here.
    Where a history is broken nothing is held against it, and its head is set aside.
    """
    return _Search(vault, heads, trusted, chains).run()


class _Search:
    def __init__(self, vault: SyncedFolder, heads: list[Head], trusted: Trusted, chains: Chains) -> None:
        self._vault, self._trusted, self._chains = vault, trusted, chains
        self._heads = {head.device: head for head in heads}
        self._found = load_faults(vault.state)

    def run(self) -> dict[bytes, Proof]:
        """Hold every claim against the head of which it speaks."""
        for claim in self._claims():
            if claim.device in self._heads:
                with setting_aside(self._chains.aside, claim.device):
                    self._hold(claim, self._heads[claim.device])
        return self._found

    def _hold(self, claim: _Claim, head: Head) -> None:
        if claim.device in self._found or not self._is_of(claim, head):
            self._chains.load()
            self._take(claim.device, self._look_into(claim, head))

    def _look_into(self, claim: _Claim, head: Head) -> Proof | None:
        if claim.device in self._found:
            return self._witness(claim, head)  # for what it says of indexes
        return find_told(self._vault, head, self._chains) or self._prove(claim, head)

    def _take(self, device: bytes, proof: Proof | None) -> None:
        if proof is None:
            return
        kept = kept_head(self._vault, device)
        more = (*proof.indexes, *self._heads[device].live_indexes, *(kept.live_indexes if kept else ()))
        self._found[device] = self._found.get(device, proof).with_indexes(more)

    def _claims(self) -> Iterator[_Claim]:
        """Yield what is said of devices: by memory, and by the heads of others."""
        for device, known in self._trusted.heads.items():
            yield _Claim(device, known.sequence, known.hash)
        for head in self._heads.values():
            for device, point in head.context.items():
                yield _Claim(device, *point)

    def _is_of(self, claim: _Claim, head: Head) -> bool:
        return claim.sequence <= head.sequence and self._chains.hash_at(head, claim.sequence) == claim.hash

    def _prove(self, claim: _Claim, head: Head) -> Proof | None:
        if claim.sequence > head.sequence:
            return self._prove_by_memory(head)
        found = self._witness(claim, head)
        return self._against(found.snapshots[0], head, claim.sequence, found.indexes) if found else None

    def _prove_by_memory(self, head: Head) -> Proof | None:
        """Hold an older head against the history of the newer one that was joined here."""
        kept = kept_head(self._vault, head.device)
        if kept is None or kept.sequence < head.sequence:
            return None
        try:
            is_older = self._chains.hash_at(kept, head.sequence) == head.hash
        except IntegrityError:
            return None
        return None if is_older else self._against(head.snapshot_record, kept, head.sequence, ())

    def _against(self, snapshot: bytes, head: Head, sequence: int, indexes: tuple[bytes, ...]) -> Proof:
        """Hold a snapshot against the other one of its sequence; if that cannot be had, against the head that names it."""
        other = self._signed(head, self._chains.hash_at(head, sequence))
        if other:
            return Proof((snapshot, *other), (), indexes)
        vault = self._vault
        _, pages = self._chains.way(head, sequence)
        return Proof((snapshot,), (signed_body(head, vault.membership, vault.keyring), *pages), indexes)

    def _witness(self, claim: _Claim, head: Head) -> Proof | None:
        """Return the snapshot that a claim names, as its device signed it; None if nobody has stored it."""
        for one in (head, kept_head(self._vault, head.device)):
            if one is not None and one.hash == claim.hash:
                return proof_of(one)
        with suppress(BadObject, MissingObject, NewerFormat):
            return stored_proof(self._vault, self._chains, head, (claim.sequence, claim.hash))
        record = self._signed(head, claim.hash)
        return Proof(record, (), ()) if record else None

    def _signed(self, head: Head, digest: bytes) -> tuple[bytes, ...]:
        """Return a snapshot as its device stored it, if it did."""
        for one in (head, kept_head(self._vault, head.device)):
            if one is not None and one.hash == digest:
                return (one.snapshot_record,)

        def check(body: bytes) -> None:
            _, found = open_snapshot(
                body,
                signer=head.certificate.signing,
                vault_id=self._vault.vault_id,
                device=head.device,
            )
            if found != digest:
                raise BadObject("a snapshot in a pack is not the one that is named")

        body = _find(self._chains, BlobKind.SNAPSHOT, self._vault.cipher.snapshot_id(digest), check)
        return (body,) if body is not None else ()


def stored_proof(vault: SyncedFolder, chains: Chains, head: Head, point: tuple[int, bytes]) -> Proof:
    """Return the proof of a snapshot of a head's device that somebody has stored.

    Raises:
        BadObject: What is there in its place is none.
        MissingObject: Nobody has, or it is not there.
    """
    who = {"signer": head.certificate.signing, "vault_id": vault.vault_id, "device": head.device}

    def check(body: bytes) -> None:
        check_snapshot(Proof.decode(body), point, **who)

    return Proof.decode(chains.reader.checked(BlobKind.PROOF, vault.cipher.proof_id(point[1]), check))


def find_told(vault: SyncedFolder, head: Head, chains: Chains) -> Proof | None:
    """Return what others have stored to prove that a head's device is at fault, with all indexes that they name."""
    found: list[Proof] = []

    def take(body: bytes) -> None:
        proof = Proof.decode(body)
        check_fault(
            proof,
            signer=head.certificate.signing,
            vault_id=vault.vault_id,
            device=head.device,
            page_id=partial(vault.cipher.page_id, BlobKind.HISTORY),
        )
        found.append(proof)
        raise MissingObject("there may be more")

    _find(chains, BlobKind.PROOF, vault.cipher.proof_id(head.device), take)
    for proof in found[1:]:
        found[0] = found[0].with_indexes(proof.indexes)
    return found[0] if found else None


def _find(chains: Chains, kind: BlobKind, blob_id: bytes, check: Callable[[bytes], None]) -> bytes | None:
    """Return a blob that passes a check; what does not is as good as nothing, whoever says that it is there."""
    try:
        return chains.reader.checked(kind, blob_id, check)
    except (BadObject, MissingObject, NewerFormat):
        return None


# what others have to be told


def has_untold(vault: SyncedFolder) -> bool:
    """Return whether a fault is proven here that this device has not stored the proof of."""
    return any(True for _ in _untold(vault))


def _untold(vault: SyncedFolder) -> Iterator[tuple[bytes, Proof]]:
    for device, proof in load_faults(vault.state).items():
        proof_id = vault.cipher.proof_id(device)
        if not vault.catalogue.holds(proof_id):
            yield proof_id, proof


def store_proofs(vault: SyncedFolder, uploader: Uploader, context: ContextMap) -> None:
    """Store what proves which devices are at fault, or would: the snapshots of others that a context names, and what they had seen.

    Who has joined them has their bytes, and the store may show others. Nobody takes in a head that names what is not proven.
    """
    for proof_id, fault in _untold(vault):
        uploader.add_blob(BlobKind.PROOF, proof_id, fault.encode())
    for device, (_, digest) in context.items():
        proof_id = vault.cipher.proof_id(digest)
        if not vault.catalogue.holds(proof_id):
            head = kept_head(vault, device)
            is_taken_in = head is not None and head.hash == digest
            proof = proof_of(head) if head and is_taken_in else kept_proof(vault.state, digest)
            if proof is not None:
                uploader.add_blob(BlobKind.PROOF, proof_id, proof.encode())


def proof_of(head: Head) -> Proof:
    """Return what proves the snapshot of a head, and what it had seen."""
    context = sorted_context(head.context)
    return Proof((head.snapshot_record,), (), (), context).with_indexes(head.live_indexes)


def kept_proof(state: FolderState, digest: bytes) -> Proof | None:
    """Return what was kept to prove a snapshot of a device whose own head was not taken in."""
    body = state.get(_PROOF.format(digest.hex()))
    return Proof.decode(body) if body is not None else None


def keep_proof(state: FolderState, digest: bytes, proof: Proof) -> None:
    """Keep what proves a snapshot that others have taken in, and we with them: the head that it came from may be gone soon."""
    state.set(_PROOF.format(digest.hex()), proof.encode())


def kept_head(vault: SyncedFolder, device: bytes) -> Head | None:
    """Return the head of a device as it was joined last."""
    return _opened(vault, device, cached_head(device))


def certificate_of(vault: SyncedFolder, device: bytes) -> bytes:
    """Return the encoded certificate of a device at fault.

    Raises:
        MissingObject: No head of it is known that its member may write still.
    """
    head = kept_head(vault, device) or _opened(vault, device, head_aside(device))
    if head is None:
        raise MissingObject("the certificate of a device at fault is not there")
    signed = SignedRecord.decode(signed_body(head, vault.membership, vault.keyring))
    return HeadBody.decode(signed.payload).certificate


def _opened(vault: SyncedFolder, device: bytes, name: str) -> Head | None:
    content = vault.state.get(name)
    if content is None:
        return None
    try:
        return open_head(
            content, device.hex(), vault_id=vault.vault_id, membership=vault.membership, keyring=vault.keyring
        )
    except IntegrityError:  # of a membership that is none any more
        return None
