"""Daemons on a real S3 server behind a bad line, killed every few seconds while people work: nothing may be lost.

python -m tests.long.daemons [--minutes 30] [--devices 3] [--store seaweed|rclone] [--seed N]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.daemon.fire import Battle, battle
from tests.long.rig import SERVERS

DEADLINE = 900.0  # seconds in which everything is everywhere, once there is peace


def main() -> int:
    """Fight, and print what came of it; return 1 if anything came that may not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--devices", type=int, default=3)
    parser.add_argument("--store", choices=SERVERS, default="seaweed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.7, help="seconds between two saves of a person")
    parser.add_argument("--keep", type=Path, help="where folders, homes and logs stay")
    given = parser.parse_args()
    with TemporaryDirectory() as directory, SERVERS[given.store]() as server:
        server.make_bucket("vaults")
        scratch = given.keep or Path(directory)
        scratch.mkdir(parents=True, exist_ok=True)
        with battle(server, scratch, url="s3://vaults/home", devices=given.devices, seed=given.seed) as fight:
            fight.begin()
            _fight(fight, given.minutes, given.pause)
    for problem in fight.problems:
        print(f"WRONG {problem}", flush=True)
    return int(bool(fight.problems))


def _fight(fight: Battle, minutes: float, pause: float) -> None:
    fight.work(pause=pause)
    end, mended = time.monotonic() + 60 * minutes, 0.0
    told = 0
    while (now := time.monotonic()) < end:
        if mended and now > mended:
            fight.mend_line()
            mended = 0.0
        elif not mended and fight.random.random() < 0.04:
            fight.cut_line()
            mended = now + fight.random.uniform(1, 40)
        time.sleep(fight.random.choice((0, 0.3, 1, 3, 6)))
        fight.kill()
        for problem in fight.problems[told:]:
            print(f"{time.strftime('%H:%M:%S')} {problem}", flush=True)
        told = len(fight.problems)
    fight.cease()
    began = time.monotonic()
    fight.settle(DEADLINE)
    print(f"everything everywhere {time.monotonic() - began:.1f} s after the last save", flush=True)
    fight.judge()
    for what, number in sorted(fight.counts.items()):
        print(f"{what}: {number}")


if __name__ == "__main__":
    sys.exit(main())
