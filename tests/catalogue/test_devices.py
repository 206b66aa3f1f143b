"""Group K of docs/edge-cases.md: several devices, old ones, new ones, and one that is there twice."""

from __future__ import annotations

import shutil
from random import Random

import pytest

from e2esync.errors import Fork
from tests.catalogue.hands import files, move, once, plain, put, remove, round_of
from tests.engine.world import Dev, World


@pytest.mark.case(111)
@pytest.mark.parametrize("seed", range(3))
def test_a_storm_of_devices_keeps_every_word_that_nobody_replaced(world, seed):
    random = Random(seed)
    devices = [world.device(f"d{number}") for number in range(5)]
    written, replaced = set(), set()
    for number in range(60):
        dev, name = random.choice(devices), f"{random.randrange(4)}"
        replaced.add(files(dev).get(name))
        written.add(f"{dev.name} {number}")
        put(dev, name, f"{dev.name} {number}")
        if random.random() < 0.4:
            once(dev)
    round_of(*devices)
    there = set(files(devices[0]).values())
    assert written - replaced <= there <= written


@pytest.mark.case(112)
def test_a_device_that_pushes_without_having_pulled_overwrites_nothing(world):
    a, b, evil = (world.device(name) for name in ("a", "b", "evil"))
    put(a, "x", "1")
    round_of(a, b, evil)
    for number in range(4):
        put(a, "x", f"of a {number}")
        put(evil, "x", f"evil {number}")
        put(evil, f"of evil {number}", "1")
        a.push()
        evil.push()
        b.sync()
    assert {"of a 3", "evil 3"} <= set(files(b).values())
    round_of(a, b, evil)
    assert {"of a 3", "evil 3"} <= set(files(a).values())
    assert not {f"of a {number}" for number in range(3)} & set(files(a).values())


@pytest.mark.case(113)
def test_a_device_that_was_away_for_months_gets_deletions_keeps_its_edits_and_brings_nothing_back(world):
    a, b, c = (world.device(name) for name in "abc")
    for number in range(10):
        put(a, f"{number}", "1")
    round_of(a, b, c)
    for number in range(5):
        remove(a, f"{number}")
        put(b, "log", f"{number}")
        round_of(a, b)
        world.clock.advance(40 * 86_400)
    put(c, "1", "edited while away")
    put(c, "7", "edited too")
    round_of(c, a, b)
    assert plain(a) == sorted(
        ["1=edited while away", "7=edited too", "log=4", *(f"{number}=1" for number in (5, 6, 8, 9))]
    )


def copy_of_state(dev: Dev) -> dict[str, bytes]:
    dev.close()
    copy = {path.name: path.read_bytes() for path in dev.home.glob("*.db*")}
    dev.restart()
    return copy


@pytest.mark.case(114)
@pytest.mark.parametrize("folder_too", [False, True])
def test_a_state_that_was_restored_from_a_backup_is_noticed_and_publishes_nothing(pair, folder_too):
    a, b = pair
    put(a, "x", "1")
    put(a, "y", "1")
    round_of(a, b)
    backup = copy_of_state(a)
    shutil.copytree(a.root, a.home / "backup")
    put(a, "x", "2")
    remove(a, "y")
    put(a, "z", "1")
    round_of(a, b)
    a.close()
    for name, content in backup.items():
        (a.home / name).write_bytes(content)
    if folder_too:
        shutil.rmtree(a.root)
        (a.home / "backup").rename(a.root)
    a.restart()
    before, heads = a.tree(), heads_of(a)
    for command in (a.push, a.pull, a.sync):
        with pytest.raises(Fork):
            command()
    assert (a.tree(), heads_of(a)) == (before, heads)
    once(b)
    assert plain(b) == ["x=2", "z=1"]


def heads_of(dev: Dev) -> dict[str, bytes]:
    return {info.key: dev.store.get(info.key) for info in dev.store.list("") if "/heads/" in info.key}


@pytest.mark.case(115)
def test_of_two_machines_with_one_device_key_the_second_to_write_is_stopped(world: World):
    a, b = world.device("a"), world.device("b")
    put(a, "x", "1")
    round_of(a, b)
    twin = world.device("twin", device=a.device)
    twin.close()
    for name, content in copy_of_state(a).items():
        (twin.home / name).write_bytes(content)
    shutil.rmtree(twin.root)
    shutil.copytree(a.root, twin.root)
    twin.restart()
    put(a, "of a", "1")
    once(a)
    put(twin, "of twin", "1")
    for _ in range(2):
        with pytest.raises(Fork):
            twin.sync()
    assert files(twin)["of twin"] == "1"
    round_of(a, b)
    assert plain(b) == ["of a=1", "x=1"]


@pytest.mark.case(116)
def test_a_new_device_with_a_full_folder_is_joined_and_what_is_equal_is_one(world):
    a, b = world.device("a"), world.device("b")
    for name in ("dir/same", "dir/differs", "dir/only a"):
        put(a, name, "1")
    once(a)
    put(b, "dir/same", "1")
    put(b, "dir/differs", "2")
    put(b, "dir/only b", "3")
    (b.root / "dir" / "same").chmod(0o600)
    round_of(b, a)
    assert plain(a) == [
        "dir/", "dir/differs!=2", "dir/differs=1", "dir/only a=1", "dir/only b=3", "dir/same=1",
    ] or plain(a) == [
        "dir/", "dir/differs!=1", "dir/differs=2", "dir/only a=1", "dir/only b=3", "dir/same=1",
    ]  # fmt: skip


@pytest.mark.case(116, 117)
def test_a_folder_that_was_left_and_is_joined_again_is_no_deletion_of_anything(world):
    a, b = world.device("a"), world.device("b")
    put(a, "dir/x", "1")
    round_of(a, b)
    b.close()
    world.devices.remove(b)
    put(a, "dir/y", "1")
    move(a, "dir", "renamed")
    once(a)
    again = world.device("again")
    shutil.copytree(b.root / "dir", again.root / "dir")
    round_of(again, a)  # that the one directory became the other, a device without memory cannot know
    assert plain(a) == ["dir/", "dir/x=1", "renamed/", "renamed/x=1", "renamed/y=1"]
