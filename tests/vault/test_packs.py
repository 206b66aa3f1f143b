"""Packs: every blob lies where it is said to, the size tells little, and the name is the hash."""

import random
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2esync.format.padding import padme
from e2esync.vault.packs import PACK_SIZE, PackBuilder

EPOCH = b"e" * 32


def filled(sizes, seed=0) -> tuple[PackBuilder, list[bytes]]:
    r = random.Random(seed)
    blobs = [r.randbytes(size) for size in sizes]
    builder = PackBuilder()
    for n, blob in enumerate(blobs):
        builder.add(sha256(blob).digest(), blob, is_chunk=n % 2 == 0, epoch=EPOCH)
    return builder, blobs


@settings(deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=40))
def test_every_blob_lies_where_it_is_said_to(sizes):
    builder, blobs = filled(sizes)
    pack = builder.close(full=False)
    assert [pack.body[b.offset : b.offset + b.length] for b in pack.blobs] == blobs
    assert [b.is_chunk for b in pack.blobs] == [n % 2 == 0 for n in range(len(blobs))]
    assert pack.id == sha256(pack.body).digest()
    assert len(pack.body) == padme(sum(sizes))


def test_a_full_pack_is_exactly_16_mib():
    builder, _ = filled([1 << 20] * 15)
    assert len(builder.close(full=True).body) == PACK_SIZE == 16 << 20


def test_a_blob_that_would_overflow_does_not_fit():
    builder, _ = filled([PACK_SIZE - 10])
    assert builder.fits(bytes(10))
    assert not builder.fits(bytes(11))
    builder.add(b"i" * 32, bytes(10), is_chunk=True, epoch=EPOCH)
    assert len(builder.close(full=False).body) == PACK_SIZE


def test_the_filling_is_random():
    one, other = (filled([1000])[0].close(full=True).body for _ in range(2))
    assert one[:1000] == other[:1000]
    assert one != other
    assert abs(sum(one[-4096:]) / 4096 - 127.5) < 10


@pytest.mark.parametrize("size", [1, 100, 5000, 70_000, 3_000_000, PACK_SIZE - 1])
def test_the_filling_of_a_last_pack_is_at_most_12_per_cent(size):
    builder, _ = filled([size])
    assert size <= len(builder.close(full=False).body) <= min(PACK_SIZE, size * 1.12)


def test_what_one_builder_holds_can_go_into_another():
    one, first = filled([10, 20], seed=1)
    other, second = filled([30, 40], seed=2)
    one.extend(other)
    pack = one.close(full=False)
    assert [pack.body[b.offset : b.offset + b.length] for b in pack.blobs] == [*first, *second]
