"""`sync`: what changed here is published, what changed elsewhere comes, in one round."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from e2esync.engine.sync import sync
from e2esync.errors import Diverged, SafetyStop
from tests.engine.world import Dev, World


def write(dev: Dev, path: str, content: bytes) -> None:
    target = dev.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def once(dev: Dev) -> None:
    summary = dev.sync()
    assert (summary.skipped, summary.failed) == ([], [])


def round_of(*devices: Dev) -> None:
    """Let all sync until everything has gone round."""
    for _ in range(2):
        for dev in devices:
            once(dev)
    for dev in devices:
        assert dev.differs(devices[0].tree()) == {}


def test_two_devices_get_each_others_work(pair):
    a, b = pair
    write(a, "from/a", b"a")
    write(b, "from/b", b"b")
    round_of(a, b)
    assert {path for path in a.tree() if a.tree()[path][0] == "file"} == {b"from/a", b"from/b"}


def test_when_nothing_happens_a_sync_is_one_listing(pair):
    a, b = pair
    write(a, "x", b"1")
    round_of(a, b)
    for dev in pair:
        once(dev)  # has a look whether the store has kept what was pushed
        counts = dev.count(dev.sync)
        assert {key: n for key, n in counts.requests.items() if n} == {"LIST": 1}


def test_a_dry_run_says_both_and_does_neither(pair):
    a, b = pair
    write(a, "x", b"1")
    round_of(a, b)
    write(a, "of a", b"a")
    write(b, "of b", b"b")
    once(a)
    before, stored = b.tree(), sorted(info.key for info in b.store.list(""))
    actions = {(action.action, action.path) for action in sync(b.vault, dry_run=True).actions}
    assert actions == {("upload", b"of b"), ("download", b"of a")}
    assert b.tree() == before
    assert sorted(info.key for info in b.store.list("")) == stored


def test_without_its_marker_a_folder_is_not_synced(pair):
    a, _ = pair
    (a.root / ".e2esync" / "folder-id").unlink()
    with pytest.raises(SafetyStop):
        a.sync()


def test_what_cannot_be_shown_yet_is_published_and_nothing_here_is_touched(pair):
    a, b = pair
    write(a, "x", b"1")
    round_of(a, b)
    write(a, "x", b"of a")
    write(b, "x", b"of b")
    once(a)
    before = b.tree()
    with pytest.raises(Diverged):
        b.sync()
    assert b.tree() == before


class Work:
    """Three devices at work, each in files of its own; one of them renames the directory that all are in."""

    def __init__(self, devices: list[Dev], random: Random) -> None:
        self.devices, self.random = devices, random
        self.expected = {f"{n}-{k}": b"%d" % k for n in range(3) for k in range(8)}
        for name, content in self.expected.items():
            write(devices[int(name[0])], f"shared/{name}", content)
        round_of(*devices)

    def step(self, number: int) -> None:
        n = self.random.randrange(3)
        mine = sorted(name for name in self.expected if name.startswith(f"{n}-"))
        where, name = directory(self.devices[n]), self.random.choice(mine)
        match self.random.randrange(5):
            case 0:
                self.expected[name] = b"edited %d" % number
                (where / name).write_bytes(self.expected[name])
            case 1:
                self.expected[f"{n}-new{number}"] = b"new"
                (where / f"{n}-new{number}").write_bytes(b"new")
            case 2 if len(mine) > 2:
                (where / name).unlink()
                del self.expected[name]
            case 3:
                (where / name).rename(where / f"{name}+")
                self.expected[f"{name}+"] = self.expected.pop(name)
            case _ if n == 0:
                where.rename(where.with_name("renamed" if where.name == "shared" else "shared"))
        if self.random.random() < 0.5:
            once(self.devices[n])


def directory(dev: Dev) -> Path:
    (found,) = (path for name in ("shared", "renamed") if (path := dev.root / name).is_dir())
    return found


@pytest.mark.parametrize("seed", range(8))
def test_work_on_different_files_comes_together_whatever_the_order(world: World, seed: int):
    devices = [world.device(name) for name in ("a", "b", "c")]
    work = Work(devices, Random(seed))
    for number in range(40):
        work.step(number)
    round_of(*devices)
    assert {path.name: path.read_bytes() for path in directory(devices[0]).iterdir()} == work.expected
    for dev in devices:
        assert dev.count(dev.sync).requests["PUT"] == 0
