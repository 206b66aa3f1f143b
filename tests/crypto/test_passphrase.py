"""Secrets under a passphrase: only it opens them, and the costs are bounded before they are paid."""

import struct

import pytest

from e2esync.crypto import passphrase
from e2esync.crypto.passphrase import CEILING, FLOOR, Cost
from e2esync.errors import BadObject, Locked, NewerFormat

SEALED = passphrase.seal("correct horse", b"secrets", context=b"place")
HEADER = struct.Struct(">BIIB16s")


def test_what_was_sealed_opens_with_the_same_passphrase():
    assert passphrase.unseal("correct horse", SEALED, context=b"place") == b"secrets"


def test_the_default_cost_is_the_second_recommended_option_of_rfc_9106():
    assert Cost(*HEADER.unpack(SEALED[: HEADER.size])[1:4]) == Cost(passes=3, memory=65536, lanes=4) == FLOOR


def test_another_way_to_type_the_same_letters_opens_too():
    assert passphrase.unseal("ä", passphrase.seal("a\u0308", b"x", context=b""), context=b"") == b"x"


@pytest.mark.parametrize(
    ("phrase", "sealed", "context"),
    [
        ("Correct horse", SEALED, b"place"),
        ("", SEALED, b"place"),
        ("correct horse", SEALED, b"elsewhere"),
        ("correct horse", SEALED[:-1] + bytes([SEALED[-1] ^ 1]), b"place"),
        ("correct horse", SEALED[:12] + bytes([SEALED[12] ^ 1]) + SEALED[13:], b"place"),
        ("correct horse", SEALED[:1] + struct.pack(">I", 4) + SEALED[5:], b"place"),
        ("correct horse", SEALED[: HEADER.size + 5], b"place"),
    ],
    ids=["another passphrase", "none", "another place", "last byte", "salt", "more passes", "cut"],
)
def test_anything_else_stays_locked(phrase, sealed, context):
    with pytest.raises(Locked):
        passphrase.unseal(phrase, sealed, context=context)


@pytest.mark.parametrize(
    "cost",
    [
        Cost(FLOOR.passes - 1, FLOOR.memory, FLOOR.lanes),
        Cost(FLOOR.passes, FLOOR.memory - 1, FLOOR.lanes),
        Cost(FLOOR.passes, FLOOR.memory, FLOOR.lanes - 1),
        Cost(CEILING.passes + 1, FLOOR.memory, FLOOR.lanes),
        Cost(FLOOR.passes, CEILING.memory + 1, FLOOR.lanes),
        Cost(FLOOR.passes, 2**32 - 1, FLOOR.lanes),
        Cost(FLOOR.passes, FLOOR.memory, CEILING.lanes + 1),
        Cost(0, 0, 0),
    ],
)
def test_costs_out_of_bounds_are_refused_before_they_are_paid(cost):
    header = HEADER.pack(1, cost.passes, cost.memory, cost.lanes, bytes(16))
    with pytest.raises(BadObject):
        passphrase.unseal("correct horse", header + bytes(40), context=b"place")


@pytest.mark.parametrize("size", [0, 1, HEADER.size - 1])
def test_a_header_that_is_cut_short_is_damaged(size):
    with pytest.raises(BadObject):
        passphrase.unseal("correct horse", SEALED[:size], context=b"place")


def test_a_later_version_says_so():
    with pytest.raises(NewerFormat):
        passphrase.unseal("correct horse", b"\x02" + SEALED[1:], context=b"place")
