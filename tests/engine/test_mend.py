"""What the store acknowledged and lost is put again by the next push that finds nothing changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from itertools import count, islice

import pytest

from e2esync.engine import doubt
from e2esync.engine import fold as fold_module
from e2esync.engine.verify import verify
from e2esync.errors import MissingObject
from e2esync.format import names
from e2esync.vault.packs import PACK_SIZE
from tests.engine.mortal import Death, run
from tests.engine.test_fold import Heard, listed, lose_cache, pulled_anew, stored
from tests.engine.world import Dev, World

DAY = 86_400
PACK, INDEX = names.Kind.PACK, names.Kind.INDEX

pytestmark = pytest.mark.row("R11")


@pytest.fixture
def dev(world: World) -> Dev:
    dev = world.device("laptop")
    (dev.root / "small").write_bytes(b"small")
    (dev.root / "docs").mkdir()
    (dev.root / "docs" / "medium").write_bytes(os.urandom(200_000))
    dev.push()
    return dev


def lose(world: World, keys: Iterable[str]) -> None:
    keys = list(keys)
    assert keys
    world.store.delete(keys)


def lose_catalogue(dev: Dev) -> None:
    lose_cache(dev)
    dev.vault.catalogue.close()
    for path in dev.home.glob("catalogue.db*"):
        path.unlink()
    dev.restart()


def small_files(dev: Dev, number: int) -> None:
    """So many that their pages are a pack of their own."""
    for one in range(number):
        (dev.root / f"file {one:05}").write_bytes(os.urandom(30))


def page_packs(world: World, dev: Dev) -> list[str]:
    """The packs without chunks."""
    groups = list(dev.vault.catalogue.groups(stored(world, PACK)))
    chunks = {group.pack for group in groups if group.is_chunk}
    return [names.pack(dev.vault.vault_id, group.pack) for group in groups if group.pack not in chunks]


def full_packs(world: World) -> list[str]:
    return [info.key for info in world.store.list("") if info.size == PACK_SIZE]


def requests(dev: Dev) -> dict[str, int]:
    """What a push costs."""
    return {verb: number for verb, number in dev.count(dev.push).requests.items() if number}


def assert_mended(world: World, dev: Dev, *, pushes: int = 1) -> None:
    """Everything is there, every byte of it; and soon nobody looks any more."""
    for _ in range(pushes):
        assert dev.push().failed == []
    verify(dev.vault, dev.keys.identity, deep=True)
    assert pulled_anew(world) == dev.tree()
    assert listed(dev)[1] <= stored(world, PACK)
    dev.push()
    assert requests(dev) == {"LIST": 1}


# what is in the cache


@pytest.mark.parametrize("kind", [PACK, INDEX])
def test_a_small_object_is_put_again_with_the_same_bytes(world, dev, kind):
    before = stored(world, kind)
    lose(world, world.keys_of(kind))
    assert requests(dev) == {"LIST": 2, "HEAD": 1, "PUT": 1}
    assert stored(world, kind) == before
    assert requests(dev) == {"LIST": 2}  # what was put again is looked for, too
    assert requests(dev) == {"LIST": 1}
    assert_mended(world, dev)


def test_a_file_that_was_only_touched_does_not_keep_push_from_looking(world, dev):
    lose(world, world.keys_of(PACK))
    mtime = (dev.root / "small").stat().st_mtime_ns
    os.utime(dev.root / "small", ns=(mtime, mtime))
    assert_mended(world, dev)


def test_everything_but_the_head_is_put_again(world, dev):
    lose(world, [*world.keys_of(PACK), *world.keys_of(INDEX)])
    assert_mended(world, dev)


def test_what_is_lost_again_is_put_again(world, dev):
    for _ in range(3):
        lose(world, world.keys_of(PACK))
        dev.push()
    assert_mended(world, dev)


# what is not in the cache


def test_an_index_that_is_not_at_hand_is_written_anew(world, dev):
    old = world.keys_of(INDEX)
    lose(world, old)
    lose_cache(dev)
    dev.push()
    assert len(world.keys_of(INDEX)) == 1
    assert world.keys_of(INDEX) != old
    assert dev.vault.catalogue.packs(state=2)  # LISTED: the packs stand in the new index
    assert_mended(world, dev)


def test_an_index_that_gives_way_stays_for_an_hour(world, dev):
    """Somebody may read by the head before."""
    (dev.root / "big").write_bytes(os.urandom(PACK_SIZE + 100_000))
    dev.push()
    old = set(world.keys_of(INDEX))
    lose(world, full_packs(world))
    dev.push()
    assert old < set(world.keys_of(INDEX))
    world.clock.advance(3700)
    (dev.root / "small").write_bytes(b"edited")
    dev.push()
    assert len(old - set(world.keys_of(INDEX))) == 1  # the one that named what was lost
    assert_mended(world, dev)


def test_a_full_pack_is_sealed_anew_from_the_folder(world, dev):
    (dev.root / "big").write_bytes(os.urandom(PACK_SIZE * 2))
    dev.push()
    lose(world, full_packs(world)[:1])
    with pytest.raises(MissingObject, match="index names") as caught:
        verify(dev.vault, dev.keys.identity, deep=False)
    assert "e2esync push" in caught.value.fix
    spent = dev.count(dev.push)
    assert spent.uploaded_bytes < 1.2 * PACK_SIZE  # the chunks that were lost, and no others
    assert_mended(world, dev)


def test_a_long_list_of_chunks_is_made_again(world, dev):
    """Of a file of more chunks than stand in its entry."""
    (dev.root / "long").write_bytes(os.urandom(3 * PACK_SIZE))
    dev.push()
    lose_cache(dev)
    lose(
        world, page_packs(world, dev) or [key for key in world.keys_of(PACK) if key not in full_packs(world)]
    )
    assert dev.count(dev.push).uploaded_bytes < PACK_SIZE
    assert_mended(world, dev)


def test_pages_of_the_tree_are_made_again(world, dev):
    small_files(dev, 3000)
    dev.push()
    lose_cache(dev)
    lose(world, page_packs(world, dev))
    files = dev.push().uploaded_files
    assert files == 0
    assert_mended(world, dev)


def test_equal_files_are_sealed_anew_together(world, dev):
    for name in ("one", "two"):
        (dev.root / name).write_bytes(b"equal" * 60_000)
    (dev.root / "half").write_bytes(b"equal" * 60_000 + os.urandom(500_000))
    dev.push()
    lose_cache(dev)
    lose(world, world.keys_of(PACK))
    assert_mended(world, dev)


@pytest.mark.parametrize("what", ["catalogue too", "store only"])
@pytest.mark.case(107)
def test_everything_is_made_anew_from_the_folder(world, dev, what):
    (dev.root / "big").write_bytes(os.urandom(PACK_SIZE + 100_000))
    small_files(dev, 300)
    dev.push()
    if what == "catalogue too":
        lose_catalogue(dev)
    else:
        lose_cache(dev)
    lose(world, [*world.keys_of(PACK), *world.keys_of(INDEX)])
    assert_mended(world, dev)


@pytest.mark.parametrize("and_catalogue", [False, True])
def test_files_of_others_are_not_sent_again(world, dev, and_catalogue):
    desk = world.device("desk")
    desk.pull()
    for number in range(4):  # an index each
        (desk.root / f"of the desk {number}").write_bytes(os.urandom(1_000_000))
        desk.push()
    dev.pull()
    (dev.root / "of the laptop").write_bytes(os.urandom(100_000))
    dev.push()
    indexes, packs = listed(dev)
    if and_catalogue:
        lose_catalogue(dev)
        lose(world, [names.index(dev.vault.vault_id, index) for index in indexes])
    else:
        lose_cache(dev)
    lose(world, [names.pack(dev.vault.vault_id, pack) for pack in packs])
    assert dev.count(dev.push).uploaded_bytes < 900_000
    desk.pull()
    assert desk.tree() == dev.tree() == pulled_anew(world)
    (desk.root / "later").write_bytes(
        b"until then the desk's head leads to contents as they were sealed before"
    )
    desk.push()
    dev.pull()
    assert_mended(world, dev)


def test_folded_packs_that_are_lost_are_read_where_they_were_before(world, dev, monkeypatch):
    monkeypatch.setattr(fold_module, "FAN", 3)
    before = stored(world, PACK)
    for number in range(2):
        before = stored(world, PACK)
        (dev.root / f"note {number}").write_bytes(os.urandom(200_000))
        dev.push()
    new = listed(dev)[1] - before
    lose_cache(dev)
    lose(world, [names.pack(dev.vault.vault_id, pack) for pack in new])
    assert dev.count(dev.push).uploaded_bytes < 250_000  # the newest push's own pack went into the fold
    world.clock.advance(2 * 3600)
    (dev.root / "one more").write_bytes(b"more")
    assert_mended(world, dev, pushes=2)


# what cannot be mended


def test_what_is_gone_from_the_folder_is_told_once(world, dev):
    (dev.root / "big").write_bytes(os.urandom(PACK_SIZE + 100_000))
    dev.push()
    lose(world, full_packs(world))
    (dev.root / "big").unlink()
    assert dev.push().failed == []  # the deletion; it does not look
    (told,) = dev.push().failed
    assert "cannot be sent again" in told["reason"]
    assert_mended(world, dev)


def test_a_file_that_goes_while_it_is_needed_is_told_and_its_deletion_is_published(world, dev):
    (dev.root / "docs" / "big").write_bytes(os.urandom(PACK_SIZE + 100_000))
    dev.push()
    lose(world, full_packs(world))
    prefix = names.vault_prefix(dev.vault.vault_id)

    def hear(verb: str, key: str) -> None:
        if (verb, key) == ("list", prefix):
            (dev.root / "docs" / "big").unlink()

    with dev.using(store=Heard(world.store, hear)):
        failed = dev.push().failed
    assert [item["path"] for item in failed] == ["docs/big", "."]
    assert all("cannot be sent again" in item["reason"] for item in failed)
    assert dev.push().deleted_remote == 1
    assert_mended(world, dev)


# when it looks


def test_a_push_with_changes_does_not_look_for_a_day(world, dev):
    for hour in (0, 12):
        world.clock.advance(hour * 3600)
        (dev.root / "small").write_bytes(os.urandom(9))
        assert requests(dev) == {"LIST": 1, "PUT": 3}
    lose(world, world.keys_of(INDEX))
    world.clock.advance(12 * 3600 + 1)
    (dev.root / "small").write_bytes(os.urandom(9))
    looked = requests(dev)
    assert looked["LIST"] == 2
    assert looked["PUT"] > 3
    assert_mended(world, dev)


def test_a_device_that_has_published_nothing_does_not_look(world, dev):
    desk = world.device("desk")
    desk.pull()
    for _ in range(2):
        assert requests(desk) == {"LIST": 1}


def test_a_large_vault_is_looked_at_once_a_day(world, dev, monkeypatch):
    monkeypatch.setattr(doubt, "MANY", 0)
    assert [requests(dev) for _ in range(2)] == [{"LIST": 2}, {"LIST": 1}]
    (dev.root / "small").write_bytes(b"edited")
    dev.push()
    lose(world, world.keys_of(INDEX))
    assert requests(dev) == {"LIST": 1}
    world.clock.advance(DAY + 1)
    assert requests(dev)["PUT"] == 2
    assert_mended(world, dev)


def test_what_verify_misses_is_looked_for_at_once(world, dev, monkeypatch):
    monkeypatch.setattr(doubt, "MANY", 0)
    dev.push()
    assert requests(dev) == {"LIST": 1}
    for kind in (INDEX, PACK):
        lose(world, world.keys_of(kind))
        with pytest.raises(MissingObject) as caught:
            verify(dev.vault, dev.keys.identity, deep=False)
        assert "e2esync push" in caught.value.fix
        assert requests(dev)["PUT"] >= 1
        verify(dev.vault, dev.keys.identity, deep=True)


def test_verify_does_not_send_to_push_for_what_another_device_has_stored(world, dev):
    desk = world.device("desk")
    desk.pull()
    lose(world, world.keys_of(PACK))
    with pytest.raises(MissingObject) as caught:
        verify(desk.vault, desk.keys.identity, deep=False)
    assert "push" not in caught.value.fix
    assert requests(desk) == {"LIST": 1}


class Forgetful:
    """A store whose listings leave out everything."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, verb: str):
        return getattr(self._store, verb)

    def list(self, prefix: str):
        return (info for info in self._store.list(prefix) if "/heads/" in prefix)


def test_a_listing_is_a_hint(dev):
    with dev.using(store=Forgetful(dev.store)):
        assert requests(dev) == {"LIST": 2, "HEAD": 2}
        assert requests(dev) == {"LIST": 1}


# killed


def everything(world: World, dev: Dev) -> None:
    lose_cache(dev)
    lose(world, [*world.keys_of(PACK), *world.keys_of(INDEX)])


def only_the_packs(world: World, dev: Dev) -> None:
    lose_cache(dev)
    lose(world, world.keys_of(PACK))


def only_the_index(world: World, dev: Dev) -> None:
    lose_cache(dev)
    lose(world, world.keys_of(INDEX))


def what_is_in_the_cache(world: World, dev: Dev) -> None:
    del dev
    lose(world, [*world.keys_of(PACK), *world.keys_of(INDEX)])


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    "damage", [everything, only_the_packs, only_the_index, what_is_in_the_cache], ids=lambda f: f.__name__
)
def test_killed_anywhere_the_next_push_goes_on(tmp_path, damage: Callable[[World, Dev], None], after):
    steps = 0
    for at in islice(count(1), 100):
        world = World(tmp_path / "w")
        dev = world.device("laptop")
        (dev.root / "small").write_bytes(b"small")
        (dev.root / "medium").write_bytes(os.urandom(300_000))
        dev.push()
        damage(world, dev)
        finished = run(dev, "push", Death(at, after=after))
        assert_mended(world, dev)
        world.close()
        shutil.rmtree(tmp_path / "w")
        if finished:
            break
        steps = at
    assert 3 < steps < 99
