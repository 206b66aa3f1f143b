"""A look at what was touched, before anything is asked of the store: most of it is what our own hand did."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from contextlib import suppress

from e2esync.adapters.files import Unreadable
from e2esync.engine.scan import scan
from e2esync.engine.vault import Clock, SyncedFolder
from e2esync.tree.keys import ROOT

LARGE = 64 << 20  # bytes
_NO_WAITING = Clock(
    time.time_ns, lambda _seconds: None
)  # what is gone is looked at again when it is published


def differs(vault: SyncedFolder, within: Collection[bytes]) -> bool:
    """Return whether anything at these paths is not as its row says."""
    found = scan(vault.folder, vault.state, clock=_NO_WAITING, within=within)
    if found.gone or found.untracked or found.failed:
        return True
    return next(vault.state.found(), None) is not None


def is_absent(vault: SyncedFolder, path: bytes) -> bool:
    """Return whether nothing stands at a path, for certain."""
    try:
        return vault.folder.stat(path) is None
    except Unreadable:
        return False


def file_sizes(vault: SyncedFolder, within: Collection[bytes]) -> dict[bytes, int]:
    """Return the sizes of those of these paths that are files, in bytes; of what cannot be read the scan tells."""
    found = {}
    for path in within:
        with suppress(Unreadable):
            here = vault.folder.stat(path)
            if here is not None and here.kind == "f":
                found[path] = here.size
    return found


def emptied(vault: SyncedFolder, sizes: Mapping[bytes, int]) -> set[bytes]:
    """Return which of these files have become empty: programs do that before they write a file anew."""
    return {path for path, size in sizes.items() if not size and _had_content(vault, path)}


def large(sizes: Mapping[bytes, int]) -> set[bytes]:
    """Return which of these files take a while to send."""
    return {path for path, size in sizes.items() if size >= LARGE}


def _had_content(vault: SyncedFolder, path: bytes) -> bool:
    number, names = ROOT, path.split(b"/")
    for name in names[:-1]:
        row = vault.state.row_at(number, name)
        if row is None or row.number is None:
            return False
        number = row.number
    row = vault.state.row_at(number, names[-1])
    return row is not None and bool(row.size)
