"""Every bad day × server × command: what came of it. Prints one line a cell, and counts at the end.

python -m tests.long.bad_days [--server seaweed] [--command push] [--day "500"]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from moto_fixtures.faulty_proxy import FaultProxy
from moto_fixtures.servers import RcloneServer, SeaweedServer
from tests.badday.days import COMMANDS, DAYS, Verdict, live
from tests.badday.house import House

SERVERS = {"seaweed": SeaweedServer, "rclone": RcloneServer}
BUCKET = "vaults"


def outcome(verdict: Verdict) -> str:
    """Return exit code, whether it was mended, and how many things were wrong, in one word."""
    end = "mended" if not verdict.problems else "WRONG"
    return f"exit {verdict.first.code}, {end}"


def run(kind: str, commands: list[str], days: list[str]) -> Counter[tuple[str, str]]:
    """Run the cells of one server; return how often each outcome came, by command."""
    counts: Counter[tuple[str, str]] = Counter()
    with SERVERS[kind]() as server, FaultProxy(server) as proxy, tempfile.TemporaryDirectory() as scratch:
        server.make_bucket(BUCKET)
        house = House(proxy, BUCKET, Path(scratch), "days")
        for command in commands:
            for day in days:
                verdict = live(house, DAYS[day], command)
                counts[command, outcome(verdict)] += 1
                first = verdict.first
                print(
                    f"{kind:8}{command:15}{day:34}{outcome(verdict):18}"
                    f"{first.seconds:6.1f} s{first.peak:6.0f} MiB{verdict.requests:5} requests",
                    flush=True,
                )
                for problem in verdict.problems:
                    print(f"        ! {problem}", flush=True)
    return counts


def main() -> int:
    """Run what was asked for; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", action="append", choices=SERVERS)
    parser.add_argument("--command", action="append", choices=COMMANDS)
    parser.add_argument("--day", action="append", choices=DAYS)
    asked = parser.parse_args()
    wrong = 0
    for kind in asked.server or SERVERS:
        counts = run(kind, asked.command or list(COMMANDS), asked.day or list(DAYS))
        print(f"\n{kind}")
        for (command, told), number in sorted(counts.items()):
            print(f"  {command:15}{told:18}{number:4}")
            wrong += number * ("WRONG" in told)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
