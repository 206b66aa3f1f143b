"""What has to happen on the disk for a node whose disk side is due: a decision for each, nothing done.

What the later steps need of a content stands in a `Step`, which waits in the database and not in
memory, since there may be very many.
"""

from __future__ import annotations

from typing import NamedTuple

from e2esync.adapters.catalogue import Catalogue
from e2esync.adapters.state import DiskRow, FolderState, Step
from e2esync.engine.life import shown_here
from e2esync.engine.local import dot_bytes
from e2esync.engine.places import Place
from e2esync.errors import MissingObject
from e2esync.merge.view import Shown
from e2esync.tree.keys import Kind, kind_of
from e2esync.tree.lists import ListRoot
from e2esync.tree.values import FileContent, SymlinkContent, WrappedKey

HASH_SIZE = 32  # bytes of the name of an epoch


class Due(NamedTuple):
    """A node, what it has to show, and what it shows on this disk."""

    node: bytes
    kind: Kind
    shown: Shown | None  # None: nothing
    row: DiskRow | None

    @property
    def is_directory(self) -> bool:
        """Return whether it is a directory."""
        return self.kind is Kind.DIRECTORY

    @property
    def is_nothing(self) -> bool:
        """Return whether nothing has to happen: it neither has to stand here nor does, or it does as it has to."""
        if self.kind is Kind.VAULT or self.shown is None:
            return self.kind is Kind.VAULT or self.row is None
        return not self.is_moved and not self.is_changed and not self.has_other_mode

    @property
    def target(self) -> Place | None:
        """Return where it has to stand."""
        return (self.shown.parent, self.shown.name) if self.shown is not None else None

    @property
    def place(self) -> Place | None:
        """Return where it stands on this disk."""
        return (self.row.parent, self.row.name) if self.row is not None else None

    @property
    def is_gone(self) -> bool:
        """Return whether it stands here and has to go."""
        return self.shown is None and self.row is not None

    @property
    def is_moved(self) -> bool:
        """Return whether it stands elsewhere on this disk."""
        return self.row is not None and self.shown is not None and self.place != self.target

    @property
    def is_changed(self) -> bool:
        """Return whether its content on this disk is another one, or none."""
        return self.row is None or (not self.is_directory and digest_of(self.shown) != self.row.hash)

    @property
    def has_other_mode(self) -> bool:
        """Return whether its permission bits on this disk are other ones."""
        return (
            self.row is not None and self.shown is not None and self.shown.mode not in {None, self.row.mode}
        )


def digest_of(stands: Shown | None) -> bytes:
    """Return what a row keeps as the hash of this content."""
    match stands.content if stands is not None else None:
        case FileContent() as content:
            return content.hash
        case SymlinkContent() as content:
            return content.target
        case _:
            return b""


def look_up(state: FolderState, node: bytes) -> Due:
    """Return what is due for a node."""
    stands = shown_here(state, node)
    rows = state.rows_of(node)
    return Due(node, kind_of(node), stands, rows[0] if rows else None)


def step_of(due: Due, catalogue: Catalogue) -> Step:
    """Return what has to be fetched and put for a content.

    Raises:
        MissingObject: No index says where the content lies.
    """
    stands = due.shown
    assert stands is not None
    content = stands.content
    place = (
        due.node,
        stands.parent,
        stands.name,
        stands.mode or 0,
        dot_bytes(content.dot),
        digest_of(stands),
    )
    if isinstance(content, SymlinkContent):
        return Step(*place, content.mtime, 0, None, None, None, None, None)
    assert isinstance(content, FileContent)
    if isinstance(content.chunks, ListRoot) or len(content.chunks) != 1:
        return Step(*place, content.mtime, content.size, None, None, None, None, None)
    reference = content.chunks[0]
    locations = catalogue.find(reference.id)
    if not locations:
        raise MissingObject("a part of a file is in no index of the store")
    key = content.keys[reference.key]
    return Step(
        *place,
        content.mtime,
        content.size,
        locations[0].pack,
        locations[0].start,
        locations[0].length,
        reference.id,
        pack_key(key),
    )


def pack_key(key: WrappedKey) -> bytes:
    """Return a wrapped key as a step keeps it."""
    return key.born + key.under + key.wrapped


def unpack_key(packed: bytes) -> WrappedKey:
    """Return the wrapped key of a step."""
    return WrappedKey(packed[:HASH_SIZE], packed[HASH_SIZE : 2 * HASH_SIZE], packed[2 * HASH_SIZE :])
