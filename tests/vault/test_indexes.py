"""Indexes: the rows come back as they were; what is damaged, of another vault or malformed is refused."""

import random
from hashlib import sha256
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import EpochKey, Sealer
from e2esync.errors import BadObject, NewerFormat
from e2esync.format.cbor import encode
from e2esync.format.index import PACK_LIMIT, Group, Row, decode_index, encode_index
from e2esync.format.padding import pad, padme
from e2esync.vault.indexes import LEAST, open_index, seal_index
from tests.vault.people import flipped

VAULT, RECORD, EPOCH = b"v" * 32, b"r" * 32, b"e" * 32
KEY, OTHER_KEY = EpochKey.generate(), EpochKey.generate()


def group(pack=b"p" * 32, lengths=(100, 200), *, start=0, is_chunk=True, epoch=EPOCH) -> Group:
    offsets = accumulate(lengths[:-1], initial=start)
    rows = (
        Row(sha256(pack + b"%d" % at).digest()[:16], at, length)
        for at, length in zip(offsets, lengths, strict=True)
    )
    return Group(pack, is_chunk, epoch, tuple(rows))


def sealed(groups, key=KEY) -> bytes:
    return seal_index(groups, vault_id=VAULT, record=RECORD, key=key)


def opened(content, index_id=None, *, vault=VAULT, key=KEY, record=RECORD):
    def key_of(named):
        if named not in {record, EPOCH, b"f" * 32}:
            raise BadObject("not known")
        return key

    return list(open_index(content, index_id or sha256(content).digest(), vault_id=vault, key_of=key_of))


groups = st.builds(
    group,
    st.binary(min_size=32, max_size=32),
    st.lists(st.integers(29, 100_000), min_size=1, max_size=20),
    start=st.integers(0, 1 << 22),
    is_chunk=st.booleans(),
    epoch=st.sampled_from([EPOCH, b"f" * 32]),
)


@settings(deadline=None)
@given(st.lists(groups, max_size=12, unique_by=lambda g: (g.pack, g.rows[0].offset)))
def test_the_groups_come_back_by_pack_and_start(made):
    assert opened(sealed(made)) == sorted(made, key=lambda g: (g.pack, g.rows[0].offset))


def test_a_million_rows_take_about_20_mib():
    rows = [group(bytes([n >> 8, n & 255]) * 16, [400] * 1000) for n in range(100)]
    assert 20 * 100_000 <= len(sealed(rows)) <= 23 * 100_000


def test_the_size_is_padded():
    for count in (60, 100, 300):
        content = sealed([group(bytes([n % 256, n >> 8]) * 16) for n in range(count)])
        assert len(content) == padme(len(content)) > LEAST


@pytest.mark.row("L1")
def test_indexes_of_few_chunks_have_one_size():
    assert {len(sealed([group(lengths=[100] * n)])) for n in range(1, 180)} == {LEAST}
    assert len(sealed([])) == LEAST


@pytest.mark.parametrize("least", [0, LEAST - 1, LEAST + 1, LEAST + 128])
def test_an_index_that_is_shorter_or_longer_than_it_should_be_is_refused(least):
    padded = pad(encode(GOOD), overhead=60, least=least)
    content = RECORD + Sealer(KEY, Purpose.INDEX_SEAL).seal(padded, context=VAULT + RECORD)
    with pytest.raises(BadObject):
        opened(content)


def test_an_index_that_was_changed_is_refused_whatever_it_is_called():
    content = sealed([group()])
    r = random.Random(4)
    for position in [*range(70), *r.sample(range(len(content)), 60)]:
        with pytest.raises(BadObject):
            opened(flipped(content, position))
    for wrong in (b"", content[:32], content[:59], content[:60], content[:-1], content + b"\0"):
        with pytest.raises(BadObject):
            opened(wrong)


def test_an_index_is_the_one_that_is_named():
    one, other = sealed([group()]), sealed([group()])
    assert one != other
    with pytest.raises(BadObject):
        opened(one, sha256(other).digest())


def test_an_index_of_another_vault_key_or_record_is_refused():
    content = sealed([group()])
    for change in ({"vault": b"o" * 32}, {"key": OTHER_KEY}, {"record": b"x" * 32}):
        with pytest.raises(BadObject):
            opened(content, **change)


# --- the body ---

PREFIXES, LENGTHS = b"1" * 16 + b"2" * 16, b"\0\0\0\x64" * 2
GOOD: list[Any] = [1, [EPOCH], [[b"p" * 32, 0, 0, 0, PREFIXES, LENGTHS]]]
ROW = GOOD[2][0]


def with_part(n: int, value) -> list:
    return [1, [EPOCH], [[*ROW[:n], value, *ROW[n + 1 :]]]]


MALFORMED = {
    "no array": {},
    "a version that is true": [True, *GOOD[1:]],
    "too little": [1, [EPOCH]],
    "too much": [*GOOD, []],
    "epochs that are no array": [1, 5, GOOD[2]],
    "a short epoch": [1, [EPOCH[:-1]], GOOD[2]],
    "epochs out of order": [1, [b"f" * 32, EPOCH], GOOD[2]],
    "an epoch twice": [1, [EPOCH, EPOCH], GOOD[2]],
    "groups that are no array": [1, [EPOCH], 5],
    "a group that is no array": [1, [EPOCH], [5]],
    "a group with too little": [1, [EPOCH], [ROW[:5]]],
    "a group with too much": [1, [EPOCH], [[*ROW, 0]]],
    "the same group twice": [1, [EPOCH], [ROW, ROW]],
    "groups out of order": [1, [EPOCH], [[b"q" * 32, *ROW[1:]], ROW]],
    **{f"pack {bad!r}": with_part(0, bad) for bad in (b"", b"p" * 31, b"p" * 33, "p" * 32, None)},
    **{f"start {bad!r}": with_part(1, bad) for bad in (-1, True, None, 1.0, PACK_LIMIT - 199, 1 << 70)},
    **{f"kind class {bad!r}": with_part(2, bad) for bad in (2, -1, None, b"", True, False)},
    **{f"epoch {bad!r}": with_part(3, bad) for bad in (1, -1, None, True, False)},
    **{f"prefixes {bad!r}": with_part(4, bad) for bad in (b"", PREFIXES[:-1], PREFIXES + b"\0", PREFIXES[:16], None, "1" * 32)},
    **{f"lengths {bad!r}": with_part(5, bad) for bad in (b"", LENGTHS[:-1], LENGTHS + b"\0", LENGTHS[:4], bytes(8), None)},
    "a length of zero": with_part(5, LENGTHS[:4] + bytes(4)),
    "lengths beyond a pack": with_part(5, b"\0\xff\xff\xff\0\0\0\2"),
    "no rows": with_part(4, b"")[:2] + [[[*ROW[:4], b"", b""]]],  # noqa: RUF005
}  # fmt: skip


def test_the_good_body_is_good():
    assert encode_index(decode_index(encode(GOOD))) == encode(GOOD)


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_body_is_refused(value):
    with pytest.raises((BadObject, NewerFormat)):
        list(decode_index(encode(value)))


@pytest.mark.parametrize("version", [0, 2, None, b""])
def test_another_version_is_a_newer_format(version):
    with pytest.raises(NewerFormat):
        list(decode_index(encode([version, *GOOD[1:]])))


@pytest.mark.parametrize(
    "body", [b"", b"\xff", encode(GOOD) + b"\0", encode(GOOD)[:-1], b"\x83\x01\x80\x9f\xff"]
)
def test_what_is_no_cbor_is_refused(body):
    with pytest.raises(BadObject):
        list(decode_index(body))


def test_blobs_that_overlap_in_two_groups_are_claims_like_any_other():
    one, other = group(lengths=[100, 100]), group(lengths=[100], start=50)
    assert opened(sealed([one, other])) == [one, other]
