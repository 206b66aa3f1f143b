"""Key pairs: Ed25519 signatures and the hybrid HPKE of the format (§1, §1.2)."""

from __future__ import annotations

import hashlib
from secrets import token_bytes
from typing import Self

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from e2esync.crypto.labels import Purpose, label
from e2esync.errors import BadObject

SIGNATURE_SIZE = 64  # bytes
VERIFY_KEY_SIZE = 32  # bytes
HPKE_PUBLIC_SIZE = 1216  # bytes: ML-KEM-768 encapsulation key and X25519 public key
HPKE_SEED_SIZE = 96  # bytes: ML-KEM seed and X25519 private key
WRAP_OVERHEAD = 1136  # bytes: encapsulation and tag
_MLKEM_SEED_SIZE, _MLKEM_PUBLIC_SIZE = 64, 1184

# Every encoding of the eight Ed25519 points of small order, without the sign.
_SMALL_ORDER = frozenset(
    bytes.fromhex(y)
    for y in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",  # p, and below p + 1: not canonical
        "ee" + "ff" * 30 + "7f",
    )
)
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def record_hash(purpose: Purpose, payload: bytes) -> bytes:
    """Return the 32-byte hash of a record: over the bytes that are signed (format §1.2)."""
    return hashlib.sha256(label(purpose) + payload).digest()


def object_hash(content: bytes | bytearray | memoryview) -> bytes:
    """Return the SHA-256 by which a stored object is named (format §2)."""
    return hashlib.sha256(content).digest()


class SigningKey:
    """An Ed25519 private key."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> Self:
        """Return a new random key."""
        return cls(token_bytes(32))

    def sign(self, purpose: Purpose, payload: bytes) -> bytes:
        """Return the 64-byte signature of `payload` for one purpose."""
        return self._key.sign(label(purpose) + payload)

    def reveal(self) -> bytes:
        """Return the 32-byte seed, to be wrapped or stored by the caller."""
        return self._key.private_bytes_raw()

    def __repr__(self) -> str:
        return "SigningKey(…)"


def verify(public: bytes, purpose: Purpose, payload: bytes, signature: bytes) -> None:
    """Check a signature.

    Raises:
        BadObject: It is not the signature of `payload` by `public` for this purpose.
    """
    if bytes([*public[:31], *(byte & 0x7F for byte in public[31:])]) in _SMALL_ORDER:
        raise BadObject("a signature does not hold")  # under such a key one signature holds for everything
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, label(purpose) + payload)
    except (InvalidSignature, ValueError):
        raise BadObject("a signature does not hold") from None


class HpkeKey:
    """A private key to which others wrap small secrets."""

    __slots__ = ("_key", "_seed", "public")

    def __init__(self, seed: bytes) -> None:
        mlkem = MLKEM768PrivateKey.from_seed_bytes(seed[:_MLKEM_SEED_SIZE])
        x25519 = X25519PrivateKey.from_private_bytes(seed[_MLKEM_SEED_SIZE:])
        self._seed = bytes(seed)
        self._key = hpke.MLKEM768X25519PrivateKey(mlkem, x25519)
        self.public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> Self:
        """Return a new random key."""
        return cls(token_bytes(HPKE_SEED_SIZE))

    def unwrap(self, purpose: Purpose, wrapped: bytes, *, context: bytes) -> bytes:
        """Return what was wrapped to this key.

        Raises:
            BadObject: It was not wrapped to this key, for this purpose, in this context.
        """
        try:
            return _SUITE.decrypt(wrapped, self._key, info=label(purpose) + context)
        except (InvalidTag, ValueError):
            raise BadObject("a wrapped key does not open") from None

    def reveal(self) -> bytes:
        """Return the 96-byte seed, to be wrapped or stored by the caller."""
        return self._seed

    def __repr__(self) -> str:
        return "HpkeKey(…)"


def wrap(public: bytes, purpose: Purpose, plaintext: bytes, *, context: bytes) -> bytes:
    """Return `plaintext` wrapped to a public key of 1216 bytes; 1136 bytes longer (format §1).

    Raises:
        BadObject: `public` is no valid key.
    """
    try:
        key = hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_SIZE]),
            X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC_SIZE:]),
        )
        return _SUITE.encrypt(plaintext, key, info=label(purpose) + context)
    except ValueError:
        raise BadObject("a public key is not valid") from None
