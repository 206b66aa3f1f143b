"""Group E of docs/edge-cases.md: what several devices write without seeing each other."""

from __future__ import annotations

import os

import pytest

from tests.catalogue.hands import comes_to, files, once, plain, put, remove, round_of


@pytest.mark.case(51)
def test_of_two_edits_both_are_there_under_the_same_names_everywhere(world):
    devices = [world.device(name) for name in ("laptop", "desk", "phone")]
    put(devices[0], "notes.txt", "1")
    round_of(*devices)
    for dev in devices[:2]:
        put(dev, "notes.txt", f"of {dev.name}")
    round_of(*devices)
    assert sorted(content or "" for content in files(devices[2]).values()) == ["of desk", "of laptop"]
    assert [
        path.startswith("notes (conflict, ") and path.endswith(").txt") for path in sorted(files(devices[2]))
    ] == [
        True,
        False,
    ]


@pytest.mark.case(51)
def test_edits_one_after_the_other_never_make_a_copy(pair):
    a, b = pair
    for number in range(12):
        put((a, b)[number % 2], "x", f"{number}")
        round_of(*((a, b) if number % 3 else (b, a)))
        assert plain(a) == [f"x={number}"]


@pytest.mark.case(52)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put a 1, sync, A put a 2, B put a 2", "a=2"),
        ("A put a 1, sync, A put a 2, B put a 2, C put a 2", "a=2"),
        ("A put a 1, sync, A put a 2, B put a 2, C put a 3", "a=2 a!=3"),
        ("A put a 1, sync, A put a 2, A scan, A put a 1, B put a 2, B scan, B put a 1", "a=1"),
    ],
)
def test_equal_edits_are_no_conflict(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(53)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put a 1, A put k 0, sync, A put a 2, B rm a", "a=2 k=0"),
        ("A put a 1, A put k 0, sync, B put a 2, A rm a", "a=2 k=0"),
        ("A put a 1, A put k 0, sync, A put a 2, B rm a, B scan, B put b 3", "a=2 b=3 k=0"),
        ("A put a 1, A put k 0, sync, A rm a, A scan, A put a 2, B put a 3", "a!=2 a=3 k=0"),
        ("A put a 1, A put k 0, sync, A put a 2, B rm a, C rm a", "a=2 k=0"),
    ],
)
def test_an_edit_outlives_a_deletion(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(53)
def test_a_deletion_of_what_was_read_before_the_edit_is_stale(pair):
    """The edit has come to the deleting device's store long ago, but not to its folder."""
    a, b = pair
    put(a, "x", "1")
    put(a, "keep", "0")
    round_of(a, b)
    put(a, "x", "2")
    once(a)
    remove(b, "x")
    once(b)
    round_of(a, b)
    assert plain(b) == ["keep=0", "x=2"]
    remove(b, "x")
    round_of(a, b)
    assert plain(a) == ["keep=0"]


@pytest.mark.case(54)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put a 1, A put k 0, sync, A rm a, B rm a", "k=0"),
        ("A put D/a 1, A put D/S/b 2, A put k 0, sync, A rm D, B rm D", "k=0"),
        ("A put a 1, A put k 0, sync, A rm a, B rm a, sync, A put a 2", "a=2 k=0"),
    ],
)
def test_what_both_delete_is_gone(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(55)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put a 1, B put a 2", "a!=1 a=2"),
        ("A put a 1, B put a 1", "a=1"),
        ("A put D/a 1, B put D/b 2", "D/ D/a=1 D/b=2"),
        ("A put D/E/a 1, B put D/E/b 2, C put D/E/c 3", "D/ D/E/ D/E/a=1 D/E/b=2 D/E/c=3"),
        ("A put D/a 1, B put D/a 2", "D/ D/a!=1 D/a=2"),
    ],
)
def test_what_several_make_under_one_name_is_all_there_and_directories_are_one(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(56)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put a 1, B put a/x 2", "a!=1 a/ a/x=2"),
        ("A put a 1, sync, A rm a, A put a/x 2, B put a 3", "a!=3 a/ a/x=2"),
        ("A put a/x 1, A put k 0, sync, A rm a, A put a 2, B put a/x 3", "a!=2 a/ a/x=3 k=0"),
        ("A put a/x 1, A put k 0, sync, A rm a, A put a 2, B put a/y 3", "a!=2 a/ a/y=3 k=0"),
        ("A put a 1, A put k 0, sync, A rm a, A put a/x 2, B rm a, B put a/y 3", "a/ a/x=2 a/y=3 k=0"),
        ("A put a 1, A put k 0, sync, A rm a, A put a/x 2, B mv a b", "a/ a/x=2 b=1 k=0"),
        ("A put a/x 1, A put k 0, sync, A rm a, A put a 2, B mv a b", "a=2 k=0"),
    ],
)
def test_a_file_and_a_directory_of_one_name_are_both_there_and_the_directory_has_the_name(
    tmp_path, steps, outcome
):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(56)
@pytest.mark.parametrize("other", ["edit", "directory"])
def test_a_link_and_what_another_made_of_the_same_file_are_both_there(pair, other):
    a, b = pair
    put(a, "x", "1")
    put(a, "keep", "0")
    round_of(a, b)
    remove(a, "x")
    (a.root / "x").symlink_to("keep")
    if other == "edit":
        put(b, "x", "edited")
    else:
        remove(b, "x")
        put(b, "x/inside", "2")
    round_of(a, b)
    assert (
        plain(a)
        == {
            "edit": ["keep=0", "x!=-> keep", "x=edited"],
            "directory": ["keep=0", "x!=-> keep", "x/", "x/inside=2"],
        }[other]
    )


@pytest.mark.case(57)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put D/a 1, A put D/b 2, A put k 0, sync, A rm D, B put D/a 3", "D/ D/a=3 k=0"),
        ("A put D/a 1, A put D/b 2, A put k 0, sync, A rm D, B put D/n 3", "D/ D/n=3 k=0"),
        ("A put D/E/a 1, A put D/b 2, A put k 0, sync, A rm D, B put D/E/n 3", "D/ D/E/ D/E/n=3 k=0"),
        ("A put D/a 1, A put k 0, sync, A rm D, B mv k D/k", "D/ D/k=0"),
        ("A put D/a 1, A put k 0, sync, A rm D, A scan, A put D/z 4, B put D/n 3", "D/ D/n=3 D/z=4 k=0"),
        ("A put D/a 1, A put k 0, sync, A rm D, B put D/n 3, sync, C rm D", "k=0"),
    ],
)
def test_what_was_written_in_a_removed_directory_stays_with_what_is_above_it_and_no_more(
    tmp_path, steps, outcome
):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(58)
@pytest.mark.parametrize("half", ["A rm D, B rm D/a", "B rm D, A rm D/a", "A rm D, B rm D/a, B rm D/b"])
def test_a_directory_that_one_removed_whole_and_another_in_part_is_gone(tmp_path, half):
    comes_to(tmp_path, f"A put D/a 1, A put D/b 2, A put k 0, sync, {half}", "k=0")


@pytest.mark.case(59)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put a 1, sync, A put a 2, B put a 3, C put a 4", "a=2 a!=3 a!=4"),
        # resolved twice, differently
        ("A put a 1, sync, A put a 2, B put a 3, sync, A rm a!3, B rm a, C put a!3 5", "a=2 a!=3 a!!=5"),
        # resolved, and the resolution is in conflict with another
        ("A put a 1, sync, A put a 2, B put a 3, sync, A rm a!3, A put a 6, B put a 7", "a=6 a!=3 a!=7"),
        # a fourth edits what the others have resolved meanwhile
        (
            "A put a 1, C put r 0, sync, D put q 0, A put a 2, B put a 3, sync A B C, A rm a!3, A put a 6, sync A B C, D put a 9",
            "a=6 a!=9 q=0 r=0",
        ),
        ("A put D/a 1, sync, A put D/a 2, B put D/a 3, C rm D, sync, C rm D, B put D/n 4", "D/ D/n=4"),
    ],
)
def test_however_many_edit_and_resolve_all_come_to_the_same_and_nothing_is_lost(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(60)
def test_the_name_of_a_copy_that_is_taken_is_made_longer(pair):
    a, b = pair
    put(a, "x", "1")
    round_of(a, b)
    for dev, text in ((a, "of a"), (b, "of b")):
        os.utime(put(dev, "x", text), (0, 0))
    round_of(a, b)
    (copy,) = (path for path in files(a) if path != "x")
    content = files(a)[copy]
    remove(a, copy)
    round_of(a, b)
    put(a, copy, "a file of the user's")
    round_of(a, b)
    assert files(b) == {"x": files(a)["x"], copy: "a file of the user's"}
    # now the same conflict comes about once more, and its copy would have that name
    put(a, "x", "1")
    round_of(a, b)
    for dev, text in ((a, "of a"), (b, "of b")):
        os.utime(put(dev, "x", text), (0, 0))
    round_of(a, b)
    assert files(b)[copy] == "a file of the user's"
    assert sorted(text or "" for text in files(b).values()) == ["a file of the user's", "of a", "of b"]
    assert content in {"of a", "of b"}


@pytest.mark.case(60)
@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ("A put a 1, sync, A put a 2, B put a 3, sync, A put a!3 4, B put a!3 5", "a=2 a!=4 a!!=5"),
        (
            "A put a 1, sync, A put a 2, B put a 3, sync, A put a!3 4, sync, B put a 5, A put a 6",
            "a=6 a!=4 a!=5",
        ),
        ("A put a 1, sync, A put a 2, B put a 3, sync, A mv a!3 b, B put a!3 5", "a=2 a!=5 b=3"),
    ],
)
def test_a_copy_that_is_edited_is_a_file_of_its_own(tmp_path, steps, outcome):
    comes_to(tmp_path, steps, outcome)


@pytest.mark.case(61)
@pytest.mark.parametrize("also", ["mode", "time", "mode of the directory"])
def test_a_mode_or_time_and_an_edit_elsewhere_both_apply(pair, also):
    a, b = pair
    put(a, "dir/x", "1").chmod(0o644)
    round_of(a, b)
    if also == "mode":
        (a.root / "dir" / "x").chmod(0o755)
    elif also == "time":
        os.utime(a.root / "dir" / "x", (5, 5))
    else:
        (a.root / "dir").chmod(0o700)
    put(b, "dir/x", "2")
    round_of(a, b)
    assert plain(a) == ["dir/", "dir/x=2"]
    for dev in (a, b):
        assert ((dev.root / "dir" / "x").stat().st_mode & 0o777) == (0o755 if also == "mode" else 0o644)
        assert ((dev.root / "dir").stat().st_mode & 0o777) == (0o700 if also[5:] else 0o755)


@pytest.mark.case(62)
@pytest.mark.parametrize("devices", [2, 4])
def test_a_storm_of_conflicts_comes_to_rest(world, devices):
    made = [world.device(f"device {number}") for number in range(devices)]
    put(made[0], "x", "0")
    round_of(*made)
    for number in range(5):
        for dev in made:
            put(dev, "x", f"{dev.name} {number}")
            if number % 2:
                once(dev)
    round_of(*made)
    latest = {f"{dev.name} 4" for dev in made}
    assert latest <= set(files(made[0]).values())


@pytest.mark.case(63)
def test_a_conflict_that_two_devices_find_by_themselves_is_one_copy(world):
    a, b, c = (world.device(name) for name in "abc")
    put(a, "x", "1")
    round_of(a, b, c)
    put(a, "x", "of a")
    put(b, "x", "of b")
    for dev in (a, b):
        dev.push()
    for dev in (a, b, c):  # each of them joins the two heads for itself
        dev.pull()
        assert len(files(dev)) == 2
    for dev in (a, b, c):
        put(dev, "other", f"{dev.name}")  # and says what it came to
        once(dev)
    round_of(a, b, c)
    assert len([path for path in files(a) if path.startswith("x")]) == 2
