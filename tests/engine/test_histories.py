"""Random histories through the engine: same trees, nothing lost, quiet at the end, whatever was killed, came between or lost power.

More of them: `python -m tests.long.histories --engine`, and with `--rules`.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.engine.histories import NEVER, History, Kinds
from tests.engine.ignoring_histories import IgnoringHistory
from tests.engine.seeded import seeded

CHUNK = 15
KINDS = {
    "plain": Kinds(),
    "killed": Kinds(killed=0.4),
    "disturbed": Kinds(disturbed=0.5),
    "restored": Kinds(restored=0.08),
    "power lost": Kinds(power=0.4),
    "long": Kinds(length=3, killed=0.15, disturbed=0.15, power=0.15),
}
MOST = {"superseded": 0.4, "resurrected": 0.3, "duplicated": 0.2, "slow": 0.1}
"""Share of the histories of a chunk, and one more; of many long ones it was 20, 9, 5 and 0.1 %."""


@pytest.mark.parametrize("first", range(0, 4 * CHUNK, CHUNK))
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_happens_all_devices_come_to_the_same_and_nothing_is_lost(tmp_path, kind, first):
    came = Counter[str]()
    for seed in range(first, first + CHUNK):
        history = History(tmp_path / str(seed), seed, KINDS[kind])
        found = history.live()
        assert not found.keys() & NEVER, "\n".join([f"seed {seed}: {found}", *history.trace])
        came.update(set(found))
    for name, share in MOST.items():
        assert came[name] <= CHUNK * share + 1, came


@pytest.mark.parametrize("kind", KINDS)
def test_rules_that_come_and_go_lose_nothing_and_leave_all_devices_with_the_same(tmp_path, kind):
    for seed in range(CHUNK):
        with seeded(seed):
            history = IgnoringHistory(tmp_path / str(seed), seed, KINDS[kind])
            found = history.live()
        assert not found.keys() & NEVER, "\n".join([f"seed {seed}: {found}", *history.trace])
