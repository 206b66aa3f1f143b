"""Prune marks of other devices: nothing is borrowed from a pack that is about to go (format §9).

Our next head names the marks that we have seen; their devices delete nothing before every head does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from e2esync.crypto.asymmetric import object_hash
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import BadObject
from e2esync.format import names
from e2esync.format.cbor import decode_exact, encode
from e2esync.model.store import ObjectInfo, ObjectNotFound
from e2esync.vault.prunemark import open_prune_mark

_SEEN = "marks seen"


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks that stand."""

    hashes: tuple[bytes, ...]  # SHA-256 of each object
    packs: frozenset[bytes]  # ids of all packs that they name


def read_marks(vault: SyncedFolder, listed: Mapping[bytes, ObjectInfo]) -> Marks:
    """Return the marks in a listing; those that did not change since are not read again.

    Raises:
        BadObject: A mark fails verification.
        NewerFormat: A mark is of a newer format.
    """
    if not listed:
        return Marks((), frozenset())
    known = _load(vault)
    contents = {
        device: _content(vault, device, info, known)
        for device, info in sorted(listed.items())
        if device != vault.device.id
    }
    packs: set[bytes] = set()
    for device, content in contents.items():
        mark = open_prune_mark(
            content, device.hex(), vault_id=vault.vault_id, membership=vault.membership, keyring=vault.keyring
        )
        packs.update(mark.packs)
    vault.state.set(_SEEN, encode([[device, listed[device].etag, contents[device]] for device in contents]))
    return Marks(tuple(sorted(map(object_hash, contents.values()))), frozenset(packs))


def _load(vault: SyncedFolder) -> dict[tuple[bytes, str], bytes]:
    kept = vault.state.get(_SEEN)
    return (
        {(device, etag): content for device, etag, content in decode_exact(kept)} if kept is not None else {}
    )


def _content(
    vault: SyncedFolder, device: bytes, info: ObjectInfo, known: Mapping[tuple[bytes, str], bytes]
) -> bytes:
    content = known.get((device, info.etag))
    if content is not None:
        return content
    most = names.Kind.PRUNE_MARK.most_bytes
    try:
        content = vault.store.get(names.prune_mark(vault.vault_id, device), length=most + 1)
    except ObjectNotFound:
        content = b""
    if len(content) > most:
        raise BadObject("a prune mark is larger than one can be")
    return content
