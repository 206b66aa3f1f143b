"""From heads in the store to a joined tree in the state: accept, read whole, check, then join (format §8).

Nothing of the user's folder is touched here. What was accepted is durable before anything is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from e2esync.adapters.state import FolderState
from e2esync.crypto.asymmetric import object_hash
from e2esync.crypto.secrets import EpochKey
from e2esync.engine import ownhead
from e2esync.engine.away import note_first_contact
from e2esync.engine.broken import Aside, BrokenWord, TwoHistories, as_signed, setting_aside
from e2esync.engine.chains import Chains
from e2esync.engine.claims import check_seen
from e2esync.engine.faults import find_faults, find_told, keep_proof, load_faults, save_faults, without
from e2esync.engine.joined import (
    cached_head,
    former_device,
    head_aside,
    load_context,
    load_seen,
    save_context,
    save_seen,
)
from e2esync.engine.merge import join
from e2esync.engine.own import Listed, list_heads, refuse_restored
from e2esync.engine.vault import OpenVault, SyncedFolder
from e2esync.errors import BadObject, Fork, IntegrityError, MissingObject, StoreWiped
from e2esync.format import names
from e2esync.format.index import Group
from e2esync.model.store import ObjectNotFound
from e2esync.vault.faults import Proof
from e2esync.vault.heads import Head, open_head
from e2esync.vault.indexes import open_index
from e2esync.vault.trust import NOTHING, Trusted, accept, check_together, needed

TRUSTED = "trusted"
WHY = "it was signed there and is not as it should be; what other devices published was taken in all the same"
FIX = "see what runs on the device {}; what it publishes next counts again"
_ONCE_MORE = " once more"  # behind an ETag, which has no space


def fetch(vault: SyncedFolder, listed: Listed) -> None:
    """Join the newest state of the vault, as far as it is not joined yet.

    Raises:
        BrokenWord: Something of one head is not as the format has it; the other heads are joined.
        IntegrityError: Something else fails verification; nothing was joined.
    """
    refuse(fetch_good(vault, listed), None)


def refuse(aside: IntegrityError | None, summary: object) -> None:
    """End a command with what is the matter with heads or contents that were left out, if there are any.

    Raises:
        IntegrityError: There are; it has the summary of what was done all the same.
    """
    if aside is not None:
        aside.done = summary
        raise aside


def fetch_good(vault: SyncedFolder, listed: Listed) -> BrokenWord | None:
    """Join every head that is good, with all that it leads to; return what is the matter with the others.

    Raises:
        IntegrityError: Something else fails verification; nothing was joined.
    """
    note_first_contact(vault)
    heads = read_heads(vault, listed)
    try:
        return _accept_and_join(vault, heads, listed)
    except MissingObject:  # maybe folded away meanwhile, and the newest index names another place
        listed = list_heads(vault)
        return _accept_and_join(vault, read_heads(vault, listed), listed)


def _accept_and_join(vault: SyncedFolder, heads: list[Head], listed: Listed) -> BrokenWord | None:
    with vault.state.transaction():
        accepted = accept_heads(vault, heads)
        aside = accepted.aside
        save_faults(vault.state, accepted.faults)
        if former_device(vault.state) in accepted.faults:
            _begin_anew(vault)
        chosen = choose(vault, accepted)
        if chosen or vault.state.count_due():  # the catalogue may know less than when that was joined
            aside |= load_indexes(vault, heads)
            aside |= _told_by_others(vault, accepted)
            load_indexes(vault, heads)  # what the proofs name, too
        aside |= _join_good(
            vault, sorted((head for head in chosen if head.device not in aside), key=_most_seen)
        )
        good = [head for head in heads if head.device not in aside]
        vault.state.set(
            TRUSTED,
            _without({*aside, *accepted.faults}, accepted.trusted, load_trusted(vault.state)).encode(),
        )
        save_faults(vault.state, accepted.faults)
        if heads:  # what all have seen go may be born again under its name
            vault.state.forget_dead(min(head.context.get(vault.device.id, (0, b""))[0] for head in heads))
        _keep_heads(vault, good, listed)
        for device, (_, digest) in load_context(vault.state).items():
            if device in aside and digest in accepted.proofs:
                keep_proof(vault.state, digest, accepted.proofs[digest])
        for head in heads:
            if head.device in accepted.faults:
                vault.state.set(head_aside(head.device), head.content)
    return _told([head for head in heads if head.device in aside], aside)


def _begin_anew(vault: SyncedFolder) -> None:
    """Take the folder for one of which nothing is known: a copy of this disk has written under one sequence with us.

    What either of the two has written, and the other has not, would count as deleted where both are joined.
    """
    vault.state.forget_tree_and_disk()
    save_context(vault.state, {})


def _told_by_others(vault: SyncedFolder, accepted: Accepted) -> Aside:
    """Return the devices of which others have stored the proof that they are at fault."""
    found: Aside = {}
    for head in own_heads(vault, accepted.heads):
        proof = find_told(vault, head, accepted.chains)
        if proof is not None and head.device == vault.device.id:
            refuse_restored()
        if proof is not None:
            accepted.faults[head.device] = proof.with_indexes(head.live_indexes)
            found[head.device] = TwoHistories()
    save_faults(vault.state, accepted.faults)
    return found


def _join_good(vault: SyncedFolder, chosen: list[Head]) -> Aside:
    """Join the heads whose trees are good; return what is the matter with the others."""
    aside: Aside = {}
    for head in chosen:
        with setting_aside(aside, head.device):
            join(vault, head)
    return aside


def _without(aside: Collection[bytes], trusted: Trusted, before: Trusted) -> Trusted:
    """Return what is trusted where the heads of some devices are set aside: of these what was trusted before."""
    heads = {device: head for device, head in trusted.heads.items() if device not in aside}
    heads |= {device: before.heads[device] for device in aside if device in before.heads}
    return Trusted(MappingProxyType(heads), trusted.tip)


def refuse_aside(heads: list[Head], accepted: Accepted) -> None:
    """End a command that is about all heads, if one is set aside.

    Raises:
        BrokenWord: One is.
    """
    refuse(_told([head for head in heads if head.device in accepted.aside], accepted.aside), None)


def _told(heads: list[Head], aside: Aside) -> BrokenWord | None:
    """Return the error that names the devices whose heads are set aside."""
    if not heads:
        return None
    names = ", ".join(repr(head.device_name) for head in heads)
    first = next((one for one in aside.values() if isinstance(one, TwoHistories)), aside[heads[0].device])
    return type(first)(
        f"what the device {names} has published last is set aside: {first.what}",
        why=WHY,
        fix=first.fix or FIX.format(names),
    )


def _most_seen(head: Head) -> int:
    """Return by what heads are ordered: one that covers all that is joined here costs least, so it comes first."""
    return -sum(sequence for sequence, _ in head.context.values()) - head.sequence


def _keep_heads(vault: SyncedFolder, heads: list[Head], listed: Listed) -> None:
    """Keep heads that were joined, and the ETags under which they count as read.

    Nothing else is kept: a head that the store had put back would stay refused. Where the listing shows
    a new ETag and the head reads as before, it was maybe read too early: it is read once more next time.
    """
    before = load_seen(vault.state)
    seen = {device: etag for device, etag in before.items() if device in listed.heads}
    for head in heads:
        seen[head.device] = listed.heads[head.device].etag
        doubtful = f"{seen[head.device]}{_ONCE_MORE}"
        is_moved = before.get(head.device) not in {seen[head.device], doubtful}
        if is_moved and vault.state.get(cached_head(head.device)) == head.content:
            seen[head.device] = doubtful
        vault.state.set(cached_head(head.device), head.content)
    save_seen(vault.state, seen)


def read_heads(vault: SyncedFolder, listed: Listed) -> list[Head]:
    """Return every head of another device; those that did not move since are not read again."""
    seen = load_seen(vault.state)
    heads = []
    for device, info in sorted(listed.heads.items()):
        if device == vault.device.id:
            continue
        content = vault.state.get(cached_head(device)) if seen.get(device) == info.etag else None
        heads.append(read_head(vault, device, content))
    return heads


def read_head(vault: SyncedFolder, device: bytes, content: bytes | None = None) -> Head:
    """Return the head of a device, from the store if it is not at hand."""
    if content is None:
        try:
            content = vault.store.get(names.head(vault.vault_id, device), length=names.Kind.HEAD.most_bytes)
        except ObjectNotFound:
            raise MissingObject("the store lists a device's head and does not have it") from None
    return open_head(
        content, device.hex(), vault_id=vault.vault_id, membership=vault.membership, keyring=vault.keyring
    )


class Accepted(NamedTuple):
    """Heads of other devices, and what is known once they are accepted."""

    heads: list[Head]  # but those of devices at fault
    trusted: Trusted
    faults: dict[bytes, Proof]  # the devices at fault
    aside: Aside
    chains: Chains
    proofs: dict[bytes, Proof]  # of snapshots that were looked up, by their hashes


def accept_heads(vault: SyncedFolder, heads: list[Head]) -> Accepted:
    """Return what is trusted once these heads are, but those that are set aside; refuse whatever goes back.

    Raises:
        Rollback: The store holds back what this or another device has seen.
        Fork: A device has seen another history than the store shows, and nobody is proven to be at fault.
        StateBehind: This device itself has signed two histories: its state was copied.
    """
    trusted = load_trusted(vault.state)
    chains = Chains(vault, partial(load_indexes, vault, heads))
    faults = find_faults(vault, own_heads(vault, heads), trusted, chains)
    if vault.device.id in faults:
        refuse_restored()
    good = without(heads, faults)
    if trusted.heads.keys() - faults and not good:
        raise StoreWiped(
            "the store has lost every other device's data",
            why="it was emptied or replaced; nothing on this disk was touched",
            fix="look at the store; pull again once it is as it was",
        )
    before = Trusted(
        MappingProxyType({device: head for device, head in trusted.heads.items() if device not in faults}),
        trusted.tip,
    )
    sound = [head for head in good if head.device not in chains.aside]
    after = accept(
        before,
        sound,
        present=[head.device for head in good],
        membership=vault.membership,
        old_hashes={
            lookup.head.device: chains.hash_at(lookup.head, lookup.sequence)
            for lookup in needed(before, sound)
        },
    )
    everybody = without(own_heads(vault, heads), faults)
    check_together(everybody)
    check_contexts(everybody, chains)
    proofs = check_seen(vault, everybody, chains)
    aside: Aside = {
        **chains.aside,
        **{head.device: TwoHistories() for head in heads if head.device in faults},
    }
    return Accepted(
        [head for head in heads if head.device not in faults], after, faults, aside, chains, proofs
    )


def load_trusted(state: FolderState) -> Trusted:
    """Return what was accepted of the vault."""
    data = state.get(TRUSTED)
    return Trusted.decode(data) if data is not None else NOTHING


def check_contexts(heads: list[Head], chains: Chains) -> None:
    """See that what each head claims to have seen was written: a claim in advance would swallow later work.

    `heads` are all, our own too. Where a history is broken it is only seen that its device has come so far.

    Raises:
        Fork: A head has seen another history than the store shows.
    """
    by_device = {head.device: head for head in heads}
    for head in heads:
        for device, (sequence, digest) in head.context.items():
            other = by_device.get(device)
            if other is None or other.sequence < sequence:
                continue  # `check_together` has said so
            with setting_aside(chains.aside, device):
                if chains.hash_at(other, sequence) != digest:
                    raise Fork(
                        f"the device {head.device_name!r} has seen another history of {other.device_name!r} than the store shows",
                        why="the store has shown different states to different devices, or one of the two lies",
                    )


def own_heads(vault: SyncedFolder, heads: list[Head]) -> list[Head]:
    """Return these heads, and our own as we put it."""
    content = vault.state.get(ownhead.HEAD)
    return heads if content is None else [*heads, read_head(vault, vault.device.id, content)]


def choose(vault: SyncedFolder, accepted: Accepted) -> list[Head]:
    """Return the heads whose states have to be joined: those that ours does not cover.

    One that another of them covers is joined all the same: what it has seen is a claim of that other.
    """
    context = load_context(vault.state)
    return [head for head in accepted.heads if context.get(head.device, (0, b""))[0] < head.sequence]


def refresh(vault: SyncedFolder) -> None:
    """Read the heads anew and take in their newest indexes: what is not where it was may have been folded."""
    heads = read_heads(vault, list_heads(vault))
    accept_heads(vault, heads)
    load_indexes(vault, heads)


def load_indexes(vault: SyncedFolder, heads: list[Head]) -> Aside:
    """Take in the rows of every live index that is not here yet; of our own, if the catalogue was lost.

    Return what is the matter with heads that list a broken one; what their other indexes say counts all the same. Nobody vouches
    for those that proofs name, or that devices at fault do: what of them is not there, or not good, is passed over.
    """
    aside: Aside = {}
    faults = load_faults(vault.state)
    unsure = {index_id for proof in faults.values() for index_id in proof.indexes}
    for head in own_heads(vault, heads):
        if head.device in faults:
            unsure.update(head.live_indexes)
            continue
        for index_id in head.live_indexes:
            with setting_aside(aside, head.device):
                _load_index(vault, index_id)
    for index_id in unsure:
        with suppress(MissingObject, BadObject):
            _load_index(vault, index_id)
    return aside


def _load_index(vault: SyncedFolder, index_id: bytes) -> None:
    if not vault.catalogue.is_loaded(index_id):
        vault.catalogue.load(index_id, read_index(vault, index_id), now=vault.clock.now())


def read_index(vault: OpenVault, index_id: bytes) -> Iterator[Group]:
    """Yield the groups of an index in the store."""
    try:
        content = vault.store.get(names.index(vault.vault_id, index_id), length=names.Kind.INDEX.most_bytes)
    except ObjectNotFound:
        raise MissingObject("an index that a head lists is not in the store") from None
    return open_index_here(vault, index_id, content)


def open_index_here(vault: OpenVault, index_id: bytes, content: bytes) -> Iterator[Group]:
    """Yield the groups of an index whose bytes are at hand.

    Raises:
        BadObject: These are not the bytes that are listed.
        BrokenWord: They are, and not as the format has them.
    """
    if object_hash(content) != index_id:
        raise BadObject("an index is not the one that is named")
    with as_signed():
        yield from open_index(
            content, index_id, vault_id=vault.vault_id, key_of=lambda record: _key_of(vault, record)
        )


def _key_of(vault: OpenVault, record: bytes) -> EpochKey:
    accepted = vault.membership.records.get(record)
    if accepted is None or accepted.epoch not in vault.keyring.epochs:
        raise BadObject("an index names a membership record that is not known")
    return vault.keyring.epochs[accepted.epoch]
