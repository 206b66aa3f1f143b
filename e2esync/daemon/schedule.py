"""When a folder has what to do: a state table over touched paths and a clock that is passed in.

A path settles for a while before it is taken, so that a save in several steps is one version. What is
touched together goes together: nothing starts before all is quiet, or the first of it has waited long
enough. Where nobody knows what changed, everything is looked at. All times are seconds of one clock that
only goes forward, and counts while the machine sleeps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import NamedTuple

SETTLE = 2.0  # seconds a path has to be quiet
HOLD = 10.0  # seconds more for a file that just became empty: programs do that before they write it anew
PATIENCE = 30.0  # seconds after which what never rests is taken all the same; at least five times `settle`
MANY = 20_000  # touched paths, above which looking at everything is cheaper
BY_CLOCK, BUDGET = (
    60.0,
    20,
)  # the same where no events come: seconds, and at least so many times what a look took
WHOLE = 3600.0  # seconds between looks at everything, give or take a quarter
POLL, POLL_IDLE = 5.0, 60.0  # seconds between looks at the store: after something happened, and at most
SLOWER = 1.5  # by which those grow as long as nothing happens
RETRY, RETRY_MOST = 5.0, 60.0  # seconds until what failed is tried again, doubled each time
BEAT, BEAT_DAILY = 3600.0, 86_400.0  # seconds in which what was joined is published, and in which anything is


class Kind(StrEnum):
    """What there is to do."""

    WHOLE = "whole"  # look at everything, publish, fetch, apply
    TOUCHED = "touched"  # look at what was touched, and the same
    BEAT = "beat"  # publish what was joined
    POLL = "poll"  # fetch, apply


class Job(NamedTuple):
    """One round of a folder."""

    kind: Kind
    within: frozenset[bytes] | None = None  # paths to look at; None: all


@dataclass(slots=True)
class Touch:
    """Since when, and until when, something happens at a path."""

    first: float
    last: float
    held_until: float = 0.0
    was_held: bool = False
    is_large: bool = False  # takes so long that all else goes first


class Outcome(NamedTuple):
    """What a round came to."""

    has_asked: bool = True  # the store; not where nothing differed from what is known
    is_news: bool = False  # something was published or fetched
    is_behind: bool = False  # this device has joined what it has not published
    is_blind: bool = False  # no events come: only looking tells
    took: float = 0.0  # seconds


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a folder is; `poll` is for a fixed pace, None for one that slows down."""

    settle: float = SETTLE
    poll: float | None = None

    @property
    def patience(self) -> float:
        """Seconds after which what never rests is taken."""
        return max(PATIENCE, 5 * self.settle)


@dataclass
class Schedule:
    """What one folder has before it."""

    pace: Pace
    jitter: Callable[[], float]  # 0 to 1
    paused: bool = False
    whole_at: float = 0.0
    poll_at: float = 0.0
    beat_at: float | None = None
    retry_at: float | None = None  # not before: what was tried last has failed
    failures: int = 0
    _whole_by: float = inf  # events were lost: everything is looked at then at the latest, quiet or not
    _poll_wait: float = POLL
    _touched: dict[bytes, Touch] = field(default_factory=dict)

    # what happens

    def touch(self, path: bytes, now: float) -> None:
        """Something happened at a path."""
        if self._whole_by < inf:
            self.whole_at = min(now + self.pace.settle, self._whole_by)
        if path in self._touched:
            self._touched[path].last = now
        elif len(self._touched) < MANY:
            self._touched[path] = Touch(now, now)
        else:
            self.lose(now)

    def lose(self, now: float) -> None:
        """Nobody knows what happened: everything is looked at, as soon as it is quiet."""
        self._touched.clear()
        is_known = self._whole_by < inf
        self._whole_by = min(self._whole_by, now + self.pace.patience)
        quiet = min(now + self.pace.settle, self._whole_by)
        self.whole_at = quiet if is_known else min(self.whole_at, quiet)

    def hold(self, path: bytes, touch: Touch, now: float) -> bool:
        """Let a taken path that just became empty wait longer; return whether it does: it does so once."""
        if touch.was_held:
            return False
        touch.was_held, touch.held_until = True, now + HOLD
        self._touched.setdefault(path, touch)
        return True

    def defer(self, path: bytes, touch: Touch) -> None:
        """Let a taken path wait for all that is done sooner."""
        touch.is_large = True
        self._touched.setdefault(path, touch)

    def pause(self) -> None:
        """Do nothing until `resume`."""
        self.paused = True

    def resume(self, now: float) -> None:
        """Go on at once, also after a failure; only what is not quiet waits."""
        self.paused, self.retry_at, self.failures = False, None, 0
        self.whole_at = self.poll_at = min(self.whole_at, now)
        self._whole_by = inf

    def retry(self, now: float) -> None:
        """Go on at once with what failed: somebody was there, and has maybe seen to it."""
        if self.failures:
            self.retry_at, self.failures = now, 0

    # what to do

    def next(self, now: float) -> Job | None:
        """Return what is to be done now. What it takes on is touched no more, until it is touched again."""
        if self.paused or (self.retry_at is not None and now < self.retry_at):
            return None
        if now >= self._whole_due:
            return Job(Kind.WHOLE)
        if ready := self._ready(now):
            return Job(Kind.TOUCHED, ready)
        if self.beat_at is not None and now >= self.beat_at:
            return Job(Kind.BEAT, frozenset())
        return Job(Kind.POLL) if now >= self.poll_at else None

    @property
    def _whole_due(self) -> float:
        """When everything is looked at: after what was touched, which settles first, lest a save is taken half done."""
        waits = self._touched and self._whole_by == inf
        return self.whole_at + (self.pace.patience if waits else 0.0)

    def take(self, job: Job) -> dict[bytes, Touch]:
        """Take a job on; return what it makes untouched."""
        if job.kind is Kind.WHOLE:
            taken, self._touched = self._touched, {}
            # Until events are lost while it is done: those it does not see for certain.
            self.whole_at = self._whole_by = inf
            return taken
        if job.kind is not Kind.TOUCHED:
            return {}
        return {path: self._touched.pop(path) for path in job.within or () if path in self._touched}

    def _ready(self, now: float) -> frozenset[bytes]:
        """Return the paths that are taken now: none as long as it is not quiet, but for those that waited long."""
        touched = self._touched
        if not touched:
            return frozenset()
        waited = min(touch.first for touch in touched.values()) + self.pace.patience <= now
        if not waited and max(touch.last for touch in touched.values()) + self.pace.settle > now:
            return frozenset()
        ready = frozenset(path for path, touch in touched.items() if self._is_ready(touch, now))
        return frozenset(path for path in ready if not touched[path].is_large) or ready

    def has_small(self, now: float) -> bool:
        """Return whether something that is done soon could be taken now."""
        return any(not self._touched[path].is_large for path in self._ready(now))

    def _is_ready(self, touch: Touch, now: float) -> bool:
        is_quiet = max(touch.last + self.pace.settle, touch.held_until) <= now
        return is_quiet or touch.first + self.pace.patience <= now

    def wakes_at(self) -> float | None:
        """Return when there may be something to do, if nothing happens; None while it is paused."""
        if self.paused:
            return None
        times = [self._whole_due, self.poll_at, *([self.beat_at] if self.beat_at is not None else [])]
        if touches := self._touched.values():
            quiet = max(touch.last for touch in touches) + self.pace.settle
            held = min(max(touch.held_until, quiet) for touch in touches)
            times += [held, min(touch.first for touch in touches) + self.pace.patience]
        return max(min(times), self.retry_at or 0.0)

    @property
    def waiting(self) -> int:
        """How many paths were touched and not taken on yet."""
        return len(self._touched)

    # what came of it

    def succeed(self, job: Job, now: float, outcome: Outcome, *, again: Collection[bytes] = ()) -> None:
        """Note that a job is done; `again` are paths that were in the way: they are tried again, and not at once."""
        if not outcome.has_asked:  # what is due with the store stays so, and what was wrong with it
            return
        is_news, is_behind = outcome.is_news, outcome.is_behind
        self.retry_at, self.failures = None, 0
        if job.kind is Kind.WHOLE and outcome.is_blind:
            self.whole_at = min(self.whole_at, now + max(BY_CLOCK, BUDGET * outcome.took))
        elif job.kind is Kind.WHOLE:
            self.whole_at = min(self.whole_at, now + WHOLE * (0.75 + self.jitter() / 2))
        self._poll_wait = POLL if is_news else min(self._poll_wait * SLOWER, POLL_IDLE)
        self.poll_at = now + (self._poll_wait if self.pace.poll is None else self.pace.poll)
        published = job.kind is Kind.BEAT or (is_news and not is_behind)
        due = BEAT * (0.5 + self.jitter() / 2) if is_behind else BEAT_DAILY
        if self.beat_at is None or published:
            self.beat_at = now + due
        elif is_behind:
            self.beat_at = min(self.beat_at, now + due)
        for path in again:
            self._touched.setdefault(path, Touch(now, now, now + HOLD, was_held=True))

    def fail(self, job: Job, now: float, taken: dict[bytes, Touch], *, soon: bool = False) -> None:
        """Note that a job was not done: what it had taken on is touched as before. `soon`: nothing is wrong."""
        for path, touch in taken.items():
            self._touched.setdefault(path, touch)
        if job.kind is Kind.WHOLE:
            self.whole_at = now
        if soon:
            self.retry_at = now + 1
            return
        first = RETRY if self.pace.poll is None else min(self.pace.poll, RETRY)
        self.retry_at = now + min(first * 2**self.failures, RETRY_MOST) * (0.75 + self.jitter() / 2)
        self.failures = min(self.failures + 1, 16)
