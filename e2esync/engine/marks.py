"""Prune marks: nothing is borrowed from a pack that is about to go, or gone (format §9).

Our own mark counts as those of others do. Our next head names the marks that we have seen; their
devices delete nothing before every head does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from e2esync.crypto.asymmetric import object_hash
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import BadObject
from e2esync.format import names
from e2esync.format.cbor import decode_exact, encode
from e2esync.format.prune import PruneMark
from e2esync.merge.retention import DAY
from e2esync.model.store import ObjectInfo, ObjectNotFound
from e2esync.vault.prunemark import open_prune_mark

_SEEN = "marks seen"
_NAMED = "marks named"
_MOST_NAMED = 256

HEEDED = 60 * DAY  # seconds: what was to go by a mark, and did not in this time, stays


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks that stand."""

    hashes: tuple[bytes, ...]  # SHA-256 of each object
    packs: frozenset[bytes]  # ids of all packs that they name and that are not to be borrowed from
    gone: frozenset[bytes] = frozenset()  # those of them that are deleted, or may be at any moment


def read_marks(vault: SyncedFolder, listed: Mapping[bytes, ObjectInfo]) -> Marks:
    """Return the marks in a listing; those that did not change since are not read again.

    Raises:
        BadObject: A mark fails verification.
        NewerFormat: A mark is of a newer format.
    """
    if not listed:
        return Marks((), frozenset())
    known = _load(vault)
    read = ((device, _content(vault, device, info, known)) for device, info in sorted(listed.items()))
    contents = {device: content for device, content in read if content is not None}
    packs: set[bytes] = set()
    gone: set[bytes] = set()
    for device, content in contents.items():
        mark = open_mark(vault, device, content)
        gone.update(mark.gone)
        if vault.clock.now() - mark.since <= HEEDED:
            packs.update(mark.packs)
    vault.state.set(_SEEN, encode([[device, listed[device].etag, contents[device]] for device in contents]))
    hashes = tuple(sorted(map(object_hash, contents.values())))
    return Marks(hashes, frozenset(packs | gone), frozenset(gone))


def open_mark(vault: SyncedFolder, device: bytes, content: bytes) -> PruneMark:
    """Return what the mark of a device says."""
    return open_prune_mark(
        content, device.hex(), vault_id=vault.vault_id, membership=vault.membership, keyring=vault.keyring
    )


def _load(vault: SyncedFolder) -> dict[tuple[bytes, str], bytes]:
    kept = vault.state.get(_SEEN)
    return (
        {(device, etag): content for device, etag, content in decode_exact(kept)} if kept is not None else {}
    )


def _content(
    vault: SyncedFolder, device: bytes, info: ObjectInfo, known: Mapping[tuple[bytes, str], bytes]
) -> bytes | None:
    content = known.get((device, info.etag))
    if content is not None:
        return content
    most = names.Kind.PRUNE_MARK.most_bytes
    try:
        content = vault.store.get(names.prune_mark(vault.vault_id, device), length=most + 1)
    except ObjectNotFound:
        return None  # taken back since; where it is only hidden, no head of ours names it
    if len(content) > most:
        raise BadObject("a prune mark is larger than one can be")
    return content


# which of them our heads have named


def is_news(vault: SyncedFolder, marks: Marks) -> bool:
    """Return whether there is a mark that no head of ours has named."""
    return not set(marks.hashes) <= set(_named(vault))


def note_named(vault: SyncedFolder, hashes: tuple[bytes, ...]) -> None:
    """Note which marks the next head names; for use in the transaction that commits it."""
    old = [named for named in _named(vault) if named not in hashes]
    if hashes:
        vault.state.set(_NAMED, encode([*old, *hashes][-_MOST_NAMED:]))


def _named(vault: SyncedFolder) -> list[bytes]:
    kept = vault.state.get(_NAMED)
    return decode_exact(kept) if kept is not None else []
