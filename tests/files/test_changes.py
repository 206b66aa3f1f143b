"""Directories, removals, moves, swaps and metadata: each states what it expects to find."""

import errno
import os

import pytest

from e2esync.adapters.files import CannotWrite, ChangedLocally, folder, syscalls
from e2esync.errors import E2ESyncError
from tests.files.conftest import MTIME, names_in, tick, without_privileges

FOREVER = 1 << 62  # ns since 1970


def test_a_removed_file_is_in_the_trash(world, any_kernel):
    expected = world.write(b"sub/100%2F file", b"content")
    world.folder.remove(b"sub/100%2F file", expected)
    assert world.names(b"sub") == []
    assert world.trashed() == [(b"sub/100%2F file", b"content")]


def test_a_removed_link_is_in_the_trash_and_its_target_stays(world, any_kernel):
    world.write(b"target")
    (world.root / "link").symlink_to("target")
    world.folder.remove(b"link", world.folder.stat(b"link"))
    assert world.names() == [b"target"]
    assert [kept.path for kept in world.folder.kept()] == [b"link"]


@pytest.mark.parametrize("change", ["edit", "delete"])
def test_a_file_that_changed_is_not_removed(world, any_kernel, change):
    expected = world.write(b"file", b"old")
    tick()
    if change == "edit":
        world.write(b"file", b"new")
    else:
        (world.root / "file").unlink()
    with pytest.raises(ChangedLocally):
        world.folder.remove(b"file", expected)
    assert world.trashed() == []


def test_one_hard_link_is_removed_and_the_other_stays(world, any_kernel):
    world.write(b"one", b"content")
    os.link(world.root / "one", world.root / "other")
    world.folder.remove(b"one", world.folder.stat(b"one"))
    assert world.names() == [b"other"]
    assert world.read(b"other") == b"content"


def test_the_trash_is_emptied_by_age_and_a_late_write_starts_it_anew(world):
    for path in (b"first", b"second"):
        world.folder.remove(path, world.write(path))
    first, second = world.folder.kept()
    assert first.since_ns <= second.since_ns
    tick()
    with (world.root / ".e2esync" / "trash" / os.fsdecode(first.name)).open("ab") as late:
        late.write(b"late")
    (late_one,) = (kept for kept in world.folder.kept() if kept.path == b"first")
    assert world.folder.clean_trash(late_one.fingerprint.ctime_ns) == 1
    assert [path for path, _ in world.trashed()] == [b"first"]
    assert world.folder.clean_trash(FOREVER) == 1
    assert world.trashed() == []


def test_the_trash_keeps_what_we_did_not_put_there(world):
    own = world.root / ".e2esync" / "trash"
    world.stage().discard()
    (own / "notes.txt").write_text("theirs")
    assert world.folder.clean_trash(FOREVER) == 0
    assert names_in(own) == ["notes.txt"]


def test_a_path_too_long_for_a_name_leaves_its_end_in_the_trash(world):
    path = b"d" * 200 + b"/" + b"n" * 200
    world.folder.remove(path, world.write(path, b"content"))
    assert world.trashed() == [(None, b"content")]
    (kept,) = world.folder.kept()
    assert kept.name.endswith(b"n" * 200)
    assert len(kept.name) == 255


def test_a_directory_is_made_once(world, any_kernel):
    made = world.folder.make_directory(b"sub", 0o750)
    assert (made.kind, made.mode) == ("d", 0o750)
    assert made == world.folder.stat(b"sub")
    for path in (b"sub", b"absent/sub"):
        with pytest.raises(ChangedLocally):
            world.folder.make_directory(path, 0o755)


def test_a_directory_is_removed_only_if_it_is_empty(world, any_kernel):
    world.write(b"sub/file")
    with pytest.raises(ChangedLocally):
        world.folder.remove_directory(b"sub")
    (world.root / "sub" / "file").unlink()
    world.folder.remove_directory(b"sub")
    assert world.names() == []


@pytest.mark.parametrize("kind", ["absent", "file", "link to a directory"])
def test_what_is_no_directory_is_not_removed_as_one(world, any_kernel, kind):
    (world.root / "empty").mkdir()
    if kind == "file":
        world.write(b"path")
    elif kind != "absent":
        (world.root / "path").symlink_to("empty")
    before = world.names()
    with pytest.raises(ChangedLocally):
        world.folder.remove_directory(b"path")
    assert world.names() == before


def test_files_and_directories_with_all_that_is_in_them_are_moved(world, any_kernel):
    world.write(b"old/file", b"content")
    (world.root / "to").mkdir()
    seen = world.folder.move(b"old", b"to/new", world.folder.stat(b"old"))
    assert seen.kind == "d"
    moved = world.folder.move(b"to/new/file", b"file", world.folder.stat(b"to/new/file"))
    assert moved == world.folder.stat(b"file")
    assert world.read(b"file") == b"content"
    assert world.trashed() == []


def test_a_name_that_only_changes_its_case_is_a_move(world, any_kernel):
    world.folder.move(b"a.txt", b"A.txt", world.write(b"a.txt"))
    assert world.names() == [b"A.txt"]


@pytest.mark.parametrize("kind", ["file", "empty directory"])
def test_a_move_never_replaces(world, any_kernel, kind):
    world.write(b"old/file")
    expected = world.folder.stat(b"old")
    if kind == "file":
        world.write(b"new")
    else:
        (world.root / "new").mkdir()
    with pytest.raises(ChangedLocally) as caught:
        world.folder.move(b"old", b"new", expected)
    assert caught.value.path == b"new"
    assert world.names() == [b"new", b"old"]


def test_a_move_of_something_else_than_was_seen_does_nothing(world, any_kernel):
    expected = world.write(b"old", b"1")
    tick()
    world.write(b"old", b"22")
    with pytest.raises(ChangedLocally) as caught:
        world.folder.move(b"old", b"new", expected)
    assert caught.value.path == b"old"
    assert world.names() == [b"old"]


@pytest.mark.parametrize("change", ["another", "chmod"])
def test_a_directory_counts_as_changed_by_its_identity_and_its_mode(world, any_kernel, change):
    expected = world.folder.make_directory(b"sub", 0o755)
    if change == "another":
        (world.root / "sub").rename(world.root / "old")
        (world.root / "sub").mkdir(0o755)
    (world.root / "sub").chmod(0o755 if change == "another" else 0o700)
    for attempt in (
        lambda: world.folder.set_mode(b"sub", 0o711, expected),
        lambda: world.folder.move(b"sub", b"new", expected),
    ):
        with pytest.raises(ChangedLocally):
            attempt()


def test_a_directory_is_not_moved_into_itself(world, any_kernel):
    (world.root / "sub").mkdir()
    with pytest.raises(CannotWrite):
        world.folder.move(b"sub", b"sub/below", world.folder.stat(b"sub"))
    assert world.names() == [b"sub"]


def test_two_names_are_swapped_in_one_step(world):
    one, other = world.write(b"one", b"1"), world.write(b"sub/other", b"2")
    assert world.folder.swap(b"one", b"sub/other", one, other) == (
        world.folder.stat(b"one"),
        world.folder.stat(b"sub/other"),
    )
    assert (world.read(b"one"), world.read(b"sub/other")) == (b"2", b"1")
    with pytest.raises(ChangedLocally):
        world.folder.swap(b"one", b"sub/other", one, other)


def test_a_disk_that_cannot_swap_says_so_and_does_nothing(world, monkeypatch):
    monkeypatch.setattr(syscalls, "_rename", None)
    one, other = world.write(b"one", b"1"), world.write(b"other", b"2")
    with pytest.raises(CannotWrite):
        world.folder.swap(b"one", b"other", one, other)
    assert (world.read(b"one"), world.read(b"other")) == (b"1", b"2")


def test_only_permission_bits_are_set(world, any_kernel):
    expected = world.write(b"file")
    seen = world.folder.set_mode(b"file", 0o7751, expected)
    assert seen == world.folder.stat(b"file")
    assert (world.root / "file").stat().st_mode & 0o7777 == 0o751


@pytest.mark.case(67)
def test_a_disk_without_permissions_is_believed(world, any_kernel, monkeypatch):
    expected = world.write(b"file")
    monkeypatch.setattr(folder, "_chmod", lambda target, mode: None)
    assert world.folder.set_mode(b"file", 0o751, expected) == world.folder.stat(b"file")


def test_a_shared_directory_keeps_its_setgid_bit(world, any_kernel):
    (world.root / "sub").mkdir()
    (world.root / "sub").chmod(0o2775)
    seen = world.folder.set_mode(b"sub", 0o700, world.folder.stat(b"sub"))
    assert seen.mode == 0o700
    assert (world.root / "sub").stat().st_mode & 0o7777 == 0o2700


def test_the_mode_of_a_directory_is_set_after_its_children_came(world, any_kernel):
    made = world.folder.make_directory(b"sub", 0o755)
    tick()
    world.folder.replace(world.stage(), b"sub/file", None)
    assert world.folder.set_mode(b"sub", 0o555, made).mode == 0o555


def test_the_mode_of_an_unreadable_file_can_be_set(world):
    world.write(b"file")
    (world.root / "file").chmod(0)
    with without_privileges(world):
        assert world.folder.set_mode(b"file", 0o644, world.folder.stat(b"file")).mode == 0o644


def test_the_mode_of_a_link_or_of_what_changed_is_not_set(world, any_kernel):
    expected = world.write(b"file", b"old")
    (world.root / "link").symlink_to("file")
    with pytest.raises(CannotWrite):
        world.folder.set_mode(b"link", 0o600, world.folder.stat(b"link"))
    tick()
    world.write(b"file", b"new")
    with pytest.raises(ChangedLocally):
        world.folder.set_mode(b"file", 0o600, expected)
    assert (world.root / "file").stat().st_mode & 0o777 != 0o600


@pytest.mark.parametrize("mtime_ns", [-1_000_000_000, MTIME])
def test_times_of_files_directories_and_links_are_set_and_links_not_followed(world, any_kernel, mtime_ns):
    world.write(b"sub/file")
    (world.root / "link").symlink_to("sub")
    for path in (b"sub/file", b"link", b"sub"):
        seen = world.folder.set_times(path, mtime_ns)
        assert seen == world.folder.stat(path)
        assert seen.mtime_ns == mtime_ns
    assert world.folder.set_times(b"link", 0, world.folder.stat(b"link")).mtime_ns == 0
    assert world.folder.stat(b"sub").mtime_ns == mtime_ns


def test_times_of_what_changed_or_is_absent_are_not_set(world, any_kernel):
    expected = world.write(b"file", b"old")
    tick()
    before = world.write(b"file", b"newer")
    with pytest.raises(ChangedLocally):
        world.folder.set_times(b"file", 0, expected)
    assert world.folder.stat(b"file") == before
    with pytest.raises(ChangedLocally):
        world.folder.set_times(b"absent", 0)


def test_an_edit_right_after_setting_the_time_is_not_taken_for_our_work(world, monkeypatch):
    expected = world.write(b"file", b"12345")
    utime_for_real = os.utime

    def utime_then_lose_the_race(*arguments, **options):
        utime_for_real(*arguments, **options)
        (world.root / "file").write_bytes(b"54321")

    monkeypatch.setattr(os, "utime", utime_then_lose_the_race)
    assert world.folder.set_times(b"file", MTIME, expected) != world.folder.stat(b"file")


@pytest.mark.case(70)
def test_a_disk_with_coarse_times_is_believed(world, monkeypatch):
    expected = world.write(b"file")
    utime_for_real = os.utime

    def utime_of_fat(name, *, ns, **options):
        utime_for_real(name, ns=(ns[0], ns[1] - ns[1] % 2_000_000_000), **options)

    monkeypatch.setattr(os, "utime", utime_of_fat)
    assert world.folder.set_times(b"file", MTIME, expected) == world.folder.stat(b"file")


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.EACCES, "CannotWrite"),
        (errno.EROFS, "CannotWrite"),
        (errno.EXDEV, "CannotWrite"),
        (errno.ENOSPC, "DiskFull"),
        (errno.EDQUOT, "DiskFull"),
        (errno.EIO, "CannotWrite"),
    ],
)
def test_each_refusal_of_the_disk_becomes_one_of_ours(world, monkeypatch, number, error):
    expected = world.write(b"file")

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(folder, "rename_noreplace", fail)
    with pytest.raises(E2ESyncError) as caught:
        world.folder.move(b"file", b"new", expected)
    assert type(caught.value).__name__ == error
    assert world.names() == [b"file"]


def test_errors_carry_the_raw_path_and_readable_words():
    error = CannotWrite(b"a\xff\n", "no room for it")
    assert (error.path, error.reason, error.why) == (b"a\xff\n", "no room for it", "no room for it")
    assert error.what == "cannot write a\\xff\n"
