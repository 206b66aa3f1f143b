"""How long one thing is sent while others wait."""

from __future__ import annotations

from dataclasses import dataclass

TURN = 30.0  # seconds


@dataclass(slots=True)
class Turn:
    """How long a round may send before others get their turn.

    At least as long as it took until it sent anything: when it goes on, all that was sent is read again, and
    so it gets on by half of the time after all.
    """

    began: float
    sent: int  # bytes, by then
    sends_since: float | None = None

    def is_over(self, now: float, sent: int) -> bool:
        """Return whether it has had its turn; `sent`: bytes by now."""
        if self.sends_since is None:
            if sent > self.sent:
                self.sends_since = now
            return False
        return now - self.sends_since >= max(TURN, self.sends_since - self.began)
