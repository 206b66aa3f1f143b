"""The kit does what it says: else a day that ends well shows nothing."""

from __future__ import annotations

from contextlib import suppress

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from e2esync.adapters.stores.memory import MemoryStore
from e2esync.errors import StoreUnavailable
from moto_fixtures import faulty_rules as rules
from moto_fixtures.faulty import Fault, FaultyStore, at, on
from moto_fixtures.faulty_rules import Rule

OLD, NEW = bytes(range(200)), b"new" * 50


class Bucket:
    """A bucket behind a proxy, for a client that tries once; `true` goes around the proxy."""

    def __init__(self, house, prefix: str) -> None:
        self.proxy, self.name, self.key = house.proxy, house.bucket, f"{prefix}/object"
        self.prefix, self.true = prefix, house.client
        server = house.proxy
        session = boto3.session.Session(server.access_key, server.secret_key, region_name=server.region)
        config = Config(
            retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, signature_version="s3v4"
        )
        self.client = session.client("s3", endpoint_url=server.endpoint, config=config)
        self.true.put_object(Bucket=self.name, Key=self.key, Body=OLD)

    def put(self, **conditions: str):
        return self.client.put_object(Bucket=self.name, Key=self.key, Body=NEW, **conditions)  # type: ignore[arg-type]

    def get(self) -> bytes:
        return self.client.get_object(Bucket=self.name, Key=self.key)["Body"].read()

    def list(self) -> list[str]:
        rows = self.client.list_objects_v2(Bucket=self.name, Prefix=self.prefix).get("Contents", [])
        return [row["Key"] for row in rows]

    @property
    def content(self) -> bytes:
        """What is really there."""
        return self.true.get_object(Bucket=self.name, Key=self.key)["Body"].read()


@pytest.fixture
def bucket(seaweed_house, prefix):
    seaweed_house.proxy.forget()
    made = Bucket(seaweed_house, prefix)
    yield made
    made.proxy.set_rules()
    made.client.close()


pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    ("fault", "is_done"),
    [
        (rules.CutBefore(), False),
        (rules.CutRequest(10), False),
        (rules.CutAnswer(), True),
        (rules.Refusal(500, "InternalError"), False),
        (rules.Refusal(502, markup="html"), False),
        (rules.Refusal(504, markup="none"), False),
        (rules.Refusal(429, "SlowDown", retry_after=1), False),
        (rules.Refusal(503, done=True), True),
        (rules.WrongBytes("request"), False),  # found by its checksum
    ],
    ids=repr,
)
def test_a_put_that_fails_is_done_or_not_as_the_rule_says(bucket, fault, is_done):
    bucket.proxy.set_rules(Rule(fault, "PUT", "object", times=1))
    with pytest.raises((BotoCoreError, ClientError)):
        bucket.put()
    assert bucket.content == (NEW if is_done else OLD)
    bucket.put()
    assert bucket.content == NEW


@pytest.mark.parametrize(
    "fault", [rules.Latency(0.01), rules.Bandwidth(1 << 20), rules.NoContinue()], ids=repr
)
def test_a_put_that_is_slow_is_done(bucket, fault):
    rule = Rule(fault, "PUT")
    bucket.proxy.set_rules(rule)
    bucket.put()
    assert bucket.content == NEW


def test_a_lost_put_is_acknowledged_with_the_etag_that_it_would_have_had(bucket):
    bucket.proxy.set_rules(Rule(rules.LostPut(), "PUT"))
    told = bucket.put()["ETag"]
    assert bucket.content == OLD
    bucket.proxy.set_rules()
    assert bucket.put()["ETag"] == told


def test_reads_are_shortened_damaged_cut_and_drawn_out(bucket):
    bucket.proxy.set_rules(
        Rule(rules.Truncated(0.25), "GET", times=1),
        Rule(rules.WrongBytes(), "GET", times=1),
        Rule(rules.CutResponse(50), "GET", times=1),
        Rule(rules.Trickle(0.0001), "GET", times=1),
    )
    assert bucket.get() == OLD[:50]
    assert sum(a != b for a, b in zip(bucket.get(), OLD, strict=True)) == 1
    with pytest.raises(BotoCoreError):
        bucket.get()
    assert bucket.get() == OLD
    bucket.proxy.set_rules(Rule(rules.Endless(1000), "GET"))
    with suppress(BotoCoreError):
        assert bucket.get() == OLD + b" " * 1000


def test_reads_and_listings_are_as_old_as_the_rule_says(bucket):
    assert (bucket.get(), bucket.list()) == (OLD, [bucket.key])
    bucket.put()
    bucket.true.put_object(Bucket=bucket.name, Key=f"{bucket.key}-2", Body=b"")
    assert (bucket.get(), len(bucket.list())) == (NEW, 2)
    bucket.proxy.set_rules(Rule(rules.Stale(answers=2), "GET LIST"))
    assert (bucket.get(), bucket.list()) == (OLD, [bucket.key])
    bucket.proxy.set_rules(Rule(rules.Stale(answers=1), "GET LIST"))
    assert (bucket.get(), len(bucket.list())) == (NEW, 2)
    bucket.proxy.set_rules(Rule(rules.Stale(seconds=3600), "GET"))
    assert bucket.get() == OLD


def test_a_listing_leaves_out_what_is_hidden(bucket):
    bucket.true.put_object(Bucket=bucket.name, Key=f"{bucket.key}-2", Body=b"")
    bucket.proxy.set_rules(Rule(rules.Hidden("-2$"), "LIST"))
    assert bucket.list() == [bucket.key]


def test_conditions_hold_are_stripped_or_lied_about(bucket):
    with pytest.raises(ClientError, match="PreconditionFailed"):
        bucket.put(IfNoneMatch="*")
    bucket.proxy.set_rules(Rule(rules.Unconditional(), "PUT"))
    bucket.put(IfNoneMatch="*")
    assert bucket.content == NEW
    bucket.proxy.set_rules(Rule(rules.LyingCondition(), "PUT"))
    told = set()
    for _ in range(20):
        try:
            bucket.put(IfNoneMatch="*")
            told.add(200)
        except ClientError:
            told.add(412)
    assert told == {200, 412}


def test_a_rule_counts_what_it_matches_and_chance_has_a_seed():
    asked = rules.understand("GET", "/bucket/a/packs/1?x-id=GetObject")
    listing = rules.understand("GET", "/bucket?list-type=2&prefix=a%2Fheads%2F")
    assert (asked.verb, asked.key, listing.verb, listing.key) == ("GET", "a/packs/1", "LIST", "a/heads/")
    rule = Rule(rules.Hang(), "GET", "/packs/", first=2, times=2)
    assert [rule.fires(asked) for _ in range(5)] == [False, True, True, False, False]
    assert not Rule(rules.Hang(), "LIST", "/packs/").fires(listing)
    one, two = (Rule(rules.Hang(), probability=0.5, seed=3) for _ in range(2))
    fired = [one.fires(asked) for _ in range(40)]
    assert fired == [two.fires(asked) for _ in range(40)]
    assert 5 < sum(fired) < 35


@pytest.mark.parametrize(("fault", "there"), [(Fault.BEFORE, None), (Fault.AFTER, b"new")])
def test_a_store_fails_at_the_call_that_the_script_names(fault, there):
    inner = MemoryStore()
    store = FaultyStore(inner, at(2, fault))
    store.put("a", b"old")
    with pytest.raises(StoreUnavailable):
        store.put("b", b"new")
    assert (inner.head("b") and inner.get("b")) == there
    store.put("b", b"new")
    assert [call.number for call in store.calls] == [1, 2, 3]


def test_a_store_loses_forgets_and_damages_as_the_script_says():
    inner = MemoryStore()
    store = FaultyStore(inner)
    store.put("a", b"old and long")
    store.remember()
    store.put("a", b"new")
    store.put("b", b"new")
    store.script = on("GET", "a", Fault.STALE)
    assert (store.get("a"), store.get("b")) == (b"old and long", b"new")
    store.script = on("LIST", "", Fault.STALE)
    assert [(info.key, info.size) for info in store.list("")] == [("a", 12)]
    store.script = on("PUT", "a", Fault.LOST, times=1)
    store.put("a", b"lost")
    assert inner.get("a") == b"new"
    store.script = on("GET", "a", Fault.TRUNCATED)
    assert store.get("a") == b"n"
    store.script = on("GET", "a", Fault.WRONG)
    assert (len(store.get("a")), store.get("a") == b"new") == (3, False)
    store.script = on("PUT", "a", Fault.UNCONDITIONAL)
    assert store.put_if_absent("a", b"again")
    assert inner.get("a") == b"again"
