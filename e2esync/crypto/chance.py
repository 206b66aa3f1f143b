"""Random bytes that are no key: what makes a thing the only one of its kind (format §4.1)."""

from __future__ import annotations

from secrets import token_bytes


def random_bytes(size: int) -> bytes:
    """Return `size` bytes that nobody can guess."""
    return token_bytes(size)
