"""What has to happen on the disk for what is due there: a decision for each thing, nothing done.

A thing is one content of one node; nearly always a node is one thing.

What the later steps need of a content stands in a `Step`, which waits in the database and not in
memory, since there may be very many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from e2esync.adapters.catalogue import Catalogue
from e2esync.adapters.state import DiskRow, FolderState, Step
from e2esync.engine.places import Place
from e2esync.engine.shown import Shown, digest_of, dots_bytes, shown_of
from e2esync.tree.keys import Kind, kind_of, node_of
from e2esync.tree.lists import ListRoot
from e2esync.tree.values import FileContent, SymlinkContent, WrappedKey

HASH_SIZE = 32  # bytes of the name of an epoch


class Due(NamedTuple):
    """One content of a node, what it has to show, and what it shows on this disk."""

    thing: bytes  # what names it: the key of the node, and what follows for all but its first content
    kind: Kind
    shown: Shown | None  # None: nothing
    row: DiskRow | None
    is_alone: bool = True  # whether it is all that is shown, or has to be, of its node

    @property
    def node(self) -> bytes:
        """Return the key of the node."""
        return node_of(self.thing)

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
        return self.row is None or (self.shown is not None and digest_of(self.shown.content) != self.row.hash)

    @property
    def has_other_mode(self) -> bool:
        """Return whether its permission bits on this disk are other ones."""
        return (
            self.row is not None and self.shown is not None and self.shown.mode not in {None, self.row.mode}
        )


def things(state: FolderState, node: bytes) -> list[Due]:
    """Return what there is of a node, here and in the tree.

    What stands on the disk shows the content that it has, best where that belongs, else the one that belongs where it
    stands, else one that nothing else here has.
    What is ignored and not on the disk is no thing here.
    """
    shown, rows = shown_of(state, node), state.rows_of(node)
    kind, is_alone = kind_of(node), len(shown) <= 1 and len(rows) <= 1
    if is_alone and shown and shown[0].is_first:  # nearly always
        if not rows and state.is_ignored(node):
            return []
        return [Due(node, kind, shown[0], rows[0] if rows else None)]
    having = _paired(shown, rows)
    used = {(row.parent, row.name) for row in having.values()}
    left = [row for row in rows if (row.parent, row.name) not in used]
    found = []
    for each in shown:
        digest = digest_of(each.content)
        here = having.get(digest) or (left.pop(0) if left else None)
        found.append(Due(node if each.is_first else node + digest, kind, each, here, is_alone))
    found = [due for due in found if due.row is not None or not state.is_ignored(due.thing)]
    return found + [Due(_name_of_gone(node, row), kind, None, row, is_alone) for row in left]


def _paired(shown: list[Shown], rows: list[DiskRow]) -> dict[bytes, DiskRow]:
    """Return which row is that of a content, by what names the content: first by what rows show, then by where they stand."""
    rows.sort(key=lambda row: (row.hash, row.parent, row.name))
    places = {digest_of(each.content): (each.parent, each.name) for each in shown}
    having: dict[bytes, DiskRow] = {}
    for row in rows:
        if row.hash in places and (row.hash not in having or places[row.hash] == (row.parent, row.name)):
            having[row.hash] = row
    at = {place: digest for digest, place in places.items()}
    for row in rows:
        digest = at.get((row.parent, row.name))
        if digest is not None and having.get(row.hash) is not row:
            having.setdefault(digest, row)
    return having


def _name_of_gone(node: bytes, row: DiskRow) -> bytes:
    return b"%b\x00%b%b" % (node, row.parent, row.name)


def look_up(state: FolderState, thing: bytes) -> Due:
    """Return what is due for a thing."""
    node = node_of(thing)
    found = (due for due in things(state, node) if due.thing == thing)
    return next(found, Due(thing, kind_of(node), None, None))


def is_new(state: FolderState, step: Step) -> bool:
    """Return whether a content is all that there is of its node, and not on the disk: its step says what it is."""
    node = node_of(step.thing)
    return step.is_first and not state.rows_of(node) and not state.crowd_of(node)


def of_row(state: FolderState, row: DiskRow) -> Due:
    """Return what is due for what a row says is on the disk; of a row that is not noted any more, nothing."""
    found = (due for due in things(state, row.node) if due.place == (row.parent, row.name))
    return next(found, Due(_name_of_gone(row.node, row), kind_of(row.node), None, row))


def due_things(state: FolderState) -> Iterator[Due]:
    """Yield what there is of all nodes that are due; what is settled meanwhile may be missing."""
    for node in list(state.due()):
        yield from things(state, node)


def settle(state: FolderState, due: Due) -> None:
    """Note that disk and tree agree on a thing; where it is not alone, `settle_all` does when all of the node do."""
    if due.is_alone:
        _note_shown(state, due)
        state.remove_due([due.node])


def settle_all(state: FolderState, nodes: Iterable[bytes]) -> None:
    """Note on which of some nodes disk and tree agree, and what each row shows then: others may have written the same."""
    for node in nodes:
        found = things(state, node)
        if all(due.is_nothing for due in found):
            for due in found:
                _note_shown(state, due)
            state.remove_due([node])


def _note_shown(state: FolderState, due: Due) -> None:
    if due.row is not None and (shown := due.shown) is not None:
        state.show_by_row(due.node, digest_of(shown.content), dots_bytes(shown.dots), is_first=shown.is_first)


def step_of(due: Due, catalogue: Catalogue) -> Step:
    """Return what has to be fetched and put for a content; one that no index names is looked for when it is fetched."""
    stands = due.shown
    assert stands is not None
    content = stands.content
    place = (
        due.thing,
        stands.parent,
        stands.name,
        stands.mode or 0,
        dots_bytes(stands.dots),
        stands.is_first,
        digest_of(content),
    )
    if isinstance(content, SymlinkContent):
        return Step(*place, content.mtime, 0, None, None, None, None, None)
    assert isinstance(content, FileContent)
    if isinstance(content.chunks, ListRoot) or len(content.chunks) != 1:
        return Step(*place, content.mtime, content.size, None, None, None, None, None)
    reference = content.chunks[0]
    locations = catalogue.find(reference.id)
    if not locations:
        return Step(*place, content.mtime, content.size, None, None, None, None, None)
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
