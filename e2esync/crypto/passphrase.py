"""Secrets at rest on this device, under a passphrase: Argon2id and AES-256-GCM.

Not part of the stored format: nothing that hangs on a passphrase ever reaches a store.

    version (1) ‖ passes (4) ‖ memory in KiB (4) ‖ lanes (1) ‖ salt (16) ‖ check (32) ‖ nonce (12) ‖ ciphertext ‖ tag

Argon2id gives key and check; the check commits to the passphrase, so that no blob opens under two.
All before the nonce is authenticated. Salt and nonce are random for each call, so that a key seals
once. The costs are checked before any memory is taken.
"""

from __future__ import annotations

import hmac
import struct
import unicodedata
from dataclasses import dataclass
from secrets import token_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from e2esync.errors import BadObject, Locked, NewerFormat

_VERSION = 1
_HEADER = struct.Struct(">BIIB16s")
_SALT_SIZE, _NONCE_SIZE, _KEY_SIZE, _CHECK_SIZE = 16, 12, 32, 32


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess costs."""

    passes: int
    memory: int  # KiB
    lanes: int


FLOOR = Cost(passes=3, memory=64 * 1024, lanes=4)  # RFC 9106, second recommended option
CEILING = Cost(passes=16, memory=1024 * 1024, lanes=16)


def seal(passphrase: str, plaintext: bytes, *, context: bytes, cost: Cost = FLOOR) -> bytes:
    """Return `plaintext` sealed under a passphrase, bound to `context`."""
    header = _HEADER.pack(_VERSION, cost.passes, cost.memory, cost.lanes, token_bytes(_SALT_SIZE))
    key, check = _derive(passphrase, header)
    nonce = token_bytes(_NONCE_SIZE)
    return header + check + nonce + AESGCM(key).encrypt(nonce, plaintext, context + header + check)


def unseal(passphrase: str, sealed: bytes, *, context: bytes) -> bytes:
    """Return the plaintext.

    Raises:
        Locked: Another passphrase, or a changed byte: nobody can tell which.
        BadObject: It is cut short, or its costs are out of bounds.
        NewerFormat: It was sealed by a newer version.
    """
    start = _HEADER.size + _CHECK_SIZE
    header, kept, rest = sealed[: _HEADER.size], sealed[_HEADER.size : start], sealed[start:]
    if len(header) < _HEADER.size:
        raise BadObject("the sealed keys are cut short")
    try:
        key, check = _derive(passphrase, header)
        if not hmac.compare_digest(check, kept):
            raise InvalidTag
        return AESGCM(key).decrypt(rest[:_NONCE_SIZE], rest[_NONCE_SIZE:], context + header + check)
    except (InvalidTag, ValueError):
        raise Locked(
            "the passphrase does not open the keys of this device", fix="type the passphrase again"
        ) from None


def _derive(passphrase: str, header: bytes) -> tuple[bytes, bytes]:
    """Return key and check."""
    version, passes, memory, lanes, salt = _HEADER.unpack(header)
    if version != _VERSION:
        raise NewerFormat("the sealed keys are of a newer version")
    if not (
        FLOOR.passes <= passes <= CEILING.passes
        and FLOOR.memory <= memory <= CEILING.memory
        and FLOOR.lanes <= lanes <= CEILING.lanes
    ):
        raise BadObject("the sealed keys name costs that are out of bounds")
    length = _KEY_SIZE + _CHECK_SIZE
    kdf = Argon2id(salt=salt, length=length, iterations=passes, lanes=lanes, memory_cost=memory)
    derived = kdf.derive(unicodedata.normalize("NFC", passphrase).encode())
    return derived[:_KEY_SIZE], derived[_KEY_SIZE:]
