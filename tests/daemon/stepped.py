"""A clock that stands still until a test moves it on: what comes before what is the test's to say, not the machine's."""

from __future__ import annotations

import threading

from e2esync.daemon.ports import Times
from tests.daemon.ground import DEADLINE
from tests.engine.world import PassedClock


class Stepped:
    """Moves the clock of a world on, for one keeper, which waits by it."""

    def __init__(self, clock: PassedClock) -> None:
        self._clock = clock
        self._change: threading.Condition | None = None  # the keeper's, once it has waited
        self._rests = threading.Event()
        self.wakes_in: float | None = None
        """Seconds after which the keeper looks around again by itself."""
        self._slept = 0.0
        self.times = Times(self.steady, wall=lambda: self.steady() + 1e9, awake=self._awake, wait=self._wait)

    def steady(self) -> float:
        """Return how far the clock was moved on, in seconds."""
        return self._clock.ahead / 1e9

    def _awake(self) -> float:
        return self.steady() - self._slept

    def _wait(self, change: threading.Condition, seconds: float | None) -> None:
        """Rest until somebody says something; `step` is who says that time went by."""
        self._change, self.wakes_in = change, seconds
        self._rests.set()
        change.wait()

    def rest(self) -> None:
        """Wait until the keeper has done what is due now."""
        assert self._rests.wait(DEADLINE)

    def step(self, seconds: float) -> None:
        """Let so much time go by at once, and the keeper do what is due then."""
        self.rest()
        assert self._change is not None
        with self._change:
            self._clock.advance(seconds)
            self._rests.clear()
            self._change.notify_all()
        self.rest()

    def sleep(self, seconds: float) -> None:
        """Let the machine sleep for so long."""
        self._slept += seconds
        self.step(seconds)

    def run(self, seconds: float) -> None:
        """Let time go by from one thing that is due to the next."""
        end = self.steady() + seconds
        self.rest()
        while self.wakes_in is not None and self.steady() + self.wakes_in <= end:
            self.step(self.wakes_in)
        self.step(max(end - self.steady(), 0.0))
