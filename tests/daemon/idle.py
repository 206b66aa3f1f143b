"""A folder in which nothing happens, and what it asks of the store meanwhile, by a clock that a test moves on."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.daemon.ground import Watched
from tests.daemon.stepped import Stepped
from tests.engine.world import Dev, World

HOUR, DAY = 3600.0, 86_400.0


class Asked(NamedTuple):
    """What went to the store."""

    requests: dict[str, int]  # only verbs that there were
    up: int  # bytes
    down: int  # bytes
    rounds: int


def two_with_files(world: World, dev: Dev) -> None:
    """Let a device and another one of the vault have files of both, with nothing left to say."""
    desk = world.device("desk")
    for one in (dev, desk):
        (one.root / one.name).mkdir()
        for number in range(30):
            (one.root / one.name / f"{number}").write_bytes(b"%d" % number)
        one.sync()
    dev.sync()


def asked(watched: Watched, clock: Stepped, seconds: float) -> Asked:
    """Let time go by; return what was asked meanwhile."""
    before, rounds = watched.ground.traffic(), watched.keeper.rounds
    clock.run(seconds)
    told: dict[str, Any] = watched.ground.traffic().since(before)
    requests = {verb: number for verb, number in told["requests"].items() if number}
    return Asked(requests, told["up"], told["down"], watched.keeper.rounds - rounds)
