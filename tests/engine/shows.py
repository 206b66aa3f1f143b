"""What the pure view shows of the tree that a device holds: the engine's, and its disk, are held to it."""

from __future__ import annotations

from e2esync.engine.shown import decoded, removed_above
from e2esync.merge.aliases import PLAIN, Naming
from e2esync.merge.arrange import Sight
from e2esync.merge.whole import paths, view
from e2esync.tree.keys import Kind, kind_of
from tests.engine.world import Dev

KINDS = {Kind.DIRECTORY: "directory", Kind.FILE: "file", Kind.SYMLINK: "symlink"}


def shown(dev: Dev) -> dict[bytes, str]:
    """Path → kind. What is ignored here, in a directory that was removed, does not count: it keeps nothing alive."""
    return {path: KINDS[kind_of(sight.node)] for path, sight in _view(dev, dev.naming).items()}


def as_on(dev: Dev, tree: dict[bytes, tuple]) -> dict[bytes, tuple]:
    """What a folder on a disk that holds all names is on the disk of a device that has the same tree."""
    if dev.naming == PLAIN:
        return tree
    here = {sight: path for path, sight in _view(dev, dev.naming).items()}
    elsewhere = {path: here[sight] for path, sight in _view(dev, PLAIN).items()}
    return {elsewhere.get(path, path): thing for path, thing in tree.items()}


def _view(dev: Dev, naming: Naming) -> dict[bytes, Sight]:
    number, state = dev.vault.cipher.directory_number, dev.vault.state
    nodes = {key: decoded(key, value) for key, value in state.items(0)}
    for key in state.ignored_nodes():
        if not state.crowd_of(key) and removed_above(state, [state.stand(key)[0]]):
            del nodes[key]
    return paths(view(nodes, number, naming), number)
