"""A folder as the thread that keeps it has it: closed or open, watched or not, and what is known of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeVar

from e2esync.daemon.ports import Ground, Hints, Watching
from e2esync.engine.glance import is_absent
from e2esync.engine.survey import FolderSurvey, Need, known
from e2esync.engine.vault import Progress, Summary, SyncedFolder
from e2esync.errors import StateBehind

log = logging.getLogger(__name__)

T = TypeVar("T")


class Holding:
    """One folder in the hands of one thread. From others only `survey` and `watch_trouble` may be read."""

    def __init__(self, ground: Ground, progress: Progress) -> None:
        """Hold it closed and unwatched."""
        self._ground, self._progress = ground, progress
        self.survey = FolderSurvey(ground.note)
        self._bad: dict[str, str] = {}  # files that could not be handled, and why
        self._stack = ExitStack()
        self._vault: SyncedFolder | None = None
        self._watch: Watching | None = None

    # opened and closed

    def open(self) -> SyncedFolder:
        """Return the folder, open.

        Raises:
            Busy, Locked, SafetyStop, StoreUnavailable, …: It cannot be opened now.
        """
        if self._vault is None:
            with ExitStack() as stack:
                vault = stack.enter_context(self._ground.open(self._progress))
                self._stack = stack.pop_all()
            self._vault = vault
            self.survey = known(self._ground.note, vault.state)
        return self._vault

    def close(self) -> None:
        """Let go of it."""
        self._vault = None
        self._stack.close()

    def work(self, work: Callable[[SyncedFolder], T], *, may_renew: bool = True) -> T:
        """Work on the open folder; where the local state was behind, as a new device."""
        try:
            return work(self.open())
        except StateBehind:
            if not may_renew:
                raise
            log.warning("the local state was behind: this goes on as a new device")
            self._vault = self._ground.renew(self.open())
            return work(self._vault)

    # watched

    def watch(self, hints: Hints) -> None:
        """Watch it anew."""
        self.unwatch()
        self._watch = self._ground.watch(hints)

    def unwatch(self) -> None:
        """Watch it no longer."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()

    @property
    def is_watched(self) -> bool:
        """Whether events come."""
        watch = self._watch
        return watch is not None and watch.is_live

    @property
    def watch_trouble(self) -> str | None:
        """Why none come, and what helps."""
        watch = self._watch
        return watch.trouble if watch is not None else None

    # known

    def look(self) -> None:
        """Note how it stands."""
        survey = known(self._ground.note, self.open().state)
        if self._bad:
            survey = replace(survey, needs=(*survey.needs, _could_not(self._bad)))
        self.survey = survey

    def note_bad(self, summary: Summary, within: Collection[bytes] | None) -> None:
        """Note which files could not be handled, until they are, or went with a directory above them.

        `within` is what was looked at; None if that was everything.
        """
        if within is None:
            self._bad = {}
        for path in (within or ()) if self._bad else ():
            told = path.decode("utf-8", "backslashreplace")
            self._bad.pop(told, None)
            if is_absent(self.open(), path):
                self._bad = {bad: why for bad, why in self._bad.items() if not bad.startswith(told + "/")}
        self._bad.update({item["path"]: item["reason"] for item in summary.failed})


def _could_not(bad: dict[str, str]) -> Need:
    path, reason = next(iter(bad.items()))
    more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
    return Need(
        "files-failed", f"{path} is not synced: {reason}{more}", "mend what is named; it is tried again"
    )
