"""Two releases of one big program untarred over each other, on two devices.

python -m tests.long.two_releases OLD.tar NEW.tar [--store directory|seaweed|rclone]

By turns: one unpacks the old release, the other, when it has it, the new one over it. At once: each
unpacks one of them, and neither has heard of the other. Crosswise: each unpacks the other's over what
that gave. After each the two folders have to be the same; by turns every file of the new release stands
under its name, and at once every file of both, under its name or beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.long.rig import SERVERS, Device, differs, place

BESIDE = re.compile(rb" \(conflict, [^)]*[0-9a-f]{8}\)")


def main() -> int:
    """Unpack, sync, compare; return 1 if the folders differ or anything is missing."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("releases", nargs=2, type=Path)
    parser.add_argument("--store", default="directory", choices=["directory", *SERVERS])
    asked = parser.parse_args()
    wrong = 0
    with TemporaryDirectory() as directory, place(asked.store, Path(directory)) as at:
        scratch = Path(directory)
        one = Device(scratch / "home1", scratch / "one", at)
        two = Device(scratch / "home2", scratch / "two", at)
        one.setup(scratch / "words")
        two.join(scratch / "words")
        both = [one, two]
        old, new = asked.releases
        old_files = _contents(_unpack(old, scratch / "old"))
        new_files = _contents(_unpack(new, scratch / "new"))
        unequal = sum(new_files.get(path, content) != content for path, content in old_files.items())
        print(f"{len(old_files)} and {len(new_files)} files, {unequal} of one name that differ", flush=True)
        _unpack(old, one.folder / "turns")
        wrong += _meet("by turns, old", both, "turns", [old_files], beside=0)
        _unpack(new, two.folder / "turns")
        wrong += _meet("by turns, new over it", both, "turns", [new_files], beside=0)
        _unpack(old, one.folder / "once")
        _unpack(new, two.folder / "once")
        wrong += _meet("at once", both, "once", [old_files, new_files], beside=unequal)
        _unpack(new, one.folder / "once")
        _unpack(old, two.folder / "once")
        wrong += _meet("crosswise", both, "once", [], beside=unequal)
    return int(wrong > 0)


def _unpack(archive: Path, target: Path) -> Path:
    target.mkdir(exist_ok=True)
    subprocess.run(["tar", "-xf", archive, "-C", target, "--strip-components=1"], check=True)
    return target


def _contents(root: Path) -> dict[bytes, bytes]:
    """Return what the files and links in a directory hold, as hashes, by path."""
    found: dict[bytes, bytes] = {}
    top = os.fsencode(root)
    for here, directories, files in os.walk(top):
        for name in [*files, *(each for each in directories if os.path.islink(os.path.join(here, each)))]:
            path = os.path.join(here, name)
            content = os.readlink(path) if os.path.islink(path) else Path(os.fsdecode(path)).read_bytes()
            found[os.path.relpath(path, top)] = hashlib.sha256(content).digest()
    return found


def _meet(
    title: str, devices: list[Device], place: str, wanted: list[dict[bytes, bytes]], *, beside: int
) -> int:
    """Let both sync until nothing happens; return how much is wrong."""
    for number in range(1, 7):
        done = [_sync(title, number, device) for device in devices]
        if not any(done):
            break
    one, two = (device.folder for device in devices)
    unlike = differs(one, two).splitlines()
    there = _contents(one / place)
    by_name: dict[bytes, set[bytes]] = {}
    for path, content in there.items():
        by_name.setdefault(BESIDE.sub(b"", path), set()).add(content)
    missing = [
        path
        for release in wanted
        for path, content in release.items()
        if content not in (by_name.get(path, ()) if beside else {there.get(path)})
    ]
    copies = len(there) - len(by_name)
    print(
        f"{title}: {number} rounds, {len(there)} files, {copies} of them beside another; "
        f"folders differ: {len(unlike)}, missing: {len(missing)}",
        flush=True,
    )
    return len(unlike) + len(missing) + (copies > beside) + (number > 5)


def _sync(title: str, number: int, device: Device) -> bool:
    """Sync once; return whether anything happened."""
    began = time.monotonic()
    result = device.run("sync", check=False)
    if result["rc"] == 9:  # of a thousand files that were overwritten by hand, the copies beside them go, too
        print(f"  {title}, round {number}, {device.folder.name}: {result['error']}", flush=True)
        result = device.run("sync", "--accept-risk", "mass-delete", check=False)
    assert result["rc"] in {0, 4}, result  # 4: conflicts wait for somebody
    told = Counter({key: value for key, value in result.items() if isinstance(value, int) and value})
    print(
        f"  {title}, round {number}, {device.folder.name}: {time.monotonic() - began:.1f} s {dict(told)}",
        flush=True,
    )
    changes = ("uploaded_files", "downloaded_files", "moved", "deleted_local", "deleted_remote")
    return any(result.get(key) for key in changes) or bool(result.get("skipped") or result.get("failed"))


if __name__ == "__main__":
    sys.exit(main())
