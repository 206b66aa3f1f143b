"""Push a real tree to a real store, pull it on a second device, read it with the second reader, compare.

python -m tests.long.real_tree TREE [directory|seaweed|rclone]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.long.rig import Device, copy_store, differs, place, read_by_second_reader, tree


def main(source: Path, kind: str) -> None:
    """Print figures; raise if anything differs."""
    with tempfile.TemporaryDirectory() as directory, place(kind, Path(directory)) as at:
        scratch = Path(directory)
        words = scratch / "words"
        one = Device(scratch / "home1", scratch / "one", at)
        two = Device(scratch / "home2", scratch / "two", at)
        one.setup(words)
        subprocess.run(["cp", "-a", source, one.folder / "tree"], check=True)
        for name, device, command in (("push", one, "push"), ("push again", one, "push")):
            timed(name, device, command)
        two.join(words)
        timed("pull", two, "pull")
        timed("pull again", two, "pull")
        assert not differs(one.folder, two.folder), differs(one.folder, two.folder)[:2000]
        assert tree(one.folder) == tree(two.folder), "modes or times differ"
        timed("verify", two, "verify", "--deep")
        out = scratch / "read"
        read_by_second_reader(copy_store(at, scratch / "copy"), out, words)
        (vault,) = out.iterdir()
        assert not differs(one.folder, vault), "the second reader has other contents"
        assert tree(one.folder) == tree(vault), "the second reader has other modes or times"
        print(f"{kind}: {len(tree(one.folder))} entries equal on both devices and in the second reader")


def timed(name: str, device: Device, *command: str) -> None:
    """Run and print what it took."""
    began = time.monotonic()
    result = device.run(*command)
    keys = (
        "uploaded_files",
        "downloaded_files",
        "failed",
        "skipped",
        "uploaded_bytes",
        "downloaded_bytes",
        "requests",
    )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    print(
        f"{name}: {time.monotonic() - began:.1f} s, peak so far {peak} MB,",
        {k: result[k] for k in keys if k in result},
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "directory")
