"""What a folder costs in which nothing happens, and what it makes of a machine that slept."""

from __future__ import annotations

from functools import partial

import pytest

from e2esync.daemon.schedule import POLL_IDLE, SETTLE
from tests.daemon.idle import DAY, HOUR, asked, two_with_files
from tests.daemon.stepped import Stepped


@pytest.fixture
def clock(world):
    return Stepped(world.clock)


@pytest.fixture
def idle(world, watched, clock):
    """A folder in which nothing has happened for an hour."""
    prepare = partial(two_with_files, world)
    laptop = watched(prepare=prepare, times=clock.times, settle=SETTLE, poll=None)
    clock.run(HOUR)
    return laptop


def test_an_idle_hour_is_one_request_a_minute_and_nothing_else(idle, clock):
    found = asked(idle, clock, HOUR)
    assert found.requests == {"LIST": found.rounds}
    assert HOUR / POLL_IDLE - 1 <= found.rounds <= HOUR / POLL_IDLE
    assert (found.up, found.down) == (0, 0)
    assert (idle.ground.opened, len(idle.ground.watches)) == (1, 1)


def test_an_idle_day_is_the_same_and_one_sign_of_life(idle, clock):
    found = asked(idle, clock, DAY)
    assert found.requests.keys() == {"LIST", "PUT"}
    assert found.requests["PUT"] == 3  # a pack of the snapshot, its index, the head
    assert found.requests["LIST"] - found.rounds in {0, 1}  # a look whether the store keeps what it was given
    assert DAY / POLL_IDLE - 2 <= found.rounds <= DAY / POLL_IDLE + 2
    assert found.up < 10_000


def test_what_happened_while_the_machine_slept_is_looked_for(idle, clock):
    (idle.ground.dev.root / "a").write_bytes(b"nobody told of it")
    files = idle.keeper.standing.survey.files
    clock.run(600)
    assert idle.keeper.standing.survey.files == files
    clock.sleep(600)
    clock.step(SETTLE)
    assert idle.keeper.standing.survey.files == files + 1
