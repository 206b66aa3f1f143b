"""See that heads have seen all that the snapshots had seen which they name (format §8.5).

What a snapshot had seen says the head of its device, while it is the newest; later a proof does, which everybody stores who
names it. So who names a snapshot of which nobody has stored one has not kept to the format, and honest heads never do.
"""

from __future__ import annotations

from collections.abc import Mapping

from e2esync.engine.broken import BrokenWord, as_signed, setting_aside
from e2esync.engine.chains import Chains
from e2esync.engine.faults import kept_head, kept_proof, proof_of, stored_proof
from e2esync.engine.joined import cached_head
from e2esync.engine.vault import SyncedFolder
from e2esync.merge.claims import Seen, check_claims
from e2esync.vault.faults import Proof
from e2esync.vault.heads import Head


def check_seen(vault: SyncedFolder, heads: list[Head], chains: Chains) -> dict[bytes, Proof]:
    """Look at what each head names anew; those that have not seen enough are set aside, in `chains`.

    `heads` are all, our own too, as they speak of devices that are not at fault. Return what proves the snapshots that
    were looked up, by their hashes.
    """
    look = _Look(vault, heads, chains)
    for head in heads:
        if head.device not in chains.aside:
            with setting_aside(chains.aside, head.device):
                look.at(head)
    return look.proofs


class _Look:
    def __init__(self, vault: SyncedFolder, heads: list[Head], chains: Chains) -> None:
        self._vault, self._chains = vault, chains
        self._heads = {head.device: head for head in heads}
        self.proofs: dict[bytes, Proof] = {}

    def at(self, head: Head) -> None:
        if head.device == self._vault.device.id or self._is_known(head):
            return
        seen: dict[bytes, Seen] = {
            device: self._of_known(self._seen_by(self._heads[device], *point))
            for device, point in self._news(head).items()
            if not self._is_ours_and_covered(device, head)
        }
        with as_signed():
            check_claims(head.device, head.sequence, head.context, seen)

    def _is_known(self, head: Head) -> bool:
        return self._vault.state.get(cached_head(head.device)) == head.content

    def _news(self, head: Head) -> Seen:
        """Return what a head names that was not looked at when the one before was taken in: all of it, if that had seen more.

        Of devices that show no such snapshot there is nothing to look up: the store holds it back, which is an error anyway.
        """
        kept = kept_head(self._vault, head.device)
        known: Seen = self._of_known(kept.context) if kept is not None else {}
        if not _covers(head.context, known):
            known = {}
        return {
            device: point
            for device, point in head.context.items()
            if device in self._heads
            and point[0] <= self._heads[device].sequence
            and known.get(device) != point
        }

    def _is_ours_and_covered(self, device: bytes, head: Head) -> bool:
        """Return whether a head has seen all that our newest has: then it has all that each one before had."""
        own = dict(self._heads[device].context)
        seen_of_its_own = own.pop(head.device, (0, b""))[0]
        return (
            device == self._vault.device.id and seen_of_its_own < head.sequence and _covers(head.context, own)
        )

    def _of_known(self, seen: Seen) -> Seen:
        """Leave out who is at fault, or not there: nothing that is said of those is held against anybody."""
        return {device: point for device, point in seen.items() if device in self._heads}

    def _seen_by(self, by: Head, sequence: int, digest: bytes) -> Seen:
        """Return what a snapshot of a device had seen.

        Raises:
            BrokenWord: Nobody has stored it.
            IntegrityError: Somebody has, and the store does not show it.
        """
        if by.hash == digest:
            self.proofs[digest] = proof_of(by)
            return by.context
        kept = kept_head(self._vault, by.device)
        if kept is not None and kept.hash == digest:
            return kept.context
        proof = kept_proof(self._vault.state, digest) or self._stored(by, sequence, digest)
        self.proofs[digest] = proof
        return {device: (number, hash_) for device, number, hash_ in proof.context or ()}

    def _stored(self, by: Head, sequence: int, digest: bytes) -> Proof:
        self._chains.load()
        proof_id = self._vault.cipher.proof_id(digest)
        if not any(True for _ in self._vault.catalogue.find(proof_id)):
            raise BrokenWord("it names a snapshot of which it has stored no proof")
        return stored_proof(self._vault, self._chains, by, (sequence, digest))


def _covers(context: Seen, other: Mapping[bytes, tuple[int, bytes]]) -> bool:
    return all(context.get(device, (0, b""))[0] >= number for device, (number, _) in other.items())
