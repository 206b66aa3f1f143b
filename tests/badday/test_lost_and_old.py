"""Stores that say yes and keep nothing, show what is long past, or lie about conditions: what is noticed, and when."""

from contextlib import suppress

import pytest

from e2esync.adapters.stores.memory import MemoryStore
from e2esync.adapters.stores.retrying import RetryingStore, RetryPolicy
from e2esync.engine.verify import verify
from e2esync.errors import IntegrityError, MissingObject, StoreWiped
from moto_fixtures.faulty import Fault, FaultyStore, on
from tests.badday.pair import Pair

HEADS, PACKS, INDEXES = "/heads/", "/packs/", "/index/"


def assert_in_step(pair: Pair) -> None:
    pair.b.pull()
    assert pair.b.tree() == pair.a.tree() == pair.new == pair.a_stranger_sees()


# --- acknowledged and lost ---


@pytest.mark.row("R11")
@pytest.mark.parametrize("command", ["push", "pull"])
def test_a_head_that_was_acknowledged_and_lost_is_put_again_by_the_next_command(pairs, command):
    pair = pairs()
    assert pair.bad(on("PUT", HEADS, Fault.LOST), pair.a.push)
    assert pair.a_stranger_sees() == pair.old
    getattr(pair.a, command)()
    assert_in_step(pair)


@pytest.mark.row("R11")
@pytest.mark.parametrize("lost", [PACKS, INDEXES])
def test_a_pack_or_index_that_was_acknowledged_and_lost_is_noticed_by_whoever_reads(pairs, lost):
    pair = pairs()
    assert pair.bad(on("PUT", lost, Fault.LOST), pair.a.push)
    with pytest.raises(MissingObject):
        pair.b.pull()
    assert pair.b.tree() == pair.old


@pytest.mark.row("R11")
@pytest.mark.parametrize("lost", [PACKS, INDEXES])
def test_a_pack_or_index_that_was_acknowledged_and_lost_is_put_again_by_the_next_push(pairs, lost):
    pair = pairs()
    assert pair.bad(on("PUT", lost, Fault.LOST), pair.a.push)
    with suppress(IntegrityError):  # whether push looks by itself or only once `verify` has found it
        verify(pair.a.vault, pair.a.keys.identity, deep=False)
    pair.a.push()
    assert_in_step(pair)


@pytest.mark.row("O7")
def test_a_store_that_loses_one_write_after_an_error_is_found_out_before_the_head(pairs):
    """The first push breaks off at the head's index; the pack that was lost before is not taken for stored."""
    pair = pairs()
    lost, broken = on("PUT", PACKS, Fault.AFTER), on("PUT", INDEXES, Fault.BEFORE)
    assert not pair.bad(lambda call: lost(call) or broken(call), pair.a.push)
    pair.a.push()
    assert_in_step(pair)


# --- long past ---


@pytest.mark.row("R14")
def test_a_listing_that_is_minutes_old_costs_nothing_but_time(pairs):
    pair = pairs()
    pair.store.remember()
    pair.a.push()
    assert pair.bad(on("LIST", HEADS, Fault.STALE), pair.b.pull)
    assert pair.b.tree() == pair.old
    assert pair.bad(on("LIST", HEADS, Fault.STALE), pair.a.push)
    assert_in_step(pair)


@pytest.mark.row("R14")
@pytest.mark.case(102)
def test_a_listing_older_than_every_head_deletes_nothing_and_is_over_when_it_is_over(pairs, tmp_path):
    pair = pairs()
    pair.a.push()
    with pytest.raises(StoreWiped):
        pair.bad(on("LIST", HEADS, Fault.STALE), pair.b.pull)  # nothing was remembered: the listing is empty
    assert pair.b.tree() == pair.old
    assert_in_step(pair)


@pytest.mark.row("R14")
def test_a_listing_without_our_own_head_makes_us_put_the_same_bytes_again(pairs):
    pair = pairs()
    pair.a.push()
    before = {key: pair.store.get(key) for key in pair.world.keys_of(pair.head_kind)}
    assert pair.bad(on("LIST", HEADS, Fault.STALE), pair.a.push)
    assert [call.verb for call in pair.store.calls] == [
        "LIST",
        "PUT",
        "LIST",
    ]  # the last: was everything kept?
    assert {key: pair.store.get(key) for key in pair.world.keys_of(pair.head_kind)} == before
    assert_in_step(pair)


@pytest.mark.row("R5")
@pytest.mark.case(102)
def test_a_head_that_reads_old_although_the_listing_is_new_is_read_again_later(pairs):
    pair = pairs()
    pair.store.remember()
    pair.a.push()
    assert pair.bad(on("GET", HEADS, Fault.STALE), pair.b.pull)
    assert pair.b.tree() == pair.old
    assert_in_step(pair)


def test_a_head_put_whose_answer_is_cut_is_put_again_with_the_same_bytes(pairs):
    pair = pairs()
    assert not pair.bad(on("PUT", HEADS, Fault.AFTER), pair.a.push)
    (pair.a.root / "small").write_bytes(b"edited meanwhile")
    assert pair.a_stranger_sees() == pair.new
    head = {key: pair.store.get(key) for key in pair.world.keys_of(pair.head_kind)}
    assert not pair.bad(on("PUT", HEADS, Fault.AFTER), pair.a.push)
    assert {key: pair.store.get(key) for key in pair.world.keys_of(pair.head_kind)} == head
    pair.a.push()
    pair.b.pull()
    assert pair.b.tree() == pair.a.tree() != pair.new


# --- conditions ---


@pytest.mark.row("R13")
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.case(109)
def test_conditional_writes_that_lie_leave_an_object_that_somebody_wrote(seed):
    inner = MemoryStore()
    store = FaultyStore(inner, on("PUT", "", Fault.LYING), seed=seed)
    patient = RetryingStore(store, RetryPolicy(), sleep=lambda _: None)
    told = [patient.put_if_absent("once", body) for body in (b"one", b"two")]
    assert all(isinstance(answer, bool) for answer in told)
    assert [inner.get(info.key) for info in inner.list("")] in ([], [b"one"], [b"two"])


@pytest.mark.row("R13")
@pytest.mark.case(109)
def test_push_and_pull_ask_for_no_condition_about_which_a_store_could_lie(pairs):
    pair = pairs()

    def never(*_args: object, **_named: object) -> bool:
        raise AssertionError("a condition")

    pair.store.put_if_absent = pair.store.put_if_match = never
    pair.a.push()
    assert_in_step(pair)


# --- damage ---


@pytest.mark.row("O7")
@pytest.mark.parametrize("fault", [Fault.WRONG, Fault.TRUNCATED])
@pytest.mark.parametrize("what", [HEADS, PACKS, INDEXES])
@pytest.mark.case(104, 105)
def test_damage_on_the_way_stops_a_pull_and_leaves_no_trace(pairs, fault, what):
    pair = pairs()
    pair.a.push()
    with pytest.raises(IntegrityError):
        pair.bad(on("GET", what, fault), pair.b.pull)
    there, new = pair.b.tree(), pair.a.tree()
    if what != PACKS:
        assert there == pair.old
    for name in there.keys() | new.keys():  # of what a pack holds, what is not hit comes all the same
        assert there.get(name) in (pair.old.get(name), new.get(name))
    assert there != new
    assert_in_step(pair)
