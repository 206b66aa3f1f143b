"""What proves that a device has signed two histories, and what does not."""

from dataclasses import replace

import pytest

from e2esync.crypto.labels import Purpose
from e2esync.errors import BadObject
from e2esync.format import cbor
from e2esync.format.head import HeadBody
from e2esync.format.history import descend, locate
from e2esync.format.signed import SignedRecord
from e2esync.vault.faults import MOST_INDEXES, Proof, check_fault, check_snapshot
from e2esync.vault.heads import signed_body, sorted_context
from tests.vault.people import DESK, ID, LAPTOP, VAULT, Writer, resigned

ONE, OTHER = Writer(LAPTOP), Writer(LAPTOP)
FIRST, SECOND = ONE.pushed(), ONE.pushed()
ELSE, DESKS = OTHER.pushed(Writer(DESK).pushed()), Writer(DESK).pushed()
WHO = {"signer": FIRST.certificate.signing, "vault_id": ID, "device": LAPTOP.id}
LONG = [OTHER.pushed() for _ in range(300)]


def page_id(body):
    return body[:32]


def proof(*heads, head=(), context=None):
    return Proof(tuple(each.snapshot_record for each in heads), head, (), context)


def joined(head, context=None):
    return proof(head, context=sorted_context(head.context) if context is None else context)


def body_of(head):
    return signed_body(head, VAULT.membership, VAULT.keyring)


def proves(found):
    check_fault(Proof.decode(found.encode()), page_id=page_id, **WHO)


def test_two_snapshots_of_one_sequence_prove_it_in_either_order():
    for pair in ((FIRST, ELSE), (ELSE, FIRST)):
        proves(proof(*pair))


@pytest.mark.parametrize("heads", [(FIRST,), (FIRST, FIRST), (FIRST, SECOND), (FIRST, DESKS)])
def test_nothing_else_does(heads):
    with pytest.raises(BadObject):
        proves(joined(FIRST) if len(heads) == 1 else proof(*heads))


def pages(head, sequence):
    spot, found = locate(head.history, sequence), []
    while spot.level:
        found.append(OTHER.pages[spot.item])
        spot = descend(spot, found[-1])
    return tuple(found)


def test_so_do_a_snapshot_and_a_head_that_names_another_one_in_its_place():
    for head, sequence in ((LONG[0], 1), (LONG[-1], 1)):
        proves(proof(FIRST, head=(body_of(head), *pages(head, sequence))))
    assert pages(LONG[-1], 1)


def test_a_head_proves_nothing_of_a_snapshot_that_it_names_or_does_not_speak_of_or_without_its_pages():
    long, (page,) = body_of(LONG[-1]), pages(LONG[-1], 1)
    for head in (
        proof(ELSE, head=(long, page)),
        proof(FIRST, head=(long,)),
        proof(FIRST, head=(long, *pages(LONG[-1], 65))),
        proof(FIRST, head=(long, page, page)),
        proof(SECOND, head=(body_of(ELSE),)),
        proof(FIRST, head=(body_of(DESKS),)),
        proof(FIRST, head=(ELSE.snapshot_record,)),
        proof(FIRST, head=(resigned(body_of(LONG[0]), DESK.signing, Purpose.HEAD),)),
    ):
        with pytest.raises(BadObject):
            proves(head)


def test_a_head_counts_with_a_history_only_that_is_as_long_as_its_snapshot_says():
    signed = SignedRecord.decode(body_of(LONG[0]))
    body = HeadBody.decode(signed.payload)
    for history in (((*body.history[0], bytes(32)),), (), ((), body.history[0])):
        changed = replace(body, history=history).encode()
        with pytest.raises(BadObject):
            proves(proof(FIRST, head=(resigned(body_of(LONG[0]), LAPTOP.signing, Purpose.HEAD, changed),)))


def test_a_proof_is_of_the_snapshot_that_is_named():
    check_snapshot(joined(FIRST), (1, FIRST.hash), **WHO)
    for point in ((2, FIRST.hash), (1, ELSE.hash)):
        with pytest.raises(BadObject):
            check_snapshot(joined(FIRST), point, **WHO)


def test_it_says_what_the_snapshot_had_seen_as_its_device_signed_it():
    seen = sorted_context(ELSE.context)
    assert seen
    check_snapshot(joined(ELSE), (1, ELSE.hash), **WHO)
    for head, context in ((ELSE, ()), (ELSE, ((DESK.id, 2, DESKS.hash),)), (FIRST, seen)):
        with pytest.raises(BadObject):
            check_snapshot(joined(head, context), (1, head.hash), **WHO)
    with pytest.raises(BadObject):
        check_snapshot(proof(FIRST), (1, FIRST.hash), **WHO)


def test_it_names_no_more_indexes_than_a_reader_takes():
    many = tuple(number.to_bytes(32, "big") for number in range(MOST_INDEXES + 1))
    full = joined(FIRST).with_indexes(many)
    assert Proof.decode(full.encode()) == full
    with pytest.raises(BadObject):
        Proof.decode(full._replace(indexes=many).encode())


RECORD, INDEX = FIRST.snapshot_record, bytes(32)


@pytest.mark.parametrize(
    "value",
    [
        [],
        [[RECORD], [], []],
        [[RECORD], [], [], [], []],
        [[RECORD], [], [], None],
        [[RECORD], [RECORD], [], []],
        [[RECORD] * 2, [], [], []],
        [[RECORD], [], [], [[DESK.id, 1]]],
        [[RECORD], [], [], [[DESK.id, 1, INDEX], [DESK.id, 1, INDEX]]],
        [[], [], [], []],
        [[RECORD] * 3, [], [], None],
        [[RECORD] * 2, [RECORD], [], None],
        [[RECORD], [], [INDEX, INDEX], []],
        [[RECORD], [], [bytes([1]) * 32, INDEX], []],
        [[RECORD], [], [INDEX[1:]], []],
        [["record"], [], [], []],
        [[RECORD], [1], [], None],
        [RECORD, [], [], []],
        {1: [RECORD]},
    ],
)
def test_it_has_one_form(value):
    with pytest.raises(BadObject):
        Proof.decode(cbor.encode(value))
    with pytest.raises(BadObject):
        Proof.decode(joined(FIRST).encode() + b"\0")
