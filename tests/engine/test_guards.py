"""The guards: a step that may be a mistake stops before anything is published or touched, and goes on when told to."""

from __future__ import annotations

import os
import shutil

import pytest

from e2esync.adapters.files import Unreadable
from e2esync.errors import SafetyStop
from e2esync.merge.guards import Risk
from tests.engine.world import Dev

FILES = 40


@pytest.fixture
def two(pair):
    """Two devices with the same files, that accept no risk."""
    a, b = pair
    for number in range(FILES):
        write(a, f"files/{number}", b"%d" % number)
    a.sync()
    b.sync()
    with a.using(accepted=frozenset()), b.using(accepted=frozenset()):
        yield a, b


def write(dev: Dev, path: str, content: bytes) -> None:
    target = dev.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def stopped(dev: Dev, command: str, risk: Risk) -> None:
    """A command stops for a risk, having done nothing, the second time, too; accepted, it does all."""
    before, stored = dev.tree(), sorted(info.key for info in dev.store.list("") if "/heads/" in info.key)
    heads = {key: dev.store.get(key) for key in stored}
    for _ in range(2):
        with pytest.raises(SafetyStop) as error:
            getattr(dev, command)()
        assert f"--accept-risk {risk}" in str(error.value.fix)
        assert dev.tree() == before
        assert {key: dev.store.get(key) for key in stored} == heads
    other = Risk.MASS_CHANGE if risk is not Risk.MASS_CHANGE else Risk.MASS_DELETE
    with dev.using(accepted=frozenset({other})), pytest.raises(SafetyStop):
        getattr(dev, command)()
    with dev.using(accepted=frozenset({risk})):
        summary = getattr(dev, command)()
        assert (summary.skipped, summary.failed) == ([], [])


def delete(dev: Dev, count: int) -> None:
    for number in range(count):
        (dev.root / "files" / str(number)).unlink()


@pytest.mark.parametrize("command", ["push", "sync"])
@pytest.mark.case(85)
def test_most_files_gone_here_is_not_published(two, command):
    a, b = two
    delete(a, FILES // 2 + 1)
    stopped(a, command, Risk.MASS_DELETE)
    stopped(b, "pull", Risk.MASS_DELETE)
    assert b.differs(a.tree()) == {}


def test_half_of_the_files_may_go(two):
    a, b = two
    delete(a, FILES // 2)
    a.push()
    b.pull()
    assert b.differs(a.tree()) == {}


@pytest.mark.parametrize("what", ["all is gone", "a directory is left"])
@pytest.mark.case(82, 85)
def test_an_emptied_folder_is_not_published(two, what):
    a, b = two
    if what == "all is gone":
        shutil.rmtree(a.root / "files")
    else:
        delete(a, FILES)
    stopped(a, "push", Risk.ROOT_EMPTIED if what == "all is gone" else Risk.MASS_DELETE)
    stopped(b, "pull", Risk.MASS_DELETE)
    assert b.differs(a.tree()) == {}


def test_of_two_things_nothing_left_stops_and_of_one_does_not(pair):
    a, _ = pair
    write(a, "one", b"1")
    write(a, "two", b"2")
    a.push()
    with a.using(accepted=frozenset()):
        (a.root / "one").unlink()
        a.push()
        (a.root / "two").unlink()
        a.push()
    write(a, "one", b"1")
    write(a, "two", b"2")
    a.push()
    (a.root / "one").unlink()
    (a.root / "two").unlink()
    with a.using(accepted=frozenset()):
        stopped(a, "push", Risk.ROOT_EMPTIED)


@pytest.mark.case(86)
def test_nearly_all_files_changed_at_once_is_not_published(two):
    a, b = two
    for number in range(FILES - 2):
        write(a, f"files/{number}", b"encrypted by somebody %d" % number)
    stopped(a, "push", Risk.MASS_CHANGE)
    stopped(b, "pull", Risk.MASS_CHANGE)
    assert b.differs(a.tree()) == {}


@pytest.mark.case(85)
def test_a_renamed_directory_deletes_nothing(two):
    a, b = two
    (a.root / "files").rename(a.root / "renamed")
    a.push()
    b.pull()
    assert b.differs(a.tree()) == {}


@pytest.mark.case(85)
def test_every_file_renamed_deletes_nothing(two):
    a, b = two
    for number in range(FILES):
        (a.root / "files" / str(number)).rename(a.root / f"moved-{number}")
    a.push()
    b.pull()
    assert b.differs(a.tree()) == {}


@pytest.mark.case(70, 86)
def test_the_same_tree_with_new_times_is_no_change(two):
    a, _ = two
    for number in range(FILES):
        os.utime(a.root / "files" / str(number), ns=(5, 5))
    assert a.count(a.push).requests["PUT"] == 0


def test_a_new_device_with_an_empty_folder_is_no_deletion(world, two):
    a, _ = two
    late = world.fresh("late")
    with late.using(accepted=frozenset()):
        late.sync()
        assert late.differs(a.tree()) == {}
        a.sync()
    assert len([thing for thing in a.tree().values() if thing[0] == "file"]) == FILES


def unreadable(monkeypatch, dev: Dev, top: bytes) -> None:
    """Let nothing at or below a path be read, as on a disk that fails."""
    folder = type(dev.vault.folder)
    listing, stat = folder.list, folder.stat

    def fail(path: bytes) -> None:
        if path == top or path.startswith(top + b"/"):
            raise Unreadable(path, "Input/output error")

    def failing_list(self, path):
        fail(path)
        return listing(self, path)

    def failing_stat(self, path):
        fail(path)
        return stat(self, path)

    monkeypatch.setattr(folder, "list", failing_list)
    monkeypatch.setattr(folder, "stat", failing_stat)


@pytest.mark.parametrize("command", ["push", "sync"])
@pytest.mark.case(84)
def test_what_cannot_be_read_is_unknown_and_not_gone(two, monkeypatch, command):
    a, b = two
    write(a, "other", b"1")
    with monkeypatch.context() as patch:
        unreadable(patch, a, b"files")
        summary = getattr(a, command)()
    assert [item["path"] for item in summary.failed] == ["files"]
    assert summary.deleted_remote == 0
    b.pull()
    assert len([thing for thing in b.tree().values() if thing[0] == "file"]) == FILES + 1


@pytest.mark.parametrize("is_new", [False, True])
@pytest.mark.case(68, 84)
def test_a_directory_that_nobody_may_read_any_more_is_unknown_and_stops_nothing_else(
    two, monkeypatch, is_new
):
    a, b = two
    write(a, "other", b"1")
    if is_new:
        (a.root / "files").rename(a.root / "aside")
        (a.root / "files").mkdir()
        shutil.rmtree(a.root / "aside")
    (a.root / "files").chmod(0o711)
    with monkeypatch.context() as patch:
        unreadable(patch, a, b"files")
        summary = a.push()
    assert ([item["path"] for item in summary.failed], summary.deleted_remote) == (["files"], 0)
    b.pull()
    assert len([thing for thing in b.tree().values() if thing[0] == "file"]) == FILES + 1
