"""A folder on the real disk that is watched, and somebody who hears."""

import os
import threading

import pytest

from e2esync.adapters.watching import trouble
from e2esync.adapters.watching.watch import Watch
from tests.watching.queue import usual_queue

DEADLINE = 60  # seconds until what should come is missing; nothing waits that long


class Ears:
    """Hears hints and waits for what should come."""

    def __init__(self):
        self.paths = set()
        self.reasons = []
        self._changed = threading.Condition()

    def touched(self, path):
        with self._changed:
            self.paths.add(path)
            self._changed.notify_all()

    def lost(self, reason):
        with self._changed:
            self.reasons.append(reason)
            self._changed.notify_all()

    def wait(self, condition):
        with self._changed:
            self._changed.wait_for(lambda: condition(self) or trouble.BROKEN in self.reasons, DEADLINE)
            assert condition(self), (self.paths, self.reasons)

    def wait_for(self, *paths):
        self.wait(lambda _: self.paths >= set(paths))

    def wait_for_loss(self):
        self.wait(lambda _: self.reasons)


class Slow(Ears):
    """Hears nothing as long as it is held: the reading thread stands still, and the queue fills."""

    def __init__(self):
        super().__init__()
        self.goes_on = threading.Event()
        self.is_held = threading.Event()

    def touched(self, path):
        self.is_held.set()
        assert self.goes_on.wait(60)
        super().touched(path)


class Watched:
    """A folder, who watches it, and what was heard."""

    def __init__(self, root, ears):
        self.root, self.ears = root, ears
        with usual_queue():
            self.watch = Watch.start(root, ears)
        self._last = 0

    def path(self, path):
        return os.path.join(os.fsencode(self.root), path)

    def write(self, path, content=b"x", flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
        fd = os.open(self.path(path), flags)
        os.write(fd, content)
        os.close(fd)

    def heard(self):
        """Return what was heard until now: events come in order, so one of the root is the last."""
        self._last += 1
        last = b"last %d" % self._last
        os.mkdir(self.path(last))
        self.ears.wait_for(last)
        os.rmdir(self.path(last))
        with self.ears._changed:
            heard = {path for path in self.ears.paths if not path.startswith(b"last ")}
            self.ears.paths.clear()
        return heard


@pytest.fixture
def root(tmp_path):
    made = tmp_path / "folder"
    made.mkdir()
    return made


@pytest.fixture
def begin(root):
    """Start to watch, when all that should be there is there."""
    begun = []

    def begin(ears=None):
        begun.append(Watched(root, ears or Ears()))
        return begun[-1]

    yield begin
    for each in begun:
        each.watch.stop()
