"""Checks of decoded values: exact types, exact lengths, ranges, order (format §1.4).

Each function returns what it was given, now with a type, or refuses. `True` is no integer and a
`bytes` of the wrong length is no hash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from e2esync.errors import BadObject, NewerFormat
from e2esync.format import cbor

HASH_SIZE = 32  # bytes; also the size of an id, a fingerprint and a vault id
DEVICE_SIZE = 16  # bytes
SIGNATURE_SIZE = 64  # bytes
HPKE_PUBLIC_SIZE = 1216  # bytes
WRAP_OVERHEAD = 1136  # bytes
U64_END = 2**64
SEQUENCE_END = 2**48

T = TypeVar("T")


def _refuse() -> BadObject:
    return BadObject("a record does not have the form that the format gives it")


def fields(payload: bytes, keys: int) -> dict[int, Any]:
    """Return the versioned map of a record, whose keys are the integers 1 … `keys`."""
    return cbor.decode_map(payload, keys)


def bare_fields(payload: bytes, keys: int) -> dict[int, Any]:
    """Return a map with the keys 1 … `keys` that has no version of its own (format §4.2, field 8)."""
    value = cbor.decode_exact(payload)
    if not isinstance(value, dict):
        raise _refuse()
    if any(key not in range(1, keys + 1) for key in value):
        raise NewerFormat("the vault uses a newer format")
    if len(value) != keys:
        raise _refuse()
    return value


def integer(value: object, *, low: int = 0, end: int = U64_END) -> int:
    """Return an integer from `low` on, below `end`."""
    if type(value) is not int or not low <= value < end:
        raise _refuse()
    return value


def number(value: object) -> int:
    """Return an integer from 1 on."""
    return integer(value, low=1)


def sequence(value: object) -> int:
    """Return the sequence of a snapshot (format §8.1)."""
    return integer(value, low=1, end=SEQUENCE_END)


def octets(value: object, size: int | None = None) -> bytes:
    """Return a byte string, of exactly `size` bytes if one is given."""
    if type(value) is not bytes or (size is not None and len(value) != size):
        raise _refuse()
    return value


def digest(value: object) -> bytes:
    """Return 32 bytes."""
    return octets(value, HASH_SIZE)


def device(value: object) -> bytes:
    """Return a device id."""
    return octets(value, DEVICE_SIZE)


def text(value: object) -> str:
    """Return a text."""
    if type(value) is not str:
        raise _refuse()
    return value


def boolean(value: object) -> bool:
    """Return `True` or `False`."""
    if type(value) is not bool:
        raise _refuse()
    return value


def array(value: object, count: int | None = None) -> list[Any]:
    """Return an array, of exactly `count` items if that is given."""
    if type(value) is not list or (count is not None and len(value) != count):
        raise _refuse()
    return value


def each(value: object, item: Callable[[object], T]) -> tuple[T, ...]:
    """Return an array of which every item passes one check."""
    return tuple(item(one) for one in array(value))


def optional(value: object, check: Callable[[object], T]) -> T | None:
    """Return `None`, or what passes the check."""
    return None if value is None else check(value)


def ascending(keys: Sequence[bytes]) -> None:
    """Refuse keys that are not sorted, or of which one stands twice."""
    if any(before >= after for before, after in pairwise(keys)):
        raise _refuse()


def must(*, hold: bool) -> None:
    """Refuse a record of which a rule does not hold."""
    if not hold:
        raise _refuse()
