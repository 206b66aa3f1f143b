"""A node that a join has made larger than any head may have it (format §8.5): it stays so here, and is narrowed by a write.

A join that left something out would not be associative; a write that others see as any other settles it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from e2esync.engine.shown import encoded, entries_of
from e2esync.engine.takeover import incoming, take_over
from e2esync.engine.vault import SyncedFolder
from e2esync.format.cbor import decode_exact, encode
from e2esync.merge.fold import fold
from e2esync.merge.join import Entries
from e2esync.merge.restate import Meant, restate_alone
from e2esync.merge.write import Writer
from e2esync.tree.codec import LEAST_TOO_MANY, are_too_many
from e2esync.tree.values import Content
from e2esync.vault.cipher import MAX_PAGE

MOST = MAX_PAGE - 4096  # bytes of a value: it has a page of its own then, with its key
ROOM = 256 << 10  # bytes of a value that was narrowed: several devices may do that at the same time

_NOTED = "nodes that a join made too large"


def is_too_large(entries: Entries, value: bytes | None) -> bool:
    """Return whether a node would be refused in the tree of a head. `value`: the entries, encoded."""
    size = len(value or b"")
    return size > MOST or (size >= LEAST_TOO_MANY and are_too_many(entries))


def note_too_large(vault: SyncedFolder, keys: Iterable[bytes]) -> None:
    """Remember nodes that have to be narrowed before this device publishes its tree."""
    found = _noted(vault).union(keys)
    if found:
        vault.state.set(_NOTED, encode(sorted(found)))


def _noted(vault: SyncedFolder) -> set[bytes]:
    kept = vault.state.get(_NOTED)
    return set(decode_exact(kept)) if kept is not None else set()


def narrow(vault: SyncedFolder, writer: Writer, changed: Iterable[bytes]) -> list[bytes]:
    """Narrow what is too large of the nodes that were noted, or `changed` by this device; return their keys."""
    changes = []
    for key in sorted(_noted(vault).union(changed)):
        value = vault.state.node(key)
        if value is None or len(value) < LEAST_TOO_MANY:
            continue
        entries = entries_of(vault.state, key)
        if is_too_large(entries, value):
            left = _narrowed(entries, writer)
            changes.append(incoming(vault, key, left, encoded(left)))
    vault.state.set(_NOTED, None)
    if changes:
        vault.state.clear_incoming()
        vault.state.add_incoming(changes)
        take_over(vault)
    return [change.key for change in changes]


def _narrowed(entries: Entries, writer: Writer) -> Entries:
    """Return one entry in place of all: where the node stands, its mode, and of its contents what has room."""
    now = fold(entries)
    contents = _fairly(now.contents)
    places = frozenset({max(now.places)} if now.places else ())
    attributes = frozenset({max(now.attributes)} if now.attributes else ())

    def first(count: int) -> Entries:
        meant = Meant(places, frozenset(contents[:count]), attributes)
        return frozenset({restate_alone(entries, meant, writer)})

    fits, over = 1, len(contents) + 1
    while over - fits > 1:
        count = (fits + over) // 2
        left = first(count)
        value = encoded(left) or b""
        if len(value) > ROOM or is_too_large(left, value):
            over = count
        else:
            fits = count
    return first(fits)


def _fairly(contents: Iterable[Content]) -> list[Content]:
    """Return contents so that the newest of each device come first, then the second newest: none crowds out another."""
    ranks: Counter[bytes] = Counter()
    ranked = []
    for content in sorted(contents, key=lambda content: content.dot, reverse=True):
        ranked.append((ranks[content.dot.device], content))
        ranks[content.dot.device] += 1
    return [content for _, content in sorted(ranked, key=lambda each: each[0])]
