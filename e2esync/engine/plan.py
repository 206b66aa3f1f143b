"""What has to happen on the disk for nodes whose disk side is due: a decision for each, nothing done.

A node is decoded once, here. What the later steps need of a content stands in a `Step`, which waits
in the database and not in memory, since there may be very many.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from e2esync.adapters.catalogue import Catalogue
from e2esync.adapters.state import DiskRow, FolderState, Step
from e2esync.engine.local import dot_bytes
from e2esync.errors import MissingObject
from e2esync.format.cbor import decode
from e2esync.merge.view import Shown, shown
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import Kind, kind_of
from e2esync.tree.lists import ListRoot
from e2esync.tree.values import FileContent, SymlinkContent, WrappedKey

DEFAULT_MODE = 0o755
HASH_SIZE = 32  # bytes of the name of an epoch


class Due(NamedTuple):
    """A node, what it has to show, and what it shows on this disk."""

    node: bytes
    kind: Kind
    shown: Shown | None  # None: nothing
    row: DiskRow | None

    @property
    def is_moved(self) -> bool:
        """Return whether it stands elsewhere on this disk."""
        row, stands = self.row, self.shown
        return (
            row is not None and stands is not None and (stands.parent, stands.name) != (row.parent, row.name)
        )

    @property
    def is_changed(self) -> bool:
        """Return whether its content on this disk is another one, or none."""
        return self.row is None or (
            self.kind is not Kind.DIRECTORY and digest_of(self.shown) != self.row.hash
        )

    @property
    def has_other_mode(self) -> bool:
        """Return whether its permission bits on this disk are other ones."""
        return (
            self.row is not None and self.shown is not None and self.shown.mode not in {None, self.row.mode}
        )


@dataclass
class Plan:
    """What is due, by what has to happen."""

    gone_files: list[bytes] = field(default_factory=list)
    directories: list[bytes] = field(default_factory=list)  # to make or move
    moves: list[bytes] = field(default_factory=list)  # of files and links
    contents: list[Due] = field(default_factory=list)  # not yet looked at on the disk; emptied in batches
    gone_directories: list[bytes] = field(default_factory=list)
    modes: list[bytes] = field(default_factory=list)
    nothing: list[bytes] = field(default_factory=list)


def digest_of(stands: Shown | None) -> bytes:
    """Return what a row keeps as the hash of this content."""
    match stands.content if stands is not None else None:
        case FileContent() as content:
            return content.hash
        case SymlinkContent() as content:
            return content.target
        case _:
            return b""


def due_of(state: FolderState, node: bytes, value: bytes | None) -> Due:
    """Return what is due for a node with this encoded value."""
    kind = kind_of(node)
    stands = shown(node, decode_entries(decode(value), kind)) if value is not None else None
    rows = state.rows_of(node)
    return Due(node, kind, stands, rows[0] if rows else None)


def look(state: FolderState, node: bytes) -> Due:
    """Return what is due for a node."""
    return due_of(state, node, state.node(node))


def sort(plan: Plan, due: Due) -> None:
    """Add a node to what has to happen."""
    if due.kind is Kind.VAULT or (due.shown is None and due.row is None):
        plan.nothing.append(due.node)
    elif due.shown is None:
        (plan.gone_directories if due.kind is Kind.DIRECTORY else plan.gone_files).append(due.node)
    elif due.kind is Kind.DIRECTORY:
        _sort_directory(plan, due)
    else:
        _sort_content(plan, due)


def _sort_directory(plan: Plan, due: Due) -> None:
    if due.row is None or due.is_moved:
        plan.directories.append(due.node)
    if due.has_other_mode:
        plan.modes.append(due.node)
    elif due.row is not None and not due.is_moved:
        plan.nothing.append(due.node)


def _sort_content(plan: Plan, due: Due) -> None:
    if due.is_moved:
        plan.moves.append(due.node)
    if due.is_changed:
        plan.contents.append(due)
    elif due.has_other_mode:
        plan.modes.append(due.node)
    elif not due.is_moved:
        plan.nothing.append(due.node)


def step_of(due: Due, catalogue: Catalogue) -> Step:
    """Return what has to be fetched and put for a content.

    Raises:
        MissingObject: No index says where the content lies.
    """
    stands = due.shown
    assert stands is not None
    content = stands.content
    mode = DEFAULT_MODE if stands.mode is None else stands.mode
    place = (due.node, stands.parent, stands.name, mode, dot_bytes(content.dot), digest_of(stands))
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
