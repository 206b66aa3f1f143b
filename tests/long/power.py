"""Power lost, and the process killed, at every step of every scene; prints how many crashes, and what came of them.

python -m tests.long.power [--stride N] [--first N] [SCENE …]

The exit code is 1 if anything came that may not.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.engine.power_scenes import COMMANDS, SCENES, enumerate_crashes


def main() -> int:
    """Crash what was asked for; print the counts."""
    parser = argparse.ArgumentParser(description="lose power at every step")
    parser.add_argument("scenes", nargs="*", metavar="SCENE")
    parser.add_argument("--stride", type=int, default=1, help="crash at every N-th step")
    parser.add_argument("--first", type=int, default=1, help="beginning at this one")
    asked = parser.parse_args()
    work = list(product(asked.scenes or SCENES, COMMANDS))
    began, crashes, wrong = time.monotonic(), 0, list[str]()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for count, found in pool.map(partial(_crash, stride=asked.stride, first=asked.first), work):
            crashes += count
            wrong += found
            for line in found:
                print(line, flush=True)
    seconds = time.monotonic() - began
    print(f"{len(work)} scenes and commands, {crashes} crashes, {len(wrong)} violations, {seconds:.0f} s")
    return int(bool(wrong))


def _crash(what: tuple[str, tuple[str, str]], *, stride: int, first: int) -> tuple[int, list[str]]:
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with TemporaryDirectory(dir=place) as home:
        return enumerate_crashes(Path(home), *what, stride=stride, first=first)


if __name__ == "__main__":
    sys.exit(main())
