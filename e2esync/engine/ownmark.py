"""Our own prune mark: as we put it last, put again, replaced, or taken back (format §9.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from e2esync.crypto.asymmetric import object_hash
from e2esync.engine.marks import open_mark
from e2esync.engine.own import Listed
from e2esync.engine.vault import SyncedFolder
from e2esync.format import names
from e2esync.format.cbor import decode_exact, encode
from e2esync.vault.prunemark import make_prune_mark

MARK = "own mark"


@dataclass(frozen=True, slots=True)
class OwnMark:
    """Our mark as we put it last; without a hash there is none."""

    hash: bytes | None = None
    packs: tuple[bytes, ...] = ()
    gone: tuple[bytes, ...] = ()
    since: int = 0


def own_mark(vault: SyncedFolder, listed: Listed, *, put: bool) -> OwnMark:
    """Return our mark; `put`: put again if the store shows another or none."""
    kept = vault.state.get(MARK)
    info = listed.marks.get(vault.device.id)
    if kept is None:
        return OwnMark()
    content, etag = decode_exact(kept)
    if put and (info is None or info.etag != etag):
        etag = vault.store.put(names.prune_mark(vault.vault_id, vault.device.id), content)
        _keep(vault, content, etag)
    mark = open_mark(vault, vault.device.id, content)
    return OwnMark(object_hash(content), mark.packs, mark.gone, mark.since)


def put_mark(vault: SyncedFolder, packs: Iterable[bytes], gone: Iterable[bytes], since: int) -> None:
    """Put a mark in place of ours, or take ours back if it would say nothing. It is durable here before it is there."""
    packs, gone = tuple(packs), tuple(gone)
    key = names.prune_mark(vault.vault_id, vault.device.id)
    if not packs and not gone:
        vault.store.delete([key])
        _keep(vault, None, "")
        return
    content = make_prune_mark(
        vault.device, vault.keyring, vault.vault_id, packs=packs, since=since, gone=gone
    )
    _keep(vault, content, "")
    _keep(vault, content, vault.store.put(key, content))


def _keep(vault: SyncedFolder, content: bytes | None, etag: str) -> None:
    with vault.state.transaction():
        vault.state.set(MARK, None if content is None else encode([content, etag]))
