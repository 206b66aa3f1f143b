"""A thing waits in the root for its place and does not get it: it goes home, or is worked in as any other is."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from e2esync.engine.history import events
from e2esync.engine.scan import is_parked
from tests.engine.mortal import Death, Meanwhile, run
from tests.engine.test_sync import once, round_of, write
from tests.engine.world import Dev, World


def a_child_takes_the_place_of_its_parent(dev: Dev) -> None:
    """Two directories that cannot be exchanged in one step: one of them has to wait elsewhere."""
    (dev.root / "outer/inner").rename(dev.root / "waits")
    (dev.root / "outer").rename(dev.root / "waits/outer")
    (dev.root / "waits").rename(dev.root / "outer")


def parked(dev: Dev) -> list[str]:
    return [path.name for path in dev.root.iterdir() if is_parked(path.name.encode())]


@pytest.fixture
def worlds(tmp_path):
    """A function that makes two devices in sync, and lets one put a child in the place of its parent."""
    made: list[World] = []

    def make():
        world = World(tmp_path / str(len(made)))
        made.append(world)
        a, b = world.device("laptop"), world.device("desk")
        (a.root / "outer/inner").mkdir(parents=True)
        (a.root / "outer/file").write_bytes(b"first")
        round_of(a, b)
        a_child_takes_the_place_of_its_parent(a)
        a.push()
        return a, b

    yield make
    for world in made:
        world.close()


CONTENTS = b"first", b"second", b"third", b"mine"


def in_history(dev: Dev) -> set[bytes]:
    hashes = {getattr(event.content, "hash", None) for event in events(dev.vault)}
    return {content for content in CONTENTS if dev.vault.cipher.content_hash(content) in hashes}


def taking(name: str) -> Callable[[Path], None]:
    def takes_the_place(root: Path) -> None:
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "mine").write_bytes(b"mine")

    return takes_the_place


def moves_the_child_away(root: Path) -> None:
    inner = root / "outer/inner"
    if inner.exists():
        inner.rename(root / "elsewhere")
    (root / "mine").write_bytes(b"mine")


@pytest.mark.parametrize(
    "meanwhile",
    [taking("outer"), taking("outer/inner"), taking("outer/outer"), moves_the_child_away],
    ids=["outer", "inner", "outer in outer", "child away"],
)
def test_what_waits_is_worked_in_when_it_cannot_have_its_place(worlds, meanwhile):
    """Something happens before each step of a pull, and the user works in the file before and after a push."""
    for at in count(1):
        a, b = worlds()
        steps = Meanwhile(at, partial(meanwhile, b.root))
        assert run(b, "pull", steps)
        if len(steps.steps) < at:
            break
        assert not parked(b) or (b.root / "outer").exists()  # home, if that is free
        (file,) = b.root.rglob("file")
        file.write_bytes(b"second")
        b.push()
        file.write_bytes(b"third")
        round_of(b, a)
        assert {thing[1] for thing in a.tree().values() if thing[0] == "file"} == {b"third", b"mine"}
        assert in_history(a) == set(CONTENTS)
    assert at > 5


def test_two_contents_of_a_file_that_both_have_to_wait_do_so_under_different_names(pair):
    """One is taken out of the way of nothing: what stands in the way is that which has the name here, and is no more the first."""
    a, b = pair
    write(a, "x", b"first")
    round_of(a, b)
    write(b, "x", b"of b")
    write(a, "x", b"of a")
    os.utime(a.root / "x", (1, 1))
    a.push()
    once(b)
    assert sorted(thing[1] for thing in b.tree().values()) == [b"of a", b"of b"]
    (a.root / "x").rename(a.root / "waits")
    (a.root / "x").mkdir()
    (a.root / "waits").rename(a.root / "x/y")
    a.push()
    write(a, "x/y", b"of a, again")
    a.push()
    once(b)
    assert not parked(b)
    round_of(a, b)
    contents = {path: thing[1] for path, thing in b.tree().items() if thing[0] == "file"}
    assert contents.pop(b"x/y") == b"of a, again"
    assert list(contents.values()) == [b"of b"]


@pytest.mark.parametrize("rules", ["outer\n", "*\n", "/outer/outer\n", ".*\n"])
@pytest.mark.parametrize("is_ours", [True, False])
def test_what_waits_and_is_ignored_from_then_on_gets_its_place_all_the_same(worlds, rules, is_ours):
    """A pull is killed at each step, and rules come before the next."""
    have_waited = 0
    for at in count(1):
        a, b = worlds()
        is_over = run(b, "pull", Death(at))
        have_waited += bool(parked(b))
        author = b if is_ours else a
        (author.root / ".e2esyncignore").write_text(rules)
        author.push()
        for _ in range(2):
            once(b)
        assert not parked(b), at
        assert [path.read_bytes() for path in b.root.rglob("file")] == [b"first"], at
        assert b.vault.state.count_due() == 0, at
        if is_over:
            break
    assert have_waited
