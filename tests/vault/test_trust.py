"""What a device with a memory refuses, and what it takes from a store that has gone on."""

from dataclasses import replace

import pytest

from e2esync.errors import BadObject, Fork, NewerFormat, Rollback
from e2esync.format import cbor
from e2esync.format.history import descend, locate
from e2esync.format.members import Role
from e2esync.format.ownrecord import VaultNote
from e2esync.vault.device import create_device
from e2esync.vault.keyring import MemberKeys, next_record, open_keyring
from e2esync.vault.membership import Membership
from e2esync.vault.trust import NOTHING, Trusted, TrustedHead, accept, behind, check_together, needed, recall
from tests.vault.people import ANN, DESK, ID, LAPTOP, VAULT, Writer

ME = MemberKeys(ANN.public, Role.OWNER, "Ann")
H1, H2 = b"\x01" * 32, b"\x02" * 32


def later_membership():
    record = next_record(VAULT.membership, ANN, VAULT.keyring, members=[ME], new_epoch=False)
    objects = {VAULT.members_key: VAULT.members, record.key: record.content}
    return Membership.load(ID, VAULT.genesis, objects, [ANN.public])


LATER = later_membership()
LATER_KEYS = open_keyring(LATER, ANN)
OTHER = later_membership()  # another record 2: the wraps are random
THIRD = create_device(ANN)

writer = Writer(LAPTOP)
HEADS = [writer.pushed() for _ in range(200)]
PAGES = writer.pages
LAST = HEADS[-1]


def look_up(lookups):
    found = {}
    for lookup in lookups:
        spot = locate(lookup.head.history, lookup.sequence)
        while spot.level:
            spot = descend(spot, PAGES[spot.item])
        found[lookup.head.device] = spot.item
    return found


def trust(head, **changes):
    return Trusted(
        {head.device: replace(TrustedHead(head.sequence, head.hash, head.revision, head.members), **changes)},
        VAULT.membership.tip,
    )


def judge(trusted, heads, *, present=None, membership=VAULT.membership, old=None):
    present = {head.device for head in heads} if present is None else present
    old = look_up(needed(trusted, heads)) if old is None else old
    return accept(trusted, heads, present=present, membership=membership, old_hashes=old)


def test_a_device_without_memory_accepts_what_verifies():
    assert judge(NOTHING, [LAST]) == trust(LAST)


@pytest.mark.parametrize("number", [1, 2, 63, 64, 65, 135, 136, 198, 199, 200])
def test_any_later_head_of_one_history_is_accepted(number):
    assert judge(trust(HEADS[number - 1]), [LAST]) == trust(LAST)


def test_nothing_is_asked_of_the_history_when_nothing_changed():
    assert needed(trust(LAST), [LAST]) == ()
    assert needed(NOTHING, [LAST]) == ()


def test_a_higher_revision_of_the_same_snapshot_is_accepted():
    head = replace(LAST, revision=LAST.revision + 1)
    assert judge(trust(LAST), [head]).heads[LAPTOP.id].revision == LAST.revision + 1


def test_heads_that_did_not_change_need_not_be_read_again():
    known = trust(LAST)
    assert judge(known, [], present={LAPTOP.id}) == known


def test_a_new_membership_record_is_accepted():
    head = replace(LAST, snapshot=replace(LAST.snapshot, members=LATER.tip))
    after = judge(trust(LAST), [head], membership=LATER)
    assert after.tip == LATER.tip
    assert after.heads[LAPTOP.id].members == LATER.tip


REFUSED = {
    "lower": (Rollback, trust(LAST), [HEADS[198]], {}),
    "absent": (Rollback, trust(LAST), [], {}),
    "another absent": (
        Rollback,
        Trusted(trust(LAST).heads | {DESK.id: trust(LAST).heads[LAPTOP.id]}, None),
        [LAST],
        {},
    ),
    "same sequence, other hash": (Fork, trust(LAST, hash=H1), [LAST], {}),
    "revision back": (Rollback, trust(LAST, revision=LAST.revision + 1), [LAST], {}),
    "history without the old hash": (Fork, trust(HEADS[0], hash=H1), [LAST], {}),
    "history without the old hash, no page": (Fork, trust(HEADS[198], hash=H1), [LAST], {}),
    "membership back": (Rollback, trust(LAST, members=LATER.tip), [LAST], {"membership": LATER}),
    "membership unknown": (Rollback, trust(LAST, members=(1, H1)), [LAST], {}),
    "tip back": (Rollback, replace(trust(LAST), tip=LATER.tip), [LAST], {}),
    "tip aside": (Fork, replace(trust(LAST), tip=OTHER.tip), [LAST], {"membership": LATER}),
    "tip replaced": (Fork, replace(trust(LAST), tip=(1, H1)), [LAST], {}),
}


@pytest.mark.parametrize(("error", "known", "heads", "more"), REFUSED.values(), ids=REFUSED)
def test_what_contradicts_the_memory_is_refused(error, known, heads, more):
    before = known.encode()
    with pytest.raises(error) as raised:
        judge(known, heads, **more)
    assert known.encode() == before
    assert raised.value.what
    assert raised.value.fix


def test_trust_comes_back_from_the_local_state():
    for known in (NOTHING, trust(LAST), replace(trust(LAST, members=None), tip=None)):
        assert Trusted.decode(known.encode()) == known


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({1: 2}, NewerFormat),
        ({4: 0}, NewerFormat),
        ({2: [0, H1]}, BadObject),
        ({3: [[LAPTOP.id, 0, H1, 1, None]]}, BadObject),
        ({3: [[LAPTOP.id, 1, H1, True, None]]}, BadObject),
        ({3: [[LAPTOP.id, 1, H1, 1, None], [LAPTOP.id, 2, H1, 1, None]]}, BadObject),
    ],
)
def test_damaged_trust_is_refused(changes, error):
    with pytest.raises(error):
        Trusted.decode(cbor.encode(cbor.decode(trust(LAST).encode()) | changes))


# --- from own records


def note(members, *heads):
    return VaultNote(ID, ANN.public.fingerprint, "Sync", "memory:", members, heads)


def test_own_records_together_remember_the_newest():
    known = recall([note((1, H1), (LAPTOP.id, 3, H1), (DESK.id, 9, H2)), note((2, H2), (LAPTOP.id, 5, H2))])
    assert known.tip == (2, H2)
    assert {device: (head.sequence, head.hash) for device, head in known.heads.items()} == {
        LAPTOP.id: (5, H2),
        DESK.id: (9, H2),
    }
    assert recall([]) == NOTHING


def test_own_records_with_two_lists_of_members_are_a_fork():
    with pytest.raises(Fork):
        recall([note((1, H1)), note((1, H2))])


def test_of_two_words_with_one_sequence_own_records_leave_one_whichever_comes_first():
    """Who is at fault is proven by what the store has of it, not by a record."""
    notes = [note((1, H1), (LAPTOP.id, 3, H1)), note((1, H1), (LAPTOP.id, 3, H2))]
    assert recall(notes) == recall(notes[::-1])
    assert recall(notes).heads[LAPTOP.id].hash == H2


def test_a_head_older_than_an_own_record_remembers_is_refused():
    known = recall([note(VAULT.membership.tip, (LAPTOP.id, 200, LAST.hash))])
    assert judge(known, [LAST]) == trust(LAST)
    with pytest.raises(Rollback):
        judge(known, [HEADS[198]])


# --- several beside each other


def test_heads_that_have_seen_each_other_or_not_go_together():
    laptop, desk = Writer(LAPTOP), Writer(DESK)
    one = laptop.pushed()
    other = desk.pushed(one)
    for heads in (
        [],
        [one],
        [one, other],
        [Writer(LAPTOP).pushed(), Writer(DESK).pushed()],
    ):
        check_together(heads)
    check_together([other, laptop.pushed(other)])


def test_who_has_seen_more_than_the_store_shows_proves_a_rollback():
    laptop, desk = Writer(LAPTOP), Writer(DESK)
    old, new = laptop.pushed(), laptop.pushed()
    other = desk.pushed(new)
    assert behind([old, other]) == {LAPTOP.id}
    with pytest.raises(Rollback):
        check_together([old, other])
    assert behind([other]) == {LAPTOP.id}
    with pytest.raises(Rollback):
        check_together([other])
    assert behind([new, other]) == frozenset()


def test_who_has_seen_another_snapshot_than_the_store_shows_proves_a_fork():
    desk = Writer(DESK)
    seen, shown = Writer(LAPTOP).pushed(), Writer(LAPTOP)
    shown.revision = 5
    other = desk.pushed(replace(seen, hash=H1))
    with pytest.raises(Fork):
        check_together([shown.pushed(), other])
    with pytest.raises(Fork):
        check_together([other, seen])
