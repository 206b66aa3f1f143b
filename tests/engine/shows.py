"""What the pure view shows of the tree that a device holds: the engine's, and its disk, are held to it."""

from __future__ import annotations

from e2esync.engine.shown import decoded
from e2esync.merge.whole import paths, view
from e2esync.tree.keys import Kind, kind_of
from tests.engine.world import Dev

KINDS = {Kind.DIRECTORY: "directory", Kind.FILE: "file", Kind.SYMLINK: "symlink"}


def shown(dev: Dev) -> dict[bytes, str]:
    """Path → kind."""
    number = dev.vault.cipher.directory_number
    nodes = {key: decoded(key, value) for key, value in dev.vault.state.items(0)}
    return {path: KINDS[kind_of(sight.node)] for path, sight in paths(view(nodes, number), number).items()}
