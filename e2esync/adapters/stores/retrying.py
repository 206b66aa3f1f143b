"""Try again what the store could not do just now.

Only `StoreUnavailable` is tried again: whatever else goes wrong stays wrong. After such an error it
is unknown whether a write arrived. A plain `put` and a delete are harmless twice. A conditional
write is not: the second try would lose against the first. So what is stored is looked at before
the next try, and our own bytes there mean that the first has arrived. Writers that compete put
something of their own into the body (a writer's id); else who won can not be told apart.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from e2esync.errors import StoreUnavailable
from e2esync.model.store import ObjectInfo, ObjectNotFound, Store

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how long between two tries: up to `first * 2**n`, at most `longest`."""

    attempts: int = 4
    first: float = 0.5  # seconds
    longest: float = 20.0  # seconds


def _chance() -> float:
    return random.random()  # noqa: S311  spreads the tries of many devices; nobody's secret


class RetryingStore:
    """A store that is patient."""

    def __init__(
        self,
        store: Store,
        policy: RetryPolicy | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = _chance,
    ) -> None:
        self._store = store
        self._policy = policy or RetryPolicy()
        self._sleep = sleep
        self._chance = chance

    @property
    def url(self) -> str:
        """Where this is, for people."""
        return self._store.url

    def put(self, key: str, body: bytes) -> str:
        """Store `body` under `key`; return the new ETag."""
        return self._patiently(lambda _: self._store.put(key, body))

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store `body` if `key` is absent; after an unknown outcome, see what is there."""

        def attempt(tried: int) -> bool:
            if tried and (there := self._content(key, len(body))) is not None:
                return there == body
            return self._store.put_if_absent(key, body)

        return self._patiently(attempt)

    def put_if_match(self, key: str, body: bytes, *, etag: str) -> bool:
        """Replace the object if its ETag is `etag`; after an unknown outcome, see what is there."""

        def attempt(tried: int) -> bool:
            if tried:
                info = self._store.head(key)
                if info is None or info.etag != etag:
                    return self._content(key, len(body)) == body
            return self._store.put_if_match(key, body, etag=etag)

        return self._patiently(attempt)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `start`, or all of them."""
        return self._patiently(lambda _: self._store.get(key, start=start, length=length))

    def head(self, key: str) -> ObjectInfo | None:
        """Return size and ETag, or None."""
        return self._patiently(lambda _: self._store.head(key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object whose key starts with `prefix`, none twice.

        A listing that broke off begins anew: there is no order to go on from.
        """
        seen: set[str] = set()
        tried = 0
        while True:
            try:
                for info in self._store.list(prefix):
                    if info.key not in seen:
                        seen.add(info.key)
                        yield info
            except StoreUnavailable:
                tried += 1
                if tried >= self._policy.attempts:
                    raise
                self._wait(tried)
            else:
                return

    def delete(self, keys: Iterable[str]) -> None:
        """Remove these objects."""
        doomed = tuple(keys)  # an iterator could be walked once only
        self._patiently(lambda _: self._store.delete(doomed))

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _patiently(self, attempt: Callable[[int], T]) -> T:
        for tried in range(1, self._policy.attempts):
            try:
                return attempt(tried - 1)
            except StoreUnavailable:
                self._wait(tried)
        return attempt(self._policy.attempts - 1)

    def _wait(self, tried: int) -> None:
        longest = min(self._policy.longest, self._policy.first * 2 ** (tried - 1))
        self._sleep(longest * self._chance())

    def _content(self, key: str, size: int) -> bytes | None:
        try:
            return self._store.get(key, length=size + 1)  # one more, so that a longer object is not equal
        except ObjectNotFound:
            return None
