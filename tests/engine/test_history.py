"""Who wrote what and when, from the snapshots alone."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest

from e2esync.engine.history import What, events
from e2esync.tree.values import FileContent
from tests.engine.histories import History, Kinds, content_of
from tests.engine.test_sync import once, round_of, write
from tests.engine.world import Dev, World


def told(dev: Dev) -> list[tuple[str, str, str]]:
    """Oldest first, of files: device, what, path."""
    return [
        (event.device_name, str(event.what), event.path.decode())
        for event in reversed(events(dev.vault))
        if event.what is not What.ADDED or event.content is not None
    ]


def step(dev: Dev, world: World) -> None:
    once(dev)
    world.clock.advance(10)


@pytest.fixture
def lived(world: World) -> list[Dev]:
    """A short life of two devices, one thing at a time."""
    a, b = world.device("a"), world.device("b")
    write(a, "docs/x", b"1")
    step(a, world)
    step(b, world)
    write(b, "docs/x", b"two")
    step(b, world)
    step(a, world)
    (a.root / "docs" / "x").rename(a.root / "y")
    step(a, world)
    step(b, world)
    (b.root / "y").chmod(0o600)
    step(b, world)
    step(a, world)
    (a.root / "y").unlink()
    step(a, world)
    step(b, world)
    write(b, "z", b"of b")
    step(b, world)
    step(a, world)
    write(a, "w", b"of a")
    step(a, world)
    return [a, b]


def test_each_step_is_told_once_with_who_did_it(lived):
    for dev in lived:
        once(dev)
        assert told(dev) == [
            ("a", "added", "docs"), ("a", "added", "docs/x"), ("b", "changed", "docs/x"), ("a", "moved", "y"),
            ("b", "mode", "y"), ("a", "deleted", "y"), ("b", "added", "z"), ("a", "added", "w"),
        ]  # fmt: skip


def test_a_move_says_from_where_and_a_deletion_what_there_was(lived):
    found = {(event.what, event.path): event for event in events(lived[0].vault)}
    assert found[What.MOVED, b"y"].origin == b"docs/x"
    gone = found[What.DELETED, b"y"].content
    assert isinstance(gone, FileContent)
    assert gone.size == 3


def test_two_contents_that_one_push_wrote_into_one_node_have_names_of_their_own(lived):
    (written,) = (event for event in events(lived[0].vault) if event.path == b"z")
    assert isinstance(written.content, FileContent)
    dot = written.content.dot
    others = [
        replace(written, content=written.content._replace(hash=bytes(32))),
        replace(written, content=written.content._replace(dot=dot._replace(j=dot.j + 1))),
        replace(written, content=None),
    ]
    assert len({event.id for event in [written, *others]}) == 4


def test_since_a_time_only_what_came_then_is_read(lived, world: World):
    now = world.clock.clock.now()
    found = events(lived[0].vault, since=now - 35)
    assert {event.path for event in found} <= {b"y", b"z", b"w"}
    assert b"w" in {event.path for event in found}


def test_a_deletion_is_told_of_whoever_made_it_also_where_that_is_too_long_ago_to_be_listed(pair, world):
    a, b = pair
    write(a, "x", b"1")
    round_of(a, b)
    (b.root / "x").unlink()
    once(b)
    world.clock.advance(100)
    write(a, "y", b"2")
    once(a)
    found = events(a.vault, since=world.clock.clock.now() - 50)
    assert [(event.device_name, event.what, event.path) for event in found] == [(a.name, What.ADDED, b"y")]


def test_a_conflict_that_was_settled_is_told_as_that(pair):
    a, b = pair
    write(a, "x", b"1")
    round_of(a, b)
    write(a, "x", b"of a")
    write(b, "x", b"of b")
    os.utime(a.root / "x", (1, 1))
    round_of(a, b)
    (copy,) = (path for path in a.root.iterdir() if "conflict" in path.name)
    copy.unlink()
    round_of(a, b)
    newest = events(b.vault)[0]
    assert (newest.device_name, newest.what, newest.path) == (a.name, What.SETTLED, b"x")


def test_directories_that_were_moved_into_each_other_have_paths_that_end(pair):
    a, b = pair
    for name in ("p", "q"):
        (a.root / name).mkdir()
    round_of(a, b)
    (a.root / "p").rename(a.root / "q" / "p")
    (b.root / "q").rename(b.root / "p" / "q")
    round_of(a, b)
    paths = {path for path in (a.root).rglob("*") if path.name == "p"}
    write(a, str((paths.pop() / "f").relative_to(a.root)), b"1")
    round_of(a, b)
    found = {event.path for event in events(b.vault) if event.content is not None}
    assert any(path.endswith(b"/f") and path.count(b"/") < 5 for path in found)


def test_a_directory_that_was_removed_is_told_with_all_that_was_in_it(pair):
    a, b = pair
    write(a, "d/x", b"1")
    write(a, "d/e/y", b"2")
    round_of(a, b)
    shutil.rmtree(b.root / "d")
    round_of(b, a)
    gone = {event.path for event in events(a.vault) if event.what is What.DELETED}
    assert gone == {b"d", b"d/x", b"d/e", b"d/e/y"}
    assert {event.device_name for event in events(a.vault) if event.what is What.DELETED} == {b.name}


@pytest.mark.parametrize("seed", range(6))
def test_what_anybody_published_is_found_by_all(tmp_path, seed):
    history = History(tmp_path, seed, Kinds(killed=0.1))
    try:
        for _ in range(40):
            history.step()
        history.settle()
        for dev in history.devices:
            hash_of = dev.vault.cipher.content_hash
            found = {getattr(event.content, "hash", None) for event in events(dev.vault)}
            published = {hash_of(content_of(number)) for number in history.saved.all}
            there = {hash_of(thing[1]) for thing in dev.tree().values() if thing[0] == "file"}
            assert there <= found
            assert found - {None} <= published | {hash_of(b"")}
    finally:
        history.world.close()
