"""Random histories of several devices on the pure core, by the thousand: what came of them, as counts.

python -m tests.long.histories [--histories N] [--first SEED] [--length N] [--crash-before-rows P]
    [--crash-after-apply P] [--lose-rows P]

Nothing of "never" may come; the exit code is 1 if it does. The others are counted: where moves race with
edits and deletions, an older version can stay beside the newer, and what was deleted can come back.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.merge.histories import COUNTED, NEVER, Kinds, live


def main() -> int:
    """Live the histories that were asked for; print the counts."""
    asked = _arguments()
    kinds = Kinds(asked.length, asked.crash_before_rows, asked.crash_after_apply, asked.lose_rows)
    seeds = range(asked.first, asked.first + asked.histories)
    began = time.monotonic()
    came, wrong = Counter[str](), list[int]()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for seed, found in zip(
            seeds, pool.map(partial(live, kinds=kinds), seeds, chunksize=100), strict=True
        ):
            came.update(set(found))
            if found.keys() & set(NEVER):
                wrong.append(seed)
    print(f"{asked.histories} histories, {time.monotonic() - began:.0f} s, {kinds}")
    for name in NEVER:
        print(f"  never: {name:14}{came[name]:8}")
    for name in COUNTED:
        print(f"  {name:21}{came[name]:8}  {came[name] / asked.histories:.2%} of the histories")
    if wrong:
        print(f"seeds: {wrong[:20]}")
    return int(bool(wrong))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="live random histories")
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--length", type=int, default=1, help="how many times longer")
    parser.add_argument("--crash-before-rows", type=float, default=0.0)
    parser.add_argument("--crash-after-apply", type=float, default=0.0)
    parser.add_argument("--lose-rows", type=float, default=0.0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
