"""A directory of many files, renamed on one device while another adds and edits files in it: what it costs.

python -m tests.long.big_rename [--files 50000]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from e2esync.engine.shown import decoded
from tests.engine.world import Dev, World


def main() -> int:
    """Do it, and print the counts; return 1 if it cost too much or went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=50_000)
    files = parser.parse_args().files
    with TemporaryDirectory() as scratch:
        world = World(Path(scratch))
        try:
            return _rename(world, files)
        finally:
            world.close()


def _rename(world: World, files: int) -> int:
    a, b = world.device("a"), world.device("b")
    for number in range(files):
        path = a.root / "dir" / f"{number // 500}" / f"{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)
    _timed("first push", a.push)
    _timed("first pull", b.pull)
    before = _written(a)
    (a.root / "dir").rename(a.root / "renamed")
    for number in range(0, files, files // 10):
        (b.root / "dir" / f"{number // 500}" / f"{number}").write_bytes(b"edited")
        (b.root / "dir" / f"{number // 500}" / f"new {number}").write_bytes(b"new")
    counts = a.count(lambda: _timed("push of the rename", a.push))
    requests = sum(counts.requests.values())
    entries = len(_written(a) - before)
    print(
        f"entries written: {entries}; requests: {requests}, {dict(counts.requests)}; bytes up: {counts.uploaded_bytes}"
    )
    for dev in (b, a, b):
        _timed(f"sync of {dev.name}", dev.sync)
    equal = a.tree() == b.tree()
    under = sum(path.startswith(b"renamed/") for path in a.tree())
    old = sum(path.startswith(b"dir") for path in a.tree())
    print(f"trees equal: {equal}; under the new name: {under}; under the old one: {old}")
    return int(not (equal and old == 0 and entries == 1 and requests <= 4))


def _written(dev: Dev) -> set[tuple[bytes, int, bytes]]:
    """All entries of the tree: device, sequence, node."""
    return {
        (entry.device, entry.sequence, key)
        for key, found in dev.vault.state.items(0)
        for entry in decoded(key, found)
    }


def _timed(what: str, work: Callable[[], object]) -> None:
    began = time.monotonic()
    work()
    print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
