"""Entries as a device writes them, for tests that need some."""

from __future__ import annotations

from e2esync.merge.fold import fold
from e2esync.merge.restate import Meant, restate
from e2esync.merge.write import Writer
from e2esync.tree.keys import ROOT, Kind, node_key
from e2esync.tree.values import Attributes, Content, Entry, Place

_ANY = node_key(ROOT, b"any", Kind.DIRECTORY)  # of a directory every write makes one entry


def born(writer: Writer, content: Content, mode: int | None) -> Entry:
    """Return the entry of a node that stands at its birthplace for the first time."""
    modes = frozenset() if mode is None else frozenset({Attributes(writer.dot(), mode)})
    (entry,) = restate(_ANY, frozenset(), Meant(frozenset(), frozenset({content}), modes), writer)
    return entry


def changed(
    writer: Writer,
    old: Entry,
    *,
    place: tuple[bytes, bytes] | None = None,
    content: Content | None = None,
    mode: int | None = None,
) -> Entry:
    """Return an entry after a write of one device over it."""
    meant = Meant(*fold([old])[:3])
    if place is not None:
        meant = meant._replace(places=frozenset({Place(writer.dot(), *place)}))
    if content is not None:
        meant = meant._replace(contents=frozenset({content}))
    if mode is not None:
        meant = meant._replace(attributes=frozenset({Attributes(writer.dot(), mode)}))
    (entry,) = restate(_ANY, frozenset({old}), meant, writer)
    return entry
