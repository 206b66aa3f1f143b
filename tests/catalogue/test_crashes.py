"""Group I of docs/edge-cases.md: killed, cut off from power, or without the state."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from e2esync.errors import Fork
from e2esync.vault.device import create_device
from tests.catalogue.hands import files, once, plain, put, remove, round_of
from tests.engine.mortal import Death, run
from tests.engine.world import Dev


@pytest.mark.case(93, 96, 97)
def test_killed_at_any_step_of_a_sync_both_ways_the_next_ends_where_it_would_have(world):
    a, b = world.device("a"), world.device("b")
    for at in range(1, 400):
        for name in ("x", "y", "z/inside"):
            put(a, name, name)
        round_of(a, b)
        put(a, "x", "edited by a")
        remove(a, "y")
        put(a, "y/inside", "now a directory")
        remove(a, "z")
        put(a, "z", "now a file")
        once(a)
        put(b, "x", "edited by b")
        put(b, "new of b", f"{at}")
        done = run(b, "sync", Death(at))
        assert (b.root / "x").read_bytes() in (b"edited by a", b"edited by b"), at
        round_of(b, a)
        copies = sorted(content for path, content in files(a).items() if path.startswith("x") and content)
        assert copies == ["edited by a", "edited by b"]
        assert (files(a)["y/inside"], files(a)["z"], files(a)["new of b"]) == (
            "now a directory", "now a file", f"{at}",
        )  # fmt: skip
        if done:
            assert at > 20
            return
        for path in ("y", "z", *(path for path in files(a) if path.startswith("x"))):
            remove(a, path)
        round_of(a, b)
    pytest.fail("it never comes to its end")


@pytest.mark.case(94)
def test_what_is_put_in_place_is_durable_before_and_its_place_is_before_the_row_says_so(pair):
    a, b = pair
    put(a, "x", "1")
    put(a, "dir/y", "2")
    round_of(a, b)
    put(a, "x", "newer")
    put(a, "new", "3")
    once(a)
    death = Death()
    assert run(b, "pull", death)
    steps = [step for step in death.steps if step.startswith(("folder.", "state"))]
    staged = max(number for number, step in enumerate(steps) if step == "folder.stage")
    placed = [number for number, step in enumerate(steps) if step == "folder.replace"]
    barriers = [number for number, step in enumerate(steps) if step == "folder.barrier"]
    committed = max(number for number, step in enumerate(steps) if step == "state commit")
    assert staged < barriers[0] < placed[0] < placed[-1] < barriers[1] < committed


@pytest.mark.case(98)
def test_what_a_killed_run_left_among_the_temporary_files_goes_after_a_day(pair):
    a, b = pair
    put(a, "x", "1")
    round_of(a, b)
    staged = b.vault.folder.stage(10)
    staged.write(b"half a fil")  # and here it is killed
    temporary = b.root / ".e2esync" / "tmp"
    put(b, ".e2esync/tmp/of the user", "1")
    for hours, left in ((0, 2), (23, 2), (2, 1)):
        b.clock.advance(hours * 3600)
        put(a, "x", f"{hours} hours")
        once(a)
        once(b)
        assert len(list(temporary.iterdir())) == left
    assert (temporary / "of the user").exists()
    staged.close()


class PowerCut(Death):
    """Comes when all is in place, and nothing says yet that it will stay there."""

    def step(self, what: str, act: Callable[[], object]) -> object:
        if what == "folder.barrier" and what in self.steps:
            self.at = len(self.steps) + 1
        return super().step(what, act)


@pytest.mark.case(94)
def test_renames_that_a_power_cut_undid_are_no_edits_and_are_done_again(pair):
    a, b = pair
    put(a, "x", "1")
    round_of(a, b)
    old = (b.root / "x").stat()
    put(a, "x", "2")
    put(a, "new", "3")
    once(a)
    assert not run(b, "pull", PowerCut())
    assert plain(b) == ["new=3", "x=2"]
    remove(b, "new")
    put(b, "x", "1")
    os.utime(b.root / "x", ns=(0, old.st_mtime_ns))
    assert b.count(b.push).requests["PUT"] == 0
    round_of(b, a)
    assert plain(b) == ["new=3", "x=2"]


def lose_state(dev: Dev) -> None:
    """The databases are gone, and the device has a new name for its writes, as after `forget` and `join`."""
    dev.close()
    for database in dev.home.glob("*.db*"):
        database.unlink()
    dev.device = create_device(dev.keys.identity)
    dev.restart()


@pytest.mark.case(95)
def test_without_its_state_a_device_says_so_and_touches_nothing(pair):
    a, b = pair
    put(a, "x", "1")
    round_of(a, b)
    put(b, "of b", "1")
    once(b)
    b.close()
    for database in b.home.glob("*.db*"):
        database.unlink()
    b.restart()
    before = b.tree()
    for command in (b.sync, b.push, b.pull):
        with pytest.raises(Fork):
            command()
    assert b.tree() == before


@pytest.mark.case(95)
def test_joined_again_after_its_state_was_lost_a_device_deletes_nothing_and_copies_only_what_differs(pair):
    a, b = pair
    for name in ("same", "edited here", "edited there", "deleted here", "deleted there", "keep"):
        put(a, name, "1")
    round_of(a, b)
    put(b, "edited here", "2")
    remove(b, "deleted here")
    put(b, "new here", "3")
    lose_state(b)
    put(a, "edited there", "2")
    remove(a, "deleted there")
    once(a)
    round_of(b, a)
    there = plain(a)
    assert set(there) >= {"same=1", "keep=1", "new here=3", "deleted here=1"}
    assert {line.partition("=")[2] for line in there if line.startswith("edited here")} == {"1", "2"}
    assert {line.partition("=")[2] for line in there if line.startswith("edited there")} == {"1", "2"}
    assert [line for line in there if line.startswith("same")] == ["same=1"]
