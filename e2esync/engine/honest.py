"""The form of a content that the device of its dot has signed itself (format §7): looked for where that in the tree fails.

Whoever holds the vault's key can put another form of a content, with dead references, under the dot of
another device, so that it is what the tree shows. What it can not do is to sign for that device.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from e2esync.engine.pushes import Pushes
from e2esync.engine.shown import decoded
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import IntegrityError
from e2esync.format.snapshot import Root
from e2esync.tree.values import FileContent
from e2esync.vault.heads import Head


class HonestForms:
    """Looks into the snapshots of all devices; asks the store for nothing before it is asked."""

    def __init__(self, vault: SyncedFolder, heads: Sequence[Head] | None = None) -> None:
        self._vault, self._heads = vault, heads  # None: as this device has accepted them

    @cached_property
    def _pushes(self) -> Pushes:
        return Pushes(self._vault, heads=self._heads)

    def find(self, node: bytes, content: FileContent) -> FileContent | None:
        """Return what the device of a content's dot wrote there; None if it is just that, or cannot be found."""
        try:
            found = self._signed(node, content)
        except IntegrityError:  # the caller has an error already, and that is what counts
            return None
        if found is None or (found.keys, found.chunks) == (content.keys, content.chunks):
            return None
        return found

    def way_to(self, content: FileContent) -> tuple[bytes, Root | None]:
        """Return hash and root of the snapshot in which `find` has found another form of a content."""
        device, sequence = content.dot.device, content.dot.sequence
        snapshot = self._pushes.snapshot(device, sequence)
        assert snapshot is not None
        return self._pushes.hash_of(device, sequence), snapshot.root

    def _signed(self, node: bytes, content: FileContent) -> FileContent | None:
        dot = content.dot
        if not self._pushes.covers(dot.device, dot.sequence):
            return None
        snapshot = self._pushes.snapshot(dot.device, dot.sequence)
        if snapshot is None:
            return None
        entries = decoded(node, self._pushes.tree(snapshot.root).value(node))
        contents = (each for entry in entries if entry.device == dot.device for each in entry.contents)
        for each in contents:
            if isinstance(each, FileContent) and (each.dot, each.hash) == (dot, content.hash):
                return each
        return None
