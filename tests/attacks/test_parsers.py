"""N10: two readers of one text never differ in what they take, whatever is put before them."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pytest

from e2esync.crypto import recovery
from e2esync.crypto.labels import Purpose
from e2esync.engine.verify import verify
from e2esync.errors import BadObject, E2ESyncError
from e2esync.format.cbor import encode
from e2esync.tree.pagecodec import page_value
from e2esync.tree.pages import Item, Page, Root
from e2esync.vault import heads
from e2esync.vault.cipher import BlobKind
from e2esync.vault.records import sign_record
from examples import read_without_e2esync as reader
from tests.attacks import forge_defences  # noqa: F401 - adds defences that can be switched off
from tests.attacks.arena import Arena, AttackSucceeded, row
from tests.attacks.forge_tree import Forger, raw
from tests.attacks.mutants import mutants
from tests.engine.world import tree
from tests.reader.operations import OPERATIONS as OTHERS
from tests.vault.test_vectors import OPERATIONS as RECORDS
from tests.vault.test_vectors import plain
from tests.vectors_main.test_tree_vectors import OPERATIONS as TREES

CASES = Path(__file__).resolve().parent.parent / "vectors" / "cases"
OURS = {**TREES, **RECORDS}
TEXTS = {"purpose", "words", "text", "rule", "nodes"}
REFUSED = "refused"


def ours(operation: str, inputs: dict) -> object:
    """What the product makes of a vector's inputs."""
    try:
        return plain(OURS[operation](inputs))
    except (
        E2ESyncError,
        ValueError,
    ):  # a ValueError is what a vector's operation makes of what no caller gives
        return REFUSED


def others(operation: str, inputs: dict, folder: Path) -> object:
    """What the second reader makes of them."""
    try:
        return plain(OTHERS[operation](inputs, folder))
    except (reader.Stop, ValueError):
        return REFUSED


VECTORS = [json.loads(path.read_text()) for path in sorted(CASES.glob("*.json"))]
PARSED = {"record", "object", "value", "encoded", "body", "padded", "sealed", "page", "certificate", "card"}


def spoilt(vector: dict) -> list[tuple[str, dict]]:
    """A vector's inputs, and the same with one of them spoilt."""
    given = {
        key: bytes.fromhex(value) if isinstance(value, str) and key not in TEXTS else value
        for key, value in vector["inputs"].items()
    }
    made = [("as it is", given)]
    chance = random.Random(json.dumps(vector, sort_keys=True))
    for key in sorted(PARSED & given.keys()):
        data = given[key]
        if not isinstance(data, bytes) or not data or len(data) > 5000:
            continue
        at = chance.randrange(len(data))
        flipped = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        made += [(f"{key} {what}", {**given, key: bad}) for what, bad in (
            ("longer", data + b"\x00"), ("cut off", data[:-1]), ("flipped", flipped), ("empty", b"")
        )]  # fmt: skip
    return made


@row("N10", shows=["G12"], weaknesses=["one encoding"])
def test_both_readers_say_the_same_of_every_vector_and_of_spoilt_ones(tmp_path):
    done: Counter[str] = Counter()
    for n, vector in enumerate(VECTORS):
        operation = vector["operation"]
        for m, (what, inputs) in enumerate(spoilt(vector) if operation in OURS else []):
            folder = tmp_path / f"{n}-{m}"
            folder.mkdir()
            one, other = ours(operation, dict(inputs)), others(operation, dict(inputs), folder)
            if one != other:
                raise AttackSucceeded(f"{vector['operation']}, {what}: one reader differs from the other")
            done["refused" if one == REFUSED else "taken"] += 1
    assert done["refused"] > 300
    assert done["taken"] > 60


# --- whole vaults with one spoilt record ---------------------------------------------------------


def product(arena: Arena) -> object:
    """The tree that a newcomer gets; refused, also if only `verify --deep` says so, as the format has it."""
    known = len(arena.world.devices)
    try:
        dev = arena.newcomer()
        dev.pull()
        verify(dev.vault, dev.keys.identity, deep=True)
        return without_modes(dev.tree())
    except E2ESyncError:
        return REFUSED
    finally:
        for dev in arena.world.devices[known:]:
            arena.drop(dev)


def second(arena: Arena, folder: Path) -> object:
    """The tree that the second reader gets of the same store."""
    copy_of(arena, folder)
    only = read_copy(folder)
    return REFUSED if only is None else without_modes(tree(only))


def copy_of(arena: Arena, folder: Path) -> None:
    """Copy the store and the words."""
    for key in arena.store.shown():
        path = folder / "copy" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(arena.store.body(key))
    (folder / "words").write_text(" ".join(recovery.to_words(arena.world.entropy)))


def read_copy(folder: Path) -> Path | None:
    """Let the second reader make files of a copy; return where they are, None if it refuses."""
    copy, dest, words = (str(folder / name) for name in ("copy", "dest", "words"))
    if reader.main([copy, dest, "--recovery-file", words, "--deep"]) != 0:
        return None
    (only,) = Path(dest).iterdir()
    return only


def without_modes(found: dict[bytes, tuple]) -> dict[bytes, tuple]:
    """A tree without permission bits, of which the format does not yet say what they are where there are none."""
    return {path: (thing[0], thing[1] if thing[0] != "directory" else b"") for path, thing in found.items()}


def nodes(f: Forger) -> list[Item]:
    folder, number = f.directory(b"folder")
    return sorted(
        [folder, f.file(b"inside", parent=number), f.file(b"x", place=(number, b"y")), f.symlink(b"l", b"t")]
    )


def with_value(f: Forger, spoil) -> None:
    made = nodes(f)
    f.publish(
        [(key, spoil(value)) if n == spoil.at % 4 else (key, value) for n, (key, value) in enumerate(made)]
    )


def with_page(f: Forger, spoil) -> None:
    body = spoil(encode(page_value(Page(0, nodes(f)))))
    f.publish_root(Root(f.body(BlobKind.TREE_PAGE, body), 0))


def with_record(purpose: Purpose):
    def forge(f: Forger, spoil) -> None:
        def signing(key, signed_as, payload):
            return sign_record(key, signed_as, spoil(payload) if signed_as is purpose else payload)

        with patch.object(heads, "sign_record", signing):
            f.publish(nodes(f))

    return forge


class Spoil:
    """Puts the n-th mutant in the place of a record; what is said of it says which."""

    def __init__(self, at: int, count: int) -> None:
        self.at, self.count, self.what = at, count, ""

    def __call__(self, data: bytes) -> bytes:
        made = mutants(data, self.count, f"mutant {self.at % 4} {len(data)}")
        self.what, bad = made[self.at % len(made)]
        return bad


@row("N10", shows=["G12"], weaknesses=[])
@pytest.mark.parametrize(
    ("forge", "count"),
    [(with_value, 90), (with_page, 30), (with_record(Purpose.SNAPSHOT), 30), (with_record(Purpose.HEAD), 30)],
    ids=["values", "pages", "snapshots", "heads"],
)
def test_both_readers_say_the_same_of_a_vault_with_one_spoilt_record(arena: Arena, tmp_path, forge, count):
    done: Counter[str] = Counter()
    for n in range(count):
        spoil = Spoil(n, count)
        forger = Forger(arena.world.keys, arena.store)
        try:
            forge(forger, spoil)
        except BadObject:  # even its author cannot go on from there
            continue
        one, other = product(arena), second(arena, tmp_path / str(n))
        if one != other:
            raise AttackSucceeded(f"{spoil.what}: {one if one == REFUSED else 'taken'}, and by the other not")
        done["refused" if one == REFUSED else "taken"] += 1
        arena.store.honest()
    assert done["refused"] > count // 2


@pytest.mark.row("N10")
def test_both_readers_give_the_same_bits_to_what_has_none(arena, tmp_path):
    forger = Forger(arena.world.keys, arena.store)
    made = [forger.directory(b"folder")[0], forger.file(b"file")]
    forger.publish([raw(node, lambda value: value[0].__setitem__(6, [])) for node in made])
    dev = arena.newcomer()
    dev.pull()
    copy_of(arena, tmp_path)
    other = read_copy(tmp_path)
    assert other is not None
    assert {path: thing[-2:] for path, thing in dev.tree().items()} == {
        path: thing[-2:] for path, thing in tree(other).items()
    }
