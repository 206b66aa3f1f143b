"""A daemon that keeps many files while nothing happens: CPU, memory, requests, and how long it takes to get there.

python -m tests.long.daemon_idle [--files 100000] [--in-each 10] [--store seaweed|rclone|directory]
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from moto_fixtures.faulty_proxy import FaultProxy
from tests.daemon.ground import FakeGround, Watched
from tests.daemon.idle import DAY, HOUR, asked, two_with_files
from tests.daemon.stepped import Stepped
from tests.engine.world import World
from tests.long.rig import SERVERS, Device, Place, is_up_to_date, until

RESTS = 180.0  # seconds after which the store is asked once a minute, and no more


class Cost(NamedTuple):
    """What a process takes."""

    ticks: int  # of CPU, in the kernel and outside
    resident: int  # KiB
    peak: int  # KiB
    threads: int

    def __str__(self) -> str:
        seconds = self.ticks / os.sysconf("SC_CLK_TCK")
        return (
            f"{self.ticks} ticks ({seconds:.2f} s) of CPU, {self.resident >> 10} MiB resident "
            f"(at most {self.peak >> 10} MiB), {self.threads} threads"
        )


def main() -> int:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--in-each", type=int, default=10, help="files in each directory")
    parser.add_argument("--store", choices=[*SERVERS, "directory"], default="seaweed")
    given = parser.parse_args()
    with TemporaryDirectory() as directory, _place(given.store, Path(directory)) as (store, proxy):
        scratch = Path(directory)
        device = Device(scratch / "home", scratch / "folder", store)
        device.setup(scratch / "words")
        fill(device.folder, given.files, in_each=given.in_each)
        try:
            _measure(device, given.files, proxy)
        finally:
            device.run("stop", check=False)
        _simulate(scratch / "simulated")
    print(f"load: {' '.join(f'{one:.1f}' for one in os.getloadavg())} on {os.cpu_count()} processors")
    return 0


@contextmanager
def _place(kind: str, scratch: Path) -> Iterator[tuple[Place, FaultProxy | None]]:
    """Give a store; if it is a server, with somebody in between who counts."""
    if kind == "directory":
        yield Place(str(scratch / "store")), None
        return
    with SERVERS[kind]() as server, FaultProxy(server) as proxy:
        server.make_bucket("vaults")
        yield Place("s3://vaults/home", proxy.env()), proxy


def _measure(device: Device, files: int, proxy: FaultProxy | None) -> None:
    directories = sum(1 for _ in os.walk(device.folder))
    print(f"{files} files in {directories} directories", flush=True)
    for what in ("published", "up to date when it starts again"):
        time.sleep(1)  # times of the store are whole seconds
        began, since = time.monotonic(), time.time()
        device.run("start")
        until(partial(is_up_to_date, device, files, since=int(since)), every=0.5, deadline=3600)
        print(f"{what} after {time.monotonic() - began:.1f} s: {cost(device)}", flush=True)
        if what == "published":
            device.run("stop")
    time.sleep(RESTS)
    if proxy is not None:
        proxy.set_rules()
    print(f"idle minute: {idle_minute(device)}", flush=True)
    if proxy is not None:
        print(f"idle minute: {proxy.arrived} requests", flush=True)


def _simulate(home: Path) -> None:
    """Count what is asked of the store in an hour and a day that are simulated."""
    home.mkdir()
    world = World(home)
    dev = world.device("laptop")
    two_with_files(world, dev)
    clock = Stepped(world.clock)
    laptop = Watched(FakeGround(dev), clock.times, settle=2.0, poll=None)
    world.devices.remove(dev)  # it is closed already
    laptop.keeper.start()
    clock.run(HOUR)
    for what, seconds in (("hour", HOUR), ("day", DAY)):
        found = asked(laptop, clock, seconds)
        print(f"simulated idle {what}: {found.requests}, {found.up} bytes up, {found.down} down", flush=True)
    laptop.keeper.end()
    world.close()


def fill(top: Path, files: int, *, in_each: int = 1000) -> None:
    """Make many small files, so many in each directory."""
    for number in range(files):
        path = top / f"{number // (100 * in_each)}" / f"{number // in_each}" / f"{number}"
        if number % in_each == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)


def cost(device: Device) -> Cost:
    """Return what the daemon has taken since its start."""
    pid = int((device.home / "state" / "daemon.pid").read_text())
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    sizes = [
        int(found) for word in ("VmRSS", "VmHWM") for found in re.findall(rf"{word}:\s+(\d+) kB", status)
    ]
    return Cost(int(fields[11]) + int(fields[12]), sizes[0], sizes[1], int(fields[17]))


def idle_minute(device: Device) -> Cost:
    """Return what it takes in a minute from now on."""
    before = cost(device)
    time.sleep(60)
    after = cost(device)
    return after._replace(ticks=after.ticks - before.ticks)


if __name__ == "__main__":
    sys.exit(main())
