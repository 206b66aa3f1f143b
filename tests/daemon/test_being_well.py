"""What the watchdog is told: a keeper is well that waits or shows signs of life, and one that has died or hangs is not."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from e2esync.daemon.keeper import HANGS
from e2esync.daemon.ports import Times
from e2esync.daemon.standing import State, nameless
from tests.daemon.ground import DEADLINE, FakeGround, Watched, daemon_of


@dataclass
class Hanging(FakeGround):
    """A folder that does not open until the test lets it."""

    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def open(self, progress):
        self.show = progress
        self.reached.set()
        assert self.go.wait(DEADLINE)
        with super().open(progress) as vault:
            yield vault


class Awake:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def ground(world, name="laptop", kind=FakeGround, errors=()):
    dev = world.device(name)
    world.devices.remove(dev)  # it is closed already
    return kind(dev, list(errors))


def test_a_keeper_is_well_before_it_begins_while_it_waits_and_once_it_was_told_to_end(watched, world):
    unbegun = Watched(ground(world, "desk"))
    assert unbegun.keeper.is_well()
    laptop = watched()
    laptop.wait_rounds(1)
    assert laptop.keeper.is_well()
    laptop.keeper.end()
    assert laptop.keeper.is_well()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_keeper_whose_thread_has_died_is_not_well(watched):
    laptop = watched(errors=[SystemExit()])
    laptop.keeper._thread.join(DEADLINE)
    assert not laptop.keeper.is_well()


def test_a_round_without_a_sign_of_life_is_not_well_until_there_is_one(world):
    awake, hanging = Awake(), ground(world, kind=Hanging)
    laptop = Watched(hanging)
    keeper = laptop.keeper
    keeper._times = Times(time.monotonic, awake=awake)
    keeper.start()
    assert hanging.reached.wait(DEADLINE)
    assert keeper.is_well()
    awake.now += HANGS - 1
    assert keeper.is_well()
    awake.now += 1
    assert not keeper.is_well()
    hanging.show("looking", 1, None)  # a step is done
    assert keeper.is_well()
    awake.now += HANGS
    assert not keeper.is_well()
    hanging.counting.head("any")  # the store is asked
    assert keeper.is_well()
    awake.now += HANGS
    assert not keeper.is_well()
    hanging.go.set()
    laptop.wait_rounds(1)
    end = time.monotonic() + DEADLINE
    while not keeper._is_idle:
        assert time.monotonic() < end
    awake.now += 100 * HANGS
    assert keeper.is_well()
    keeper.end()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_daemon_is_well_as_long_as_all_its_keepers_are(world):
    well, dying = ground(world, "laptop"), ground(world, "desk", errors=[SystemExit()])
    dying.note = replace(dying.note, vault=bytes(32))
    daemon = daemon_of(well)
    assert daemon.is_well()
    daemon.keep([well, dying])
    daemon.keeper(bytes(32))._thread.join(DEADLINE)
    assert not daemon.is_well()
    daemon.keep([well])
    assert daemon.is_well()
    daemon.end()
    assert daemon.is_well()


def test_a_keeper_that_is_on_its_way_out_counts_until_it_has_ended(world):
    hanging = ground(world, kind=Hanging)
    daemon = daemon_of(hanging)
    assert hanging.reached.wait(DEADLINE)
    (keeper,) = daemon._keepers.values()
    awake = Awake()
    keeper._times = Times(time.monotonic, awake=awake)
    ending = threading.Thread(target=daemon.end)
    ending.start()
    end = time.monotonic() + DEADLINE
    while not daemon._leaving:
        assert time.monotonic() < end
    assert daemon.is_well()
    awake.now += HANGS
    assert not daemon.is_well()
    hanging.go.set()
    ending.join(DEADLINE)
    assert daemon.is_well()


@pytest.mark.parametrize("state", State)
def test_the_sentence_for_everybody_is_the_state_word_and_what_comes_of_it(state):
    word, _, rest = nameless([state]).partition(": ")
    assert (word, bool(rest), "\n" in rest) == (state.value, True, False)


def test_the_sentence_for_everybody_is_on_the_state_that_matters_most():
    assert nameless([State.UP_TO_DATE, State.NEEDS_YOU]).startswith("needs-you: ")
    assert nameless([]).startswith("up-to-date: ")
