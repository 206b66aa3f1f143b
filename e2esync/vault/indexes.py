"""Indexes as they stand in the store: framed, padded, sealed under an epoch (format §5.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from e2esync.crypto.asymmetric import object_hash
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import SEAL_OVERHEAD, EpochKey, Sealer
from e2esync.errors import BadObject
from e2esync.format.head import EpochFramed
from e2esync.format.index import Group, decode_index, encode_index
from e2esync.format.padding import pad, unpad
from e2esync.format.shape import HASH_SIZE

LEAST = 4096  # bytes of an object: the size of a small one does not tell how many chunks a file has
_OVERHEAD = HASH_SIZE + SEAL_OVERHEAD


def seal_index(groups: Iterable[Group], *, vault_id: bytes, record: bytes, key: EpochKey) -> bytes:
    """Return the object for an index written under membership record `record`, in whose epoch `key` is."""
    padded = pad(encode_index(groups), overhead=_OVERHEAD, least=LEAST)
    sealed = Sealer(key, Purpose.INDEX_SEAL).seal(padded, context=vault_id + record)
    return EpochFramed(record, sealed).encode()


def open_index(
    content: bytes, index_id: bytes, *, vault_id: bytes, key_of: Callable[[bytes], EpochKey]
) -> Iterator[Group]:
    """Yield the groups of an index that a signed head lists by its id.

    `key_of` gives the epoch key for the hash of a membership record, or raises `BadObject`.

    Raises:
        BadObject: It is not the index with this id, or not as the format has it.
    """
    if object_hash(content) != index_id:
        raise BadObject("an index is not the one that is named")
    groups = decode_index(_opened(content, vault_id, key_of))
    del content  # an index has up to 64 MiB: its other forms are not held while it is read
    known: set[bytes] = set()
    for group in groups:
        if group.epoch not in known:
            key_of(group.epoch)  # an epoch's name is the hash of the record that opened it
            known.add(group.epoch)
        yield group


def _opened(content: bytes, vault_id: bytes, key_of: Callable[[bytes], EpochKey]) -> bytes:
    framed = EpochFramed.decode(content)
    sealer = Sealer(key_of(framed.record), Purpose.INDEX_SEAL)
    padded = sealer.unseal(framed.sealed, context=vault_id + framed.record)
    return unpad(padded, overhead=_OVERHEAD, least=LEAST)
