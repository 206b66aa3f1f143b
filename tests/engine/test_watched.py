"""Rounds of a folder that is watched: what is told of is looked at, and nothing else."""

from __future__ import annotations

import os

import pytest

from e2esync.adapters.files import LocalFolder
from e2esync.engine.sync import sync
from tests.engine.histories import NEVER, Kinds
from tests.engine.watched_histories import WatchedHistory

KINDS = {
    "plain": Kinds(),
    "disturbed": Kinds(disturbed=0.3),
    "long": Kinds(length=3, killed=0.1, disturbed=0.1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_where_all_changes_are_told_nothing_is_missed(tmp_path, kind):
    partial = 0
    for seed in range(15):
        history = WatchedHistory(tmp_path / str(seed), seed, KINDS[kind])
        found = history.live()
        assert not found.keys() & NEVER, "\n".join([f"seed {seed}: {found}", *history.trace])
        partial += history.partial
    assert partial > 30


@pytest.fixture
def pair(world):
    a, b = world.device("a"), world.device("b")
    for name in ("one", "two", "deep/er/three"):
        path = a.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    a.sync()
    b.sync()
    return a, b


class Looks:
    """A folder that counts which directories are listed and which paths are looked at."""

    def __init__(self, folder: LocalFolder) -> None:
        self._folder = folder
        self.listed: list[bytes] = []
        self.seen: list[bytes] = []

    def list(self, path: bytes):
        self.listed.append(path)
        return self._folder.list(path)

    def stat(self, path: bytes):
        self.seen.append(path)
        return self._folder.stat(path)

    def __getattr__(self, name: str):
        return getattr(self._folder, name)


def watched(dev, *paths: bytes):
    return sync(dev.vault, within=paths)


def test_only_what_is_told_is_published(pair):
    a, b = pair
    (a.root / "one").write_bytes(b"changed")
    (a.root / "two").write_bytes(b"changed, too")
    assert watched(a, b"one").uploaded_files == 1
    b.sync()
    assert [(b.root / name).read_bytes() for name in ("one", "two")] == [b"changed", b"two"]
    assert watched(a, b"two").uploaded_files == 1


def test_no_directory_is_listed_for_a_file_that_changed(pair):
    a, _ = pair
    (a.root / "deep/er/three").write_bytes(b"changed")
    looks = Looks(a.vault.folder)
    with a.using(folder=looks):
        assert watched(a, b"deep/er/three").uploaded_files == 1
    assert looks.listed == []
    seen = {path for path in looks.seen if not path.endswith(b".e2esyncignore")}
    assert seen == {b"deep", b"deep/er", b"deep/er/three"}


def test_where_nothing_was_told_nothing_is_looked_at(pair):
    a, _ = pair
    looks = Looks(a.vault.folder)
    with a.using(folder=looks):
        assert a.count(lambda: watched(a)).requests["PUT"] == 0
    assert (looks.listed, looks.seen) == ([], [])


def test_a_directory_that_came_is_walked_whole(pair):
    a, b = pair
    (a.root / "new/inner").mkdir(parents=True)
    (a.root / "new/inner/file").write_bytes(b"within")
    assert watched(a, b"new").uploaded_files == 1
    b.sync()
    assert (b.root / "new/inner/file").read_bytes() == b"within"


def test_a_file_in_a_directory_that_nobody_told_of_is_found(pair):
    a, b = pair
    (a.root / "new/inner").mkdir(parents=True)
    (a.root / "new/inner/file").write_bytes(b"within")
    watched(a, b"new/inner/file")
    b.sync()
    assert (b.root / "new/inner/file").read_bytes() == b"within"


def test_a_moved_directory_is_one_move_whatever_is_told_of_what_is_in_it(pair):
    a, b = pair
    os.rename(a.root / "deep", a.root / "moved")
    summary = watched(a, b"moved", b"deep", b"deep/er", b"deep/er/three", b"moved/er/three")
    assert (summary.moved, summary.uploaded_files, summary.deleted_remote) == (1, 0, 0)
    b.sync()
    assert (b.root / "moved/er/three").read_bytes() == b"deep/er/three"
    assert not (b.root / "deep").exists()


def test_of_two_files_that_changed_places_both_move_though_one_is_told_of(pair):
    a, b = pair
    os.rename(a.root / "one", a.root / "tmp")
    os.rename(a.root / "two", a.root / "one")
    os.rename(a.root / "tmp", a.root / "two")
    summary = watched(a, b"one")
    assert (summary.moved, summary.uploaded_files, summary.deleted_remote) == (2, 0, 0)
    b.sync()
    assert [(b.root / name).read_bytes() for name in ("one", "two")] == [b"two", b"one"]


@pytest.mark.case(79)
def test_what_is_gone_is_gone_the_second_time_only(pair):
    a, b = pair
    (a.root / "one").unlink()
    before = a.clock.ahead
    assert watched(a, b"one").deleted_remote == 1
    assert a.clock.ahead > before
    b.sync()
    assert not (b.root / "one").exists()


def test_rules_that_come_decide_about_all(pair):
    a, b = pair
    (a.root / ".e2esyncignore").write_bytes(b"two\n")
    watched(a, b".e2esyncignore")
    (a.root / "two").write_bytes(b"not for others")
    assert watched(a, b"two").uploaded_files == 0
    b.sync()
    assert (b.root / "two").read_bytes() == b"two"


def test_rules_in_a_directory_that_came_decide_about_all(pair):
    a, b = pair
    (a.root / "new").mkdir()
    (a.root / "new/.e2esyncignore").write_bytes(b"secret\n")
    (a.root / "new/secret").write_bytes(b"not for others")
    (a.root / "new/open").write_bytes(b"for all")
    watched(a, b"new")
    b.sync()
    assert sorted(os.listdir(b.root / "new")) == [".e2esyncignore", "open"]


def test_a_known_directory_that_is_named_is_walked_whole(pair):
    a, b = pair
    (a.root / "deep/er/four").write_bytes(b"made before anybody watched")
    assert watched(a, b"deep").uploaded_files == 1
    b.sync()
    assert (b.root / "deep/er/four").read_bytes() == b"made before anybody watched"
