"""Kill a push at random moments; each time push again and see that nothing is lost, missing or sent twice.

python -m tests.long.kill_push [directory|seaweed|rclone] [TIMES] [MEGABYTES]
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.long.rig import Device, Place, differs, opened, place, tree

OVERHEAD = 3 << 20  # bytes: pages, index, head, padding, and a chunk that was cut otherwise


def main(kind: str, times: int, megabytes: int, seed: int = 1) -> None:
    """Print a line for each kill; raise if an invariant is broken."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as directory, place(kind, Path(directory)) as at:
        scratch = Path(directory)
        words = scratch / "words"
        one = Device(scratch / "home1", scratch / "one", at)
        one.setup(words)
        two = Device(scratch / "home2", scratch / "two", at)
        fill(one.folder, rng, megabytes, "first")
        began = time.monotonic()
        one.run("push")
        whole = time.monotonic() - began
        two.join(words)
        for number in range(times):
            fresh = fill(one.folder, rng, megabytes, f"round{number}")
            before = stored_bytes(at)
            process = one.start("push")
            time.sleep(rng.uniform(0.05, whole * 0.9))
            process.kill()
            process.wait()
            stored = stored_bytes(at) - before
            # Whatever head stands there now must lead to everything: a joined device says so.
            two.run("pull")
            two.run("verify", "--deep")
            sent = one.run("push")["uploaded_bytes"]
            two.run("pull")
            assert tree(one.folder) == tree(two.folder)
            assert not differs(one.folder, two.folder)
            print(
                f"{kind} kill {number + 1}: {fresh} bytes new, {stored} stored before it, {sent} sent after it"
            )
            assert sent + stored <= fresh * 1.12 + OVERHEAD, "something was sent twice"
            again = one.run("push")
            assert again["requests"]["PUT"] == 0, again
        check_stored_once(two)


def stored_bytes(at: Place) -> int:
    """Return the bytes of all objects in a store."""
    store = opened(at)
    try:
        return sum(info.size for info in store.list(""))
    finally:
        store.close()


def check_stored_once(device: Device) -> None:
    """Verify the whole store a last time."""
    print(device.run("verify", "--deep")["folders"])


def fill(folder: Path, rng: random.Random, megabytes: int, name: str) -> int:
    """Write random files; return their bytes."""
    target = folder / name
    target.mkdir()
    total = 0
    while total < megabytes << 20:
        size = rng.choice([0, 100, 5000, 200_000, 3_000_000])
        (target / f"{rng.getrandbits(40):x}").write_bytes(os.urandom(size))
        total += size
    return total


if __name__ == "__main__":
    words = sys.argv[1:]
    main(
        words[0] if words else "directory",
        int(words[1]) if len(words) > 1 else 20,
        int(words[2]) if len(words) > 2 else 40,
    )
