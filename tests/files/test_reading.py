"""Reading: only regular files, without waiting, and never half of one state and half of another."""

import errno
import os
import stat
from pathlib import Path

import pytest

from e2esync.adapters.files import ChangedLocally, LocalFolder, Unreadable, openfile
from tests.files.conftest import names_in, tick, without_privileges

pytestmark = pytest.mark.usefixtures("any_kernel")


def test_a_file_is_read_in_pieces(world):
    world.write(b"sub/file", b"0123456789")
    with world.folder.open_read(b"sub/file") as file:
        buffer = bytearray(4)
        assert file.read(3) == b"012"
        assert file.readinto(buffer) == 4
        assert buffer == b"3456"
        assert file.read(100) == b"789"
        assert file.read(100) == b""
        file.seek(8)
        assert file.read(1) == b"8"
        assert file.fingerprint == world.folder.stat(b"sub/file")
        assert file.unchanged()


@pytest.mark.timeout(10)
@pytest.mark.parametrize("kind", ["fifo", "socket", "directory", "link", "dangling", "absent"])
def test_what_is_not_a_regular_file_is_refused_at_once(world, kind):
    world.write(b"file")
    os.mkfifo(world.root / "fifo")
    os.mknod(world.root / "socket", stat.S_IFSOCK | 0o600)
    (world.root / "directory").mkdir()
    (world.root / "link").symlink_to("file")
    (world.root / "dangling").symlink_to("nowhere")
    path = kind.encode()
    with pytest.raises(Unreadable):
        world.folder.open_read(path)
    with pytest.raises(Unreadable):
        world.folder.read_small(path, 100)


@pytest.mark.timeout(10)
def test_a_device_is_refused_at_once():
    with LocalFolder.open(Path("/dev")) as devices:
        assert (seen := devices.stat(b"zero")) is not None
        assert seen.kind == "o"
        with pytest.raises(Unreadable):
            devices.open_read(b"zero")
        with pytest.raises(Unreadable):
            devices.read_small(b"zero", 100)


def test_refusing_leaves_no_descriptor_open(world):
    os.mkfifo(world.root / "fifo")
    before = len(names_in(Path("/proc/self/fd")))
    for attempt in (lambda: world.folder.open_read(b"fifo"), lambda: world.folder.read_small(b"fifo", 10)):
        with pytest.raises(Unreadable):
            attempt()
    assert len(names_in(Path("/proc/self/fd"))) == before


def test_a_file_without_permission_is_unreadable(world):
    world.write(b"closed")
    (world.root / "closed").chmod(0)
    with without_privileges(world):
        for attempt in (
            lambda: world.folder.open_read(b"closed"),
            lambda: world.folder.read_small(b"closed", 10),
        ):
            with pytest.raises(Unreadable, match="closed") as caught:
                attempt()
            assert caught.value.reason == "permission denied"


def test_a_disk_error_while_reading_is_unreadable(world, monkeypatch):
    world.write(b"file")

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    with world.folder.open_read(b"file") as file:
        monkeypatch.setattr(os, "pread", fail)
        with pytest.raises(Unreadable) as caught:
            file.read(10)
    assert caught.value.reason == "the disk reports an error"


def append(path):
    with path.open("ab") as file:
        file.write(b"+")


def overwrite_and_put_the_time_back(path):
    times = path.stat()
    path.write_bytes(b"THEIRS")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def replace(path):
    path.with_name("new").write_bytes(b"theirs")
    path.with_name("new").rename(path)


def swap_in_a_directory(path):
    path.unlink()
    path.mkdir()


CHANGES = [append, overwrite_and_put_the_time_back, replace, os.unlink, os.truncate, swap_in_a_directory]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_while_a_file_is_open_is_noticed(world, change):
    world.write(b"file")
    tick()
    with world.folder.open_read(b"file") as file:
        assert file.unchanged()
        change(world.root / "file", *([0] if change is os.truncate else []))
        assert not file.unchanged()


def test_a_parent_that_becomes_a_link_to_the_same_directory_is_noticed(world):
    world.write(b"sub/file")
    with world.folder.open_read(b"sub/file") as file:
        (world.root / "sub").rename(world.root / "elsewhere")
        (world.root / "sub").symlink_to("elsewhere")
        assert not file.unchanged()


def test_another_directory_in_the_place_of_the_parent_is_noticed(world):
    world.write(b"sub/file")
    with world.folder.open_read(b"sub/file") as file:
        (world.root / "sub").rename(world.root / "elsewhere")
        world.write(b"sub/file")
        assert not file.unchanged()


def test_a_disk_that_gives_less_than_it_said_is_not_believed(world, monkeypatch):
    world.write(b"file", b"content")
    monkeypatch.setattr(openfile, "_read_all", lambda *_: b"conte")
    with pytest.raises(ChangedLocally):
        world.folder.read_small(b"file", 100)


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 100_000])
def test_a_small_file_is_read_whole(world, content):
    world.write(b"sub/file", content)
    seen, read = world.folder.read_small(b"sub/file", 100_000)
    assert (seen, read) == (world.folder.stat(b"sub/file"), content)


def test_a_file_that_outgrew_the_limit_is_not_read(world):
    world.write(b"file", b"x" * 11)
    with pytest.raises(ChangedLocally):
        world.folder.read_small(b"file", 10)


@pytest.mark.parametrize(
    "change", [append, overwrite_and_put_the_time_back, lambda path: os.truncate(path, 0)]
)
def test_a_small_file_that_changes_under_the_read_is_discarded(world, monkeypatch, change):
    world.write(b"file")
    tick()
    read_for_real = openfile._read_all

    def read_and_lose_the_race(fd, size, read):
        content = read_for_real(fd, size, read)
        change(world.root / "file")
        return content

    monkeypatch.setattr(openfile, "_read_all", read_and_lose_the_race)
    with pytest.raises(ChangedLocally):
        world.folder.read_small(b"file", 100)


def test_a_disk_that_gives_less_than_was_asked_is_asked_again(tmp_path):
    (tmp_path / "file").write_bytes(b"0123456789")
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    assert openfile._read_all(fd, 10, lambda fd, n: os.read(fd, min(n, 3))) == b"0123456789"
    os.lseek(fd, 8, os.SEEK_SET)
    assert openfile._read_all(fd, 10, os.read) == b"89"
    os.close(fd)


def test_the_target_of_a_link_is_raw_bytes(world):
    for name, target in (
        (b"dangling", b"\xff/nowhere"),
        (b"outside", b"/etc/passwd"),
        (b"long", b"x" * 4000),
    ):
        (world.root / os.fsdecode(name)).symlink_to(os.fsdecode(target))
        assert world.folder.read_link(name) == target
    world.write(b"file")
    for path in (b"file", b"absent"):
        with pytest.raises(Unreadable):
            world.folder.read_link(path)


def test_holes_are_told_from_data(world):
    path = world.root / "sparse"
    with path.open("wb") as file:
        file.truncate(20 << 30)
        file.seek(10 << 30)
        file.write(b"data")
    with world.folder.open_read(b"sparse") as file:
        ranges = list(file.data_ranges())
        assert file.fingerprint.size == 20 << 30
    covered = sum(end - start for start, end in ranges)
    assert any(start <= 10 << 30 < end for start, end in ranges)
    assert covered < 1 << 20 or ranges == [(0, 20 << 30)]


@pytest.mark.parametrize(("content", "size"), [(b"", 0), (b"x", 1), (b"", 1 << 20)])
def test_data_ranges_of_files_without_or_of_nothing_but_holes(world, content, size):
    world.write(b"file", content)
    os.truncate(world.root / "file", size)
    with world.folder.open_read(b"file") as file:
        assert list(file.data_ranges()) in ([], [(0, size)])
        assert not content or list(file.data_ranges()) == [(0, size)]


def test_a_disk_that_knows_no_holes_is_all_data(world, monkeypatch):
    world.write(b"file", b"x" * 10)

    def fail(*_):
        raise OSError(errno.EINVAL, "Invalid argument")

    with world.folder.open_read(b"file") as file:
        monkeypatch.setattr(os, "lseek", fail)
        assert list(file.data_ranges()) == [(0, 10)]
