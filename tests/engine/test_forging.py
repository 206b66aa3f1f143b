"""A few histories with real folders and sealed objects in which one device forges; by the thousand: `tests.long.histories`."""

from __future__ import annotations

from collections import Counter

from tests.engine.forging import NEVER, History
from tests.engine.histories import Kinds

HISTORIES = 12


def test_what_honest_devices_write_stays_and_all_end_up_the_same(tmp_path):
    came = Counter[str]()
    for seed in range(HISTORIES):
        history = History(tmp_path / str(seed), seed, Kinds())
        found = history.live()
        assert not found.keys() & NEVER, (seed, found, history.trace)
        came.update(set(found))
    assert came["forged"] > HISTORIES / 2, came
    assert came["made up"], came
    assert came["at fault"], came
