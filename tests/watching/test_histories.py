"""Random histories: whoever scans what is told, when it is told, knows the folder at the end."""

import os
import random
import shutil
from contextlib import suppress

import pytest

from e2esync.adapters.files import syscalls
from tests.watching.conftest import Ears

STEPS = 600
NAMES = [b"a", b"b", b"c\xff"]
DEPTH = 4


class Mirror(Ears):
    """What the folder looks like to somebody who looks only where, and as soon as, something is told."""

    def __init__(self, root):
        super().__init__()
        self._root = os.fsencode(root)
        self.known = {}

    def touched(self, path):
        for gone in [each for each in self.known if each == path or each.startswith(path + b"/")]:
            del self.known[gone]
        self.known.update(look(self._root, path))
        super().touched(path)


def look(root, path=b""):
    """Return inode and size of what is at a path and below; what vanishes meanwhile is left out."""
    found, waiting = {}, [path]
    while waiting:
        path = waiting.pop()
        with suppress(OSError):  # gone, or below a link by now
            status = os.lstat(os.path.join(root, path))
            is_directory = status.st_mode & 0o170000 == 0o040000
            if path:
                found[path] = status.st_ino, None if is_directory else status.st_size
            if is_directory:
                waiting += [os.path.join(path, name) for name in os.listdir(os.path.join(root, path))]
    return found


class Somebody:
    """Another program, which does at random what programs do to files."""

    def __init__(self, root, outside, seed):
        self._root, self._outside, self._chance = os.fsencode(root), os.fsencode(outside), random.Random(seed)
        self._steps = [
            *[self.make_tree] * 3,
            *[self.write] * 4,
            *[self.move] * 4,
            *[self.exchange] * 2,
            self.remove,
            self.move_out,
            self.move_in,
            self.replace_by_link,
        ]

    def step(self):
        with suppress(OSError):  # not there, not empty, into itself: as it happens to programs
            self._chance.choice(self._steps)()

    def place(self):
        depth = self._chance.randint(1, DEPTH)
        return os.path.join(self._root, *(self._chance.choice(NAMES) for _ in range(depth)))

    def make_tree(self):
        top = self.place()
        os.makedirs(os.path.join(top, b"x", b"y"), exist_ok=True)
        for name in (b"f", b"x/f", b"x/y/f"):
            self._put(os.path.join(top, name))

    def write(self):
        self._put(self.place() + b".txt")

    def _put(self, path):
        with open(path, "ab") as file:
            file.write(b"more")

    def move(self):
        os.rename(self.place(), self.place())

    def exchange(self):
        fd = os.open(b"/", os.O_RDONLY)
        try:
            syscalls.exchange(fd, self.place()[1:], fd, self.place()[1:])
        finally:
            os.close(fd)

    def remove(self):
        shutil.rmtree(self.place())

    def move_out(self):
        os.rename(self.place(), os.path.join(self._outside, self._chance.choice(NAMES)))

    def move_in(self):
        os.rename(os.path.join(self._outside, self._chance.choice(NAMES)), self.place())

    def replace_by_link(self):
        path = self.place()
        os.rename(path, path + b".moved")
        os.symlink(path + b".moved", path)


@pytest.mark.case(48, 77)
@pytest.mark.parametrize("seed", range(12))
def test_whoever_scans_what_is_told_knows_the_folder(root, begin, seed):
    outside = root.parent / "outside"
    outside.mkdir()
    ears = Mirror(root)
    folder, somebody = begin(ears), Somebody(root, outside, seed)
    for number in range(STEPS):
        somebody.step()
        if number % 100 == seed:
            folder.heard()
    folder.heard()
    there = look(os.fsencode(root))
    assert len(there) > 20
    if not ears.reasons:  # an overflow: only a scan of everything tells
        assert {path: what for path, what in ears.known.items() if not path.startswith(b"last ")} == there
    directories = [path for path, (_, size) in there.items() if size is None]
    for path in directories:
        folder.write(path + b"/at the end")
    assert folder.heard() == {path + b"/at the end" for path in directories}
