"""Three devices on a real S3 server: random work, kills, partitions; then the same trees, and every version found.

python -m tests.long.three_devices [--server seaweed|rclone] [--operations 2000] [--seed N]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from e2esync.adapters.stores.counting import CountingStore
from tests.engine.histories import NEVER, History, Kinds
from tests.long.rig import SERVERS, opened, place

KINDS = Kinds(killed=0.1, cut_off=0.1, disturbed=0.1, most_steps=40)


def work(kind: str, operations: int, seed: int) -> Counter[str]:
    """Let three devices work until users have done so many things; return what came of it."""
    with TemporaryDirectory() as scratch, place(kind, Path(scratch)) as at:
        history = History(Path(scratch) / "world", seed, KINDS, store=opened(at), number=3)
        began, done = time.monotonic(), 0
        try:
            while done < operations:
                history.step()
                done = sum(
                    not one.split(" ", 1)[1].startswith(("push", "pull", "sync")) for one in history.trace
                )
            left = history.left
            found = history.end()
            quiet = 0
            for _ in range(2):
                for dev in history.devices:
                    counting = CountingStore(dev.vault.store)
                    with dev.using(store=counting):
                        dev.sync()
                    quiet += counting.counts.requests["PUT"]
            rounds = Counter(one.split(" ")[1].strip(",") for one in history.trace)
            kills = sum("killed" in one for one in history.trace)
            cuts = sum("cut off" in one for one in history.trace)
            print(
                f"{kind}: {done} operations, {rounds['push']} push, {rounds['pull']} pull, {rounds['sync']} sync, "
                f"{kills} killed, {cuts} cut off, {left} things left for another round, {time.monotonic() - began:.0f} s; "
                f"{len(history.published)} versions published, {len(history.devices[0].tree())} things at the end; "
                f"PUTs of two more rounds: {quiet}"
            )
        except AssertionError:
            print("\n".join(history.trace[-80:]))
            raise
        finally:
            history.world.close()
        found["not quiet"] += quiet
        return +found


def main() -> int:
    """Work on the servers that were asked for; return 1 if anything came that may not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", action="append", choices=SERVERS)
    parser.add_argument("--operations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    wrong = False
    for kind in asked.server or SERVERS:
        found = work(kind, asked.operations, asked.seed)
        print(f"  never: { ({name: found[name] for name in sorted(NEVER)}) }")
        print(
            f"  counted: { ({name: count for name, count in found.items() if name not in NEVER}) }",
            flush=True,
        )
        wrong |= bool(found.keys() & NEVER)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
