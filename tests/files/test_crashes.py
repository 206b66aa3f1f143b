"""The order of steps: a crash at any of them leaves the old or the new, and never loses the old."""

import os
from contextlib import suppress

import pytest

from e2esync.adapters.files import CannotWrite, folder, replacing


class Crash(BaseException):
    """The process ends here."""


STEPS = ["rename", "link", "unlink", "exchange", "rename_noreplace"]


def crash_at(monkeypatch, step):
    """End the process before or after the n-th call that changes a name; return what was called."""
    calls = []

    def wrap(module, name):
        real = getattr(module, name)

        def counted(*arguments, **options):
            calls.append(name)
            if len(calls) == step[0] and step[1] == "before":
                raise Crash
            result = real(*arguments, **options)
            if len(calls) == step[0]:
                raise Crash
            return result

        monkeypatch.setattr(module, name, counted)

    for name in ("rename", "link", "unlink"):
        wrap(os, name)
    for name in ("exchange", "rename_noreplace"):
        wrap(replacing, name)
    return calls


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("n", range(1, 6))
@pytest.mark.case(93)
def test_a_crash_at_any_step_leaves_the_old_or_the_new_and_the_old_is_never_gone(
    world, any_kernel, monkeypatch, n, when
):
    expected = world.write(b"file", b"old")
    staged = world.stage(b"new")
    with monkeypatch.context() as patch:
        crash_at(patch, (n, when))
        with suppress(Crash):
            world.folder.replace(staged, b"file", expected)
    content = world.read(b"file")
    kept = [content for _, content in world.trashed()]
    assert content in (b"old", b"new")
    assert content == b"old" or b"old" in kept


def test_the_old_file_is_in_the_trash_by_the_very_call_that_puts_the_new_in_place(world, monkeypatch):
    expected = world.write(b"file", b"old")
    calls = crash_at(monkeypatch, (0, "never"))
    world.folder.replace(world.stage(b"new"), b"file", expected)
    assert calls == ["rename", "exchange"]


def test_where_names_cannot_be_exchanged_the_old_file_is_kept_before_the_new_is_renamed(world, monkeypatch):
    monkeypatch.setattr("e2esync.adapters.files.syscalls._rename", None)
    expected = world.write(b"file", b"old")
    calls = crash_at(monkeypatch, (0, "never"))
    world.folder.replace(world.stage(b"new"), b"file", expected)
    assert calls == ["rename", "exchange", "link", "rename"]


def test_the_barrier_is_the_file_systems_and_its_errors_are_ours(world, any_kernel, monkeypatch):
    world.folder.barrier()

    def fail(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(folder, "syncfs", fail)
    with pytest.raises(CannotWrite):
        world.folder.barrier()
