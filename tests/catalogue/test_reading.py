"""Group B of docs/edge-cases.md: content that changes, or seems not to, while and before it is read."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest

from e2esync.engine.history import events
from tests.catalogue.hands import files, move, once, plain, put, round_of
from tests.engine.mortal import Meanwhile, run
from tests.engine.world import Dev

STEPS = 24  # at which something may happen in a sync of one small change


@pytest.mark.case(14, 29)
@pytest.mark.parametrize("at", range(1, STEPS))
def test_a_file_saved_at_any_moment_of_a_sync_ends_as_it_was_saved_last_and_without_a_copy(pair, at):
    a, b = pair
    put(a, "x", "1")
    round_of(a, b)
    put(b, "of b", "b")
    once(b)
    put(a, "x", "2")
    run(a, "sync", Meanwhile(at, lambda: put(a, "x", "saved in between")))
    round_of(a, b)
    assert set(plain(b)) <= {"of b=b", "x=saved in between", "x=2"}
    assert len(plain(b)) == 2


@pytest.mark.case(14)
@pytest.mark.parametrize("at", range(1, STEPS))
def test_a_file_saved_at_any_moment_while_another_version_comes_is_kept_beside_it(pair, at):
    a, b = pair
    put(a, "x", "1")
    round_of(a, b)
    put(b, "x", "of b")
    once(b)
    happened = []
    run(a, "sync", Meanwhile(at, lambda: happened.append(put(a, "x", "saved in between"))))
    round_of(a, b)
    there = set(files(b).values())
    assert there in ({"saved in between"}, {"of b", "saved in between"}) if happened else there == {"of b"}


def believe(dev: Dev, name: bytes, **told: Any) -> None:
    """Let the row of a file say something else."""
    state = dev.vault.state
    with state.transaction():
        (row,) = [row for row in state.rows_in(bytes(16)) if row.name == name]
        state.put_rows([row._replace(**told)])


def believe_its_times(dev: Dev, name: bytes, *, scanned: int) -> None:
    """Let the row of a file say that its times are those that the disk has now."""
    status = (dev.root / name.decode()).stat()
    believe(
        dev, name, mtime=status.st_mtime_ns, ctime=status.st_ctime_ns, inode=status.st_ino, scanned=scanned
    )


@pytest.mark.case(17)
@pytest.mark.parametrize("how", ["in place", "by rename"])
def test_an_edit_that_keeps_size_and_time_is_found(pair, how):
    a, b = pair
    put(a, "x", "1")
    os.utime(a.root / "x", ns=(7, 7))
    round_of(a, b)
    put(a, "x" if how == "in place" else "new", "2")
    if how == "by rename":
        (a.root / "new").replace(a.root / "x")
    os.utime(a.root / "x", ns=(7, 7))
    round_of(a, b)
    assert plain(b) == ["x=2"]


@pytest.mark.case(18)
def test_an_edit_within_the_tick_of_the_scan_that_leaves_all_times_as_they_were_is_found(pair):
    a, b = pair
    put(a, "x", "1")
    round_of(a, b)
    put(a, "x", "2")
    believe_its_times(
        a, b"x", scanned=(a.root / "x").stat().st_ctime_ns + 1
    )  # the scan was in the same tick, and before
    round_of(a, b)
    assert plain(b) == ["x=2"]


@pytest.mark.case(18)
def test_a_new_file_with_the_inode_of_a_deleted_one_is_not_taken_for_it(pair):
    a, b = pair
    for name in ("one", "two"):
        put(a, name, name)
        os.utime(a.root / name, ns=(7, 7))
    round_of(a, b)
    (a.root / "one").unlink()
    put(a, "new", "new")
    os.utime(a.root / "new", ns=(7, 7))
    believe(
        a, b"one", inode=(a.root / "new").stat().st_ino
    )  # as if the disk had given that of the deleted one
    round_of(a, b)
    assert plain(b) == ["new=new", "two=two"]


@pytest.mark.case(18)
@pytest.mark.parametrize("tells_births", [True, False])
def test_files_that_are_unpacked_anew_over_each_other_are_edited_and_not_moved(
    pair, monkeypatch, tells_births
):
    """All have one size and one time, and each gets the inode that another has freed."""
    a, b = pair
    names = [f"f{number}" for number in range(5)]

    def unpack(contents: str) -> None:
        for name, content in zip(names, contents, strict=True):
            (a.root / name).unlink(missing_ok=True)
            put(a, name, content)
            os.utime(a.root / name, ns=(7, 7))

    unpack("01234")
    round_of(a, b)
    unpack("56789")
    inodes = [(a.root / name).stat().st_ino for name in names]
    for name, inode in zip(names, inodes[1:] + inodes[:1], strict=True):  # as if the disk had done so
        believe(a, name.encode(), inode=inode)
    if not tells_births:
        monkeypatch.setattr(type(a.vault.folder), "birth_ns", lambda _folder, _path: None)
    assert a.sync().moved == 0
    assert {(event.what, event.path) for event in events(a.vault)[:5]} == {
        ("changed", name.encode()) for name in names
    }
    round_of(a, b)
    assert plain(b) == ["f0=5", "f1=6", "f2=7", "f3=8", "f4=9"]


@pytest.mark.case(18)
def test_a_directory_that_was_made_anew_with_the_inode_it_had_goes_where_others_move_it(pair):
    a, b = pair
    put(a, "d/x", "1")
    round_of(a, b)
    put(a, "d/y", "2")
    (row,) = [row for row in a.vault.state.rows_in(bytes(16)) if row.name == b"d"]
    believe(a, b"d", birth=row.birth - 1)  # as if the disk had given the inode to another of that name
    once(a)
    move(b, "d", "e")
    once(b)
    once(a)
    round_of(a, b)
    assert plain(a) == ["e/", "e/x=1", "e/y=2"]


@pytest.mark.case(19)
def test_a_file_that_was_only_touched_is_no_edit_and_no_conflict_with_one(pair):
    a, b = pair
    put(a, "x", "1")
    put(a, "y", "1")
    round_of(a, b)
    os.utime(a.root / "x", ns=(7, 7))
    assert a.count(a.sync).requests["PUT"] == 0
    os.utime(a.root / "y", ns=(9, 9))
    put(b, "y", "2")
    round_of(a, b)
    assert plain(a) == ["x=1", "y=2"]


@pytest.mark.case(20)
@pytest.mark.parametrize("deleted", [False, True])
def test_a_file_that_was_empty_for_a_moment_replaces_no_edit_of_others(pair, deleted):
    a, b = pair
    put(a, "x", "1")
    put(a, "keep", "0")
    round_of(a, b)
    put(a, "x", "")
    once(a)  # which comes between truncating and writing
    put(b, "x", "of b")
    if deleted:
        (a.root / "x").unlink()
        once(a)
    round_of(a, b)
    assert plain(a) == ["keep=0", "x=of b"]


@pytest.mark.case(20)
def test_what_is_written_after_the_truncation_comes_next_and_makes_no_copy(pair):
    a, b = pair
    put(a, "x", "1")
    round_of(a, b)
    put(a, "x", "")
    once(a)
    put(a, "x", "2")
    round_of(a, b)
    assert plain(b) == ["x=2"]


@pytest.mark.case(21, 22)
def test_a_file_that_grows_and_shrinks_under_its_name_has_no_stale_end(pair):
    a, b = pair
    noise = Random(3).randbytes(5 << 20)
    for size in (10, 5 << 20, 131_072, 131_073, 2 << 20, 1, 0, 300_000, 0, 64):
        dev = a if size % 2 else b
        put(dev, "x", noise[:size] if size % 4 else bytes(size))
        round_of(a, b)
        for each in pair:
            assert (each.root / "x").read_bytes() == (noise[:size] if size % 4 else bytes(size))


@pytest.mark.case(23)
def test_bytes_that_rot_on_the_disk_are_not_published(pair):
    a, b = pair
    put(a, "x", "good")
    round_of(a, b)
    put(a, "x", "g00d")
    believe_its_times(
        a, b"x", scanned=(a.root / "x").stat().st_ctime_ns + 10**9
    )  # the disk says that nothing was written
    for _ in range(2):
        assert a.count(a.sync).requests["PUT"] == 0
    assert plain(b) == ["x=good"]
    put(b, "x", "better")
    once(b)
    once(a)
    assert plain(a) == ["x=better"]


@pytest.mark.case(16)
def test_a_file_that_is_renamed_while_it_is_read_is_published_once(pair):
    a, b = pair
    put(a, "keep", "0")
    round_of(a, b)
    put(a, "x", "1")
    was_read = False

    def rename(stage, _done, _total):
        nonlocal was_read
        if not was_read:
            was_read = True
            move(a, "x", "y")

    with a.using(progress=rename):
        a.sync()
    round_of(a, b)
    assert (was_read, plain(b)) == (True, ["keep=0", "y=1"])
