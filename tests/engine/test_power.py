"""Power lost, or the process killed, at every step: each path is old or new, and nothing comes that nobody wrote.

Here some steps of each scene with some commands, and all of a few; all of all: `python -m tests.long.power`.
"""

from __future__ import annotations

from contextlib import closing
from itertools import count
from random import Random

import pytest

from e2esync.engine.stock import take_stock
from tests.engine.mortal import Death
from tests.engine.power import LOSSES, Disk, Times, run
from tests.engine.power_scenes import COMMANDS, SCENES, enumerate_crashes
from tests.engine.test_crashes import change_everything
from tests.engine.test_push_pull import base, sync, write
from tests.engine.world import World

WHOLE = ["file_becomes_directory", "swap_file_and_directory", "two edits"]
STRIDE = 31
IDS = ["push", "pull", "pull, then push", "sync"]


@pytest.mark.parametrize("commands", COMMANDS, ids=IDS)
@pytest.mark.parametrize("name", WHOLE)
def test_power_lost_at_any_step(tmp_path, name, commands):
    crashes, wrong = enumerate_crashes(tmp_path, name, commands)
    assert not wrong, "\n".join(wrong)
    assert crashes > 3


@pytest.mark.parametrize("name", [name for name in SCENES if name not in WHOLE])
def test_power_lost_at_some_steps(tmp_path, name):
    number = list(SCENES).index(name)
    for commands in COMMANDS[number % 2 :: 2]:
        _, wrong = enumerate_crashes(
            tmp_path / commands[0], name, commands, stride=STRIDE, first=1 + number * 7 % STRIDE
        )
        assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("then", ["push", "pull"])
def test_power_lost_after_a_killed_pull_was_taken_stock_of(tmp_path, then):
    """What a killed process did may not be on the disk when the next one notes it."""
    for at in count(1):
        world = World(tmp_path / str(at))
        with Times().told() as times, closing(world):
            a, b = world.device("A"), world.device("B")
            base(a.root)
            sync(a, b)
            change_everything(a.root)
            a.push()
            wanted, disk = a.tree(), Disk(b, times)
            if run(b, "pull", Death(at), disk):
                assert at > 20
                return
            with disk.under(Death()):
                take_stock(b.vault)
            disk.lose("all", Random(at))
            getattr(b, then)()
            for dev in (a, b, a, b):
                dev.sync()
            assert a.differs(wanted) == {}, at
            assert b.differs(wanted) == {}, at


@pytest.mark.parametrize("attempt", range(3))  # which content goes first is chance
def test_a_content_that_a_killed_sync_took_away_was_not_removed_by_a_user(tmp_path, attempt):
    name = "winner removed beside a directory"
    _, wrong = enumerate_crashes(tmp_path, name, ("sync", "sync"), first=15)
    assert not wrong, "\n".join(wrong)


def test_what_was_pushed_is_not_taken_back_by_a_loss_of_power(tmp_path):
    """The file of a user that nobody has told to last is on the disk before it counts as published."""
    world = World(tmp_path)
    with Times().told() as times, closing(world):
        a, b = world.device("A"), world.device("B")
        base(a.root)
        sync(a, b)
        write(a.root / "a", b"edited")
        disk = Disk(a, times)
        disk.forgets(a.root / "a", b"content of a")
        assert run(a, "push", Death(), disk)
        disk.lose("all", Random(0))
        for dev in (a, b, a):
            dev.sync()
        assert (a.root / "a").read_bytes() == (b.root / "a").read_bytes() == b"edited"


def test_the_model_loses_what_no_barrier_followed_and_keeps_the_rest(tmp_path):
    """Names, contents, modes and inodes."""
    for loss in LOSSES:
        world = World(tmp_path / loss)
        with Times().told() as times, closing(world):
            dev = world.device("A")
            write(dev.root / "old", b"old content")
            (dev.root / "directory").mkdir()
            disk = Disk(dev, times)
            before, folder = dev.tree(), dev.vault.folder
            inode = (dev.root / "directory").stat().st_ino
            seen = folder.stat(b"old")
            assert seen is not None
            with disk.under(Death()):
                put(folder, b"lasting", b"lasting")
                folder.barrier()
                lasting = {path: thing for path, thing in dev.tree().items() if path == b"lasting"}
                folder.remove_directory(b"directory")
                put(folder, b"new", b"new content", mode=0o640)
                moved = folder.move(b"old", b"moved", seen)
                folder.set_mode(b"moved", 0o600, moved)
            after = dev.tree()
            assert disk.has_something_to_lose
            disk.lose(loss, Random(1))
            if loss == "all":
                assert dev.differs(before | lasting) == {}
                assert (dev.root / "directory").stat().st_ino == inode
                assert folder.stat(b"old") == seen
            elif loss in {"nothing", "contents", "halves"}:
                came = dict(dev.tree())
                content = came.pop(b"new")[1]
                assert (
                    content
                    == {"nothing": b"new content", "contents": b"", "halves": b"new c" + bytes(6)}[loss]
                )
                assert came == {path: thing for path, thing in after.items() if path != b"new"}
            else:
                assert dev.tree() != after
                assert dev.tree()[b"lasting"] == lasting[b"lasting"]
            assert disk.has_something_to_lose is (loss == "nothing")


def put(folder, path, content, mode=0o644):
    staged = folder.stage()
    staged.write(content)
    staged.set_meta(1_000_000_000, mode)
    staged.close()
    folder.replace(staged, path, None)
