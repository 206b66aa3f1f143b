"""Replacing: the new is whole, the old is kept, and what changed since it was seen is left alone."""

import os

import pytest

from e2esync.adapters.files import CannotWrite, ChangedLocally
from tests.files.conftest import MTIME, tick, users_version


def test_a_new_file_gets_its_name(world, any_kernel):
    (world.root / "sub").mkdir()
    seen = world.folder.replace(world.stage(b"new"), b"sub/file", None)
    assert world.read(b"sub/file") == b"new"
    assert seen == world.folder.stat(b"sub/file")
    assert (seen.mtime_ns, seen.mode) == (MTIME, 0o644)
    assert world.trashed() == world.temporary() == []


@pytest.mark.parametrize("size", [0, 3, 100_000])
def test_an_old_file_is_replaced_whole_and_kept_in_the_trash(world, any_kernel, size):
    expected = world.write(b"sub/file", b"old content")
    seen = world.folder.replace(world.stage(b"x" * size), b"sub/file", expected)
    assert world.read(b"sub/file") == b"x" * size
    assert seen == world.folder.stat(b"sub/file")
    assert world.trashed() == [(b"sub/file", b"old content")]
    assert world.temporary() == []


@pytest.mark.case(30)
def test_what_a_program_writes_into_a_replaced_file_is_in_the_trash(world, any_kernel):
    expected = world.write(b"file", b"old")
    with (world.root / "file").open("ab") as held_open:
        world.folder.replace(world.stage(b"new"), b"file", expected)
        tick()
        held_open.write(b" and late")
    assert world.read(b"file") == b"new"
    assert world.trashed() == [(b"file", b"old and late")]
    (kept,) = world.folder.kept()
    assert kept.fingerprint.mtime_ns > kept.since_ns
    assert kept.fingerprint.inode == expected.inode


def test_links_and_files_replace_each_other(world, any_kernel):
    seen = world.folder.replace(world.folder.stage_link(b"nowhere", MTIME), b"path", None)
    assert seen == world.folder.stat(b"path")
    seen = world.folder.replace(world.stage(b"file"), b"path", seen)
    assert world.read(b"path") == b"file"
    seen = world.folder.replace(world.folder.stage_link(b"\xff/there", MTIME), b"path", seen)
    assert world.folder.read_link(b"path") == b"\xff/there"
    assert [kept.fingerprint.kind for kept in world.folder.kept()] == ["l", "f"]


def test_a_link_is_replaced_itself_and_not_what_it_points_to(world, any_kernel, tmp_path):
    (tmp_path / "outside").write_bytes(b"untouched")
    (world.root / "link").symlink_to(tmp_path / "outside")
    world.folder.replace(world.stage(b"ours"), b"link", world.folder.stat(b"link"))
    assert world.read(b"link") == b"ours"
    assert (tmp_path / "outside").read_bytes() == b"untouched"


def edit_in_place(world):
    with (world.root / "file").open("ab") as file:
        file.write(b"+")


LOCAL_CHANGES = {
    "edited": edit_in_place,
    "saved": users_version,
    "deleted": lambda world: (world.root / "file").unlink(),
    "chmod": lambda world: (world.root / "file").chmod(0o600),
    "touched": lambda world: os.utime(world.root / "file"),
    "became a directory": lambda world: ((world.root / "file").unlink(), (world.root / "file").mkdir()),
    "became a link": lambda world: ((world.root / "file").unlink(), (world.root / "file").symlink_to("x")),
}


@pytest.mark.parametrize("change", LOCAL_CHANGES.values(), ids=LOCAL_CHANGES)
def test_a_target_that_changed_since_it_was_seen_is_left_alone(world, any_kernel, change):
    expected = world.write(b"file", b"old")
    tick()
    change(world)
    before = world.folder.stat(b"file")
    staged = world.stage(b"ours")
    with pytest.raises(ChangedLocally) as caught:
        world.folder.replace(staged, b"file", expected)
    assert caught.value.path == b"file"
    assert world.folder.stat(b"file") == before
    assert world.trashed() == []
    world.folder.replace(staged, b"file (conflict)", None)  # the staged file is still there for that
    assert world.read(b"file (conflict)") == b"ours"


@pytest.mark.parametrize("kind", ["file", "directory", "dangling link"])
def test_a_name_that_was_taken_meanwhile_is_left_alone(world, any_kernel, kind):
    if kind == "file":
        world.write(b"path")
    elif kind == "directory":
        (world.root / "path").mkdir()
    else:
        (world.root / "path").symlink_to("nowhere")
    before = world.folder.stat(b"path")
    staged = world.stage()
    with pytest.raises(ChangedLocally):
        world.folder.replace(staged, b"path", None)
    staged.discard()
    assert world.folder.stat(b"path") == before
    assert world.temporary() == []


def test_a_directory_is_never_replaced(world, any_kernel):
    world.write(b"directory/file")
    staged = world.stage()
    for attempt in (
        lambda seen: world.folder.replace(staged, b"directory", seen),
        lambda seen: world.folder.remove(b"directory", seen),
    ):
        with pytest.raises(CannotWrite):
            attempt(world.folder.stat(b"directory"))
    assert world.read(b"directory/file") == b"theirs"
