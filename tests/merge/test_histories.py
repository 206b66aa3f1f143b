"""Random histories on devices of one process, each lived twice: the same comes of it."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.merge.histories import COUNTED, NEVER, Kinds, live

KINDS = {
    "plain": Kinds(),
    "long": Kinds(length=3),
    "crash before the rows": Kinds(crash_before_rows=0.1),
    "crash after an apply": Kinds(crash_after_apply=0.1),
    "rows lost": Kinds(lose_rows=0.05),
}
HISTORIES = 500
CEILING = {"superseded": 0.02, "resurrected": 0.015, "duplicated": 0.005}  # of plain histories


@pytest.mark.parametrize("kinds", KINDS.values(), ids=list(KINDS))
def test_nothing_is_lost_all_end_up_the_same_and_then_there_is_quiet(kinds):
    came = Counter[str]()
    for seed in range(HISTORIES if kinds.length == 1 else HISTORIES // 4):
        found = live(seed, kinds)
        assert not found.keys() & set(NEVER), f"seed {seed}: {dict(found)}"
        came.update(set(found))
    if kinds == Kinds():
        for name in COUNTED:
            assert came[name] <= CEILING[name] * HISTORIES, came


@pytest.mark.parametrize("seed", range(20))
def test_the_same_seed_comes_to_the_same(seed):
    assert live(seed) == live(seed)
