"""A folder on the real disk, on a kernel with all the calls we like and on one with none of them."""

import os
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2esync.adapters.files import LocalFolder, syscalls

NOBODY = 65534
MTIME = 1_500_000_000_123_456_700  # a multiple of 100 ns, for coarse disks


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


class World:
    """One folder, seen by us and, through `root`, by everybody else."""

    def __init__(self, root):
        self.root = root
        self.folder = LocalFolder.create(root)

    def write(self, path, content=b"theirs"):
        """Write as another program would; return what the folder sees."""
        target = self.root / os.fsdecode(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return self.folder.stat(path)

    def read(self, path):
        return (self.root / os.fsdecode(path)).read_bytes()

    def stage(self, content=b"ours", mode=0o644, mtime_ns=MTIME):
        staged = self.folder.stage(len(content))
        staged.write(content)
        staged.set_meta(mtime_ns, mode)
        return staged

    def names(self, path=b""):
        return [name for name, _ in self.folder.list(path)]

    def trashed(self):
        """Return what is in the trash: where it was, and its content."""
        found = []
        for kept in self.folder.kept():
            with self.folder.open_kept(kept.name) as file:
                found.append((kept.path, file.read(1 << 20)))
        return found

    def temporary(self):
        return names_in(self.root / ".e2esync" / "tmp")


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "folder")
    with made.folder:
        yield made


@pytest.fixture(params=["kernel of today", "kernel without our calls"])
def any_kernel(request, monkeypatch):
    """Run the test with the system calls and with each one's fallback."""
    if request.param != "kernel of today":
        for name in ("_syncfs", "_statx", "_rename", "_syscall"):
            monkeypatch.setattr(syscalls, name, None)
    return request.param


def users_version(world, path=b"file", content=b"newer"):
    """Save as most programs do: a new file renamed over the old."""
    world.write(path + b"~", content)
    (world.root / os.fsdecode(path + b"~")).rename(world.root / os.fsdecode(path))


def tick():
    """Let the clock of a file system move on: a kernel may stamp two writes of 10 ms alike."""
    time.sleep(0.02)


@contextmanager
def without_privileges(world):
    """Work as an ordinary user who owns the folder. For root, no permission would ever be denied."""
    if os.geteuid() != 0:
        yield
        return
    for directory, _, files in os.walk(world.root):
        for path in [Path(directory), *(Path(directory, file) for file in files)]:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
