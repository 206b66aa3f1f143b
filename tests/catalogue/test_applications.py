"""Group C of docs/edge-cases.md: how programs save, in one step or with a sync in between."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.catalogue.hands import comes_to, files, move, once, plain, put, round_of
from tests.engine.world import Dev

Step = Callable[[Path], object]


def write(name: str, content: str) -> Step:
    def step(root: Path) -> None:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content.encode())

    return step


def rename(old: str, new: str) -> Step:
    return lambda root: (root / old).replace(root / new)


def unlink(name: str) -> Step:
    return lambda root: (root / name).unlink()


STYLES: dict[str, tuple[list[Step], set[str]]] = {
    "gedit": (
        [write(".goutputstream-AB", "new"), rename("x", "x~"), rename(".goutputstream-AB", "x")],
        {"x~"},
    ),
    "vim": (
        [write("4913", ""), unlink("4913"), rename("x", "x~"), write("x", "new"), unlink("x~")],
        set(),
    ),
    "a mac": (
        [write("x.sb-12/x", "new"), rename("x.sb-12/x", "x"), lambda root: (root / "x.sb-12").rmdir()],
        set(),
    ),
    "a mac, with a backup": ([rename("x", "x.sb-12"), write("x", "new"), unlink("x.sb-12")], set()),
    "office": (
        [write("~$x", "owner"), write("x.tmp", "new"), unlink("x"), rename("x.tmp", "x"), unlink("~$x")],
        set(),
    ),
    "office, a new document": (
        [unlink("x"), write("x", ""), unlink("x"), write("x", "new")],
        set(),
    ),
    "libreoffice": ([write(".~lock.x#", "me"), write("x", "new"), unlink(".~lock.x#")], set()),
    "in place": ([write("x", ""), write("x", "new")], set()),
    "over it": ([write("x.new", "new"), rename("x.new", "x")], set()),
}


@pytest.fixture(params=STYLES)
def style(request) -> tuple[list[Step], set[str]]:
    return STYLES[request.param]


def synced(pair: tuple[Dev, Dev]) -> tuple[Dev, Dev]:
    a, b = pair
    put(a, "x", "old")
    put(a, "keep", "0")
    round_of(a, b)
    return a, b


@pytest.mark.case(24, 25, 26, 27)
@pytest.mark.parametrize("between", [None, "a", "both"])
def test_a_save_ends_as_one_edit_wherever_a_sync_comes_in_between(pair, style, between):
    a, b = synced(pair)
    steps, left = style
    for step in steps:
        step(a.root)
        if between:
            once(a)
        if between == "both":
            once(b)
    round_of(a, b)
    expected = {"keep": "0", "x": "new"} | dict.fromkeys(left, "old")
    assert files(a) == files(b) == expected


@pytest.mark.case(24, 25, 26, 27)
@pytest.mark.parametrize("between", [None, "a"])
def test_a_save_against_an_edit_elsewhere_loses_neither(pair, style, between):
    a, b = synced(pair)
    put(b, "x", "of b")
    steps, _ = style
    for step in steps:
        step(a.root)
        if between:
            once(a)
    round_of(a, b)
    there = list(files(a).values())
    assert (there.count("new"), there.count("of b")) == (1, 1)


@pytest.mark.case(24)
@pytest.mark.parametrize("kept", ["x~", "x.bak"])
def test_what_a_program_keeps_of_a_file_takes_no_edit_of_others_along(pair, kept):
    a, b = synced(pair)
    put(b, "x", "of b")
    move(a, "x", kept)
    put(a, "x", "new")
    round_of(a, b)
    there = files(a)
    assert there == files(b)
    assert there.pop(kept) == "old"
    assert sorted(filter(None, there.values())) == ["0", "new", "of b"]
    assert there["x"] in {"new", "of b"}


@pytest.mark.case(24)
def test_what_is_kept_as_a_known_file_takes_its_place_is_moved_as_that_is(pair):
    a, b = synced(pair)
    put(a, "y", "other")
    round_of(a, b)
    put(b, "x", "x of b")
    put(b, "y", "y of b")
    move(a, "x", "x~")
    move(a, "y", "x")
    round_of(a, b)
    assert files(a) == files(b) == {"keep": "0", "x~": "x of b", "x": "y of b"}


@pytest.mark.case(24)
@pytest.mark.parametrize("kept", ["x~", "x.bak"])
def test_what_is_only_renamed_to_such_a_name_is_moved(pair, kept):
    a, b = synced(pair)
    put(b, "x", "of b")
    move(a, "x", kept)
    round_of(a, b)
    assert files(a) == files(b) == {"keep": "0", kept: "of b"}


@pytest.mark.case(27)
@pytest.mark.parametrize("name", [name for name in STYLES if name != "office, a new document"])
def test_a_save_in_one_go_is_seen_elsewhere_without_a_moment_of_absence(pair, name):
    a, b = synced(pair)
    for step in STYLES[name][0]:
        step(a.root)
    once(a)
    deleted = b.sync().deleted_local
    assert (deleted, files(b)["x"]) == (0, "new")


@pytest.mark.case(28)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        # a new file over one that is known: an edit, which follows a move elsewhere
        ("A put a 1, sync, A put n 2, A mv n a, B mv a b", "b=2"),
        ("A put a 1, sync, A put n 2, A mv n a, B put a 3", "a=2 a!=3"),
        # a known file over a known one
        ("A put a 1, A put n 2, sync, A mv n a", "a=2"),
        ("A put a 1, A put n 2, sync, A mv n a, B put a 3", "a!=2 a=3"),
        ("A put a 1, A put n 2, sync, A mv n a, B put n 3", "a=3"),
        ("A put a 1, A put n 2, sync, A mv n a, B mv n a", "a=2"),
    ],
)
def test_a_move_over_a_file_is_an_edit_of_it(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(29)
def test_saves_one_after_the_other_are_no_conflict_with_oneself(pair):
    a, b = synced(pair)
    for number in range(30):
        put(a, "x", f"{number}")
        a.push() if number % 3 else a.sync()
        if number % 4 == 0:
            b.sync()
    round_of(a, b)
    assert plain(b) == ["keep=0", "x=29"]


def let_the_clock_tick(path):
    """Wait until what is written now has a later time than what was done before: the kernel's clock is a coarse one."""
    before = time.time_ns()
    while not path.exists() or path.stat().st_mtime_ns <= before:
        path.write_bytes(b"")


@pytest.mark.case(30)
@pytest.mark.parametrize("mode", ["r+b", "ab"])
@pytest.mark.parametrize("there", ["replaced", "removed", "its directory too", "moved over"])
def test_what_a_program_writes_into_a_file_that_was_replaced_under_it_becomes_a_version(pair, mode, there):
    a, b = pair
    put(a, "in/x", "old")
    round_of(a, b)
    written = "written late" if mode == "r+b" else "oldwritten late"
    with (b.root / "in/x").open(mode) as held:
        if there == "replaced":
            put(a, "in/x", "of a")
        elif there == "moved over":
            put(a, "y", "of a")
            move(a, "y", "in/x")
        else:
            (a.root / "in/x").unlink()
        if there == "its directory too":
            (a.root / "in").rmdir()
        once(a)
        once(b)
        let_the_clock_tick(a.home / "clock")
        held.write(b"written late")
    round_of(b, a)
    (late,) = (path for path, content in files(a).items() if content == written)
    if there == "removed":
        assert late == "in/x"
    else:
        assert re.fullmatch(r"(in/)?x \(written late, desk, [-\d ]+ [0-9a-f]{8}\)", late)
        assert late.startswith("in/") is (there != "its directory too")
    assert files(a).get("in/x") == (written if there == "removed" else None if "too" in there else "of a")
    assert [kept for kept in b.vault.folder.kept() if kept.is_late] == []


@pytest.mark.case(30)
def test_a_program_that_goes_on_writing_writes_into_what_came_back(pair):
    a, b = synced(pair)
    with (b.root / "x").open("ab") as held:
        put(a, "x", "of a")
        once(a)
        once(b)
        for word in (b" late", b" later"):
            held.write(word)
            held.flush()
            round_of(b, a)
    assert set(files(a).values()) == {"0", "of a", "old late later"}


@pytest.mark.case(30)
def test_a_time_that_somebody_set_is_no_late_write(pair):
    a, b = synced(pair)
    os.utime(b.root / "x", ns=(1 << 62, 1 << 62))
    round_of(b, a)
    put(a, "x", "of a")
    round_of(a, b)
    round_of(b, a)
    assert set(files(a).values()) == {"0", "of a"}


@pytest.mark.case(32)
@pytest.mark.parametrize("empty_first", [True, False])
def test_an_empty_file_that_a_program_makes_before_the_first_sync_gives_way_to_the_real_one(
    world, empty_first
):
    a = world.device("a")
    put(a, "daily.md", "a long day")
    if not empty_first:
        once(a)
    b = world.device("b")
    put(b, "daily.md", "")
    os.utime(b.root / "daily.md", ns=(0, 4_000_000_000 * 10**9))  # the newer one by far
    round_of(*((b, a) if empty_first else (a, b)))
    assert plain(b) == ["daily.md=a long day"]


@pytest.mark.case(33)
@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_git_repository_that_is_used_on_one_device_after_the_other_stays_sound(pair):
    a, b = pair
    git(a, "init", "-q", ".")
    for turn in range(4):
        dev = (a, b)[turn % 2]
        put(dev, f"file{turn}", f"{turn}")
        git(dev, "add", "-A")
        git(dev, "commit", "-qm", f"{turn}")
        if turn == 1:
            git(dev, "gc", "-q")
        if turn == 2:
            git(dev, "checkout", "-qb", "branch")
        round_of(a, b)
        for each in pair:
            assert git(each, "status", "--porcelain") == ""
            git(each, "fsck", "--strict")
    assert git(a, "log", "--format=%s").split() == ["3", "2", "1", "0"]


def git(dev: Dev, *arguments: str) -> str:
    """Run git in a device's folder with no settings but these."""
    who = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}
    put(dev, ".git/info/exclude", ".e2esync\n") if arguments[0] == "add" else None
    done = subprocess.run(
        ["git", *arguments], cwd=dev.root, env=who | settings, capture_output=True, text=True, check=True
    )
    return done.stdout
