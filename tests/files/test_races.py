"""Somebody is faster than our last look: nobody's work is lost, and none is taken for ours."""

import os

import pytest

from e2esync.adapters.files import ChangedLocally, replacing
from e2esync.adapters.files.fingerprint import settled
from tests.files.conftest import users_version


def before_call(monkeypatch, name, action, times=1):
    """Let `action` happen just before the next calls of `replacing.<name>`."""
    real = getattr(replacing, name)
    left = [times]

    def late(*arguments):
        if left[0]:
            left[0] -= 1
            action()
        return real(*arguments)

    monkeypatch.setattr(replacing, name, late)


def test_a_file_saved_between_look_and_exchange_is_handed_back(world, monkeypatch):
    expected = world.write(b"file", b"old")
    before_call(monkeypatch, "exchange", lambda: users_version(world))
    staged = world.stage(b"ours")
    with pytest.raises(ChangedLocally):
        world.folder.replace(staged, b"file", expected)
    assert world.read(b"file") == b"newer"
    world.folder.replace(staged, b"beside", None)
    assert world.read(b"beside") == b"ours"
    assert world.trashed() == []


def test_a_file_saved_twice_during_the_exchange_ends_as_the_newest_and_loses_none(world, monkeypatch):
    expected = world.write(b"file", b"old")
    versions = iter([b"second", b"third"])
    before_call(monkeypatch, "exchange", lambda: users_version(world, content=next(versions)), times=2)
    staged = world.stage(b"ours")
    with pytest.raises(ChangedLocally):
        world.folder.replace(staged, b"file", expected)
    staged.discard()
    assert world.read(b"file") == b"third"
    assert [content for _, content in world.trashed()] == [b"second"]


def test_a_file_deleted_before_the_exchange_stays_deleted(world, monkeypatch):
    expected = world.write(b"file", b"old")
    before_call(monkeypatch, "exchange", (world.root / "file").unlink)
    staged = world.stage(b"ours")
    with pytest.raises(ChangedLocally):
        world.folder.replace(staged, b"file", expected)
    staged.discard()
    assert world.names() == []
    assert world.trashed() == []


def test_a_directory_swapped_in_before_the_exchange_is_handed_back(world, monkeypatch):
    expected = world.write(b"file", b"old")

    def swap():
        (world.root / "file").unlink()
        world.write(b"file/child", b"precious")

    before_call(monkeypatch, "exchange", swap)
    staged = world.stage(b"ours")
    with pytest.raises(ChangedLocally):
        world.folder.replace(staged, b"file", expected)
    staged.discard()
    assert world.read(b"file/child") == b"precious"


def test_without_exchange_a_file_saved_before_it_is_kept_is_left_alone(world, monkeypatch):
    monkeypatch.setattr("e2esync.adapters.files.syscalls._rename", None)
    expected = world.write(b"file", b"old")
    link_for_real = os.link

    def link_too_late(*arguments, **options):
        users_version(world)
        link_for_real(*arguments, **options)

    monkeypatch.setattr(os, "link", link_too_late)
    staged = world.stage(b"ours")
    with pytest.raises(ChangedLocally):
        world.folder.replace(staged, b"file", expected)
    staged.discard()
    assert world.read(b"file") == b"newer"
    assert world.trashed() == []


def test_a_name_taken_between_look_and_rename_is_left_alone(world, monkeypatch):
    before_call(monkeypatch, "rename_noreplace", lambda: world.write(b"file", b"theirs"))
    with pytest.raises(ChangedLocally):
        world.folder.replace(world.stage(b"ours"), b"file", None)
    assert world.read(b"file") == b"theirs"


def test_a_file_saved_between_look_and_removal_is_put_back(world, monkeypatch):
    expected = world.write(b"file", b"old")
    before_call(monkeypatch, "rename_noreplace", lambda: users_version(world))
    with pytest.raises(ChangedLocally):
        world.folder.remove(b"file", expected)
    assert world.read(b"file") == b"newer"
    assert world.trashed() == []


def test_an_edit_right_after_our_write_is_not_taken_for_our_work(world, any_kernel, monkeypatch):
    edit = [lambda: world.write(b"file", b"an edit")]

    def too_late(_, meant):
        edit.pop()()
        return settled(world.folder.stat(b"file"), meant)

    monkeypatch.setattr(replacing, "settled", too_late)
    noted = world.folder.replace(world.stage(b"ours"), b"file", None)
    assert noted != world.folder.stat(b"file")
