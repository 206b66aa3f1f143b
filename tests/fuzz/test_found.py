"""What these fuzzers found, each by itself."""

from pathlib import Path

import pytest

from e2esync.adapters.stores.location import DirectoryLocation, parse_location
from e2esync.errors import BadObject, CredentialsRefused, NotS3, StoreUnavailable, UsageError
from e2esync.format import cbor
from e2esync.format.members import Members
from e2esync.vault.membership import AcceptedRecord, Membership
from e2esync.wiring.records import decode_membership, decode_plan, decode_promise
from tests.fuzz.local import answer
from tests.fuzz.test_bounds import MIB, peak, refused, steps
from tests.vault.people import ANN


@pytest.mark.parametrize("name", ["caf\u00e9", "\udc80", "a%b", "a b", "\udcff\udcfe", "~"])
def test_the_address_of_a_directory_leads_back_to_it_whatever_its_name(name):
    location = DirectoryLocation(Path("/srv") / name)
    assert parse_location(location.url) == location


def test_an_address_with_an_encoded_zero_byte_is_none():
    refused(lambda: parse_location("file:///srv/%00"), UsageError)


@pytest.mark.row("O6")
@pytest.mark.parametrize("status", [200, 206, 220, 403, 404, 500])
@pytest.mark.parametrize(
    "body",
    [b"{}", b"<a", b"<a>" * 5000, b"<a>" * 5000 + b"</a>" * 5000, b"<ListBucketResult/>", b"<a>\xff</a>"],
)
def test_xml_that_is_broken_or_deep_is_an_answer_that_means_something(status, body):
    refused(lambda: answer(b"%d\0\0" % status + body), NotS3, StoreUnavailable, CredentialsRefused)


ENTITIES = b"".join(b'<!ENTITY x%d "%s">' % (n, b"&x%d;" % (n - 1) * 10) for n in range(1, 12))


@pytest.mark.row("O6")
@pytest.mark.parametrize("status", [200, 403])
def test_xml_of_entities_that_unfold_a_billion_times_takes_little(status):
    bomb = (
        b'<!DOCTYPE a [<!ENTITY x0 "ha">%s]><ListBucketResult><Name>&x11;</Name></ListBucketResult>'
        % ENTITIES
    )
    refused(lambda: answer(b"%d\0\0<a/>" % status), NotS3, CredentialsRefused)  # what is made once is made
    spent = peak(
        lambda: refused(
            lambda: answer(b"%d\0\0" % status + bomb), NotS3, StoreUnavailable, CredentialsRefused
        )
    )
    assert spent < 100 * MIB  # whatever is sent: expat stops at a hundred times that, and at 8 MiB


@pytest.mark.parametrize("decode", [decode_membership, decode_plan, decode_promise])
@pytest.mark.parametrize(
    "parts",
    [
        [],
        [1],
        [1, 5],
        [1, 5, [], []],
        [1, b"g", [["k", 5]], []],
        [1, b"g", [], b"ab"],
        {1: 1, 2: 2},
        b"\x01ab",
    ],
)
def test_a_local_file_of_other_things_is_damaged(decode, parts):
    with pytest.raises(BadObject):
        decode(cbor.encode(parts), Path("file"))


def test_records_that_met_again_and_again_are_looked_at_once():
    """Two records follow the same two before them, and so on: there are 2^n ways back, and 2n records."""
    records: dict[bytes, AcceptedRecord] = {}
    before: tuple[bytes, ...] = ()
    for number in range(1, 17):
        pair = (bytes([number, 0]) * 16, bytes([number, 1]) * 16)
        for name in pair:
            said = Members(b"", number, before, (), None, b"", b"", b"", ())
            records[name] = AcceptedRecord(name, said, name)
        before = pair
    membership = Membership(b"", ANN.public, records, (16, before[0]), {})
    assert membership.follows(before[0], bytes([1, 1]) * 16)
    assert not membership.follows(before[0], before[1])
    assert steps(lambda: membership.follows(before[0], before[1])) < 1000
