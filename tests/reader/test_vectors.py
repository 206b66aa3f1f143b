"""The second reader says of every test vector what the vector says."""

import json
from pathlib import Path
from typing import Any

import pytest

from examples import read_without_e2esync as r
from tests.reader.operations import OPERATIONS, operate
from tests.vectors import make, make_vault

CASES = Path(__file__).resolve().parent.parent / "vectors" / "cases"
NAMES = sorted(path.stem for path in CASES.glob("*.json"))


def plain(value: Any) -> Any:
    match value:
        case bytes():
            return value.hex()
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case _:
            return value


@pytest.mark.parametrize("name", NAMES)
def test_the_second_reader_agrees_with_the_vector(name, tmp_path):
    vector = json.loads((CASES / f"{name}.json").read_text())
    if vector["expect"] == "refused":
        with pytest.raises((r.Bad, r.Mistyped)):
            operate(vector["operation"], vector["inputs"], tmp_path)
    else:
        assert plain(operate(vector["operation"], vector["inputs"], tmp_path)) == vector["expect"]


def test_every_operation_has_a_vector():
    used = {json.loads((CASES / f"{name}.json").read_text())["operation"] for name in NAMES}
    assert used == set(OPERATIONS)


def test_making_the_vectors_again_makes_the_same():
    assert make.make() == {name: (CASES / f"{name}.json").read_text() for name in NAMES}


def test_making_the_small_vault_again_makes_the_same(tmp_path):
    make_vault.make(tmp_path / "vault")
    kept, made = (
        {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (make_vault.VAULT, tmp_path / "vault")
    )
    assert made == kept
