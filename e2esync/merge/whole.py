"""The view of a whole tree: pure, total, the same on every device, and no two things at one place (format §6.9).

On a disk that cannot hold all names, some of what it shows stands under aliases.

The engine keeps it incrementally in its database; this is what it is held to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from e2esync.merge.aliases import PLAIN, Naming, aliases
from e2esync.merge.arrange import Sight, arrange, ranked
from e2esync.merge.naming import Tag
from e2esync.merge.standing import Stand, children, folded, living, standing
from e2esync.tree.keys import ROOT, Kind, kind_of
from e2esync.tree.values import Entry

View: TypeAlias = dict[Stand, Sight]


def view(tree: Mapping[bytes, Iterable[Entry]], tag: Tag, naming: Naming = PLAIN) -> View:
    """Return what stands where, on a disk of this naming: directory and name → one content of one node."""
    nodes = folded(tree)
    stands = standing(nodes, tag)
    seen: View = {}
    for parent, names in children(living(nodes, stands, tag), stands).items():
        crowd = {name: [(key, nodes[key]) for key in keys] for name, keys in names.items()}
        here = arrange(crowd, crowd.__contains__, tag)
        others = aliases(ranked(here, lambda key: stands[key].name), naming, tag, lambda _: False)
        for name, sight in here.items():
            seen[Stand(parent, others[name].name if name in others else name)] = sight
    return seen


def paths(seen: View, tag: Tag) -> dict[bytes, Sight]:
    """Return a view by paths, parts joined by slashes."""
    names = {tag(sight.node): stand for stand, sight in seen.items() if kind_of(sight.node) is Kind.DIRECTORY}
    return {path_of(stand, names): sight for stand, sight in seen.items()}


def path_of(stand: Stand, directories: Mapping[bytes, Stand]) -> bytes:
    """Return the path of a place, given where directories stand, by their numbers."""
    parts = [stand.name]
    while stand.parent != ROOT:
        stand = directories[stand.parent]
        parts.append(stand.name)
    return b"/".join(reversed(parts))
