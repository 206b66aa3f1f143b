"""Group J of docs/edge-cases.md: what the store may do without meaning harm."""

from __future__ import annotations

from threading import current_thread, main_thread

import pytest

from e2esync.errors import MissingObject, StoreUnavailable
from tests.catalogue.hands import files, once, plain, put, round_of
from tests.engine.mortal import Death, Meanwhile, run


@pytest.mark.case(100)
@pytest.mark.parametrize("at", range(1, 16))
def test_a_write_of_which_nobody_knows_whether_it_arrived_is_done_once(pair, at):
    a, b = pair
    put(a, "x", "1")
    round_of(a, b)
    put(a, "x", "2")
    run(a, "push", Death(at, after=True))
    once(b)
    assert plain(b) in (["x=1"], ["x=2"])
    put(b, "y", "1")
    round_of(b, a)
    assert plain(b) == ["x=2", "y=1"]


@pytest.mark.case(102, 107)
def test_an_object_that_is_not_there_is_waited_for_and_deletes_nothing(pair):
    a, b = pair
    put(a, "x", "1")
    round_of(a, b)
    before = {info.key for info in a.store.list("")}
    put(a, "x", "2")
    once(a)
    late = {
        info.key: a.store.get(info.key)
        for info in a.store.list("")
        if info.key not in before and "/packs/" in info.key
    }
    a.store.delete(list(late))
    for _ in range(2):
        with pytest.raises(MissingObject):
            b.pull()
        assert plain(b) == ["x=1"]
    for key, body in late.items():
        a.store.put(key, body)
    round_of(b, a)
    assert plain(b) == ["x=2"]


@pytest.mark.case(101, 108)
def test_a_store_that_does_not_answer_decides_nothing(pair):
    a, b = pair
    put(a, "x", "1")
    round_of(a, b)
    put(b, "y", "1")

    class Down:
        def __getattr__(self, name):
            def call(*_arguments, **_options):
                raise StoreUnavailable("it does not answer")

            return call

    before = b.tree()
    with b.using(store=Down()):
        for command in (b.push, b.pull, b.sync):
            with pytest.raises(StoreUnavailable):
                command()
    assert b.tree() == before
    round_of(a, b)
    assert files(a)["y"] == "1"


@pytest.mark.case(111)
@pytest.mark.parametrize("at", range(1, 20))
def test_another_device_that_publishes_at_any_moment_of_a_sync_loses_and_breaks_nothing(pair, at):
    a, b = pair
    put(a, "x", "1")
    round_of(a, b)
    put(a, "x", "of a")
    put(b, "x", "of b")

    def the_other() -> None:
        if current_thread() is main_thread():  # its database is of this thread
            b.sync()

    run(a, "sync", Meanwhile(at, the_other))
    round_of(a, b)
    assert sorted(content or "" for content in files(a).values()) == ["of a", "of b"]
