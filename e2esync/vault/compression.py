"""Compression of one blob at a time, before sealing (format §5.2).

Never across files: what two files have in common must not show in a size.
"""

from __future__ import annotations

import zstandard

from e2esync.errors import BadObject

RAW, ZSTD = b"\x00", b"\x01"
LEVEL = 1
MAX_WINDOW = 8 << 20  # bytes
SAMPLE_SIZE = 16 << 10  # bytes
MIN_SIZE = 64  # bytes; below, a frame's head eats the gain
_WORTH = 15 / 16


class Compressor:
    """Reuses its zstd contexts, which is most of the cost for small files; for one thread at a time."""

    def __init__(self) -> None:
        self._compress = zstandard.ZstdCompressor(level=LEVEL).compress
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)

    def compress(self, body: bytes | memoryview) -> bytes:
        """Return method ‖ data; as it is where a sample or the whole does not shrink."""
        size = len(body)
        if size >= MIN_SIZE and (
            size <= 2 * SAMPLE_SIZE or self._shrinks(body[size // 2 : size // 2 + SAMPLE_SIZE])
        ):
            packed = self._compress(body)
            if len(packed) < size * _WORTH:
                return ZSTD + packed
        return RAW + bytes(body) if isinstance(body, memoryview) else RAW + body

    def _shrinks(self, sample: bytes | memoryview) -> bool:
        return len(self._compress(sample)) < len(sample) * _WORTH

    def decompress(self, data: bytes, *, size: int | None, most: int) -> bytes:
        """Return the body of method ‖ data: `size` bytes if that is known, else at most `most`.

        Raises:
            BadObject: The method is unknown, or the frame is not what the format allows.
        """
        method, rest = data[:1], data[1:]
        if method == RAW:
            body = rest
        elif method == ZSTD:
            body = self._inflate(rest, most if size is None else min(size, most))
        else:
            raise BadObject("a blob is compressed in an unknown way")
        if (size is not None and len(body) != size) or len(body) > most:
            raise BadObject("a blob does not have the size that it should have")
        return body

    def _inflate(self, frame: bytes, most: int) -> bytes:
        """Inflate one frame, after a look at what it claims: a hostile frame must not allocate."""
        try:
            declared = zstandard.get_frame_parameters(frame)
            if declared.content_size > most or declared.window_size > MAX_WINDOW or declared.dict_id:
                raise BadObject("a blob would expand beyond its bounds")
            if not declared.content_size:  # the library looks at nothing more then; and no body is empty
                raise BadObject("a blob does not decompress")
            return self._decompressor.decompress(frame, allow_extra_data=False)
        except zstandard.ZstdError:
            raise BadObject("a blob does not decompress") from None
