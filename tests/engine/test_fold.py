"""Folding: the store grows with the data, and whatever is cut off, every device sees the same tree."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from e2esync.adapters.objectcache import ObjectCache
from e2esync.crypto.asymmetric import object_hash
from e2esync.engine import fold as fold_module
from e2esync.engine import ownhead, ranges
from e2esync.engine.fetch import read_head, read_index
from e2esync.engine.fold import FAN, choose
from e2esync.engine.moving import FULL_FROM
from e2esync.engine.ownhead import LiveIndex
from e2esync.engine.sweep import GRACE
from e2esync.errors import MissingObject, NotAllowed, StoreUnavailable
from e2esync.format import names
from e2esync.format.padding import padme
from e2esync.model.store import Store
from e2esync.vault.packs import PACK_SIZE
from tests.engine import mortal
from tests.engine.mortal import Death
from tests.engine.world import Dev, World

SMALL_FAN = 3


@pytest.fixture
def small_fan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_module, "FAN", SMALL_FAN)


@pytest.fixture
def dev(world: World) -> Dev:
    return world.device("laptop")


def edit(dev: Dev) -> None:
    """Change one file and add one."""
    number = len(list(dev.root.iterdir()))
    (dev.root / "note").write_text(f"{number} " * 50)
    (dev.root / f"file {number}").write_bytes(os.urandom(300))


def push_edits(dev: Dev, count: int) -> None:
    for _ in range(count):
        edit(dev)
        dev.push()


def pulled_anew(world: World) -> dict[bytes, tuple]:
    """What a new device sees."""
    new = world.fresh(f"new {len(world.devices)}")
    new.pull()
    return new.tree()


def stored(world: World, kind: names.Kind) -> set[bytes]:
    """The ids of all objects of a kind."""
    parsed = [names.parse(key) for key in world.keys_of(kind)]
    return {name.id for name in parsed if name is not None and name.id is not None}


def listed(dev: Dev) -> tuple[set[bytes], set[bytes]]:
    """The indexes and packs that the head in the store leads to."""
    content = dev.vault.store.get(names.head(dev.vault.vault_id, dev.device.id))
    indexes = set(read_head(dev.vault, dev.device.id, content).live_indexes)
    return indexes, {group.pack for index in indexes for group in read_index(dev.vault, index)}


def pack_key(dev: Dev, pack: bytes) -> str:
    return names.pack(dev.vault.vault_id, pack)


def lose_cache(dev: Dev) -> None:
    shutil.rmtree(dev.home / "catalogue.packs")


class Heard:
    """A store that says what it is asked before it does it."""

    def __init__(self, store: Store, hear: Callable[[str, str], None] | None = None) -> None:
        self._store = store
        self._hear = hear
        self.verbs: list[str] = []

    def __getattr__(self, verb: str) -> Any:
        def call(key: Any, *args: Any, **kwargs: Any) -> Any:
            self.verbs.append(verb)
            if self._hear is not None:
                self._hear(verb, key if isinstance(key, str) else "")
            return getattr(self._store, verb)(key, *args, **kwargs)

        return call


# the arithmetic of levels


def test_thirty_two_of_a_level_become_one_of_the_next():
    indexes = tuple(LiveIndex(bytes([number]), 0, 300) for number in range(FAN))
    assert choose(indexes[1:]) == ([], 0)
    assert choose(indexes) == (list(indexes), 1)


def test_a_level_that_gets_full_by_a_fold_is_folded_with_it():
    first = tuple(LiveIndex(bytes([1, number]), 1, 300) for number in range(FAN - 1))
    indexes = (*first, *(LiveIndex(bytes([0, number]), 0, 300) for number in range(FAN)))
    chosen, level = choose(indexes)
    assert set(chosen) == set(indexes)
    assert level == 2


def test_a_large_index_is_not_folded_again():
    indexes = tuple(LiveIndex(bytes([number]), 0, 1 << 20) for number in range(2 * FAN))
    assert choose(indexes) == ([], 0)


@dataclass
class Model:
    """What the store holds after pushes of one size, by the real choice of what to fold."""

    chunk: int  # bytes of chunks in a push
    pages: int  # bytes of all else
    rows: int  # blobs
    grace: int  # pushes that what was moved waits
    indexes: tuple[LiveIndex, ...] = ()
    packs: dict[bytes, list[tuple[int, int, int]]] = field(
        default_factory=dict
    )  # of an index: chunks, pages, size
    waiting: list[tuple[int, int]] = field(default_factory=list)  # push, objects
    written: int = 0
    pushes: int = 0

    def push(self) -> None:
        self.pushes += 1
        size = padme(self.chunk + self.pages)
        self._add(0, [(self.chunk, self.pages, size)], self.rows, size)
        chosen, level = choose(self.indexes)
        if chosen:
            self._fold(chosen, level)

    def _add(self, level: int, packs: list[tuple[int, int, int]], rows: int, written: int) -> None:
        index = LiveIndex(f"{self.pushes} {level}".encode(), level, padme(100 + 20 * rows + 60 * len(packs)))
        self.indexes = (*self.indexes, index)
        self.packs[index.id] = packs
        self.written += written + index.size

    def _fold(self, chosen: list[LiveIndex], level: int) -> None:
        packs = [pack for index in chosen for pack in self.packs.pop(index.id)]
        small = [pack for pack in packs if pack[0] + pack[1] < FULL_FROM]
        large = [pack for pack in packs if pack[0] + pack[1] >= FULL_FROM]
        made = [*_joined(sum(pack[0] for pack in small), 0), *_joined(sum(pack[1] for pack in small), 1)]
        self.indexes = tuple(index for index in self.indexes if index not in chosen)
        self.waiting.append((self.pushes + self.grace, len(chosen) + len(small)))
        self._add(level, [*large, *made], self.rows * FAN**level, sum(pack[2] for pack in made))

    @property
    def small_objects(self) -> int:
        self.waiting = [(until, count) for until, count in self.waiting if until > self.pushes]
        packs = sum(pack[2] < PACK_SIZE for packs in self.packs.values() for pack in packs)
        return len(self.indexes) + packs + sum(count for _, count in self.waiting) + 1


def _joined(size: int, column: int) -> list[tuple[int, int, int]]:
    full, rest = divmod(size, PACK_SIZE)
    sizes = [(PACK_SIZE, PACK_SIZE)] * full + ([(rest, padme(rest))] if rest else [])
    return [(0, used, stored) if column else (used, 0, stored) for used, stored in sizes]


@pytest.mark.parametrize(
    ("chunk", "pages", "rows"), [(300, 6_000, 5), (4_000, 12_000, 6), (40_000, 30_000, 12)]
)
def test_a_year_of_500_pushes_a_day_leaves_few_small_objects(chunk, pages, rows):
    model = Model(chunk, pages, rows, grace=500 // 24 + 1)
    most = 0
    for number in range(182_500):
        model.push()
        if number % 97 == 0:
            most = max(most, model.small_objects)
    amplification = model.written / (182_500 * padme(chunk + pages))
    print(f"\nsmall objects: {model.small_objects}, at most {most}; written {amplification:.1f} times")  # noqa: T201
    assert most < 500
    assert amplification < 4.5


@pytest.mark.usefixtures("small_fan")
def test_the_engine_leaves_as_many_objects_as_the_arithmetic_says(world, dev):
    live: list[int] = []
    for _ in range(2 * SMALL_FAN**3 + 5):
        push_edits(dev, 1)
        live.append(len(ownhead.load(dev.vault.state).indexes))
    assert live[26] == 1  # 3^3 pushes are one index of the third level
    assert live[-1] == 2 + 1 + 2  # 59 is 2012 in base 3
    world.clock.advance(GRACE + 1)
    push_edits(dev, 1)
    assert len(stored(world, names.Kind.INDEX)) <= 2 + 2 + 3  # what the newest fold has moved waits
    assert pulled_anew(world) == dev.tree()


# folding and deleting


@pytest.mark.usefixtures("small_fan")
def test_folding_moves_bytes_as_they_are_and_downloads_nothing(world, dev):
    push_edits(dev, SMALL_FAN - 1)
    packs = {pack: world.store.get(pack_key(dev, pack)) for pack in stored(world, names.Kind.PACK)}
    store = Heard(world.store)
    edit(dev)
    with dev.using(store=store):
        dev.push()
    assert not {"get", "head"} & set(store.verbs)
    indexes, named = listed(dev)
    assert len(indexes) == 1
    assert not named & packs.keys()
    joined = [world.store.get(pack_key(dev, pack)) for pack in named]
    assert len(joined) == 2  # chunks and all else apart
    assert all(padme(len(body)) == len(body) for body in joined)
    for group in dev.vault.catalogue.groups(packs):
        for row in group.rows:
            sealed = packs[group.pack][row.offset : row.offset + row.length]
            assert sum(sealed in body for body in joined) == 1
    assert pulled_anew(world) == dev.tree()


def test_joined_packs_are_full_but_for_the_last(world, dev, small_fan):
    for number in range(SMALL_FAN):
        (dev.root / f"large {number}").write_bytes(os.urandom(9 << 20))
        push_edits(dev, 1)
    sizes = sorted(len(world.store.get(pack_key(dev, pack))) for pack in listed(dev)[1])
    assert sizes[-1] == PACK_SIZE
    assert all(size == padme(size) for size in sizes)
    assert pulled_anew(world) == dev.tree()


@pytest.mark.usefixtures("small_fan")
def test_what_was_moved_is_deleted_an_hour_after_the_head_and_not_before(world, dev):
    push_edits(dev, SMALL_FAN)
    assert len(stored(world, names.Kind.INDEX)) == SMALL_FAN + 1
    world.clock.advance(GRACE - 60)
    push_edits(dev, 1)
    assert len(stored(world, names.Kind.INDEX)) == SMALL_FAN + 2
    world.clock.advance(120)
    push_edits(dev, 1)
    assert (stored(world, names.Kind.INDEX), stored(world, names.Kind.PACK)) == listed(dev)
    assert pulled_anew(world) == dev.tree()
    assert not list((dev.home / "catalogue.packs").glob("*.part"))


@pytest.mark.usefixtures("small_fan")
def test_nothing_is_deleted_in_a_push_of_nothing(world, dev):
    push_edits(dev, SMALL_FAN)
    world.clock.advance(2 * GRACE)
    store = Heard(world.store)
    with dev.using(store=store):
        dev.push()
        dev.push()
    assert store.verbs == ["list"] * 3  # heads, everything (`mend`), and heads again


@pytest.mark.usefixtures("small_fan")
@pytest.mark.parametrize("damage", ["missing", "changed", "empty", "no directory"])
def test_a_damaged_cache_is_read_around(world, dev, damage):
    push_edits(dev, SMALL_FAN - 1)
    cache = dev.home / "catalogue.packs"
    for path in cache.iterdir():
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[::-1] if damage == "changed" else b"")
    if damage == "no directory":
        lose_cache(dev)
        cache.write_text("in the way")
    push_edits(dev, 1)
    assert len(listed(dev)[0]) == 1
    world.clock.advance(GRACE + 1)
    push_edits(dev, 1)
    assert (stored(world, names.Kind.INDEX), stored(world, names.Kind.PACK)) == listed(dev)
    assert pulled_anew(world) == dev.tree()


def test_the_cache_is_bounded(tmp_path):
    cache = ObjectCache(tmp_path / "cache", most_bytes=2500)
    contents = [bytes([number]) * 1000 for number in range(5)]
    for content in contents:
        cache.put(object_hash(content), content)
    kept = [content for content in contents if cache.get(object_hash(content)) is not None]
    assert kept == contents[-2:]


@pytest.mark.usefixtures("small_fan")
def test_a_pack_that_is_damaged_in_the_store_stays_listed_and_stops_no_push(world, dev):
    push_edits(dev, SMALL_FAN - 1)
    damaged = next(iter(stored(world, names.Kind.PACK)))
    lose_cache(dev)
    world.store.put(pack_key(dev, damaged), b"damaged")
    push_edits(dev, 1)
    world.clock.advance(GRACE + 1)
    push_edits(dev, 1)
    assert damaged in listed(dev)[1]
    assert damaged in stored(world, names.Kind.PACK)


@pytest.mark.usefixtures("small_fan")
def test_an_index_that_is_damaged_in_the_store_is_left_and_others_are_folded(world, dev):
    push_edits(dev, SMALL_FAN - 1)
    damaged = next(iter(stored(world, names.Kind.INDEX)))
    lose_cache(dev)
    world.store.put(names.index(dev.vault.vault_id, damaged), b"damaged")
    push_edits(dev, 2)
    levels = {index.id: index.level for index in ownhead.load(dev.vault.state).indexes}
    assert sorted(levels.values()) == [0, 1]
    assert levels[damaged] == 0


@pytest.mark.usefixtures("small_fan")
def test_a_new_pack_that_is_not_there_keeps_the_old_ones_and_lists_them_again(world, dev):
    push_edits(dev, SMALL_FAN)
    lost = listed(dev)[1]
    old = stored(world, names.Kind.PACK) - lost
    world.store.delete([pack_key(dev, pack) for pack in lost])
    world.clock.advance(GRACE + 1)
    push_edits(dev, 1)
    assert old <= stored(world, names.Kind.PACK)
    push_edits(dev, 1)
    assert pulled_anew(world) == dev.tree()


@pytest.mark.usefixtures("small_fan")
@pytest.mark.parametrize("lost", ["new index", "own head"])
def test_nothing_is_deleted_while_the_store_does_not_show_what_replaces_it(world, dev, lost):
    push_edits(dev, SMALL_FAN)
    before = stored(world, names.Kind.PACK)
    world.clock.advance(GRACE + 1)

    def hide_head(verb: str, key: str) -> None:
        if verb == "get" and "/heads/" in key:
            world.store.put(key, b"another one")

    store = Heard(world.store, hide_head if lost == "own head" else None)
    if lost == "new index":
        world.store.delete([names.index(dev.vault.vault_id, index) for index in listed(dev)[0]])
    edit(dev)
    with dev.using(store=store):
        dev.push()
    assert "delete" not in store.verbs
    assert before <= stored(world, names.Kind.PACK)


@pytest.mark.usefixtures("small_fan")
@pytest.mark.parametrize("error", [NotAllowed("no"), StoreUnavailable("no")])
def test_a_store_that_refuses_to_delete_stops_no_push_and_is_asked_again_an_hour_later(world, dev, error):
    def refuse(verb: str, _key: str) -> None:
        if verb == "delete":
            raise error

    push_edits(dev, SMALL_FAN)
    world.clock.advance(GRACE + 1)
    for expected in (1, 0):
        store = Heard(world.store, refuse)
        with dev.using(store=store):
            push_edits(dev, 1)
        assert store.verbs.count("delete") == expected
        assert pulled_anew(world) == dev.tree()
    for _ in range(2):
        world.clock.advance(2 * GRACE)
        push_edits(dev, SMALL_FAN + 1)
    assert pulled_anew(world) == dev.tree()
    world.clock.advance(2 * GRACE)
    push_edits(dev, 2)
    world.clock.advance(2 * GRACE)
    push_edits(dev, 1)
    assert (stored(world, names.Kind.INDEX), stored(world, names.Kind.PACK)) == listed(dev)


@pytest.mark.usefixtures("small_fan")
@pytest.mark.parametrize("lost_at", ["before the fold", "before the deletion"])
def test_a_lost_catalogue_loses_no_row(world, dev, lost_at):
    push_edits(dev, SMALL_FAN - 1 if lost_at == "before the fold" else SMALL_FAN)
    dev.close()
    for path in dev.home.glob("catalogue.*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    dev.vault = Dev(dev.name, dev.home, dev.keys, dev.device, dev.store, dev.clock).vault
    for _ in range(4):
        push_edits(dev, 2)
        assert pulled_anew(world) == dev.tree()
        world.clock.advance(GRACE + 1)


# cut off


def _prepared(world: World, *, deleting: bool) -> Dev:
    """A device whose next push folds, or folds and deletes."""
    dev = world.device("laptop")
    push_edits(dev, 2 * SMALL_FAN - 1 if deleting else SMALL_FAN - 1)
    if deleting:
        world.clock.advance(GRACE + 1)
    return dev


def _push_until(dev: Dev, death: Death) -> bool:
    """Push with a death in view, also at the commits of what belongs to folding."""
    rows = dev.vault.catalogue.folding
    rows._db = mortal._Connection(rows._db, death, "folding")  # type: ignore[assignment]
    return mortal.run(dev, "push", death)


def _check_after(world: World, dev: Dev, before: dict[bytes, tuple]) -> None:
    assert pulled_anew(world) in (before, dev.tree())
    dev.push()
    assert pulled_anew(world) == dev.tree()
    for _ in range(2):
        world.clock.advance(GRACE + 1)
        push_edits(dev, 1)
    assert pulled_anew(world) == dev.tree()
    indexes, packs = listed(dev)
    assert packs <= stored(world, names.Kind.PACK)
    waiting = {id_ for (id_,) in dev.vault.catalogue.folding._db.execute("SELECT id FROM waiting")}
    assert stored(world, names.Kind.PACK) - packs <= waiting
    assert stored(world, names.Kind.INDEX) - indexes <= waiting


@pytest.mark.usefixtures("small_fan")
@pytest.mark.parametrize("deleting", [False, True], ids=["folding", "deleting"])
def test_a_push_that_is_cut_off_anywhere_leaves_a_whole_tree_and_is_finished_by_the_next(tmp_path, deleting):
    at, steps = 0, []
    while True:
        at += 1
        world = World(tmp_path / str(at))
        dev = _prepared(world, deleting=deleting)
        before = dev.tree()
        edit(dev)
        death = Death(at)
        finished = _push_until(dev, death)
        if not finished:
            steps.append(death.steps[-1])
            _check_after(world, dev, before)
        world.close()
        if finished:
            break
    assert {"folding commit", "catalogue commit", "state commit", "store.put", "store.list"} <= set(steps)
    assert ("store.delete" in steps) is deleting


# other devices


def _pull_while(world: World, reader: Dev, part: str, happens: Callable[[], None]) -> None:
    """Pull; before the first object of a kind is read, something happens."""
    done: list[str] = []

    def hear(verb: str, key: str) -> None:
        if not done and verb == "get" and part in key:
            done.append(key)
            happens()

    with reader.using(store=Heard(world.store, hear)):
        reader.pull()
    assert done


def fold_and_delete(world: World, writer: Dev) -> None:
    push_edits(writer, 1)
    world.clock.advance(GRACE + 1)
    push_edits(writer, 1)


@pytest.mark.usefixtures("small_fan")
@pytest.mark.parametrize("part", ["/index/", "/packs/"])
def test_a_pull_goes_on_across_the_deletion_of_what_it_was_about_to_read(world, pair, part):
    writer, reader = pair
    push_edits(writer, SMALL_FAN - 1)
    before = stored(world, names.Kind.PACK)
    _pull_while(world, reader, part, lambda: fold_and_delete(world, writer))
    assert not before & stored(world, names.Kind.PACK)
    reader.pull()
    assert reader.tree() == writer.tree()


@pytest.mark.usefixtures("small_fan")
def test_contents_that_went_elsewhere_after_the_tree_was_read_are_found(world, pair, monkeypatch):
    writer, reader = pair
    (writer.root / "large").write_bytes(os.urandom(3 << 20))
    push_edits(writer, SMALL_FAN - 1)
    wanted = writer.tree()
    done: list[int] = []

    def read(vault: Any, pieces: Iterable[Any]) -> Any:
        if not done:
            done.append(1)
            fold_and_delete(world, writer)
        return ranges.read(vault, pieces)

    monkeypatch.setattr("e2esync.engine.download.read", read)
    reader.pull()
    assert done
    assert reader.tree() == wanted


@pytest.mark.usefixtures("small_fan")
def test_a_reader_that_knows_the_old_places_finds_the_new_ones(world, pair):
    writer, reader = pair
    push_edits(writer, SMALL_FAN - 1)
    reader.pull()
    fold_and_delete(world, writer)
    (writer.root / "copy").write_bytes((writer.root / "file 1").read_bytes())
    writer.push()
    reader.pull()
    assert reader.tree() == writer.tree()


def test_what_the_newest_index_names_and_the_store_lacks_is_an_error(world, pair):
    writer, reader = pair
    push_edits(writer, 1)
    world.store.delete(world.keys_of(names.Kind.PACK))
    with pytest.raises(MissingObject):
        reader.pull()
    assert reader.tree() == {}


# what it costs


def test_a_push_of_one_small_change_costs_four_requests_and_one_of_nothing_two_and_then_one(dev):
    for number in range(300):
        (dev.root / f"old {number}").write_text(str(number))
    dev.push()
    spent = []
    for _ in range(FAN + 2):
        (dev.root / "note").write_bytes(os.urandom(100))
        spent.append(sum(dev.count(dev.push).requests.values()))
    assert (
        spent.pop(FAN - 2) == 4 + 3
    )  # folding: two packs and an index; the first push had made an index too
    assert max(spent) == 4
    for lists in (2, 1, 1):  # the first looks whether everything was kept
        nothing = dev.count(dev.push)
        assert {verb: count for verb, count in nothing.requests.items() if count} == {"LIST": lists}
