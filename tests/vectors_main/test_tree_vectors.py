"""Each vector of tests/vectors that speaks of blobs, the tree, lists or indexes, through the program's own code."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import DataKey, EpochKey, Identifier, VaultSecret
from e2esync.errors import BadObject, NewerFormat
from e2esync.format.cbor import decode, encode
from e2esync.tree import pages
from e2esync.tree.compare import compare
from e2esync.tree.keys import birthplace
from e2esync.tree.lists import ListRoot, Reference, build, walk
from e2esync.tree.pagecodec import list_items, page_items, page_value
from e2esync.tree.pages import Root
from e2esync.vault.cipher import BlobKind, FileCipher, VaultCipher
from e2esync.vault.compression import Compressor
from e2esync.vault.indexes import open_index
from tests.tree.memory import Table

CASES = Path(__file__).resolve().parent.parent / "vectors" / "cases"
TEXTS = {"rule", "nodes"}
HERE = Path(__file__).resolve().parent
ELSEWHERE = (HERE.parent / "vault" / "test_vectors.py", HERE / "test_merge_vectors.py")


class Keys:
    """The keys of a vault of which only the secret matters."""

    def __init__(self, secret: bytes) -> None:
        self.vault_secret = VaultSecret(secret)
        self.epochs = {bytes(32): EpochKey(bytes(32))}
        self.current = bytes(32)


def cipher(i) -> VaultCipher:
    return VaultCipher(bytes(32), Keys(i["secret"]))


def chunk(i) -> Any:
    opened = FileCipher(DataKey(i["data key"]), i["vault"], Compressor()).open(
        Reference(0, i["id"], i["length"]), i["sealed"]
    )
    return opened if any(opened) else {"zeros": len(opened)}


def cut_places(i) -> list[int]:
    weights = {bytes.fromhex(key): weight for key, weight in i["items"]}
    draw = Identifier(VaultSecret(i["secret"]), Purpose.PAGE_CUT).of
    starts, at = [], 0
    # the weights of the vectors are also such as no item has
    with patch.object(pages, "weight", lambda item: weights[item[0]]):
        for page in pages.cut([(key, b"") for key in weights], i["level"], draw):
            starts.append(at)
            at += len(page)
    return starts


def node(n: int) -> tuple[bytes, bytes]:
    key = bytes(16) + f"name {n:05d}".encode() + b"\0\2" + bytes(4)
    return key, hashlib.shake_128(b"%d" % n).digest(20 + n % 90)


class SealedTable(Table):
    """A tree whose pages are named as the format names them."""

    def __init__(self, nodes, names: VaultCipher) -> None:
        super().__init__(nodes)
        self.names = names

    def emit(self, page):
        body = encode(page_value(page))
        named = self.names.page_id(BlobKind.TREE_PAGE, body)
        self.stored[named, page.level] = page_items(decode(body), page.level)
        return named

    def update(self, changed) -> Root | None:
        return pages.update(self, sorted(changed), draw=self.names.draw, emit=self.emit)


def tree(i) -> Any:
    nodes = dict(node(n) for n in range(i["count"]))
    table = SealedTable(nodes, cipher(i))
    root = table.update(nodes)
    assert dict(compare(Table(), root, get=table.get)) == nodes
    ids = [[id_ for _, id_ in sorted(level.items())] for _, level in sorted(table.whole().items())]
    return {"root": root, "pages": ids if i["count"] <= 500 else [len(level) for level in ids]}


def chunk_list(i) -> Any:
    count, named = i["count"], cipher(i)
    given = i["references"] and [Reference(k, bytes.fromhex(id_), n) for k, id_, n in i["references"]]
    if not given and i["rule"].startswith("every"):
        _, id_, length = i["rule"].removeprefix("every reference: ").split(", ")
        given = [Reference(0, bytes.fromhex(id_), int(length))] * count
    if not given:
        given = [Reference(0, hashlib.sha256(b"%d" % n).digest(), 1000 + n) for n in range(count)]
    stored: dict[tuple[bytes, int], list] = {}
    levels: dict[int, list[bytes]] = {}

    def put(level, items):
        body = encode([level, *[list(item) for item in items]])
        page = named.page_id(BlobKind.CHUNK_LIST, body)
        stored[page, level] = list_items(decode(body), level)
        levels.setdefault(level, []).append(page)
        return page

    root = build(given, draw=named.draw, put=put)
    assert isinstance(root, ListRoot)
    size = sum(chunk.length for chunk in given)
    assert list(walk(root, size, get=lambda page, level: stored[page, level])) == given
    return {"chunks": root, "pages": [ids for _, ids in sorted(levels.items())]}


def index(i) -> Any:
    def key_of(record):
        if record != i["record"]:
            raise BadObject("another record")
        return EpochKey(i["epoch key"])

    named = hashlib.sha256(i["object"]).digest()
    groups = open_index(i["object"], named, vault_id=i["vault"], key_of=key_of)
    rows = [
        [row.prefix, 0 if group.is_chunk else 1, group.pack, row.offset, row.length, group.epoch]
        for group in groups
        for row in group.rows
    ]
    return {"rows": rows}


OPERATIONS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "chunk": chunk,
    "page id": lambda i: cipher(i).page_id(i["kind"], i["body"]),
    "directory number": lambda i: cipher(i).directory_number(i["key"]),
    "node key": lambda i: birthplace(i["key"])[:3],
    "cut": cut_places,
    "tree": tree,
    "chunk list": chunk_list,
    "index": index,
}


def vectors() -> list[Any]:
    read = [(path.stem, json.loads(path.read_text())) for path in sorted(CASES.glob("*.json"))]
    return [pytest.param(vector, id=name) for name, vector in read if vector["operation"] in OPERATIONS]


def plain(found: Any) -> Any:
    match found:
        case bytes():
            return found.hex()
        case list() | tuple():
            return [plain(item) for item in found]
        case dict():
            return {key: plain(inner) for key, inner in found.items()}
        case _:
            return found


@pytest.mark.parametrize("vector", vectors())
def test_the_vector_comes_out_as_it_says(vector):
    inputs = {
        key: bytes.fromhex(given) if isinstance(given, str) and key not in TEXTS else given
        for key, given in vector["inputs"].items()
    }
    operation = OPERATIONS[vector["operation"]]
    if vector["expect"] == "refused":
        with pytest.raises((BadObject, NewerFormat)):
            operation(inputs)
    else:
        assert plain(operation(inputs)) == vector["expect"]


def test_every_operation_of_the_vectors_is_done_here_or_beside_the_records():
    used = {json.loads(path.read_text())["operation"] for path in CASES.glob("*.json")}
    text = "".join(path.read_text() for path in ELSEWHERE)
    # a nonce is never given from outside, so that only the opening of a seal can be done
    missing = {
        operation
        for operation in used - {"seal"}
        if operation not in OPERATIONS and f'"{operation}":' not in text
    }
    assert missing == set()
