"""Keep the view of places at which several things are: who has the name, and how the others are called (format §6.9).

Only such places are noted. All else stands where it was put, and costs nothing. On a disk that cannot hold all
names, what stands under an alias is noted with them, and there whole directories are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable

from e2esync.adapters.state import Aliased, Crowded
from e2esync.engine.shown import digest_of, living, nodes_at
from e2esync.engine.vault import SyncedFolder
from e2esync.merge.aliases import PLAIN, Alias, Naming, aliases
from e2esync.merge.arrange import Sight, arrange, ranked, sights
from e2esync.merge.fold import Folded
from e2esync.merge.standing import ORPHANS
from e2esync.tree.keys import birthplace


def arrange_crowds(vault: SyncedFolder, nodes: Iterable[bytes], directories: Iterable[bytes]) -> None:
    """Bring the view in line after nodes changed, and `directories` (numbers) got or lost some; what differs is due."""
    state, naming = vault.state, vault.state.naming()
    concerned = state.crowded_directories(directories) if naming == PLAIN else directories
    names: dict[bytes, set[bytes]] = {number: set() for number in concerned}
    for key in nodes:
        parent, name = state.stand(key)
        names.setdefault(parent, set()).add(name)
        for crowded in state.crowd_of(key):
            names.setdefault(crowded.parent, set())
    for parent, touched in names.items():
        _Directory(vault, parent, naming).arrange(touched)


class _Directory:
    """One directory of the tree, and who stands in it under which names."""

    def __init__(self, vault: SyncedFolder, parent: bytes, naming: Naming) -> None:
        self._vault, self._state = vault, vault.state
        self._parent, self._naming = parent, naming
        self._there: dict[bytes, list[tuple[bytes, Folded]]] = {}  # by name: the living nodes
        self._twins: dict[bytes, list[bytes]] = {}  # folded → names, where the disk cannot hold all

    def arrange(self, touched: set[bytes]) -> None:
        """Note what is crowded, among the names that were touched and those that were, or has an alias."""
        state, parent = self._state, self._parent
        old = state.crowd_in(parent)
        odd = self._odd_names() if self._naming != PLAIN else set()
        there = {name: self._living_at(name) for name in touched | {each.place for each in old} | odd}
        crowd = {name: nodes for name, nodes in there.items() if _is_crowded(nodes)}
        if not crowd and not old and not odd:
            return
        seen = arrange(crowd, lambda name: bool(self._living_at(name)), self._vault.cipher.directory_number)
        others = self._aliases(seen, odd) if self._naming != PLAIN else {}
        called = {name: alias.name for name, alias in others.items()}
        new = [
            Crowded(
                parent,
                called.get(name, name),
                state.stand(sight.node)[1],
                sight.node,
                digest_of(sight.content),
                name,
            )
            for name, sight in seen.items()
        ]
        new.sort(key=lambda each: each.name)
        if new != old:
            aliased = [Aliased(parent, alias.name, name, alias.keeper) for name, alias in others.items()]
            state.replace_crowd(parent, new, aliased)
            state.add_due({each.node for each in [*old, *new]})

    def _living_at(self, name: bytes) -> list[tuple[bytes, Folded]]:
        if name not in self._there:
            found = ((key, living(self._state, key)) for key in nodes_at(self._state, self._parent, name))
            self._there[name] = [(key, folded) for key, folded in found if folded is not None]
        return self._there[name]

    def _odd_names(self) -> set[bytes]:
        """Return the names here that the disk refuses, or takes for the same as others."""
        names = self._state.names_in(self._parent)
        if (self._parent, b"Recovered") == birthplace(ORPHANS)[:2]:
            names.append(b"Recovered")
        for name in dict.fromkeys(names):
            self._twins.setdefault(self._naming.folded(name), []).append(name)
        several = (twins for twins in self._twins.values() if len(twins) > 1)
        return {name for twins in several for name in twins} | {
            name for name in names if not self._naming.holds(name)
        }

    def _aliases(self, seen: dict[bytes, Sight], odd: set[bytes]) -> dict[bytes, Alias]:
        """Return what stands under aliases; add to `seen` what does and is alone at its place."""
        like_seen = {name for each in seen for name in self._twins.get(self._naming.folded(each), ())}
        alone = {name: self._living_at(name) for name in (odd | like_seen) - seen.keys()}
        every = seen | {name: next(sights(*nodes[0])) for name, nodes in alone.items() if nodes}
        ranks = ranked(every, lambda key: self._state.stand(key)[1])
        found = aliases(ranks, self._naming, self._vault.cipher.directory_number, self._is_taken)
        seen |= {name: every[name] for name in found}
        return found

    def _is_taken(self, folded: bytes) -> bool:
        return any(self._living_at(name) for name in self._twins.get(folded, ()))


def _is_crowded(nodes: list[tuple[bytes, Folded]]) -> bool:
    return len(nodes) > 1 or any(len(list(sights(*node))) > 1 for node in nodes)
