"""What a hostile store remembers and what it shows: versions, requests, and one world for each lie that is told.

A `World` is what one or several clients see: the honest store, but for what was changed for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from e2esync.format import names

Verb = Literal["PUT", "GET", "LIST", "HEAD", "DELETE"]


@dataclass(frozen=True, slots=True)
class Version:
    """One write: since `time` the object has had this body; None: it was deleted."""

    time: int
    client: str
    key: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a client, in the order in which they came."""

    client: str
    verb: Verb
    key: str  # or prefix
    start: int = 0  # bytes
    length: int | None = None  # bytes that were asked for
    size: int = 0  # bytes of the body that was sent or answered; things of a listing
    found: bool = True


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands under a key instead of the honest object."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Manner:
    """How the store behaves when it is asked for a key, whatever stands there."""

    hidden: bool = False
    listed: bool = True
    etag: str | None = None
    size: int | None = None  # bytes, as head and list say
    headers: tuple[tuple[str, str], ...] = ()  # of the proxy's answers
    endless: bool = False
    delay: float = 0.0  # seconds before the answer
    errors: int = 0  # so many calls fail; -1: all
    redirect: int = 0  # the status of the proxy's answer

    @property
    def is_lie(self) -> bool:
        """Whether a proxy has to answer by itself."""
        return self != Manner()


@dataclass
class World:
    """What differs from the honest store for those who see this world."""

    changed: dict[str, Shown | None] = field(default_factory=dict)  # None: not there
    manners: dict[str, Manner] = field(default_factory=dict)
    listed_too: dict[str, int] = field(default_factory=dict)  # sizes of what only a listing shows
    deaf_prefixes: tuple[str, ...] = ()  # writes below are acknowledged and dropped
    conditions: bool | None = None  # what every conditional write is answered, None: the truth

    def copy(self) -> World:
        """Return a world that may go its own way."""
        return World(
            dict(self.changed),
            dict(self.manners),
            dict(self.listed_too),
            self.deaf_prefixes,
            self.conditions,
        )

    def manner(self, key: str) -> Manner:
        """Return how the store behaves at a key."""
        return self.manners.get(key, Manner())

    def behave(self, key: str, **changes: object) -> None:
        """Change how the store behaves at a key."""
        self.manners[key] = replace(self.manner(key), **changes)  # type: ignore[arg-type]

    def is_lie(self, key: str) -> bool:
        """Whether anything about a key differs from the honest store."""
        return key in self.changed or key in self.manners

    def lies_in_lists(self) -> bool:
        """Whether a listing differs from the honest one."""
        return bool(self.changed or self.listed_too or self.manners)


def state_at(versions: Iterable[Version], time: int) -> Mapping[str, bytes | None]:
    """Return what had been written by a time; None where it had been deleted."""
    return {version.key: version.body for version in versions if version.time <= time}


def view(requests: Iterable[Request]) -> list[tuple[object, ...]]:
    """Return requests as whoever knows no secrets may compare them: kinds, sizes, ranges, and which came again.

    Names are random or hashes; what is left of them is the kind of object, and the number of the
    first request in which the same name came up.
    """
    seen: dict[str, int] = {}
    shown: list[tuple[object, ...]] = []
    for request in requests:
        name = names.parse(request.key)
        kind = name.kind.name if name else request.key.partition("/")[0]
        number = seen.setdefault(request.key, len(seen))
        shown.append((request.verb, kind, number, request.start, request.length, request.size, request.found))
    return shown
