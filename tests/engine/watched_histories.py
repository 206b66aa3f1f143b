"""Random histories of devices that are watched: a round looks only at where something changed since the last."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from e2esync.engine.sync import sync
from e2esync.engine.vault import Summary
from tests.engine.histories import History
from tests.engine.world import Dev


class _Thing(NamedTuple):
    inode: int
    mode: int
    size: int
    mtime: int  # ns
    ctime: int  # ns


class WatchedHistory(History):
    """One history; whoever watches tells of every change, and of nothing else."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._seen: dict[str, dict[bytes, _Thing]] = {}
        self._touched: dict[str, set[bytes] | None] = {}  # None: nobody watched
        self.partial = 0  # rounds that did not look at everything

    def _run_once(self, dev: Dev, command: str) -> None:
        if command == "sync" and self.random.random() < 0.8:
            self._finish(dev)
            return
        self._watch(dev)
        super()._run_once(dev, command)
        if self.trace[-1] == f"{dev.name} {command}":
            self._watch(dev)
        else:
            self._touched[dev.name] = None

    def _finish(self, dev: Dev) -> None:
        self.trace.append(f"{dev.name} sync, watched")
        self._said(self._sync(dev), dev)

    def _sync(self, dev: Dev) -> Summary:
        self._watch(dev)
        within = self._touched.get(dev.name)
        self.partial += within is not None
        summary = sync(dev.vault, within=within)
        self._touched[dev.name] = {item["path"].encode() for item in summary.skipped}
        self._watch(dev)
        return summary

    def _watch(self, dev: Dev) -> None:
        """Take in what changed since this was called last; two changes that undo each other have no effect on a scan."""
        seen, now = self._seen.get(dev.name, {}), _things(dev.root)
        touched = self._touched.get(dev.name)
        if touched is not None:
            touched.update(path for path in seen | now if seen.get(path) != now.get(path))
        self._seen[dev.name] = now


def _things(root: Path) -> dict[bytes, _Thing]:
    found: dict[bytes, _Thing] = {}
    for directory, below, files in os.walk(bytes(root)):
        for name in [*below, *files]:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            is_directory = name in below and not os.path.islink(path)
            size, mtime, ctime = (
                (0, 0, 0) if is_directory else (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            )
            found[path[len(bytes(root)) + 1 :]] = _Thing(status.st_ino, status.st_mode, size, mtime, ctime)
        if b".e2esync" in below:
            below.remove(b".e2esync")
    return {path: thing for path, thing in found.items() if path != b".e2esync"}
