"""A folder that is really watched, kept by a clock that a test moves on once all that happened was told."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from e2esync.adapters.watching.watch import Watch
from e2esync.daemon.ports import Hints
from tests.daemon.ground import DEADLINE, FakeGround, Watched
from tests.daemon.stepped import Stepped
from tests.engine.world import World
from tests.watching.queue import usual_queue


class Ears:
    """Hands on what is told, but for the marks that say how far the telling has come."""

    MARK = b"told-"

    def __init__(self, root: Path, hints: Hints) -> None:
        self._root, self._hints = root, hints
        self._heard: set[bytes] = set()
        self._change = threading.Condition()
        self.losses = 0

    def touched(self, path: bytes) -> None:
        if not path.startswith(self.MARK):
            self._hints.touched(path)
            return
        with self._change:
            self._heard.add(path)
            self._change.notify_all()

    def lost(self, reason: str) -> None:
        self.losses += 1
        self._hints.lost(reason)

    def catch_up(self) -> None:
        """Wait until all that has happened was told: events come in order."""
        mark = self.MARK + b"%d" % len(self._heard)
        (self._root / mark.decode()).mkdir()
        (self._root / mark.decode()).rmdir()
        with self._change:
            assert self._change.wait_for(lambda: mark in self._heard, DEADLINE)


@dataclass
class RealGround(FakeGround):
    """A folder whose changes are told by the system."""

    ears: list[Ears] = field(default_factory=list)

    def ear(self, hints: Hints) -> Ears:
        """Give who hears."""
        return Ears(self.dev.root, hints)

    def queue(self) -> AbstractContextManager[None]:
        """Say how long the queue of events is."""
        return usual_queue()

    def watch(self, hints: Hints) -> Watch:  # type: ignore[override]
        self.ears.append(self.ear(hints))
        with self.queue():
            return Watch.start(self.dev.root, self.ears[-1])


class Living:
    """A kept folder, a clock, and a second device that only looks on."""

    def __init__(self, world: World, watched: Watched, clock: Stepped) -> None:
        self.watched, self.clock = watched, clock
        self.ground = cast("RealGround", watched.ground)
        self.root = self.ground.dev.root
        self.desk = world.device("desk")

    def go_on(self, seconds: float) -> None:
        """Let time go by once the keeper has heard all that happened before."""
        self.clock.rest()
        self.ground.ears[-1].catch_up()
        self.clock.step(seconds)

    def come_to_rest(self) -> None:
        """Let so much time go by that nothing waits any more."""
        for _ in range(12):
            self.go_on(4.0)
