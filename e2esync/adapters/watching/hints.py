"""Who hears of changes, and which names are nobody's business. Nothing is imported here that one system only has."""

from __future__ import annotations

import re
from typing import Protocol

from e2esync.adapters.files.walk import is_reserved

_PARKED = re.compile(rb"\.e2esync-moving-[0-9a-f]{32}")  # in the root: a step of ours that is not yet done


class Hints(Protocol):
    """Who hears. Called from any thread; what it raises ends the watching."""

    def touched(self, path: bytes, /) -> None:
        """Hear that something at this path, relative to the root, or directly in it may have changed.

        `b""` is the root itself. A directory that is new under its name may have changed as a whole.
        """

    def lost(self, reason: str, /) -> None:
        """Hear that events were lost or cannot come: only a scan of everything tells."""


def is_ours(name: bytes) -> bool:
    """Return whether a name in the root is the folder's own, or is of something that waits for its place."""
    return is_reserved(name) or _PARKED.fullmatch(name) is not None
