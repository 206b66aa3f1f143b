"""Random histories of two to four devices: edits, moves, deletions, late heads, half-done applies, crashes, lost rows.

What a history may never come to: devices that end up with different trees, a version that is nowhere, a
device that goes on writing when nothing happens. What is counted, as it cannot always be told apart where
moves race: an older version shown beside the newer, a deleted file that is back, a file that stands twice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from e2esync.merge.join import EMPTY, State
from e2esync.tree.keys import Kind
from tests.merge.devices import EMPTY_FILE, Device, OnDisk, Path, World

NEVER = ("diverged", "lost", "not quiet")
COUNTED = ("superseded", "resurrected", "duplicated")


class Kinds(NamedTuple):
    """What may happen in a history."""

    length: int = 1
    crash_before_rows: float = 0.0  # chance that a scan's rows are lost, as its head is not
    crash_after_apply: float = 0.0  # chance that an apply's rows are lost
    lose_rows: float = 0.0  # chance that all rows are lost


PLAIN = Kinds()


@dataclass
class Saved:
    """What the users did, by contents."""

    last: int = EMPTY_FILE
    all: set[int] = field(default_factory=set)
    replaced: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    moved: set[int] = field(default_factory=set)

    def new(self) -> int:
        self.last += 1
        self.all.add(self.last)
        return self.last


def live(seed: int, kinds: Kinds = PLAIN) -> Counter[str]:
    """Live one history; return what came of it: names of `NEVER` and `COUNTED`."""
    random, world, saved = Random(seed), World(), Saved()
    devices = [Device(name, world) for name in "ABCD"[: random.randint(2, 4)]]
    for device in devices:
        device.peers = tuple(other.id for other in devices if other is not device)
    heads = {device.id: EMPTY for device in devices}
    for _ in range(random.randint(5, 50) * kinds.length):
        _step(random, devices, heads, saved, kinds)
    return _end(random, devices, heads, saved)


def _step(
    random: Random, devices: list[Device], heads: dict[bytes, State], saved: Saved, kinds: Kinds
) -> None:
    device, chance = random.choice(devices), random.random()
    if chance < 0.5:
        for _ in range(random.randint(1, 3)):
            _use(random, device, saved)
    elif chance < 0.7:
        rows = device.rows
        device.scan()
        if random.random() < 0.8:
            heads[device.id] = device.state
        if random.random() < kinds.crash_before_rows:
            device.rows = rows
    else:
        device.scan()
        other = random.choice(devices)
        device.pull(heads[other.id], other.id)
        rows = dict(device.rows)
        if random.random() < 0.8:
            _apply(random, device)
        if random.random() < kinds.crash_after_apply:
            device.rows = rows
    if random.random() < kinds.lose_rows:
        device.lose_rows(heads[device.id])


def _apply(random: Random, device: Device) -> None:
    share = random.choice([0.0, 0.3, 0.7, 1.0])
    if share == 1.0:
        device.apply()
    else:
        device.apply_partly(random, share)


def _end(random: Random, devices: list[Device], heads: dict[bytes, State], saved: Saved) -> Counter[str]:
    """Let everything go round once, and look."""
    for device in devices:
        device.scan()
        heads[device.id] = device.state
    for device in devices:
        for other in random.sample(devices, len(devices)):
            device.pull(heads[other.id], other.id)
        device.apply()
    found: Counter[str] = Counter()
    views = [device.view() for device in devices]
    found["diverged"] = sum(view != views[0] for view in views)
    shown = Counter(thing.content for thing in devices[0].disk.values() if thing.kind is Kind.FILE)
    settled = set().union(*(device.settled for device in devices))
    found["lost"] = len(saved.all - saved.replaced - saved.deleted - shown.keys())
    found["superseded"] = len((saved.replaced & shown.keys()) - saved.deleted - settled)
    found["resurrected"] = len(((saved.deleted - saved.replaced) & shown.keys()) - saved.moved - settled)
    found["duplicated"] = sum(times > 1 for content, times in shown.items())
    for device in devices:
        dropped = device.dropped
        found["not quiet"] += device.scan() and device.dropped == dropped
    return +found


def _use(random: Random, device: Device, saved: Saved) -> None:
    """Do one thing that a user does."""
    files = sorted(path for path, thing in device.disk.items() if thing.kind is Kind.FILE)
    directories = sorted(path for path, thing in device.disk.items() if thing.kind is Kind.DIRECTORY)
    target: Path = (*random.choice([(), *directories]), random.choice([b"a", b"b", b"c"]))
    chance = random.random()
    if chance < 0.34:
        _create(device, target, saved, is_file=chance < 0.22)
    elif chance < 0.86 and files:
        _use_file(random, device, random.choice(files), target, saved)
    elif 0.86 <= chance < 0.95 and directories:
        _move_directory(device, random.choice(directories), target, saved)
    elif chance >= 0.95 and directories:
        _remove(device, random.choice(directories), saved)


def _create(device: Device, target: Path, saved: Saved, *, is_file: bool) -> None:
    if target in device.disk or len(target) > (4 if is_file else 3):
        return
    if is_file:
        device.disk[target] = OnDisk(device.inode(), Kind.FILE, saved.new(), 0o644)
    else:
        device.disk[target] = OnDisk(device.inode(), Kind.DIRECTORY, 0, 0o755)


def _use_file(random: Random, device: Device, path: Path, target: Path, saved: Saved) -> None:
    chance = random.random()
    if chance < 0.52:
        _edit(random, device, path, saved)
    elif chance < 0.7:
        _remove(device, path, saved)
    elif chance < 0.95:
        _move_file(device, path, target, saved)
    else:
        thing = device.disk[path]
        device.disk[path] = thing._replace(mode=thing.mode ^ 0o111)


def _remove(device: Device, top: Path, saved: Saved) -> None:
    for path in [path for path in device.disk if path[: len(top)] == top]:
        thing = device.disk.pop(path)
        if thing.kind is Kind.FILE:
            saved.deleted.add(thing.content)


def _edit(random: Random, device: Device, path: Path, saved: Saved) -> None:
    thing = device.disk[path]
    saved.replaced.add(thing.content)
    inode = thing.inode if random.random() < 0.6 else device.inode()
    device.disk[path] = OnDisk(inode, Kind.FILE, saved.new(), thing.mode)


def _move_file(device: Device, old: Path, new: Path, saved: Saved) -> None:
    disk = device.disk
    there = disk.get(new)
    if old == new or len(new) > 4 or (there is not None and there.kind is Kind.DIRECTORY):
        return
    if there is not None:
        saved.deleted.add(there.content)
    saved.moved.add(disk[old].content)
    disk[new] = disk.pop(old)


def _move_directory(device: Device, old: Path, new: Path, saved: Saved) -> None:
    disk = device.disk
    if new in disk or new[: len(old)] == old:
        return
    inside = [path for path in disk if path[: len(old)] == old]
    if max(map(len, inside)) - len(old) + len(new) > 5:
        return
    for path in inside:
        if disk[path].kind is Kind.FILE:
            saved.moved.add(disk[path].content)
        disk[new + path[len(old) :]] = disk.pop(path)
