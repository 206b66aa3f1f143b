"""Keep the view of places at which several things are: who has the name, and how the others are called (format §6.9).

Only such places are noted. All else stands where it was put, and costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from e2esync.adapters.state import Crowded
from e2esync.engine.shown import digest_of, living, nodes_at
from e2esync.engine.vault import SyncedFolder
from e2esync.merge.arrange import arrange, sights
from e2esync.merge.fold import Folded


def arrange_crowds(vault: SyncedFolder, nodes: Iterable[bytes], directories: Iterable[bytes]) -> None:
    """Bring the view in line after nodes changed, and `directories` (numbers) got or lost some; what differs is due."""
    state = vault.state
    names: dict[bytes, set[bytes]] = {number: set() for number in state.crowded_directories(directories)}
    for key in nodes:
        parent, name = state.stand(key)
        names.setdefault(parent, set()).add(name)
        for crowded in state.crowd_of(key):
            names.setdefault(crowded.parent, set())
    for parent, touched in names.items():
        _arrange(vault, parent, touched)


def _arrange(vault: SyncedFolder, parent: bytes, touched: set[bytes]) -> None:
    state = vault.state
    old = state.crowd_in(parent)
    there = {name: _living_at(vault, parent, name) for name in touched | {each.place for each in old}}
    crowd = {name: nodes for name, nodes in there.items() if _is_crowded(nodes)}
    if not crowd and not old:
        return

    def is_real(name: bytes) -> bool:
        return bool(there[name] if name in there else _living_at(vault, parent, name))

    seen = arrange(crowd, is_real, vault.cipher.directory_number)
    new = [
        Crowded(parent, name, state.stand(sight.node)[1], sight.node, digest_of(sight.content))
        for name, sight in sorted(seen.items())
    ]
    if new != old:
        state.replace_crowd(parent, new)
        state.add_due({each.node for each in [*old, *new]})


def _living_at(vault: SyncedFolder, parent: bytes, name: bytes) -> list[tuple[bytes, Folded]]:
    found = []
    for key in nodes_at(vault.state, parent, name):
        folded = living(vault.state, key)
        if folded is not None:
            found.append((key, folded))
    return found


def _is_crowded(nodes: list[tuple[bytes, Folded]]) -> bool:
    return len(nodes) > 1 or any(len(list(sights(*node))) > 1 for node in nodes)
