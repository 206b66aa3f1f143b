"""The parsers of e2esync.format and e2esync.tree: bytes in, values out, no key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from e2esync.errors import BadObject
from e2esync.format import cbor, history, names, points, shape, wraps
from e2esync.format.certificate import SignedCertificate
from e2esync.format.head import EpochFramed
from e2esync.format.history import HistoryPage
from e2esync.format.index import Group, Row, decode_index, encode_index
from e2esync.format.members import MembersSecrets
from e2esync.format.ownrecord import OwnRecordBody, OwnRecordObject, pad_body, unpad_body
from e2esync.format.padding import pad, unpad
from e2esync.format.sealedmessage import SealedMessage, pad_message, unpad_message
from e2esync.format.signed import SignedRecord
from e2esync.tree.codec import decode_entries, encode_entries
from e2esync.tree.compare import compare
from e2esync.tree.keys import Kind, birthplace, node_key
from e2esync.tree.lists import ListRoot, walk
from e2esync.tree.pagecodec import list_items, page_items, page_value
from e2esync.tree.pages import Page, Root
from tests.format.test_records import D1, D2, H1, H2, H3, SAMPLES, SIGNED
from tests.fuzz import forms
from tests.fuzz.target import Target, text
from tests.tree import memory
from tests.tree.test_codec import good

CASES = Path(__file__).resolve().parent.parent / "vectors" / "cases"
WRAPS = ((H1, b"\x05" * 1168), (H2, b"\x06" * 1168))
OVERHEAD = 60
POINTS = ((D1, 1, H1), (D2, 2**48 - 1, H2))


def vectors(operation: str, field: str) -> list[bytes]:
    """Return one input of all vectors of an operation, good or bad: a bad one is a seed as well."""
    read = [json.loads(path.read_text()) for path in sorted(CASES.glob("*.json"))]
    return sorted({bytes.fromhex(one["inputs"][field]) for one in read if one["operation"] == operation})


def payloads(operation: str, field: str = "record") -> list[bytes]:
    """Return what the signed records among the vectors hold."""
    found = []
    for content in vectors(operation, field):
        form = forms.read(content)
        if form is not None and form.parts:
            found.append(form.parts[0].content)
    return found


def of_value(check: Callable[[Any], Any]) -> Callable[[bytes], Any]:
    """Return a parser for what is decoded as a part of something larger."""
    return lambda data: check(cbor.decode_exact(data))


def part(name: str, check: Callable[[Any], Any], seeds: list[Any], covers: str) -> Target:
    """Return the target of a part."""
    encoded = [cbor.encode(seed) for seed in seeds]
    return Target(name, of_value(check), encoded, (covers,), encode=cbor.encode, long=False)


VECTORS = {
    "Card": payloads("card"),
    "CardKeys": payloads("card keys"),
    "Certificate": payloads("certificate", "certificate"),
    "Genesis": payloads("genesis"),
    "Members": payloads("members"),
    "Snapshot": payloads("snapshot"),
}


def records() -> list[Target]:
    """Return the targets of all records that decode and encode themselves."""
    found = []
    for sample in SAMPLES:
        kind = type(sample)
        covered = f"{kind.__module__.removeprefix('e2esync.')}:{kind.__name__}.decode"
        seeds = [sample.encode(), *VECTORS.get(kind.__name__, [])]
        found.append(Target(kind.__name__, kind.decode, seeds, (covered,), encode=kind.encode))
    return found


SECRETS = MembersSecrets(H1, ((H2, H3),), ((H1, "Ann"), (H2, "Bob")))
OWN_BODY = OwnRecordBody(SIGNED, b"payload", b"\x03" * 64)
PAGE = HistoryPage(1, tuple(bytes([n]) * 32 for n in range(64)))
LISTS = [[H1, 0, 65], [H2, 12, 2**40]]

ENVELOPES = [
    Target(
        "cbor", cbor.decode, [*vectors("cbor", "encoded"), cbor.encode([1, [b"", "a", None, {1: True}]])],
        ("format.cbor:decode", "format.cbor:decode_exact"),
    ),
    Target(
        "cbor, one encoding", cbor.decode_exact, vectors("cbor", "encoded"), ("format.cbor:decode_exact",),
        encode=cbor.encode,
    ),
    Target(
        "map", lambda data: shape.fields(data, 3), [cbor.encode({1: 1, 2: b"x", 3: []})],
        ("format.cbor:decode_map", "format.shape:fields"), encode=cbor.encode, long=False,
    ),
    Target(
        "MembersSecrets", MembersSecrets.decode, [SECRETS.encode()],
        ("format.members:MembersSecrets.decode", "format.shape:bare_fields"), encode=MembersSecrets.encode,
    ),
    Target(
        "SignedRecord", SignedRecord.decode, [*vectors("card", "record"), SignedRecord(b"", bytes(64)).encode()],
        ("format.signed:SignedRecord.decode",), encode=SignedRecord.encode,
    ),
    Target(
        "SignedCertificate", SignedCertificate.decode, [SIGNED.encode(), *vectors("certificate", "certificate")],
        ("format.certificate:SignedCertificate.decode", "format.certificate:SignedCertificate.of_parts"),
        encode=SignedCertificate.encode,
    ),
    Target(
        "EpochFramed", EpochFramed.decode, vectors("head", "object"), ("format.head:EpochFramed.decode",),
        encode=EpochFramed.encode, long=False,
    ),
    Target(
        "OwnRecordBody", OwnRecordBody.decode, [OWN_BODY.encode()], ("format.ownrecord:OwnRecordBody.decode",),
        encode=OwnRecordBody.encode,
    ),
    Target(
        "OwnRecordObject", OwnRecordObject.decode,
        [*vectors("own record", "object"), OwnRecordObject(WRAPS, b"sealed").encode()],
        ("format.ownrecord:OwnRecordObject.decode",), encode=OwnRecordObject.encode,
    ),
    Target(
        "SealedMessage", SealedMessage.decode, vectors("message", "object"),
        ("format.sealedmessage:SealedMessage.decode",), encode=SealedMessage.encode,
    ),
]  # fmt: skip


def spot_below(data: bytes) -> history.Spot:
    """Go one step down in a history page."""
    return history.descend(history.Spot(H1, 2, 70), data)


PARTS = [
    part("point", points.decode_point, [POINTS[0], POINTS[1]], "format.points:decode_point"),
    part("points", points.decode_points, [(), POINTS, POINTS[::-1]], "format.points:decode_points"),
    part("context", points.decode_context, [(), POINTS], "format.points:decode_context"),
    part("record name", points.decode_record_name, [(1, H1)], "format.points:decode_record_name"),
    part("wraps", lambda value: wraps.decode_wraps(value, 32), [WRAPS], "format.wraps:decode_wraps"),
    part(
        "history", lambda value: history.decode_history(value, sequence=130),
        [[[H1] * 65, [H2]], [[H1] * 129], [[]]], "format.history:decode_history",
    ),
    Target(
        "history page", HistoryPage.decode, [PAGE.encode()], ("format.history:HistoryPage.decode",),
        encode=HistoryPage.encode,
    ),
    Target("way down the history", spot_below, [PAGE.encode()], ("format.history:descend",), long=False),
    Target("padding", lambda data: unpad(data, overhead=OVERHEAD), [
        *vectors("unpad", "padded"), *(pad(b"x" * n, overhead=OVERHEAD) for n in (0, 1, 200, 5000)),
    ], ("format.padding:unpad",), encode=lambda body: pad(body, overhead=OVERHEAD)),
    Target(
        "padding of an own record", lambda data: unpad_body(data, WRAPS),
        [pad_body(b"x" * n, WRAPS) for n in (0, 1, 200, 60_000)], ("format.ownrecord:unpad_body",),
        encode=lambda body: pad_body(body, WRAPS),
    ),
    Target(
        "padding of a message", unpad_message, [pad_message(b"x" * n) for n in (0, 1, 200, 5000)],
        ("format.sealedmessage:unpad_message",), encode=pad_message,
    ),
]  # fmt: skip

# --- the index ------------------------------------------------------------------------------------------

GROUPS = (
    Group(H1, True, H3, (Row(D1, 0, 100), Row(D2, 100, 29))),
    Group(H1, False, H2, (Row(D1, 129, 2**24 - 129),)),
    Group(H2, False, H2, (Row(D2, 7, 40),)),
)


def index(data: bytes) -> tuple[Group, ...]:
    """Return all groups."""
    groups = tuple(decode_index(data))
    if {group.epoch for group in groups} == set(cbor.decode(data)[1]):
        assert encode_index(groups) == data
    return groups


# What an index lists as epochs and names in no group, the format does not forbid: so it is not exact.
INDEX = Target(
    "index", index, [encode_index(GROUPS), encode_index([]), *vectors("index", "body")],
    ("format.index:decode_index",), encode=encode_index, exact=False,
)  # fmt: skip

# --- names in the store ------------------------------------------------------------------------------------

OBJECTS = (
    names.card(H1, 1, H2), names.card_keys(H1, 2**64 - 1, H2), names.own_record(H1, D1), names.retired(H1, D1),
    names.genesis(H1), names.members(H1, 12, H2), names.head(H1, D1), names.prune_mark(H1, D1), names.pack(H1, H2),
    names.index(H1, H2),
)  # fmt: skip
BUILD: dict[names.Kind, Callable[[names.Name], str]] = {
    names.Kind.CARD: lambda name: names.card(name.owner, name.number or 0, name.id or b""),
    names.Kind.CARD_KEYS: lambda name: names.card_keys(name.owner, name.number or 0, name.id or b""),
    names.Kind.OWN_RECORD: lambda name: names.own_record(name.owner, name.id or b""),
    names.Kind.RETIRED: lambda name: names.retired(name.owner, name.id or b""),
    names.Kind.GENESIS: lambda name: names.genesis(name.owner),
    names.Kind.MEMBERS: lambda name: names.members(name.owner, name.number or 0, name.id or b""),
    names.Kind.HEAD: lambda name: names.head(name.owner, name.id or b""),
    names.Kind.PRUNE_MARK: lambda name: names.prune_mark(name.owner, name.id or b""),
    names.Kind.PACK: lambda name: names.pack(name.owner, name.id or b""),
    names.Kind.INDEX: lambda name: names.index(name.owner, name.id or b""),
}


def key_of_object(data: bytes) -> str | None:
    """Parse the key of an object, and build it again."""
    name = names.parse(text(data))
    if name is None:
        return None
    assert BUILD[name.kind](name) == text(data)
    return text(data)


NAMES = Target("key of an object", key_of_object, [key.encode() for key in OBJECTS], ("format.names:parse",))

# --- the tree -------------------------------------------------------------------------------------------------


def entries(kind: Kind) -> Target:
    """Return the target of a node's value; the bytes are exact where a record's would have to be."""

    def parse(data: bytes) -> Any:
        value = cbor.decode(data)
        decoded = decode_entries(value, kind)
        try:
            exact = cbor.decode_exact(data)
        except BadObject:
            return decoded
        assert cbor.encode(encode_entries(decode_entries(exact, kind))) == data
        return decoded

    plain = good(kind)[0]
    seeds = [good(kind), [[[D1], plain[1], 7, [], [], plain[5], []]]]
    if kind is Kind.FILE:
        long = good(kind)
        long[0][5][0][7] = [H1, 1, 3000]
        seeds.append(long)
    return Target(
        f"value of a {kind.name.lower()}", parse, [cbor.encode(seed) for seed in seeds],
        ("tree.codec:decode_entries", "tree.codec:decode_reference"),
        encode=lambda value: cbor.encode(encode_entries(value)), exact=False,
    )  # fmt: skip


def chunk_list(data: bytes) -> list[Any]:
    """Walk a list whose pages stand in a row of pages, the last first; each is named by its place from the end.

    At most so many pages and references are looked at as the list claims: more is a list that blows up.
    """
    pages = shape.array(cbor.decode(data))
    claimed = 80
    got = 0

    def get(page_id: bytes, level: int) -> list[tuple[int | bytes, ...]]:
        nonlocal got
        got += 1
        assert got <= claimed * (level + 13), "more pages are read than the list has references"
        shape.must(hold=bool(pages))
        return list_items(pages[page_id[0] % len(pages)], level)

    found = []
    level = shape.integer(len(pages)) % 4
    size = sum(int(item[2]) for item in list_items(pages[0], level)) if pages else 0
    for reference in walk(ListRoot(bytes(32), level, claimed), size, get=get):
        found.append(reference)
        assert len(found) <= claimed, "more references than claimed"
    return found


def page_of(level: int, below: int, count: int) -> list[Any]:
    """Return a page of a chunk list."""
    if level == 0:
        return [0, *([0, bytes([n]) * 32, 5] for n in range(count))]
    return [level, *([bytes([below]) * 32, 80 // count, 400 // count] for _ in range(count))]


def compared(data: bytes) -> list[Any]:
    """Compare an empty tree with one whose pages stand in a row; each is named by its place."""
    pages = shape.array(cbor.decode(data))
    table = memory.Table()

    def get(page_id: bytes, level: int) -> Any:
        shape.must(hold=bool(pages))
        return page_items(pages[page_id[0] % len(pages)], level)

    changes = list(compare(table, Root(bytes(32), len(pages) - 1), get=get))
    keys = [key for key, _ in changes]
    assert keys == sorted(set(keys))
    return changes


KEYS = [node_key(bytes(16), name, kind, n) for name, kind, n in (
    (b"a", Kind.FILE, 0), (b"b" * 255, Kind.DIRECTORY, 1), (b"\xff", Kind.SYMLINK, 2**32 - 1), (b"v", Kind.VAULT, 0),
)]  # fmt: skip
TWO_LEVELS = [
    page_value(Page(1, [(KEYS[0], b"\x01" * 32), (KEYS[1], b"\x02" * 32)])),
    page_value(Page(0, [(KEYS[0], b"value")])), page_value(Page(0, [(KEYS[1], b"value")])),
]  # fmt: skip


def tree_page(data: bytes) -> Page:
    """Return a page of the level that its first byte says."""
    return Page(data[0], page_items(cbor.decode_exact(data[1:]), data[0])) if data else Page(0, [])


def list_page(data: bytes) -> list[Any]:
    """Return a page of a chunk list of the level that its first byte says."""
    return [data[0], *map(list, list_items(cbor.decode_exact(data[1:]), data[0]))] if data else []


TREE = [
    *map(entries, Kind),
    Target(
        "tree page", tree_page, [b"\x01" + cbor.encode(TWO_LEVELS[0]), b"\x00" + cbor.encode(TWO_LEVELS[1])],
        ("tree.pagecodec:page_items",),
        encode=lambda page: bytes([page.level]) + cbor.encode(page_value(page)) if page.items else b"",
    ),
    Target(
        "page of a chunk list", list_page, [bytes([n]) + cbor.encode(page_of(n, 1, 4)) for n in (0, 1)],
        ("tree.pagecodec:list_items",), encode=lambda value: bytes(value[:1]) + cbor.encode(value) if value else b"",
    ),
    Target(
        "chunk list", chunk_list,
        [cbor.encode([page_of(1, 1, 2), page_of(0, 0, 40)]), cbor.encode([page_of(0, 0, 80)] * 4)],
        ("tree.lists:walk",),
    ),
    Target("tree", compared, [cbor.encode(TWO_LEVELS[1:2]), cbor.encode(TWO_LEVELS[:2])], ("tree.compare:compare",)),
    Target("key of a node", birthplace, KEYS, ("tree.keys:birthplace",), encode=lambda parts: node_key(*parts)),
]  # fmt: skip

TARGETS = [*records(), *ENVELOPES, *PARTS, INDEX, NAMES, *TREE]
