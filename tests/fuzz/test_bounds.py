"""What a few bytes claim costs little, and the largest inputs cost what their size says: memory and steps.

Memory is the peak that tracemalloc sees, time the number of lines and calls that Python runs: both are the same on
every machine.
"""

import struct
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import zstandard

from e2esync.crypto.recovery import from_words
from e2esync.errors import BadObject, E2ESyncError, NewerFormat, UsageError, WordsError
from e2esync.format import cbor
from e2esync.format.head import HeadBody
from e2esync.format.index import Group, Row, decode_index, encode_index
from e2esync.format.names import Kind as ObjectKind
from e2esync.format.names import parse
from e2esync.format.ownrecord import OwnRecordObject, unpad_body
from e2esync.format.padding import unpad
from e2esync.format.sealedmessage import SealedMessage, unpad_message
from e2esync.format.signed import SignedRecord
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import Kind
from e2esync.tree.lists import ListRoot, walk
from e2esync.tree.pagecodec import list_items, page_items
from e2esync.vault.compression import MAX_WINDOW, Compressor
from e2esync.wiring import config
from tests.format.test_records import D1, D2, H1, H2, H3
from tests.fuzz.bare import WRAPS
from tests.fuzz.local import opened, sealed
from tests.fuzz.targets import TARGETS

KIB, MIB = 1 << 10, 1 << 20
pytestmark = pytest.mark.row("O4")


def refused(parse: Callable[[], Any], *errors: type[E2ESyncError]) -> None:
    with pytest.raises(errors or (BadObject,)):
        parse()


def peak(run: Callable[[], Any]) -> int:
    """Return the most bytes that a call held at once."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def steps(run: Callable[[], Any]) -> int:
    """Return how many lines and calls Python ran, those of libraries that are written in it as well."""
    count = 0

    def trace(frame: Any, event: str, _arg: object) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


# --- a few bytes that claim much -------------------------------------------------------------------------

CLAIMS = [2**20, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1]


@pytest.mark.parametrize("head", [0x9B, 0x5B, 0x7B, 0xBB], ids=["array", "bytes", "text", "map"])
@pytest.mark.parametrize("claimed", CLAIMS)
def test_a_length_that_is_only_claimed_takes_no_memory(head, claimed):
    data = bytes([head]) + claimed.to_bytes(8, "big")
    for bomb in (data, b"\x82" + data, b"\xa1\x01" + data, data + bytes(100)):
        assert peak(partial(refused, partial(cbor.decode, bomb))) < 256 * KIB


def test_arrays_inside_arrays_take_no_memory_and_no_stack():
    for bomb in (b"\x81" * 100_000, b"\xa1\x01" * 100_000, b"\xc1" * 100_000, b"\x81" * 17 + b"\x01"):
        assert peak(partial(refused, partial(cbor.decode, bomb))) < 256 * KIB


def frame(size: int | None, window_log: int = 20, blocks: bytes = b"\x01\x00\x00") -> bytes:
    """Return a zstd frame, written by hand, that states any size and window."""
    stated = b"" if size is None else struct.pack("<Q", size)
    descriptor = b"\x00" if size is None else b"\xc0"
    return b"\x28\xb5\x2f\xfd" + descriptor + bytes([(window_log - 10) << 3]) + stated + blocks


def repeated(count: int) -> bytes:
    """Return blocks that each say one byte 128 KiB times, as compact as zstd can."""
    block = (128 * KIB << 3 | 1 << 1).to_bytes(3, "little") + b"x"
    return block * (count - 1) + (128 * KIB << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"x"


@pytest.mark.parametrize("stated", [None, 0, 100, 2 * MIB, 2 * MIB + 1, 2**30, 10 * 2**30, 2**63, 2**64 - 2])
@pytest.mark.parametrize("window_log", [10, 20, 23, 24, 27, 31, 41])
def test_a_frame_that_unfolds_to_ten_gib_takes_what_a_chunk_takes(stated, window_log):
    bomb = b"\x01" + frame(stated, window_log, repeated(2000))
    assert len(bomb) < 9 * KIB  # for 250 MiB, whatever it states
    inflate = Compressor()
    for size in (None, 100, 2 * MIB):
        spent = peak(partial(refused, partial(inflate.decompress, bomb, size=size, most=2 * MIB)))
        assert spent < 3 * MIB


def test_the_frame_written_by_hand_is_one_that_opens():
    good = b"\x01" + frame(256 * KIB, 20, repeated(2))
    assert Compressor().decompress(good, size=256 * KIB, most=2 * MIB) == b"x" * 256 * KIB
    assert zstandard.get_frame_parameters(frame(5, 31)).window_size > MAX_WINDOW


def test_a_passphrase_header_that_asks_for_64_gib_is_refused_before_any_is_taken():
    _version, passes, _memory, lanes, salt = struct.unpack(">BIIB16s", sealed()[:26])
    for bad in ((passes, 64 * MIB, lanes), (2**32 - 1, 64 * KIB, lanes), (passes, 64 * KIB, 255)):
        header = struct.pack(">BIIB16s", 1, *bad, salt)
        assert peak(partial(refused, partial(opened, header + sealed()[26:]))) < 256 * KIB


def test_a_message_header_or_padding_that_claims_4_gib_takes_nothing():
    huge = b"\xff" * 8 + bytes(100)
    for run in (
        lambda: unpad(huge, overhead=60),
        lambda: unpad_message(huge),
        lambda: unpad_body(huge, WRAPS),
        lambda: SealedMessage.decode(b"e2esync sealed 1\n" + huge),
    ):
        assert peak(partial(refused, run)) < 64 * KIB


@pytest.mark.parametrize("digits", [100, 5_000, 1_000_000])
def test_a_number_of_a_million_digits_is_no_number(digits, tmp_path):
    number = "9" * digits
    assert parse(f"people/{H1.hex()}/card-{number}-{H2.hex()}") is None
    (tmp_path / "config").write_text(f"version = {number}")
    refused(lambda: config.load(tmp_path / "config"), UsageError, NewerFormat)


@pytest.mark.parametrize("opening", ["[", "{a="])
def test_a_configuration_of_many_brackets_is_damaged(opening, tmp_path):
    (tmp_path / "config").write_text("version = 1\nx = " + opening * 50_000)
    refused(lambda: config.load(tmp_path / "config"), UsageError)


# --- the largest inputs ----------------------------------------------------------------------------------


def crowd(item: bytes, size: int) -> bytes:
    """Return an array of `size` bytes that holds as many of one small item as fit."""
    count = size // len(item)
    return b"\x9a" + count.to_bytes(4, "big") + item * count


CROWDS = [
    b"\x00",
    b"\x80",
    b"\xa0",
    b"\x40",
    b"\x60",
    b"\xf6",
    b"\x81" * 13 + b"\x80",
    b"\x82\x00\x80",
    b"\xa1\x00\x80",
]


@pytest.mark.parametrize("item", CROWDS, ids=bytes.hex)
def test_an_object_crowded_with_small_items_is_refused_before_they_are_made(item):
    bomb = crowd(item, MIB + 16 * KIB)
    for decode in (SignedRecord.decode, OwnRecordObject.decode):
        assert peak(partial(refused, partial(decode, bomb))) < 64 * KIB


def test_the_largest_membership_record_is_counted_no_further_than_it_may_go():
    bomb = crowd(b"\x80", ObjectKind.MEMBERS.most_bytes)
    assert peak(lambda: refused(lambda: SignedRecord.decode(bomb))) < 64 * KIB
    assert steps(lambda: refused(lambda: SignedRecord.decode(bomb[: MIB + 8]))) < 9 * MIB // 8 + 500


def as_page(check: Callable[[object, int], object], body: bytes, level: int) -> object:
    return check(cbor.decode(body), level)


@pytest.mark.parametrize("item", CROWDS, ids=bytes.hex)
def test_a_page_crowded_with_small_items_takes_a_bounded_multiple(item):
    bomb = crowd(item, 64 * KIB)  # beneath 1 MiB nothing is counted: this is what each byte may take
    for level in (0, 1):
        for check in (page_items, list_items):
            spent = peak(partial(refused, partial(as_page, check, bomb, level)))
            assert spent < 110 * len(bomb)


def test_crowded_means_more_than_any_record_has():
    """The densest records: an index of packs with one blob each, contexts, history, own records."""
    densest = encode_index(
        [Group(number.to_bytes(32, "big"), True, H1, (Row(D1, 0, 29),)) for number in range(30_000)]
    )
    assert len(densest) > cbor._COUNTED
    assert sum(1 for _ in decode_index(densest)) == 30_000
    points = tuple((number.to_bytes(16, "big"), 1, H1) for number in range(30_000))
    head = HeadBody(H1, b"", 0, b"", points, ((H1,) * 3000,), (H1,), "", "", H3, ())
    assert len(head.encode()) > cbor._COUNTED
    assert HeadBody.decode(head.encode()) == head


def test_an_index_takes_a_bounded_multiple_of_its_size():
    rows = tuple(Row(D1, 29 * number, 29) for number in range(100_000))
    body = encode_index([Group(H1, True, H2, rows)])
    assert peak(lambda: list(decode_index(body))) < 16 * len(body) + MIB
    claimed = cbor.encode([1, [H1], [[H1, 0, 0, 0, D1, struct.pack(">I", 29) * 500_000]]])
    assert peak(lambda: refused(lambda: list(decode_index(claimed)))) < 4 * len(claimed)


@pytest.mark.parametrize(
    "body", [[1, [], [{}]], [1, b"", b""], [1, {}, {}], [1, "", ""], [1, [], [b""]], [1, [], {}]]
)
def test_an_index_whose_parts_are_no_arrays_is_refused(body):
    refused(lambda: list(decode_index(cbor.encode(body))))


def entries_of(value: bytes, kind: Kind) -> object:
    return decode_entries(cbor.decode(value), kind)


def wide_value(count: int) -> tuple[bytes, Kind]:
    """Return the value of a directory whose one entry covers so many devices."""
    table = [number.to_bytes(16, "big") for number in range(count)]
    past = [[number, 1] for number in range(1, count)]
    return cbor.encode([[table, [], 5, past, [], [[0, 1, 0, True]], []]]), Kind.DIRECTORY


def many_values(count: int) -> tuple[bytes, Kind]:
    """Return the value of a directory with so many contents, places and attributes."""
    values = range(1, count + 1)
    return cbor.encode(
        [
            [
                [D1], [], count, [], [[0, n, 0, D2, b"name"] for n in values], [[0, n, 0, True] for n in values],
                [[0, n, 0, 7] for n in values],
            ]
        ]
    ), Kind.DIRECTORY  # fmt: skip


def many_entries(count: int) -> tuple[bytes, Kind]:
    """Return the value of a directory that so many devices wrote."""
    return cbor.encode(
        [[[number.to_bytes(16, "big")], [], 1, [], [], [[0, 1, 0, True]], []] for number in range(count)]
    ), Kind.DIRECTORY


@pytest.mark.parametrize("make", [wide_value, many_values, many_entries])
def test_twice_as_much_in_a_value_takes_twice_the_steps(make):
    """Comparisons inside C are not seen as steps: so the ids count how often they are compared."""
    small, large = (make(count) for count in (400, 800))
    once, twice = (steps(partial(entries_of, *value)) for value in (small, large))
    assert twice < 2.3 * once


class Counted(bytes):
    """A device id that counts how often it is compared."""

    compared = 0
    __hash__ = bytes.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return bytes.__eq__(self, other)


def test_the_devices_of_an_entry_are_not_searched_one_by_one(monkeypatch):
    """An entry may name fifty thousand devices: a search for each among all of them took ten seconds."""
    monkeypatch.setattr("e2esync.tree.codec._bytes", lambda value, _size: value)
    data, kind = wide_value(1000)
    raw = cbor.decode(data)
    raw[0][0] = [Counted(device) for device in raw[0][0]]
    Counted.compared = 0
    (entry,) = decode_entries(raw, kind)
    assert len(entry.past) == 999
    assert Counted.compared < 20 * 1000


# --- lists of chunks --------------------------------------------------------------------------------------


@pytest.mark.row("H8")
@pytest.mark.parametrize("level", [1, 2, 5, 12])
def test_a_list_of_chunks_never_unfolds_to_more_than_it_claims(level):
    """Each page names the one below a thousand times; the file claims 65 chunks."""
    pages = {0: [(0, H1, 1)] * 1000, **{n: [(H1, 1, 1)] * 1000 for n in range(1, 13)}}
    read: list[int] = []

    def get(_page: bytes, wanted: int) -> Any:
        read.append(wanted)
        assert len(read) <= 2
        return pages[wanted]

    refused(lambda: list(walk(ListRoot(H1, level, 65), 65, get=get)))
    pages[level] = [(H1, 1, 1)] * 65  # the root agrees, what lies below does not
    read.clear()
    refused(lambda: list(walk(ListRoot(H1, level, 65), 65, get=get)))


def test_a_list_of_chunks_is_read_page_by_page():
    pages = {1: [(H1, 50, 50), (H2, 50, 50)], 0: [(0, H1, 1)] * 50}
    read: list[int] = []

    def get(_page: bytes, level: int) -> Any:
        read.append(level)
        return pages[level]

    references = walk(ListRoot(H1, 1, 100), 100, get=get)
    next(references)
    assert read == [1, 0]  # the second page below is not read before it is its turn
    assert len(list(references)) == 99


# --- all of them ------------------------------------------------------------------------------------------

LONG = [
    b"\x00",
    b"\xff",
    b"\x80",
    b"\x81",
    b"a",
    b"[",
    b"9",
    b"<a>",
    b"\n",
    b" a",
    b"e2esync ",
    b"AAAA",
    b"/",
    b"%00",
]
# What a person types here and now is no attack: each word is searched in a list, each part of a path is an object.
TYPED = {"recovery words", "address of a store"}


@pytest.mark.parametrize(
    "target", [pytest.param(one, id=one.name) for one in TARGETS if one.name not in TYPED]
)
def test_long_nonsense_takes_little_memory_and_few_steps(target):
    size = 8 * KIB
    target.run(target.seeds[0])  # what is made once is made
    for filling in LONG:
        data = (filling * size)[:size]
        assert peak(partial(target.run, data)) < 110 * size + 256 * KIB
        once, twice = (steps(partial(target.run, data[:cut])) for cut in (size // 2, size))
        assert twice < 2.5 * once + 2000


@pytest.mark.parametrize("filling", ["a", "a ", "1", "1. ", "abandon "])
def test_words_without_end_are_few_steps_for_each(filling):
    once, twice = (
        steps(partial(refused, partial(from_words, filling * count), WordsError)) for count in (1500, 3000)
    )
    assert twice < 2.5 * once + 2000
