"""HPKE as an adversary makes it: with a low-order share, or with the classical half alone.

X25519 gives zeros for a point of low order, whoever computes it; the format's KEM (format §1) still has
its other half, so that a wrap with such a share can be made by anybody who knows the public key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from e2esync.crypto.asymmetric import HPKE_SEED_SIZE, HpkeKey
from e2esync.crypto.labels import Purpose, label
from e2esync.errors import BadObject

PRIME = 2**255 - 19
LOW_ORDER = tuple(
    number.to_bytes(32, "little")
    for number in (
        0,
        1,
        PRIME - 1,
        PRIME,
        PRIME + 1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    )
)
"""Every share with which X25519 gives zeros, those that are not in their one encoding too (RFC 7748 §6.1)."""

NOT_CANONICAL = tuple((PRIME + number).to_bytes(32, "little") for number in (2, 9, 18))

SMALL_ORDER = tuple(
    bytes.fromhex(y)
    for y in (
        "01" + "00" * 31,
        "ec" + "ff" * 30 + "7f",
        "00" * 32,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)
"""Ed25519 keys of small order, each without its sign (order 1, 2, 4, 8, 8; the last two in another encoding)."""

CLASSICAL = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
CLASSICAL_OVERHEAD = 48  # bytes

_SUITE = b"HPKE" + bytes.fromhex("647a00010002")
_KEM_PUBLIC, _KEM_SHARE, _SHARE = 1184, 1088, 32  # bytes
_COMBINER = rb"\.//^" + b"\\"


def wrap_low_order(
    public: bytes, purpose: Purpose, plaintext: bytes, *, context: bytes, share: bytes
) -> bytes:
    """Return a wrap to `public` whose X25519 share is of low order; all else is as the format has it."""
    secret, kem_share = MLKEM768PublicKey.from_public_bytes(public[:_KEM_PUBLIC]).encapsulate()
    shared = hashlib.sha3_256(secret + bytes(32) + share + public[_KEM_PUBLIC:] + _COMBINER).digest()
    key, nonce = _schedule(shared, label(purpose) + context)
    return kem_share + share + AESGCM(key).encrypt(nonce, plaintext, b"")


def wrap_classical(public: bytes, purpose: Purpose, plaintext: bytes, *, context: bytes) -> bytes:
    """Return a wrap to the X25519 half of `public` alone."""
    key = X25519PublicKey.from_public_bytes(public[_KEM_PUBLIC:])
    return CLASSICAL.encrypt(plaintext, key, info=label(purpose) + context)


def wraps_to_anybody(original: Callable[..., bytes]) -> Callable[..., bytes]:
    """A client whose X25519 gives zeros instead of an error, and whose ML-KEM reduces what it is given."""

    def lenient(public: bytes, purpose: Purpose, plaintext: bytes, *, context: bytes) -> bytes:
        try:
            return original(public, purpose, plaintext, context=context)
        except BadObject:
            reduced = b"\0\0\0" + public[3:]
            share = X25519PrivateKey.generate().public_key().public_bytes_raw()
            return wrap_low_order(reduced, purpose, plaintext, context=context, share=share)

    return lenient


def unwraps_low_order(original: Callable[..., bytes]) -> Callable[..., bytes]:
    """A client whose X25519 gives zeros instead of an error."""

    def unwrap(self: HpkeKey, purpose: Purpose, wrapped: bytes, *, context: bytes) -> bytes:
        share = wrapped[_KEM_SHARE : _KEM_SHARE + _SHARE]
        if share not in LOW_ORDER:
            return original(self, purpose, wrapped, context=context)
        seed = self.reveal()
        secret = MLKEM768PrivateKey.from_seed_bytes(seed[: HPKE_SEED_SIZE - 32]).decapsulate(
            wrapped[:_KEM_SHARE]
        )
        shared = hashlib.sha3_256(secret + bytes(32) + share + self.public[_KEM_PUBLIC:] + _COMBINER).digest()
        key, nonce = _schedule(shared, label(purpose) + context)
        try:
            return AESGCM(key).decrypt(nonce, wrapped[_KEM_SHARE + _SHARE :], b"")
        except InvalidTag:
            raise BadObject("a wrapped key does not open") from None

    return unwrap


def unwraps_classical(original: Callable[..., bytes]) -> Callable[..., bytes]:
    """A client that takes the suite from the form of the wrap."""

    def unwrap(self: HpkeKey, purpose: Purpose, wrapped: bytes, *, context: bytes) -> bytes:
        if len(wrapped) > _KEM_SHARE:
            return original(self, purpose, wrapped, context=context)
        key = X25519PrivateKey.from_private_bytes(self.reveal()[HPKE_SEED_SIZE - 32 :])
        return CLASSICAL.decrypt(wrapped, key, info=label(purpose) + context)

    return unwrap


def _schedule(shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Return key and nonce of HPKE's base mode (RFC 9180 §5.1)."""
    context = b"\0" + _extract(b"", b"psk_id_hash", b"") + _extract(b"", b"info_hash", info)
    secret = _extract(shared, b"secret", b"")
    return _expand(secret, b"key", context, 32), _expand(secret, b"base_nonce", context, 12)


def _extract(salt: bytes, name: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + _SUITE + name + secret, "sha256")


def _expand(key: bytes, name: bytes, info: bytes, length: int) -> bytes:
    message = length.to_bytes(2, "big") + b"HPKE-v1" + _SUITE + name + info
    return hmac.digest(key, message + b"\1", "sha256")[:length]
