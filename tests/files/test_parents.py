"""Where a file may not be put: behind a link, outside the folder, in a closed directory, under a bad name."""

import os

import pytest

from e2esync.adapters.files import CannotWrite, ChangedLocally, replacing
from tests.files.conftest import MTIME, names_in, without_privileges


@pytest.mark.parametrize("depth", [b"", b"/deeper"])
@pytest.mark.case(12)
def test_a_parent_that_became_a_link_is_not_written_through(world, any_kernel, tmp_path, depth):
    (tmp_path / "outside" / "deeper").mkdir(parents=True)
    (world.root / "parent").symlink_to(tmp_path / "outside")
    path = b"parent" + depth + b"/file"
    staged = world.stage()
    attempts = [
        lambda: world.folder.replace(staged, path, None),
        lambda: world.folder.make_directory(path, 0o755),
        lambda: world.folder.remove(path, staged.fingerprint),
        lambda: world.folder.set_mode(path, 0o600, staged.fingerprint),
        lambda: world.folder.set_times(path, 0),
        lambda: world.folder.remove_directory(b"parent" + depth + b"/deeper"),
        lambda: world.folder.move(path, b"here", staged.fingerprint),
    ]
    for attempt in attempts:
        with pytest.raises(ChangedLocally) as caught:
            attempt()
        assert caught.value.path.startswith(b"parent")
    staged.discard()
    assert names_in(tmp_path / "outside") == ["deeper"]
    assert names_in(tmp_path / "outside" / "deeper") == []


def test_a_link_swapped_in_for_a_parent_between_check_and_use_changes_nothing_outside(
    world, any_kernel, tmp_path, monkeypatch
):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"untouched")
    expected = world.write(b"sub/file", b"old")
    check_for_real = replacing.Target.check

    def check_then_lose_the_race(target, expectation):
        check_for_real(target, expectation)
        (world.root / "sub").rename(world.root / "moved")
        (world.root / "sub").symlink_to(tmp_path / "outside")

    monkeypatch.setattr(replacing.Target, "check", check_then_lose_the_race)
    world.folder.replace(world.stage(b"ours"), b"sub/file", expected)
    assert (tmp_path / "outside" / "file").read_bytes() == b"untouched"
    assert world.read(b"moved/file") == b"ours"


@pytest.mark.parametrize("parent", ["absent", "file"])
def test_without_its_parent_a_file_is_not_written(world, any_kernel, parent):
    world.write(b"file")
    staged = world.stage()
    with pytest.raises(ChangedLocally):
        world.folder.replace(staged, parent.encode() + b"/child", None)
    staged.discard()
    assert world.names() == [b"file"]


@pytest.mark.parametrize(
    "path", [b"../out", b"/tmp/out", b"a/../../out", b".e2esync/folder-id", b".E2ESYNC/tmp/x", b"a\0b", b""]
)
@pytest.mark.case(12)
def test_a_path_that_could_lead_out_is_not_written(world, any_kernel, path):
    staged = world.stage()
    with pytest.raises(CannotWrite):
        world.folder.replace(staged, path, None)
    staged.discard()
    assert world.names() == []


@pytest.mark.case(9)
def test_a_name_that_is_too_long_is_reported_and_the_others_go_on(world, any_kernel):
    staged = world.stage()
    with pytest.raises(CannotWrite) as caught:
        world.folder.replace(staged, b"n" * 256, None)
    assert caught.value.path == b"n" * 256
    assert "too long" in caught.value.reason
    world.folder.replace(staged, b"n" * 255, None)
    expected = world.folder.stat(b"n" * 255)
    world.folder.replace(world.stage(b"second"), b"n" * 255, expected)
    assert [content for _, content in world.trashed()] == [b"ours"]


def test_a_read_only_parent_is_reported_and_can_be_opened_for_the_while(world, any_kernel):
    world.write(b"closed/old")
    (world.root / "closed").chmod(0o555)
    with without_privileges(world):
        staged = world.stage()
        with pytest.raises(CannotWrite) as caught:
            world.folder.replace(staged, b"closed/file", None)
        assert caught.value.reason == "permission denied"
        opened = world.folder.set_mode(b"closed", 0o755, world.folder.stat(b"closed"))
        world.folder.replace(staged, b"closed/file", None)
        assert world.folder.set_mode(b"closed", 0o555, opened).mode == 0o555
    assert world.read(b"closed/file") == b"ours"


def test_a_read_only_file_is_replaced_like_others(world, any_kernel):
    world.write(b"file", b"old")
    (world.root / "file").chmod(0o444)
    with without_privileges(world):
        world.folder.replace(world.stage(b"ours", mode=0o444), b"file", world.folder.stat(b"file"))
    assert world.read(b"file") == b"ours"


@pytest.mark.case(72)
def test_user_attributes_of_the_old_file_are_kept(world, any_kernel):
    expected = world.write(b"file", b"old")
    try:
        os.setxattr(world.root / "file", "user.note", b"mine")
    except OSError:
        pytest.skip("this file system has no user attributes")
    expected = world.folder.stat(b"file")
    world.folder.replace(world.stage(b"ours"), b"file", expected)
    assert os.getxattr(world.root / "file", "user.note") == b"mine"


def test_a_disk_without_hard_links_keeps_a_copy(world, any_kernel, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    seen = world.folder.replace(world.stage(b"first"), b"file", None)
    seen = world.folder.replace(world.stage(b"second"), b"file", seen)
    assert world.trashed() == [(b"file", b"first")]
    seen = world.folder.replace(world.folder.stage_link(b"target", 0), b"file", seen)
    world.folder.replace(world.stage(b"third"), b"file", seen)
    assert [kept.fingerprint.kind for kept in world.folder.kept()] == ["f", "f", "l"]
    assert next(world.folder.kept()).fingerprint.mtime_ns == MTIME
    assert world.read(b"file") == b"third"
