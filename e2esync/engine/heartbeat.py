"""What this device has joined and not published since: the others do not know of it, and a prune waits for them.

Who only reads would stay behind for ever. So the daemon publishes for such a device, too: its tree, as it is.
"""

from __future__ import annotations

from typing import NoReturn

from e2esync.engine import ownhead
from e2esync.engine.vault import SyncedFolder
from e2esync.tree.pages import Page, update


def is_behind(vault: SyncedFolder) -> bool:
    """Return whether our own head shows another tree than the one at hand."""
    root = update(vault.state, (), draw=vault.cipher.draw, emit=_no_page)
    return ownhead.load(vault.state).root != root


def _no_page(_page: Page) -> NoReturn:
    raise AssertionError("nothing changed, so that no page is made")
