"""A secret wrapped to several public keys: array of `[SHA256(public key), wrap]`, sorted (format §3.4, §3.6, §11)."""

from __future__ import annotations

from typing import TypeAlias

from e2esync.format import shape

Wraps: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Pairs of the SHA-256 of the recipient's public key and the wrap, sorted by the first."""


def decode_wraps(value: object, secret_size: int) -> Wraps:
    """Return the wraps of a secret of `secret_size` bytes.

    Raises:
        BadObject: They are not sorted, or not of this size.
    """
    wraps = shape.each(value, lambda pair: _decode_pair(pair, secret_size))
    shape.must(hold=bool(wraps))
    shape.ascending([recipient for recipient, _ in wraps])
    return wraps


def _decode_pair(value: object, secret_size: int) -> tuple[bytes, bytes]:
    recipient, wrap = shape.array(value, 2)
    return shape.digest(recipient), shape.octets(wrap, secret_size + shape.WRAP_OVERHEAD)


def wrap_of(wraps: Wraps, recipient: bytes) -> bytes | None:
    """Return the wrap for the public key with this SHA-256, or `None`."""
    return next((wrap for name, wrap in wraps if name == recipient), None)
