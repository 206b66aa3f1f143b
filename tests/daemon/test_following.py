"""What was changed is told as it comes: each change once, oldest first, also what comes from others."""

from __future__ import annotations

import json

import pytest

from e2esync.daemon.following import BEGIN, Change, Follower
from e2esync.errors import IntegrityError, Locked, MissingObject
from tests.daemon.test_keeper import is_up_to_date, order


def write(dev, *names: str) -> None:
    for name in names:
        (dev.root / name).write_bytes(name.encode())


def told(follower: Follower, laptop) -> list[tuple[str, bytes]]:
    return [(change.device, change.path) for change in follower.news(laptop.keeper)]


def test_each_change_is_told_once_whoever_made_it(world, watched):
    laptop, desk = watched(), world.device("desk")
    laptop.wait(is_up_to_date)
    follower = Follower(None)
    assert told(follower, laptop) == []
    write(laptop.ground.dev, "a")
    order(laptop)
    assert told(follower, laptop) == [("laptop", b"a")]
    desk.sync()
    write(desk, "b", "c")
    desk.sync()
    order(laptop)
    assert told(follower, laptop) == [("desk", b"b"), ("desk", b"c")]
    assert told(follower, laptop) == []


def test_it_begins_with_the_last_changes_or_with_those_since_a_time(watched):
    def much(dev):
        for number in range(2 * BEGIN):
            write(dev, f"{number:02}")
            dev.push()
            dev.clock.advance(10)

    laptop = watched(prepare=much)
    names = [b"%02d" % number for number in range(2 * BEGIN)]
    laptop.wait(is_up_to_date)
    assert [path for _, path in told(Follower(None), laptop)] == names[-BEGIN:]
    assert [path for _, path in told(Follower(0), laptop)] == names
    since = laptop.ground.dev.clock.now_ns() // 10**9 - 25
    assert [path for _, path in told(Follower(since), laptop)] == names[-2:]


def test_of_a_push_of_many_files_not_more_than_the_last_few_are_told_at_first(watched):
    def many(dev):
        write(dev, *map(str, range(5 * BEGIN)))
        dev.push()

    laptop = watched(prepare=many)
    laptop.wait(is_up_to_date)
    follower = Follower(None)
    assert len(told(follower, laptop)) == BEGIN
    assert told(follower, laptop) == []


def test_what_cannot_be_read_now_comes_once_it_can(watched):
    laptop = watched()
    laptop.wait(is_up_to_date)
    follower = Follower(None)
    assert told(follower, laptop) == []
    laptop.keeper.pause()
    write(laptop.ground.dev, "a")
    order(laptop)
    laptop.keeper.make_way()
    laptop.ground.errors += [Locked("the keyring is locked")]
    laptop.keeper.take_back()
    assert told(follower, laptop) == []
    assert told(follower, laptop) == [("laptop", b"a")]


def test_a_history_with_a_hole_is_not_passed_over(watched):
    laptop = watched()
    laptop.wait(is_up_to_date)
    laptop.keeper.pause()
    laptop.keeper.make_way()
    laptop.ground.errors += [MissingObject("a page of the history is not there")]
    laptop.keeper.take_back()
    with pytest.raises(IntegrityError):
        Follower(None).news(laptop.keeper)


@pytest.mark.parametrize("origin", [None, b"from \xff"])
def test_a_change_is_the_same_on_both_ends_of_the_socket(origin):
    change = Change(7, "laptop", "Ada", "moved", b"to \xfe", origin, "abc-1")
    assert Change.from_values(json.loads(json.dumps(change.values()))) == change
