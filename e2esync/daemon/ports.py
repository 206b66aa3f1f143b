"""What a keeper stands on, is told by and is asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from e2esync.engine.notes import FolderNote
from e2esync.engine.vault import Progress, Summary, SyncedFolder


class Hints(Protocol):
    """Hears where something may have changed."""

    def touched(self, path: bytes, /) -> None:
        """Hear that something happened at a path in the folder."""

    def lost(self, reason: str, /) -> None:
        """Hear that nobody knows what happened."""


class Watching(Protocol):
    """Tells of changes until it is stopped."""

    @property
    def is_live(self) -> bool:
        """Whether events come."""

    @property
    def trouble(self) -> str | None:
        """Why none come, and what helps."""

    def stop(self) -> None:
        """End it."""


class Traffic(NamedTuple):
    """Requests and bytes."""

    requests: Mapping[str, int]
    up: int  # bytes
    down: int  # bytes

    def since(self, before: Traffic) -> dict[str, Any]:
        """Return what came on top."""
        requests = {verb: count - before.requests[verb] for verb, count in self.requests.items()}
        return {"requests": requests, "up": self.up - before.up, "down": self.down - before.down}


class Ground(Protocol):
    """What the keeper stands on: made of the configuration by whoever starts it."""

    @property
    def note(self) -> FolderNote:
        """The folder."""

    def open(self, progress: Progress) -> AbstractContextManager[SyncedFolder]:
        """Give the folder, locked for this process."""

    def renew(self, vault: SyncedFolder) -> SyncedFolder:
        """Give it as that of a new device."""

    def traffic(self) -> Traffic:
        """Return what went to the store so far."""

    def watch(self, hints: Hints) -> Watching:
        """Watch the folder."""


@dataclass(frozen=True)
class Times:
    """The clocks, passed in, and how a thread waits by them."""

    steady: Callable[[], float]  # seconds; counts while the machine sleeps
    wall: Callable[[], float] = time.time  # seconds since 1970
    awake: Callable[[], float] = time.monotonic  # seconds; stands still while the machine sleeps
    wait: Callable[[threading.Condition, float | None], object] = threading.Condition.wait  # so many seconds


@dataclass
class Order:
    """What a command hands over."""

    command: str
    dry_run: bool
    accepted: frozenset[str]
    progress: Progress
    done: Future[Summary]
    traffic: dict[str, Any] = field(default_factory=dict)  # what went to the store for it


@dataclass
class Reading:
    """What somebody wants to know of the folder while it is open."""

    look: Callable[[SyncedFolder], Any]
    done: Future[Any]
