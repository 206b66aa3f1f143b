"""Nodes whose directory is not in the tree: they stand in `Recovered`, and stop nobody (format §6.9, §8.5)."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from itertools import count
from random import Random

import pytest

from e2esync.adapters.stores.memory import MemoryStore
from e2esync.merge.standing import ORPHANS
from e2esync.tree.keys import ROOT, Kind, node_key
from e2esync.tree.pages import Item
from e2esync.tree.values import DirectoryContent
from moto_fixtures.hostile import HostileStore
from tests.attacks.forge_tree import Forger, item, nodes_of
from tests.engine.mortal import Death, run
from tests.engine.test_sync import once, round_of, write
from tests.engine.world import Dev, World

D = node_key(ROOT, b"d", Kind.DIRECTORY)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, HostileStore(MemoryStore()))
    yield made
    made.close()


@pytest.fixture
def pair(world):
    """Two devices in sync, which have `d/x` and `d/sub/z`."""
    a, b = (world.device(name, store=world.store.view(name)) for name in "ab")
    write(a, "d/x", b"x")
    write(a, "d/sub/z", b"z")
    round_of(a, b)
    return a, b


@pytest.fixture
def forger(world):
    """A third device, which publishes what it likes."""
    return Forger(world.keys, world.store)


def without(dev: Dev, *keys: bytes) -> list[tuple[bytes, bytes]]:
    """The tree of a device, without some nodes."""
    return [node for node in nodes_of(dev).items() if node[0] not in keys]


def files(dev: Dev) -> dict[str, bytes]:
    return {path.decode(): thing[1] for path, thing in dev.tree().items() if thing[0] == "file"}


def quiet(*devices: Dev) -> None:
    """Nothing happens any more."""
    for dev in devices * 2:
        summary = dev.sync()
        assert (summary.skipped, summary.failed, summary.moved) == ([], [], 0)
        assert (summary.uploaded_files, summary.downloaded_files) == (0, 0)
    number = devices[0].vault.cipher.directory_number(ORPHANS)
    for dev in devices:
        state = dev.vault.state
        assert (state.directory_node(number) == ORPHANS) == any(
            node == ORPHANS or state.stand(node)[0] == number for node, _ in state.items(0)
        )


def lost(forger: Forger, a: Dev, b: Dev) -> None:
    """Let the directory be gone from the tree under what is in it."""
    forger.publish(without(a, D))
    round_of(a, b)
    assert files(a) == {"Recovered/x": b"x", "Recovered/sub/z": b"z"}


def test_what_is_written_in_a_directory_that_another_takes_away_meanwhile_stops_nobody(pair, forger):
    a, b = pair
    forger.publish(without(a, D))
    write(a, "d/y", b"y")
    a.push()
    once(b)
    once(a)
    round_of(a, b)
    assert sorted(files(a).values()) == [b"x", b"y", b"z"]
    quiet(a, b)


def test_a_tree_in_which_a_directory_is_missing_is_shown_by_whoever_joins_later(pair, forger, world):
    lost(forger, *pair)
    fresh = world.fresh("fresh", world.store.view("fresh"))
    round_of(*pair, fresh)
    assert files(fresh) == {"Recovered/x": b"x", "Recovered/sub/z": b"z"}
    quiet(*pair, fresh)


def test_what_is_there_again_takes_back_what_was_in_it(pair, forger):
    a, b = pair
    lost(forger, a, b)
    forger.publish([*nodes_of(a).items(), forger.directory(b"d")[0]])
    round_of(a, b)
    assert files(a) == {"d/x": b"x", "d/sub/z": b"z"}
    assert b"Recovered" not in a.tree()
    quiet(a, b)


def edited(a: Dev) -> None:
    (a.root / "Recovered" / "x").write_bytes(b"edited")


def made(a: Dev) -> None:
    write(a, "Recovered/new/n", b"n")


def moved_out(a: Dev) -> None:
    (a.root / "Recovered" / "x").rename(a.root / "mine")
    (a.root / "Recovered" / "sub").rename(a.root / "sub of mine")


def moved_in(a: Dev) -> None:
    write(a, "plain", b"plain")
    once(a)
    (a.root / "plain").rename(a.root / "Recovered" / "plain")


def written_below(a: Dev) -> None:
    write(a, "Recovered/sub/n", b"n")


def deleted(a: Dev) -> None:
    (a.root / "Recovered" / "x").unlink()


def all_deleted(a: Dev) -> None:
    shutil.rmtree(a.root / "Recovered")


def renamed(a: Dev) -> None:
    (a.root / "Recovered").rename(a.root / "mine")


def replaced(a: Dev) -> None:
    (a.root / "Recovered").rename(a.root / "mine")
    write(a, "Recovered", b"file")


def moved_into_another(a: Dev) -> None:
    (a.root / "e").mkdir()
    (a.root / "Recovered").rename(a.root / "e" / "f")


def of_another_mode(a: Dev) -> None:
    (a.root / "Recovered" / "x").chmod(0o600)


@pytest.mark.parametrize("is_synced", [True, False])
@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (edited, {"x": b"edited", "Recovered/sub/z": b"z"}),
        (made, {"Recovered/x": b"x", "Recovered/sub/z": b"z", "new/n": b"n"}),
        (moved_out, {"mine": b"x", "sub of mine/z": b"z"}),
        (moved_in, {"Recovered/x": b"x", "Recovered/sub/z": b"z", "plain": b"plain"}),
        (written_below, {"Recovered/x": b"x", "Recovered/sub/z": b"z", "Recovered/sub/n": b"n"}),
        (deleted, {"Recovered/sub/z": b"z"}),
        (all_deleted, {}),
        (renamed, {"mine/x": b"x", "mine/sub/z": b"z"}),
        (replaced, {"mine/x": b"x", "mine/sub/z": b"z", "Recovered": b"file"}),
        (moved_into_another, {"e/f/x": b"x", "e/f/sub/z": b"z"}),
        (of_another_mode, {"x": b"x", "Recovered/sub/z": b"z"}),
    ],
)
def test_what_a_person_does_among_the_strays(pair, forger, work, expected, is_synced):
    a, b = pair
    lost(forger, a, b)
    work(a)
    if not is_synced:
        a.push()
    round_of(a, b)
    assert files(a) == expected
    assert (b"Recovered" in a.tree()) == any(path.startswith("Recovered") for path in expected)
    quiet(a, b)


def test_other_bits_of_the_directory_itself_are_nobodys_word_and_stop_nobody(pair, forger):
    a, b = pair
    lost(forger, a, b)
    (a.root / "Recovered").chmod(0o700)
    once(a)
    assert {path: thing[:2] for path, thing in b.tree().items()}[b"Recovered"] == ("directory", 0o755)
    assert files(a) == files(b) == {"Recovered/x": b"x", "Recovered/sub/z": b"z"}


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("name", ["Recovered", "Recovered/own"])
def test_a_persons_own_thing_of_that_name_keeps_it(pair, forger, name, is_first):
    a, b = pair
    if is_first:
        write(a, name, b"own")
        round_of(a, b)
        forger.publish(without(a, D))
        round_of(a, b)
        assert files(a)[name] == b"own"
    else:
        forger.publish(without(a, D))
        once(b)
        write(a, name, b"own")
        round_of(a, b)
    assert sorted(files(a).values()) == [b"own", b"x", b"z"]
    quiet(a, b)


def test_a_removed_directory_among_the_strays_is_there_only_for_what_is_in_it(pair, forger):
    a, b = pair
    lost(forger, a, b)
    shutil.rmtree(a.root / "Recovered" / "sub")
    write(b, "Recovered/sub/n", b"n")
    round_of(a, b)
    assert files(a) == {"Recovered/x": b"x", "Recovered/sub/n": b"n"}
    quiet(a, b)


def test_two_contents_of_a_stray_are_settled_by_any_touch(pair, forger):
    a, b = pair
    lost(forger, a, b)
    for dev in pair:
        (dev.root / "Recovered" / "x").write_bytes(dev.name.encode())
    round_of(a, b)
    found = files(a)
    assert sorted(found.values()) == [b"a", b"b", b"z"]
    assert [path for path in found if "conflict" in path and not path.startswith("Recovered")]
    (copy,) = [path for path in found if "conflict" in path]
    (a.root / copy).unlink()
    round_of(a, b)
    assert len(files(a)) == 2
    quiet(a, b)


@pytest.mark.parametrize("is_back", [False, True])
def test_a_pull_that_was_killed_anywhere_is_finished_by_the_next(tmp_path, is_back):
    for at in count(1):
        store = HostileStore(MemoryStore())
        world = World(tmp_path / str(at), store)
        a, b = (world.device(name, store=store.view(name)) for name in "ab")
        write(a, "d/x", b"x")
        write(a, "d/sub/z", b"z")
        round_of(a, b)
        forger, expected = Forger(world.keys, store), {"Recovered/x": b"x", "Recovered/sub/z": b"z"}
        if is_back:
            lost(forger, a, b)
            forger.publish([*nodes_of(a).items(), forger.directory(b"d")[0]])
            expected = {"d/x": b"x", "d/sub/z": b"z"}
        else:
            forger.publish(without(a, D))
        is_done = run(b, "pull", Death(at))
        round_of(b, a)
        assert files(b) == expected
        assert len(b.tree()) == 4
        world.close()
        if is_done:
            break
    assert at > 5


def some(dev: Dev, kind: str) -> list[str]:
    return sorted(path.decode() for path, thing in dev.tree().items() if thing[0] == kind)


def some_place(dev: Dev, random: Random, names: list[str]) -> str:
    return random.choice(["", *(path + "/" for path in some(dev, "directory"))]) + random.choice(names)


def put(dev: Dev, random: Random) -> None:
    path = some_place(dev, random, ["x", "y", "Recovered", "d"])
    if not (dev.root / path).is_dir():
        write(dev, path, random.randbytes(4))


def make(dev: Dev, random: Random) -> None:
    path = some_place(dev, random, ["d", "e", "Recovered"])
    if path.count("/") < 4 and not (dev.root / path).exists():
        (dev.root / path).mkdir()


def move(dev: Dev, random: Random) -> None:
    things, new = [*some(dev, "directory"), *some(dev, "file")], some_place(dev, random, ["x", "d", "e"])
    old = random.choice(things) if things else new
    if not (new + "/").startswith(old + "/") and not (dev.root / new).exists():
        (dev.root / old).rename(dev.root / new)


def remove(dev: Dev, random: Random) -> None:
    if things := [*some(dev, "directory"), *some(dev, "file")]:
        path = dev.root / random.choice(things)
        shutil.rmtree(path) if path.is_dir() else path.unlink()


WORKS = [put, put, put, make, make, move, move, remove]


def spoilt(
    random: Random, forger: Forger, nodes: dict[bytes, bytes], known: Iterable[bytes]
) -> Iterator[Item]:
    """A tree that lacks directories, or has some again, and maybe that of strays itself, moved somewhere."""
    numbers = [forger.cipher.directory_number(key) for key in [ORPHANS, *known]]
    for key in sorted({ORPHANS, *known, *nodes}):
        if key in nodes and (key[-5] != Kind.DIRECTORY or random.random() < 0.7):
            yield key, nodes[key]
        elif key[-5] == Kind.DIRECTORY and random.random() < 0.3:
            place = (random.choice([*numbers, b"nowhere".ljust(16)]), b"d") if random.random() < 0.4 else None
            yield item(key, [forger.entry(DirectoryContent(forger.dot(), here=True), place=place)])


@pytest.mark.parametrize("seed", range(12))
def test_the_view_of_devices_is_the_pure_one_whatever_is_taken_out_of_trees(world, seed):
    random, known, was_seen = Random(seed), set[bytes](), False
    devices = [world.device(name, store=world.store.view(name)) for name in "abc"]
    forger = Forger(world.keys, world.store)
    for _ in range(12):
        for dev in devices:
            for _ in range(random.randrange(4)):
                random.choice(WORKS)(dev, random)
            dev.push()
        nodes = nodes_of(random.choice(devices))
        known |= {key for key in nodes if key[-5] == Kind.DIRECTORY}
        forger.publish(spoilt(random, forger, nodes, known))
        round_of(*devices)
        was_seen = was_seen or any(path.startswith(b"Recovered") for path in devices[0].tree())
        quiet(*devices)
    assert was_seen
