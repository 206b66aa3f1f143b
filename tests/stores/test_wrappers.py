"""What each wrapper adds: patience, limits, counts, a log."""

import logging

import pytest

from e2esync.adapters.stores.counting import CountingStore, Traffic
from e2esync.adapters.stores.limited import Budget, LimitedStore, Limits
from e2esync.adapters.stores.logged import LoggedStore
from e2esync.adapters.stores.memory import MemoryStore
from e2esync.adapters.stores.retrying import RetryingStore, RetryPolicy
from e2esync.errors import CredentialsRefused, StoreUnavailable
from e2esync.model.store import ObjectNotFound


class FlakyStore(MemoryStore):
    """Fails so many times; a write may have arrived before it failed."""

    def __init__(self, failures, *, arrives=False, error=StoreUnavailable):
        super().__init__()
        self.failures, self.arrives, self.error, self.calls = failures, arrives, error, 0

    def _flaky(self, call):
        self.calls += 1
        if self.failures == 0:
            return call()
        self.failures -= 1
        if self.arrives:
            call()
        raise self.error("no")

    def put(self, key, body):
        return self._flaky(lambda: super(FlakyStore, self).put(key, body))

    def put_if_absent(self, key, body):
        return self._flaky(lambda: super(FlakyStore, self).put_if_absent(key, body))

    def put_if_match(self, key, body, *, etag):
        return self._flaky(lambda: super(FlakyStore, self).put_if_match(key, body, etag=etag))

    def list(self, prefix):
        for n, info in enumerate(super().list(prefix)):
            if n == 2:
                self._flaky(lambda: None)
            yield info

    def delete(self, keys):
        keys = tuple(keys)
        self._flaky(lambda: super(FlakyStore, self).delete(keys))


class Clock:
    """Time that passes only while one sleeps."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def patient(store, clock=None, **policy):
    return RetryingStore(store, RetryPolicy(**policy), sleep=(clock or Clock()).sleep, chance=lambda: 0.5)


@pytest.mark.case(101)
def test_what_is_unavailable_is_tried_again_with_growing_pauses():
    clock, store = Clock(), FlakyStore(3)
    patient(store, clock, first=1.0, longest=3.0).put("a", b"1")
    assert clock.slept == [0.5, 1.0, 1.5]
    assert store.get("a") == b"1"


def test_after_the_last_attempt_the_error_stands():
    store = FlakyStore(4)
    with pytest.raises(StoreUnavailable):
        patient(store).put("a", b"1")
    assert store.calls == 4


def test_what_is_refused_is_not_tried_again():
    store = FlakyStore(1, error=CredentialsRefused)
    with pytest.raises(CredentialsRefused):
        patient(store).put("a", b"1")
    assert store.calls == 1


@pytest.mark.parametrize("arrives", [True, False])
def test_a_creation_that_may_have_arrived_is_won_all_the_same(arrives):
    store = FlakyStore(1, arrives=arrives)
    assert patient(store).put_if_absent("a", b"me")
    assert store.get("a") == b"me"


def test_a_creation_that_another_won_meanwhile_is_lost():
    store = FlakyStore(1)
    store._write("a", b"me too, and longer")
    assert not patient(store).put_if_absent("a", b"me")


@pytest.mark.parametrize("arrives", [True, False])
def test_a_replacement_that_may_have_arrived_is_won_all_the_same(arrives):
    store = FlakyStore(1, arrives=arrives)
    etag = store._write("a", b"old")
    assert patient(store).put_if_match("a", b"me", etag=etag)
    assert store.get("a") == b"me"


def test_a_replacement_that_another_won_meanwhile_is_lost():
    store = FlakyStore(1)
    store._write("a", b"another")
    assert not patient(store).put_if_match("a", b"me", etag="old")
    assert not patient(FlakyStore(1)).put_if_match("absent", b"me", etag="old")


def test_a_listing_that_breaks_off_begins_anew_and_shows_nothing_twice():
    store = FlakyStore(3)
    for n in range(6):
        store._write(f"a/{n}", b"")
    assert sorted(info.key for info in patient(store).list("a/")) == [f"a/{n}" for n in range(6)]


def test_a_listing_that_breaks_off_for_ever_is_unavailable():
    store = FlakyStore(100)
    for n in range(6):
        store._write(f"a/{n}", b"")
    with pytest.raises(StoreUnavailable):
        list(patient(store).list("a/"))
    assert store.calls == 4


def test_a_delete_that_is_tried_again_still_knows_its_keys():
    store = FlakyStore(1)
    store._write("a", b"")
    patient(store).delete(iter(["a"]))
    assert store.head("a") is None


def test_uploads_keep_to_the_limit():
    clock = Clock()
    store = LimitedStore(MemoryStore(), Budget(Limits(up=1000), clock=clock, sleep=clock.sleep))
    for _ in range(11):
        store.put("a", bytes(1000))
    assert clock.now == pytest.approx(
        9
    )  # a second's worth is free, and the last one's debt is not waited for


def test_downloads_keep_to_the_limit():
    clock = Clock()
    memory = MemoryStore()
    memory.put("a", bytes(5000))
    store = LimitedStore(memory, Budget(Limits(down=1000), clock=clock, sleep=clock.sleep))
    for _ in range(3):
        store.get("a")
    assert clock.now == pytest.approx(9)
    store.head("a")
    store.put("b", bytes(9999))
    assert clock.now == pytest.approx(9)


def test_stores_that_share_a_budget_keep_to_the_limit_together():
    clock = Clock()
    budget = Budget(Limits(up=1000, calls=1), clock=clock, sleep=clock.sleep)
    one, other = (LimitedStore(MemoryStore(), budget) for _ in range(2))
    for _ in range(3):
        one.put("a", bytes(1000))
        other.put("a", bytes(1000))
    assert clock.now == pytest.approx(4)
    with one._calls:
        assert not other._calls.acquire(blocking=False)  # type: ignore[attr-defined]


@pytest.mark.parametrize("limits", [{"up": 0}, {"down": -1}, {"calls": 0}])
def test_a_limit_of_nothing_is_a_bug(limits):
    with pytest.raises(ValueError, match="positive"):
        Limits(**limits)


def test_no_more_calls_are_made_at_once_than_allowed():
    class Deep(MemoryStore):
        inside = 0

        def head(self, key):
            self.inside += 1
            assert self.inside == 1
            assert not limited._calls.acquire(blocking=False)  # type: ignore[attr-defined]
            self.inside -= 1

    limited = LimitedStore(Deep(), Budget(Limits(calls=1)))
    assert limited.head("a") is None
    assert limited._calls.acquire(blocking=False)  # type: ignore[attr-defined]


def test_each_call_is_counted_with_its_bytes():
    store = CountingStore(MemoryStore())
    store.put("a", bytes(10))
    store.put_if_absent("b", bytes(5))
    store.put_if_match("b", bytes(7), etag="x")
    store.get("a", length=4)
    store.head("a")
    list(store.list(""))
    store.delete(["a", "b"])
    assert store.counts.requests == {"PUT": 3, "GET": 1, "LIST": 1, "HEAD": 1, "DELETE": 1}
    assert (store.counts.uploaded_bytes, store.counts.downloaded_bytes) == (22, 4)


def test_attempts_that_fail_are_counted():
    traffic = Traffic()
    patient(CountingStore(FlakyStore(2), traffic)).put("a", b"1")
    assert traffic.counts.requests["PUT"] == 3
    with pytest.raises(ObjectNotFound):
        CountingStore(MemoryStore(), traffic).get("absent")
    assert traffic.counts.requests["GET"] == 1


def test_calls_are_logged_without_content(caplog):
    store = LoggedStore(MemoryStore(), clock=iter(n / 4 for n in range(100)).__next__)
    with caplog.at_level(logging.DEBUG):
        store.put("a/key", b"content")
        with pytest.raises(ObjectNotFound):
            store.get("absent")
        store.delete(["a/key"])
    assert [record.getMessage() for record in caplog.records] == [
        "PUT a/key 7 bytes: ok, 250 ms",
        "GET absent from 0, the rest: object-not-found, 250 ms",
        "DELETE 1 objects from a/key: ok, 250 ms",
    ]
