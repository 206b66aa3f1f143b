"""Ranges of packs: cut on a grid, the same for all packs of one size; every chunk comes out whole and in order."""

import random
from itertools import accumulate, pairwise, repeat
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2esync.adapters.catalogue import Location
from e2esync.adapters.stores.memory import MemoryStore
from e2esync.engine.ranges import AHEAD, LONGEST, MOST, WIDEST_GAP, Want, plan, read
from e2esync.format import names
from e2esync.model.store import ObjectNotFound
from e2esync.tree.lists import Reference
from e2esync.vault.cipher import MAX_CHUNK
from e2esync.vault.packs import PACK_SIZE

K, M = 1 << 10, 1 << 20
VAULT = b"v" * 32
FULL, SMALL, ABSENT = (bytes([n]) * 32 for n in range(3))
PACKS = {FULL: random.Random(1).randbytes(PACK_SIZE), SMALL: random.Random(2).randbytes(3 * M)}


def want(start, length, pack=FULL) -> Want:
    return Want(b"", Reference(0, b"", length), Location(pack, start, length, b""))


def planned(*wants) -> list[tuple[int, int]]:
    return [(piece.start, piece.end) for piece in plan(wants)]


class Store(MemoryStore):
    """Objects in memory; notes what is asked, and has lost what stands in `lost`."""

    def __init__(self, lost=()) -> None:
        super().__init__()
        self.asked: list[int] = []
        self.lost = lost
        for pack, content in PACKS.items():
            self.put(names.pack(VAULT, pack), content)

    def get(self, key, *, start=0, length=None):
        self.asked.append(start)
        if start in self.lost:
            raise ObjectNotFound(key)
        return super().get(key, start=start, length=length)


def from_store(wants, store=None):
    vault: Any = SimpleNamespace(vault_id=VAULT, store=store or Store())
    return read(vault, wants)


def stored(one: Want) -> bytes | None:
    """What a naive reader finds."""
    _, start, length, _ = one.location
    return PACKS[one.location.pack][start : start + length] if one.location.pack in PACKS else None


PLANS = {
    "nothing": ([], []),
    "one chunk, to 64 KiB": ([(100_000, 5000)], [(64 * K, 128 * K)]),
    "one chunk in the last part": ([(15 * M, 1000)], [(15 * M, 15 * M + 64 * K)]),
    "one chunk across the cut": ([(8 * M - 100, 200)], [(8 * M - 64 * K, 8 * M), (8 * M, 8 * M + 64 * K)]),
    "the same chunk again and again": ([(5000, 100)] * 3, [(0, 64 * K)]),
    "the same chunk across the cut": (
        [(8 * M - 100, 200)] * 3,
        [(8 * M - 64 * K, 8 * M), (8 * M, 8 * M + 64 * K)],
    ),
    "two chunks, to 256 KiB": ([(70_000, 1000), (71_000, 1000)], [(64 * K, 256 * K)]),
    "the widest gap": ([(0, K), (K + WIDEST_GAP, K)], [(0, 512 * K)]),
    "a wider gap": ([(0, K), (K + WIDEST_GAP + 1, K)], [(0, 64 * K), (256 * K, 320 * K)]),
    "a cut in a gap": (
        [(8 * M - 200 * K, K), (8 * M + 10, K)],
        [(8 * M - 256 * K, 8 * M), (8 * M, 8 * M + 256 * K)],
    ),
    "a chunk that ends at the cut": ([(8 * M - 100, 100)], [(8 * M - 64 * K, 8 * M)]),
    "and one behind it": (
        [(8 * M - 100, 100), (8 * M, 100)],
        [(8 * M - 64 * K, 8 * M), (8 * M, 8 * M + 256 * K)],
    ),
    "a long run": ([(n * 2 * M, 2 * M) for n in range(6)], [(0, 8 * M), (8 * M, 12 * M)]),
    "an end that no full pack has": (
        [(12 * M, M), (13 * M, 768 * K)],
        [(12 * M, 14 * M - 256 * K)],
    ),
    "the first end that a full pack has": (
        [(12 * M, M), (13 * M, M - 29)],
        [(12 * M, 16 * M)],
    ),
    "back a little": ([(10_000, 100), (5_000, 100)], [(0, 64 * K)]),
    "back before the range": ([(300 * K, 100), (5_000, 100)], [(256 * K, 320 * K), (0, 64 * K)]),
    "back before the cut": (
        [(8 * M - 100, 200), (8 * M - 1000, 100)],
        [(8 * M - 64 * K, 8 * M), (8 * M, 8 * M + 64 * K), (8 * M - 64 * K, 8 * M)],
    ),
}


@pytest.mark.parametrize(("chunks", "ranges"), PLANS.values(), ids=PLANS)
def test_chunks_are_read_in_these_ranges(chunks, ranges):
    assert planned(*(want(*chunk) for chunk in chunks)) == ranges


def test_chunks_of_two_packs_are_two_runs():
    assert planned(want(0, 100), want(100, 100, SMALL)) == [(0, 64 * K)] * 2


@pytest.mark.row("L1")
@settings(deadline=None)
@given(st.data(), st.integers(2, PACK_SIZE))
def test_where_a_pack_is_cut_into_chunks_does_not_show_in_its_ranges(data, size):
    def cut_somewhere():
        inside = data.draw(st.sets(st.integers(1, size - 1), min_size=1, max_size=20))
        near = sorted(inside | {*range(MAX_CHUNK, size, MAX_CHUNK)})
        return planned(*(want(start, end - start) for start, end in pairwise([0, *near, size])))

    assert cut_somewhere() == cut_somewhere()


def test_full_packs_are_read_to_their_end_wherever_their_last_chunk_ends():
    lengths = [MAX_CHUNK] * 6 + [MAX_CHUNK - 28]
    whole = [want(end - n, n) for n, end in zip(lengths, accumulate(lengths), strict=True)]
    longer = [*whole, want(14 * M - 28, 2 * M + 28)]
    assert planned(*whole) == planned(*longer) == [(0, 8 * M), (8 * M, 16 * M)]


places = st.one_of(st.integers(0, PACK_SIZE - 29), st.integers(LONGEST - 3 * M, LONGEST + M))
chunks = st.builds(
    lambda pack, start, length: (start, min(length, PACK_SIZE - start), pack),
    st.sampled_from([FULL, FULL, FULL, SMALL, ABSENT]),
    places,
    st.integers(29, MAX_CHUNK + 29),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(chunks, max_size=30), st.booleans())
def test_every_chunk_comes_out_as_a_naive_reader_finds_it(made, ascending):
    wants = [want(*chunk) for chunk in (sorted(made, key=lambda c: (c[2], c[0])) if ascending else made)]
    found = list(from_store(wants))
    assert [one for one, _ in found] == wants
    assert all(sealed == stored(one) for one, sealed in found)


GAP = WIDEST_GAP // 2


@pytest.mark.parametrize(
    ("lost", "there"),
    [(8 * M - 2 * GAP, [False, False, True]), (8 * M, [True, False, False])],
    ids=["its start", "its end"],
)
def test_a_chunk_of_which_a_part_is_lost_is_not_there(lost, there):
    wants = [want(8 * M - 2 * GAP, 100), want(8 * M - GAP, 2 * GAP), want(8 * M + GAP, 100)]
    found = [sealed for _, sealed in from_store(wants, Store(lost=[lost]))]
    assert found == [stored(one) if good else None for one, good in zip(wants, there, strict=True)]


def test_no_more_than_a_few_ranges_are_read_ahead():
    store = Store()
    far_apart = (want(n % 8 * 2 * M, 100) for n in range(1000))
    found = from_store(far_apart, store)
    for taken in range(1, 6):
        next(found)
        assert len(store.asked) <= taken + AHEAD - 1
    found.close()


def test_one_chunk_that_is_wanted_very_often_is_read_in_several_ranges():
    pieces = plan(repeat(want(5000, 100), 2 * MOST + 1))
    assert [len(piece.wants) for piece in pieces] == [MOST, MOST, 1]
