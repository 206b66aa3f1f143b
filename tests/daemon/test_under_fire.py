"""Two daemons on a real S3 server, a bad line, and death again and again: nothing is lost, nothing stands beside."""

from __future__ import annotations

import pytest

from tests.daemon.fire import battle, until
from tests.daemon.workloads import Unpacker

DEADLINE = 120.0  # seconds in which what has to come comes, on any machine


@pytest.mark.slow
@pytest.mark.server
def test_nothing_is_lost_under_fire(seaweed_server, bucket, prefix, tmp_path, monkeypatch):
    monkeypatch.setattr(Unpacker, "size", 40)
    url = f"s3://{bucket}/{prefix}"
    with battle(seaweed_server, tmp_path, url=url, devices=2, seed=1) as fight:
        fight.begin()
        fight.work(steps=11, pause=0.2)
        for _ in range(4):
            fight.kill()
        until(lambda: not fight.is_at_work, "the work", DEADLINE)
        fight.cease()
        fight.settle(DEADLINE)
        fight.judge()
        assert not fight.problems, "\n".join(fight.problems)
        assert fight.counts["kills"] == 4
        assert fight.counts["saves"] == 2 * 6 * 11
