"""A directory of 100 000 entries passes without being held in memory."""

import os
import tracemalloc

import pytest

COUNT = 100_000


@pytest.mark.slow
@pytest.mark.case(90)
def test_a_hundred_thousand_names_are_sorted_in_little_memory(world):
    (world.root / "big").mkdir()
    fd = os.open(world.root / "big", os.O_RDONLY)
    for i in range(COUNT):
        os.mknod(f"entry-{i * 7919 % COUNT:06d}", dir_fd=fd)
    os.close(fd)
    expected = (b"entry-%06d" % i for i in range(COUNT))
    tracemalloc.start()
    try:
        assert all(name == next(expected) for name, _ in world.folder.list(b"big"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert next(expected, None) is None
    assert peak < 16 * 1024 * 1024  # bytes; the fingerprints alone would be 25 MB
