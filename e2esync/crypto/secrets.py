"""Secret keys as types that cannot be mistaken for each other, and what is derived from them.

A key is never used directly: `derive` gives each use its own (format §1.2). Nothing here has a
nonce parameter, and no key shows itself in a `repr`, a log or a traceback.
"""

from __future__ import annotations

import hmac
from secrets import token_bytes
from typing import Protocol, Self, TypeAlias

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from e2esync.crypto.labels import Purpose, label
from e2esync.errors import BadObject

KEY_SIZE = 32  # bytes
NONCE_SIZE = 12  # bytes
SEAL_OVERHEAD = 28  # bytes: nonce and tag
WRAPPED_KEY_SIZE = 40  # bytes
ID_SIZE = 32  # bytes
_HASH_SIZE = 32

Buffer: TypeAlias = bytes | bytearray | memoryview


class SecretKey:
    """Thirty-two uniformly random bytes that do not show themselves."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_SIZE:
            raise BadObject("a key has the wrong length")
        self._secret = bytes(secret)

    @classmethod
    def generate(cls) -> Self:
        """Return a new random key."""
        return cls(token_bytes(KEY_SIZE))

    def reveal(self) -> bytes:
        """Return the 32 bytes, to be wrapped or stored by the caller."""
        return self._secret

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and hmac.compare_digest(self._secret, other._secret)

    def __hash__(self) -> int:
        return hash((type(self), self._secret))

    def __reduce__(self) -> str:
        raise TypeError("secret keys are not pickled")


class DataKey(SecretKey):
    """Key of one file (format §6.4)."""


class EpochKey(SecretKey):
    """Key of one generation of a vault (format §4.2)."""


class VaultSecret(SecretKey):
    """Key of a vault's ids, the same in every epoch (format §4.2)."""


class EnvelopeKey(SecretKey):
    """Key of one own record or one message (format §3.6, §11)."""


class Entropy(SecretKey):
    """What the recovery words spell (format §3.1)."""


def derive(key: SecretKey, purpose: Purpose, length: int = KEY_SIZE) -> bytes:
    """Return `length` bytes for one purpose: HKDF-Expand with SHA-256 (format §1.2, RFC 5869 §2.3)."""
    info, block, output = label(purpose), b"", b""
    for counter in range(1, -(-length // _HASH_SIZE) + 1):
        block = hmac.digest(key.reveal(), block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


class Sealer:
    """Seal and unseal under one key for one purpose (format §1.2)."""

    __slots__ = ("_aad", "_cipher")

    def __init__(self, key: SecretKey, purpose: Purpose) -> None:
        self._cipher = AESGCM(derive(key, purpose))
        self._aad = label(purpose)

    def seal(self, plaintext: Buffer, *, context: bytes) -> bytes:
        """Return nonce ‖ ciphertext ‖ tag, 28 bytes longer than `plaintext`."""
        nonce = token_bytes(NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, plaintext, self._aad + context)

    def unseal(self, sealed: Buffer, *, context: bytes) -> bytes:
        """Return the plaintext.

        Raises:
            BadObject: It was not sealed with this key, for this purpose, in this context.
        """
        try:
            return self._cipher.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], self._aad + context)
        except (InvalidTag, ValueError):
            raise BadObject("a sealed object does not open") from None


class Hasher(Protocol):
    """An id that grows with its data."""

    def update(self, data: Buffer, /) -> object:
        """Add data."""
        ...

    def digest(self) -> bytes:
        """Return the id of all data so far."""
        ...


class Identifier:
    """Keyed ids of one purpose: nobody without the key can test a guess (format §1.2)."""

    __slots__ = ("_key",)

    def __init__(self, key: SecretKey, purpose: Purpose) -> None:
        self._key = derive(key, purpose)

    def of(self, data: Buffer) -> bytes:
        """Return the 32-byte id of `data`."""
        return blake3(data, key=self._key).digest()

    def hasher(self) -> Hasher:
        """Return a hasher for content that comes in pieces."""
        return blake3(key=self._key)

    def disclose(self) -> bytes:
        """Return the 32 bytes of this one purpose, for somebody who is to recognise what has its ids (format §13)."""
        return self._key


class KeyWrapper:
    """Wrap and unwrap data keys under one epoch key (format §6.4, RFC 3394)."""

    __slots__ = ("_key",)

    def __init__(self, epoch_key: EpochKey) -> None:
        self._key = derive(epoch_key, Purpose.DATA_KEY_WRAP)

    def wrap(self, key: DataKey) -> bytes:
        """Return 40 bytes; the same for the same two keys."""
        return aes_key_wrap(self._key, key.reveal())

    def unwrap(self, wrapped: bytes) -> DataKey:
        """Return the data key.

        Raises:
            BadObject: These bytes were not wrapped under this epoch key.
        """
        try:
            return DataKey(aes_key_unwrap(self._key, wrapped))
        except InvalidUnwrap:
            raise BadObject("a data key does not open") from None
