"""Killed at every call to the store, every commit and every change of the folder, then run again."""

import random
import shutil
from contextlib import suppress
from itertools import count

import pytest

from e2esync.engine.fetch import fetch
from e2esync.engine.own import list_heads
from e2esync.errors import E2ESyncError, StoreUnavailable
from e2esync.format import names
from tests.engine import test_push_pull as changes
from tests.engine.mortal import Death, run
from tests.engine.test_push_pull import assert_quiet, base, random_bytes, swap, sync, without_times, write
from tests.engine.world import World

BIG = 1 << 20  # bytes; packs and nothing else are as large


def change_everything(root):
    write(root / "a", b"edited")
    swap(root, "box/one", "other/four")
    (root / "b").rename(root / "renamed")
    (root / "box").rename(root / "case")
    write(root / "case" / "inner" / "new", b"new")
    write(root / "large", random_bytes(BIG + 5))
    (root / "c").unlink()
    shutil.rmtree(root / "docs")
    (root / "other").chmod(0o711)
    (root / "hello.txt").chmod(0o600)
    (root / "link").unlink()
    (root / "link").symlink_to("renamed")
    (root / "empty directory").mkdir()


def only_moves(root):
    swap(root, "a", "b")
    (root / "c").rename(root / "box" / "c")
    (root / "box").rename(root / "other" / "box")


def only_modes(root):
    (root / "a").chmod(0o600)
    (root / "box").chmod(0o700)


def only_deletions(root):
    (root / "a").unlink()
    (root / "link").unlink()
    shutil.rmtree(root / "box")


def new_things(root):
    write(root / "new", b"new")
    write(root / "new directory" / "below" / "file", random_bytes(200_000, 7))
    (root / "new link").symlink_to("new")


CHANGES = [change_everything, only_moves, only_modes, only_deletions, new_things]
IN_EACH_OTHERS_WAY = [
    changes.swap_file_and_directory,
    changes.cycle_of_three,
    changes.cycle_of_directories,
    changes.chain_of_renames,
    changes.parent_into_its_child,
    changes.file_becomes_directory,
    changes.directory_becomes_file,
    changes.directory_becomes_file_and_back_elsewhere,
    changes.directory_becomes_symlink,
    changes.chmod_and_rename,
]


@pytest.fixture
def worlds(tmp_path):
    """A function that makes a world in which a base was synced; the one before is closed."""
    made: list[World] = []

    def make():
        if made:
            made.pop().close()
            shutil.rmtree(tmp_path / "w", ignore_errors=True)
        world = World(tmp_path / "w")
        made.append(world)
        a, b = world.device("laptop"), world.device("desk")
        base(a.root)
        sync(a, b)
        return world, a, b

    yield make
    for world in made:
        world.close()


def every_step(worlds, change, command, check):
    """Kill `command` before each of its steps, which is right after the one before; `check` what comes of each.

    Return the kinds of steps that there were. Keys are drawn anew for each kill, and how many pages a tree
    has depends on them; so which step is the tenth may differ between two of them.
    """
    kinds, wrong = set(), []
    for at in count(1):
        world, a, b = worlds()
        change(a.root)
        mortal = a
        if command == "pull":
            a.push()
            mortal = b
        death = Death(at)
        if run(mortal, command, death):
            assert at > 5
            break
        kinds.update(death.steps)
        try:
            check(world, a, b)
        except (AssertionError, E2ESyncError) as error:
            wrong.append(f"before step {at}, {death.steps[-1]}: {error!s:.300}")
    assert not wrong, "\n".join(wrong)
    return kinds


def whole_at_any_time(world):
    """What the head in the store names is there: a device with nothing but the words reads all of it."""
    late = world.fresh("late")
    late.pull()
    found = late.tree()
    world.devices.remove(late)
    late.close()
    return found


@pytest.mark.parametrize("change", [change_everything, only_moves], ids=lambda change: change.__name__)
@pytest.mark.case(93)
def test_a_push_that_was_killed_anywhere_is_finished_by_the_next(worlds, change):
    def check(world, a, b):
        before, after = b.tree(), a.tree()
        assert whole_at_any_time(world) in (before, after)
        large = {key for key in world.keys_of(names.Kind.PACK) if world.store.head(key).size >= BIG}
        assert len(large) <= 1
        a.push()
        assert {key for key in world.keys_of(names.Kind.PACK) if world.store.head(key).size >= BIG} >= large
        assert len([k for k in world.keys_of(names.Kind.PACK) if world.store.head(k).size >= BIG]) <= 1
        assert a.differs(after) == {}
        assert b.pull().skipped == []
        assert b.differs(after) == {}
        assert_quiet(a)
        assert_quiet(b)

    kinds = every_step(worlds, change, "push", check)
    assert {"store.put", "store.list", "state commit", "catalogue commit"} <= kinds


@pytest.mark.parametrize("change", [*CHANGES, *IN_EACH_OTHERS_WAY], ids=lambda change: change.__name__)
@pytest.mark.case(93, 96, 97)
def test_a_pull_that_was_killed_anywhere_is_finished_by_the_next(worlds, change):
    def check(world, a, b):
        pulled = b.pull()
        assert (pulled.skipped, pulled.failed) == ([], [])
        assert b.differs(a.tree()) == {}
        assert_quiet(b)
        a.pull()
        assert b.differs(a.tree()) == {}

    kinds = every_step(worlds, change, "pull", check)
    assert {"store.get", "store.list", "state commit", "folder.barrier"} <= kinds


@pytest.mark.parametrize(
    "change",
    [change_everything, only_moves, only_modes, *IN_EACH_OTHERS_WAY],
    ids=lambda change: change.__name__,
)
@pytest.mark.case(93, 96)
def test_a_push_after_a_pull_that_was_killed_undoes_nothing(worlds, change):
    def check(world, a, b):
        expected = a.tree()
        b.push()
        a.pull()
        assert a.differs(expected) == {}
        b.pull()
        b.push()
        a.pull()
        assert a.differs(expected) == {}
        assert b.differs(expected) == {}

    every_step(worlds, change, "pull", check)


@pytest.mark.parametrize("seed", range(16))
def test_pulls_of_many_changes_that_are_killed_again_and_again_come_to_their_end(tmp_path, seed):
    killed_again_and_again(tmp_path, random.Random(seed), rounds=5)


def killed_again_and_again(home, rng, *, rounds):
    """Change anything on one device, kill the other's pulls and pushes anywhere, and see that nothing comes of it."""
    world = World(home)
    a, b = world.device("laptop"), world.device("desk")
    base(a.root)
    sync(a, b)
    for _ in range(rounds):
        for change in rng.sample(changes.CHANGES, rng.choice([1, 2, 3, 5])):
            with suppress(OSError):  # what it wants to change is not there any more
                change(a.root)
        a.push()
        expected = a.tree()
        while not run(b, "pull", Death(rng.randrange(8, 60))):
            if rng.random() < 0.5:
                run(b, "push", Death(rng.randrange(1, 30)))
        pulled = b.pull()
        assert (pulled.skipped, pulled.failed) == ([], [])
        b.push()
        a.pull()
        assert without_times(a.tree()) == without_times(expected)
        assert without_times(b.tree()) == without_times(expected)
    world.close()


def test_the_first_push_of_all_is_finished_by_the_next(tmp_path):
    for at in range(1, 100):
        world = World(tmp_path / str(at))
        a, b = world.device("laptop"), world.device("desk")
        base(a.root)
        finished = run(a, "push", Death(at))
        a.push()
        b.pull()
        assert b.differs(a.tree()) == {}, at
        world.close()
        shutil.rmtree(tmp_path / str(at))
        if finished:
            assert at > 5
            return
    raise AssertionError("a push has fewer steps")


def test_the_first_pull_of_all_is_finished_by_the_next(tmp_path):
    for at in range(1, 200):
        world = World(tmp_path / str(at))
        a, b = world.device("laptop"), world.device("desk")
        base(a.root)
        a.push()
        finished = run(b, "pull", Death(at))
        pulled = b.pull()
        assert pulled.skipped == [], at
        assert b.differs(a.tree()) == {}, at
        world.close()
        shutil.rmtree(tmp_path / str(at))
        if finished:
            assert at > 10
            return
    raise AssertionError("a pull has fewer steps")


class Refusing:
    """A store that takes no object of one kind."""

    def __init__(self, store, kind):
        self._store, self._kind = store, kind

    def __getattr__(self, name):
        return getattr(self._store, name)

    def put(self, key, body):
        name = names.parse(key)
        if name is not None and name.kind is self._kind:
            raise StoreUnavailable(key)
        return self._store.put(key, body)


def test_packs_that_the_store_did_not_take_are_stored_by_the_next_push(world, pair):
    a, b = pair
    write(a.root / "large", random_bytes(BIG))
    with a.using(store=Refusing(world.store, names.Kind.PACK)), pytest.raises(StoreUnavailable):
        a.push()
    assert not world.keys_of(names.Kind.PACK)
    a.push()
    b.pull()
    assert b.differs(a.tree()) == {}


def test_packs_that_a_failed_push_stored_and_the_store_lost_are_stored_again(world, pair):
    a, b = pair
    write(a.root / "large", random_bytes(BIG))
    with a.using(store=Refusing(world.store, names.Kind.INDEX)), pytest.raises(StoreUnavailable):
        a.push()
    a.restart()
    packs = world.keys_of(names.Kind.PACK)
    assert packs
    world.store.delete(packs)
    world.clock.advance(2 * 86_400)  # long enough for a store's own rules to remove what nobody lists
    a.push()
    b.pull()
    assert b.differs(a.tree()) == {}


@pytest.mark.case(98)
def test_packs_that_a_killed_push_stored_are_used_by_the_next(world, pair):
    a, b = pair
    write(a.root / "large", random_bytes(BIG))
    at = 1
    while not world.keys_of(names.Kind.PACK):
        assert not run(a, "push", Death(at))
        at += 1
    assert a.count(a.push).uploaded_bytes < BIG // 8
    b.pull()
    assert b.differs(a.tree()) == {}


@pytest.mark.case(100)
def test_a_head_whose_fate_is_unknown_is_put_again_with_the_same_bytes(world, pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    write(a.root / "a", b"edited")
    head = names.head(a.keys.vault_id, a.device.id)
    seen = []

    class Unsure:
        """A store that takes a head and answers that it did not."""

        def __getattr__(self, name):
            return getattr(world.store, name)

        def put(self, key, body):
            etag = world.store.put(key, body)
            if key != head:
                return etag
            seen.append(body)
            raise ConnectionError

    with a.using(store=Unsure()), pytest.raises(ConnectionError):
        a.push()
    write(a.root / "a", b"edited once more")
    a.push()
    assert len(seen) == 1
    b.pull()
    assert b.differs(a.tree()) == {}


def test_a_catalogue_that_knows_less_than_what_was_joined_is_filled_again(pair):
    a, b = pair
    base(a.root)
    a.push()
    fetch(b.vault, list_heads(b.vault))
    b.close()
    for path in b.home.glob("catalogue.db*"):
        path.unlink()  # its commits may be lost with the power, those of the state are not
    b.restart()
    b.pull()
    assert b.differs(a.tree()) == {}


def test_a_pull_that_is_killed_and_loses_its_catalogue_takes_what_it_has_put_there_for_its_own(pair):
    laptop, desk = pair
    (laptop.root / "link").symlink_to("somewhere")
    laptop.push()
    desk.pull()
    (laptop.root / "link").unlink()
    (laptop.root / "link").write_bytes(b"a file")
    laptop.push()
    at, came = 1, []
    desk.taken = lambda: came.append(desk.pull())
    while not run(desk, "taken", Death(at, after=False)):
        desk.close()
        for path in desk.home.glob("catalogue*"):
            path.unlink() if path.is_file() else shutil.rmtree(path)
        desk.restart()
        at += 1
    assert at > 10
    assert came[0].skipped == []
    assert desk.count(desk.push).requests["PUT"] == 0
    assert desk.tree() == laptop.tree()
