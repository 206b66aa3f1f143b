"""Padding that hides sizes at a cost of at most 12 % (format §1.3)."""

from __future__ import annotations

from e2esync.errors import BadObject

_LENGTH_SIZE = 4


def padme(size: int) -> int:
    """Return the padded size for `size` bytes."""
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (size + mask) & ~mask


def pad(body: bytes, *, overhead: int, least: int = 0) -> bytes:
    """Return `body` with its length and zeros, so that with `overhead` bytes more it has a padded size.

    That is `least` where it would be less.
    """
    filled = _LENGTH_SIZE + len(body)
    zeros = bytes(max(least, padme(filled + overhead)) - overhead - filled)
    return len(body).to_bytes(_LENGTH_SIZE, "big") + body + zeros


def unpad(padded: bytes, *, overhead: int, least: int = 0) -> bytes:
    """Return the body.

    Raises:
        BadObject: Length or zeros are not as `pad` makes them.
    """
    length = int.from_bytes(padded[:_LENGTH_SIZE], "big")
    end = _LENGTH_SIZE + length
    wanted = max(least, padme(end + overhead))
    if len(padded) < end or len(padded) + overhead != wanted or any(padded[end:]):
        raise BadObject("an object is not padded as it should be")
    return padded[_LENGTH_SIZE:end]
