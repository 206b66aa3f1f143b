"""What is encoded decodes to the same, for every record and whatever it says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2esync.format import names
from e2esync.format.card import CardFile, CardKeys
from e2esync.format.certificate import Certificate, SignedCertificate
from e2esync.format.genesis import Genesis
from e2esync.format.head import EpochFramed, HeadBody
from e2esync.format.history import HistoryPage
from e2esync.format.index import PACK_LIMIT, Group, Row, decode_index, encode_index
from e2esync.format.members import Member, Members, MembersSecrets, Role
from e2esync.format.ownrecord import (
    OwnRecord,
    OwnRecordBody,
    OwnRecordObject,
    VaultNote,
    pad_body,
    unpad_body,
)
from e2esync.format.padding import pad, padme, unpad
from e2esync.format.prune import PruneMark
from e2esync.format.retired import Retired
from e2esync.format.sealedmessage import MessageHeader, SealedMessage, pad_message, unpad_message
from e2esync.format.signed import SignedRecord
from e2esync.tree.keys import MAX_NAME, Kind, birthplace, is_name, node_key
from tests.fuzz.bare import BUILD, WRAPS

digest, device, signature = (st.binary(min_size=size, max_size=size) for size in (32, 16, 64))
octets, text, u64 = st.binary(max_size=40), st.text(max_size=20), st.integers(0, 2**64 - 1)
number, sequence = st.integers(1, 2**64 - 1), st.integers(1, 2**48 - 1)
public = st.binary(min_size=8, max_size=8).map(lambda start: start * 152)  # 1216 bytes
point = st.tuples(device, sequence, digest)
points = st.lists(point, max_size=3).map(tuple)
context = st.lists(point, max_size=3, unique_by=lambda one: one[0]).map(lambda found: tuple(sorted(found)))
digests = st.lists(digest, max_size=3).map(tuple)
ascending = st.lists(digest, max_size=3, unique=True).map(lambda found: tuple(sorted(found)))
record_name = st.tuples(number, digest)
signed_certificate = st.builds(SignedCertificate, octets, signature, signature)


def wraps(size):
    wrap = st.integers(0, 255).map(lambda byte: bytes([byte]) * (size + 1136))
    pairs = st.lists(st.tuples(digest, wrap), min_size=1, max_size=2, unique_by=lambda one: one[0])
    return pairs.map(lambda found: tuple(sorted(found)))


def member(fingerprint):
    wrap = st.integers(0, 255).map(lambda byte: bytes([byte]) * 1168)
    return st.builds(Member, st.just(fingerprint), number, digest, st.sampled_from(Role), wrap)


members = ascending.flatmap(lambda found: st.tuples(*map(member, found)))
note = st.builds(VaultNote, digest, digest, text, text, record_name, points)
first = st.builds(
    Members, digest, st.just(1), st.just(()), members, st.none(), digest, digest, octets, points
)
later = st.builds(
    Members, digest, st.integers(2, 2**64 - 1), ascending.filter(lambda found: 1 <= len(found) <= 2), members,
    st.none() | digest, digest, digest, octets, points,
)  # fmt: skip

RECORDS = [
    st.builds(CardKeys, digest, number, digest, wraps(128)),
    st.builds(CardFile, octets, text),
    st.builds(Certificate, digest, number, digest, digest, public),
    signed_certificate,
    st.builds(Genesis, digest, digest, digest),
    st.builds(
        HeadBody, digest, octets, u64, octets, context, st.lists(digests, max_size=2).map(tuple), digests, text,
        text, digest, digests,
    ),
    st.builds(EpochFramed, digest, octets),
    st.builds(HistoryPage, u64, st.lists(digest, min_size=64, max_size=64).map(tuple)),
    first,
    later,
    st.builds(
        MembersSecrets, digest,
        st.lists(st.tuples(digest, digest), max_size=2, unique_by=lambda one: one[0]).map(tuple),
        st.lists(st.tuples(digest, text), max_size=2, unique_by=lambda one: one[0]).map(tuple),
    ),
    st.builds(OwnRecord, digest, device, u64, text, text, st.lists(note, max_size=2).map(tuple)),
    st.builds(OwnRecordBody, signed_certificate, octets, signature),
    st.builds(OwnRecordObject, wraps(32), octets),
    st.builds(PruneMark, digest, signed_certificate, ascending, u64),
    st.builds(Retired, digest, number, device, st.lists(st.tuples(digest, sequence, digest), max_size=2).map(tuple)),
    st.builds(MessageHeader, octets, wraps(32), digest, digest),
    st.builds(SealedMessage, octets, octets),
    st.builds(SignedRecord, octets, signature),
]  # fmt: skip
few = settings(max_examples=25, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize("records", RECORDS)
def test_a_record_comes_back(records):
    @few
    @given(records)
    def run(record):
        assert type(record).decode(record.encode()) == record

    run()


@st.composite
def groups(draw):
    lengths = draw(st.lists(st.integers(29, 2**21), min_size=1, max_size=8))
    start = draw(st.integers(0, PACK_LIMIT - sum(lengths)))
    rows = []
    for length in lengths:
        rows.append(Row(draw(device), start, length))
        start += length
    return Group(draw(digest), draw(st.booleans()), draw(digest), tuple(rows))


@few
@given(st.lists(groups(), max_size=4, unique_by=lambda group: group.pack))
def test_an_index_comes_back_sorted(made):
    found = tuple(decode_index(encode_index(made)))
    assert found == tuple(sorted(made, key=lambda group: group.pack))
    assert encode_index(found) == encode_index(made)


@few
@given(st.integers(0, 70_000), st.integers(0, 100), st.sampled_from([0, 4096]))
def test_paddings_come_off(size, overhead, least):
    body = bytes([1]) * size
    assert unpad(pad(body, overhead=overhead, least=least), overhead=overhead, least=least) == body
    assert unpad_body(pad_body(body, WRAPS), WRAPS) == body
    assert unpad_message(pad_message(body)) == body
    assert len(pad_message(body)) == padme(size + 8)


@few
@given(
    device,
    st.binary(min_size=1, max_size=MAX_NAME).filter(is_name),
    st.sampled_from(Kind),
    st.integers(0, 2**32 - 1),
)
def test_the_key_of_a_node_comes_back(parent, name, kind, n):
    assert birthplace(node_key(parent, name, kind, n)) == (parent, name, kind, n)


@few
@given(st.sampled_from(names.Kind), digest, number, digest, device)
def test_the_name_of_an_object_comes_back(kind, owner, count, hash_, device_id):
    has_device = kind in {names.Kind.OWN_RECORD, names.Kind.RETIRED, names.Kind.HEAD, names.Kind.PRUNE_MARK}
    numbered = kind in {names.Kind.CARD, names.Kind.CARD_KEYS, names.Kind.MEMBERS}
    identifier = None if kind is names.Kind.GENESIS else device_id if has_device else hash_
    name = names.Name(kind, owner, count if numbered else None, identifier)
    assert names.parse(BUILD[kind](name)) == name
