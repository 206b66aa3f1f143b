"""The bytes of a node's value: strict in, one encoding out (format §6.2–6.4)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

from e2esync.errors import BadObject
from e2esync.tree.keys import NUMBER_SIZE, Kind, is_name
from e2esync.tree.lists import INLINE, ListRoot, Reference
from e2esync.tree.values import (
    Attributes,
    Content,
    DirectoryContent,
    Dot,
    Entry,
    FileContent,
    Place,
    SymlinkContent,
    VaultContent,
    WrappedKey,
    stored_order,
)

DEVICE_SIZE, HASH_SIZE, WRAPPED_SIZE = 16, 32, 40  # bytes
MAX_SEQUENCE = 1 << 48
MAX_SIZE = 1 << 62  # bytes
MAX_CHUNK = 1 << 21  # bytes
MAX_TARGET = 4095  # bytes
MAX_MODE = 0o777
MAX_KEYS = 64
MAX_ENTRIES = MAX_VALUES = 1024  # of a node in the tree of a head; what is joined may have more
LEAST_TOO_MANY = 4 * MAX_VALUES  # bytes; a value that is shorter has no more
MAX_NAME_LENGTH = 255  # characters of a device's name
MIN_TIME, MAX_TIME = -(1 << 63), 1 << 63  # ns

Raw = list[Any]  # what CBOR gives: its shape is what this module checks


class Malformed(BadObject):
    """A value of the tree is not as the format has it."""

    def __init__(self) -> None:
        super().__init__("a page of the tree holds a value that is not as it should be")


def encode_entries(entries: Sequence[Entry]) -> Raw:
    """Return what CBOR encodes for a node's entries."""
    return [_encode_entry(entry) for entry in sorted(entries, key=lambda entry: entry.device)]


def _encode_entry(entry: Entry) -> Raw:
    values = (*entry.places, *entry.contents, *entry.attributes)
    others = {value.dot.device for value in values} | {device for device, _ in entry.past}
    devices = [entry.device, *sorted(others - {entry.device})]
    number = {device: position for position, device in enumerate(devices)}
    epochs = sorted(
        {e for c in entry.contents if isinstance(c, FileContent) for k in c.keys for e in (k.born, k.under)}
    )

    def dot(value: Place | Content | Attributes) -> Raw:
        return [number[value.dot.device], value.dot.sequence, value.dot.j]

    return [
        devices,
        epochs,
        entry.sequence,
        sorted([number[device], sequence] for device, sequence in entry.past),
        [[*dot(place), place.parent, place.name] for place in sorted(entry.places, key=stored_order)],
        [
            [*dot(content), *_encode_content(content, epochs)]
            for content in sorted(entry.contents, key=stored_order)
        ],
        [[*dot(attribute), attribute.mode] for attribute in sorted(entry.attributes, key=stored_order)],
    ]


def _encode_content(content: Content, epochs: list[bytes]) -> Raw:
    match content:
        case FileContent():
            keys = [[epochs.index(key.born), epochs.index(key.under), key.wrapped] for key in content.keys]
            chunks = (
                list(content.chunks)
                if isinstance(content.chunks, ListRoot)
                else [x for c in content.chunks for x in c]
            )
            return [
                content.size,
                content.hash,
                content.mtime,
                keys,
                chunks,
                content.device_name,
                content.saved,
            ]
        case DirectoryContent():
            return [content.here]
        case SymlinkContent():
            return [content.target, content.mtime]
        case VaultContent():
            return [content.vault]


def decode_entries(raw: object, kind: Kind) -> tuple[Entry, ...]:
    """Return the entries of a node of this kind, however many: `are_too_many` says what a head may have.

    Raises:
        BadObject: They are not as the format has them.
    """
    if type(raw) is not list or not raw:
        raise Malformed
    try:
        entries = tuple([_decode_entry(entry, kind) for entry in raw])
    except (TypeError, ValueError, IndexError, AttributeError):
        raise Malformed from None
    if len(entries) > 1:
        _ascending([entry.device for entry in entries])
    return entries


def are_too_many(entries: Collection[Entry]) -> bool:
    """Return whether a node has more entries, or one of them more values of a field, than it may have in the tree of a head."""
    return len(entries) > MAX_ENTRIES or any(
        max(len(entry.places), len(entry.contents), len(entry.attributes)) > MAX_VALUES for entry in entries
    )


def _decode_entry(raw: Raw, kind: Kind) -> Entry:
    devices, epochs, sequence, past, places, contents, attributes = _array(raw, 7)
    for part in (past, places, contents, attributes):
        _array(part)
    _check_table(devices, DEVICE_SIZE, fixed=1)
    _check_table(epochs, HASH_SIZE)
    _integer(sequence, 1, MAX_SEQUENCE)
    if not contents:
        raise Malformed
    if attributes and kind not in {Kind.FILE, Kind.DIRECTORY}:
        raise Malformed
    entry = Entry(
        devices[0],
        sequence,
        tuple([_decode_past(pair, devices) for pair in past]),
        tuple([_decode_place(place, devices) for place in places]),
        tuple([_decode_content(content, devices, epochs, kind) for content in contents]),
        tuple([_decode_attributes(attribute, devices) for attribute in attributes]),
    )
    if len(past) > 1:
        _ascending([position for position, _ in past])
    _check_entry(entry, devices, epochs)
    return entry


def _check_table(table: Raw, size: int, fixed: int = 0) -> None:
    if type(table) is not list or len(table) < fixed:
        raise Malformed
    for item in table:
        _bytes(item, size)
    if len(table) > fixed + 1:
        _ascending(table[fixed:])


def _check_entry(entry: Entry, devices: list[bytes], epochs: list[bytes]) -> None:
    """Check what holds within an entry: order, that every dot is covered, that each table item is used."""
    covered = dict(entry.past)
    if entry.device in covered:
        raise Malformed
    covered[entry.device] = entry.sequence
    for values in (entry.places, entry.contents, entry.attributes):
        if len(values) > 1:
            _ascending([stored_order(value) for value in values])
        for value in values:
            if value.dot.sequence > covered.get(value.dot.device, 0):
                raise Malformed
    if len(covered) != len(devices) or len(set(devices)) != len(devices):
        raise Malformed
    if epochs and {
        e for c in entry.contents for k in getattr(c, "keys", ()) for e in (k.born, k.under)
    } != set(epochs):
        raise Malformed


def _decode_past(raw: Raw, devices: list[bytes]) -> tuple[bytes, int]:
    device, sequence = _array(raw, 2)
    return devices[_integer(device, 1, len(devices))], _integer(sequence, 1, MAX_SEQUENCE)


def _dot(device: object, sequence: object, j: object, devices: list[bytes]) -> Dot:
    return Dot(
        _integer(sequence, 1, MAX_SEQUENCE),
        devices[_integer(device, 0, len(devices))],
        _integer(j, 0, MAX_SIZE),
    )


def _decode_place(raw: Raw, devices: list[bytes]) -> Place:
    device, sequence, j, parent, name = _array(raw, 5)
    if type(name) is not bytes or not is_name(name):
        raise Malformed
    return Place(_dot(device, sequence, j, devices), _bytes(parent, NUMBER_SIZE), name)


def _decode_attributes(raw: Raw, devices: list[bytes]) -> Attributes:
    device, sequence, j, mode = _array(raw, 4)
    return Attributes(_dot(device, sequence, j, devices), _integer(mode, 0, MAX_MODE + 1))


def _decode_content(raw: Raw, devices: list[bytes], epochs: list[bytes], kind: Kind) -> Content:
    device, sequence, j, *rest = _array(raw)
    dot = _dot(device, sequence, j, devices)
    match kind:
        case Kind.FILE:
            return _decode_file(dot, rest, epochs)
        case Kind.DIRECTORY:
            (here,) = rest
            if type(here) is not bool:
                raise Malformed
            return DirectoryContent(dot, here)
        case Kind.SYMLINK:
            target, mtime = rest
            if type(target) is not bytes or not 0 < len(target) <= MAX_TARGET or b"\x00" in target:
                raise Malformed
            return SymlinkContent(dot, target, _integer(mtime, MIN_TIME, MAX_TIME))
        case Kind.VAULT:
            (vault,) = rest
            return VaultContent(dot, _bytes(vault, HASH_SIZE))


def _decode_file(dot: Dot, raw: Raw, epochs: list[bytes]) -> FileContent:
    size, digest, mtime, keys, chunks, device_name, saved = raw
    _array(keys)
    if type(device_name) is not str or len(device_name) > MAX_NAME_LENGTH or len(keys) > MAX_KEYS:
        raise Malformed
    content = FileContent(
        dot,
        _integer(size, 0, MAX_SIZE),
        _bytes(digest, HASH_SIZE),
        _integer(mtime, MIN_TIME, MAX_TIME),
        tuple([_decode_key(key, epochs) for key in keys]),
        _decode_chunks(chunks, len(keys)),
        device_name,
        _integer(saved, MIN_TIME, MAX_TIME),
    )
    if isinstance(content.chunks, ListRoot):
        if not content.chunks.references <= content.size <= content.chunks.references * MAX_CHUNK:
            raise Malformed
    elif sum([chunk.length for chunk in content.chunks]) != size:
        raise Malformed
    return content


def _decode_key(raw: Raw, epochs: list[bytes]) -> WrappedKey:
    born, under, wrapped = _array(raw, 3)
    count = len(epochs)
    return WrappedKey(
        epochs[_integer(born, 0, count)], epochs[_integer(under, 0, count)], _bytes(wrapped, WRAPPED_SIZE)
    )


def _decode_chunks(raw: Raw, keys: int) -> tuple[Reference, ...] | ListRoot:
    if type(raw) is not list or len(raw) % 3 or len(raw) > 3 * INLINE:
        raise Malformed
    if raw and type(raw[0]) is bytes:
        page, level, count = raw
        return ListRoot(
            _bytes(page, HASH_SIZE), _integer(level, 0, 13), _integer(count, INLINE + 1, MAX_SIZE)
        )
    return tuple([decode_reference(raw[i : i + 3], keys) for i in range(0, len(raw), 3)])


def decode_reference(raw: Sequence[object], keys: int) -> Reference:
    """Return a chunk reference of a file with this many keys, or raise `BadObject`."""
    key, chunk_id, length = raw
    return Reference(_integer(key, 0, keys), _bytes(chunk_id, HASH_SIZE), _integer(length, 1, MAX_CHUNK + 1))


def _array(value: Any, size: int | None = None) -> Raw:  # noqa: ANN401  what CBOR gave
    if type(value) is not list or (size is not None and len(value) != size):
        raise Malformed
    return value


def _integer(value: object, low: int, high: int) -> int:
    """Return an integer in [low, high); a bool is none."""
    if type(value) is not int or not low <= value < high:
        raise Malformed
    return value


def _bytes(value: object, size: int) -> bytes:
    if type(value) is not bytes or len(value) != size:
        raise Malformed
    return value


def _ascending(values: Sequence[Any]) -> None:
    if any(a >= b for a, b in pairwise(values)):
        raise Malformed
