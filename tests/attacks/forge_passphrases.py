"""Sealed keys of a device as an adversary rewrites them, and a key derivation that costs nothing and is watched."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from unittest.mock import patch

from e2esync.crypto import passphrase
from e2esync.errors import E2ESyncError
from tests.attacks.forge_gcm import opens_under_both

SALT = slice(10, 26)  # of a blob: version, passes, memory and lanes stand before it
KEY_SIZE, NONCE_SIZE, TAG_SIZE = 32, 12, 16  # bytes
SIZE = 64  # bytes of a plaintext with room for a block that makes two tags one


def with_costs(sealed: bytes, *, passes: int, memory: int, lanes: int) -> bytes:
    """Return the blob with other costs, in KiB of memory."""
    return sealed[:1] + struct.pack(">IIB", passes, memory, lanes) + sealed[SALT.start :]


def with_salt(sealed: bytes, salt: bytes) -> bytes:
    """Return the blob with another salt."""
    return sealed[: SALT.start] + salt + sealed[SALT.stop :]


@dataclass
class Watched:
    """What was derived: the keys, and what they were derived from."""

    keys: list[bytes] = field(default_factory=list)
    inputs: list[tuple[object, ...]] = field(default_factory=list)


@contextmanager
def watched() -> Iterator[Watched]:
    """Derive keys without cost, by a plain hash, and note them: costs that are refused are never paid."""
    seen = Watched()

    class Cheap:
        def __init__(
            self, *, salt: bytes, length: int, iterations: int, lanes: int, memory_cost: int
        ) -> None:
            self._about, self._length = (salt, iterations, lanes, memory_cost), length

        def derive(self, phrase: bytes) -> bytes:
            seen.inputs.append((*self._about, phrase))
            seen.keys.append(hashlib.shake_256(repr(seen.inputs[-1]).encode()).digest(self._length))
            return seen.keys[-1]

    with patch.object(passphrase, "Argon2id", Cheap):
        yield seen


def opens_under_two(phrases: tuple[str, str], *, context: bytes) -> bytes:
    """Return a blob that two passphrases open, as `watched` derives keys; all but its body is the first's."""
    with watched() as seen:
        sealed = passphrase.seal(phrases[0], bytes(SIZE), context=context)
        with suppress(E2ESyncError):
            passphrase.unseal(phrases[1], sealed, context=context)
    one, other = (key[:KEY_SIZE] for key in seen.keys)
    head = sealed[: -NONCE_SIZE - SIZE - TAG_SIZE]
    return head + opens_under_both((one, other), context + head, SIZE, starts=b"")
