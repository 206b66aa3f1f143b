"""Trees that come and change faster than the system can tell, with two daemons on a real S3 server; to be run as root.

python -m tests.long.daemon_overflow [--files 20000] [--room 16] [--store seaweed|rclone|directory]
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.long.rig import SERVERS, Device, differs, is_up_to_date, place, tree, until
from tests.watching.queue import short_queue
from tests.watching.trees import DELETED, SIZE, unpack

PACE = ("--settle", "0.2", "--poll", "0.5")


def main() -> int:
    """Work, and print what came of it; return 1 if the folders are not alike, or nothing overflowed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--room", type=int, default=16, help="events that the system keeps")
    parser.add_argument("--store", choices=[*SERVERS, "directory"], default="seaweed")
    given = parser.parse_args()
    with TemporaryDirectory() as directory, place(given.store, Path(directory)) as store:
        scratch = Path(directory)
        a, b = (Device(scratch / name, scratch / f"{name}-folder", store) for name in "ab")
        a.setup(scratch / "words")
        b.join(scratch / "words")
        try:
            return _work(a, b, trees=given.files // SIZE, room=given.room)
        finally:
            for device in (a, b):
                device.run("stop", check=False)


def _work(a: Device, b: Device, *, trees: int, room: int) -> int:
    kept = 2 * trees * DELETED  # so that what goes is never most of what there is
    (a.folder / "kept").mkdir()
    for number in range(kept):
        (a.folder / "kept" / f"{number}").write_bytes(b"%d" % number)
    with short_queue(room):  # until both have begun to watch
        for device in (a, b):
            device.run("start", *PACE)
        for device in (a, b):
            until(partial(is_up_to_date, device, kept), every=0.2)
    began = time.monotonic()
    for number in range(trees):
        unpack(a.folder / f"tree {number}")
    made = time.monotonic() - began
    files = sum(1 for thing in tree(a.folder).values() if thing[0] == "file")
    try:
        until(lambda: all(is_up_to_date(one, files) for one in (a, b)) and _are_equal(a, b), every=0.5)
    except TimeoutError:
        print(f"unlike: {differs(a.folder, b.folder)[:3000]}")
    seconds, equal = time.monotonic() - began, _are_equal(a, b)
    lost = {device.home.name: _overflows(device) for device in (a, b)}
    print(f"{files} files, of which {kept} were there before, made in {made:.1f} s")
    print(f"overflows: {lost}; equal: {equal}; after {seconds:.1f} s")
    return int(not equal or not lost["a"])


def _are_equal(a: Device, b: Device) -> bool:
    return tree(a.folder) == tree(b.folder) and not differs(a.folder, b.folder)


def _overflows(device: Device) -> int:
    logs = (device.home / "state").glob("daemon.log*")
    return sum(path.read_text().count("events were lost") for path in logs)


if __name__ == "__main__":
    sys.exit(main())
