"""A store that does not stop or does not begin: time and memory stay bounded, whatever it sends."""

import pytest

from e2esync.adapters.stores import retrying, s3
from e2esync.adapters.stores.counting import Traffic
from e2esync.engine.notes import StoreAddress
from e2esync.errors import StoreUnavailable
from e2esync.wiring.stores import connect
from moto_fixtures.faulty_rules import Endless, Hang, Rule, Trickle
from tests.badday.days import MEMORY

pytestmark = pytest.mark.server

PATIENCE = 120  # seconds that a person waits for a store that is dead
BEYOND = 300 << 20  # bytes that nobody asked for; more than a command may take


@pytest.fixture
def traffic():
    return Traffic()


@pytest.fixture
def store(rclone_house, traffic, monkeypatch):
    """A patient store behind a faulty proxy, with two objects, that does not sleep and waits 0.05 s for a byte."""
    for name, value in rclone_house.proxy.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_MAX_ATTEMPTS", raising=False)
    monkeypatch.setattr(retrying.RetryingStore, "_wait", lambda _self, _tried: None)
    rclone_house.restore()
    prefix = f"{rclone_house.prefix}/bounds"
    rclone_house.client.put_object(Bucket=rclone_house.bucket, Key=f"{prefix}/object", Body=bytes(100))
    opened = connect(StoreAddress(f"s3://{rclone_house.bucket}/{prefix}"), traffic=traffic)
    yield opened
    rclone_house.proxy.set_rules()
    opened.close()


@pytest.mark.row("O3")
def test_a_store_that_never_answers_is_given_up_after_two_minutes(store, traffic, rclone_house, monkeypatch):
    each = s3._READ_TIMEOUT
    monkeypatch.setattr(s3, "_READ_TIMEOUT", 0.05)
    rclone_house.proxy.set_rules(Rule(Hang()))
    with pytest.raises(StoreUnavailable):
        store.head("object")
    assert traffic.counts.requests["HEAD"] * each <= PATIENCE


@pytest.mark.row("O3")
def test_an_object_that_comes_byte_by_byte_is_given_up(store, rclone_house, monkeypatch):
    monkeypatch.setattr(s3, "_READ_TIMEOUT", 0.05)
    rclone_house.proxy.set_rules(Rule(Trickle(0.01), "GET"))  # 100 bytes: twenty times the patience
    with pytest.raises(StoreUnavailable):
        store.get("object")


@pytest.mark.row("O3")
@pytest.mark.parametrize("announced", [True, False])
def test_of_an_object_that_does_not_end_no_more_is_read_than_was_asked_for(
    store, traffic, rclone_house, announced
):
    rclone_house.proxy.set_rules(Rule(Endless(BEYOND, announced=announced), "GET"))
    assert len(store.get("object", length=200)) == 200
    assert traffic.counts.downloaded_bytes == 200


@pytest.mark.row("O3")
@pytest.mark.parametrize("verb", ["LIST", "PUT"])
def test_an_answer_that_does_not_end_does_not_fill_the_memory(rclone_house, verb):
    rclone_house.restore()
    rclone_house.change()
    rclone_house.proxy.set_rules(Rule(Endless(BEYOND), verb, times=1))
    done = rclone_house.spawn("a", "push")
    rclone_house.proxy.set_rules()
    assert done.code in (0, 7, 8)
    assert done.peak < MEMORY
