"""Objects in memory: the reference that the other adapters are compared with."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from e2esync.errors import BadObject
from e2esync.model.store import (
    MAX_OBJECT,
    ObjectInfo,
    ObjectNotFound,
    check_key,
    check_prefix,
    check_range,
)


@dataclass(frozen=True, slots=True)
class _Object:
    body: bytes
    etag: str


class MemoryStore:
    """A store that lasts as long as the process; conditional writes are exact."""

    def __init__(self) -> None:
        self._objects: dict[str, _Object] = {}
        self._writes = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where this is, for people."""
        return "memory:"

    def put(self, key: str, body: bytes) -> str:
        """Store `body` under `key`; return the new ETag."""
        check_key(key)
        with self._lock:
            return self._write(key, body)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store `body` if `key` is absent; return whether it was."""
        check_key(key)
        with self._lock:
            absent = key not in self._objects
            if absent:
                self._write(key, body)
            return absent

    def put_if_match(self, key: str, body: bytes, *, etag: str) -> bool:
        """Replace the object if its ETag is `etag`; return whether it was."""
        check_key(key)
        with self._lock:
            known = self._objects.get(key)
            matches = known is not None and known.etag == etag
            if matches:
                self._write(key, body)
            return matches

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `start`, or all of them."""
        check_key(key)
        check_range(start, length)
        known = self._objects.get(key)
        if known is None:
            raise ObjectNotFound(key)
        if length is None and len(known.body) - start > MAX_OBJECT:
            raise BadObject(f"the object {key} is larger than any that e2esync writes")
        return known.body[start:] if length is None else known.body[start : start + length]

    def head(self, key: str) -> ObjectInfo | None:
        """Return size and ETag, or None."""
        check_key(key)
        known = self._objects.get(key)
        return None if known is None else ObjectInfo(key, len(known.body), known.etag)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object whose key starts with `prefix`."""
        check_prefix(prefix)
        with self._lock:
            objects = tuple(self._objects.items())
        for key, known in objects:
            if key.startswith(prefix):
                yield ObjectInfo(key, len(known.body), known.etag)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove these objects."""
        for key in keys:
            check_key(key)
            with self._lock:
                self._objects.pop(key, None)

    def close(self) -> None:
        """Nothing is held."""

    def _write(self, key: str, body: bytes) -> str:
        self._writes += 1  # an ETag is used once, also when the same bytes come back
        etag = f"{self._writes:x}"
        self._objects[key] = _Object(bytes(body), etag)
        return etag
