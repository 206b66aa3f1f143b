"""Bad days by name, the commands that may meet them, and what has to be true afterwards.

A day is good again when its rules are lifted. Then the same command, run again, has to mend it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from moto_fixtures.faulty_rules import (
    Bandwidth,
    CutAnswer,
    CutBefore,
    CutRequest,
    CutResponse,
    Endless,
    Hang,
    Hidden,
    Latency,
    LostPut,
    LyingCondition,
    NoContinue,
    Refusal,
    Rule,
    Stale,
    Trickle,
    Truncated,
    Unconditional,
    WrongBytes,
)
from tests.badday.house import MIB, Done, House
from tests.engine.world import tree

WRITES, READS = "PUT DELETE", "GET LIST"
HEADS, PACKS, INDEXES = "/heads/", "/packs/", "/index/"
CODES = {0, 6, 7, 8}  # fine, integrity, temporary, refused
ALSO = {"doctor": {1}, "join": {5}, "move-store": {5}}  # it reads differently; no vault of yours shows
MEMORY = 250  # MiB
TIME = 45  # seconds, with the short patience of `impatient`
SENT = 2 * MIB + 500_000  # bytes of packs: the change, once

Rules = tuple[Rule, ...]


def _all(fault, verbs="PUT GET HEAD LIST DELETE", key="", **when) -> Callable[[], Rules]:
    return lambda: (Rule(fault, verbs, key, **when),)


DAYS: dict[str, Callable[[], Rules]] = {
    "latency": _all(Latency(0.15)),
    "slow line": _all(Bandwidth(MIB)),
    "cut before, at times": _all(CutBefore(), probability=0.3, seed=1),
    "cut before": _all(CutBefore()),
    "cut in the request, at times": _all(CutRequest(), "PUT", probability=0.5, seed=2),
    "cut in the request": _all(CutRequest(), "PUT"),
    "no answer to a write, at times": _all(CutAnswer(), WRITES, probability=0.5, seed=3),
    "no answer to a write": _all(CutAnswer(), WRITES),
    "no answer to the head": _all(CutAnswer(), "PUT", HEADS),
    "cut in the answer, at times": _all(CutResponse(), READS, probability=0.4, seed=4),
    "cut in the answer": _all(CutResponse(), READS),
    "500, at times": _all(Refusal(500, "InternalError"), probability=0.4, seed=5),
    "500": _all(Refusal(500, "InternalError")),
    "502 in HTML": _all(Refusal(502, markup="html")),
    "503 in HTML, at times": _all(Refusal(503, markup="html"), probability=0.4, seed=6),
    "504 without a word": _all(Refusal(504, markup="none")),
    "503, but done": _all(Refusal(503, done=True), WRITES),
    "429, at times": _all(Refusal(429, "SlowDown"), probability=0.3, seed=7),
    "429 with Retry-After": _all(Refusal(429, "SlowDown", retry_after=60)),
    "503 SlowDown": _all(Refusal(503, "SlowDown")),
    "objects shortened": _all(Truncated(), "GET"),
    "objects without a byte": _all(Truncated(0.0), "GET"),
    "listings shortened": _all(Truncated(), "LIST"),
    "objects with a wrong byte": _all(WrongBytes(), "GET"),
    "listings with a wrong byte": _all(WrongBytes(), "LIST"),
    "wrong byte on the way up": _all(WrongBytes("request"), "PUT"),
    "packs lost": _all(LostPut(), "PUT", PACKS),
    "index lost": _all(LostPut(), "PUT", INDEXES),
    "head lost": _all(LostPut(), "PUT", HEADS),
    "every write lost": _all(LostPut(), "PUT"),
    "old listings": _all(Stale(seconds=0), "LIST"),
    "old heads": _all(Stale(seconds=0), "GET", HEADS),
    "old listings and heads": _all(Stale(seconds=0), READS, HEADS),
    "listing without heads": _all(Hidden(HEADS), "LIST"),
    "listing without packs": _all(Hidden(PACKS), "LIST"),
    "listing of nothing": _all(Hidden(""), "LIST"),
    "conditions stripped": _all(Unconditional(), "PUT"),
    "conditions that lie": _all(LyingCondition(), "PUT"),
    "100-continue unanswered": _all(NoContinue(), "PUT"),
    "hangs once": _all(Hang(), times=1),
    "hangs": _all(Hang()),
    "objects without end": _all(Endless(), "GET"),
    "objects without end, announced": _all(Endless(announced=True), "GET"),
    "listings without end": _all(Endless(), "LIST"),
    "answers to writes without end": _all(Endless(), "PUT"),
    "listings in drops": _all(Trickle(0.002), "LIST"),
    "objects in drops": _all(Trickle(0.02), "GET"),
}


@dataclass
class Verdict:
    """How a command met a bad day, and what was wrong about it."""

    first: Done
    requests: int = 0
    again: int | None = None  # exit code of the second run; None: there was none
    problems: list[str] = field(default_factory=list)

    def check(self, good: object, problem: str) -> None:
        if not good:
            self.problems.append(problem)


def live(house: House, day: Callable[[], Rules] | None, command: str) -> Verdict:
    """Put the house in order, let a command meet a bad day, lift it, and see what came of it."""
    house.restore()
    return COMMANDS[command](house, day or tuple)


def _meet(house: House, day: Callable[[], Rules], device: str, *words: object) -> Verdict:
    house.proxy.set_rules(*day())
    first = house.spawn(device, *words)
    verdict = Verdict(first, house.proxy.arrived)
    house.proxy.set_rules()
    codes = CODES | ALSO.get(str(words[0]), set())
    verdict.check(first.code in codes, f"exit code {first.code}: {first.err[-300:]}")
    verdict.check(first.well_told, f"badly told: {first.err[-300:]}")
    verdict.check(first.peak < MEMORY, f"took {first.peak:.0f} MiB")
    verdict.check(first.seconds < TIME, f"took {first.seconds:.0f} s")
    return verdict


def _again(house: House, verdict: Verdict, device: str, *words: object) -> None:
    done = house.run(device, *words)
    verdict.again = done.code
    verdict.check(done.code == 0, f"not mended by {words[0]}: {done.code} {done.err.strip()[-200:]}")


def _ends_well(house: House, verdict: Verdict, reader: str = "b") -> None:
    """See that another device gets everything, to the last byte, and that nothing is missing."""
    pulled = house.run(reader, "pull")
    verdict.check(pulled.code == 0, f"pull afterwards: {pulled.code} {pulled.err.splitlines()[-3:-1]}")
    same = tree(house.folder("a")) == tree(house.folder(reader))
    verdict.check(same, "the folders differ in the end")
    deep = house.run(reader, "verify", "--deep")
    verdict.check(deep.code == 0, f"verify --deep afterwards: {deep.code} {deep.err.splitlines()[-3:-1]}")


def _packs(house: House) -> dict[str, int]:
    return {key: len(body) for key, body in house.objects().items() if PACKS in key}


def _push(house: House, day: Callable[[], Rules]) -> Verdict:
    house.well("a", "push")  # so that there are listings of the past
    house.change()
    before = _packs(house)
    verdict = _meet(house, day, "a", "push")
    there = _packs(house)
    _again(house, verdict, "a", "push")
    sent = {seen.asked.key for seen in house.proxy.seen if seen.asked.verb == "PUT"}
    repeated = [key for key in there if any(key.endswith(asked) for asked in sent)]
    verdict.check(not repeated, f"stored packs were sent again: {repeated}")
    added = sum(size for key, size in _packs(house).items() if key not in before)
    verdict.check(added <= SENT, f"content was stored twice: {added} bytes")
    _ends_well(house, verdict)
    return verdict


def _pull(house: House, day: Callable[[], Rules]) -> Verdict:
    house.well("b", "pull")
    house.well("b", "verify")  # which has read every head
    old = tree(house.folder("b"))
    house.change()
    house.well("a", "push")
    new = tree(house.folder("a"))
    verdict = _meet(house, day, "b", "pull")
    found = tree(house.folder("b"))
    mixed = [path for path in found if found[path] not in (old.get(path), new.get(path))]
    verdict.check(not mixed and old.keys() <= found.keys(), f"neither old nor new: {mixed}")
    if verdict.first.code == 6:
        verdict.check(found in (old, new), "an integrity error, and files have changed")
    _again(house, verdict, "b", "pull")
    _ends_well(house, verdict)
    return verdict


def _join(house: House, day: Callable[[], Rules]) -> Verdict:
    words = ("join", house.url, house.folder("c"), "--recovery-file", house.words)
    house.proxy.forget()
    verdict = _meet(house, day, "c", *words)
    _again(house, verdict, "c", *words)
    _ends_well(house, verdict, "c")
    return verdict


def _setup(house: House, day: Callable[[], Rules]) -> Verdict:
    url, words = f"s3://{house.bucket}/{house.prefix}/other", house.home / "words-d"
    command = ("setup", url, house.folder("d"), "--recovery-file", words)
    verdict = _meet(house, day, "d", *command)
    if verdict.first.code:
        _again(house, verdict, "d", *command)
    (house.folder("d") / "file").write_bytes(b"of a new vault")
    _again(house, verdict, "d", "push")
    joined = house.run("e", "join", url, house.folder("e"), "--recovery-file", words)
    verdict.check(joined.code == 0, f"join afterwards: {joined.code} {joined.err.splitlines()[-3:-1]}")
    if joined.code == 0:
        house.run("e", "pull")
        verdict.check(tree(house.folder("d")) == tree(house.folder("e")), "the folders differ in the end")
    return verdict


def _reading(*words: str) -> Callable[[House, Callable[[], Rules]], Verdict]:
    def command(house: House, day: Callable[[], Rules]) -> Verdict:
        before, folder = house.objects(), tree(house.folder("b"))
        verdict = _meet(house, day, "b", *words)
        if words[0] == "status":
            verdict.check(verdict.requests == 0, "status asked the store")
        _again(house, verdict, "b", *words)
        verdict.check(tree(house.folder("b")) == folder, "a command that reads has changed files")
        left = house.objects().keys() - before.keys()
        verdict.check(words[0] == "doctor" or not left, f"a command that reads has stored {left}")
        verdict.check(house.objects().items() >= before.items(), "objects have changed")
        return verdict

    return command


def _move_store(house: House, day: Callable[[], Rules]) -> Verdict:
    url = house.copy_store("moved")
    command = ("move-store", house.folder("a"), url)
    verdict = _meet(house, day, "a", *command)
    if verdict.first.code:
        _again(house, verdict, "a", *command)
    house.change()
    _again(house, verdict, "a", "push")
    moved = house.run("b", "move-store", house.folder("b"), url)
    verdict.check(moved.code == 0, f"move-store of the other: {moved.code} {moved.err.splitlines()[-3:-1]}")
    _ends_well(house, verdict)
    return verdict


COMMANDS: dict[str, Callable[[House, Callable[[], Rules]], Verdict]] = {
    "push": _push,
    "pull": _pull,
    "join": _join,
    "setup": _setup,
    "verify": _reading("verify"),
    "verify --deep": _reading("verify", "--deep"),
    "status": _reading("status"),
    "move-store": _move_store,
    "doctor --store": _reading("doctor", "--store"),
}
