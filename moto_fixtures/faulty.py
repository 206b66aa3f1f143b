"""A store with bad days: any store port of e2esync, and the k-th call of it goes wrong as a script says.

`FaultProxy` (in `faulty_proxy`) does the same to a real S3 server, one floor below. Everything is
counted from 1 and every chance has a seed, so that a failure can be repeated.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from e2esync.errors import StoreUnavailable
from e2esync.model.store import ObjectInfo, ObjectNotFound, Store

T = TypeVar("T")


class Fault(Enum):
    """What becomes of one call."""

    BEFORE = "an error, and nothing was done"
    AFTER = "an error, although it was done"
    TRUNCATED = "a read that brings half"
    WRONG = "a read of which one byte is another"
    LOST = "a write that is acknowledged and dropped"
    STALE = "a read or a listing as it was when `remember` was called"
    UNCONDITIONAL = "a write whose condition is ignored"
    LYING = "a conditional write that does the right thing or not, and says anything"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the port: PUT, GET, HEAD, LIST or DELETE, of a key or a prefix."""

    number: int
    verb: str
    key: str  # of a DELETE: the first


Script = Callable[[Call], Fault | None]


def nothing(_call: Call) -> None:
    """Let everything be well."""


def at(number: int, fault: Fault) -> Script:
    """Let the call with this number go wrong."""
    return lambda call: fault if call.number == number else None


def on(verb: str, pattern: str, fault: Fault, *, times: int | None = None) -> Script:
    """Let calls of this verb, of keys in which `pattern` is found, go wrong: all, or the first so many."""
    matched = [0]

    def script(call: Call) -> Fault | None:
        if call.verb != verb or not re.search(pattern, call.key):
            return None
        matched[0] += 1
        return fault if times is None or matched[0] <= times else None

    return script


def sometimes(probability: float, faults: Iterable[Fault], *, seed: int) -> Script:
    """Let calls go wrong by chance, in one of several ways."""
    chance, kinds = random.Random(seed), tuple(faults)
    return lambda _call: chance.choice(kinds) if chance.random() < probability else None


class FaultyStore:
    """A store that follows a script; `calls` is what was asked of it."""

    def __init__(self, store: Store, script: Script = nothing, *, seed: int = 0) -> None:
        self.script = script
        self.calls: list[Call] = []
        self._store = store
        self._chance = random.Random(seed)
        self._past: dict[str, tuple[ObjectInfo, bytes]] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return self._store.url

    def remember(self) -> None:
        """Keep everything as it is now, for `Fault.STALE`."""
        self._past = {info.key: (info, self._store.get(info.key)) for info in self._store.list("")}

    def put(self, key: str, body: bytes) -> str:
        fault = self._fault("PUT", key)
        if fault is Fault.LOST:
            return f"made-up-{self._chance.getrandbits(64):x}"
        return self._around(fault, lambda: self._store.put(key, body))

    def put_if_absent(self, key: str, body: bytes) -> bool:
        return self._conditional(key, body, lambda: self._store.put_if_absent(key, body))

    def put_if_match(self, key: str, body: bytes, *, etag: str) -> bool:
        return self._conditional(key, body, lambda: self._store.put_if_match(key, body, etag=etag))

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        fault = self._fault("GET", key)
        if fault is Fault.STALE:
            if key not in self._past:
                raise ObjectNotFound(key)
            return self._past[key][1][start : None if length is None else start + length]
        content = self._around(fault, lambda: self._store.get(key, start=start, length=length))
        return self._damaged(fault, content)

    def head(self, key: str) -> ObjectInfo | None:
        fault = self._fault("HEAD", key)
        if fault is Fault.STALE:
            return self._past[key][0] if key in self._past else None
        return self._around(fault, lambda: self._store.head(key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        fault = self._fault("LIST", prefix)
        if fault is Fault.BEFORE:
            raise _unavailable()
        now = self._store.list(prefix)
        then = (info for key, (info, _) in self._past.items() if key.startswith(prefix))
        yield from then if fault is Fault.STALE else now
        if fault is Fault.AFTER:
            raise _unavailable()

    def delete(self, keys: Iterable[str]) -> None:
        doomed = tuple(keys)
        fault = self._fault("DELETE", doomed[0] if doomed else "")
        if fault is not Fault.LOST:
            self._around(fault, lambda: self._store.delete(doomed))

    def close(self) -> None:
        self._store.close()

    def _fault(self, verb: str, key: str) -> Fault | None:
        with self._lock:
            call = Call(len(self.calls) + 1, verb, key)
            self.calls.append(call)
            return self.script(call)

    def _around(self, fault: Fault | None, act: Callable[[], T]) -> T:
        if fault is Fault.BEFORE:
            raise _unavailable()
        done = act()
        if fault is Fault.AFTER:
            raise _unavailable()
        return done

    def _conditional(self, key: str, body: bytes, act: Callable[[], bool]) -> bool:
        fault = self._fault("PUT", key)
        if fault is Fault.LOST:
            return True
        if fault is Fault.UNCONDITIONAL:
            self._store.put(key, body)
            return True
        if fault is Fault.LYING:
            if self._chance.random() < 0.5:
                act()
            return self._chance.random() < 0.5
        return self._around(fault, act)

    def _damaged(self, fault: Fault | None, content: bytes) -> bytes:
        if fault is Fault.TRUNCATED:
            return content[: len(content) // 2]
        if fault is Fault.WRONG and content:
            place = self._chance.randrange(len(content))
            return content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :]
        return content


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("the store has a bad day", why="the test says so")
