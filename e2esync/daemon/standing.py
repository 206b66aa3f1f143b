"""States that people understand, and the sentence for each."""

from __future__ import annotations

import errno
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from e2esync.engine.survey import FolderSurvey, Need
from e2esync.errors import (
    AGAIN,
    SAME,
    Busy,
    DiskFull,
    E2ESyncError,
    IntegrityError,
    Locked,
    NeedsYou,
    NoAccess,
    SafetyStop,
    StoreRefused,
    TemporaryError,
    UsageError,
)
from e2esync.model.amounts import remaining_text, size_text


class State(StrEnum):
    """How a folder, or all of them, stand. The first of these that one folder is in is that of all."""

    ERROR = "error"
    LOCKED = "locked"
    NEEDS_YOU = "needs-you"
    OFFLINE = "offline"
    PAUSED = "paused"
    SYNCING = "syncing"
    UP_TO_DATE = "up-to-date"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps a folder from being synced, or was found on the way."""

    state: State
    need: Need
    since: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Work:
    """How far a round is."""

    stage: str
    done: int  # bytes of files where it is sent or received, else things
    total: int | None
    since: float  # when the stage began, in seconds since 1970
    rate: float | None = None  # how much is done in a second; None as long as nobody can tell

    @property
    def remaining(self) -> float | None:
        """How many seconds it will take yet; None where nobody can tell."""
        if self.rate is None or self.total is None:
            return None
        return max(self.total - self.done, 0) / self.rate


@dataclass(frozen=True, slots=True)
class FolderStanding:
    """How one folder stands in the daemon."""

    state: State
    survey: FolderSurvey
    waiting: int = 0  # paths that were touched and not taken on yet
    trouble: Trouble | None = None
    work: Work | None = None
    watch: str | None = None  # why no events come, and what helps

    @property
    def needs(self) -> tuple[Need, ...]:
        """What a person has to see to."""
        if self.trouble is None or not self.is_stuck:
            return self.survey.needs
        return (self.trouble.need, *self.survey.needs)

    @property
    def is_stuck(self) -> bool:
        """Whether a person has to see to what keeps it from being synced."""
        return self.trouble is not None and self.trouble.state is not State.OFFLINE


def trouble_of(error: Exception, now: float) -> Trouble | None:
    """Return what an error comes to; None if nothing is wrong: another process is at work."""
    match error:
        case Busy():
            return None
        case Locked():
            state = State.LOCKED
        case TemporaryError():
            state = State.OFFLINE
        case NeedsYou() | SafetyStop() | StoreRefused() | NoAccess() | IntegrityError() | UsageError():
            state = State.NEEDS_YOU
        case _:
            state = State.ERROR
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        error = DiskFull("a disk of this computer is full", why=str(error.filename or error.strerror))
        state = State.NEEDS_YOU
    if isinstance(error, E2ESyncError):
        return Trouble(state, Need(error.code, error.what, _fix_here(error.fix), error.why), now)
    need = Need("bug", f"something went wrong that should not ({type(error).__name__})", "e2esync doctor")
    return Trouble(state, need, now)


def _fix_here(fix: str) -> str:
    """Return what mends something, for somebody who typed no command: the daemon tries again by itself."""
    for joint in (", then ", "; then "):
        fix = fix.replace(f"{joint}{AGAIN}", ITSELF)
    fix = fix.replace(f"{SAME} with", "run e2esync sync")
    return f"{fix}; a changed variable counts once the daemon was started anew" if "AWS_" in fix else fix


ITSELF = ", and it goes on by itself"


def lasting(before: Trouble | None, now: Trouble | None) -> Trouble | None:
    """Return what is wrong now, since when it is, where it was wrong before."""
    if before is None or now is None or before.state is not now.state:
        return now
    is_same = before.need.code == now.need.code or now.state is State.OFFLINE
    return replace(now, since=before.since) if is_same else now


def state_of(
    survey: FolderSurvey, *, is_paused: bool, is_working: bool, waiting: int, trouble: Trouble | None
) -> State:
    """Return the state of a folder."""
    if is_paused:
        return State.PAUSED
    if trouble is not None:
        return trouble.state
    if is_working or waiting:
        return State.SYNCING
    return State.NEEDS_YOU if survey.needs else State.UP_TO_DATE


def overall(states: Sequence[State]) -> State:
    """Return the state of all folders together."""
    order = list(State)
    return min(states, key=order.index, default=State.UP_TO_DATE)


def sentence(standings: Sequence[FolderStanding]) -> str:
    """Return what there is to say of all folders, in one sentence."""
    state = overall([each.state for each in standings])
    those = [each for each in standings if each.state is state]
    match state:
        case State.UP_TO_DATE:
            return "Everything is up to date."
        case State.SYNCING:
            return _syncing(those)
        case State.PAUSED:
            return "Paused: nothing is synced until `e2esync resume`."
        case State.OFFLINE:
            since = min(each.trouble.since for each in those if each.trouble is not None)
            return f"Offline since {_moment(since)}: {_what(those)}; it goes on by itself when that is over."
        case State.LOCKED:
            return f"Locked: {_what(those)}; {_do(those).removesuffix(ITSELF)}{ITSELF}."
        case State.NEEDS_YOU:
            return f"Needs you: {_what(those)}; {_do(those)}."
        case State.ERROR:
            return f"Error: {_what(those)}; it is tried again, and if that does not help, {_do(those)}."


_NAMELESS = {
    State.ERROR: "it is tried again; e2esync status says more",
    State.LOCKED: "it goes on by itself once the keys open",
    State.NEEDS_YOU: "e2esync status says what",
    State.OFFLINE: "it goes on by itself when the store answers",
    State.PAUSED: "nothing is synced until e2esync resume",
    State.SYNCING: "changes are on their way",
    State.UP_TO_DATE: "nothing is to be done",
}


def nameless(states: Sequence[State]) -> str:
    """Return a sentence on all folders that everybody may read: it names no file, folder or store."""
    state = overall(states)
    return f"{state}: {_NAMELESS[state]}"


def _moment(then: float) -> str:
    """Return a time for people, with its date where it was more than a day ago."""
    form = "%H:%M" if time.time() - then < DAY else "%Y-%m-%d %H:%M"
    return time.strftime(form, time.localtime(then))


DAY = 86_400


def _what(standings: Sequence[FolderStanding]) -> str:
    needs = [need for each in standings for need in _told(each)]
    more = f" (and {len(needs) - 1} more)" if len(needs) > 1 else ""
    return needs[0].what.rstrip(".") + more


def _do(standings: Sequence[FolderStanding]) -> str:
    fix = next(need.fix for each in standings for need in _told(each))
    return f"run {fix}" if fix.startswith("e2esync ") else fix


def _told(standing: FolderStanding) -> Sequence[Need]:
    return [standing.trouble.need] if standing.trouble is not None else standing.needs


def _syncing(standings: Sequence[FolderStanding]) -> str:
    works = [each.work for each in standings if each.work is not None]
    for work in works:
        if work.stage in _STREAMS and work.total:
            return f"Syncing: {_stream(work, work.total)}."
    if works:
        return f"Syncing: {_STAGES.get(works[0].stage, 'changes are on their way')}."
    waiting = sum(each.waiting for each in standings)
    return f"Syncing: {waiting} changes wait to be quiet." if waiting > 1 else "Syncing."


_STREAMS = {"push": "sending", "pull": "receiving"}
_STAGES = {"looking": "looking at what has changed", "compare": "comparing with the other devices"}


def _stream(work: Work, total: int) -> str:
    percent = 100 * min(work.done, total) // total
    parts = [f"{_STREAMS[work.stage]}, {percent} % of {size_text(total)}"]
    if work.rate is not None and work.remaining is not None:
        parts += [f"{size_text(work.rate)} per second", remaining_text(work.remaining)]
    return ", ".join(parts)
