"""How often what is in the trash is looked at: a little with each push, many only now and then."""

from __future__ import annotations

import pytest

from e2esync.adapters.files import LocalFolder
from e2esync.engine import late
from tests.engine.test_sync import once, write

MANY = 12


@pytest.fixture
def looks(pair, monkeypatch):
    """Two devices of which the second has got many files anew, and how often it looked into its trash since."""
    a, b = pair
    monkeypatch.setattr(late, "PER_SECOND", 1)
    for content in (b"old", b"new"):
        for number in range(MANY):
            write(a, f"x{number}", content)
        once(a)
        if content == b"old":
            once(b)
    b.pull()
    seen, kept = [], LocalFolder.kept

    def counted(folder, since=0):
        seen.append(since)
        return kept(folder, since)

    monkeypatch.setattr(LocalFolder, "kept", counted)
    return a, b, seen


def written_late(dev):
    """Let a program write into one of the files that were replaced under it."""
    found = next(iter(dev.vault.folder.kept()))
    with (dev.root / ".e2esync/trash" / found.name.decode()).open("ab") as program:
        program.write(b" and more")


def contents(dev):
    return [thing[1] for thing in dev.tree().values()]


@pytest.mark.case(30)
def test_many_are_looked_at_once_in_a_while_and_nothing_that_is_written_to_them_is_missed(looks, world):
    a, b, seen = looks
    for _ in range(5):
        b.push()
    assert len(seen) == 1
    written_late(b)
    b.push()
    assert b"old and more" not in contents(b)
    world.clock.advance(MANY)
    b.push()
    assert b"old and more" in contents(b)
    a.pull()
    assert b"old and more" in contents(a)


@pytest.mark.case(30)
def test_a_clock_that_is_set_back_keeps_nobody_from_looking(looks, world):
    _, b, seen = looks
    b.push()
    world.clock.advance(-1000)
    written_late(b)
    seen.clear()
    b.push()
    assert seen
    assert b"old and more" in contents(b)


def test_few_are_looked_at_with_each_push(looks, monkeypatch):
    _, b, seen = looks
    monkeypatch.setattr(late, "PER_SECOND", MANY + 1)
    for _ in range(5):
        b.push()
    assert len(seen) == 5


def test_many_are_not_looked_at_with_each_pull_that_brings_something(looks, world):
    a, b, seen = looks

    def brought(number):
        write(a, "y", b"%d" % number)
        a.push()
        seen.clear()
        b.pull()
        return len(seen)

    first, second = brought(1), brought(2)
    world.clock.advance(2 * MANY)
    third = brought(3)
    assert (first > 0, second, third > 0) == (True, 0, True)
