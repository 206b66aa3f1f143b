"""How many events the system keeps for who watches: a setting of the whole machine, held for as short as can be."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUEUED = Path("/proc/sys/fs/inotify/max_queued_events")


def can_be_set() -> bool:
    """Return whether this process may set it."""
    return os.access(QUEUED, os.W_OK)


def room() -> int:
    """Return how many events it usually is."""
    with usual_queue():
        return int(QUEUED.read_text())


@contextmanager
def usual_queue() -> Iterator[None]:
    """Let queues that are made meanwhile be as long as the system has them, also where other tests set that."""
    with QUEUED.open("rb") as setting:
        fcntl.flock(setting, fcntl.LOCK_SH)
        yield


@contextmanager
def short_queue(events: int) -> Iterator[None]:
    """Let queues that are made meanwhile have room for so few events; those that there are stay as they are."""
    with QUEUED.open("rb") as setting:
        fcntl.flock(setting, fcntl.LOCK_EX)  # else somebody else's short one would be put back for ever
        before = QUEUED.read_text()
        try:
            QUEUED.write_text(f"{events}")
            yield
        finally:
            QUEUED.write_text(before)
