"""Saved here, there a moment later: how long that takes with two daemons and a real S3 server, and how idle they are.

python -m tests.long.daemon_latency [--store seaweed|rclone|directory] [--files 100] [--watched 100000]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from e2esync.model.store import Store
from tests.long.daemon_idle import fill, idle_minute
from tests.long.rig import SERVERS, Device, is_up_to_date, opened, place, until

PACE = ("--settle", "0", "--poll", "0.5")


def main() -> int:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=[*SERVERS, "directory"], default="seaweed")
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--watched", type=int, default=0)
    given = parser.parse_args()
    with TemporaryDirectory() as directory, place(given.store, Path(directory)) as store:
        scratch = Path(directory)
        a, b = (Device(scratch / name, scratch / f"{name}-folder", store) for name in "ab")
        a.setup(scratch / "words")
        b.join(scratch / "words")
        try:
            for device in (a, b):
                device.run("start", *PACE)
            _saves(a, b, given.files)
            if given.watched:
                _watched([a, b], given.watched)
        finally:
            for device in (a, b):
                device.run("stop")
    return 0


def _saves(a: Device, b: Device, number: int) -> None:
    """Save small files here; how long until each is durable in the store, and until it is there."""
    store = opened(a.place)
    (a.folder / "first").write_text("so that there is a head\n")
    until(partial(_exists, b.folder / "first"))
    head = next(info.key for info in store.list("vaults/") if "/heads/" in info.key).rpartition("/")[0] + "/"
    durable, there = [], []
    for count in range(number):
        path, before = f"file {count}", _etags(store, head)
        began = time.monotonic()
        (a.folder / path).write_text(f"content {count}\n")
        until(partial(_differs, store, head, before))
        durable.append(time.monotonic() - began)
        until(partial(_exists, b.folder / path))
        there.append(time.monotonic() - began)
        time.sleep(0.1 + 0.37 * (count % 3))  # not in step with the other's look at the store
    store.close()
    for what, seconds in (("in the store", durable), ("there", there)):
        told = f"median {statistics.median(seconds):.2f} s, 95 % within {_percentile(seconds):.2f} s"
        print(f"{what}: {told}, most {max(seconds):.2f} s ({number} files)", flush=True)


def _exists(path: Path) -> bool:
    return path.exists()


def _etags(store: Store, prefix: str) -> dict[str, str]:
    return {info.key: info.etag for info in store.list(prefix)}


def _differs(store: Store, prefix: str, before: dict[str, str]) -> bool:
    return _etags(store, prefix) != before


def _percentile(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.95)]


def _watched(devices: list[Device], files: int) -> None:
    """Keep many files; what an idle minute costs."""
    fill(devices[0].folder / "many", files)
    began = time.monotonic()
    for device in devices:
        until(partial(is_up_to_date, device, files), every=1.0)
    print(f"{files} files on both after {time.monotonic() - began:.0f} s", flush=True)
    for device in devices:
        device.run("pause")
        device.run("resume")
    time.sleep(30)
    for device in devices:
        print(f"idle minute: {idle_minute(device)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
