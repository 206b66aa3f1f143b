"""Listing: sorted raw names, links not followed, and the unknown never mistaken for the absent."""

import os
import stat
from pathlib import Path

import pytest

from e2esync.adapters.files import LocalFolder, Unreadable
from tests.files.conftest import names_in, without_privileges

pytestmark = pytest.mark.usefixtures("any_kernel")


def test_entries_come_in_the_order_of_their_raw_names(world):
    names = [
        b"b",
        b"a",
        b"a.txt",
        b"B",
        b"\xff\xfe",
        b"\xc3\xa9",
        b"e\xcc\x81",
        b"a\nb",
        b" ",
        b"%",
        b"n" * 255,
    ]
    for name in names:
        world.write(name)
    assert world.names() == sorted(names)


def test_the_folders_own_directory_is_hidden_in_the_root_only(world):
    world.write(b"sub/.e2esync")
    world.write(b".e2esync-not")
    assert world.names() == [b".e2esync-not", b"sub"]
    assert world.names(b"sub") == [b".e2esync"]


@pytest.mark.parametrize("spelling", [b".e2esync", b".E2ESync"])
def test_the_folders_own_directory_is_reached_by_no_path_in_any_case_of_letters(world, spelling):
    for path in (spelling, spelling + b"/folder-id"):
        with pytest.raises(Unreadable):
            world.folder.stat(path)


def test_each_kind_of_thing_is_told_apart(world):
    world.write(b"file", b"12345")
    (world.root / "directory").mkdir()
    (world.root / "link").symlink_to("directory")
    os.mkfifo(world.root / "fifo")
    os.mknod(world.root / "socket", stat.S_IFSOCK | 0o600)
    found = dict(world.folder.list(b""))
    assert {name: seen.kind for name, seen in found.items()} == {
        b"file": "f",
        b"directory": "d",
        b"link": "l",
        b"fifo": "o",
        b"socket": "o",
    }
    status = (world.root / "file").stat()
    assert found[b"file"] == (
        "f",
        5,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_mode & 0o777,
    )


def test_only_permission_bits_are_seen(world):
    world.write(b"file")
    (world.root / "file").chmod(0o4755)
    assert world.folder.stat(b"file").mode == 0o755


def test_links_that_loop_are_entries_like_others(world):
    (world.root / "one").symlink_to("two")
    (world.root / "two").symlink_to("one")
    (world.root / "here").symlink_to(".")
    assert world.names() == [b"here", b"one", b"two"]
    with pytest.raises(Unreadable, match="here"):
        world.names(b"here")


def test_a_directory_behind_a_link_is_not_listed(world, tmp_path):
    (tmp_path / "outside" / "sub").mkdir(parents=True)
    (world.root / "link").symlink_to(tmp_path / "outside")
    for path in (b"link", b"link/sub"):
        with pytest.raises(Unreadable) as caught:
            world.names(path)
        assert caught.value.path == path


def test_a_directory_without_permission_is_unknown_not_empty(world):
    world.write(b"closed/file")
    (world.root / "closed").chmod(0)
    with without_privileges(world):
        with pytest.raises(Unreadable) as caught:
            world.names(b"closed")
        with pytest.raises(Unreadable):
            world.folder.stat(b"closed/file")
    assert (caught.value.path, caught.value.reason) == (b"closed", "permission denied")


def test_a_directory_whose_entries_cannot_be_looked_at_is_unknown(world):
    world.write(b"names/file")
    (world.root / "names").chmod(0o400)
    with without_privileges(world), pytest.raises(Unreadable):
        world.names(b"names")


def test_an_absent_directory_is_unknown(world):
    with pytest.raises(Unreadable):
        world.names(b"absent")


def test_a_missing_root_is_unknown(tmp_path):
    with pytest.raises(Unreadable):
        LocalFolder.open(tmp_path / "absent")


def test_a_mount_inside_the_folder_is_unknown():
    with LocalFolder.open(Path("/")) as folder, pytest.raises(Unreadable, match="proc") as caught:
        next(folder.list(b"proc"))
    assert caught.value.reason == "another file system is mounted here"


def test_an_entry_that_vanishes_while_we_look_is_left_out(world, monkeypatch):
    world.write(b"stays")
    world.write(b"vanishes")
    stat_for_real = os.stat

    def stat_too_late(name, **options):
        if name == b"vanishes":
            (world.root / "vanishes").unlink()
        return stat_for_real(name, **options)

    monkeypatch.setattr(os, "stat", stat_too_late)
    assert world.names() == [b"stays"]


def test_an_unfinished_listing_holds_no_descriptor_of_a_small_directory(world):
    world.write(b"a")
    world.write(b"b")
    before = len(names_in(Path("/proc/self/fd")))
    listing = world.folder.list(b"")
    next(listing)
    assert len(names_in(Path("/proc/self/fd"))) == before


@pytest.mark.case(90)
def test_five_hundred_levels_are_listed_read_and_written_beyond_the_longest_path(world):
    name = b"level-with-a-long-name"
    fds = [os.open(world.root, os.O_RDONLY)]
    for _ in range(500):
        os.mkdir(name, dir_fd=fds[-1])
        fds.append(os.open(name, os.O_RDONLY, dir_fd=fds[-1]))
    deepest = b"/".join([name] * 500)
    assert len(deepest) > 4096
    try:
        seen = world.folder.replace(world.stage(b"deep"), deepest + b"/file", None)
        assert list(world.folder.list(deepest)) == [(b"file", seen)]
        assert world.folder.read_small(deepest + b"/file", 100) == (seen, b"deep")
        world.folder.remove(deepest + b"/file", seen)
        assert world.names(deepest) == []
    finally:
        os.close(fds.pop())
        for fd in reversed(fds):
            os.rmdir(name, dir_fd=fd)
            os.close(fd)


def test_the_root_itself_has_a_fingerprint(world):
    assert world.folder.stat(b"").inode == world.root.stat().st_ino


@pytest.mark.parametrize("parent", ["file", "link", "dangling"])
def test_below_a_file_or_a_link_nothing_of_ours_can_be(world, parent):
    world.write(b"file")
    (world.root / "real").mkdir()
    world.write(b"real/child")
    (world.root / "link").symlink_to("real")
    (world.root / "dangling").symlink_to("nowhere")
    path = os.fsencode(parent) + b"/child"
    assert world.folder.stat(path) is None
    assert world.folder.birth_ns(path) is None


@pytest.mark.parametrize(
    "path", [b"/etc", b"..", b"../x", b"a/../b", b".", b"a/./b", b"a//b", b"a/", b"a\x00b"]
)
def test_a_path_that_could_lead_out_is_refused(world, path):
    for attempt in (world.folder.stat, world.names, world.folder.open_read):
        with pytest.raises(Unreadable):
            attempt(path)


@pytest.mark.parametrize("path", [b"...", b"..a", b"a..", b"a/..b", b".e2esyncs", b"a\n", b"a/.\n"])
def test_a_path_that_only_looks_so_is_fine(world, path):
    world.write(path, b"x")
    assert world.folder.stat(path).size == 1


def test_birth_is_a_time_or_unknown(world, any_kernel):
    world.write(b"file")
    born = world.folder.birth_ns(b"file")
    if any_kernel != "kernel of today":
        assert born is None
    if born is not None:
        assert abs(born - (world.root / "file").stat().st_ctime_ns) < 10_000_000_000
    assert world.folder.birth_ns(b"absent") is None
