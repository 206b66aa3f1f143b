"""Log each call: verb, key, size, milliseconds. Keys are random or hashes: nothing in them is secret."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from e2esync.errors import E2ESyncError
from e2esync.model.store import ObjectInfo, Store


class LoggedStore:
    """A store that tells what it does, at level DEBUG."""

    def __init__(
        self,
        store: Store,
        logger: logging.Logger | None = None,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._store = store
        self._log = logger or logging.getLogger(__name__)
        self._clock = clock

    @property
    def url(self) -> str:
        """Where this is, for people."""
        return self._store.url

    def put(self, key: str, body: bytes) -> str:
        """Store `body` under `key`; return the new ETag."""
        with self._told("PUT", f"{key} {len(body)} bytes"):
            return self._store.put(key, body)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store `body` if `key` is absent."""
        with self._told("PUT", f"{key} {len(body)} bytes, if absent"):
            return self._store.put_if_absent(key, body)

    def put_if_match(self, key: str, body: bytes, *, etag: str) -> bool:
        """Replace the object if its ETag is `etag`."""
        with self._told("PUT", f"{key} {len(body)} bytes, if {etag}"):
            return self._store.put_if_match(key, body, etag=etag)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `start`, or all of them."""
        asked = "the rest" if length is None else f"{length} bytes"
        with self._told("GET", f"{key} from {start}, {asked}"):
            return self._store.get(key, start=start, length=length)

    def head(self, key: str) -> ObjectInfo | None:
        """Return size and ETag, or None."""
        with self._told("HEAD", key):
            return self._store.head(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object whose key starts with `prefix`; the time is the reader's as well."""
        with self._told("LIST", prefix):
            yield from self._store.list(prefix)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove these objects."""
        doomed = tuple(keys)
        with self._told("DELETE", f"{len(doomed)} objects from {next(iter(doomed), 'none')}"):
            self._store.delete(doomed)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    @contextmanager
    def _told(self, verb: str, what: str) -> Iterator[None]:
        began = self._clock()
        outcome = "ok"
        try:
            yield
        except E2ESyncError as error:
            outcome = error.code
            raise
        finally:
            self._log.debug("%s %s: %s, %.0f ms", verb, what, outcome, (self._clock() - began) * 1000)
