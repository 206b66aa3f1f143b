"""The cases by which other programs are tested, through two devices."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.catalogue.hands import files, once, plain, put, round_of
from tests.catalogue.oracles import bisync, maestral, mutagen
from tests.engine.world import Dev

SIDES: dict[str, dict[str, str | None]] = {  # path → content, None of a directory, `-> target`, `pipe`
    "-": {},
    "F1": {"thing": "1"},
    "F2": {"thing": "2"},
    "SR": {"thing": "-> here"},
    "SA": {"thing": "-> /there"},
    "P": {"thing": "pipe"},
    "D0": {"thing": None},
    "D1": {"thing": None, "thing/file": "1"},
    "D2": {"thing": None, "thing/file": "2"},
    "DSR": {"thing": None, "thing/file": "1", "thing/link": "-> here"},
    "DSA": {"thing": None, "thing/link": "-> /there"},
    "DP": {"thing": None, "thing/pipe": "pipe"},
}


def make(dev: Dev, side: str, before: str) -> None:
    """Make of one side another, with hands off what both have."""
    wanted, there = SIDES[side], SIDES[before]
    for path in sorted(there.keys() - wanted.keys(), reverse=True):
        delete(dev.root / path)
    for path in sorted(wanted):
        if there.get(path, "") == wanted[path]:
            continue
        if path in there:
            delete(dev.root / path)
        make_one(dev.root / path, wanted[path])


def delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()


def make_one(path: Path, content: str | None) -> None:
    if content is None:
        path.mkdir()
    elif content == "pipe":
        os.mkfifo(path)
    elif content.startswith("-> "):
        path.symlink_to(content[3:])
    else:
        path.write_bytes(content.encode())
        os.utime(path, (0, 0))


def is_like(dev: Dev, outcome: str) -> None:
    """Hold a folder against a side, or against words."""
    if outcome in SIDES:
        there = {path: thing[0] for path, thing in dev.tree().items() if thing[0] == "other"}
        found = files(dev) | {path.decode(): "pipe" for path in there}
        assert {path: content for path, content in found.items() if path != "keep"} == SIDES[outcome], (
            dev.name
        )
    else:
        assert plain(dev) == sorted(["keep=0", *outcome.split()])


@pytest.mark.parametrize("row", mutagen.ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("beta_first", [False, True])
def test_mutagens_table_of_reconciliation(world, row, beta_first):
    devices = world.in_order("ab")
    alpha, beta = devices["a"], devices["b"]
    put(alpha, "keep", "0")
    make(alpha, row.ancestor, "-")
    round_of(alpha, beta)
    make(alpha, row.alpha, row.ancestor)
    make(beta, row.beta, row.ancestor)
    order = (beta, alpha) if beta_first else (alpha, beta)
    if "P" in row.alpha + row.beta:  # which every sync lists
        for _ in range(3):
            for dev in order:
                dev.sync()
        for dev in order:
            assert dev.count(dev.sync).requests["PUT"] == 0
    else:
        round_of(*order)
    here, _, there = row.outcome.partition(" | ")
    is_like(alpha, here)
    is_like(beta, there or here)


def do(dev: Dev, words: str) -> None:
    """Do one thing in a folder."""
    verb, path, *rest = words.split(" ")
    target = dev.root / path
    match verb, rest:
        case "write", [content]:
            os.utime(put(dev, path, content), (0, 0))
        case "touch", []:
            os.utime(target, (10**9, 10**9))
        case "delete", []:
            delete(target)
        case "mkdir", []:
            target.mkdir(parents=True)
        case "move", [new]:
            target.rename(dev.root / new)
        case _:
            raise ValueError(words)


@pytest.mark.parametrize("scenario", bisync.SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_scenarios_of_rclone_bisync(world, scenario):
    devices = world.in_order("ab")
    here, there = devices["a"], devices["b"]
    for path, content in bisync.BASE.items():
        os.utime(put(here, path, content), (0, 0))
    round_of(here, there)
    expected = set(plain(here))
    for dev, things in ((here, scenario.here), (there, scenario.there)):
        for thing in things:
            do(dev, thing)
    round_of(here, there)
    for change in scenario.changes:
        path = change.removeprefix("-").partition("=")[0]
        expected = {line for line in expected if line.partition("=")[0] != path}
        if not change.startswith("-"):
            expected.add(change)
    assert set(plain(there)) == expected


@pytest.mark.parametrize("row", maestral.ROWS, ids=lambda row: row.name)
def test_maestrals_cases_of_cleaning_events(pair, row):
    dev, other = pair
    put(dev, "keep", "0")
    for path in row.before:
        put(dev, path, path)
    round_of(dev, other)
    for thing in row.happens:
        do(dev, thing)
    summary = dev.push()
    done = maestral.Published(summary.uploaded_files, summary.moved, summary.deleted_remote)
    assert done == row.published
    once(other)
    assert files(other) == files(dev)
