"""A world for each test, closed behind it."""

import pytest

from tests.engine.world import World


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def pair(world):
    """Two devices of one person, both empty."""
    return world.device("laptop"), world.device("desk")
