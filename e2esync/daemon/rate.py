"""How fast something goes: by the last half minute, since lines change, and what was read again is sent no more."""

from __future__ import annotations

from collections import deque

WINDOW = 30.0  # seconds
TELLING = 2.0  # seconds of work before they say anything


class Rate:
    """Looks back on how much was done when."""

    def __init__(self) -> None:
        self._noted: deque[tuple[float, int]] = deque()  # seconds, bytes

    def note(self, now: float, done: int) -> None:
        """Note how much is done; to be called about once a second, and first with what was done before."""
        self._noted.append((now, done))
        while now - self._noted[0][0] > WINDOW:
            self._noted.popleft()

    @property
    def value(self) -> float | None:
        """Bytes per second; None as long as nobody can tell."""
        if not self._noted:
            return None
        (then, before), (now, done) = self._noted[0], self._noted[-1]
        return (done - before) / (now - then) if now - then >= TELLING and done > before else None
