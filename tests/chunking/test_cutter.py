"""Where a file is cut: within the bounds, by the content and the seed alone, so that an edit moves few cuts."""

import io
import random
from hashlib import sha256

import pytest

from e2esync.chunking.cutter import AVERAGE_SIZE, MAX_SIZE, MIN_SIZE, Cutter

MIB = 1 << 20
NOISE = random.Random(5).randbytes(24 * MIB)


class Source:
    """Bytes that come in pieces."""

    def __init__(self, content: bytes, piece: int = 1 << 30) -> None:
        self._file, self._piece = io.BytesIO(content), piece

    def readinto(self, buffer) -> int:
        return self._file.readinto(memoryview(buffer)[: self._piece])


def chunks(content: bytes, seed: int = 1, **options) -> list[bytes]:
    return [bytes(chunk) for chunk in Cutter(seed).cut(Source(content, **options))]


@pytest.mark.parametrize(
    "size", [1, MIN_SIZE - 1, MIN_SIZE, MIN_SIZE + 1, MAX_SIZE - 1, MAX_SIZE, MAX_SIZE + 1, 5 * MIB]
)
@pytest.mark.parametrize("content", [NOISE, bytes(5 * MIB)], ids=["noise", "zeros"])
def test_the_chunks_make_up_the_whole_within_the_bounds(size, content):
    found = chunks(content[:size])
    assert b"".join(found) == content[:size]
    assert all(MIN_SIZE <= len(chunk) <= MAX_SIZE for chunk in found[:-1])
    assert 0 < len(found[-1]) <= MAX_SIZE


def test_nothing_has_no_chunks():
    assert chunks(b"") == []


@pytest.mark.parametrize("size", [1, MIN_SIZE])
def test_a_small_file_is_one_chunk(size):
    assert len(chunks(NOISE[:size])) == 1


def test_chunks_are_about_512_kib():
    found = chunks(NOISE)
    assert AVERAGE_SIZE * 0.6 < len(NOISE) / len(found) < AVERAGE_SIZE * 1.7


def test_zeros_are_cut_at_the_most():
    assert {len(chunk) for chunk in chunks(bytes(8 * MIB))} == {MAX_SIZE}


@pytest.mark.parametrize("piece", [1000, 65_536, 700_001])
def test_it_does_not_matter_in_which_pieces_the_bytes_come(piece):
    assert chunks(NOISE[: 6 * MIB], piece=piece) == chunks(NOISE[: 6 * MIB])


def test_an_edit_moves_only_the_cuts_near_it():
    edited = NOISE[: 9 * MIB] + b"100 bytes in the middle" + NOISE[9 * MIB :]
    before = {sha256(chunk).digest() for chunk in chunks(NOISE)}
    after = chunks(edited)
    new = [chunk for chunk in after if sha256(chunk).digest() not in before]
    assert sum(map(len, new)) <= 4 * MAX_SIZE
    assert len(new) < len(after) / 3


def test_another_seed_cuts_elsewhere():
    assert chunks(NOISE, seed=1) == chunks(NOISE, seed=1)
    one, other = ({sha256(c).digest() for c in chunks(NOISE, seed=seed)} for seed in (1, 2))
    assert len(one & other) <= 1


@pytest.mark.parametrize("seed", [0, 1, (1 << 62) - 2, (1 << 62) - 1, 1 << 62, 1 << 63, (1 << 64) - 1])
def test_any_eight_bytes_are_a_seed(seed):
    assert b"".join(chunks(NOISE[: 3 * MIB], seed=seed)) == NOISE[: 3 * MIB]


def test_no_seed_is_the_public_table():
    from pyfastcdc import FastCDC

    public = FastCDC(AVERAGE_SIZE, min_size=MIN_SIZE, max_size=MAX_SIZE, seed=0)
    cuts = [bytes(chunk.data) for chunk in public.cut_stream(io.BytesIO(NOISE))]
    assert b"".join(cuts) == NOISE
    assert all(chunks(NOISE, seed=seed) != cuts for seed in (0, (1 << 62) - 1, 1 << 63))


def test_one_cutter_cuts_one_file_after_another():
    cutter = Cutter(7)
    for _ in range(2):
        assert b"".join(map(bytes, cutter.cut(Source(NOISE[: 2 * MIB])))) == NOISE[: 2 * MIB]
