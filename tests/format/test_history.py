"""The history of a device: any earlier snapshot is found, and one history has one form."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2esync.errors import BadObject
from e2esync.format import cbor
from e2esync.format.history import (
    NO_HISTORY,
    HistoryPage,
    append,
    decode_history,
    descend,
    level_sizes,
    locate,
    newest_first,
)

COUNT = 64 * 64 * 2 + 64 * 3 + 70  # three levels
H1 = b"\x01" * 32


def hash_of(sequence):
    return sha256(b"snapshot %d" % sequence).digest()


def page_id(body):
    return sha256(body).digest()


def built(count):
    history = NO_HISTORY
    pages: dict[bytes, bytes] = {}
    for sequence in range(1, count + 1):
        history, new = append(history, hash_of(sequence), page_id)
        pages |= {page_id(body): body for body in new}
    return history, pages


WHOLE, PAGES = built(COUNT)


def find(history, pages, sequence):
    spot = locate(history, sequence)
    while spot.level:
        spot = descend(spot, pages[spot.item])
    return spot.item


def test_every_snapshot_of_a_long_history_is_found():
    assert all(find(WHOLE, PAGES, sequence) == hash_of(sequence) for sequence in range(1, COUNT + 1))


@pytest.mark.parametrize("count", [1, 63, 64, 65, 127, 128, 129, 191, 192, 193])
def test_every_snapshot_is_found_where_levels_change(count):
    history, pages = built(count)
    assert [find(history, pages, sequence) for sequence in range(1, count + 1)] == [
        hash_of(sequence) for sequence in range(1, count + 1)
    ]


def test_the_last_snapshots_need_no_page():
    assert all(locate(WHOLE, sequence).level == 0 for sequence in range(COUNT - 63, COUNT + 1))


@given(st.integers(0, 9000))
def test_the_sizes_of_levels_follow_from_the_count(count):
    history = NO_HISTORY
    sizes = level_sizes(count)
    assert all(size < 128 for size in sizes)
    assert sum(size * 64**level for level, size in enumerate(sizes)) == count
    if count < 400:
        for sequence in range(count):
            history, _ = append(history, hash_of(sequence), page_id)
        assert tuple(map(len, history)) == sizes


def test_the_long_history_has_the_sizes_that_follow_from_its_count():
    assert tuple(map(len, WHOLE)) == level_sizes(COUNT)
    assert len(WHOLE) == 3


@pytest.mark.parametrize(
    ("value", "sequence"),
    [
        ([], 1),
        ([[], []], 1),
        ([[H1]], 1),
        ([[]], 2),
        ([[H1, H1]], 2),
        ([[H1[:31]]], 2),
        ([["x"]], 2),
        ([[H1] * 128], 129),
        ([[H1] * 64], 129),
        ([[H1] * 63, [H1]], 128),
        ([[H1] * 64, [H1], []], 129),
        (None, 1),
        ([None], 1),
    ],
)
def test_another_form_of_history_is_refused(value, sequence):
    with pytest.raises(BadObject):
        decode_history(value, sequence=sequence)


@pytest.mark.parametrize("sequence", [1, 2, 128, 129, 130])
def test_the_form_that_follows_from_the_sequence_is_read(sequence):
    history, _ = built(sequence - 1)
    assert decode_history([list(level) for level in history], sequence=sequence) == history


@pytest.mark.parametrize(
    "body",
    [
        b"",
        cbor.encode([0, *[H1] * 63]),
        cbor.encode([0, *[H1] * 65]),
        cbor.encode([True, *[H1] * 64]),
        cbor.encode([0, *[H1] * 63, H1[:31]]),
        cbor.encode([1, *[H1] * 64]),  # a page of another level
        cbor.encode([0, *[H1] * 64]) + b"\0",
    ],
)
def test_another_page_is_refused(body):
    history, _ = built(200)
    with pytest.raises(BadObject):
        descend(locate(history, 1), body)


def test_a_page_comes_back():
    page = HistoryPage(1, tuple(hash_of(n) for n in range(64)))
    assert HistoryPage.decode(page.encode()) == page


def test_what_the_history_does_not_cover_is_our_bug():
    with pytest.raises(ValueError, match="201"):
        locate(built(200)[0], 201)


@pytest.mark.parametrize("count", [0, 1, 127, 128, 192, COUNT])
def test_the_hashes_come_from_the_newest_to_the_first(count):
    history, pages = built(count)
    found = list(newest_first(history, pages.__getitem__))
    assert found == [hash_of(sequence) for sequence in range(count, 0, -1)]


def test_the_newest_need_no_page():
    pages: dict[bytes, bytes] = {}
    found = newest_first(WHOLE, pages.__getitem__)
    recent = [next(found) for _ in WHOLE[0]]
    assert recent == [hash_of(sequence) for sequence in range(COUNT, COUNT - len(recent), -1)]


def test_a_page_of_another_level_ends_the_walk():
    history, pages = built(128)
    body = HistoryPage(1, HistoryPage.decode(pages[history[1][0]]).items).encode()
    with pytest.raises(BadObject):
        list(newest_first(history, {history[1][0]: body}.__getitem__))
