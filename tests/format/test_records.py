"""Every record has one encoding, and a decoder that refuses all else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2esync.errors import BadObject, NewerFormat
from e2esync.format import cbor, shape
from e2esync.format.card import Card, CardFile, CardKeys
from e2esync.format.certificate import Certificate, SignedCertificate
from e2esync.format.genesis import Genesis
from e2esync.format.head import EpochFramed, HeadBody
from e2esync.format.members import Member, Members, MembersSecrets, Role
from e2esync.format.ownrecord import (
    OwnRecord,
    OwnRecordBody,
    OwnRecordObject,
    VaultNote,
    pad_body,
    unpad_body,
)
from e2esync.format.padding import padme
from e2esync.format.prune import PruneMark
from e2esync.format.retired import Retired
from e2esync.format.sealedmessage import MessageHeader, SealedMessage, pad_message, unpad_message
from e2esync.format.signed import SignedRecord
from e2esync.format.snapshot import Snapshot

H1, H2, H3 = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32
D1, D2, D3 = b"\x01" * 16, b"\x02" * 16, b"\x03" * 16
PUBLIC = b"\x07" * 1216
SIGNED = SignedCertificate(b"payload", b"\x01" * 64, b"\x02" * 64)
MEMBER = Member(H1, 1, H2, Role.OWNER, b"\x05" * 1168)
NOTE = VaultNote(H1, H2, "Sync", "s3://bucket/home", (1, H3), ((D1, 3, H1), (D2, 2**48 - 1, H2)))

SAMPLES: list[Any] = [
    Card(H1, PUBLIC, 1, PUBLIC, H2, None),
    CardKeys(H1, 1, H2, ((H1, b"\x05" * 1264), (H2, b"\x06" * 1264))),
    CardFile(b"card", "Ann"),
    Certificate(H1, 1, H2, H3, PUBLIC),
    Genesis(H1, H2, H3),
    Members(
        H1,
        2,
        (H3,),
        (MEMBER, Member(H2, 1, H3, Role.READER, b"\x06" * 1168)),
        H3,
        H1,
        H2,
        b"x",
        ((D1, 1, H1),),
    ),
    OwnRecord(H1, D1, 4, "laptop", "Ann", (NOTE,)),
    Retired(H1, 1, D1, ((H1, 2, H2),)),
    Snapshot(H1, D1, 2, H2, (H3, 0), ((D2, 5, H1), (D3, 1, H2)), H1, (1, H2), H3, 1_700_000_000),
    HeadBody(H1, b"cert", 3, b"snap", ((D2, 5, H1),), ((H1, H2),), (H2, H1), "laptop", "Ann", H3, (H1,)),
    PruneMark(H1, SIGNED, (H1, H2), 1_700_000_000, (H3,)),
    MessageHeader(b"card", ((H1, b"\x05" * 1168),), H2, H3),
]
BY_NAME = {type(sample).__name__: sample for sample in SAMPLES}
each_sample = pytest.mark.parametrize("sample", [pytest.param(one, id=type(one).__name__) for one in SAMPLES])


def changed(sample, changes):
    return cbor.encode(cbor.decode(sample.encode()) | changes)


@each_sample
def test_what_was_encoded_decodes_to_the_same(sample):
    assert type(sample).decode(sample.encode()) == sample


@each_sample
@pytest.mark.parametrize("version", [0, 2, 2**64 - 1, True, None, b"\x01", "1", [1]])
def test_another_version_is_a_newer_format(sample, version):
    with pytest.raises(NewerFormat):
        type(sample).decode(changed(sample, {1: version}))


@each_sample
@pytest.mark.parametrize("key", [0, 99, 255])
def test_an_unknown_key_is_a_newer_format(sample, key):
    with pytest.raises(NewerFormat):
        type(sample).decode(changed(sample, {key: 1}))


@each_sample
@pytest.mark.parametrize("key", ["1", b"1", -1])
def test_a_key_that_is_no_unsigned_integer_is_refused(sample, key):
    with pytest.raises(BadObject):
        type(sample).decode(changed(sample, {key: 1}))


@each_sample
def test_a_missing_key_is_refused(sample):
    for key in range(2, len(cbor.decode(sample.encode())) + 1):
        fields = cbor.decode(sample.encode())
        del fields[key]
        with pytest.raises(BadObject):
            type(sample).decode(cbor.encode(fields))


@each_sample
def test_only_the_one_encoding_is_read(sample):
    good = sample.encode()
    fields = cbor.decode(good)
    backwards = good[:1] + b"".join(cbor.encode(key) + cbor.encode(fields[key]) for key in reversed(fields))
    for bad in (
        good + b"\x00",
        good[:-1],
        b"",
        b"\xb8" + bytes([good[0] - 0xA0]) + good[1:],  # a longer head
        b"\xbf" + good[1:] + b"\xff",  # an indefinite length
        b"\xd9\xd9\xf7" + good,  # a tag
        backwards,
        bytes([good[0] + 1]) + good[1:] + good[1:3],  # a key twice
        cbor.encode(list(fields.values())),
    ):
        with pytest.raises(BadObject):
            type(sample).decode(bad)


WRONG: list[Any] = [
    True,
    False,
    None,
    -1,
    0,
    1.0,
    2**64 - 1,
    b"",
    b"x",
    H1[:31],
    H1 + b"\x00",
    "x",
    [],
    [1],
    [[]],
    {},
    {1: 1},
]
LEGAL: dict[str, dict[int, list[Any]]] = {  # what happens to be right in the list above
    "Card": {7: [None]},
    "CardKeys": {3: [2**64 - 1]},
    "CardFile": {2: [b"", b"x", H1[:31], H1 + b"\x00"], 3: ["x"]},
    "Certificate": {3: [2**64 - 1]},
    "Genesis": {},
    "Members": {3: [2**64 - 1], 8: [b"", b"x", H1[:31], H1 + b"\x00"], 9: [[]], 5: [[]], 6: [None]},
    "OwnRecord": {4: [0, 2**64 - 1], 5: ["x"], 6: ["x"], 7: [[]], 8: [[]]},
    "Retired": {3: [2**64 - 1], 5: [[]]},
    "Snapshot": {6: [None], 11: [0, 2**64 - 1]},
    "HeadBody": {
        3: [b"", b"x", H1[:31], H1 + b"\x00"],
        4: [0, 2**64 - 1],
        5: [b"", b"x", H1[:31], H1 + b"\x00"],
        6: [[]],
        7: [[], [[]]],
        8: [[]],
        11: [[]],
    },
    "PruneMark": {4: [[]], 5: [0, 2**64 - 1], 6: [[]]},
    "MessageHeader": {2: [b"", b"x", H1[:31], H1 + b"\x00"]},
}


@each_sample
def test_a_value_of_another_type_or_length_is_refused(sample):
    for key in range(2, len(cbor.decode(sample.encode())) + 1):
        legal = LEGAL[type(sample).__name__].get(key, [])
        for wrong in WRONG:
            if any(type(wrong) is type(right) and wrong == right for right in legal):
                type(sample).decode(changed(sample, {key: wrong}))
            else:
                with pytest.raises((BadObject, NewerFormat)):
                    type(sample).decode(changed(sample, {key: wrong}))


PAIR = [H1, b"\x05" * 1264]
BAD = [
    ("Card", {4: 0}, "a number below 1"),
    ("Card", {7: H1}, "a first card that inherits"),
    ("CardKeys", {5: []}, "no recipient"),
    ("CardKeys", {5: [[H2, b"\x05" * 1264], PAIR]}, "recipients not sorted"),
    ("CardKeys", {5: [PAIR, PAIR]}, "a recipient twice"),
    ("CardKeys", {5: [[H1, b"\x05" * 1263]]}, "a wrap too short"),
    ("CardKeys", {5: [[H1, b"\x05" * 1265]]}, "a wrap too long"),
    ("CardKeys", {5: [[*PAIR, 1]]}, "a third item"),
    ("Members", {3: 1}, "a first record with one before it"),
    ("Members", {4: []}, "a second record with none before it"),
    ("Members", {4: [H1, H2, H3]}, "three records before it"),
    ("Members", {4: [H1, H1]}, "the same record twice before it"),
    ("Members", {5: [[H1, 1, H2, True, b"\x05" * 1168]]}, "a role that is a boolean"),
    ("Members", {5: [[H1, True, H2, 0, b"\x05" * 1168]]}, "a card number that is a boolean"),
    ("Members", {5: [[H2, 1, H2, 0, b"\x05" * 1168], [H1, 1, H2, 1, b"\x05" * 1168]]}, "members not sorted"),
    ("Members", {5: [[H1, 1, H2, 0, b"\x05" * 1168], [H1, 1, H2, 1, b"\x05" * 1168]]}, "a member twice"),
    ("Members", {5: [[H1, 1, H2, 0, b"\x05" * 1167]]}, "a wrap too short"),
    ("Members", {7: [H1]}, "one check value"),
    ("Members", {7: [H1, H2, H3]}, "three check values"),
    ("Members", {9: [[D1, 0, H1]]}, "a cut at sequence 0"),
    ("OwnRecord", {7: [[H1, H2, "n", "s", [1, H3]]]}, "a vault without heads"),
    ("OwnRecord", {7: [[H1, H2, "n", "s", [0, H3], []]]}, "a membership record 0"),
    ("OwnRecord", {7: [[H1, H2, b"n", "s", [1, H3], []]]}, "a name in bytes"),
    ("OwnRecord", {7: [[H1, H2, "n", "s", [1, H3], [[D1, 2**48, H1]]]]}, "a sequence too high"),
    ("Snapshot", {4: 2**48}, "a sequence too high"),
    ("Snapshot", {4: 1}, "a first snapshot with one before it"),
    ("Snapshot", {5: None}, "a second snapshot with none before it"),
    ("Snapshot", {6: [H1, 13]}, "a tree too high"),
    ("Snapshot", {6: [H1, True]}, "a level that is a boolean"),
    ("Snapshot", {7: [True, []]}, "a whole context where only changes stand"),
    ("Snapshot", {4: 65, 7: [False, []]}, "changes where the whole context stands"),
    ("Snapshot", {7: [0, []]}, "an integer for a boolean"),
    ("Snapshot", {7: [False, [[D3, 1, H1], [D2, 1, H1]]]}, "a context that is not sorted"),
    ("Snapshot", {7: [False, [[D2, 1, H1], [D2, 2, H1]]]}, "a device twice"),
    ("Snapshot", {7: [False, [[D1, 1, H1]]]}, "the writer in its own context"),
    ("Snapshot", {9: [True, H1]}, "a record number that is a boolean"),
    ("HeadBody", {6: [[D3, 1, H1], [D2, 1, H1]]}, "a context that is not sorted"),
    ("HeadBody", {9: ["a"]}, "one name"),
    ("HeadBody", {9: ["a", "b", "c"]}, "three names"),
    ("PruneMark", {4: [H2, H1]}, "packs that are not sorted"),
    ("PruneMark", {4: [H1, H1]}, "a pack twice"),
    ("PruneMark", {6: [H2, H1]}, "packs that went, not sorted"),
    ("PruneMark", {6: [H1, H1]}, "a pack that went twice"),
    ("MessageHeader", {3: [[H1, b"\x05" * 1167]]}, "a wrap too short"),
]


@pytest.mark.parametrize(("name", "changes"), [pytest.param(n, c, id=f"{n}: {why}") for n, c, why in BAD])
def test_a_record_with_one_fault_is_refused(name, changes):
    sample = BY_NAME[name]
    with pytest.raises(BadObject):
        type(sample).decode(changed(sample, changes))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("Card", {4: 2}),
        ("OwnRecord", {8: [[H1]]}),
        ("Members", {5: [[H1, 1, H2, 3, b"\x05" * 1168]]}),
    ],
)
def test_what_a_later_version_adds_says_so(name, changes):
    sample = BY_NAME[name]
    with pytest.raises(NewerFormat):
        type(sample).decode(changed(sample, changes))


SECRETS = MembersSecrets(H1, ((H2, H3),), ((H1, "Ann"),))


def test_sealed_member_secrets_come_back():
    assert MembersSecrets.decode(SECRETS.encode()) == SECRETS


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({4: 1}, NewerFormat),
        ({1: b"short"}, BadObject),
        ({1: None}, BadObject),
        ({2: [[H1, H1[:31]]]}, BadObject),
        ({2: [[H1, H2], [H1, H3]]}, BadObject),
        ({3: [[H1, b"Ann"]]}, BadObject),
        ({3: [[H1, "Ann"], [H1, "Bob"]]}, BadObject),
    ],
)
def test_sealed_member_secrets_with_one_fault_are_refused(changes, error):
    with pytest.raises(error):
        MembersSecrets.decode(changed(SECRETS, changes))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_refused(data):
    kinds: list[Any] = [*map(type, SAMPLES)]
    for kind in (SignedRecord, SignedCertificate, OwnRecordBody, OwnRecordObject, SealedMessage, *kinds):
        try:
            read = kind.decode(data)
        except (BadObject, NewerFormat):
            continue
        assert read.encode() == data


@each_sample
@given(data=st.data())
def test_a_record_with_a_changed_byte_is_refused_or_another_record(sample, data):
    encoded = bytearray(sample.encode())
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    try:
        read = type(sample).decode(bytes(encoded))
    except (BadObject, NewerFormat):
        return
    assert read != sample
    assert read.encode() == encoded


@given(st.binary(), st.binary(min_size=64, max_size=64))
def test_a_signed_record_is_payload_and_signature(payload, signature):
    record = SignedRecord(payload, signature)
    assert SignedRecord.decode(record.encode()) == record


@pytest.mark.parametrize(
    "value",
    [[], [b"p"], [b"p", bytes(63)], [b"p", bytes(65)], ["p", bytes(64)], [b"p", bytes(64), b""], {1: b"p"}],
)
def test_what_is_no_signed_record_is_refused(value):
    with pytest.raises(BadObject):
        SignedRecord.decode(cbor.encode(value))


@pytest.mark.parametrize(
    "value", [[b"p", bytes(64)], [b"p", bytes(64), bytes(63)], [1, bytes(64), bytes(64)]]
)
def test_what_is_no_certificate_is_refused(value):
    with pytest.raises(BadObject):
        SignedCertificate.decode(cbor.encode(value))


WRAPS = ((H1, b"\x05" * 1168), (H2, b"\x06" * 1168))


@given(st.one_of(st.integers(0, 3000), st.integers(62000, 72000), st.integers(0, 300_000)))
def test_a_padded_own_record_has_the_length_that_it_should(size):
    body = b"b" * size
    padded = pad_body(body, WRAPS)
    whole = OwnRecordObject(WRAPS, bytes(28) + padded).encode()
    bare = OwnRecordObject(WRAPS, bytes(28 + 4 + size)).encode()
    assert len(whole) == padme(len(bare))
    assert unpad_body(padded, WRAPS) == body


@pytest.mark.parametrize(
    "change", [lambda p: p + b"\0", lambda p: p[:-1], lambda p: p[:-1] + b"\1", lambda p: p[:3]]
)
def test_other_padding_of_an_own_record_is_refused(change):
    with pytest.raises(BadObject):
        unpad_body(change(pad_body(b"b" * 3001, WRAPS)), WRAPS)


@given(st.binary(max_size=2000))
def test_a_padded_message_comes_back(content):
    padded = pad_message(content)
    assert len(padded) == padme(8 + len(content))
    assert unpad_message(padded) == content


@pytest.mark.parametrize(
    "change", [lambda p: p + b"\0", lambda p: p[:-1], lambda p: p[:-1] + b"\1", lambda p: p[:7]]
)
def test_other_padding_of_a_message_is_refused(change):
    with pytest.raises(BadObject):
        unpad_message(change(pad_message(b"m" * 3001)))


def test_a_sealed_message_of_another_version_says_so():
    with pytest.raises(NewerFormat):
        SealedMessage.decode(b"e2esync sealed 2\n")


@pytest.mark.parametrize(
    "content", [b"", b"e2esync", b"e2esync sealed 1\n\0\0\0\5abcd", b"age-encryption.org/v1\n"]
)
def test_what_is_no_sealed_message_is_refused(content):
    with pytest.raises(BadObject):
        SealedMessage.decode(content)


def test_a_framed_object_that_is_too_short_is_refused():
    with pytest.raises(BadObject):
        EpochFramed.decode(H1[:31])
    assert EpochFramed.decode(H1 + b"x") == EpochFramed(H1, b"x")


def test_integers_are_exact():
    assert shape.integer(2**64 - 1) == 2**64 - 1
    assert shape.sequence(2**48 - 1) == 2**48 - 1
    for bad in (True, -1, 2**64, 1.0, "1"):
        with pytest.raises(BadObject):
            shape.integer(bad)
