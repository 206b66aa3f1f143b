"""Make the tree at hand what was put aside, and bring all that is known of it in line: places, crowds, what is due."""

from __future__ import annotations

from e2esync.adapters.state import Incoming
from e2esync.engine import ownhead
from e2esync.engine.crowds import arrange_crowds
from e2esync.engine.loose import put_right
from e2esync.engine.shown import removed_above
from e2esync.engine.vault import SyncedFolder
from e2esync.merge.fold import fold, place_of
from e2esync.merge.join import Entries
from e2esync.merge.standing import ORPHANS
from e2esync.tree.keys import ROOT, Kind, kind_of


def incoming(vault: SyncedFolder, key: bytes, entries: Entries, value: bytes | None) -> Incoming:
    """Return a node as it is put aside; without entries, it goes. `value`: the entries, encoded."""
    if value is None:
        return Incoming(key, None, None, None, None, is_several=False)
    number = vault.cipher.directory_number(key) if kind_of(key) is Kind.DIRECTORY else None
    folded = fold(entries)
    _, parent, name = place_of(key, folded)
    moved_name = name if folded.places else None
    return Incoming(key, value, number, parent, moved_name, is_several=len(folded.contents) > 1)


def take_over(vault: SyncedFolder, *, is_on_disk: bool = False) -> bool:
    """Change the tree at hand to what was put aside. `is_on_disk`: rows say already what the disk shows of it.

    Return whether something is not where it was put, or is there again: with all that is in it.
    """
    state = vault.state
    directories = state.incoming_parents()
    has_moved = state.moves_directories()
    state.apply_incoming(ownhead.load(state).sequence + 1)
    if not is_on_disk:
        state.add_incoming_due()
    loose = put_right(state, vault.cipher.directory_number(ORPHANS), has_moved=has_moved)
    directories += loose.parents
    removed = removed_above(state, directories)
    state.add_due([*loose.nodes, *removed])  # by what came into these or left them, they may come or go
    orphans = [ORPHANS] if state.directory_number(ORPHANS) is not None else []
    nodes = [*state.maybe_crowded(), *loose.nodes, *removed, *orphans]
    arrange_crowds(vault, nodes, [*directories, ROOT])
    return bool(loose.nodes)
