"""Records that differ in one thing from a good one: as CBOR allows it, and as this format does not.

`mutants` walks the items of an encoded value and spoils one at a time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP = range(6)
MOST = (1 << 64) - 1


class Head(NamedTuple):
    """Where an item begins, and what its head says."""

    at: int
    end: int  # of the head
    major: int
    argument: int


def head_at(data: bytes, at: int) -> Head:
    major, short = data[at] >> 5, data[at] & 31
    width = 1 << (short - 24) if 24 <= short < 28 else 0
    argument = int.from_bytes(data[at + 1 : at + 1 + width], "big") if width else short
    return Head(at, at + 1 + width, major, argument)


def heads(data: bytes) -> Iterator[Head]:
    """Yield the head of every item, also of those inside of others."""
    at = 0
    while at < len(data):
        head = head_at(data, at)
        yield head
        at = head.end + (head.argument if head.major in {BYTES, TEXT} else 0)


def item_end(data: bytes, at: int) -> int:
    """Return where the item that begins at `at` ends."""
    head = head_at(data, at)
    end = head.end
    if head.major in {BYTES, TEXT}:
        return end + head.argument
    for _ in range(head.argument * (head.major - 3) if head.major in {ARRAY, MAP} else 0):
        end = item_end(data, end)
    return end


def new_head(major: int, argument: int, width: int = 0) -> bytes:
    """Return a head, the shortest or with `width` bytes for its argument."""
    if not width and argument < 24:
        return bytes([major << 5 | argument])
    power = next(p for p in range(4) if argument < 1 << (8 << p) and 1 << p >= width)
    return bytes([major << 5 | 24 + power]) + argument.to_bytes(1 << power, "big")


def _spoilt(data: bytes, head: Head) -> Iterator[tuple[str, bytes]]:
    """Yield what can be made of one item."""

    def put(new: bytes, end: int = head.end) -> bytes:
        return data[: head.at] + new + data[end:]

    end = item_end(data, head.at)
    yield "a longer head", put(new_head(head.major, head.argument, 8))
    yield "a tag", put(b"\xc1" + data[head.at : head.end])
    if head.major <= NEGATIVE:
        yield "a float", put(b"\xfb" + bytes(8))
        yield "true", put(b"\xf5")
        yield "undefined", put(b"\xf7")
        yield "negative", put(new_head(NEGATIVE, head.argument))
        yield "the largest", put(new_head(UNSIGNED, MOST))
        yield "one more", put(new_head(head.major, min(MOST, head.argument + 1)))
    if head.major == BYTES:
        yield "text", put(new_head(TEXT, head.argument))
        yield "null", put(b"\xf6", end)
        yield "empty", put(b"\x40", end)
        yield "longer", put(new_head(BYTES, head.argument + 1) + b"\x00")
        yield "without an end", put(b"\x5f" + data[head.at : end] + b"\xff", end)
    if head.major in {ARRAY, MAP}:
        yield (
            "without an end",
            put(bytes([head.major << 5 | 31]), head.end)[: end - head.end + head.at + 1]
            + (b"\xff" + data[end:]),
        )
    if head.major == ARRAY and head.argument:
        first = item_end(data, head.end)
        yield "its first twice", put(new_head(ARRAY, head.argument + 1) + data[head.end : first])
        yield "without its first", put(new_head(ARRAY, head.argument - 1), first)
    if head.major == MAP and head.argument:
        first = item_end(data, item_end(data, head.end))
        pair = data[head.end : first]
        yield "a key twice", put(new_head(MAP, head.argument + 1) + pair)
        yield "another order", put(new_head(MAP, head.argument) + data[first:end] + pair, end)
        yield (
            "an unknown key",
            data[: head.at]
            + new_head(MAP, head.argument + 1)
            + (data[head.end : end] + b"\x18\x63\xf6" + data[end:]),
        )


def mutants(data: bytes, count: int, seed: str) -> list[tuple[str, bytes]]:
    """Return about `count` records that differ from a good one in one thing, the same ones every time."""
    every = [mutant for head in heads(data) for mutant in _spoilt(data, head)]
    chosen = random.Random(seed).sample(every, min(count, len(every)))
    return [("bytes behind", data + b"\x00"), ("cut off", data[:-1]), ("nothing", b""), *chosen]
