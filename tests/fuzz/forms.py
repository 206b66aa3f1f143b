"""CBOR as a form that can be bent: items that keep how they were written, and may be written wrongly.

Byte strings that hold CBOR themselves (payloads, certificates, values of the tree) are opened, so that a
change inside keeps every length around it right and reaches the checks that lie deeper.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

UINT, NEGATIVE, OCTETS, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)
MOST_ITEMS = 20_000
MOST_DEPTH = 24


@dataclass
class Item:
    """One item: `number` is its value, or its length where that is claimed falsely."""

    major: int
    number: int = 0
    content: bytes = b""
    parts: list[Item] = field(default_factory=list)
    inner: Item | None = None  # what a byte string holds
    wide: int = 0  # bytes of the number in the head at least: more than needed is not the one encoding
    false_length: bool = False

    def encode(self) -> bytes:
        content = self.inner.encode() if self.inner else self.content
        number = self.number
        if not self.false_length:
            match self.major:
                case 2 | 3:
                    number = len(content)
                case 4:
                    number = len(self.parts)
                case 5:
                    number = len(self.parts) // 2
                case _:
                    pass
        return head(self.major, number, self.wide) + content + b"".join(part.encode() for part in self.parts)

    def walk(self) -> Iterator[Item]:
        yield self
        if self.inner:
            yield from self.inner.walk()
        for part in self.parts:
            yield from part.walk()


def head(major: int, number: int, wide: int = 0) -> bytes:
    """Return the head of an item, its number in as few bytes as it needs, or in `wide` (1, 2, 4, 8)."""
    if number < 24 and not wide:
        return bytes([major << 5 | number])
    for code, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if width >= wide and number < 1 << 8 * width:
            return bytes([major << 5 | code]) + number.to_bytes(width, "big")
    raise ValueError(number)


class _NotCborError(ValueError):
    pass


def read(data: bytes) -> Item | None:
    """Return the form of `data`, or None where it is not one whole item of CBOR."""
    try:
        item, end = _read(data, 0, 0, [0])
    except (_NotCborError, IndexError):
        return None
    return item if end == len(data) else None


def _read(data: bytes, at: int, depth: int, count: list[int]) -> tuple[Item, int]:
    count[0] += 1
    if depth > MOST_DEPTH or count[0] > MOST_ITEMS:
        raise _NotCborError
    major, short = data[at] >> 5, data[at] & 31
    width = 1 << (short - 24) if short >= 24 else 0
    if short > 27 or at + width >= len(data):
        raise _NotCborError
    number = int.from_bytes(data[at + 1 : at + 1 + width], "big") if width else short
    at += 1 + width
    item = Item(major, number, wide=0 if head(major, number) == data[at - 1 - width : at] else width)
    if major in {OCTETS, TEXT}:
        item.content = data[at : at + number]
        if len(item.content) != number:
            raise _NotCborError
        if major == OCTETS and number > 2 and item.content[0] >> 5 in {ARRAY, MAP}:
            item.inner = read(item.content)
        return item, at + number
    parts = {ARRAY: number, MAP: 2 * number, TAG: 1}.get(major, 0)
    if parts > len(data) - at:
        raise _NotCborError
    for _ in range(parts):
        part, at = _read(data, at, depth + 1, count)
        item.parts.append(part)
    return item, at
