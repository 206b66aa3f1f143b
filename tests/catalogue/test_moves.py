"""Group D of docs/edge-cases.md: moves and renames, alone and against what others do."""

from __future__ import annotations

import os
import shutil
from random import Random

import pytest

from tests.catalogue.hands import comes_to, files, move, once, plain, put, remove, round_of


@pytest.mark.case(34)
def test_a_renamed_file_sends_no_chunk_and_is_renamed_on_the_other_side(pair):
    a, b = pair
    put(a, "dir/old", Random(1).randbytes(700_000))
    round_of(a, b)
    was = (b.root / "dir" / "old").stat().st_ino
    move(a, "dir/old", "new")
    assert a.count(a.sync).uploaded_bytes < 20_000
    assert b.count(b.sync).downloaded_bytes < 40_000
    assert (b.root / "new").stat().st_ino == was
    round_of(a, b)
    assert files(b).keys() == {"dir", "new"}


@pytest.mark.case(35)
def test_a_renamed_directory_costs_the_same_however_much_is_in_it(pair):
    a, b = pair
    for number in range(1_000):
        put(a, f"large/{number % 40}/{number}", f"{number}")
    put(a, "small/one", "1")
    round_of(a, b)
    was = (b.root / "large" / "7" / "47").stat().st_ino
    move(a, "small", "little")
    small = a.count(a.sync).uploaded_bytes
    move(a, "large", "big")
    assert a.count(a.sync).uploaded_bytes < small + 20_000
    round_of(a, b)
    assert (b.root / "big" / "7" / "47").stat().st_ino == was
    assert len(files(b)) == 1_000 + 40 + 3


@pytest.mark.case(36)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put a 1, sync, A mv a b, A mv b c", "c=1"),
        ("A put a 1, sync, A mv a b, A mv b a", "a=1"),
        ("A put a 1, sync, A mv a b, sync, A mv b c, sync, A mv c a", "a=1"),
        ("A put k 0, sync, A put a 1, A mv a b", "b=1 k=0"),
        ("A put a 1, A put k 0, sync, A mv a b, A rm b", "k=0"),
        ("A put a 1, A put b 2, A put c 3, sync, A rm c, A mv b c, A mv a b", "b=1 c=2"),
        ("A put D/a 1, sync, A mv D E, A mv E/a E/b, A mv E F", "F/ F/b=1"),
    ],
)
def test_of_a_chain_of_moves_the_last_counts(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(36)
def test_a_move_there_and_back_again_publishes_nothing(pair):
    a, b = pair
    put(a, "dir/a", "1")
    round_of(a, b)
    move(a, "dir/a", "b")
    move(a, "dir", "other")
    move(a, "other", "dir")
    move(a, "b", "dir/a")
    assert a.count(a.sync).requests["PUT"] == 0


@pytest.mark.case(37)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put a 1, A put b 2, sync, A mv a t, A mv b a, A mv t b", "a=2 b=1"),
        ("A put a 1, A put b 2, A put c 3, sync, A mv a t, A mv b a, A mv c b, A mv t c", "a=2 b=3 c=1"),
        ("A put D/a 1, A put E/b 2, sync, A mv D t, A mv E D, A mv t E", "D/ E/ D/b=2 E/a=1"),
        (
            "A put A/a 1, A put A/B/b 2, A put A/B/C/c 3, sync, A mv A/B/C C, A mv A/B C/B, A mv A C/B/A",
            "C/ C/c=3 C/B/ C/B/b=2 C/B/A/ C/B/A/a=1",
        ),
        ("A put D/a 1, A put b 2, sync, A mv D t, A mv b D, A mv t b", "D=2 b/ b/a=1"),
    ],
)
def test_names_that_are_swapped_turned_round_or_inside_out_hold_the_right_bytes(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(37)
def test_two_devices_that_swap_the_same_files_have_swapped_them_once(tmp_path):
    swap = "{0} mv a t, {0} mv b a, {0} mv t b"
    comes_to(tmp_path, f"A put a 1, A put b 2, sync, {swap.format('A')}, {swap.format('B')}", "a=2 b=1")


@pytest.mark.case(38)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put a 1, sync, A mv a b, B put a 2", "b=2"),
        ("A put a 1, A put D/k 0, sync, A mv a D/b, B put a 2", "D/ D/b=2 D/k=0"),
        ("A put a 1, sync, B mv a b, B mv b c, A put a 2", "c=2"),
        ("A put a 1, A put b 2, sync, A mv a t, A mv b a, A mv t b, B put a 3, B put b 4", "a=4 b=3"),
    ],
)
def test_an_edit_follows_the_file_to_where_another_moved_it(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(39)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put a 1, sync, A mv a b, A put b 2, B put a 3", "b=2 b!=3"),
        ("A put a 1, A put D/k 0, sync, A mv a D/a, A put D/a 2, B put a 3", "D/ D/a!=3 D/a=2 D/k=0"),
    ],
)
def test_moved_and_edited_here_and_edited_there_is_a_conflict_at_the_new_place(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(40)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put a 1, sync, A mv a b, B mv a c", "b=1"),
        ("A put a 1, sync, A mv a b, B mv a b", "b=1"),
        ("A put a 1, A put D/k 0, sync, A mv a D/a, B mv a b", "D/ D/a=1 D/k=0"),
        ("A put D/a 1, sync, A mv D E, B mv D F", "E/ E/a=1"),
        ("A put a 1, sync, A mv a b, B mv a c, C mv a d", "b=1"),
        ("A put a 1, sync, A mv a b, A put b 2, B mv a c, B put c 3", "b=2 b!=3"),
    ],
)
def test_moved_to_several_places_it_stands_at_one_of_them_on_all_devices(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(41)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put D/a 1, A put E/b 2, sync, A mv D E/D, B mv E D/E", "E/ E/D/ E/b=2 E/D/a=1"),
        (
            "A put D/a 1, A put E/b 2, A put F/c 3, sync, A mv D E/D, B mv E F/E, C mv F D/F",
            "E/ E/D/ E/D/F/ E/D/F/c=3 E/D/a=1 E/b=2",
        ),
        (
            "A put D/a 1, A put E/b 2, sync, A mv D E/D, A put E/D/x 3, B mv E D/E, B put D/E/y 4",
            "E/ E/D/ E/D/a=1 E/D/x=3 E/b=2 E/y=4",
        ),
        (
            "A put P/D/a 1, A put P/E/b 2, sync, A mv P/D P/E/D, B mv P/E P/D/E",
            "E/ E/D/ E/D/a=1 E/b=2 P/",
        ),
    ],
)
def test_directories_moved_into_each_other_make_no_cycle_and_lose_nothing(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(42)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put D/a 1, sync, A mv D E, B put D/n 2", "E/ E/a=1 E/n=2"),
        ("A put D/a 1, sync, A mv D E, B put D/a 2", "E/ E/a=2"),
        ("A put D/a 1, sync, A mv D E, B put D/s/n 2", "E/ E/a=1 E/s/ E/s/n=2"),
        ("A put D/a 1, A put D/b 2, sync, A mv D E, B rm D/a", "E/ E/b=2"),
        ("A put D/a 1, A put F/k 0, sync, A mv D F/D, B mv D/a D/z", "F/ F/D/ F/D/z=1 F/k=0"),
        ("A put D/S/a 1, sync, A mv D E, B mv D/S D/T, B put D/T/n 2", "E/ E/T/ E/T/a=1 E/T/n=2"),
        ("A put D/a 1, A put k 2, sync, A mv D E, A mv E/a E/b, B mv k D/k", "E/ E/b=1 E/k=2"),
    ],
)
def test_what_is_done_in_a_directory_that_another_moves_is_found_in_the_moved_one(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(43)
@pytest.mark.parametrize("new", ["directory", "file", "nothing"])
def test_a_moved_directory_stays_full_whatever_is_made_where_it_was(pair, new):
    a, b = pair
    put(a, "A/one", "1")
    put(a, "A/sub/two", "2")
    round_of(a, b)
    move(a, "A", "B")
    if new == "file":
        put(a, "A", "file")
    elif new == "directory":
        (a.root / "A").mkdir()
    round_of(a, b)
    there = {"file": ["A=file"], "directory": ["A/"], "nothing": []}[new]
    assert plain(b) == [*there, "B/", "B/one=1", "B/sub/", "B/sub/two=2"]


@pytest.mark.case(43)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put D/a 1, sync, A mv D E, A put D/n 2, B put D/m 3", "D/ D/n=2 E/ E/a=1 E/m=3"),
        ("A put a 1, sync, A mv a b, A put a 2, B put a 3", "a=2 b=3"),
        ("A put a 1, sync, A mv a b, A put a 2, B rm a", "a=2 b=1"),
    ],
)
def test_work_at_the_old_place_belongs_to_what_stood_there_when_it_was_done(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(44)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put a 1, A put k 0, sync, A mv a b, B rm a", "b=1 k=0"),
        ("A put a 1, A put k 0, sync, B mv a b, A rm a", "b=1 k=0"),
        ("A put D/a 1, A put k 0, sync, A mv D/a a, B rm D", "a=1 k=0"),
        ("A put a 1, A put D/k 0, sync, A mv a D/a, B rm D", "D/ D/a=1"),
        ("A put D/a 1, A put k 0, sync, A mv D E, A put E/a 2, B rm D", "E/ E/a=2 k=0"),
    ],
)
def test_what_was_moved_outlives_its_deletion_elsewhere(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(45)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put a 1, sync, A mv a b, B put b 2", "b=1 b!=2"),
        ("A put a 1, A put b 2, sync, A mv a c, B mv b c", "c=1 c!=2"),
        ("A put D/a 1, sync, A mv D E, B put E/b 2", "E/ E/a=1 E!/ E!/b=2"),
        ("A put a 1, sync, A mv a b, B put b/x 2", "b!=1 b/ b/x=2"),
        ("A put a 1, sync, A mv a b, B put b 1", "b=1 b!=1"),
    ],
)
def test_a_move_to_where_another_made_something_keeps_both(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(46)
def test_equal_files_that_are_moved_at_once_are_each_followed_by_its_own_edit(pair):
    a, b = pair
    for number in range(4):
        put(a, f"{number}", "the same")
        os.utime(a.root / f"{number}", (5, 5))
    round_of(a, b)
    for number in range(4):
        move(a, f"{number}", f"moved {3 - number}")
    put(b, "1", "edited")
    round_of(a, b)
    assert plain(b) == ["moved 0=the same", "moved 1=the same", "moved 2=edited", "moved 3=the same"]


@pytest.mark.case(48)
def test_a_directory_that_comes_from_outside_is_new_and_one_that_leaves_is_deleted(pair, tmp_path):
    a, b = pair
    put(a, "keep", "0")
    round_of(a, b)
    (tmp_path / "outside" / "sub").mkdir(parents=True)
    (tmp_path / "outside" / "sub" / "x").write_bytes(b"1")
    (tmp_path / "outside").rename(a.root / "in")
    round_of(a, b)
    assert plain(b) == ["in/", "in/sub/", "in/sub/x=1", "keep=0"]
    (a.root / "in").rename(tmp_path / "out")
    round_of(a, b)
    assert plain(b) == ["keep=0"]
    (tmp_path / "out").rename(a.root / "again")
    round_of(a, b)
    assert plain(b) == ["again/", "again/sub/", "again/sub/x=1", "keep=0"]


@pytest.mark.case(50)
def test_what_is_moved_and_changes_its_kind_or_time_ends_as_it_is(pair):
    a, b = pair
    put(a, "file", "1")
    put(a, "dir/x", "2")
    put(a, "timed", "3")
    round_of(a, b)
    move(a, "file", "was a file")
    move(a, "dir", "file")
    put(a, "dir", "now a file")
    remove(a, "was a file")
    (a.root / "was a file").mkdir()
    os.utime(a.root / "timed", ns=(0, 1_000_000_007))
    move(a, "timed", "moved and timed")
    round_of(a, b)
    assert plain(b) == ["dir=now a file", "file/", "file/x=2", "moved and timed=3", "was a file/"]


@pytest.mark.case(49)
@pytest.mark.parametrize("moved", ["on the reader", "on the writer"])
def test_a_directory_that_is_renamed_while_its_files_come_gets_them_all(pair, moved):
    a, b = pair
    put(a, "dir/first", "1")
    round_of(a, b)
    put(a, "dir/large", Random(2).randbytes(3_000_000))
    once(a)
    arrived = False

    def rename_once(stage, _done, _total):
        nonlocal arrived
        if stage == "pull" and not arrived:
            arrived = True
            dev = b if moved == "on the reader" else a
            move(dev, "dir", "renamed")
            if dev is a:
                once(a)

    with b.using(progress=rename_once):
        b.sync()
    assert arrived
    round_of(b, a)
    assert files(a).keys() == {"renamed", "renamed/first", "renamed/large"}


@pytest.mark.case(113, 44)
def test_a_device_that_comes_back_after_many_moves_and_deletions_brings_its_own_edits_along(world):
    a, b = world.device("a"), world.device("b")
    for name in "pqrs":
        put(a, f"dir/{name}", name)
    put(a, "keep", "0")
    round_of(a, b)
    move(a, "dir", "one")
    once(a)
    move(a, "one/p", "p")
    once(a)
    shutil.rmtree(a.root / "one")
    once(a)
    put(b, "dir/q", "edited while away")
    move(b, "dir/r", "r")
    round_of(a, b)
    assert plain(a) == ["keep=0", "one/", "one/q=edited while away", "p=p", "r=r"]
