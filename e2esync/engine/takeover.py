"""Make the tree at hand what was put aside, and bring all that is known of it in line: places, crowds, what is due."""

from __future__ import annotations

from e2esync.adapters.state import Incoming
from e2esync.engine import ownhead
from e2esync.engine.crowds import arrange_crowds
from e2esync.engine.cycles import loosen
from e2esync.engine.shown import removed_above
from e2esync.engine.vault import SyncedFolder
from e2esync.merge.fold import fold, place_of
from e2esync.merge.join import Entries
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


def take_over(vault: SyncedFolder, *, is_on_disk: bool = False) -> None:
    """Change the tree at hand to what was put aside. `is_on_disk`: rows say already what the disk shows of it."""
    state = vault.state
    directories = state.incoming_parents()
    has_moved = state.moves_directories()
    state.apply_incoming(ownhead.load(state).sequence + 1)
    if not is_on_disk:
        state.add_incoming_due()
    loosened = loosen(state) if has_moved else []
    removed = removed_above(state, directories)
    state.add_due(removed)  # by what came into them or left them, they may come or go
    arrange_crowds(vault, [*state.maybe_crowded(), *loosened, *removed], [*directories, ROOT])
