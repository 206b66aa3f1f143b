"""`sync`: what changed here is published, what changed elsewhere comes, in one round."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from e2esync.engine import listing, merge
from e2esync.engine.fetch import fetch_good
from e2esync.engine.push import begin
from e2esync.engine.sync import sync
from e2esync.errors import SafetyStop
from e2esync.tree.keys import ROOT, Kind, node_key
from tests.engine.shows import shown
from tests.engine.world import Dev, World


def write(dev: Dev, path: str, content: bytes) -> None:
    target = dev.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def once(dev: Dev) -> None:
    summary = dev.sync()
    assert (summary.skipped, summary.failed) == ([], [])


def round_of(*devices: Dev) -> None:
    """Let all sync until everything has gone round."""
    for _ in range(2):
        for dev in devices:
            once(dev)
    for dev in devices:
        assert dev.differs(devices[0].tree()) == {}
        assert shown(dev) == {path: thing[0] for path, thing in dev.tree().items()}
        assert {entry.path for entry in listing.entries(dev.vault.state)} == dev.tree().keys()


def test_two_devices_get_each_others_work(pair):
    a, b = pair
    write(a, "from/a", b"a")
    write(b, "from/b", b"b")
    round_of(a, b)
    assert {path for path in a.tree() if a.tree()[path][0] == "file"} == {b"from/a", b"from/b"}


def test_when_nothing_happens_a_sync_is_one_listing(pair):
    a, b = pair
    write(a, "x", b"1")
    round_of(a, b)
    for dev in pair:
        once(dev)  # has a look whether the store has kept what was pushed
        counts = dev.count(dev.sync)
        assert {key: n for key, n in counts.requests.items() if n} == {"LIST": 1}


def test_a_dry_run_says_both_and_does_neither(pair):
    a, b = pair
    write(a, "x", b"1")
    round_of(a, b)
    write(a, "of a", b"a")
    write(b, "of b", b"b")
    once(a)
    before, stored = b.tree(), sorted(info.key for info in b.store.list(""))
    actions = {(action.action, action.path) for action in sync(b.vault, dry_run=True).actions}
    assert actions == {("upload", b"of b"), ("download", b"of a")}
    assert b.tree() == before
    assert sorted(info.key for info in b.store.list("")) == stored


def test_who_wrote_nothing_meanwhile_decodes_only_what_changed(pair, monkeypatch):
    a, b = pair
    for number in range(30):
        write(a, f"x{number}", b"1")
    round_of(a, b)
    looked_at = []

    def counting(check):
        def counted(*arguments):
            looked_at.append(arguments)
            return check(*arguments)

        return counted

    for name in ("check_value", "check_kept"):
        monkeypatch.setattr(merge, name, counting(getattr(merge, name)))
    write(b, "of b", b"b")
    b.push()
    a.pull()
    assert len(looked_at) == 1
    write(a, "of a", b"a")
    write(b, "of b too", b"b")
    b.push()
    a.sync()  # what both have may be of a write of its own that the other has not seen
    assert len(looked_at) > 30


def test_without_its_marker_a_folder_is_not_synced(pair):
    a, _ = pair
    (a.root / ".e2esync" / "folder-id").unlink()
    with pytest.raises(SafetyStop):
        a.sync()


def test_two_edits_of_a_file_stand_beside_each_other(pair):
    a, b = pair
    write(a, "x", b"1")
    round_of(a, b)
    write(a, "x", b"of a")
    write(b, "x", b"of b")
    round_of(a, b)
    assert sorted(content or b"" for content in files(a).values()) == [b"of a", b"of b"]
    assert [dev.sync().conflicts for dev in pair] == [1, 1]


def test_an_edit_of_what_two_wrote_the_same_takes_the_place_of_both(pair):
    a, b = pair
    write(a, "x", b"1")
    round_of(a, b)
    for dev in pair:
        write(dev, "x", b"the same")
    for dev in pair:
        dev.push()
    for dev in pair:
        once(dev)
    write(a, "x", b"edited")
    round_of(a, b)
    assert files(b) == {"x": b"edited"}


def test_a_name_whose_deletion_not_all_have_seen_is_born_as_another_node(world: World):
    a, b, c = (world.device(name) for name in ("a", "b", "c"))
    write(a, "x", b"old")
    write(b, "of b", b"b")
    write(c, "of c", b"c")
    round_of(a, b, c)
    (a.root / "x").unlink()
    once(a)
    once(b)
    write(b, "x", b"new")
    (c.root / "x").rename(c.root / "moved")
    round_of(a, b, c)
    assert (a.root / "x").read_bytes() == b"new"
    assert (a.root / "moved").read_bytes() == b"old"


def test_a_name_whose_deletion_all_have_seen_is_born_as_the_same_node(pair):
    a, b = pair
    write(a, "x", b"old")
    write(b, "of b", b"b")
    round_of(a, b)
    (a.root / "x").unlink()
    once(a)
    once(b)
    write(b, "more of b", b"b")  # which says that b has seen it
    round_of(a, b)
    write(a, "x", b"new")
    once(a)
    assert a.vault.state.node(node_key(ROOT, b"x", Kind.FILE)) is not None


def files(dev: Dev) -> dict[str, bytes | None]:
    return {path.decode(): thing[1] if thing[0] == "file" else None for path, thing in dev.tree().items()}


@pytest.mark.parametrize("editor_first", [True, False])
@pytest.mark.case(57)
def test_an_edit_deep_in_a_directory_that_is_removed_meanwhile_stays_with_all_above_it(pair, editor_first):
    a, b = pair
    write(a, "top/mid/low/x", b"1")
    write(a, "top/mid/other", b"2")
    write(a, "keep", b"3")
    round_of(a, b)
    shutil.rmtree(a.root / "top")
    write(b, "top/mid/low/x", b"edited")
    round_of(*((b, a) if editor_first else (a, b)))
    assert files(a) == {
        "keep": b"3", "top": None, "top/mid": None, "top/mid/low": None, "top/mid/low/x": b"edited",
    }  # fmt: skip


def kept_alive(a: Dev, b: Dev) -> None:
    """A directory that one removed stands, as the other has put something into it."""
    write(a, "dir/x", b"1")
    write(a, "keep", b"3")
    round_of(a, b)
    shutil.rmtree(a.root / "dir")
    write(b, "dir/new", b"2")
    round_of(a, b)
    assert files(a) == {"keep": b"3", "dir": None, "dir/new": b"2"}


def test_it_goes_with_the_last_thing_in_it(pair):
    a, b = pair
    kept_alive(a, b)
    (a.root / "dir" / "new").unlink()
    round_of(a, b)
    assert files(a) == {"keep": b"3"}


def test_it_goes_when_the_last_thing_is_moved_out_of_it(pair):
    a, b = pair
    kept_alive(a, b)
    (b.root / "dir" / "new").rename(b.root / "out")
    round_of(a, b)
    assert files(b) == {"keep": b"3", "out": b"2"}


def test_whatever_is_written_in_it_makes_it_stay(pair):
    a, b = pair
    kept_alive(a, b)
    write(a, "dir/more", b"4")
    round_of(a, b)
    (a.root / "dir" / "new").unlink()
    (a.root / "dir" / "more").unlink()
    round_of(a, b)
    assert files(a) == {"keep": b"3", "dir": None}


def test_a_directory_in_a_removed_directory_is_as_good_as_a_file(pair):
    a, b = pair
    write(a, "dir/x", b"1")
    write(a, "keep", b"3")
    round_of(a, b)
    shutil.rmtree(a.root / "dir")
    (b.root / "dir" / "empty").mkdir()
    round_of(a, b)
    assert files(a) == {"keep": b"3", "dir": None, "dir/empty": None}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.case(41)
def test_directories_moved_into_each_other_by_three_devices_stand_the_same_everywhere(
    world: World, seed: int
):
    random, names = Random(seed), "pqrstu"
    devices = [world.device(name) for name in ("a", "b", "c")]
    for name in names:
        write(devices[0], f"{name}/in {name}", name.encode())
    round_of(*devices)
    for _ in range(4):
        for dev in random.sample(devices, 3):
            for _ in range(random.randint(1, 3)):
                move_one(dev, random, names)
            if random.random() < 0.3:
                once(dev)
        round_of(*devices)
        assert {path.name for path in devices[0].root.rglob("in *")} == {f"in {name}" for name in names}


def test_a_directory_made_where_another_goes_back_to_is_one_of_its_own(pair):
    a, b = pair
    write(a, "d/x", b"1")
    round_of(a, b)
    (a.root / "d").rename(a.root / "e")
    round_of(a, b)
    (a.root / "e").rename(a.root / "d")
    once(a)
    fetch_good(b.vault, begin(b.vault))  # joined, and cut off before it was applied
    write(b, "d/new", b"2")
    b.push()
    round_of(a, b)
    assert {content for content in files(a).values() if content is not None} == {b"1", b"2"}
    assert files(a)["d/x"] == b"1"


def move_one(dev: Dev, random: Random, names: str) -> None:
    """Move one directory into another, or to the root."""
    where = {name: path.parent for name in names for path in dev.root.rglob(f"in {name}")}
    name, into = random.sample(names, 2)
    target = random.choice([dev.root, where[into]])
    if target != where[name].parent and where[name] not in (target, *target.parents):
        where[name].rename(target / name)


def test_a_device_that_only_pulls_keeps_no_pages_of_trees_that_were(world: World):
    a, b, reader = (world.device(name) for name in ("a", "b", "reader"))
    for number in range(300):
        write(a, f"{number}", b"x")
    round_of(a, b)
    for number in range(6):
        write(a, f"{number}", b"of a %d" % number)
        write(b, f"{number + 100}", b"of b %d" % number)
        a.push()
        b.push()
        reader.pull()
    with closing(sqlite3.connect(reader.home / "state.db")) as db:
        (kept,) = db.execute("SELECT count(*) FROM unsaid").fetchone()
        (pages,) = db.execute("SELECT count(*) FROM page").fetchone()
    assert 0 < kept <= pages


class Work:
    """Three devices at work, each in files of its own; one of them renames the directory that all are in."""

    def __init__(self, devices: list[Dev], random: Random) -> None:
        self.devices, self.random = devices, random
        self.expected = {f"{n}-{k}": b"%d" % k for n in range(3) for k in range(8)}
        for name, content in self.expected.items():
            write(devices[int(name[0])], f"shared/{name}", content)
        round_of(*devices)

    def step(self, number: int) -> None:
        n = self.random.randrange(3)
        mine = sorted(name for name in self.expected if name.startswith(f"{n}-"))
        where, name = directory(self.devices[n]), self.random.choice(mine)
        match self.random.randrange(5):
            case 0:
                self.expected[name] = b"edited %d" % number
                (where / name).write_bytes(self.expected[name])
            case 1:
                self.expected[f"{n}-new{number}"] = b"new"
                (where / f"{n}-new{number}").write_bytes(b"new")
            case 2 if len(mine) > 2:
                (where / name).unlink()
                del self.expected[name]
            case 3:
                (where / name).rename(where / f"{name}+")
                self.expected[f"{name}+"] = self.expected.pop(name)
            case _ if n == 0:
                where.rename(where.with_name("renamed" if where.name == "shared" else "shared"))
        if self.random.random() < 0.5:
            once(self.devices[n])


def directory(dev: Dev) -> Path:
    (found,) = (path for name in ("shared", "renamed") if (path := dev.root / name).is_dir())
    return found


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.case(111)
def test_work_on_different_files_comes_together_whatever_the_order(world: World, seed: int):
    devices = [world.device(name) for name in ("a", "b", "c")]
    work = Work(devices, Random(seed))
    for number in range(40):
        work.step(number)
    round_of(*devices)
    assert {path.name: path.read_bytes() for path in directory(devices[0]).iterdir()} == work.expected
    for dev in devices:
        assert dev.count(dev.sync).requests["PUT"] == 0


def test_what_was_replaced_stays_in_the_trash_for_a_month(world: World):
    a, b = world.device("a"), world.device("b")
    write(a, "x", b"1")
    round_of(a, b)
    write(a, "x", b"two")
    round_of(a, b)
    trash = b.root / ".e2esync" / "trash"
    assert [path.read_bytes() for path in trash.iterdir()] == [b"1"]
    for days, left in ((29, 1), (2, 0)):
        world.clock.advance(days * 86_400)
        write(a, f"after {days}", b"n")
        round_of(a, b)
        assert len(list(trash.iterdir())) == left
