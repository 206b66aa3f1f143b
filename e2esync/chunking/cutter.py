"""Where a file is cut into chunks: by content, so that an edit moves only the cuts near it (format §6.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from pyfastcdc import FastCDC

MIN_SIZE = 128 << 10  # bytes
AVERAGE_SIZE = 512 << 10  # bytes
MAX_SIZE = 2 << 20  # bytes
_SEEDS = (1 << 62) - 1

if "cy" not in FastCDC.__module__:  # the pure Python one is a hundred times slower
    raise ImportError("pyfastcdc was installed without its compiled core")


class Source(Protocol):
    """Something to read from."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer as far as possible; return how many bytes that was."""
        ...


class Cutter:
    """Cuts one file at a time."""

    def __init__(self, seed: int) -> None:
        # Never 0, which is the public table; one bit less than C holds, since pyfastcdc adds to it.
        self._fastcdc = FastCDC(AVERAGE_SIZE, min_size=MIN_SIZE, max_size=MAX_SIZE, seed=seed % _SEEDS + 1)

    def cut(self, source: Source) -> Iterator[memoryview]:
        """Yield the chunks of a source; each is valid until the next is asked for."""
        for chunk in self._fastcdc.cut_stream(source):
            yield chunk.data
