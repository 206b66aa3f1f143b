"""What was changed in a folder, told as it comes."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, NamedTuple

from e2esync.daemon.keeper import Keeper
from e2esync.daemon.ports import Reading
from e2esync.engine.history import Event, History
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import E2ESyncError, IntegrityError

BEGIN = 10  # changes that are told at first, where nobody says since when


class Change(NamedTuple):
    """What one device did to one thing."""

    time: int  # seconds since 1970
    device: str
    person: str
    what: str
    path: bytes
    origin: bytes | None  # where it was, if it was moved
    version: str

    @classmethod
    def of(cls, event: Event) -> Change:
        """Return what there is to tell of an event."""
        return cls(
            event.time,
            event.device_name,
            event.person,
            str(event.what),
            event.path,
            event.origin,
            event.id,
        )

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Change:
        """Return it as `values` gave it."""
        origin = values["origin"]
        paths = {"path": bytes.fromhex(values["path"]), "origin": bytes.fromhex(origin) if origin else None}
        return cls(**{**values, **paths})

    def values(self) -> dict[str, Any]:
        """Return it as JSON has it, between the daemon and its commands: paths in hexadecimal."""
        origin = self.origin.hex() if self.origin is not None else None
        return {**self._asdict(), "path": self.path.hex(), "origin": origin}


class Follower:
    """One who follows what is changed in a folder."""

    def __init__(self, since: int | None) -> None:
        """Begin with what was written since a time (s since 1970), or with the last few changes."""
        self._since = since
        self._told: dict[bytes, int] | None = None  # the last push of each device that was told

    def news(self, keeper: Keeper) -> list[Change]:
        """Return what was changed since this was asked last, oldest first; what cannot be read now comes next time.

        Raises:
            IntegrityError: The history is not what was signed, or a part of it is gone.
        """
        done: Future[list[Change]] = Future()
        keeper.order(Reading(self._look, done))
        try:
            return done.result()
        except IntegrityError:
            raise
        except E2ESyncError:  # locked, offline, no folder: the daemon says so, and it passes
            return []

    def _look(self, vault: SyncedFolder) -> list[Change]:
        past = History(vault)
        found = past.after(self._told) if self._told is not None else self._first(past)
        self._told = {head.device: head.sequence for head in past.heads}
        return [Change.of(event) for event in reversed(found)]

    def _first(self, past: History) -> list[Event]:
        if self._since is not None:
            return [event for event in past.events(self._since) if event.time >= self._since]
        return past.after({head.device: max(head.sequence - BEGIN, 0) for head in past.heads})[:BEGIN]
