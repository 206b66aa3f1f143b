"""Devices of one person, kept by keepers that end with the test."""

from __future__ import annotations

import pytest

from tests.daemon.ground import FakeGround, Watched
from tests.engine.world import World


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def watched(world):
    """Make a keeper of a new device; it is ended with the test."""
    made: list[Watched] = []

    def make(
        name: str = "laptop", *, prepare=None, errors=(), kind=FakeGround, times=None, **pace: float
    ) -> Watched:
        dev = world.device(name)
        if prepare is not None:
            prepare(dev)
        one = Watched(kind(dev, list(errors)), times, **pace)
        world.devices.remove(dev)  # it is closed already
        made.append(one)
        one.keeper.start()
        return one

    yield make
    for one in made:
        one.keeper.end()
        assert not one.ground.is_open
