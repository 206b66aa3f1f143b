"""Restoring: any version, what was deleted, a directory as it was; and nothing is taken away by it."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from e2esync.engine.history import What
from e2esync.engine.restore import (
    at_time,
    deleted,
    passing_folder,
    put_elsewhere,
    put_into_folder,
    things_at,
    version,
    versions,
)
from e2esync.errors import NeedsYou, UsageError
from tests.engine.test_sync import files, once, round_of, write
from tests.engine.world import Dev, World


@pytest.fixture
def lived(world: World) -> tuple[Dev, Dev, list[tuple[int, dict[str, bytes | None]]]]:
    """Two devices at work; with the times at which all agreed, and what there was."""
    a, b = world.device("a"), world.device("b")
    moments = []

    def agree() -> None:
        round_of(a, b)
        moments.append((world.clock.clock.now(), files(a)))
        world.clock.advance(100)

    write(a, "docs/x", b"1")
    write(a, "docs/deep/y", b"y")
    write(b, "z", b"z")
    agree()
    write(b, "docs/x", b"two")
    (a.root / "z").rename(a.root / "docs" / "z")
    agree()
    shutil.rmtree(b.root / "docs" / "deep")
    write(a, "docs/x", b"three")
    agree()
    write(a, "docs/x", b"of a")
    write(b, "docs/x", b"of b")
    agree()
    (a.root / "docs" / "z").unlink()
    write(a, "new", b"n")
    agree()
    return a, b, moments


def test_the_vault_as_it_was_at_any_time(lived, tmp_path):
    for dev in lived[:2]:
        for number, (time, expected) in enumerate(lived[2]):
            dest = tmp_path / f"{dev.name}{number}"
            with at_time(dev.vault, time) as then:
                put_elsewhere(dev.vault, things_at(then, b""), b"", dest)
            assert {str(path.relative_to(dest)): path.read_bytes() if path.is_file() else None
                    for path in dest.rglob("*")} == expected  # fmt: skip


def test_before_anything_was_pushed_there_was_nothing(lived):
    with at_time(lived[0].vault, 0) as then, pytest.raises(UsageError, match="nothing stood there"):
        things_at(then, b"")


def test_every_version_of_a_file_comes_back_in_place(lived):
    a, b, _ = lived
    found = [event for event in versions(b.vault, b"docs/x") if event.what in {What.ADDED, What.CHANGED}]
    contents = set()
    for event in found:
        put_into_folder(b.vault, [version(b.vault, b"docs/x", event.id)], mine_to=None)
        contents.add((b.root / "docs" / "x").read_bytes())
        round_of(b, a)
        assert (a.root / "docs" / "x").read_bytes() == (b.root / "docs" / "x").read_bytes()
    assert contents == {b"1", b"two", b"three", b"of a", b"of b"}


def test_the_versions_follow_a_file_that_was_moved_and_tell_its_end(lived):
    told = [(event.what, event.path) for event in versions(lived[0].vault, b"docs/z")]
    assert told == [(What.DELETED, b"docs/z"), (What.MOVED, b"docs/z"), (What.ADDED, b"z")]


def test_what_was_deleted_comes_back_with_its_directories(lived):
    a, b, _ = lived
    for path, content in ((b"docs/deep", b"y"), (b"docs/z", b"z")):
        put_into_folder(a.vault, deleted(a.vault, path), mine_to=None)
        where = a.root / path.decode()
        assert (where / "y" if where.is_dir() else where).read_bytes() == content
    round_of(a, b)
    assert (b.root / "docs" / "deep" / "y").read_bytes() == b"y"


def test_a_directory_as_it_was_comes_back_and_takes_nothing_away(lived):
    a, b, moments = lived
    write(a, "docs/later", b"stays")
    once(a)
    with at_time(a.vault, moments[0][0]) as then:
        things = things_at(then, b"docs")
    put_into_folder(a.vault, things, mine_to=None)
    round_of(a, b)
    there = files(b)
    assert {there["docs/x"], there["docs/deep/y"], there["docs/later"]} == {b"1", b"y", b"stays"}


def test_what_was_not_published_is_not_replaced(lived, tmp_path):
    a, *_ = lived
    thing = version(a.vault, b"docs/x", versions(a.vault, b"docs/x")[-1].id)
    write(a, "docs/x", b"not published")
    before = a.tree()
    with pytest.raises(NeedsYou):
        put_into_folder(a.vault, [thing], mine_to=None)
    assert a.tree() == before
    put_into_folder(a.vault, [thing], mine_to=tmp_path / "mine")
    assert (a.root / "docs" / "x").read_bytes() == b"1"
    assert (tmp_path / "mine" / "x").read_bytes() == b"not published"


def test_one_file_goes_elsewhere(lived, tmp_path):
    a, *_ = lived
    before = a.tree()
    thing = version(a.vault, b"docs/x", versions(a.vault, b"docs/x")[-1].id)
    put_elsewhere(a.vault, [thing], b"docs/x", tmp_path / "out" / "old x")
    assert (tmp_path / "out" / "old x").read_bytes() == b"1"
    assert [path.name for path in Path(tmp_path / "out").iterdir()] == ["old x"]
    assert a.tree() == before


def test_what_is_not_known_is_an_error(lived):
    a, *_ = lived
    with pytest.raises(UsageError):
        version(a.vault, b"docs/x", "no such version")
    with pytest.raises(UsageError):
        deleted(a.vault, b"new")


def test_a_directory_that_was_made_for_nothing_goes_again_and_one_that_was_there_stays(tmp_path):
    there, made, used = (tmp_path / name for name in ("there", "made", "used"))
    there.mkdir()
    for root in (there, made, used):
        with suppress(ZeroDivisionError), passing_folder(root) as folder:
            if root == used:
                folder.make_directory(b"came", 0o755)
            raise ZeroDivisionError
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "there",
        "used",
        "used/came",
    ]
