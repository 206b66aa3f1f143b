"""Random histories of two to four devices with real folders and one store: the engine, lived through.

What may never come, and what is only counted, is as in `tests.merge.histories`. One device may have a disk that
cannot hold all names (`Kinds.naming`): what others have under those stands there under aliases, which nobody else sees.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from e2esync.engine import listing
from e2esync.engine.history import events
from e2esync.engine.vault import Summary
from e2esync.errors import StateBehind, StoreUnavailable
from e2esync.merge.aliases import PLAIN, Naming
from e2esync.model.store import Store
from tests.engine import power
from tests.engine.folding import spelled
from tests.engine.mortal import CutOff, Death, Meanwhile, run
from tests.engine.power import Disk, Times
from tests.engine.shows import as_on, shown
from tests.engine.world import Dev, World
from tests.merge.histories import Saved

NEVER = {
    "diverged",
    "not as shown",
    "not as listed",
    "not quiet",
    "lost",
    "not whole",
    "unrecorded",
    "alias seen",
}
ALIAS = b" (alias, "
COUNTED = ("superseded", "resurrected", "duplicated", "slow")

NAMES = ["a", "b", "c"]
TWINS = [
    "a",
    "A",
    "b",
    "\u00e9",
    "e\u0301",
    "ss",
    "\u00df",
    "aux",
    "x?",
]  # some of them one, or refused, on some disks
DEPTH = 4  # names of a path


class Kinds(NamedTuple):
    """What may happen in a history."""

    length: int = 1
    killed: float = 0.0  # chance that a command is killed at some step
    disturbed: float = 0.0  # chance that the user does something in the middle of a command
    restored: float = 0.0  # chance that the state of a device is lost, or becomes that of some time before
    cut_off: float = 0.0  # chance that the store is out of reach from some step on
    power: float = 0.0  # chance that power is lost at some step of a command
    most_steps: int = 60  # at which any of these comes
    naming: Naming = PLAIN  # of the disk of one device


class History:
    """One history, told by its seed."""

    def __init__(
        self, home: Path, seed: int, kinds: Kinds, *, store: Store | None = None, number: int = 0
    ) -> None:
        self.random, self.kinds, self.saved = Random(seed), kinds, Saved()
        self.world, self.times = World(home, store), Times()
        names = "ABCD"[: number or self.random.randint(2, 4)]
        namings = {self.random.choice(names): kinds.naming} if kinds.naming != PLAIN else {}
        self.devices = list(self.world.in_order(names, namings).values())
        self.written: set[bytes] = set()  # contents beside those that have a number
        self.published: set[int] = set()  # contents that stood on a disk when it was pushed
        self.trace: list[str] = []
        self.left = 0  # things that were in the way, and left for the next round

    def live(self) -> Counter[str]:
        """Live it; return what came of it."""
        with closing(self.world), self.times.told():
            for _ in range(self.random.randint(5, 30) * self.kinds.length):
                self.step()
            return self.end()

    def step(self) -> None:
        dev, chance = self.random.choice(self.devices), self.random.random()
        if self.random.random() < self.kinds.restored:
            self._restore(dev)
        elif chance < 0.5:
            for _ in range(self.random.randint(1, 3)):
                User(self, dev).do_something()
        elif chance < 0.65:
            self._run(dev, "push")
        elif chance < 0.75:
            self._run(dev, "pull")
        else:
            self._run(dev, "sync")

    def _restore(self, dev: Dev) -> None:
        """Keep the state of a device, or put back what was kept, or lose it."""
        kept, what = dev.home / "kept", self.random.choice(["keep", "put back", "lose"])
        dev.close()
        if what == "keep":
            shutil.rmtree(kept, ignore_errors=True)
            kept.mkdir()
        for path in dev.home.glob("*.db*"):
            if what == "keep":
                shutil.copy(path, kept)
            elif what == "lose" or kept.is_dir():
                path.unlink()
        if what == "put back" and kept.is_dir():
            for path in kept.iterdir():
                shutil.copy(path, dev.home)
        dev.restart()
        self.trace.append(f"{dev.name}: {what} the state")

    def _run(self, dev: Dev, command: str) -> None:
        try:
            self._run_once(dev, command)
        except StateBehind:
            self.trace.append(f"{dev.name} goes on as a new device")
            dev.renew()
            self._run_once(dev, command)

    def _run_once(self, dev: Dev, command: str) -> None:
        at, chance = self.random.randint(1, self.kinds.most_steps), self.random.random()
        if chance < self.kinds.killed:
            death = Death(at, after=self.random.random() < 0.5)
            done = run(dev, command, death)
            self.trace.append(f"{dev.name} {command}{'' if done else f', killed at {death.steps[-1]}'}")
            return
        chance -= self.kinds.killed
        if chance < self.kinds.cut_off:
            self.trace.append(f"{dev.name} {command}, cut off before step {at}")
            with suppress(StoreUnavailable):
                run(dev, command, CutOff(at))
            return
        chance -= self.kinds.cut_off
        if chance < self.kinds.disturbed:
            self.trace.append(f"{dev.name} {command}, and meanwhile, before step {at}:")
            run(dev, command, Meanwhile(at, User(self, dev).do_something))
            return
        if chance > 1 - self.kinds.power:
            self._lose_power(dev, command, 2 * at)  # of steps there are more
            return
        self.trace.append(f"{dev.name} {command}")
        on_disk = numbers_on(dev)
        summary = self.do(dev, command)
        if command != "pull":  # which leaves alone what was changed here
            self._said(summary, dev)
            self.published |= on_disk

    def _lose_power(self, dev: Dev, command: str, at: int) -> None:
        death, disk = Death(at, after=self.random.random() < 0.5), Disk(dev, self.times)
        done, loss = power.run(dev, command, death, disk), self.random.choice(power.LOSSES[1:])
        lost = disk.lose(loss, self.random)
        step = "the end" if done else death.steps[-1]
        self.trace.append(f"{dev.name} {command}, power lost at {step}, {loss} of {lost}")
        assert self._is_whole(dev), f"{dev.name} has what nobody wrote"

    def _is_whole(self, dev: Dev) -> bool:
        """Return whether all that stands there was written by somebody."""
        written = self.written.union(map(content_of, self.saved.all))
        return all(thing[1] in written for thing in dev.tree().values() if thing[0] == "file")

    def end(self) -> Counter[str]:
        """Let everything go round, and look."""
        found: Counter[str] = Counter()
        found["slow"] = self.settle() > 3  # rounds, the last of which has nothing to say
        first = next(dev for dev in self.devices if dev.naming == PLAIN).tree()
        found["alias seen"] = sum(ALIAS in path for path in first)
        for dev in self.devices:
            tree = dev.tree()
            found["diverged"] += dev.differs(as_on(dev, first)) != {}
            found["not as shown"] += shown(dev) != {path: thing[0] for path, thing in tree.items()}
            found["not as listed"] += {
                entry.path for entry in listing.entries(dev.vault.state)
            } != tree.keys()
            found["not whole"] += not self._is_whole(dev)
            found["not quiet"] += (
                dev.count(partial(self.do, dev, "sync")).requests["PUT"] != 0
                or dev.vault.state.count_due() != 0
            )
        found["unrecorded"] = len(self.unrecorded(self.devices[0]))
        self._count(found, Counter(number_of(thing[1]) for thing in first.values() if thing[0] == "file"))
        return +found

    def unrecorded(self, dev: Dev) -> set[int]:
        """The contents that were published and are not in the history that a device reads."""
        found = {getattr(event.content, "hash", None) for event in events(dev.vault)}
        hash_of = dev.vault.cipher.content_hash
        return {number for number in self.published if hash_of(content_of(number)) not in found}

    def settle(self) -> int:
        """Let all sync until nobody has anything to say; return how many rounds that took."""
        for number in range(1, 2 * len(self.devices) + 4):
            puts, self.left = 0, 0
            for dev in self.devices:
                puts += self.said_by(dev)
            if not puts and not self.left:
                return number
        return number

    def said_by(self, dev: Dev) -> int:
        """Let one sync; return how many objects it put, or 1 if it goes on as a new device."""
        try:
            return dev.count(partial(self._finish, dev)).requests["PUT"]
        except StateBehind:
            dev.renew()
            return 1

    def _finish(self, dev: Dev) -> None:
        self.trace.append(f"{dev.name} sync")
        self._said(self.do(dev, "sync"), dev)

    def do(self, dev: Dev, command: str) -> Summary:
        """Let a device run a command; return what it did."""
        summary: Summary = getattr(dev, command)()
        return summary

    def _said(self, summary: Summary, dev: Dev) -> None:
        """Nothing fails. What is in the way for one round is counted, and is not for ever: `settle` sees to that."""
        assert summary.failed == [], f"{dev.name}: {summary}"
        self.left += len(summary.skipped)

    def _count(self, found: Counter[str], there: Counter[int]) -> None:
        saved = self.saved
        found["lost"] = len(saved.all - saved.replaced - saved.deleted - there.keys())
        found["superseded"] = len((saved.replaced & there.keys()) - saved.deleted)
        found["resurrected"] = len(((saved.deleted - saved.replaced) & there.keys()) - saved.moved)
        found["duplicated"] = sum(times > 1 for times in there.values())


def numbers_on(dev: Dev) -> set[int]:
    """The contents on a disk."""
    return {number_of(path.read_bytes()) for path in _below(dev.root) if path.is_file()}


def content_of(number: int) -> bytes:
    return b"%d " % number + b"." * (number * 37 % 101)


def number_of(content: bytes) -> int:
    return int(content.removeprefix(b"# ").split()[0])


class User:
    """Does things in a folder."""

    def __init__(self, history: History, dev: Dev) -> None:
        self.random, self.saved, self.root, self.naming = history.random, history.saved, dev.root, dev.naming
        self.names = NAMES if history.kinds.naming == PLAIN else TWINS
        self.tell = lambda text: history.trace.append(f"{dev.name} {text}")

    def do_something(self) -> None:
        everything = sorted(_below(self.root))
        files = [path for path in everything if path.is_file()]
        directories = [path for path in everything if path.is_dir()]
        target = self.random.choice([self.root, *directories]) / self.random.choice(self.names)
        chance = self.random.random()
        if not self.naming.holds(os.fsencode(target.name)):
            return
        if self.naming != PLAIN and files and chance > 0.9:
            self._move_as_it_is(self.random.choice(files), target)
        elif chance < 0.34:
            self._create(target, is_file=chance < 0.24)
        elif chance < 0.86 and files:
            self._use(self.random.choice(files), target)
        elif 0.86 <= chance < 0.95 and directories:
            self._move_directory(self.random.choice(directories), target)
        elif chance >= 0.95 and directories:
            self._remove(self.random.choice(directories))

    def _depth(self, path: Path) -> int:
        return len(path.relative_to(self.root).parts)

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.root))

    def _write(self, path: Path) -> None:
        number = self.saved.new()
        path.write_bytes(content_of(number))
        self.tell(f"put {self._name(path)} {number}")

    def _move_as_it_is(self, path: Path, target: Path) -> None:
        """Move a file under the name that it has here into another directory."""
        self._move_file(path, target.parent / path.name)

    def _create(self, target: Path, *, is_file: bool) -> None:
        target = spelled(target, self.naming)
        if target.exists() or self._depth(target) > DEPTH:
            return
        if is_file:
            self._write(target)
        else:
            target.mkdir()
            self.tell(f"mkdir {self._name(target)}")

    def _use(self, path: Path, target: Path) -> None:
        chance = self.random.random()
        if chance < 0.5:
            self.saved.replaced.add(number_of(path.read_bytes()))
            if self.random.random() < 0.4:
                path.unlink()  # a save by another file
            self._write(path)
        elif chance < 0.7:
            self._remove(path)
        elif chance < 0.95:
            self._move_file(path, target)
        else:
            path.chmod(path.stat().st_mode ^ 0o111)
            self.tell(f"chmod {self._name(path)}")

    def _remove(self, top: Path) -> None:
        for path in [top, *(_below(top) if top.is_dir() else ())]:
            if path.is_file():
                self.saved.deleted.add(number_of(path.read_bytes()))
        if top.is_dir():
            shutil.rmtree(top)
        else:
            top.unlink()
        self.tell(f"rm {self._name(top)}")

    def _move_file(self, old: Path, new: Path) -> None:
        there = spelled(new, self.naming)
        new = new if there == old else there  # its own other spelling, or over what it takes for the same
        if old == new or new.is_dir() or self._depth(new) > DEPTH:
            return
        if new.exists():
            self.saved.deleted.add(number_of(new.read_bytes()))
        self.saved.moved.add(number_of(old.read_bytes()))
        old.rename(new)
        self.tell(f"mv {self._name(old)} {self._name(new)}")

    def _move_directory(self, old: Path, new: Path) -> None:
        there = spelled(new, self.naming)
        new = new if there == old else there
        if new.exists() or old in new.parents:
            return
        inside = list(_below(old))
        if (
            max((self._depth(path) for path in inside), default=0) + self._depth(new) - self._depth(old)
            > DEPTH + 1
        ):
            return
        self.saved.moved |= {number_of(path.read_bytes()) for path in inside if path.is_file()}
        old.rename(new)
        self.tell(f"mv {self._name(old)} {self._name(new)}")


def _below(root: Path) -> Iterator[Path]:
    for directory, names, files in os.walk(root):
        if ".e2esync" in names:
            names.remove(".e2esync")
        for name in [*names, *files]:
            yield Path(directory) / name
