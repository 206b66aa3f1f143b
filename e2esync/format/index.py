"""The body of an index: which blob lies where, grouped by pack and columnar (format §5.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from e2esync.errors import BadObject, NewerFormat
from e2esync.format.cbor import VERSION, decode_exact, encode

PREFIX_SIZE = 16  # bytes of an id
PACK_LIMIT = 1 << 24  # bytes
_HASH_SIZE = 32
_LENGTH_SIZE = 4
SEAL_OVERHEAD = 28  # bytes; a blob is longer


class Row(NamedTuple):
    """A claim that a blob lies there."""

    prefix: bytes  # first 16 bytes of its id
    offset: int  # bytes
    length: int  # bytes, sealed


class Group(NamedTuple):
    """Blobs of one sort that lie one after the other in a pack."""

    pack: bytes  # id, 32 bytes
    is_chunk: bool
    epoch: bytes  # name, 32 bytes
    rows: tuple[Row, ...]


def encode_index(groups: Iterable[Group]) -> bytes:
    """Return the body of an index."""
    ordered = sorted(groups, key=lambda group: (group.pack, group.rows[0].offset))
    epochs = sorted({group.epoch for group in ordered})
    return encode(
        [
            VERSION,
            epochs,
            [
                [
                    group.pack,
                    group.rows[0].offset,
                    0 if group.is_chunk else 1,
                    epochs.index(group.epoch),
                    b"".join([row.prefix for row in group.rows]),
                    struct.pack(f">{len(group.rows)}I", *[row.length for row in group.rows]),
                ]
                for group in ordered
            ],
        ]
    )


def decode_index(body: bytes) -> Iterator[Group]:
    """Yield the groups of an index.

    Raises:
        BadObject: It is not as the format has it.
        NewerFormat: It has another version.
    """
    value = decode_exact(body)
    del body  # as large as the value
    if type(value) is not list or not value or value[0] != VERSION or type(value[0]) is not int:
        raise NewerFormat("the vault uses a newer format")
    try:
        _, epochs, groups = value
        if (
            type(epochs) is not list
            or type(groups) is not list
            or any(type(one) is not list for one in groups)
        ):
            raise ValueError
        _check_sorted([_hash(epoch) for epoch in epochs])
        _check_sorted([(group[0], group[1]) for group in groups])
        for group in groups:
            yield _decode_group(group, epochs)
    except (TypeError, ValueError, IndexError, struct.error):
        raise BadObject("an index is not as it should be") from None


def _decode_group(raw: list[object], epochs: Sequence[bytes]) -> Group:
    pack, start, kind_class, epoch, prefixes, packed = raw
    if type(kind_class) is not int or type(start) is not int or type(epoch) is not int:
        raise ValueError
    if not 0 <= kind_class <= 1 or start < 0 or epoch < 0:
        raise ValueError
    if type(prefixes) is not bytes or type(packed) is not bytes or not packed:
        raise ValueError
    count = len(packed) // _LENGTH_SIZE
    if len(prefixes) != count * PREFIX_SIZE:
        raise ValueError
    lengths = struct.unpack(f">{count}I", packed)
    offsets = list(accumulate(lengths, initial=start))
    if offsets[-1] > PACK_LIMIT or min(lengths) <= SEAL_OVERHEAD:
        raise ValueError
    rows = tuple(
        [Row(prefixes[i * PREFIX_SIZE : (i + 1) * PREFIX_SIZE], offsets[i], lengths[i]) for i in range(count)]
    )
    return Group(_hash(pack), kind_class == 0, epochs[epoch], rows)


def _hash(value: object) -> bytes:
    if type(value) is not bytes or len(value) != _HASH_SIZE:
        raise ValueError
    return value


def _check_sorted(values: Sequence[object]) -> None:
    if any(a >= b for a, b in pairwise(values)):  # type: ignore[operator]
        raise ValueError
