"""What is kept of the past: the rules that a person sets, as functions of times and counts alone.

Without a rule everything is kept. Nothing of now is ever let go: the newest snapshot of each device
counts as of now, however old it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

DAY = 86_400  # seconds
MOST = 1_000_000  # days or versions


@dataclass(frozen=True, slots=True)
class Rules:
    """What a person said; None: nothing."""

    keep_days: int | None = None  # everything of the last days
    keep_versions: int | None = None  # of each file, so many versions that are older

    def __post_init__(self) -> None:
        for number in (self.keep_days, self.keep_versions):
            if number is not None and not 0 <= number <= MOST:
                raise ValueError("a rule of retention is out of range")

    @property
    def keeps_all(self) -> bool:
        """Whether nothing ever goes."""
        return self.keep_days is None and self.keep_versions is None


KEEP_ALL = Rules()


def in_window(times: Iterable[int], rules: Rules, *, now: int) -> Iterator[tuple[int, bool]]:
    """Yield time, and whether it is kept for its age, of each of a device's snapshots, the newest first.

    The last one from before the window is kept too: it says how things stood when the window began.
    A snapshot is no later than its successor, and than `now`, whatever it says. All in seconds since 1970.
    """
    begin, latest, is_over = now - DAY * (rules.keep_days or 0), now, False
    for time in times:
        latest = min(latest, time)
        yield latest, rules.keeps_all or not is_over
        is_over = is_over or latest <= begin


def is_among_last(older: int, rules: Rules) -> bool:
    """Return whether a version of a file is kept that is not in the window.

    `older` is how many are kept already that are not in the window and are newer than this one.
    """
    return rules.keeps_all or older < (rules.keep_versions or 0)
