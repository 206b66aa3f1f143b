"""Random histories in which everybody prunes by narrow rules, is away for long and comes back: nothing of now is lost."""

import random

import pytest

from e2esync.engine import fold as fold_module
from e2esync.engine import prune as prune_module
from e2esync.engine.prune import prune
from e2esync.engine.verify import verify
from e2esync.merge.retention import DAY, Rules
from tests.engine.test_push_pull import without_times
from tests.engine.world import Dev

STEPS = 60
NAMES = ("a", "b", "c", "d/e", "d/f")
CONTENTS = [random.Random(number).randbytes(300 + 97 * number) for number in range(6)]
CONTENTS += [random.Random(number).randbytes(200_000 + number) for number in range(3)]


def edit(dev: Dev, tape: random.Random) -> None:
    """Change one file, often to a content that was there before, or remove it."""
    path = dev.root / tape.choice(NAMES)
    if tape.random() < 0.25:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(tape.choice(CONTENTS))


def step(world, devices, tape):
    dev = tape.choice(devices)
    match tape.choice(("edit", "edit", "edit", "push", "pull", "sync", "sync", "prune", "prune", "wait")):
        case "edit":
            edit(dev, tape)
        case "push":
            dev.push()
        case "pull":
            dev.pull()
        case "sync":
            dev.sync()
        case "prune":
            rules = Rules(tape.choice((0, 0, 3)), tape.choice((None, 1)))
            prune(dev.vault, rules, grace=tape.choice((1, 2)) * DAY)
        case _:
            world.clock.advance(tape.choice((1, 2, 2, 35)) * DAY)


def check(world, dev):
    """Every head is whole, byte for byte."""
    dev.pull()
    verify(dev.vault, dev.keys.identity, deep=True)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_of_now_is_lost_whoever_prunes(world, monkeypatch, seed):
    monkeypatch.setattr(prune_module, "LEAST_BYTES", 1)
    monkeypatch.setattr(fold_module, "FAN", 3)
    tape = random.Random(seed)
    devices = [world.device(name) for name in ("one", "two", "three")]
    for number in range(STEPS):
        step(world, devices, tape)
        if number % 10 == 9:
            check(world, tape.choice(devices))
    for _ in range(3):
        for dev in devices:
            done = dev.sync()
            assert done.failed == []
    for dev in devices:
        check(world, dev)
        assert without_times(dev.tree()) == without_times(devices[0].tree())
    new = world.fresh("new")
    new.pull()
    assert without_times(new.tree()) == without_times(devices[0].tree())
