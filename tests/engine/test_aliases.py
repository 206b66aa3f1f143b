"""Random histories of devices of which one has a disk that takes several names for one, or refuses some."""

from __future__ import annotations

import pytest

from tests.engine.folding import FINER, MAC, STICK
from tests.engine.histories import NEVER, History, Kinds

CHUNK = 8
KINDS = {
    "plain": Kinds(),
    "killed": Kinds(killed=0.4),
    "disturbed": Kinds(disturbed=0.5),
    "restored": Kinds(restored=0.08),
    "power lost": Kinds(power=0.4),
    "long": Kinds(length=3, killed=0.15, disturbed=0.15, power=0.15),
}


@pytest.mark.case(4, 6)
@pytest.mark.parametrize("naming", [MAC, STICK, FINER], ids=["mac", "stick", "finer"])
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_happens_all_come_to_the_same_and_no_other_device_sees_an_alias(tmp_path, kind, naming):
    for seed in range(CHUNK):
        history = History(tmp_path / str(seed), seed, KINDS[kind]._replace(naming=naming))
        found = history.live()
        assert not found.keys() & NEVER, "\n".join([f"seed {seed}: {found}", *history.trace])
