"""What the folder's disk makes of names: tried whenever work begins, and noted, so that all that is done goes by the same.

On a disk that takes two names for one, or refuses some, what cannot stand there under its name gets an alias
(`e2esync.merge.aliases`). A folder may be moved from one disk to another, so nothing of it is for ever.
"""

from __future__ import annotations

from contextlib import suppress

from e2esync.adapters.files import CannotWrite
from e2esync.engine.crowds import arrange_crowds
from e2esync.engine.scan import below
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import DiskFull
from e2esync.tree.keys import ROOT


def note_naming(vault: SyncedFolder) -> None:
    """Note what the disk makes of names; if that is something else than before, bring the view into line."""
    state = vault.state
    with suppress(CannotWrite, DiskFull):  # then nothing new can come either, and what was noted stays
        naming = vault.folder.naming()
        if naming != state.naming():
            with state.transaction():
                state.set_naming(naming)
                arrange_crowds(vault, [], [ROOT, *state.directory_numbers()])
                _forget_lost(vault)


def _forget_lost(vault: SyncedFolder) -> None:
    """Drop the rows of what had a name that this disk never held: it came from another, where maybe not all could follow.

    It is brought anew, under its alias; missing, it would count as deleted.
    """
    state = vault.state
    for crowded in state.crowd():
        if crowded.told != crowded.name:
            tops = [row for row in state.rows_of(crowded.node) if row.name == crowded.told]
            lost = [row for top in tops for row in below(state, top)]
            state.drop_rows(lost)
            state.add_due(row.node for row in lost)
