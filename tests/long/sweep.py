"""The whole sweep T0: every stored object × every form of every verb × every command that reads, with counts.

    python -m tests.long.sweep [positions]      # of flips in each object; 24 if not said

Ends with 1 if a cell is neither refused nor without effect for a stated reason, or if a reason was never
needed.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

from tests.attacks.arena_oracles import AttackSucceeded
from tests.attacks.sweep_commands import COMMANDS
from tests.attacks.sweep_judge import Judge, cells
from tests.attacks.sweep_reasons import REASONS
from tests.attacks.sweep_verbs import MANY, VERBS
from tests.attacks.sweep_world import CLASSES, SweepWorld, classes, quick_directory

REFUSED, NO_EFFECT, WRONG = "refused", "no effect", "WRONG"


def main(samples: int) -> int:
    """Sweep, print, and return the exit code."""
    started, wrong = time.monotonic(), []
    table: Counter[tuple[str, str, str, str]] = Counter()  # class, verb, command, outcome
    why: Counter[str] = Counter()
    with quick_directory() as home:
        world = SweepWorld(home)
        judge = Judge(world)
        for sort in CLASSES:
            for cell in cells(world, sort, samples=samples):
                try:
                    verdict = judge.verdict(cell)
                except AttackSucceeded as error:
                    wrong.append(str(error))
                    verdict = WRONG
                outcome = verdict if verdict in {REFUSED, WRONG} else NO_EFFECT
                table[sort, cell.lie.verb, cell.command, outcome] += 1
                why[verdict] += 1
            print(f"{sort}: {_count(table, sort)}", flush=True)
        objects = {sort: len(keys) for sort, keys in classes(world.store.shown(), world.sorts).items()}
        world.close()
    _print(table, why, objects)
    idle = [reason.why for reason in REASONS if reason.why not in judge.reasons]
    for line in (*wrong, *(f"a reason that nothing needs: {one}" for one in idle)):
        print(line)
    print(f"{sum(table.values())} cells, {time.monotonic() - started:.0f} s")
    return 1 if wrong or idle else 0


def _count(table: Counter[tuple[str, str, str, str]], word: str) -> dict[str, int]:
    """Return how often each outcome is there for a class, a verb or a command."""
    found: Counter[str] = Counter()
    for key, count in table.items():
        if word in key[:3]:
            found[key[3]] += count
    return dict(sorted(found.items()))


def _print(table: Counter[tuple[str, str, str, str]], why: Counter[str], objects: dict[str, int]) -> None:
    print(f"\n{len(CLASSES)} classes × {len(VERBS)} verbs × {len(COMMANDS)} commands")
    for title, words in (("class", CLASSES), ("verb", VERBS), ("command", tuple(COMMANDS))):
        print(f"\n{title:20}{REFUSED:>10}{NO_EFFECT:>10}{WRONG:>10}")
        for word in words:
            counts = _count(table, word)
            name = f"{word} ({objects[word]})" if title == "class" else word
            row = "".join(f"{counts.get(one, 0):>10}" for one in (REFUSED, NO_EFFECT, WRONG))
            print(f"{name:20}{row}")
    print("\nwhy")
    for reason, count in why.most_common():
        print(f"{count:>8}  {reason}")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY))
