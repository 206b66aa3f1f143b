"""Temporary files: complete, exact in their metadata, and gone when they are not used."""

import errno
import os

import pytest

from e2esync.adapters.files import CannotWrite, LocalFolder
from e2esync.errors import DiskFull
from tests.files.conftest import MTIME, World, names_in

FOREVER = 1 << 62  # ns since 1970


def test_pieces_may_come_in_any_order(world):
    staged = world.folder.stage(10)
    staged.pwrite(5, b"56789")
    staged.write(b"012")
    staged.write(memoryview(b"34"))
    world.folder.replace(staged, b"file", None)
    assert world.read(b"file") == b"0123456789"


def test_a_short_write_is_continued(world, monkeypatch):
    pwrite_for_real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, view, offset: pwrite_for_real(fd, view[:3], offset))
    world.folder.replace(world.stage(b"0123456789"), b"file", None)
    assert world.read(b"file") == b"0123456789"


def test_truncate_cuts_and_extends(world):
    staged = world.stage(b"0123456789")
    staged.truncate(4)
    staged.truncate(6)
    world.folder.replace(staged, b"file", None)
    assert world.read(b"file") == b"0123\0\0"


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1 << 20])
@pytest.mark.parametrize("around", [(b"", b""), (b"a", b""), (b"", b"z"), (b"a" * 70_000, b"z" * 70_000)])
def test_a_sparse_file_reads_as_what_was_written(world, size, around):
    content = around[0] + bytes(size) + around[1]
    staged = world.folder.stage(len(content), sparse=True)
    for start in range(0, len(content), 300_000):
        staged.pwrite(start, content[start : start + 300_000])
    world.folder.replace(staged, b"file", None)
    assert world.read(b"file") == content


def test_zeros_take_no_room_in_a_sparse_file(world):
    staged = world.folder.stage(1 << 40, sparse=True)
    staged.write(bytes(8 << 20))
    staged.pwrite(4 << 30, b"end")
    world.folder.replace(staged, b"file", None)
    status = (world.root / "file").stat()
    assert status.st_size == (4 << 30) + 3
    assert status.st_blocks * 512 < 1 << 20


@pytest.mark.parametrize("mtime_ns", [-300_000_000_000_000_000, 0, MTIME, 2_200_000_000_000_000_000])
def test_times_before_1970_and_far_ahead_are_kept(world, mtime_ns):
    seen = world.folder.replace(world.stage(mtime_ns=mtime_ns), b"file", None)
    assert seen.mtime_ns == mtime_ns == (world.root / "file").stat().st_mtime_ns
    link = world.folder.replace(world.folder.stage_link(b"nowhere", mtime_ns), b"link", None)
    assert link.mtime_ns == mtime_ns == (world.root / "link").lstat().st_mtime_ns


@pytest.mark.parametrize(("mode", "applied"), [(0o666, 0o666), (0o400, 0o400), (0o7755, 0o755), (0, 0)])
def test_the_mode_is_applied_without_umask_and_without_special_bits(world, mode, applied):
    umask = os.umask(0o077)
    try:
        seen = world.folder.replace(world.stage(mode=mode), b"file", None)
        made = world.folder.make_directory(b"directory", mode)
    finally:
        os.umask(umask)
    assert seen.mode == made.mode == applied
    for name in ("file", "directory"):
        assert (world.root / name).stat().st_mode & 0o7777 == applied


def test_nobody_else_reads_a_file_that_is_not_yet_in_place(world):
    staged = world.folder.stage()
    directory, name = staged.place
    assert os.stat(name, dir_fd=directory).st_mode & 0o077 == 0
    assert (world.root / ".e2esync").stat().st_mode & 0o077 == 0
    staged.discard()


def test_what_is_discarded_is_gone_and_what_is_in_place_stays(world):
    world.stage().discard()
    world.folder.stage_link(b"x", 0).discard()
    placed = world.stage()
    world.folder.replace(placed, b"file", None)
    placed.discard()
    placed.discard()
    assert world.temporary() == []
    assert world.read(b"file") == b"ours"
    with pytest.raises(ValueError, match="used up"):
        world.folder.replace(placed, b"again", None)


def test_more_than_the_disk_holds_is_refused_before_it_is_written(world):
    with pytest.raises(DiskFull):
        world.folder.stage(world.folder.free_bytes() + (1 << 40))
    assert world.temporary() == []
    world.folder.stage(1 << 60, sparse=True).discard()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_while_writing_is_a_full_disk(world, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    staged = world.folder.stage()
    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(DiskFull) as caught:
        staged.write(b"x")
    staged.discard()
    assert caught.value.exit_code == 4
    assert world.temporary() == []


def test_a_disk_that_fails_while_writing_is_a_trouble_of_this_file(world, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    staged = world.folder.stage()
    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(CannotWrite) as caught:
        staged.write(b"x")
    assert caught.value.reason == "the disk reports an error"


def test_a_link_target_that_is_too_long_is_refused(world):
    with pytest.raises(CannotWrite):
        world.folder.stage_link(b"x" * 5000, 0)
    assert world.temporary() == []


@pytest.mark.case(98)
def test_leftovers_are_removed_by_age_whatever_time_they_carry(world):
    world.stage(mtime_ns=0).close()
    world.stage(mtime_ns=FOREVER).close()
    assert world.folder.clean_temporary(MTIME) == 0
    assert len(world.temporary()) == 2
    assert world.folder.clean_temporary(FOREVER) == 2
    assert world.temporary() == []


def test_cleaning_leaves_what_we_did_not_make(world):
    own = world.root / ".e2esync" / "tmp"
    world.stage().discard()
    (own / "notes.txt").write_text("theirs")
    (own / ("0" * 16)).mkdir()
    assert world.folder.clean_temporary(FOREVER) == 0
    assert sorted(world.temporary()) == ["0" * 16, "notes.txt"]


def test_without_its_own_directory_the_folder_is_not_written(tmp_path):
    (tmp_path / "empty mount point").mkdir()
    with LocalFolder.open(tmp_path / "empty mount point") as folder:
        assert folder.marker() is None
        with pytest.raises(CannotWrite):
            folder.stage()
    assert names_in(tmp_path / "empty mount point") == []


@pytest.mark.parametrize("name", [".e2esync", ".e2esync/tmp", ".e2esync/trash"])
def test_an_own_directory_that_is_a_link_is_not_used(tmp_path, name):
    (tmp_path / "outside").mkdir()
    root = tmp_path / "root"
    (root / name).parent.mkdir(parents=True)
    (root / name).symlink_to(tmp_path / "outside")
    with LocalFolder.open(root) as folder, pytest.raises(CannotWrite):
        folder.stage()
    assert names_in(tmp_path / "outside") == []


def test_the_marker_is_what_was_written(tmp_path):
    world = World(tmp_path / "folder")
    assert world.folder.marker() is None
    world.folder.write_marker(b"\x00id\xff")
    world.folder.write_marker(b"another id")
    assert world.folder.marker() == b"another id"
    assert world.temporary() == []
    world.folder.close()
    world.folder.close()
    with LocalFolder.open(tmp_path / "folder") as again:
        assert again.marker() == b"another id"
        assert list(again.list(b"")) == []


@pytest.mark.case(82)
def test_a_folder_that_was_moved_or_mounted_over_is_not_in_place(world):
    assert world.folder.is_in_place()
    world.root.rename(world.root.with_name("moved"))
    assert not world.folder.is_in_place()
    world.root.mkdir()
    assert not world.folder.is_in_place()
