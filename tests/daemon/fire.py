"""Real daemons on a real S3 server behind a bad line, killed again and again, while people work in their folders."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from random import Random

from moto_fixtures.faulty_proxy import FaultProxy
from moto_fixtures.faulty_rules import (
    CutAnswer,
    CutBefore,
    CutRequest,
    CutResponse,
    Fault,
    Latency,
    Refusal,
    Rule,
)
from moto_fixtures.servers import S3Server
from tests.daemon.workloads import BESIDE, WORKERS, Crowd, Unpacker, Worker, files_at, lines_of
from tests.long.rig import Device, Place, differs, tree

PACE = ("--settle", "0.2", "--poll", "0.5")
MOST = 250 << 20  # bytes resident
HARMLESS = {"store-unavailable", "temporary", "busy", "safety-stop"}  # what a round may end with under fire
_FAILED = re.compile(r"a round failed: (\S+)")


def bad_line(seed: int) -> list[Rule]:
    """Return what happens on the way: nothing that a store may not do, nor a line."""
    faults: list[tuple[Fault, str, float]] = [
        (CutBefore(), "PUT GET HEAD LIST DELETE", 0.01),
        (CutRequest(), "PUT", 0.02),
        (CutAnswer(), "PUT GET LIST DELETE", 0.01),
        (CutResponse(), "GET LIST", 0.01),
        (Refusal(), "PUT GET HEAD LIST DELETE", 0.02),
        (Refusal(500, "InternalError", done=True), "PUT DELETE", 0.01),
        (Latency(1.0), "PUT GET HEAD LIST DELETE", 0.03),
    ]
    return [
        Rule(fault, verbs, probability=chance, seed=seed * 100 + number)
        for number, (fault, verbs, chance) in enumerate(faults)
    ]


def until(come: Callable[[], bool], what: str, deadline: float) -> None:
    """Wait for something, or say what did not come."""
    end = time.monotonic() + deadline
    while not come():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.05)


class Soldier:
    """A device with a folder and a daemon."""

    def __init__(self, name: str, device: Device, problems: list[str]) -> None:
        self.name, self.device, self.problems = name, device, problems
        self.pid, self.peak = 0, 0  # bytes

    @property
    def folder(self) -> Path:
        return self.device.folder

    def start(self) -> None:
        """Start the daemon; it answers at its socket."""
        told = self.device.run("start", *PACE)
        assert not told["already"], told
        self.pid = told["pid"]

    def look(self) -> None:
        """Note how much it took so far, and whether it has died by itself."""
        if not _lives(self.pid):
            self.problems.append(f"{self.name}: the daemon died by itself: {self._words()}")
            return
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        self.peak = max(self.peak, int(found[1]) << 10 if found else 0)

    def _words(self) -> str:
        return (self.device.home / "state" / "daemon-start.log").read_text()[-2000:]

    def kill(self) -> None:
        """Let it die without a word, and start it again."""
        self.look()
        if _lives(self.pid):
            os.kill(self.pid, signal.SIGKILL)
            until(lambda: not _lives(self.pid), f"{self.name} does not die", 60)
        if "Traceback" in self._words():
            self.problems.append(f"{self.name}: {self._words()}")
        self.start()

    def stop(self) -> None:
        """End it as people do."""
        self.look()
        if self.device.run("stop")["already"]:
            self.problems.append(f"{self.name}: no daemon to stop")

    def logged(self) -> tuple[Counter[str], list[str]]:
        """Return how often rounds failed, by what; and what may not be."""
        told: Counter[str] = Counter()
        wrong = []
        for path in sorted((self.device.home / "state").glob("daemon.log*")):
            text = path.read_text()
            told.update(_FAILED.findall(text))
            at = text.find(" ERROR ")
            if at >= 0:
                wrong.append(f"{self.name}: {text[max(0, at - 30) : at + 3000]}")
        wrong += [f"{self.name}: a round failed: {code}" for code in told.keys() - HARMLESS]
        return told, wrong


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


class Battle:
    """Devices, their people, and the line between them and the store."""

    def __init__(self, scratch: Path, proxy: FaultProxy, *, url: str, devices: int, seed: int) -> None:
        self.scratch, self.proxy, self.seed, self.random = scratch, proxy, seed, Random(seed)
        self.problems: list[str] = []
        self.counts: Counter[str] = Counter()
        at, names = Place(url, proxy.env()), "abcdef"[:devices]
        made = [(name, Device(scratch / f"home-{name}", scratch / name, at)) for name in names]
        self.soldiers = [Soldier(name, device, self.problems) for name, device in made]
        self.line = Rule(CutBefore(), probability=0.0)
        self.workers: list[Worker] = []
        self.crowd: list[Crowd] = []
        self._threads: list[threading.Thread] = []
        self._over = threading.Event()

    def begin(self, kinds: Sequence[type[Worker]] = WORKERS) -> None:
        """Set all up, with so many files that a tree that goes is less than half; then open fire."""
        words = self.scratch / "words"
        first, *others = self.soldiers
        first.device.setup(words)
        for number in range(2 * Unpacker.size * len(self.soldiers)):
            path = first.folder / "kept" / f"{number // 50}" / f"{number}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"kept %d" % number)
        for soldier in others:
            soldier.device.join(words)
        for soldier in self.soldiers:
            soldier.start()
        for soldier in self.soldiers:
            chance = Random(f"{self.seed} {soldier.name}")
            self.crowd.append(Crowd(soldier.folder, soldier.name, chance, self.scratch))
            self.workers += [
                kind(soldier.folder, soldier.name, Random(f"{self.seed} {soldier.name} {kind.name}"))
                for kind in kinds
            ]
        self.proxy.set_rules(self.line, *bad_line(self.seed))

    def work(self, *, steps: int | None = None, pause: float) -> None:
        """Let all people work, until each has done so much, or all is over."""
        for number, one in enumerate(self.people):
            thread = threading.Thread(
                target=self._live, args=(one, steps, pause, Random(number)), daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _live(self, one: Worker | Crowd, steps: int | None, pause: float, random: Random) -> None:
        slower = 10 if isinstance(one, Unpacker) else 1
        try:
            while not self._over.is_set() and (steps is None or one.done < steps):
                one.step()
                self._over.wait(random.expovariate(1 / pause) * slower)
        except Exception as error:  # it is told as what went wrong
            self.problems.append(f"{one.name} could not work: {error!r}")
        finally:
            one.rest()

    @property
    def people(self) -> list[Worker | Crowd]:
        """All who work."""
        return [*self.workers, *self.crowd]

    @property
    def is_at_work(self) -> bool:
        """Whether somebody is."""
        return any(thread.is_alive() for thread in self._threads)

    def kill(self) -> None:
        """Kill one daemon, whatever it is at; look around."""
        self.random.choice(self.soldiers).kill()
        self.counts["kills"] += 1
        self._look_for_copies()
        self.proxy.forget()  # hours of answers are much
        self.proxy.seen = []

    def cut_line(self) -> None:
        """Let nothing through, until `mend_line`."""
        self.line.probability = 1.0
        self.counts["line cut"] += 1

    def mend_line(self) -> None:
        """Let through again what the other rules do."""
        self.line.probability = 0.0

    def cease(self) -> None:
        """End the work, and the fire."""
        if self._over.is_set():
            return
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.counts["saves"] = sum(one.done for one in self.people)
        self.counts["requests"] = self.proxy.arrived
        for rule in self.proxy.rules:
            self.counts[f"fault {type(rule.fault).__name__}"] += rule.fired
        self.proxy.set_rules()

    def settle(self, deadline: float) -> None:
        """Wait until everything is everywhere."""
        try:
            until(self._is_settled, "", deadline)
        except TimeoutError:
            for soldier in self.soldiers:
                self.problems.append(f"{soldier.name} is not up to date: {self._status(soldier)}")
            self.problems += [f"unlike: {line}" for line in self._unlike()[:50]]

    def _is_settled(self) -> bool:
        return all(self._is_up_to_date(soldier) for soldier in self.soldiers) and not self._unlike()

    def _status(self, soldier: Soldier) -> dict:
        return soldier.device.run("status", check=False)

    def _is_up_to_date(self, soldier: Soldier) -> bool:
        told = self._status(soldier)
        needs = {need["code"] for need in told["needs_you"]}
        if "safety-stop" in needs:
            soldier.device.run("sync", "--accept-risk", "mass-delete", check=False)
            self.counts["guards"] += 1
            return False
        folder = told["folders"][0]
        rests = told["state"] == "up-to-date" or (told["state"] == "needs-you" and needs == {"conflict"})
        return bool(rests and not folder["pending_up"] and not folder["pending_down"])

    def _unlike(self) -> list[str]:
        try:
            return self._compared()
        except FileNotFoundError as error:  # a daemon is still at work
            return [str(error)]

    def _compared(self) -> list[str]:
        found: list[str] = []
        for one, other in combinations([soldier.folder for soldier in self.soldiers], 2):
            mine, theirs = _without_times(one), _without_times(other)
            found += [
                f"{os.fsdecode(path)}: {one.name} {mine.get(path)}, {other.name} {theirs.get(path)}"
                for path in sorted(mine.keys() | theirs.keys())
                if mine.get(path) != theirs.get(path)
            ]
            found += differs(one, other).splitlines() if not found else []
        return found

    def judge(self) -> None:
        """End the daemons; look for what may not be."""
        self._look_for_copies()
        for soldier in self.soldiers:
            soldier.stop()
        for soldier in self.soldiers:
            for worker in self.workers:
                self.problems += worker.problems(soldier.folder)
            told, wrong = soldier.logged()
            self.counts.update({f"rounds failed, {code}": number for code, number in told.items()})
            self.problems += wrong
            self.counts[f"MiB resident, {soldier.name}"] = soldier.peak >> 20
            if soldier.peak > MOST:
                self.problems.append(f"{soldier.name}: {soldier.peak >> 20} MiB resident")
        verified = self.soldiers[0].device.run("verify", "--deep", check=False)
        if verified["rc"]:
            self.problems.append(f"the store is not whole: {verified}")
        self._look_for_lines()

    def _look_for_copies(self) -> None:
        for soldier in self.soldiers:
            for here, directories, files in os.walk(soldier.folder):
                if here == str(soldier.folder):
                    directories[:] = [name for name in directories if name not in (".e2esync", Crowd.name)]
                for name in directories + files:
                    problem = f"{soldier.name}: a false conflict: {here}/{name}"
                    if BESIDE.search(name) and problem not in self.problems:
                        self.problems.append(problem)

    def _look_for_lines(self) -> None:
        """Every line that was saved in the shared directory is in a file, or in the history."""
        soldier = self.soldiers[0]
        there = files_at(soldier.folder / Crowd.name)
        self.counts["conflicts left"] = sum(bool(BESIDE.search(path.name)) for path in there)
        lines = set().union(*(one.lines for one in self.crowd))
        self.counts["lines saved"] = len(lines)
        missing = lines - set().union(*map(lines_of, there))
        changes = soldier.device.run("log")["changes"]
        self.counts["versions"] = len(changes)
        shared = [one for one in changes if (one["path"] or "").startswith(f"{Crowd.name}/")]
        self.counts["versions of conflict copies"] = sum(bool(BESIDE.search(one["path"])) for one in shared)
        self.counts["lines only in history"] = len(missing)
        past = self._past(soldier, shared, missing) if missing else set()
        self.problems += [f"a line is lost: {line}" for line in sorted(missing - past)]

    def _past(self, soldier: Soldier, changes: list[dict], wanted: set[str]) -> set[str]:
        """Return which of these lines versions hold that are no more."""
        found: set[str] = set()
        for number, change in enumerate(changes):
            if wanted <= found:
                break
            if change["change"] == "deleted":
                continue
            target = self.scratch / "past" / str(number)
            path = soldier.folder / change["path"]
            soldier.device.run(
                "restore", str(path), "--version", change["version"], "--to", str(target), check=False
            )
            found = found.union(
                *(lines_of(each) for each in ([target] if target.is_file() else files_at(target)))
            )
        return found


def _without_times(folder: Path) -> dict[bytes, tuple[object, ...]]:
    """Return what stands in a folder; a save of what was there already is no change, but a new time."""
    return {
        path: tuple(part for number, part in enumerate(thing) if number != 2)
        for path, thing in tree(folder).items()
    }


@contextmanager
def battle(server: S3Server, scratch: Path, *, url: str, devices: int, seed: int) -> Iterator[Battle]:
    """Give devices with a bad line to a server; none of their daemons outlives this."""
    with FaultProxy(server) as proxy:
        one = Battle(scratch, proxy, url=url, devices=devices, seed=seed)
        try:
            yield one
        finally:
            one.cease()
            for soldier in one.soldiers:
                soldier.device.run("stop", check=False)
