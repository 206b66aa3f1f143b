"""AES-GCM as an adversary uses it: one ciphertext that two keys open, and decryption that believes everything.

GCM does not commit to its key (Dodis et al. 2018, "invisible salamanders"): the tag is linear in the
ciphertext, so that one free block makes the tags under two keys equal.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 16  # bytes
NONCE_SIZE = 12
_POLYNOMIAL = 0xE1 << 120
_ORDER = 2**128


def keystream(key: bytes, nonce: bytes, size: int) -> bytes:
    """Return what GCM adds to the plaintext."""
    return decrypt(key, nonce, bytes(size))


def decrypt(key: bytes, nonce: bytes, ciphertext: bytes) -> bytes:
    """Return the plaintext; the tag is not there, and nobody misses it."""
    counter = modes.CTR(nonce + (2).to_bytes(4, "big"))
    return Cipher(algorithms.AES(key), counter).encryptor().update(ciphertext)


def opens_under_both(keys: tuple[bytes, bytes], aad: bytes, size: int, *, starts: bytes) -> bytes:
    """Return nonce ‖ ciphertext ‖ tag that both keys open, to two plaintexts of `size` bytes.

    Both begin with `starts`, for which a nonce is searched (so one or two bytes); for the rest they
    are what the keystreams make of zeros, but for the last whole block.
    """
    assert size >= 2 * BLOCK
    nonce = next(n for n in _nonces() if len({keystream(key, n, len(starts)) for key in keys}) == 1)
    free = size // BLOCK - 1
    differ = _Tags(keys, nonce, aad)
    ciphertext = bytearray(size)
    ciphertext[: len(starts)] = bytes(
        a ^ b for a, b in zip(starts, keystream(keys[0], nonce, len(starts)), strict=True)
    )
    block = differ.block_that_closes(bytes(ciphertext), free)
    ciphertext[free * BLOCK : (free + 1) * BLOCK] = block
    return nonce + bytes(ciphertext) + differ.tag(bytes(ciphertext))


class _Tags:
    """The tags of one ciphertext under two keys."""

    def __init__(self, keys: tuple[bytes, bytes], nonce: bytes, aad: bytes) -> None:
        self._aad = aad
        self._hash_keys = [int.from_bytes(_ecb(key, bytes(BLOCK)), "big") for key in keys]
        self._masks = [int.from_bytes(_ecb(key, nonce + (1).to_bytes(4, "big")), "big") for key in keys]

    def tag(self, ciphertext: bytes) -> bytes:
        """Return the tag under the first key."""
        return self._tag(0, ciphertext).to_bytes(BLOCK, "big")

    def _tag(self, which: int, ciphertext: bytes) -> int:
        value, hash_key = 0, self._hash_keys[which]
        for block in _blocks(self._aad, ciphertext):
            value = _multiply(value ^ block, hash_key)
        return value ^ self._masks[which]

    def block_that_closes(self, ciphertext: bytes, position: int) -> bytes:
        """Return the block at `position`, zero so far, with which both tags are the same."""
        behind = len(list(_blocks(b"", ciphertext))) - position  # powers of the hash key
        difference = self._tag(0, ciphertext) ^ self._tag(1, ciphertext)
        weight = _power(self._hash_keys[0], behind) ^ _power(self._hash_keys[1], behind)
        return _multiply(difference, _power(weight, _ORDER - 2)).to_bytes(BLOCK, "big")


def _nonces() -> Iterator[bytes]:
    number = 0
    while True:
        yield number.to_bytes(NONCE_SIZE, "big")
        number += 1


def _blocks(aad: bytes, ciphertext: bytes) -> Iterator[int]:
    """Yield what GHASH takes in."""
    for part in (aad, ciphertext):
        for start in range(0, len(part), BLOCK):
            yield int.from_bytes(part[start : start + BLOCK].ljust(BLOCK, b"\0"), "big")
    yield len(aad) * 8 << 64 | len(ciphertext) * 8


def _ecb(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def _multiply(one: int, other: int) -> int:
    """Multiply in GHASH's field, whose first bit is the highest."""
    product = 0
    for bit in range(127, -1, -1):
        if one >> bit & 1:
            product ^= other
        other = other >> 1 ^ (_POLYNOMIAL if other & 1 else 0)
    return product


def _power(base: int, exponent: int) -> int:
    result = 1 << 127  # one, in this order of bits
    while exponent:
        if exponent & 1:
            result = _multiply(result, base)
        base = _multiply(base, base)
        exponent >>= 1
    return result
