"""The store as one client of a hostile store sees it: the port, with every call recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from e2esync.errors import BadObject, NotS3, StoreUnavailable
from e2esync.model.store import ObjectInfo, ObjectNotFound, check_key, check_prefix, check_range
from moto_fixtures.hostile_record import Manner, Request

if TYPE_CHECKING:
    from moto_fixtures.hostile import HostileStore


class HostileView:
    """The store as one client sees it; each call is recorded."""

    def __init__(self, owner: HostileStore, client: str) -> None:
        self._owner, self._client = owner, client

    @property
    def url(self) -> str:
        return self._owner.wrapped.url

    def put(self, key: str, body: bytes) -> str:
        check_key(key)
        request = Request(self._client, "PUT", key, size=len(body))
        self._meet(request)
        self._record(request)
        return self._owner.write(self._client, key, body)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        return self._put_if(key, body, lambda: self.head(key) is None)

    def put_if_match(self, key: str, body: bytes, *, etag: str) -> bool:
        return self._put_if(key, body, lambda: (info := self.head(key)) is not None and info.etag == etag)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        check_key(key)
        check_range(start, length)
        request = Request(self._client, "GET", key, start, length)
        manner = self._meet(request)
        try:
            body = self._read(manner, key, start, length)
        except ObjectNotFound:
            self._record(replace(request, found=False))
            raise
        self._record(replace(request, size=len(body)))
        return body

    def head(self, key: str) -> ObjectInfo | None:
        check_key(key)
        request = Request(self._client, "HEAD", key)
        manner = self._meet(request)
        info = None if manner.hidden else self._owner.info(self._client, key)
        self._record(replace(request, found=info is not None))
        return info

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        self._record(Request(self._client, "LIST", prefix))
        yield from self._owner.listing(self._client, prefix)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            check_key(key)
            self._record(Request(self._client, "DELETE", key))
            self._owner.write(self._client, key, None)

    def close(self) -> None:
        """Nothing is held; the wrapped store belongs to whoever made it."""

    def _put_if(self, key: str, body: bytes, holds: Callable[[], bool]) -> bool:
        with self._owner.lock:
            check_key(key)
            told = self._owner.world(self._client).conditions
            done = holds() if told is None else told
            if done:
                self.put(key, body)
            return done

    def _read(self, manner: Manner, key: str, start: int, length: int | None) -> bytes:
        if manner.hidden:
            raise ObjectNotFound(key)
        if not manner.endless:
            return self._owner.read(self._client, key, start, length)
        if length is None:
            raise BadObject(f"the object {key} is larger than any that e2esync writes")
        body = self._owner.read(self._client, key, start, length)
        return body + bytes(length - len(body))

    def _meet(self, request: Request) -> Manner:
        """Return how the store behaves at a key, after it did what it does to whoever asks."""
        world = self._owner.world(self._client)
        manner = world.manner(request.key)
        if manner.delay:
            self._owner.wait(manner.delay)
        if manner.redirect:
            self._record(replace(request, found=False))
            raise NotS3("the store sends us elsewhere")  # what the adapter makes of a redirect
        if manner.errors:
            self._record(replace(request, found=False))
            world.behave(request.key, errors=max(-1, manner.errors - 1))
            raise StoreUnavailable("the store does not answer")
        return manner

    def _record(self, request: Request) -> None:
        self._owner.requests.append(request)
