"""The chain of membership records, and the keys that it gives to members and to nobody else."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2esync.crypto.asymmetric import record_hash, wrap
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import EpochKey, Sealer, VaultSecret, derive
from e2esync.errors import BadObject, Fork, MissingObject, NoAccess
from e2esync.format import names
from e2esync.format.genesis import Genesis
from e2esync.format.members import Members, MembersSecrets, Role
from e2esync.format.signed import SignedRecord
from e2esync.vault.keyring import MemberKeys, create_vault, next_record, open_keyring
from e2esync.vault.membership import Membership, owner_of
from tests.vault.people import ANN, BOB, EVE, ID, VAULT, flipped, resigned

CARDS = [ANN.public, BOB.public]
ME = MemberKeys(ANN.public, Role.OWNER, "Ann")
FIRST = {VAULT.members_key: VAULT.members}
SAID = Members.decode(SignedRecord.decode(VAULT.members).payload)


def load(objects, genesis=VAULT.genesis, vault_id=ID, cards=CARDS):
    return Membership.load(vault_id, genesis, objects, cards)


def after(objects, members=(ME,), *, new_epoch=False, identity=ANN):
    membership = load(objects)
    record = next_record(
        membership, ANN, open_keyring(membership, identity), members=members, new_epoch=new_epoch
    )
    return objects | {record.key: record.content}


def signed(members: Members, key=ANN.signing, purpose=Purpose.MEMBERS):
    payload = members.encode()
    record = resigned(b"", key, purpose, payload)
    return {names.members(ID, members.number, record_hash(Purpose.MEMBERS, payload)): record}


WRITER = MemberKeys(BOB.public, Role.WRITER, "Bob")
SECOND = after(FIRST, (ME, WRITER))  # Bob joins, the same epoch
THIRD = after(SECOND, (ME, WRITER), new_epoch=True)
FOURTH = after(THIRD, (ME,), new_epoch=True)  # Bob goes
FIFTH = after(FOURTH, (ME, MemberKeys(BOB.public, Role.READER, "Bob")))


def test_a_new_vault_has_one_record_and_one_owner():
    membership = load(FIRST)
    assert membership.tip == VAULT.keyring.tip
    assert membership.role_of(ANN.public.fingerprint, membership.tip[1]) is Role.OWNER
    assert membership.role_of(BOB.public.fingerprint, membership.tip[1]) is None
    assert membership.role_of(ANN.public.fingerprint, bytes(32)) is None
    assert owner_of(VAULT.genesis) == ANN.public.fingerprint


def test_a_new_vault_opens_to_its_owner_with_the_keys_that_it_was_made_with():
    keyring = open_keyring(load(FIRST), ANN)
    assert keyring == VAULT.keyring
    assert keyring.current == keyring.tip[1]
    assert dict(keyring.names) == {ANN.public.fingerprint: "Ann"}


def test_two_vaults_share_nothing():
    other = create_vault(ANN, "Ann")
    assert other.vault_id != ID
    assert other.keyring.vault_secret != VAULT.keyring.vault_secret
    assert other.keyring.current_key != VAULT.keyring.current_key


def test_roles_follow_the_chain():
    membership = load(FIFTH)
    by_number = {record.members.number: record.hash for record in membership.records.values()}
    roles = [membership.role_of(BOB.public.fingerprint, by_number[n]) for n in range(1, 6)]
    assert roles == [None, Role.WRITER, Role.WRITER, None, Role.READER]


def test_a_member_opens_every_epoch_back_to_the_first():
    membership = load(FIFTH)
    keyring = open_keyring(membership, BOB)
    assert len(keyring.epochs) == 3
    assert keyring == open_keyring(membership, ANN)
    assert keyring.epochs[VAULT.keyring.current] == VAULT.keyring.current_key
    assert keyring.vault_secret == VAULT.keyring.vault_secret
    assert keyring.current == membership.newest.epoch != membership.tip[1]


def test_a_new_epoch_has_a_new_key():
    keys = [open_keyring(load(objects), ANN).current_key for objects in (FIRST, SECOND, THIRD, FOURTH, FIFTH)]
    assert keys[0] == keys[1]
    assert keys[3] == keys[4]
    assert len({keys[1], keys[2], keys[3]}) == 3


@pytest.mark.parametrize("objects", [FIRST, FOURTH])
def test_who_is_no_member_opens_nothing(objects):
    with pytest.raises(NoAccess):
        open_keyring(load(objects), BOB)


def test_a_later_record_follows_an_earlier_one_and_not_the_reverse():
    membership = load(FIFTH)
    first, tip = VAULT.keyring.tip[1], membership.tip[1]
    assert membership.follows(tip, first)
    assert membership.follows(tip, tip)
    assert not membership.follows(first, tip)
    assert not membership.follows(bytes(32), bytes(32))


def test_other_keys_are_ignored():
    assert load(FIRST | {f"vaults/{ID.hex()}/members/readme": b"", "x": b""}).tip == VAULT.keyring.tip


def test_two_tips_are_a_fork():
    with pytest.raises(Fork):
        load(SECOND | after(FIRST, (ME,), new_epoch=True))


def test_two_tips_that_a_record_joins_are_none():
    one, other = after(FIRST, (ME, WRITER)), after(FIRST, (ME,), new_epoch=False)
    tips = tuple(sorted((load(one).tip[1], load(other).tip[1])))
    context = ID + (3).to_bytes(8, "big") + b"".join(tips)
    key, secret = EpochKey.generate(), VAULT.keyring.vault_secret
    older = ((VAULT.keyring.current, VAULT.keyring.current_key.reveal()),)
    sealed = Sealer(key, Purpose.MEMBERS_SEAL).seal(
        MembersSecrets(secret.reveal(), older, ()).encode(), context=context
    )
    about = context + ANN.public.fingerprint + ANN.public.card_hash
    me = replace(SAID.members[0], wrap=wrap(ANN.public.hpke, Purpose.EPOCH_WRAP, key.reveal(), context=about))
    joined = replace(
        SAID, number=3, previous=tips, members=(me,), epoch_check=derive(key, Purpose.CHECK), sealed=sealed
    )
    membership = load(one | other | signed(joined))
    assert membership.tip[0] == 3
    assert set(open_keyring(membership, ANN).epochs) == {VAULT.keyring.current, membership.tip[1]}


def test_a_chain_with_a_hole_is_refused():
    for key in list(FIFTH)[:-1]:
        with pytest.raises(MissingObject):
            load({name: content for name, content in FIFTH.items() if name != key})


def test_no_record_at_all_is_refused():
    with pytest.raises(MissingObject):
        load({})


def test_without_the_owners_card_nothing_is_believed():
    with pytest.raises(MissingObject):
        load(FIRST, cards=[BOB.public])


GENESIS = Genesis.decode(SignedRecord.decode(VAULT.genesis).payload)
BAD_GENESES = {
    "of another vault": create_vault(ANN, "Ann").genesis,
    "signed by another": resigned(VAULT.genesis, EVE.signing, Purpose.GENESIS),
    "signed for another purpose": resigned(VAULT.genesis, ANN.signing, Purpose.MEMBERS),
    "with a trailing byte": VAULT.genesis + b"\0",
}


@pytest.mark.parametrize("genesis", BAD_GENESES.values(), ids=BAD_GENESES)
def test_a_bad_genesis_is_refused(genesis):
    with pytest.raises(BadObject):
        load(FIRST, genesis=genesis)


def test_a_genesis_that_names_another_owner_than_its_card_is_refused():
    payload = replace(GENESIS, owner=BOB.public.fingerprint).encode()
    genesis = resigned(b"", ANN.signing, Purpose.GENESIS, payload)
    with pytest.raises(BadObject):
        load(FIRST, genesis=genesis, vault_id=record_hash(Purpose.GENESIS, payload))


LATER = replace(SAID, number=2, previous=(VAULT.keyring.tip[1],), epoch=VAULT.keyring.current)
OWNER = SAID.members[0]
BAD_RECORDS = {
    "signed by another": signed(LATER, EVE.signing),
    "signed for another purpose": signed(LATER, purpose=Purpose.GENESIS),
    "of another vault": signed(replace(LATER, vault=bytes(32))),
    "that skips a number": signed(replace(LATER, number=3)),
    "without an owner": signed(replace(LATER, members=())),
    "with the owner as writer": signed(replace(LATER, members=(replace(OWNER, role=Role.WRITER),))),
    "with another owner": signed(replace(LATER, members=(replace(OWNER, fingerprint=bytes(32)),))),
    "with another card of the owner": signed(replace(LATER, members=(replace(OWNER, card=bytes(32)),))),
    "with another card number of the owner": signed(replace(LATER, members=(replace(OWNER, card_number=2),))),
    "with two owners": signed(
        replace(LATER, members=tuple(sorted((OWNER, replace(OWNER, fingerprint=b"\xff" * 32)), key=repr)))
    ),
    "of an epoch that is not the one before": signed(replace(LATER, epoch=bytes(32))),
    "with another key in the same epoch": signed(replace(LATER, epoch_check=bytes(32))),
    "with another vault secret": signed(replace(LATER, secret_check=bytes(32))),
}


@pytest.mark.parametrize("objects", BAD_RECORDS.values(), ids=BAD_RECORDS)
def test_a_bad_record_is_refused(objects):
    with pytest.raises(BadObject):
        load(FIRST | objects)


def test_the_good_later_record_is_accepted():
    assert load(FIRST | signed(LATER)).tip[0] == 2


def test_a_first_record_that_opens_no_epoch_is_refused():
    with pytest.raises(BadObject):
        load(signed(replace(SAID, epoch=VAULT.keyring.current)))


def test_a_record_under_another_name_is_refused():
    for key in (names.members(ID, 2, VAULT.keyring.tip[1]), names.members(ID, 1, bytes(32))):
        with pytest.raises(BadObject):
            load({key: VAULT.members})


def forged(*, key=None, secret=None, check=None, older=(), context_number=1, wrapped=None):
    """Return a first record with something other inside than it commits to."""
    real_key, real_secret = VAULT.keyring.current_key, VAULT.keyring.vault_secret
    context = ID + context_number.to_bytes(8, "big")
    secrets = MembersSecrets((secret or real_secret).reveal(), older, ())
    about = context + ANN.public.fingerprint + ANN.public.card_hash
    used = (key or real_key).reveal()
    member = replace(OWNER, wrap=wrapped or wrap(ANN.public.hpke, Purpose.EPOCH_WRAP, used, context=about))
    return signed(
        replace(
            SAID,
            members=(member,),
            epoch_check=check or derive(real_key, Purpose.CHECK),
            sealed=Sealer(key or real_key, Purpose.MEMBERS_SEAL).seal(secrets.encode(), context=context),
        )
    )


def test_the_forgery_without_a_fault_opens():
    assert open_keyring(load(forged()), ANN).vault_secret == VAULT.keyring.vault_secret


FORGED = {
    "another epoch key": forged(key=EpochKey.generate()),
    "another vault secret": forged(secret=VaultSecret.generate()),
    "another check value": forged(check=bytes(32)),
    "a key of an epoch that never was": forged(older=((bytes(32), bytes(32)),)),
    "another context": forged(context_number=2),
    "a wrap for another": forged(wrapped=wrap(BOB.public.hpke, Purpose.EPOCH_WRAP, bytes(32), context=b"")),
}


@pytest.mark.parametrize("objects", FORGED.values(), ids=FORGED)
def test_a_key_that_was_not_committed_to_is_refused(objects):
    with pytest.raises(BadObject):
        open_keyring(load(objects), ANN)


def later_epoch(older):
    key, secret = EpochKey.generate(), VAULT.keyring.vault_secret
    previous = (VAULT.keyring.tip[1],)
    context = ID + (2).to_bytes(8, "big") + previous[0]
    about = context + ANN.public.fingerprint + ANN.public.card_hash
    return signed(
        replace(
            SAID,
            number=2,
            previous=previous,
            members=(
                replace(OWNER, wrap=wrap(ANN.public.hpke, Purpose.EPOCH_WRAP, key.reveal(), context=about)),
            ),
            epoch_check=derive(key, Purpose.CHECK),
            sealed=Sealer(key, Purpose.MEMBERS_SEAL).seal(
                MembersSecrets(secret.reveal(), older, ()).encode(), context=context
            ),
        )
    )


def test_the_key_of_the_epoch_before_has_to_be_the_right_one():
    name, right = VAULT.keyring.current, VAULT.keyring.current_key.reveal()
    assert len(open_keyring(load(FIRST | later_epoch(((name, right),))), ANN).epochs) == 2
    for older in ((), ((name, bytes(32)),), ((bytes(32), right),), ((bytes(32), right), (name, right))):
        with pytest.raises(BadObject):
            open_keyring(load(FIRST | later_epoch(older)), ANN)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_flipped_byte_is_refused(data):
    bad = flipped(
        VAULT.members, data.draw(st.integers(0, len(VAULT.members) - 1)), data.draw(st.integers(1, 255))
    )
    with pytest.raises(BadObject):
        load({VAULT.members_key: bad})
    genesis = flipped(VAULT.genesis, data.draw(st.integers(0, len(VAULT.genesis) - 1)))
    with pytest.raises(BadObject):
        load(FIRST, genesis=genesis)
