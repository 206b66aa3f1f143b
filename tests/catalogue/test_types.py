"""Group F of docs/edge-cases.md: kinds of things, their metadata, and time."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from e2esync.adapters.files import Fingerprint, fingerprint, folder, listing, openfile, reader, staging
from e2esync.adapters.files.fingerprint import fingerprint_of
from tests.catalogue.hands import files, move, once, plain, put, remove, round_of
from tests.engine.mortal import Death, run
from tests.engine.world import Dev
from tests.files.conftest import NOBODY, without_privileges


@pytest.mark.case(64)
def test_links_are_carried_as_they_are_and_nothing_behind_them_is_touched(pair, tmp_path):
    a, b = pair
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"not in the folder")
    put(a, "dir/x", "1")
    targets = {
        "in": "dir/x", "in dir": "dir", "absolute": str(outside), "dangling": "no/where", "loop": "loop", "up": "../..",
    }  # fmt: skip
    for name, target in targets.items():
        (a.root / name).symlink_to(target)
    round_of(a, b)
    assert {path: files(b)[path] for path in targets} == {
        path: f"-> {target}" for path, target in targets.items()
    }
    assert len(files(b)) == len(targets) + 2
    assert [path.name for path in outside.iterdir()] == ["secret"]


@pytest.mark.case(64)
def test_nothing_comes_through_a_link_that_was_put_where_a_directory_was(pair, tmp_path):
    a, b = pair
    outside = tmp_path / "outside"
    outside.mkdir()
    put(a, "dir/x", "1")
    round_of(a, b)
    (b.root / "dir").rename(b.root / "aside")
    (b.root / "dir").symlink_to(outside)
    put(a, "dir/x", "2")
    put(a, "dir/new", "3")
    round_of(a, b)
    assert list(outside.iterdir()) == []
    assert plain(a) == ["aside/", "aside/new=3", "aside/x=2", f"dir=-> {outside}"]


@pytest.mark.case(64)
def test_a_link_that_two_point_to_different_places_is_there_twice(pair):
    a, b = pair
    (a.root / "link").symlink_to("one")
    round_of(a, b)
    for dev, target in ((a, "two"), (b, "three")):
        remove(dev, "link")
        (dev.root / "link").symlink_to(target)
    round_of(a, b)
    assert sorted(content or "" for content in files(b).values()) == ["-> three", "-> two"]


@pytest.mark.case(65)
def test_an_edit_through_one_of_two_hard_links_is_an_edit_of_both(pair):
    a, b = pair
    put(a, "one", "1")
    os.link(a.root / "one", a.root / "two")
    round_of(a, b)
    (a.root / "one").write_bytes(b"2")
    round_of(a, b)
    assert plain(b) == ["one=2", "two=2"]


@pytest.mark.case(65)
def test_what_comes_for_one_of_two_hard_links_leaves_the_other_as_it_is(pair):
    a, b = pair
    put(a, "one", "1")
    put(a, "two", "1")
    round_of(a, b)
    (b.root / "two").unlink()
    os.link(b.root / "one", b.root / "two")
    round_of(a, b)
    put(a, "one", "2")
    round_of(a, b)
    assert plain(b) == ["one=2", "two=1"]


@pytest.mark.case(66)
@pytest.mark.parametrize("where", ["alone", "where a file was", "in a directory that another removes"])
def test_a_pipe_is_listed_stays_and_keeps_nothing_else(pair, where):
    a, b = pair
    put(a, "dir/x", "1")
    put(a, "keep", "0")
    round_of(a, b)
    name = {"alone": "pipe", "where a file was": "keep"}.get(where, "dir/pipe")
    if name == "keep":
        remove(a, "keep")
    os.mkfifo(a.root / name)
    if name == "dir/pipe":
        remove(b, "dir")
    put(b, "other", "2")
    for _ in range(2):
        once(b)
        summary = a.sync()
        assert name in [item["path"] for item in summary.failed]
    assert a.tree()[name.encode()] == ("other",)
    assert files(b)["other"] == files(a)["other"] == "2"
    assert ("keep" in files(b), "dir/x" in files(b)) == (True, name != "dir/pipe")
    (a.root / name).unlink()
    if name == "keep":
        put(a, "keep", "0")
    round_of(a, b)


@contextmanager
def without_modes(monkeypatch, *, refuses: bool) -> Iterator[None]:
    """Have a disk without permissions: all files look the same, and setting a mode does nothing, or is refused."""

    def all_alike(status: os.stat_result) -> Fingerprint:
        found = fingerprint_of(status)
        return found._replace(mode=0o755 if found.kind == "d" else 0o644)

    def set_mode(*_arguments, **_options) -> None:
        if refuses:
            raise PermissionError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patch:
        for module in (fingerprint, folder, listing, openfile, reader, staging):
            patch.setattr(module, "fingerprint_of", all_alike)
        for name in ("chmod", "fchmod"):
            patch.setattr(os, name, set_mode)
        yield


class _Home(NamedTuple):
    root: Path


def ordinary_user(dev: Dev) -> AbstractContextManager[None]:
    """Work as a user to whom all of a device belongs, and who may not read everything."""
    for above in dev.home.parents:
        if above.stat().st_uid == os.geteuid() and not above.stat().st_mode & 1:
            above.chmod(above.stat().st_mode | 0o011)
    os.chown(dev.home, NOBODY, NOBODY)
    return without_privileges(_Home(dev.home))


@pytest.mark.case(67)
@pytest.mark.parametrize("refuses", [False, True])
def test_an_executable_stays_one_by_way_of_a_disk_that_knows_no_modes(pair, monkeypatch, refuses):
    a, b = pair
    put(a, "run.sh", "1").chmod(0o755)
    put(a, "dir/private", "1").chmod(0o600)
    put(a, "later.sh", "1").chmod(0o644)
    once(a)
    with without_modes(monkeypatch, refuses=refuses):
        once(b)
        once(b)
        assert b.count(b.sync).requests["PUT"] == 0
    (a.root / "later.sh").chmod(0o755)
    once(a)
    with without_modes(monkeypatch, refuses=refuses):
        once(b)
        assert b.count(b.sync).requests["PUT"] == 0
        put(b, "run.sh", "2")
        (b.root / "dir" / "private").rename(b.root / "moved")
        once(b)
    once(a)
    assert plain(a) == ["dir/", "later.sh=1", "moved=1", "run.sh=2"]
    assert (a.root / "later.sh").stat().st_mode & 0o777 == 0o755
    assert (a.root / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (a.root / "moved").stat().st_mode & 0o777 == 0o600


@pytest.mark.case(68)
@pytest.mark.parametrize("closed", ["file", "directory", "another directory of that name"])
def test_what_may_not_be_read_is_listed_stays_in_the_vault_and_comes_when_it_may_be_read(pair, closed):
    a, b = pair
    put(a, "dir/x", "1")
    put(a, "calm", "1")
    round_of(a, b)
    put(a, "dir/x", "2")
    put(a, "calm", "2")
    shut = a.root / ("dir/x" if closed == "file" else "dir")
    if closed.startswith("another"):
        move(a, "dir", "aside")
        shut.mkdir()
        (a.root / "aside" / "x").rename(shut / "x")
        (a.root / "aside").rmdir()
    with ordinary_user(a):
        shut.chmod(0)
        summary = a.push()
        shut.chmod(0o644 if closed == "file" else 0o755)
    assert [item["path"] for item in summary.failed] == [str(shut.relative_to(a.root))]
    assert (summary.deleted_remote, summary.uploaded_files) == (0, 1)
    b.pull()
    assert plain(b) == ["calm=2", "dir/", "dir/x=1"]
    round_of(a, b)
    assert plain(b) == ["calm=2", "dir/", "dir/x=2"]


@pytest.mark.case(68)
def test_into_a_directory_that_may_not_be_written_nothing_comes_and_all_else_does(pair):
    a, b = pair
    put(a, "dir/x", "1")
    put(a, "calm", "1")
    round_of(a, b)
    put(a, "dir/x", "2")
    put(a, "dir/new", "3")
    put(a, "calm", "2")
    once(a)
    with ordinary_user(b):
        (b.root / "dir").chmod(0o555)
        summary = b.pull()
        (b.root / "dir").chmod(0o755)
    assert sorted(item["path"] for item in summary.failed) == ["dir/new", "dir/x"]
    assert plain(b) == ["calm=2", "dir/", "dir/x=1"]
    round_of(a, b)
    assert plain(b) == ["calm=2", "dir/", "dir/new=3", "dir/x=2"]


CHANGES: dict[str, list[tuple[str | None, str | None]]] = {
    "edit": [(None, "closed/sub/y")],
    "new": [(None, "closed/new/n")],
    "move in": [("other", "closed/sub/other")],
    "move out": [("closed/sub", "sub")],
    "rename": [("closed/sub/y", "closed/sub/renamed")],
    "delete": [("closed/sub/y", None)],
    "swap": [("closed/sub/y", "t"), ("closed/x", "closed/sub/y"), ("t", "closed/x")],
    "delete all": [("closed", None)],
    "move the directory": [("closed", "elsewhere"), (None, "elsewhere/sub/y")],
}


@pytest.mark.case(68)
@pytest.mark.parametrize("change", CHANGES)
def test_in_a_directory_that_is_closed_everywhere_changes_come_and_it_stays_closed(pair, change):
    a, b = pair
    for name in ("closed/x", "closed/sub/y", "closed/sub/z", "other"):
        put(a, name, name)
    shut = [a.root / "closed" / "sub", a.root / "closed"]
    for path in shut:
        path.chmod(0o555)
    round_of(a, b)
    for path in shut:
        path.chmod(0o755)
    for old, new in CHANGES[change]:
        if old is None and new is not None:
            put(a, new, "2")
        elif old is not None and new is not None:
            move(a, old, new)
        elif old is not None:
            remove(a, old)
    for path in a.root.rglob("*"):
        if path.is_dir() and ".e2esync" not in path.parts:
            path.chmod(0o555)
    once(a)
    with ordinary_user(b):
        once(b)
    round_of(a, b)
    assert b.differs(a.tree()) == {}


@pytest.mark.case(68, 93)
def test_killed_at_any_step_a_directory_that_was_opened_for_the_while_is_closed_in_the_end(pair):
    a, b = pair
    put(a, "closed/x", "0")
    (a.root / "closed").chmod(0o555)
    round_of(a, b)
    for at in range(1, 60):
        put(a, "closed/x", f"{at}")
        once(a)
        done = run(b, "pull", Death(at))
        assert b.push().uploaded_files == 0
        round_of(b, a)
        assert plain(b) == ["closed/", f"closed/x={at}"]
        assert [(dev.root / "closed").stat().st_mode & 0o777 for dev in pair] == [0o555, 0o555], at
        if done:
            return
    pytest.fail("it never comes to its end")


@pytest.mark.case(68)
def test_a_file_that_may_not_be_written_is_replaced_and_stays_so(pair):
    a, b = pair
    put(a, "x", "1").chmod(0o444)
    round_of(a, b)
    (a.root / "x").chmod(0o644)
    put(a, "x", "2").chmod(0o444)
    once(a)
    with ordinary_user(b):
        once(b)
    assert (plain(b), (b.root / "x").stat().st_mode & 0o777) == (["x=2"], 0o444)


@pytest.mark.case(70)
@pytest.mark.parametrize("time", [-(10**18), -1, 0, 4_102_444_800_123_456_789])
def test_a_time_long_ago_or_far_ahead_is_kept_and_moves_nothing(pair, time):
    a, b = pair
    put(a, "x", "1")
    os.utime(a.root / "x", ns=(0, time))
    round_of(a, b)
    assert (b.root / "x").stat().st_mtime_ns == time
    put(b, "x", "2")
    os.utime(b.root / "x", ns=(0, -time))
    round_of(a, b)
    assert plain(a) == ["x=2"]


@pytest.mark.case(71)
@pytest.mark.parametrize("seconds", [-86_400 * 365 * 40, 86_400 * 365 * 40])
def test_a_clock_that_is_wrong_orders_nothing(pair, seconds):
    a, b = pair
    put(a, "x", "1")
    put(a, "deleted", "1")
    round_of(a, b)
    b.clock.ahead += seconds * 10**9
    put(b, "x", "2")
    os.utime(b.root / "x", ns=(0, seconds * 10**9))
    remove(b, "deleted")
    round_of(a, b)
    assert plain(a) == ["x=2"]
    b.clock.ahead -= 2 * seconds * 10**9  # and jumps
    put(a, "x", "3")
    round_of(b, a)
    assert plain(b) == ["x=3"]
    put(a, "x", "of a")
    put(b, "x", "of b")
    round_of(a, b)
    assert sorted(content or "" for content in files(b).values()) == ["of a", "of b"]
