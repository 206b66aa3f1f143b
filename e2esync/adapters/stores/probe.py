"""Find out what a store can do, by doing it, under a random prefix that is removed afterwards.

That a server accepts a condition proves nothing: some write all the same, some are wrong only when
several write at once. So it is tried: one after the other, then in a race.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from threading import Barrier
from typing import Protocol, runtime_checkable

from e2esync.errors import E2ESyncError, StoreRefused, TemporaryError
from e2esync.model.store import ObjectNotFound, Store

WRITERS = 8
_MIB = 1 << 20
_TOLERANCE = 300.0  # seconds of skew; S3 refuses at 900


class Outcome(Enum):
    """How a store did."""

    OK = "ok"
    IGNORED = "ignored"  # it takes the request and does not do what it says; e2esync does not rely on it
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried."""

    name: str
    outcome: Outcome
    sentence: str


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What was found. `error` is the first that the store gave, if any; what followed was not tried."""

    url: str
    findings: tuple[Finding, ...]
    error: E2ESyncError | None = None

    @property
    def usable(self) -> bool:
        """Whether e2esync can work with it: nothing failed. What is ignored is not needed."""
        return self.error is None and all(finding.outcome is not Outcome.FAILED for finding in self.findings)


@runtime_checkable
class TellsTime(Protocol):
    """A store that knows the time of its server."""

    def server_time(self) -> float | None:
        """Return seconds since 1970."""
        ...


@dataclass(frozen=True, slots=True)
class _Trial:
    store: Store
    prefix: str
    rounds: int
    clock: Callable[[], float]

    def key(self, name: str) -> str:
        """Return a key that is cleaned up."""
        return f"{self.prefix}{name}"


def probe(store: Store, *, rounds: int = 3, clock: Callable[[], float] = time.time) -> StoreReport:
    """Try everything that e2esync may ask of a store; leave nothing behind.

    Args:
        store: The adapter itself, without wrappers that retry.
        rounds: Of each race of `WRITERS` writers.
        clock: This computer's, in seconds since 1970.
    """
    trial = _Trial(store, f"probe-{secrets.token_hex(8)}/", rounds, clock)
    findings: list[Finding] = []
    error: E2ESyncError | None = None
    try:
        for name, step in _STEPS:
            outcome, sentence = step(trial)
            findings.append(Finding(name, outcome, sentence))
    except E2ESyncError as refusal:
        error = refusal
        findings.append(Finding(name, Outcome.FAILED, f"{refusal.what}: {refusal.why}"))
    with suppress(E2ESyncError):  # what goes wrong here went wrong before
        for n in range(_CLEANINGS):  # a write that lost a race may land behind the first
            if not (left := [info.key for info in store.list(trial.prefix)]):
                break
            time.sleep(_LANDS * n)
            store.delete(left)
    return StoreReport(store.url, tuple(findings), error)


_CLEANINGS = 8
_LANDS = 0.1  # seconds, more with each time

Step = Callable[[_Trial], tuple[Outcome, str]]


def _verdict(*, good: bool, yes: str, no: str) -> tuple[Outcome, str]:
    return (Outcome.OK, yes) if good else (Outcome.FAILED, no)


def _put_and_get(trial: _Trial) -> tuple[Outcome, str]:
    etag = trial.store.put(trial.key("object"), b"first")
    info = trial.store.head(trial.key("object"))
    good = trial.store.get(trial.key("object")) == b"first" and info is not None
    good = good and info is not None and (info.size, info.etag) == (5, etag)
    return _verdict(good=good, yes="what is saved can be read", no="what was saved reads differently")


def _overwrite(trial: _Trial) -> tuple[Outcome, str]:
    key = trial.key("object")
    etags = {trial.store.put(key, body) for body in (b"second", b"3rd", b"fourth")}
    good = trial.store.get(key) == b"fourth" and len(etags) == 3
    return _verdict(
        good=good, yes="what is overwritten reads as new at once", no="old content shows after an overwrite"
    )


def _ranges(trial: _Trial) -> tuple[Outcome, str]:
    key = trial.key("range")
    trial.store.put(key, bytes(range(100)))
    pieces = [(0, 10), (40, 20), (90, 50), (100, 5)]
    good = all(
        trial.store.get(key, start=start, length=n) == bytes(range(100))[start : start + n]
        for start, n in pieces
    )
    return _verdict(
        good=good, yes="pieces of an object can be read", no="a piece of an object reads differently"
    )


def _listing(trial: _Trial) -> tuple[Outcome, str]:
    wanted = {trial.key(f"list/{name}"): trial.store.put(trial.key(f"list/{name}"), b"x") for name in "abc"}
    trial.store.put(trial.key("lists"), b"x")
    listed = {info.key: info.etag for info in trial.store.list(trial.key("list/"))}
    return _verdict(
        good=listed == wanted, yes="a listing shows what is there", no="a listing shows something else"
    )


def _delete(trial: _Trial) -> tuple[Outcome, str]:
    key = trial.key("doomed")
    trial.store.put(key, b"x")
    trial.store.delete([key, trial.key("never-there")])
    try:
        trial.store.get(key)
    except ObjectNotFound:
        return _verdict(
            good=trial.store.head(key) is None, yes="what is deleted is gone", no="what is deleted shows"
        )
    return Outcome.FAILED, "what was deleted can still be read"


def _large(trial: _Trial) -> tuple[Outcome, str]:
    for size in (_MIB, 16 * _MIB):
        body = secrets.token_bytes(size)
        trial.store.put(trial.key("large"), body)
        if trial.store.get(trial.key("large")) != body:
            return Outcome.FAILED, f"an object of {size // _MIB} MiB reads differently"
    return Outcome.OK, "objects of 1 MiB and 16 MiB are saved and read"


def _create_once(trial: _Trial) -> tuple[Outcome, str]:
    try:
        answers = [trial.store.put_if_absent(trial.key("once"), body) for body in (b"1", b"2")]
    except StoreRefused as error:
        return Outcome.IGNORED, f"the store does not create on condition ({error.what})"
    if answers == [True, False] and trial.store.get(trial.key("once")) == b"1":
        return Outcome.OK, "an object is created only once"
    return Outcome.IGNORED, "the store overwrites although it was told to create only"


def _replace_once(trial: _Trial) -> tuple[Outcome, str]:
    key = trial.key("replaced")
    etag = trial.store.put(key, b"1")
    try:
        answers = [trial.store.put_if_match(key, body, etag=etag) for body in (b"22", b"333")]
    except StoreRefused as error:
        return Outcome.IGNORED, f"the store does not replace on condition ({error.what})"
    if answers == [True, False] and trial.store.get(key) == b"22":
        return Outcome.OK, "an object is replaced only if nobody else wrote"
    return Outcome.IGNORED, "the store overwrites although somebody else wrote meanwhile"


def _create_race(trial: _Trial) -> tuple[Outcome, str]:
    def write(name: str, body: bytes) -> bool:
        return trial.store.put_if_absent(trial.key(name), body)

    return _race(trial, "create", write)


def _replace_race(trial: _Trial) -> tuple[Outcome, str]:
    etags = {f"replace-{n}": trial.store.put(trial.key(f"replace-{n}"), b"") for n in range(trial.rounds)}

    def write(name: str, body: bytes) -> bool:
        return trial.store.put_if_match(trial.key(name), body, etag=etags[name])

    return _race(trial, "replace", write)


def _race(trial: _Trial, name: str, write: Callable[[str, bytes], bool]) -> tuple[Outcome, str]:
    """Let `WRITERS` write at once, several times; exactly one may win each time, and it must stand."""
    counts: set[int] = set()
    with ThreadPoolExecutor(WRITERS) as pool:
        for n in range(trial.rounds):
            winners = _one_round(pool, f"{name}-{n}", write)
            counts.add(len(winners))
            if len(winners) == 1 and trial.store.get(trial.key(f"{name}-{n}")) != winners[0]:
                return Outcome.IGNORED, "the one writer that was told it won was overwritten"
    if counts != {1}:
        told = "more than one writer" if max(counts) > 1 else "no writer"
        return Outcome.IGNORED, f"of {WRITERS} writers at once, {told} was told that it won"
    return Outcome.OK, f"of {WRITERS} writers at once only one wins"


def _one_round(pool: ThreadPoolExecutor, name: str, write: Callable[[str, bytes], bool]) -> list[bytes]:
    start = Barrier(WRITERS)

    def run(body: bytes) -> bool:
        start.wait()
        try:
            return write(name, body)
        except (StoreRefused, TemporaryError):  # some answer 500 to those who lost; nobody was told "won"
            return False

    bodies = [f"writer {n}".encode() for n in range(WRITERS)]
    return [body for body, won in zip(bodies, pool.map(run, bodies), strict=True) if won]


def _clock_skew(trial: _Trial) -> tuple[Outcome, str]:
    there = trial.store.server_time() if isinstance(trial.store, TellsTime) else None
    if there is None:
        return Outcome.OK, "the store has no clock of its own"
    skew = round(abs(trial.clock() - there))
    no = f"the clocks of this computer and of the store are {skew} s apart"
    return _verdict(good=skew <= _TOLERANCE, yes=f"the clocks agree within {max(skew, 1)} s", no=no)


_STEPS: tuple[tuple[str, Step], ...] = (
    ("put-get", _put_and_get),
    ("overwrite", _overwrite),
    ("ranges", _ranges),
    ("list", _listing),
    ("delete", _delete),
    ("large", _large),
    ("create-once", _create_once),
    ("replace-once", _replace_once),
    ("create-race", _create_race),
    ("replace-race", _replace_race),
    ("clock", _clock_skew),
)
