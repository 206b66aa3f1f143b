"""Conflicts as a person sees and settles them: on the disk, and after that for all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from e2esync.engine.conflicts import Keep, conflicts, resolve
from e2esync.errors import NeedsYou, UsageError
from tests.engine.test_sync import files, once, round_of, write
from tests.engine.world import Dev, World


def settle(dev: Dev, path: bytes, keep: Keep) -> list[tuple[bytes, bytes | None]]:
    return resolve(dev.vault.state, dev.vault.folder, path, keep)


@pytest.fixture
def torn(pair) -> tuple[Dev, Dev]:
    """Two devices that changed one file at the same time; that of `b` has the name."""
    a, b = pair
    write(a, "docs/x.txt", b"1")
    round_of(a, b)
    write(a, "docs/x.txt", b"of a")
    write(b, "docs/x.txt", b"of b")
    os.utime(a.root / "docs/x.txt", (1, 1))
    round_of(a, b)
    return a, b


def the_copy(dev: Dev) -> bytes:
    (conflict,) = conflicts(dev.vault.state)
    (copy,) = conflict.copies
    return copy.path


def test_it_is_listed_with_who_and_when(torn):
    (conflict,) = conflicts(torn[0].vault.state)
    (copy,) = conflict.copies
    assert (conflict.named.path, conflict.named.device, copy.device) == (
        b"docs/x.txt",
        torn[1].name,
        torn[0].name,
    )
    assert copy.path.startswith(b"docs/x (conflict, " + torn[0].name.encode())
    assert copy.size == 4
    assert (torn[0].root / os.fsdecode(copy.path)).read_bytes() == b"of a"


@pytest.mark.parametrize(
    ("of_copy", "keep", "left"),
    [
        (False, Keep.THIS, {"docs/x.txt": b"of b"}),
        (False, Keep.OTHER, {"docs/x.txt": b"of a"}),
        (True, Keep.THIS, {"docs/x.txt": b"of a"}),
        (True, Keep.OTHER, {"docs/x.txt": b"of b"}),
    ],
)
def test_one_is_kept_under_the_name_on_all_devices(torn, of_copy, keep, left):
    a, b = torn
    settle(a, the_copy(a) if of_copy else b"docs/x.txt", keep)
    assert {path: content for path, content in files(a).items() if content is not None} == left
    round_of(a, b)
    assert {path: content for path, content in files(b).items() if content is not None} == left
    assert conflicts(b.vault.state) == []


def test_what_leaves_its_name_to_another_content_is_moved_and_not_fetched_again(pair):
    """A program that has it open goes on writing into the copy, and not into the trash."""
    a, b = pair
    write(a, "x", b"1")
    round_of(a, b)
    write(a, "x", b"of a")
    write(b, "x", b"of b")
    os.utime(a.root / "x", (1, 1))
    b.push()
    with (a.root / "x").open("ab") as program:
        pulled = a.sync()
        assert (pulled.moved, pulled.downloaded_files) == (1, 1)
        program.write(b", and more")
    assert (a.root / os.fsdecode(the_copy(a))).read_bytes() == b"of a, and more"


def test_the_copy_that_goes_is_counted_as_deleted(torn):
    a, _ = torn
    settle(a, b"docs/x.txt", Keep.THIS)
    assert a.sync().deleted_remote == 1


def test_what_keeps_its_place_is_not_moved_when_another_device_settles(pair):
    a, b = pair
    names = [f"{number}.txt" for number in range(8)]  # which content comes first is up to the keys
    for devices, content in (([a], "base"), (pair, "of {}")):
        for dev in devices:
            for name in names:
                write(dev, name, content.format(dev.name).encode())
        round_of(a, b)
    for name in names:
        write(a, name, b"settled")
    once(a)
    assert b.sync().moved == 0
    round_of(a, b)


def test_a_touch_that_settles_deletes_nothing(torn):
    a, _ = torn
    write(a, "docs/x.txt", (a.root / os.fsdecode(the_copy(a))).read_bytes())
    summary = a.sync()
    assert (summary.deleted_remote, summary.conflicts) == (0, 0)


def test_both_become_files_of_their_own(torn):
    a, b = torn
    copy = the_copy(a)
    ((old, new),) = settle(a, b"docs/x.txt", Keep.BOTH)
    assert old == copy
    assert new is not None
    assert b"conflict" not in new
    round_of(a, b)
    assert sorted(content for content in files(b).values() if content is not None) == [b"of a", b"of b"]
    assert conflicts(a.vault.state) == conflicts(b.vault.state) == []
    write(b, "docs/x.txt", b"later")
    round_of(a, b)
    assert (a.root / os.fsdecode(new)).read_bytes() == b"of a"


def three(world: World) -> list[Dev]:
    devices = [world.device(name) for name in ("a", "b", "c")]
    write(devices[0], "x", b"1")
    round_of(*devices)
    for dev in devices:
        write(dev, "x", b"of " + dev.name.encode())
    round_of(*devices)
    return devices


def test_of_three_the_other_has_to_be_named(world: World):
    a, *_ = three(world)
    before = a.tree()
    with pytest.raises(UsageError, match="2 others"):
        settle(a, b"x", Keep.OTHER)
    assert a.tree() == before


def test_of_three_one_is_kept(world: World):
    devices = three(world)
    (conflict,) = conflicts(devices[0].vault.state)
    kept = conflict.copies[1].path
    content = (devices[0].root / os.fsdecode(kept)).read_bytes()
    settle(devices[0], kept, Keep.THIS)
    round_of(*devices)
    assert files(devices[1]) == {"x": content}


def test_two_files_of_one_name_are_told_apart_too(pair):
    a, b = pair
    write(a, "x", b"of x")
    write(a, "y", b"of y")
    round_of(a, b)
    (a.root / "x").rename(a.root / "z")
    (b.root / "y").rename(b.root / "z")
    round_of(a, b)
    (conflict,) = conflicts(a.vault.state)
    settle(a, conflict.copies[0].path, Keep.BOTH)
    round_of(a, b)
    assert sorted(filter(None, files(b).values())) == [b"of x", b"of y"]
    assert conflicts(b.vault.state) == []


def test_a_directory_is_not_removed_for_a_conflict(pair):
    a, b = pair
    write(a, "x/in", b"1")
    write(a, "y/in", b"2")
    round_of(a, b)
    (a.root / "x").rename(a.root / "z")
    (b.root / "y").rename(b.root / "z")
    round_of(a, b)
    with pytest.raises(UsageError, match="directory"):
        settle(a, b"z", Keep.THIS)
    settle(a, b"z", Keep.BOTH)
    round_of(a, b)
    assert conflicts(b.vault.state) == []
    assert {path.read_bytes() for path in Path(b.root).glob("*/in")} == {b"1", b"2"}


def test_what_was_changed_since_is_left_alone(torn):
    a, _ = torn
    write(a, os.fsdecode(the_copy(a)), b"edited just now")
    before = a.tree()
    with pytest.raises(NeedsYou, match="as the last sync left it"):
        settle(a, b"docs/x.txt", Keep.THIS)
    assert a.tree() == before


def test_a_file_without_a_conflict_is_said_to_be_none(torn):
    write(torn[0], "plain", b"1")
    once(torn[0])
    with pytest.raises(UsageError, match="not in conflict"):
        settle(torn[0], b"plain", Keep.THIS)
