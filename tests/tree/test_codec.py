"""The values of the tree: one encoding each, read back as they were; each fault alone is refused (format §6.2–6.4)."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2esync.errors import BadObject
from e2esync.format.cbor import decode, encode
from e2esync.tree.codec import are_too_many, decode_entries, decode_reference, encode_entries
from e2esync.tree.keys import Kind, is_name
from e2esync.tree.lists import ListRoot, Reference
from e2esync.tree.values import (
    Attributes,
    DirectoryContent,
    Dot,
    Entry,
    FileContent,
    Place,
    SymlinkContent,
    VaultContent,
    WrappedKey,
    stored_order,
)

A, B, C = (bytes([n]) * 16 for n in (1, 2, 3))
E1, E2 = b"1" * 32, b"2" * 32
HASH, PARENT, WRAPPED = b"h" * 32, b"p" * 16, b"w" * 40

# --- what comes back ---

devices = st.sampled_from([A, B, C])
sequences = st.integers(1, 2**48 - 1)
times = st.integers(-(2**63), 2**63 - 1)
names = st.binary(min_size=1, max_size=255).filter(is_name)
wrapped = st.builds(
    WrappedKey, st.sampled_from([E1, E2]), st.sampled_from([E1, E2]), st.binary(min_size=40, max_size=40)
)


@st.composite
def file_contents(draw, dot):
    keys = tuple(draw(st.lists(wrapped, min_size=1, max_size=3)))
    reference = st.builds(
        Reference, st.integers(0, len(keys) - 1), st.binary(min_size=32, max_size=32), st.integers(1, 2**21)
    )
    if draw(st.booleans()):
        inline: tuple[Reference, ...] = tuple(draw(st.lists(reference, max_size=64)))
        chunks: tuple[Reference, ...] | ListRoot = inline
        size = sum(chunk.length for chunk in inline)
    else:
        chunks = ListRoot(HASH, draw(st.integers(0, 12)), draw(st.integers(65, 2**40)))
        size = draw(st.integers(chunks.references, chunks.references << 21))
    return FileContent(
        dot, size, draw(st.binary(min_size=32, max_size=32)), draw(times), keys, chunks,
        draw(st.text(st.characters(codec="utf-8"), max_size=255)), draw(times),
    )  # fmt: skip


@st.composite
def contents(draw, kind, dot):
    match kind:
        case Kind.FILE:
            return draw(file_contents(dot))
        case Kind.DIRECTORY:
            return DirectoryContent(dot, draw(st.booleans()))
        case Kind.SYMLINK:
            target = st.binary(min_size=1, max_size=4095).filter(lambda b: 0 not in b)
            return SymlinkContent(dot, draw(target), draw(times))
        case _:
            return VaultContent(dot, draw(st.binary(min_size=32, max_size=32)))


@st.composite
def entries(draw, kind, device):
    covered = {device: draw(sequences)}
    for other in {A, B, C} - {device}:
        if draw(st.booleans()):
            covered[other] = draw(sequences)
    dots = st.sampled_from(sorted(covered)).flatmap(
        lambda d: st.builds(Dot, st.integers(1, covered[d]), st.just(d), st.integers(0, 2**62 - 1))
    )

    def in_order(values):
        return tuple({stored_order(value): value for value in sorted(values, key=stored_order)}.values())

    def some(low, high):  # a dot may come twice, where somebody passes off a value under it
        found = draw(st.lists(dots, min_size=low, max_size=high))
        return found + draw(st.lists(st.sampled_from(found), max_size=1)) if found else found

    places = [Place(dot, draw(st.binary(min_size=16, max_size=16)), draw(names)) for dot in some(0, 2)]
    values = [draw(contents(kind, dot)) for dot in some(1, 3)]
    has_modes = kind in {Kind.FILE, Kind.DIRECTORY}
    attributes = [Attributes(dot, draw(st.integers(0, 0o777))) for dot in some(0, 2)] if has_modes else []
    past = tuple(sorted((d, s) for d, s in covered.items() if d != device))
    return Entry(
        device, covered[device], past,
        in_order(places), in_order(values), in_order(attributes),
    )  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(Kind), st.sets(devices, min_size=1))
def test_entries_come_back_as_they_were(data, kind, writers):
    made = tuple(data.draw(entries(kind, device)) for device in sorted(writers))
    encoded = encode(encode_entries(made))
    assert decode_entries(decode(encoded), kind) == made
    assert encode(encode_entries(decode_entries(decode(encoded), kind))) == encoded
    assert encode(encode_entries(made[::-1])) == encoded


def test_what_an_entry_costs():
    content = FileContent(
        Dot(5, A, 1),
        9,
        HASH,
        10**18,
        (WrappedKey(E1, E1, WRAPPED),),
        (Reference(0, HASH, 9),),
        "laptop",
        10**9,
    )
    plain = Entry(A, 5, (), (), (content,), (Attributes(Dot(5, A, 2), 0o644),))
    assert len(encode(encode_entries([plain]))) < 230


# --- what is refused: each with one fault, beside a value that is good ---


def good(kind: Kind) -> list[Any]:
    contents: dict[Kind, list[Any]] = {
        Kind.FILE: [10, HASH, -1, [[0, 1, WRAPPED]], [0, HASH, 4, 0, HASH, 6], "laptop", 1_700_000_000],
        Kind.DIRECTORY: [True],
        Kind.SYMLINK: [b"target", 0],
        Kind.VAULT: [HASH],
    }
    epochs = [E1, E2] if kind is Kind.FILE else []
    attributes = [[0, 7, 2, 0o644]] if kind in {Kind.FILE, Kind.DIRECTORY} else []
    return [
        [
            [A, B, C],
            epochs,
            7,
            [[1, 3], [2, 4]],
            [[1, 3, 0, PARENT, b"name"]],
            [[0, 7, 1, *contents[kind]]],
            attributes,
        ]
    ]


@pytest.mark.parametrize("kind", Kind)
def test_the_good_values_are_good(kind):
    assert encode_entries(decode_entries(good(kind), kind)) == good(kind)


def at(value, *path):
    for step in path[:-1]:
        value = value[step]
    return value, path[-1]


def put(*path_and_new):
    *path, new = path_and_new

    def fault(value):
        container, last = at(value, *path)
        container[last] = new

    return fault


def drop(*path):
    def fault(value):
        container, last = at(value, *path)
        del container[last]

    return fault


def add(*path_and_new):
    *path, new = path_and_new

    def fault(value):
        container, last = at(value, *path)
        container[last].append(new)

    return fault


def any_of(*values: Any) -> tuple[Any, ...]:
    return values


NO_ARRAYS: tuple[Any, ...] = (None, 0, True, b"", "", {}, b"ab", "ab", 1.0)
DOT_FAULTS = [
    (0, (3, -1, True, None, b"", 1.0, 1 << 70)),  # device
    (1, (0, -1, 8, 1 << 48, True, None, 7.0, b"")),  # sequence; 8 is outside of what the entry covers
    (2, (-1, True, None, 1.0, b"", 1 << 62)),  # j
]
FAULTS = [
    *[("any", "an entry that is no array", put(0, bad)) for bad in NO_ARRAYS],
    ("any", "no entries", drop(0)),
    ("any", "the same entry twice", lambda v: v.append(deepcopy(v[0]))),
    ("any", "a part too few", drop(0, 6)),
    ("any", "a part too many", add(0, [])),
    *[("any", f"a part {n} that is no array", put(0, n, bad)) for n in (0, 1, 3, 4, 5, 6) for bad in NO_ARRAYS],
    # devices
    ("any", "no device", put(0, 0, [])),
    ("any", "a short device", put(0, 0, 0, A[:-1])),
    ("any", "a long device", put(0, 0, 1, B + b"\0")),
    ("any", "a device that is no bytes", put(0, 0, 1, "device")),
    ("any", "devices out of order", put(0, 0, [A, C, B])),
    ("any", "a device twice", put(0, 0, [A, B, B])),
    ("any", "the writer twice", put(0, 0, [A, A, C])),
    ("any", "a device that nothing speaks of", add(0, 0, b"\x04" * 16)),
    # epochs
    ("any", "an epoch that nothing speaks of", add(0, 1, b"3" * 32)),
    ("file", "a short epoch", put(0, 1, 0, E1[:-1])),
    ("file", "epochs out of order", put(0, 1, [E2, E1])),
    ("file", "an epoch twice", put(0, 1, [E1, E1])),
    ("file", "no epochs", put(0, 1, [])),
    # sequence
    *[("any", f"a sequence of {bad!r}", put(0, 2, bad)) for bad in (0, -1, 1 << 48, True, None, 7.0, b"")],
    ("any", "a sequence below its own dots", put(0, 2, 6)),
    # past
    ("any", "a past out of order", put(0, 3, [[2, 4], [1, 3]])),
    ("any", "a past with the writer", put(0, 3, 0, [0, 7])),
    ("any", "a past with a device twice", put(0, 3, [[1, 3], [1, 4]])),
    ("any", "a past of an unknown device", put(0, 3, 0, [3, 3])),
    ("any", "a past of device -1", put(0, 3, 0, [-1, 3])),
    ("any", "a past of device true", put(0, 3, 0, [True, 3])),
    *[("any", f"a past of {bad!r}", put(0, 3, 1, 1, bad)) for bad in (0, -1, 1 << 48, True, None, 1.0)],
    ("any", "a past with too much", put(0, 3, 0, [1, 3, 0])),
    ("any", "a past with too little", put(0, 3, 0, [1])),
    ("any", "a past that is no array", put(0, 3, 0, 1)),
    ("any", "a past that is bytes", put(0, 3, 0, b"\1\3")),
    ("any", "a past that is a map", put(0, 3, 0, {1: 0, 3: 0})),
    ("file", "an attribute that is bytes", put(0, 6, 0, b"\0\7\2\200")),
    ("file", "an attribute that is a map", put(0, 6, 0, dict.fromkeys([0, 7, 2, 0o644]))),
    ("any", "a place that is a map", put(0, 4, 0, dict.fromkeys([1, 3, 0, PARENT, b"name"]))),
    ("symlink", "a content that is a map", put(0, 5, 0, dict.fromkeys([0, 7, 1, b"target", 5]))),
    ("file", "a key that is a map", put(0, 5, 0, 6, 0, dict.fromkeys([0, 1, WRAPPED]))),
    # dots, wherever they are
    *[
        (kind, f"a {part} dot with {bad!r} at {n}", put(0, part, 0, n, bad))
        for kind, part in (("any", 4), ("any", 5), ("file", 6), ("directory", 6))
        for n, bads in DOT_FAULTS
        for bad in bads
    ],
    ("any", "a dot outside of the past", put(0, 4, 0, 1, 4)),
    ("any", "places out of order", put(0, 4, [[2, 1, 0, PARENT, b"a"], [1, 1, 0, PARENT, b"b"]])),
    ("any", "one place twice", put(0, 4, [[1, 1, 0, PARENT, b"a"]] * 2)),
    ("any", "one dot for two places, out of order", put(0, 4, [[1, 1, 0, PARENT, b"b"], [1, 1, 0, PARENT, b"a"]])),
    ("any", "one content twice", lambda v: v[0][5].append(deepcopy(v[0][5][0]))),
    ("file", "attributes twice", lambda v: v[0][6].append(deepcopy(v[0][6][0]))),
    # places
    *[("any", f"the name {bad!r}", put(0, 4, 0, 4, bad)) for bad in (b"", b".", b"..", b"a/b", b"a\0", b"x" * 256, "name", None)],
    *[("any", f"the parent {bad!r}", put(0, 4, 0, 3, bad)) for bad in (b"", PARENT[:-1], PARENT + b"\0", "p" * 16, None, 0)],
    ("any", "a place with too much", add(0, 4, 0, 0)),
    ("any", "a place with too little", drop(0, 4, 0, 4)),
    # contents
    ("any", "no contents", put(0, 5, [])),
    ("any", "a content with too much", add(0, 5, 0, 0)),
    ("any", "a content with too little", drop(0, 5, 0, 3)),
    ("any", "a content that is no array", put(0, 5, 0, 0)),
    *[("file", f"a size of {bad!r}", put(0, 5, 0, 3, bad)) for bad in (-1, 9, 11, 1 << 62, True, None, 10.0, b"")],
    *[("file", f"a content hash of {bad!r}", put(0, 5, 0, 4, bad)) for bad in (b"", HASH[:-1], HASH + b"\0", "h" * 32, None)],
    *[("file", f"an mtime of {bad!r}", put(0, 5, 0, 5, bad)) for bad in (1 << 63, -(1 << 63) - 1, True, None, 1.0, b"")],
    *[("file", f"keys {bad!r}", put(0, 5, 0, 6, bad)) for bad in any_of(None, 0, {}, [[0, 1]], [[0, 1, WRAPPED, 0]], [0, 1, WRAPPED])],
    *[("file", f"a key born in {bad!r}", put(0, 5, 0, 6, 0, 0, bad)) for bad in (-1, 2, True, None, b"")],
    *[("file", f"a key wrapped under {bad!r}", put(0, 5, 0, 6, 0, 1, bad)) for bad in (-1, 2, True, None, b"")],
    *[("file", f"a wrapped key {bad!r}", put(0, 5, 0, 6, 0, 2, bad)) for bad in (b"", WRAPPED[:-1], WRAPPED + b"\0", "w" * 40)],
    *[("file", f"chunks {bad!r}", put(0, 5, 0, 7, bad)) for bad in any_of(None, 0, {}, "", b"", [], [0, HASH], [0, HASH, 10, 0])],
    *[("file", f"chunk key {bad!r}", put(0, 5, 0, 7, 3, bad)) for bad in (1, -1, True, None)],
    *[("file", f"chunk id {bad!r}", put(0, 5, 0, 7, 4, bad)) for bad in (b"", HASH[:-1], HASH + b"\0", "h" * 32, None)],
    *[("file", f"chunk length {bad!r}", put(0, 5, 0, 7, 5, bad)) for bad in (0, -6, 5, 7, True, None, 6.0)],
    ("file", "a chunk that is too long", lambda v: put(0, 5, 0, 3, (1 << 21) + 5)(v) or put(0, 5, 0, 7, 5, (1 << 21) + 1)(v)),
    ("file", "lengths that make up for each other", lambda v: put(0, 5, 0, 7, 2, 11)(v) or put(0, 5, 0, 7, 5, -1)(v)),
    ("file", "more than 64 chunks", lambda v: put(0, 5, 0, 3, 65)(v) or put(0, 5, 0, 7, [0, HASH, 1] * 65)(v)),
    *[("file", f"a list {bad!r}", put(0, 5, 0, 7, bad)) for bad in ([HASH, 0, 64], [HASH, 0], [HASH, 0, 65, 0], [HASH, 13, 65], [HASH, -1, 65], [HASH, True, 65], [HASH, 0, True], [HASH[:-1], 0, 65], [HASH, 0, 1 << 62], [HASH, 0, 65] * 2)],
    *[("file", f"a device name {bad!r}", put(0, 5, 0, 8, bad)) for bad in (None, 0, b"laptop", "x" * 256)],
    *[("file", f"saved at {bad!r}", put(0, 5, 0, 9, bad)) for bad in (1 << 63, True, None, 1.0)],
    *[("directory", f"here is {bad!r}", put(0, 5, 0, 3, bad)) for bad in (0, 1, None, b"", "true")],
    *[("symlink", f"a target {bad!r}", put(0, 5, 0, 3, bad)) for bad in (b"", b"a\0", b"x" * 4096, "target", None)],
    *[("symlink", f"a link's mtime {bad!r}", put(0, 5, 0, 4, bad)) for bad in (1 << 63, True, None, 1.0)],
    *[("vault", f"a vault {bad!r}", put(0, 5, 0, 3, bad)) for bad in (b"", HASH[:-1], HASH + b"\0", "h" * 32, None)],
    # attributes
    *[("file", f"a mode of {bad!r}", put(0, 6, 0, 3, bad)) for bad in (-1, 0o1000, 0o1755, True, None, 1.0, b"")],
    ("symlink", "a mode of a symlink", add(0, 6, [0, 7, 2, 0o644])),
    ("vault", "a mode of a vault", add(0, 6, [0, 7, 2, 0o644])),
    ("file", "an attribute with too much", add(0, 6, 0, 0)),
    ("file", "an attribute with too little", drop(0, 6, 0, 3)),
]  # fmt: skip


def cases():
    for name, what, fault in FAULTS:
        for kind in Kind:
            if name == "any" or Kind[name.upper()] is kind:
                yield pytest.param(kind, fault, id=f"{kind.name.lower()}: {what}")


@pytest.mark.parametrize(("kind", "fault"), list(cases()))
def test_a_value_with_one_fault_is_refused(kind, fault):
    value = good(kind)
    fault(value)
    assert value != good(kind) or repr(value) != repr(good(kind))
    with pytest.raises(BadObject):
        decode_entries(value, kind)


@pytest.mark.parametrize("raw", [None, 0, True, b"", "", {}, [], [None], [[]]])
def test_what_is_no_value_is_refused(raw):
    with pytest.raises(BadObject):
        decode_entries(raw, Kind.FILE)


@pytest.mark.parametrize("stored", Kind)
@pytest.mark.parametrize("claimed", Kind)
def test_a_value_of_another_kind_is_refused(stored, claimed):
    if stored is not claimed:
        with pytest.raises(BadObject):
            decode_entries(good(stored), claimed)


def test_entries_out_of_order_are_refused():
    one, other = good(Kind.DIRECTORY)[0], good(Kind.DIRECTORY)[0]
    other[0][0], other[0][1] = B, A
    assert len(decode_entries([one, other], Kind.DIRECTORY)) == 2
    with pytest.raises(BadObject):
        decode_entries([other, one], Kind.DIRECTORY)


def test_two_entries_of_one_device_are_refused():
    one, other = good(Kind.DIRECTORY)[0], good(Kind.DIRECTORY)[0]
    other[5][0][2] = 9
    with pytest.raises(BadObject):
        decode_entries([one, other], Kind.DIRECTORY)


def test_an_unused_epoch_is_refused_where_there_are_no_keys_at_all():
    value = good(Kind.FILE)
    value[0][5][0][3:8] = [0, HASH, 0, [], []]
    with pytest.raises(BadObject):
        decode_entries(value, Kind.FILE)
    value[0][1] = []
    assert decode_entries(value, Kind.FILE)


@pytest.mark.parametrize("bad", [{}, b"", "", None, 0])
def test_an_entry_alone_has_an_array_for_its_past(bad):
    value = [[[A], [], 7, [], [], [[0, 7, 1, True]], []]]
    assert decode_entries(value, Kind.DIRECTORY)
    value[0][3] = bad
    with pytest.raises(BadObject):
        decode_entries(value, Kind.DIRECTORY)


@pytest.mark.parametrize("part", ["keys", "chunks"])
@pytest.mark.parametrize("bad", [{}, b"", "", None, 0])
def test_an_empty_file_has_arrays_for_keys_and_chunks(part, bad):
    value = good(Kind.FILE)
    value[0][1] = []
    value[0][5][0][3:8] = [0, HASH, 0, [], []]
    assert decode_entries(value, Kind.FILE)
    value[0][5][0][6 if part == "keys" else 7] = bad
    with pytest.raises(BadObject):
        decode_entries(value, Kind.FILE)


@pytest.mark.parametrize("part", [4, 5, 6])
def test_more_than_1024_values_are_too_many(part):
    value = good(Kind.FILE)
    row = value[0][part][0]
    value[0][part] = [[row[0], row[1], j, *row[3:]] for j in range(1024)]
    assert not are_too_many(decode_entries(value, Kind.FILE))
    value[0][part].append([row[0], row[1], 1024, *row[3:]])
    assert are_too_many(decode_entries(value, Kind.FILE))


@pytest.mark.parametrize(
    "raw", [[1, HASH, 1], [0, HASH, 0], [0, HASH[:-1], 1], [0, HASH, (1 << 21) + 1], [True, HASH, 1]]
)
def test_a_bad_reference_is_refused(raw):
    assert decode_reference([0, HASH, 1 << 21], 1) == (0, HASH, 1 << 21)
    with pytest.raises(BadObject):
        decode_reference(raw, 1)
