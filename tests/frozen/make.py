"""Write a frozen vault with the program as it is now: `python -m tests.frozen.make NAME`."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

from tests.long.rig import Device, Place

HERE = Path(__file__).parent


def described(root: Path) -> dict[str, list[object]]:
    """Return kind, mode, mtime and content of everything in a folder, as `expect.json` has it."""
    found: dict[str, list[object]] = {}
    for here, directories, files in os.walk(root):
        directories[:] = [name for name in directories if name != ".e2esync"]
        for name in directories + files:
            path = Path(here, name)
            status, relative = path.lstat(), str(path.relative_to(root))
            if path.is_symlink():
                found[relative] = ["symlink", str(path.readlink()), status.st_mtime_ns]
            elif path.is_dir():
                found[relative] = ["directory", status.st_mode & 0o777]
            else:
                digest = sha256(path.read_bytes()).hexdigest()
                found[relative] = ["file", status.st_mode & 0o777, status.st_mtime_ns, digest]
    return dict(sorted(found.items()))


def main(name: str) -> None:
    """Make the vault; refuse to change one."""
    target = HERE / name
    target.mkdir()
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        words, at = target / "words.txt", Place(str(scratch / "store"))
        one = Device(scratch / "home1", scratch / "one", at)
        two = Device(scratch / "home2", scratch / "two", at)
        one.setup(words)
        fill(one.folder)
        one.run("push")
        two.join(words)
        two.run("pull")
        change(two.folder)
        two.run("push")
        one.run("pull")
        (one.folder / "last").write_text("the last word")
        one.run("push")
        shutil.copytree(scratch / "store", target / "store")
        (target / "expect.json").write_text(json.dumps(described(one.folder), indent=1) + "\n")


def fill(root: Path) -> None:
    """Write what stands in the vault at first."""
    (root / "letters" / "old").mkdir(parents=True)
    (root / "letters" / "dear.txt").write_text("dear reader\n" * 200)
    (root / "letters" / "old" / "empty").touch()
    (root / "picture").write_bytes(random.Random(1).randbytes(150_000))
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("letters/dear.txt")
    (root / "nothing in it").mkdir(mode=0o700)
    os.utime(root / "picture", ns=(0, -1_000_000_007))


def change(root: Path) -> None:
    """Edit, move, copy and delete."""
    (root / "letters" / "dear.txt").write_text("dear reader, once more\n" * 200)
    (root / "letters").rename(root / "post")
    shutil.copy(root / "picture", root / "picture copy")
    (root / "run.sh").unlink()
    (root / "link").unlink()
    (root / "link").symlink_to("post/dear.txt")


if __name__ == "__main__":
    main(sys.argv[1])
