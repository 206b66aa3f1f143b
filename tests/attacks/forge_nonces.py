"""A log of every key and nonce with which anything is sealed, while devices rewrite, die and are cloned."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import ExitStack, suppress
from hashlib import sha256
from unittest.mock import patch

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from e2esync.adapters.stores.memory import MemoryStore
from e2esync.crypto import secrets
from e2esync.errors import E2ESyncError, StoreUnavailable
from tests.attacks.arena import Arena
from tests.engine.world import Dev

FILES = 40  # rewritten by each push
COMING_BACK = 4  # of them have contents that they had before
DEATHS_EVERY, CLONES_EVERY, REPLAYS_EVERY = 5, 9, 7  # pushes


class Log:
    """What was sealed: pairs of key and nonce, kept as hashes."""

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def add(self, key: bytes, nonce: bytes) -> None:
        self._seen[sha256(key + nonce).digest()[:16]] += 1

    @property
    def sealed(self) -> int:
        """How often anything was sealed."""
        return self._seen.total()

    @property
    def repeated(self) -> int:
        """How many seals had key and nonce of another."""
        return self.sealed - len(self._seen)


class SealedUnder(ExitStack):
    """While this lasts, every seal is noted in a log."""

    def __init__(self, log: Log) -> None:
        super().__init__()

        class Logged:
            def __init__(self, key: bytes) -> None:
                self._key, self._cipher = bytes(key), AESGCM(key)
                self.decrypt = self._cipher.decrypt

            def encrypt(self, nonce: bytes, data: bytes, aad: bytes) -> bytes:
                log.add(self._key, nonce)
                return self._cipher.encrypt(nonce, data, aad)

        self.enter_context(patch.object(secrets, "AESGCM", Logged))


def forever_rewritten(arena: Arena, rewrites: int) -> None:
    """Rewrite files so often, with all that makes clients use a nonce twice."""
    dev = arena.device("laptop")
    for push in range(-(-rewrites // FILES)):
        for file in range(FILES):
            version = push % 3 if file < COMING_BACK else push
            (dev.root / f"{file}").write_bytes(b"version %d of %d" % (version, file))
        if push % DEATHS_EVERY == 1:
            _dies(dev, after=push % 4)
        if push % CLONES_EVERY == 2:
            _is_cloned(arena, dev, push)
        if push % REPLAYS_EVERY == 3:
            arena.store.replay(arena.head_of(dev), arena.store.now - 1)
        with suppress(E2ESyncError):
            dev.push()
        arena.store.honest()


class _Dying:
    """A store that takes so many writes before the process ends."""

    def __init__(self, dev: Dev, left: int) -> None:
        self._store, self._left = dev.vault.store, left

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def put(self, key: str, body: bytes) -> str:
        if self._left == 0:
            raise StoreUnavailable("the process ends here")
        self._left -= 1
        return self._store.put(key, body)


def _dies(dev: Dev, *, after: int) -> None:
    with dev.using(store=_Dying(dev, after)), suppress(StoreUnavailable):
        dev.push()
    dev.restart()


def _is_cloned(arena: Arena, dev: Dev, push: int) -> None:
    """Let a copy of the device's disk, keys and state included, go on with contents of its own.

    The store shows neither the other's writes: else the first to see them stops.
    """
    home, apart = dev.home.with_name(f"clone {push}"), MemoryStore()
    shutil.copytree(dev.home, home, symlinks=True)
    for key in arena.store.shown():
        apart.put(key, arena.store.body(key))
    clone = Dev(dev.name, home, dev.keys, dev.device, apart, dev.clock)
    arena.world.devices.append(clone)
    (clone.root / "0").write_bytes(b"of the clone %d" % push)
    with suppress(E2ESyncError):
        clone.push()
    arena.drop(clone)
