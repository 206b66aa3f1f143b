"""Bounds on what a store may take: bytes per second up and down, calls at once.

The bucket of tokens may go into debt: an object of any size passes at once, and whoever comes next
waits until the debt is paid. So the average is kept, over some objects, without cutting them up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from e2esync.model.store import ObjectInfo, Store

CALLS = 16  # at once, if nobody says otherwise


@dataclass(frozen=True, slots=True)
class Limits:
    """None is without limit."""

    up: float | None = None  # bytes per second
    down: float | None = None  # bytes per second
    calls: int = CALLS  # at once

    def __post_init__(self) -> None:
        """Refuse what would stand still."""
        if self.calls < 1 or any(rate is not None and rate <= 0 for rate in (self.up, self.down)):
            raise ValueError(f"limits must be positive: {self}")


class TokenBucket:
    """Bytes per second, with one second's worth saved up at most."""

    def __init__(
        self, rate: float | None, *, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._tokens = rate or 0.0  # bytes; negative is debt
        self._filled = clock()

    def wait(self) -> None:
        """Wait until nothing is owed."""
        while (seconds := self._take(0)) > 0:
            self._sleep(seconds)

    def spend(self, size: int) -> None:
        """Count `size` bytes, which were or will be moved at once."""
        self._take(size)

    def _take(self, size: int) -> float:
        """Spend `size` tokens; return how many seconds are owed."""
        if self._rate is None:
            return 0.0
        with self._lock:
            now = self._clock()
            self._tokens = min(self._rate, self._tokens + (now - self._filled) * self._rate) - size
            self._filled = now
            return max(0.0, -self._tokens / self._rate)


class Budget:
    """What all stores that share it may take together."""

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.up = TokenBucket(limits.up, clock=clock, sleep=sleep)
        self.down = TokenBucket(limits.down, clock=clock, sleep=sleep)
        self.calls: AbstractContextManager[object] = threading.BoundedSemaphore(limits.calls)


class LimitedStore:
    """A store that is used gently."""

    def __init__(self, store: Store, budget: Budget) -> None:
        self._store = store
        self._up, self._down, self._calls = budget.up, budget.down, budget.calls

    @property
    def url(self) -> str:
        """Where this is, for people."""
        return self._store.url

    def put(self, key: str, body: bytes) -> str:
        """Store `body` under `key`; return the new ETag."""
        self._send(body)
        with self._calls:
            return self._store.put(key, body)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store `body` if `key` is absent."""
        self._send(body)
        with self._calls:
            return self._store.put_if_absent(key, body)

    def put_if_match(self, key: str, body: bytes, *, etag: str) -> bool:
        """Replace the object if its ETag is `etag`."""
        self._send(body)
        with self._calls:
            return self._store.put_if_match(key, body, etag=etag)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `start`, or all of them."""
        self._down.wait()
        with self._calls:
            body = self._store.get(key, start=start, length=length)
        self._down.spend(len(body))
        return body

    def head(self, key: str) -> ObjectInfo | None:
        """Return size and ETag, or None."""
        with self._calls:
            return self._store.head(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object whose key starts with `prefix`."""
        infos = iter(self._store.list(prefix))
        while True:
            with self._calls:  # for each step: who reads what is listed, meanwhile, needs calls as well
                info = next(infos, None)
            if info is None:
                return
            yield info

    def delete(self, keys: Iterable[str]) -> None:
        """Remove these objects."""
        doomed = tuple(keys)  # whoever makes up the keys may need calls to do so
        with self._calls:
            self._store.delete(doomed)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _send(self, body: bytes) -> None:
        self._up.wait()
        self._up.spend(len(body))
