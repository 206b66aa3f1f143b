"""A device that only reads says what it has joined; that calls for no answer."""

from e2esync.engine.heartbeat import is_behind
from e2esync.engine.sync import sync


def write_and_meet(laptop, desk):
    (laptop.root / "a").write_bytes(b"a")
    laptop.sync()
    desk.sync()


def test_who_joined_something_is_behind_until_it_was_published(pair):
    laptop, desk = pair
    assert not is_behind(desk.vault)
    write_and_meet(laptop, desk)
    assert not is_behind(laptop.vault)
    assert is_behind(desk.vault)
    assert desk.count(lambda: sync(desk.vault, within=(), beat=True)).requests["PUT"] == 3
    assert not is_behind(desk.vault)


def test_a_heartbeat_calls_for_none(pair):
    laptop, desk = pair
    write_and_meet(laptop, desk)
    sync(desk.vault, within=(), beat=True)
    laptop.sync()
    assert not is_behind(laptop.vault)
    assert laptop.count(laptop.sync).requests["PUT"] == 0


def test_two_that_joined_each_other_agree_after_one_heartbeat_each(pair):
    laptop, desk = pair
    write_and_meet(laptop, desk)
    (desk.root / "b").write_bytes(b"b")
    desk.sync()
    laptop.sync()
    for dev in pair:
        (dev.root / dev.name).write_bytes(b"by " + dev.name.encode())
        dev.push()
    for dev in pair:
        dev.pull()
    assert [is_behind(dev.vault) for dev in pair] == [True, True]
    for dev in (*pair, *pair):
        if is_behind(dev.vault):
            sync(dev.vault, within=(), beat=True)
    assert [is_behind(dev.vault) for dev in pair] == [False, False]
    assert laptop.tree() == desk.tree()


def test_without_it_nothing_is_published_where_nothing_changed(pair):
    laptop, desk = pair
    write_and_meet(laptop, desk)
    assert desk.count(lambda: sync(desk.vault, within=())).requests["PUT"] == 0
