"""Bend valid inputs: by bytes, and by the items of CBOR. Every choice is asked of `choose`, so that whoever
calls decides where chance comes from: hypothesis, a seeded generator, or a fuzzer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

from tests.fuzz import forms
from tests.fuzz.forms import ARRAY, MAP, NEGATIVE, OCTETS, SIMPLE, TAG, TEXT, UINT, Item

Choose = Callable[[int], int]
"""Return a number from 0 on, below the given one."""

NUMBERS = [0, 1, 2, 3, 23, 24, 255, 256, 2**16, 2**21, 2**24, 2**32 - 1, 2**48, 2**62, 2**63, 2**64 - 1]
SIZES = [0, 1, 15, 16, 17, 31, 32, 33, 40, 64, 128]
SNIPPETS = [
    b"", b"\x00", b"\xff", b"\x80", b"\xa0", b"\xf4", b"\xf5", b"\xf6", b"\xf7", b"\x40", b"\x60",
    b"\x18\x00", b"\x19\x00\x17", b"\x1b" + b"\xff" * 8, b"\x3b" + b"\xff" * 8, b"\x20", b"\x9f\xff", b"\xbf\xff",
    b"\x5f\x41\x00\xff", b"\xf9\x7e\x00", b"\xfb" + bytes(8), b"\xc2\x49\x01" + bytes(8), b"\xc0\x61\x30",
    b"\xd9\xd9\xf7\x00", b"\x9b" + b"\x7f" * 8, b"\x5b" + b"\x7f" * 8, b"\xbb" + b"\x7f" * 8, b"\x81" * 20,
    b"\x9a\x00\x0f\xff\xff", b"\xa2\x01\x01\x01\x01", b"\xa1\x61\x31\x01", b"\x62\xc3\x28", b"9" * 4400,
    b"/", b"..", b"\x00\x00\x00\x00", b"\x7f\xff\xff\xff", b"[" * 300, b"{a=" * 100, b"%00", b"\xed\xa0\x80", b"\n",
]  # fmt: skip


def mutated(seeds: Sequence[bytes], choose: Choose) -> bytes:
    """Return one of the seeds, bent once to three times."""
    data = seeds[choose(len(seeds))]
    for _ in range(1 + choose(3)):
        data = mutate(data, seeds, choose)
    return data


def mutate(data: bytes, seeds: Sequence[bytes], choose: Choose) -> bytes:
    """Return `data` bent once; two times of three by its items, if it has any."""
    form = forms.read(data) if choose(3) else None
    if form is None or len(data) < 2:
        return BYTE_WAYS[choose(len(BYTE_WAYS))](data, seeds, choose)
    items = list(form.walk())
    way = ITEM_WAYS[choose(len(ITEM_WAYS))]
    way(items[choose(len(items))], items, choose)
    try:
        return form.encode()
    except (ValueError, RecursionError):  # a claim that no head can hold, or an item inside itself
        return data[:-1]


# --- by bytes ---------------------------------------------------------------------------------------


def _flip(data: bytes, _seeds: Sequence[bytes], choose: Choose) -> bytes:
    if not data:
        return b"\x00"
    at = choose(len(data))
    return data[:at] + bytes([data[at] ^ 1 << choose(8)]) + data[at + 1 :]


def _cut(data: bytes, _seeds: Sequence[bytes], choose: Choose) -> bytes:
    return data[: choose(len(data) + 1)]


def _drop(data: bytes, _seeds: Sequence[bytes], choose: Choose) -> bytes:
    start = choose(len(data) + 1)
    return data[:start] + data[start + 1 + choose(64) :]


def _splice(data: bytes, seeds: Sequence[bytes], choose: Choose) -> bytes:
    other = seeds[choose(len(seeds))]
    return data[: choose(len(data) + 1)] + other[choose(len(other) + 1) :]


def _repeat(data: bytes, _seeds: Sequence[bytes], choose: Choose) -> bytes:
    start, length = choose(len(data) + 1), 1 + choose(64)
    return data[:start] + data[start : start + length] * (1 + choose(4)) + data[start:]


def _insert(data: bytes, _seeds: Sequence[bytes], choose: Choose) -> bytes:
    at = choose(len(data) + 1)
    return data[:at] + SNIPPETS[choose(len(SNIPPETS))] + data[at:]


def _overwrite(data: bytes, _seeds: Sequence[bytes], choose: Choose) -> bytes:
    at, snippet = choose(len(data) + 1), SNIPPETS[choose(len(SNIPPETS))]
    return data[:at] + snippet + data[at + len(snippet) :]


BYTE_WAYS = [_flip, _cut, _drop, _splice, _repeat, _insert, _overwrite]

# --- by items ---------------------------------------------------------------------------------------


def _become(item: Item, other: Item) -> None:
    for name in Item.__dataclass_fields__:
        setattr(item, name, getattr(other, name))


def _other_value(item: Item, _items: list[Item], choose: Choose) -> None:
    """Keep the kind of an item and give it another value, most of all one at an edge."""
    match item.major:
        case 0 | 1 | 6:
            item.number = NUMBERS[choose(len(NUMBERS))] if choose(2) else max(0, item.number + choose(3) - 1)
        case 2 | 3:
            item.inner, content = None, item.content
            size = SIZES[choose(len(SIZES))]
            item.content = (content or b"a")[:1] * size if choose(2) else content[:size]
        case 4 | 5:
            item.parts = item.parts[: choose(len(item.parts) + 1)]
        case _:
            item.number = 20 + choose(4)


def _other_kind(item: Item, _items: list[Item], choose: Choose) -> None:
    kinds = [
        Item(UINT, NUMBERS[choose(len(NUMBERS))]), Item(NEGATIVE, NUMBERS[choose(len(NUMBERS))]),
        Item(OCTETS, content=b"\x01" * SIZES[choose(len(SIZES))]), Item(TEXT, content=b"a" * SIZES[choose(len(SIZES))]),
        Item(ARRAY), Item(MAP), Item(MAP, parts=[Item(UINT, 1), Item(UINT, 1)]), Item(SIMPLE, 20 + choose(4)),
        Item(TAG, choose(40), parts=[deepcopy(item)]), Item(SIMPLE, 0x7E00, wide=2), Item(ARRAY, parts=[deepcopy(item)]),
        Item(OCTETS, inner=deepcopy(item)),
    ]  # fmt: skip
    _become(item, kinds[choose(len(kinds))])


def _exchange(item: Item, items: list[Item], choose: Choose) -> None:
    _become(item, deepcopy(items[choose(len(items))]))


def _reorder(item: Item, items: list[Item], choose: Choose) -> None:
    boxes = [one for one in items if len(one.parts) > 1]
    if boxes:
        box = boxes[choose(len(boxes))]
        step = 2 if box.major == MAP else 1
        first, second = (choose(len(box.parts) // step) * step for _ in range(2))
        for offset in range(step):
            one, other = first + offset, second + offset
            box.parts[one], box.parts[other] = box.parts[other], box.parts[one]


def _add(item: Item, items: list[Item], choose: Choose) -> None:
    boxes = [one for one in items if one.major in {ARRAY, MAP}]
    if boxes:
        box = boxes[choose(len(boxes))]
        new = deepcopy(items[choose(len(items))])
        at = choose(len(box.parts) + 1)
        if box.major == MAP:
            at -= at % 2
            box.parts.insert(at, Item(UINT, NUMBERS[choose(6)] if choose(2) else len(box.parts) // 2 + 1))
            at += 1
        box.parts.insert(at, new)


def _remove(item: Item, items: list[Item], choose: Choose) -> None:
    boxes = [one for one in items if one.parts and one.major in {ARRAY, MAP}]
    if boxes:
        box = boxes[choose(len(boxes))]
        step = 2 if box.major == MAP else 1
        at = choose(len(box.parts) // step) * step
        del box.parts[at : at + step]


def _repeat_part(item: Item, items: list[Item], choose: Choose) -> None:
    boxes = [one for one in items if one.parts and one.major == ARRAY]
    if boxes:
        box = boxes[choose(len(boxes))]
        at = choose(len(box.parts))
        box.parts[at:at] = [deepcopy(box.parts[at]) for _ in range(1 + choose(3))]


def _wide_head(item: Item, _items: list[Item], choose: Choose) -> None:
    item.wide = (1, 2, 4, 8)[choose(4)]


def _false_length(item: Item, _items: list[Item], choose: Choose) -> None:
    item.number, item.false_length = NUMBERS[choose(len(NUMBERS))], True


ITEM_WAYS = [
    _other_value, _other_value, _other_value, _other_kind, _other_kind, _exchange, _reorder, _add, _remove,
    _repeat_part, _wide_head, _false_length,
]  # fmt: skip
