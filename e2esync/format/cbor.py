"""CBOR as the format allows it: one value, one encoding; strict and bounded (format §1.4)."""

from __future__ import annotations

from typing import Any, NoReturn

import cbor2

from e2esync.errors import BadObject, NewerFormat

VERSION = 1
MAX_DEPTH = 16
_SCALARS = frozenset({int, bytes, str, bool})
_STRINGS = (2, 3)  # major types
_COUNTED = 2**20  # bytes; beyond, items are counted before any of them is made
_ITEM = 8  # bytes: in every record of the format an item has more on average
_KNOWN_TAGS = 300  # above the highest that cbor2 decodes by itself


def _refuse(*_args: object) -> NoReturn:
    raise BadObject("a record holds a value that the format does not know")


_NO_TAGS = dict.fromkeys(range(_KNOWN_TAGS), _refuse)


def encode(value: object) -> bytes:
    """Return the one encoding of `value`."""
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes, *, is_counted: bool = True) -> Any:  # noqa: ANN401  the shape is checked by the caller
    """Return the value of `data`, without the check that it is the one encoding.

    For tree entries, of which there are very many; records go through `decode_record`. `is_counted`: whether it may be
    too crowded; what this device has made itself is not.

    Raises:
        BadObject: It is not CBOR as the format allows it.
    """
    if is_counted and len(data) > _COUNTED and _is_crowded(data):
        raise BadObject("a record is not readable")
    try:
        return cbor2.loads(
            data,
            tag_hook=_refuse,
            semantic_decoders=_NO_TAGS,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
    except (cbor2.CBORError, ValueError, RecursionError, MemoryError, OverflowError):
        raise BadObject("a record is not readable") from None


def _is_crowded(data: bytes) -> bool:
    """Return whether there are more items in `data` than a record of its length can have.

    An empty array has one byte here and 64 in memory, and most objects are decoded before a signature
    says that it is one of ours who wants so many.
    """
    at = 0
    for _ in range(len(data) // _ITEM):
        if at >= len(data):
            return False
        major, short = data[at] >> 5, data[at] & 31
        width = 1 << (short - 24) if short >= 24 else 0  # a width that does not exist is not readable anyway
        if major in _STRINGS:
            at += int.from_bytes(data[at + 1 : at + 1 + width], "big") if width else short
        at += 1 + width
    return at < len(data)


def decode_exact(data: bytes) -> Any:  # noqa: ANN401  as above
    """Return the value of `data`, whose bytes must be its one encoding.

    Raises:
        BadObject: It is not CBOR as the format allows it, or not in its one encoding.
    """
    value = decode(data)
    if not _is_known(value) or encode(value) != data:
        raise BadObject("a record is not in its one encoding")
    return value


def _is_known(value: object) -> bool:
    """Return whether only the kinds of §1.4 occur: no float, no `undefined`, no key but unsigned integers."""
    if type(value) is list:
        return all(map(_is_known, value))
    if type(value) is dict:
        return all(type(key) is int and key >= 0 and _is_known(item) for key, item in value.items())
    return value is None or type(value) in _SCALARS


def decode_map(data: bytes, keys: int) -> dict[int, Any]:
    """Return the map with exactly the keys 1 … `keys`, of which 1 is the version.

    Raises:
        BadObject: It is not such a map.
        NewerFormat: It has another version, or keys beyond those that we know.
    """
    value = decode_exact(data)
    if not isinstance(value, dict):
        raise BadObject("a record is not a map")
    if (
        value.get(1) != VERSION
        or type(value[1]) is not int
        or any(key not in range(1, keys + 1) for key in value)
    ):
        raise NewerFormat("the vault uses a newer format")
    if len(value) != keys:
        raise BadObject("a record is not complete")
    return value
