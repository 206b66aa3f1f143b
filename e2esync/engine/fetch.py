"""From heads in the store to a joined tree in the state: accept, read whole, check, then join (format §8).

Nothing of the user's folder is touched here. What was accepted is durable before anything is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType

from e2esync.crypto.secrets import EpochKey
from e2esync.engine import ownhead
from e2esync.engine.away import note_first_contact
from e2esync.engine.blobs import BlobReader
from e2esync.engine.joined import load_context, load_seen, save_seen
from e2esync.engine.merge import BrokenTree, join
from e2esync.engine.own import Listed, list_heads
from e2esync.engine.vault import OpenVault, Summary, SyncedFolder
from e2esync.errors import BadObject, Fork, MissingObject, StoreWiped
from e2esync.format import names
from e2esync.format.history import descend, locate
from e2esync.format.index import Group
from e2esync.model.store import ObjectNotFound
from e2esync.vault.heads import Head, open_head
from e2esync.vault.indexes import open_index
from e2esync.vault.trust import NOTHING, Trusted, accept, check_together, needed

TRUSTED = "trusted"
_ONCE_MORE = " once more"  # behind an ETag, which has no space


def fetch(vault: SyncedFolder, listed: Listed) -> None:
    """Join the newest state of the vault, as far as it is not joined yet.

    Raises:
        BrokenTree: A tree is not as the format has it; the other heads are joined.
        IntegrityError: Something else fails verification; nothing was joined.
    """
    refuse(fetch_good(vault, listed), None)


def refuse(aside: BrokenTree | None, summary: Summary | None) -> None:
    """End a command with what is the matter with heads that were set aside, if there are any.

    Raises:
        BrokenTree: There are; it has the summary of what was done all the same.
    """
    if aside is not None:
        aside.done = summary
        raise aside


def fetch_good(vault: SyncedFolder, listed: Listed) -> BrokenTree | None:
    """Join every head whose tree is good; return what is the matter with the others.

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


def _accept_and_join(vault: SyncedFolder, heads: list[Head], listed: Listed) -> BrokenTree | None:
    with vault.state.transaction():
        trusted = accept_heads(vault, heads)
        check_contexts(vault, heads)
        chosen = choose(vault, heads)
        if chosen or vault.state.count_due():  # the catalogue may know less than when that was joined
            load_indexes(vault, heads)
        aside = _join_good(vault, sorted(chosen, key=_most_seen))
        good = [head for head in heads if head.device not in aside]
        vault.state.set(TRUSTED, _without(aside, trusted, _trusted(vault)).encode())
        if heads:  # what all have seen go may be born again under its name
            vault.state.forget_dead(min(head.context.get(vault.device.id, (0, b""))[0] for head in heads))
        _keep_heads(vault, good, listed)
    return _told([head for head in heads if head.device in aside], aside)


def _join_good(vault: SyncedFolder, chosen: list[Head]) -> dict[bytes, BrokenTree]:
    """Join the heads whose trees are good; return what is the matter with the others, by device."""
    aside: dict[bytes, BrokenTree] = {}
    for head in chosen:
        try:
            join(vault, head)
        except BrokenTree as error:
            aside[head.device] = error
    return aside


def _without(aside: Collection[bytes], trusted: Trusted, before: Trusted) -> Trusted:
    """Return what is trusted where the heads of some devices are set aside: of these what was trusted before."""
    heads = {device: head for device, head in trusted.heads.items() if device not in aside}
    heads |= {device: before.heads[device] for device in aside if device in before.heads}
    return Trusted(MappingProxyType(heads), trusted.tip)


def _told(heads: list[Head], aside: Mapping[bytes, BrokenTree]) -> BrokenTree | None:
    """Return the error that names the devices whose heads are set aside."""
    if not heads:
        return None
    names = ", ".join(repr(head.device_name) for head in heads)
    return BrokenTree(
        f"what the device {names} has published last is set aside: {aside[heads[0].device].what}",
        why="it was signed there and is not as it should be; what other devices published was taken in all the same",
        fix=f"see what runs on the device {names}; what it publishes next counts again",
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
        if is_moved and vault.state.get(_cached(head.device)) == head.content:
            seen[head.device] = doubtful
        vault.state.set(_cached(head.device), head.content)
    save_seen(vault.state, seen)


def read_heads(vault: SyncedFolder, listed: Listed) -> list[Head]:
    """Return every head of another device; those that did not move since are not read again."""
    seen = load_seen(vault.state)
    heads = []
    for device, info in sorted(listed.heads.items()):
        if device == vault.device.id:
            continue
        content = vault.state.get(_cached(device)) if seen.get(device) == info.etag else None
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


def accept_heads(vault: SyncedFolder, heads: list[Head]) -> Trusted:
    """Return what is trusted once these heads are; refuse whatever goes back."""
    trusted = _trusted(vault)
    if trusted.heads and not heads:
        raise StoreWiped(
            "the store has lost every other device's data",
            why="it was emptied or replaced; nothing on this disk was touched",
            fix="look at the store; pull again once it is as it was",
        )
    old = {
        lookup.head.device: old_hash(vault, lookup.head, lookup.sequence, heads)
        for lookup in needed(trusted, heads)
    }
    return accept(
        trusted,
        heads,
        present=[head.device for head in heads],
        membership=vault.membership,
        old_hashes=old,
    )


def _trusted(vault: SyncedFolder) -> Trusted:
    data = vault.state.get(TRUSTED)
    return Trusted.decode(data) if data is not None else NOTHING


def check_contexts(vault: SyncedFolder, heads: list[Head]) -> None:
    """See that what each head claims to have seen was written: a claim in advance would swallow later work.

    Raises:
        Rollback: The store holds back what another device has seen.
        Fork: A head has seen another history than the store shows.
    """
    by_device = {head.device: head for head in own_heads(vault, heads)}
    for head in by_device.values():
        for device, (sequence, digest) in head.context.items():
            other = by_device.get(device)
            if other is None or other.sequence < sequence:
                continue  # `check_together` says so
            seen = other.hash if other.sequence == sequence else old_hash(vault, other, sequence, heads)
            if seen != digest:
                raise Fork(
                    f"the device {head.device_name!r} has seen another history of {other.device_name!r} than the store shows",
                    why="the store has shown different states to different devices",
                )


def own_heads(vault: SyncedFolder, heads: list[Head]) -> list[Head]:
    """Return these heads, and our own as we put it."""
    content = vault.state.get(ownhead.HEAD)
    return heads if content is None else [*heads, read_head(vault, vault.device.id, content)]


def old_hash(vault: SyncedFolder, head: Head, sequence: int, heads: list[Head]) -> bytes:
    """Return the hash that a head's history has for an earlier snapshot of its device."""
    spot = locate(head.history, sequence)
    if spot.level:
        load_indexes(vault, heads)
    reader = BlobReader(vault)
    while spot.level:
        spot = descend(spot, reader.history_page(spot.item))
    return spot.item


def choose(vault: SyncedFolder, heads: list[Head]) -> list[Head]:
    """Return the heads whose states have to be joined: those that ours does not cover.

    One that another of them covers is joined all the same: what it has seen is a claim of that other.
    """
    check_together(own_heads(vault, heads))
    context = load_context(vault.state)
    return [head for head in heads if context.get(head.device, (0, b""))[0] < head.sequence]


def refresh(vault: SyncedFolder) -> None:
    """Read the heads anew and take in their newest indexes: what is not where it was may have been folded."""
    heads = read_heads(vault, list_heads(vault))
    accept_heads(vault, heads)
    load_indexes(vault, heads)


def load_indexes(vault: SyncedFolder, heads: list[Head]) -> None:
    """Take in the rows of every live index that is not here yet; of our own, if the catalogue was lost."""
    for index_id in {index_id for head in own_heads(vault, heads) for index_id in head.live_indexes}:
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
    """Yield the groups of an index whose bytes are at hand."""
    return open_index(
        content, index_id, vault_id=vault.vault_id, key_of=lambda record: _key_of(vault, record)
    )


def _key_of(vault: OpenVault, record: bytes) -> EpochKey:
    accepted = vault.membership.records.get(record)
    if accepted is None or accepted.epoch not in vault.keyring.epochs:
        raise BadObject("an index names a membership record that is not known")
    return vault.keyring.epochs[accepted.epoch]


def _cached(device: bytes) -> str:
    return f"head {device.hex()}"
