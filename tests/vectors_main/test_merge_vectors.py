"""Each vector of tests/vectors that speaks of joining, folding or the view, through the program's own code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import Identifier, VaultSecret
from e2esync.format.cbor import decode, encode
from e2esync.merge.fold import fold, place_of
from e2esync.merge.join import Entries, join_entries
from e2esync.merge.whole import paths, view
from e2esync.tree.codec import decode_entries, encode_entries
from e2esync.tree.keys import kind_of
from e2esync.tree.values import Attributes, Content, DirectoryContent, Place, stored_order, value

CASES = Path(__file__).resolve().parent.parent / "vectors" / "cases"


def entries(key: bytes, coded: str) -> Entries:
    if not coded:
        return frozenset()
    return frozenset(decode_entries(decode(bytes.fromhex(coded)), kind_of(key)))


def coded(found: Entries) -> str:
    return encode(encode_entries(tuple(found))).hex() if found else ""


def seen(vector: dict[str, int]) -> dict[bytes, int]:
    return {bytes.fromhex(device): sequence for device, sequence in vector.items()}


def told(content: Content) -> str:
    if isinstance(content, DirectoryContent):
        return "01" if content.here else "00"
    return value(content).hex()


def dot(each: Place | Content | Attributes) -> list[Any]:
    return [each.dot.device.hex(), each.dot.sequence, each.dot.j]


def join_node(given: dict[str, Any]) -> Any:
    key = bytes.fromhex(given["key"])
    one, other = entries(key, given["one"]), entries(key, given["other"])
    joined = join_entries(one, seen(given["seen by one"]), other, seen(given["seen by other"]))
    return {"value": coded(joined)}


def folding(given: dict[str, Any]) -> Any:
    key = bytes.fromhex(given["key"])
    come_to = fold(entries(key, given["value"]))
    place = place_of(key, come_to)
    return {
        "places": [
            [*dot(each), each.parent.hex(), each.name.hex()]
            for each in sorted(come_to.places, key=stored_order)
        ],
        "contents": [[*dot(each), told(each)] for each in sorted(come_to.contents, key=stored_order)],
        "attributes": [[*dot(each), each.mode] for each in sorted(come_to.attributes, key=stored_order)],
        "stands": [place.parent.hex(), place.name.hex()],
    }


def viewing(given: dict[str, Any]) -> Any:
    secret = VaultSecret(bytes.fromhex(given["secret"]))
    identifier = Identifier(secret, Purpose.DIRECTORY_NUMBER)

    def tag(data: bytes) -> bytes:
        return identifier.of(data)[:16]

    tree = {bytes.fromhex(key): entries(bytes.fromhex(key), kept) for key, kept in given["tree"]}
    return [
        [path.hex(), sight.node.hex(), told(sight.content), sight.mode]
        for path, sight in sorted(paths(view(tree, tag), tag).items())
    ]


OPERATIONS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "join node": join_node,
    "fold": folding,
    "view": viewing,
}


def vectors() -> list[tuple[str, dict[str, Any]]]:
    read = [(path.stem, json.loads(path.read_text())) for path in sorted(CASES.glob("*.json"))]
    return [(name, vector) for name, vector in read if vector["operation"] in OPERATIONS]


@pytest.mark.parametrize(("name", "vector"), [pytest.param(*each, id=each[0]) for each in vectors()])
def test_the_program_agrees_with_the_vector(name, vector):
    assert OPERATIONS[vector["operation"]](vector["inputs"]) == vector["expect"], name


def test_every_operation_has_vectors():
    assert {vector["operation"] for _, vector in vectors()} == set(OPERATIONS)
