"""Group H of docs/edge-cases.md: roots that are not what they were, guards, and bounds."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress

import pytest

from e2esync.adapters.files import LocalFolder, listing, walk
from e2esync.adapters.stores.memory import MemoryStore
from e2esync.errors import DiskFull, E2ESyncError, SafetyStop, StoreRefused
from e2esync.merge.guards import Risk
from e2esync.model.store import Store
from tests.catalogue.hands import files, move, once, plain, put, round_of
from tests.engine.world import Dev, objects


def synced(pair: tuple[Dev, Dev], count: int = 30) -> tuple[Dev, Dev]:
    a, b = pair
    for number in range(count):
        put(a, f"dir/{number}", f"{number}")
    round_of(a, b)
    return a, b


@pytest.mark.case(81, 88)
@pytest.mark.parametrize("command", ["push", "pull", "sync"])
@pytest.mark.parametrize("how", ["gone", "moved", "another in its place"])
def test_a_root_that_went_away_stops_and_deletes_nothing(pair, command, how):
    a, b = synced(pair)
    away = a.home / "away"
    a.root.rename(away)
    if how == "another in its place":
        a.root.mkdir()
    for _ in range(2):
        with pytest.raises(SafetyStop):
            getattr(a, command)()
    if how == "gone":
        shutil.copytree(away, a.home / "kept", symlinks=True)
    once(b)
    assert len(files(b)) == 31
    if how == "another in its place":
        a.root.rmdir()
    away.rename(a.root)
    a.restart()
    round_of(a, b)
    assert len(files(a)) == 31


@pytest.mark.case(82)
def test_an_empty_directory_where_the_disk_was_mounted_is_no_deletion(pair):
    a, b = synced(pair)
    a.root.rename(a.home / "disk")
    a.root.mkdir()
    a.close()
    a.vault = a.vault.__class__(**(vars(a.vault) | {"folder": LocalFolder.open(a.root)}))
    with pytest.raises(SafetyStop):
        a.sync()
    a.vault.folder.close()
    a.root.rmdir()
    (a.home / "disk").rename(a.root)
    a.restart()
    round_of(a, b)
    assert len(files(b)) == 31


@pytest.mark.case(83)
def test_what_is_away_for_less_than_a_second_look_is_not_deleted(pair):
    a, b = synced(pair)
    away = a.root / "dir"
    away.rename(a.home / "away")
    sleep = a.clock.advance

    def comes_back(seconds: float) -> None:
        sleep(seconds)
        if not away.exists():
            (a.home / "away").rename(away)

    clock = type(a.vault.clock)(a.clock.now_ns, comes_back)
    with a.using(clock=clock):
        assert a.sync().deleted_remote == 0
    round_of(a, b)
    assert len(files(b)) == 31


@pytest.mark.case(84)
@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE])
@pytest.mark.parametrize("where", ["the directory", "one entry of it"])
def test_a_disk_that_fails_under_the_scan_deletes_nothing(pair, monkeypatch, number, where):
    a, b = synced(pair)
    put(a, "calm", "1")
    (a.root / "dir" / "1").unlink()
    names_in, stat = walk.names_in, os.stat

    def list_or_fail(directory: int) -> list[bytes]:
        if os.readlink(f"/proc/self/fd/{directory}").endswith("/dir"):
            raise OSError(number, os.strerror(number))
        return names_in(directory)

    def stat_or_fail(path, **options):
        if path == b"7":
            raise OSError(number, os.strerror(number))
        return stat(path, **options)

    with monkeypatch.context() as patch:
        if where == "the directory":
            patch.setattr(listing, "names_in", list_or_fail)
        else:
            patch.setattr(os, "stat", stat_or_fail)
        summary = a.push()
        assert ([item["path"] for item in summary.failed], summary.deleted_remote) == (["dir"], 0)
    once(b)
    assert len(files(b)) == 32
    round_of(a, b)
    assert len(files(b)) == 31


@pytest.mark.case(85)
def test_a_rename_of_everything_needs_no_question_and_a_deletion_does(pair):
    a, b = synced(pair)
    with a.using(accepted=frozenset()), b.using(accepted=frozenset()):
        move(a, "dir", "renamed")
        round_of(a, b)
        for number in range(20):
            (a.root / "renamed" / f"{number}").unlink()
        for command in (a.push, a.sync):
            with pytest.raises(SafetyStop):
                command()
        assert len(files(b)) == 31
    with a.using(accepted=frozenset({Risk.MASS_DELETE})):
        once(a)
    with b.using(accepted=frozenset()), pytest.raises(SafetyStop):
        b.sync()
    assert len(files(b)) == 31
    round_of(a, b)
    assert len(files(b)) == 11


@pytest.mark.case(86)
def test_new_times_of_all_files_are_no_change_and_new_contents_are_a_question(pair):
    a, b = synced(pair)
    with a.using(accepted=frozenset()), b.using(accepted=frozenset()):
        for number in range(30):
            os.utime(a.root / "dir" / f"{number}", ns=(0, 3_600 * 10**9 * number))
        assert a.count(a.sync).requests["PUT"] == 0
        for number in range(30):
            put(a, f"dir/{number}", f"encrypted {number}")
        with pytest.raises(SafetyStop):
            a.sync()
    once(b)
    assert files(b)["dir/7"] == "7"


@pytest.mark.case(87)
@pytest.mark.parametrize("left", ["nothing", "an old copy", "no heads"])
def test_a_store_that_was_wiped_or_is_old_deletes_nothing_here(pair, left):
    a, b = synced(pair)
    old = objects(a.store)
    put(a, "dir/0", "newer")
    round_of(a, b)
    store = MemoryStore()
    kept = {"nothing": {}, "an old copy": old}.get(left, objects(a.store))
    for key, body in kept.items():
        if left != "no heads" or "/heads/" not in key:
            store.put(key, body)
    for dev in (a, b):
        dev.restart(store)
        before = dev.tree()
        for _ in range(2):
            with suppress(E2ESyncError):  # which of them, depends on what the store has left
                dev.sync()
        assert dev.tree() == before
    if left != "nothing":
        round_of(a, b)
    assert files(b)["dir/0"] == "newer"


@pytest.mark.case(91)
def test_a_disk_that_is_full_keeps_every_file_as_it_was_and_goes_on_with_room(pair, monkeypatch):
    a, b = synced(pair)
    put(a, "dir/0", "x" * 100_000)
    once(a)
    put(b, "of b", "1")
    before = b.tree()
    with monkeypatch.context() as patch:
        patch.setattr(type(b.vault.folder), "free_bytes", lambda _: 1000)
        for _ in range(2):
            with pytest.raises(DiskFull):
                b.sync()
            assert b.tree() == before
    assert files(a)["dir/0"] == "x" * 100_000
    round_of(a, b)


class Full:
    """A store without room."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def put(self, key, body):
        raise StoreRefused("the bucket is full")


@pytest.mark.case(92)
def test_where_the_bucket_is_full_downloads_still_work_and_uploads_come_with_room(pair):
    a, b = synced(pair)
    put(a, "dir/0", "newer")
    once(a)
    put(b, "of b", "1")
    with b.using(store=Full(b.vault.store)):
        b.pull()
        assert files(b)["dir/0"] == "newer"
        with pytest.raises(StoreRefused):
            b.push()
    round_of(a, b)
    assert files(a)["of b"] == "1"


@pytest.mark.case(90)
def test_a_directory_of_thousands_and_a_path_of_hundreds_come_whole(pair):
    a, b = pair
    for number in range(1_500):
        put(a, f"many/{number}", "x")
    put(a, "/".join(["d"] * 300) + "/x", "deep")
    once(a)
    once(b)
    assert b.differs(a.tree()) == {}
    (a.root / "many").rename(a.root / "more")
    (a.root / "d").rename(a.root / "e")
    round_of(a, b)
    assert len(plain(b)) == 1_500 + 1 + 301
