"""Real programs at work in a synced folder: git and SQLite, on two devices by turns.

python -m tests.long.real_work [--commits 200]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.engine.test_push_pull import without_times
from tests.engine.world import Dev, World

GIT = shutil.which("git") or "git"


def main() -> int:
    """Work, and look whether all is whole on both; return 1 if not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=200)
    commits = parser.parse_args().commits
    wrong = 0
    for work in (_git, _sqlite):
        with TemporaryDirectory() as scratch:
            world = World(Path(scratch))
            try:
                devices = [world.device("a"), world.device("b")]
                wrong += work(devices, commits)
            finally:
                world.close()
    return int(wrong > 0)


def _git(devices: list[Dev], commits: int) -> int:
    """Commit, branch, merge and collect garbage on one, then on the other."""
    random = Random(1)
    _run(devices[0], "init", "-q", "-b", "main")
    for number in range(commits):
        dev = devices[number % 2]
        path = dev.root / "repo" / f"dir{random.randrange(8)}" / f"file{random.randrange(40)}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{random.random()}\n" for _ in range(random.randrange(1, 200))))
        _run(dev, "add", "-A")
        _run(dev, "commit", "-q", "-m", f"commit {number}")
        if number % 20 == 7:
            _run(dev, "checkout", "-q", "-b", f"branch{number}")
            _run(dev, "checkout", "-q", "main")
        if number % 50 == 33:
            _run(dev, "gc", "-q")
        for other in (dev, devices[1 - number % 2]):
            other.sync()
    mine, theirs = (
        without_times(dev.tree()) for dev in devices
    )  # before `git status`, which touches its index
    clean = [_run(dev, "fsck", "--strict", "--no-progress") for dev in devices]
    logs = [len(_run(dev, "log", "--oneline").splitlines()) for dev in devices]
    status = [_run(dev, "status", "--porcelain") for dev in devices]
    conflicts = [dev.sync().conflicts for dev in devices]
    print(
        f"git: {logs} commits, fsck {clean}, status {status}, conflicts {conflicts}, trees equal: {mine == theirs}"
    )
    return int(mine != theirs or logs != [commits, commits] or any(conflicts) or any(status))


def _run(dev: Dev, *words: str) -> str:
    (dev.root / "repo").mkdir(exist_ok=True)
    home = {"HOME": str(dev.home), "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    done = subprocess.run(
        [GIT, *who, *words], cwd=dev.root / "repo", env=home, capture_output=True, text=True, check=True
    )
    return done.stdout


def _sqlite(devices: list[Dev], turns: int) -> int:
    """Write a database on one, read and write it on the other, by turns."""
    bad = 0
    for turn in range(turns // 10):
        dev = devices[turn % 2]
        with closing(sqlite3.connect(dev.root / "data.db")) as db, db:
            db.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, x TEXT)")
            db.executemany("INSERT INTO t (x) VALUES (?)", [("x" * (n % 700),) for n in range(500)])
            db.execute("DELETE FROM t WHERE n % 7 = ?", (turn % 7,))
        for other in (dev, devices[1 - turn % 2]):
            other.sync()
        with closing(sqlite3.connect(devices[1 - turn % 2].root / "data.db")) as db:
            bad += db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]
    print(f"sqlite: {turns // 10} turns, integrity_check not ok: {bad}")
    return bad


if __name__ == "__main__":
    sys.exit(main())
