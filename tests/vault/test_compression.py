"""Compression: nothing comes out but the one body that was promised, and nothing hostile allocates."""

import resource
import subprocess
import sys
import tracemalloc

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from e2esync.errors import BadObject
from e2esync.vault.compression import MAX_WINDOW, MIN_SIZE, SAMPLE_SIZE, Compressor

MOST = 1 << 21
GIB = 1 << 30


@pytest.fixture(scope="module")
def compressor():
    return Compressor()


bodies = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda part, n: part * n, st.binary(min_size=1, max_size=9), st.integers(0, 20_000)),
)


@settings(deadline=None)
@given(bodies)
def test_a_body_comes_back(body):
    compressor = Compressor()
    packed = compressor.compress(body)
    assert packed[:1] in {b"\0", b"\1"}
    assert len(packed) <= len(body) + 1
    assert compressor.decompress(packed, size=len(body), most=MOST) == body
    assert compressor.decompress(packed, size=None, most=MOST) == body
    assert compressor.compress(memoryview(body)) == packed


def test_what_repeats_shrinks_and_what_is_random_stays(compressor):
    import random

    assert len(compressor.compress(b"text " * 10_000)) < 200
    noise = random.Random(1).randbytes(100_000)
    assert compressor.compress(noise) == b"\0" + noise


@pytest.mark.parametrize("size", [0, 1, MIN_SIZE - 1, MIN_SIZE, 2 * SAMPLE_SIZE, 2 * SAMPLE_SIZE + 1, MOST])
def test_sizes_at_the_bounds_come_back(compressor, size):
    assert compressor.decompress(compressor.compress(bytes(size)), size=size, most=MOST) == bytes(size)


# --- what is refused ---


def frame(body: bytes, **options) -> bytes:
    return b"\1" + zstandard.ZstdCompressor(level=3, **options).compress(body)


def without_size(body: bytes) -> bytes:
    return frame(body, write_content_size=False)


def with_dictionary(body: bytes) -> bytes:
    made = zstandard.train_dictionary(2000, [b"sample %d of a dictionary" % n * 3 for n in range(2000)])
    return b"\1" + zstandard.ZstdCompressor(dict_data=made).compress(body)


def streamed(body: bytes, window_log: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters(window_log=window_log, write_content_size=True)
    writer = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=len(body))
    return b"\1" + writer.compress(body) + writer.flush()


BODY = b"a body that repeats " * 50
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip"
REFUSED = {
    "nothing": b"",
    "an unknown method": b"\2" + BODY,
    "method 255": b"\xff" + BODY,
    "no frame": b"\1",
    "no magic": b"\1" + BODY,
    "a frame cut off": frame(BODY)[:-1],
    "half a frame": frame(BODY)[:20],
    "a byte behind the frame": frame(BODY) + b"\0",
    "a second frame": frame(BODY) + frame(BODY)[1:],
    "a skippable frame first": b"\1" + SKIPPABLE + frame(BODY)[1:],
    "a skippable frame behind": frame(BODY) + SKIPPABLE,
    "a skippable frame only": b"\1" + SKIPPABLE,
    "no content size": without_size(BODY),
    "a dictionary": with_dictionary(BODY),
}


@pytest.mark.parametrize("packed", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("size", [None, len(BODY)])
def test_what_the_format_does_not_allow_is_refused(compressor, packed, size):
    with pytest.raises(BadObject):
        compressor.decompress(packed, size=size, most=MOST)


@pytest.mark.parametrize("packed", [b"\0" + BODY, frame(BODY)])
@pytest.mark.parametrize("more", [-1, 1])
def test_another_size_than_promised_is_refused(compressor, packed, more):
    assert compressor.decompress(packed, size=len(BODY), most=MOST) == BODY
    with pytest.raises(BadObject):
        compressor.decompress(packed, size=len(BODY) + more, most=MOST)


@pytest.mark.parametrize("packed", [b"\0" + BODY, frame(BODY)])
def test_more_than_the_most_is_refused(compressor, packed):
    assert compressor.decompress(packed, size=None, most=len(BODY)) == BODY
    with pytest.raises(BadObject):
        compressor.decompress(packed, size=None, most=len(BODY) - 1)


def test_a_window_of_8_mib_is_the_largest(compressor):
    body = bytes(40 << 20)
    assert zstandard.get_frame_parameters(streamed(body, 23)[1:]).window_size == MAX_WINDOW
    assert compressor.decompress(streamed(body, 23), size=len(body), most=1 << 26) == body
    with pytest.raises(BadObject):
        compressor.decompress(streamed(body, 24), size=len(body), most=1 << 26)


def test_a_frame_that_ends_before_its_stated_size_is_refused(compressor):
    lying = bytearray(frame(b"ab" * 200))
    parameters = zstandard.get_frame_parameters(bytes(lying[1:]))
    assert parameters.content_size == 400
    lying[6:8] = (500 - 256).to_bytes(2, "little")
    assert zstandard.get_frame_parameters(bytes(lying[1:])).content_size == 500
    with pytest.raises(BadObject):
        compressor.decompress(bytes(lying), size=500, most=MOST)
    with pytest.raises(BadObject):
        compressor.decompress(bytes(lying), size=400, most=MOST)


# --- bombs ---


def zeros(size: int) -> bytes:
    """A frame of as many zeros that states its size, made without them: RLE blocks of 128 KiB."""
    block = (1 << 17 << 3 | 2).to_bytes(3, "little") + b"\0"
    last = (1 << 17 << 3 | 3).to_bytes(3, "little") + b"\0"
    count = size >> 17
    return b"\1\x28\xb5\x2f\xfd\xc0\x38" + size.to_bytes(8, "little") + block * (count - 1) + last


def declares(size: int) -> bytes:
    """A small frame that states a huge size."""
    return b"\1\x28\xb5\x2f\xfd\xc0\x38" + size.to_bytes(8, "little") + b"\1\0\0"


def peak_of(act) -> int:
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_frames_of_zeros_are_what_they_claim(compressor):
    assert compressor.decompress(zeros(MOST), size=MOST, most=MOST) == bytes(MOST)


@pytest.mark.parametrize("size", [MOST + (1 << 17), GIB, 64 * GIB, (1 << 62), (1 << 64) - 2])
@pytest.mark.parametrize("expected", [None, 1000, MOST])
def test_a_bomb_is_refused_without_being_unpacked(compressor, size, expected):
    packed = declares(size) if size > GIB else zeros(size)

    def act():
        with pytest.raises(BadObject):
            compressor.decompress(packed, size=expected, most=MOST)

    assert peak_of(act) < 1 << 20


def test_a_bomb_is_refused_also_where_a_hostile_reference_promises_its_size(compressor):
    """The bound on a chunk holds whatever size the reference states."""
    packed = zeros(64 << 20)

    def act():
        with pytest.raises(BadObject):
            compressor.decompress(packed, size=64 << 20, most=MOST)

    assert peak_of(act) < 8 << 20


def test_a_frame_without_a_size_does_not_allocate_either(compressor):
    packed = without_size(bytes(256 << 20))
    assert len(packed) < 64 << 10

    def act():
        with pytest.raises(BadObject):
            compressor.decompress(packed, size=None, most=MOST)

    assert peak_of(act) < 1 << 20


def test_a_process_with_little_memory_survives_the_bombs():
    """What is not traced counts as well: the memory of the zstd library itself."""
    program = """
import resource
from e2esync.errors import BadObject
from e2esync.vault.compression import Compressor
from tests.vault.test_compression import declares, without_size, zeros
bombs = [zeros(1 << 30), declares(1 << 40), without_size(bytes(1 << 26))]
compressor = Compressor()
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for bomb in bombs:
    for size in (None, 1 << 21, 1 << 30):
        try:
            compressor.decompress(bomb, size=size, most=1 << 21)
        except BadObject:
            pass
        else:
            raise SystemExit("a bomb was let in")
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used
raise SystemExit(0 if grown < 64 << 10 else f"grew by {grown} KiB")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-500:]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0
