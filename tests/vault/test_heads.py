"""Heads and prune marks: what is accepted without memory."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2esync.crypto.asymmetric import object_hash
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import Sealer
from e2esync.errors import BadObject, IntegrityError, MissingObject, NewerFormat
from e2esync.format import cbor
from e2esync.format.certificate import SignedCertificate
from e2esync.format.head import HeadBody
from e2esync.format.members import Role
from e2esync.format.padding import padme
from e2esync.format.prune import PruneMark
from e2esync.format.signed import SignedRecord
from e2esync.format.snapshot import Snapshot
from e2esync.vault.device import create_device
from e2esync.vault.framed import Place
from e2esync.vault.heads import make_snapshot, open_head, open_snapshot
from e2esync.vault.keyring import MemberKeys, next_record, open_keyring
from e2esync.vault.membership import Membership
from e2esync.vault.prunemark import make_prune_mark, open_prune_mark
from e2esync.vault.records import sign_record
from tests.vault.people import ANN, BOB, DESK, EVE, ID, LAPTOP, VAULT, Writer, flipped

ME = MemberKeys(ANN.public, Role.OWNER, "Ann")
FIRST_OBJECT = Writer(LAPTOP).push()


def opened(content, device=LAPTOP, membership=VAULT.membership, keyring=VAULT.keyring, vault_id=ID):
    return open_head(content, device.id.hex(), vault_id=vault_id, membership=membership, keyring=keyring)


def test_a_first_head_says_what_was_put_in():
    head = opened(FIRST_OBJECT)
    assert (head.device, head.owner, head.sequence) == (LAPTOP.id, ANN.public.fingerprint, 1)
    assert (head.previous, head.root, dict(head.context), head.history) == (None, None, {}, ((),))
    assert (head.members, head.epoch) == (VAULT.keyring.tip, VAULT.keyring.current)
    assert (head.names, head.revision, head.time) == (("laptop", "Ann"), 1, 1_700_000_001)


def test_the_snapshot_in_a_head_stands_alone_too():
    head = opened(FIRST_OBJECT)
    snapshot, hash_ = open_snapshot(
        head.snapshot_record, signer=LAPTOP.signing.public, vault_id=ID, device=LAPTOP.id
    )
    assert (snapshot, hash_) == (head.snapshot, head.hash)


def test_two_hundred_pushes_are_accepted_one_after_the_other():
    laptop, desk = Writer(LAPTOP), Writer(DESK)
    other = desk.pushed()
    for sequence in range(1, 201):
        if sequence % 40 == 0:
            other = desk.pushed()
        head = laptop.pushed(other)
        assert head.sequence == sequence
        assert head.context[DESK.id] == (other.sequence, other.hash)


def test_a_push_writes_only_what_changed_of_the_context():
    laptop, desk = Writer(LAPTOP), Writer(DESK)
    other = desk.pushed()
    assert len(laptop.pushed(other).snapshot.changes) == 1
    assert laptop.pushed(other).snapshot.changes == ()
    for _ in range(62):
        laptop.push(other)
    whole = laptop.pushed(other)
    assert whole.sequence == 65
    assert len(whole.snapshot.changes) == 1


def test_the_length_of_a_head_tells_little():
    assert padme(len(FIRST_OBJECT)) == len(FIRST_OBJECT)


def test_a_context_never_loses_a_device():
    with pytest.raises(ValueError, match="loses"):
        make_snapshot(
            LAPTOP, ID, sequence=2, previous=bytes(32), root=None, context={}, previous_context={DESK.id: (1, bytes(32))},
            tip=VAULT.keyring.tip, epoch=VAULT.keyring.current, time=0,
        )  # fmt: skip


# --- a head with one fault, signed and sealed as if it had none


def sealed(
    body: HeadBody, device=LAPTOP, signer=None, purpose=Purpose.HEAD, seal=Purpose.HEAD_SEAL, place=None
):
    record, _ = sign_record((signer or device).signing, purpose, body.encode())
    return Place(seal, ID, (place or device).id).seal(record, VAULT.keyring)


def parts():
    """Return snapshot and body of a second head."""
    laptop, desk = Writer(LAPTOP), Writer(DESK)
    laptop.push(desk.pushed())
    head = laptop.push()
    _, inner = Place(Purpose.HEAD_SEAL, ID, LAPTOP.id).unseal(head, VAULT.membership, VAULT.keyring)
    body = HeadBody.decode(SignedRecord.decode(inner).payload)
    return Snapshot.decode(SignedRecord.decode(body.snapshot).payload), body


SNAPSHOT, BODY = parts()


def with_snapshot(signer=LAPTOP, purpose=Purpose.SNAPSHOT, **changes):
    record, _ = sign_record(signer.signing, purpose, replace(SNAPSHOT, **changes).encode())
    return replace(BODY, snapshot=record)


def raw(changes):
    payload = cbor.encode(cbor.decode(BODY.encode()) | changes)
    record, _ = sign_record(LAPTOP.signing, Purpose.HEAD, payload)
    return Place(Purpose.HEAD_SEAL, ID, LAPTOP.id).seal(record, VAULT.keyring)


def test_the_second_head_without_a_fault_is_accepted():
    assert opened(sealed(BODY)).sequence == 2
    assert opened(sealed(with_snapshot())).sequence == 2


STRANGER = create_device(EVE)
OTHER_CONTEXT = ((DESK.id, 9, bytes(32)),)
BAD_HEADS = {
    "of another vault": sealed(replace(BODY, vault=bytes(32))),
    "signed by another device": sealed(BODY, signer=DESK),
    "signed for another purpose": sealed(BODY, purpose=Purpose.SNAPSHOT),
    "sealed for another purpose": sealed(BODY, seal=Purpose.PRUNE_MARK_SEAL),
    "under another device's name": sealed(BODY, place=DESK),
    "with another device's certificate": sealed(replace(BODY, certificate=DESK.certificate)),
    "of a device of no member": sealed(replace(BODY, certificate=STRANGER.certificate), signer=STRANGER),
    "with a snapshot by another device": sealed(with_snapshot(signer=DESK)),
    "with a snapshot signed for another purpose": sealed(with_snapshot(purpose=Purpose.HEAD)),
    "with a snapshot of another vault": sealed(with_snapshot(vault=bytes(32))),
    "with a snapshot of another device": sealed(with_snapshot(device=b"\xff" * 16)),
    "with another record number in the snapshot": sealed(with_snapshot(members=(2, VAULT.keyring.tip[1]))),
    "with another record in the snapshot": sealed(with_snapshot(members=(1, bytes(32)))),
    "with another epoch in the snapshot": sealed(with_snapshot(epoch=bytes(32))),
    "with another context hash": sealed(with_snapshot(context_hash=bytes(32))),
    "with another context": sealed(replace(BODY, context=OTHER_CONTEXT)),
    "with changes that are not in the context": sealed(with_snapshot(changes=OTHER_CONTEXT)),
    "with itself in the context": sealed(
        replace(
            with_snapshot(context_hash=object_hash(cbor.encode([[LAPTOP.id, 1, bytes(32)]]))),
            context=((LAPTOP.id, 1, bytes(32)),),
        )
    ),
    "with no history": sealed(replace(BODY, history=((),))),
    "with too much history": sealed(replace(BODY, history=((bytes(32), *BODY.history[0]),))),
    "with a history of another end": sealed(replace(BODY, history=((bytes(32),),))),
    "with an empty level": sealed(replace(BODY, history=(*BODY.history, ()))),
    "with another snapshot before it": sealed(with_snapshot(previous=bytes(32))),
    "with a higher sequence than its history": sealed(with_snapshot(sequence=3)),
    "with a boolean revision": raw({4: True}),
    "with an unknown membership record": bytes(32) + sealed(BODY)[32:],
    "cut": sealed(BODY)[:-1],
    "longer": sealed(BODY) + b"\0",
    "empty": b"",
    "short": bytes(40),
}


@pytest.mark.parametrize("content", BAD_HEADS.values(), ids=BAD_HEADS)
def test_a_head_with_one_fault_is_refused(content):
    with pytest.raises(BadObject):
        opened(content)


def test_a_whole_context_has_to_be_all_of_it():
    snapshot, _ = sign_record(
        LAPTOP.signing, Purpose.SNAPSHOT, replace(SNAPSHOT, sequence=1, previous=None, changes=()).encode()
    )
    with pytest.raises(BadObject):
        opened(sealed(replace(BODY, snapshot=snapshot, history=((),))))


@pytest.mark.parametrize("changes", [{1: 2}, {12: 0}])
def test_a_head_of_a_later_version_says_so(changes):
    with pytest.raises(NewerFormat):
        opened(raw(changes))


def test_unpadded_and_overpadded_heads_are_refused():
    record, _ = sign_record(LAPTOP.signing, Purpose.HEAD, BODY.encode())
    place = Place(Purpose.HEAD_SEAL, ID, LAPTOP.id)
    _, tip = VAULT.keyring.tip
    for padded in (
        len(record).to_bytes(4, "big") + record,
        len(record).to_bytes(4, "big") + record + bytes(4096),
    ):
        content = tip + Sealer(VAULT.keyring.current_key, Purpose.HEAD_SEAL).seal(
            padded, context=place._context(tip)
        )
        with pytest.raises(BadObject):
            opened(content)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_flipped_byte_of_a_head_is_refused(data):
    position = data.draw(st.integers(0, len(FIRST_OBJECT) - 1))
    with pytest.raises(BadObject):
        opened(flipped(FIRST_OBJECT, position, data.draw(st.integers(1, 255))))


# --- other members, other epochs


def joined(role, *, new_epoch=False):
    bob = MemberKeys(BOB.public, role, "Bob")
    record = next_record(VAULT.membership, ANN, VAULT.keyring, members=[ME, bob], new_epoch=new_epoch)
    objects = {VAULT.members_key: VAULT.members, record.key: record.content}
    return Membership.load(ID, VAULT.genesis, objects, [ANN.public, BOB.public])


PHONE = create_device(BOB)


def test_a_writer_writes_and_a_reader_does_not():
    for role, accepted in ((Role.WRITER, True), (Role.READER, False)):
        membership = joined(role)
        keyring = open_keyring(membership, BOB)
        content = Writer(PHONE, keyring=keyring).push()
        if accepted:
            head = opened(content, PHONE, membership, keyring)
            assert head.owner == BOB.public.fingerprint
        else:
            with pytest.raises(BadObject):
                opened(content, PHONE, membership, keyring)


def test_a_member_whose_card_is_not_there_is_not_believed():
    membership = joined(Role.WRITER)
    content = Writer(PHONE, keyring=open_keyring(membership, BOB)).push()
    with pytest.raises(MissingObject):
        opened(content, PHONE, replace(membership, cards={}), open_keyring(membership, ANN))


def test_heads_of_the_old_and_of_the_new_epoch_both_open():
    membership = joined(Role.WRITER, new_epoch=True)
    keyring = open_keyring(membership, ANN)
    assert opened(FIRST_OBJECT, LAPTOP, membership, keyring).members[0] == 1
    new = opened(Writer(LAPTOP, keyring=keyring).push(), LAPTOP, membership, keyring)
    assert new.members[0] == 2
    assert new.epoch != opened(FIRST_OBJECT).epoch
    with pytest.raises(BadObject):
        opened(Writer(LAPTOP, keyring=keyring).push())  # who does not know the record


# --- prune marks

MARK = make_prune_mark(LAPTOP, VAULT.keyring, ID, packs=[b"\x02" * 32, b"\x01" * 32], since=5)


def open_mark(content, device=LAPTOP):
    return open_prune_mark(
        content, device.id.hex(), vault_id=ID, membership=VAULT.membership, keyring=VAULT.keyring
    )


def test_a_prune_mark_comes_back():
    mark = open_mark(MARK)
    assert (mark.packs, mark.since) == ((b"\x01" * 32, b"\x02" * 32), 5)


def marked(signer=LAPTOP, purpose=Purpose.PRUNE_MARK, seal=Purpose.PRUNE_MARK_SEAL, **changes):
    mark = PruneMark(ID, SignedCertificate.decode(LAPTOP.certificate), (), 5)
    record, _ = sign_record(signer.signing, purpose, replace(mark, **changes).encode())
    return Place(seal, ID, LAPTOP.id).seal(record, VAULT.keyring)


BAD_MARKS = {
    "by another device": marked(signer=DESK),
    "for another purpose": marked(purpose=Purpose.HEAD),
    "sealed as a head": marked(seal=Purpose.HEAD_SEAL),
    "of another vault": marked(vault=bytes(32)),
    "with another certificate": marked(certificate=SignedCertificate.decode(DESK.certificate)),
    "of no member": marked(certificate=SignedCertificate.decode(STRANGER.certificate), signer=STRANGER),
    "a head": FIRST_OBJECT,
    "empty": b"",
}


def test_the_mark_without_a_fault_is_accepted():
    assert open_mark(marked()).since == 5


@pytest.mark.parametrize("content", BAD_MARKS.values(), ids=BAD_MARKS)
def test_a_bad_prune_mark_is_refused(content):
    with pytest.raises(IntegrityError):
        open_mark(content)


def test_a_prune_mark_under_another_device_is_refused():
    with pytest.raises(BadObject):
        open_mark(MARK, DESK)
