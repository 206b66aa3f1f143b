"""More happens at once than the system has room to tell: everything arrives all the same."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest

from e2esync.daemon.standing import State
from tests.daemon.ground import DEADLINE
from tests.daemon.real import Ears, RealGround
from tests.watching.queue import can_be_set, short_queue
from tests.watching.trees import DELETED, SIZE, unpack

TREES = 30
ROOM = 16  # events


class Gate(Ears):
    """Hears nothing as long as it is shut: the thread that reads the events stands still."""

    def __init__(self, root, hints, goes_on):
        super().__init__(root, hints)
        self._goes_on = goes_on

    def touched(self, path):
        assert self._goes_on.wait(DEADLINE)
        super().touched(path)


@dataclass
class Crowded(RealGround):
    """A folder of which the system keeps hardly any events."""

    goes_on: threading.Event = field(default_factory=threading.Event)

    def ear(self, hints):
        return Gate(self.dev.root, hints, self.goes_on)

    def queue(self):
        return short_queue(ROOM)


@pytest.mark.case(73, 77)
@pytest.mark.skipif(not can_be_set(), reason="fs.inotify.max_queued_events can only be set by root")
def test_what_nobody_could_tell_arrives_all_the_same(world, watched, monkeypatch):
    monkeypatch.setattr(
        "e2esync.daemon.schedule.PATIENCE", 0.2
    )  # so that it looks also while it is not quiet

    def with_files(dev):
        (dev.root / "kept").mkdir()
        for number in range(2 * TREES * DELETED):  # so that what goes is never most of what there is
            (dev.root / "kept" / f"{number}").write_bytes(b"%d" % number)
        dev.push()

    laptop, desk = watched(prepare=with_files, kind=Crowded, settle=0.05), world.device("desk")
    laptop.wait_rounds(1)
    root = laptop.ground.dev.root
    unpack(root / "tree 0")
    laptop.ground.goes_on.set()
    for number in range(1, TREES):
        unpack(root / f"tree {number}")
    end = time.monotonic() + DEADLINE
    while desk.tree() != laptop.ground.dev.tree():
        assert time.monotonic() < end, desk.differs(laptop.ground.dev.tree())
        desk.pull()
    assert sum(path.is_file() for path in (desk.root / "tree 0, unpacked").rglob("*")) == SIZE - DELETED
    assert laptop.ground.ears[0].losses
    standing = laptop.wait(lambda one: one.state is State.UP_TO_DATE)
    assert (standing.watch, standing.survey.conflicts) == (None, 0)
