"""Count what goes to a store: it is what a provider bills, and what does not depend on the machine.

An S3 client tries again by itself and lists in pages, which no wrapper sees: `S3Store` takes a
`Traffic` and counts each attempt where it is sent. For every other store the port's calls are the
requests, and `CountingStore` counts those. Nothing is ever counted by both.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from e2esync.model.store import ObjectInfo, Store

Verb = Literal["PUT", "GET", "LIST", "HEAD", "DELETE"]
VERBS: tuple[Verb, ...] = ("PUT", "GET", "LIST", "HEAD", "DELETE")


@dataclass(frozen=True, slots=True)
class Counts:
    """What went to the store so far."""

    requests: Mapping[Verb, int]  # attempts; each page of a listing, each batch of a delete
    uploaded_bytes: int  # bodies of objects, each attempt
    downloaded_bytes: int  # bodies of objects


class Traffic:
    """A counter that several threads and stores may share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = dict.fromkeys(VERBS, 0)
        self._uploaded = 0
        self._downloaded = 0

    @property
    def counts(self) -> Counts:
        """What was counted until now."""
        with self._lock:
            return Counts(dict(self._requests), self._uploaded, self._downloaded)

    def request(self, verb: Verb, *, uploaded: int = 0) -> None:
        """Count one attempt, and the bytes of its body."""
        with self._lock:
            self._requests[verb] += 1
            self._uploaded += uploaded

    def add(self, requests: Mapping[str, int], *, up: int, down: int) -> None:
        """Add what another process has counted."""
        with self._lock:
            for verb in VERBS:
                self._requests[verb] += requests.get(verb, 0)
            self._uploaded += up
            self._downloaded += down

    def received(self, size: int) -> None:
        """Count bytes of an object that arrived."""
        with self._lock:
            self._downloaded += size


class CountingStore:
    """A store of which each call is one request."""

    def __init__(self, store: Store, traffic: Traffic | None = None) -> None:
        self._store = store
        self._traffic = traffic or Traffic()

    @property
    def counts(self) -> Counts:
        """What was counted until now."""
        return self._traffic.counts

    @property
    def url(self) -> str:
        """Where this is, for people."""
        return self._store.url

    def put(self, key: str, body: bytes) -> str:
        """Store `body` under `key`; return the new ETag."""
        self._traffic.request("PUT", uploaded=len(body))
        return self._store.put(key, body)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store `body` if `key` is absent."""
        self._traffic.request("PUT", uploaded=len(body))
        return self._store.put_if_absent(key, body)

    def put_if_match(self, key: str, body: bytes, *, etag: str) -> bool:
        """Replace the object if its ETag is `etag`."""
        self._traffic.request("PUT", uploaded=len(body))
        return self._store.put_if_match(key, body, etag=etag)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `start`, or all of them."""
        self._traffic.request("GET")
        body = self._store.get(key, start=start, length=length)
        self._traffic.received(len(body))
        return body

    def head(self, key: str) -> ObjectInfo | None:
        """Return size and ETag, or None."""
        self._traffic.request("HEAD")
        return self._store.head(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object whose key starts with `prefix`."""
        self._traffic.request("LIST")
        yield from self._store.list(prefix)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove these objects."""
        self._traffic.request("DELETE")
        self._store.delete(keys)

    def close(self) -> None:
        """Close the store."""
        self._store.close()
