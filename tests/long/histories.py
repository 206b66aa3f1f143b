"""Random histories of several devices, by the thousand: what came of them, as counts.

python -m tests.long.histories [--histories N] [--first SEED] [--length N] [--crash-before-rows P]
    [--crash-after-apply P] [--lose-rows P]                        on the pure core
python -m tests.long.histories --engine [--histories N] [--first SEED] [--length N] [--killed P]
    [--disturbed P] [--restored P] [--power P] [--rules]           of the engine with real folders
python -m tests.long.histories --forging [--engine] [--histories N] [--first SEED] [--length N] [--without RULE]
                                                                   with a device that forges within the rules

Nothing of "never" may come; the exit code is 1 if it does. The others are counted: where moves race with
edits and deletions, an older version can stay beside the newer, and what was deleted can come back.
`--rules`: with ignore rules that come and go; one that fails can be lived again by its seed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.engine import forging as forging_engine
from tests.engine import histories as engine
from tests.engine.ignoring_histories import IgnoringHistory
from tests.engine.seeded import seeded
from tests.merge import forging
from tests.merge.court import ALL, RULES, without
from tests.merge.histories import Kinds, live


def main() -> int:
    """Live the histories that were asked for; print the counts."""
    asked = _arguments()
    never: list[str] = sorted(engine.NEVER)
    counted: tuple[str, ...] = engine.COUNTED
    work: Callable[[int], Counter[str]]
    if asked.forging and asked.engine:
        never, counted = sorted(forging_engine.NEVER), forging_engine.COUNTED
        work = partial(_through_the_engine, kinds=engine.Kinds(asked.length), sort=forging_engine.History)
    elif asked.forging:
        never, counted = sorted(forging.NEVER), forging.COUNTED
        rules = without(asked.without) if asked.without else ALL
        work = partial(forging.live, rules=rules, length=asked.length)
    elif asked.engine:
        chances = {"killed": asked.killed, "disturbed": asked.disturbed}
        chances |= {"restored": asked.restored, "power": asked.power}
        engine_work = _with_rules if asked.rules else _through_the_engine
        work = partial(engine_work, kinds=engine.Kinds(asked.length, **chances))
    else:
        crashes = asked.crash_before_rows, asked.crash_after_apply, asked.lose_rows
        work = partial(live, kinds=Kinds(asked.length, *crashes))
    seeds = range(asked.first, asked.first + asked.histories)
    began = time.monotonic()
    came, all_told, wrong = Counter[str](), Counter[str](), list[int]()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for seed, found in zip(seeds, pool.map(work, seeds, chunksize=20), strict=True):
            came.update(set(found))
            all_told.update(found)
            if found.keys() & set(never):
                wrong.append(seed)
    print(f"{asked.histories} histories, {time.monotonic() - began:.0f} s, {vars(asked)}")
    for name in never:
        print(f"  never: {name:14}{came[name]:8}")
    for name in counted:
        share = f"{came[name] / asked.histories:.2%} of the histories"
        print(f"  {name:21}{came[name]:8}  {share:26}{all_told[name]:8} in all")
    if wrong:
        print(f"seeds: {wrong[:20]}")
    return int(bool(wrong))


def _through_the_engine(
    seed: int, kinds: engine.Kinds, sort: type[engine.History] = engine.History
) -> Counter[str]:
    with _home() as home:
        return sort(Path(home), seed, kinds).live()


def _with_rules(seed: int, kinds: engine.Kinds) -> Counter[str]:
    with _home() as home, seeded(seed):
        return IgnoringHistory(Path(home), seed, kinds).live()


def _home() -> TemporaryDirectory[str]:
    return TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="live random histories")
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--length", type=int, default=1, help="how many times longer")
    parser.add_argument("--crash-before-rows", type=float, default=0.0)
    parser.add_argument("--crash-after-apply", type=float, default=0.0)
    parser.add_argument("--lose-rows", type=float, default=0.0)
    parser.add_argument("--forging", action="store_true", help="with a device that forges")
    parser.add_argument("--without", choices=RULES, help="a rule that does not hold")
    parser.add_argument("--engine", action="store_true", help="the engine, with real folders")
    parser.add_argument("--rules", action="store_true", help="users write ignore rules, too")
    parser.add_argument("--killed", type=float, default=0.0, help="chance that a command is killed")
    parser.add_argument("--disturbed", type=float, default=0.0, help="chance that the user works meanwhile")
    parser.add_argument("--restored", type=float, default=0.0, help="chance that a state is lost or put back")
    parser.add_argument("--power", type=float, default=0.0, help="chance that power is lost in a command")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
