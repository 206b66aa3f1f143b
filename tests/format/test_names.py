"""Keys of objects: built and parsed, strictly."""

import pytest

from e2esync.format import names
from e2esync.format.names import Kind, Name

H1, H2, D1 = b"\xab" * 32, b"\xcd" * 32, b"\xef" * 16

BUILT = [
    (names.card(H1, 1, H2), Name(Kind.CARD, H1, 1, H2)),
    (names.card_keys(H1, 12, H2), Name(Kind.CARD_KEYS, H1, 12, H2)),
    (names.own_record(H1, D1), Name(Kind.OWN_RECORD, H1, None, D1)),
    (names.retired(H1, D1), Name(Kind.RETIRED, H1, None, D1)),
    (names.genesis(H1), Name(Kind.GENESIS, H1, None, None)),
    (names.members(H1, 2**64 - 1, H2), Name(Kind.MEMBERS, H1, 2**64 - 1, H2)),
    (names.head(H1, D1), Name(Kind.HEAD, H1, None, D1)),
    (names.prune_mark(H1, D1), Name(Kind.PRUNE_MARK, H1, None, D1)),
    (names.pack(H1, H2), Name(Kind.PACK, H1, None, H2)),
    (names.index(H1, H2), Name(Kind.INDEX, H1, None, H2)),
]


@pytest.mark.parametrize(("key", "name"), BUILT)
def test_a_key_that_was_built_is_parsed(key, name):
    assert names.parse(key) == name


def test_every_kind_is_built_here():
    assert {name.kind for _, name in BUILT} == set(Kind)


def test_a_key_looks_as_the_format_says():
    assert names.pack(H1, H2) == f"vaults/{'ab' * 32}/packs/cd/{'cd' * 32}"
    assert names.prune_mark(H1, D1) == f"vaults/{'ab' * 32}/heads/{'ef' * 16}.prune"
    assert names.card(H1, 1, H2) == f"people/{'ab' * 32}/card-1-{'cd' * 32}"
    assert names.members(H1, 7, H2) == f"vaults/{'ab' * 32}/members/7-{'cd' * 32}"


V = f"vaults/{H1.hex()}"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "e2esync",
        f"mail/{H1.hex()}",
        f"{V}/genesis ",
        f"{V}/genesis\n",
        f" {V}/genesis",
        f"x/{V}/genesis",
        f"{V.upper()}/genesis",
        f"{V}/Genesis",
        f"{V}0/genesis",
        f"{V}/members/0-{H2.hex()}",
        f"{V}/members/01-{H2.hex()}",
        f"{V}/members/+1-{H2.hex()}",
        f"{V}/members/-1-{H2.hex()}",
        f"{V}/members/\u0661-{H2.hex()}",
        f"{V}/members/{2**64}-{H2.hex()}",
        f"{V}/members/1-{H2.hex()[:-1]}",
        f"{V}/heads/{D1.hex()}.prune.prune",
        f"{V}/heads/{D1.hex()}xprune",
        f"{V}/heads/{H1.hex()}",
        f"{V}/heads/{D1.hex().upper()}",
        f"{V}/packs/ab/{H2.hex()}",
        f"{V}/packs/{H2.hex()}",
        f"{V}/index/../index/{H2.hex()}",
    ],
)
def test_any_other_key_is_none_of_ours(key):
    assert names.parse(key) is None


def test_the_bounds_are_those_of_the_format():
    kib, mib = 1024, 1024 * 1024
    assert {kind: kind.most_bytes for kind in Kind} == {
        Kind.CARD: 16 * kib,
        Kind.CARD_KEYS: 256 * kib,
        Kind.OWN_RECORD: 4 * mib,
        Kind.RETIRED: 16 * kib,
        Kind.GENESIS: 16 * kib,
        Kind.MEMBERS: 4 * mib,
        Kind.HEAD: 4 * mib,
        Kind.PRUNE_MARK: 4 * mib,
        Kind.PACK: 16 * mib,
        Kind.INDEX: 64 * mib,
    }
