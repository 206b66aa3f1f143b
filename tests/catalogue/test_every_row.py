"""docs/edge-cases.md and the marks on the tests say the same: which rows are tested, and where."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"\| (\d+) \| [^|]+ \| [^|]+ \| ([^|]+) \|")
FILE = re.compile(r"`([\w/]+\.py)`")


def said() -> dict[int, list[str]]:
    """Row → the test files that the document names; none where it gives a reason instead."""
    lines = (ROOT / "docs" / "edge-cases.md").read_text().splitlines()
    rows = [found for line in lines if (found := ROW.fullmatch(line))]
    return {int(found[1]): FILE.findall(found[2]) for found in rows}


def marked() -> dict[int, set[str]]:
    """Row → the files whose tests are marked with it."""
    found: dict[int, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                for row in cases(node):
                    found[row].add(str(path.relative_to(ROOT / "tests")))
    return found


def cases(function: ast.FunctionDef) -> Iterator[int]:
    for mark in function.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.case":
            for number in mark.args:
                yield int(ast.unparse(number))


def test_every_row_is_there_once():
    assert list(said()) == list(range(1, 125))


def test_what_is_said_to_be_tested_is_marked_there_and_nothing_else():
    rows, marks = said(), marked()
    assert {row for row, files in rows.items() if files} == marks.keys()
    assert [(row, file) for row, files in rows.items() for file in files if file not in marks[row]] == []


@pytest.mark.parametrize(
    ("source", "rows"),
    [
        ("@pytest.mark.case(1, 2)\ndef test_x(): ...", [1, 2]),
        ("@pytest.mark.row('1')\n@pytest.mark.slow\ndef test_x(): ...", []),
    ],
)
def test_marks_are_found(source, rows):
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert list(cases(function)) == rows
