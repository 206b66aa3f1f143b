"""From what a node is meant to come to, to its entries: others' words stand where they still say it (format §6.10)."""

from __future__ import annotations

from typing import NamedTuple

from e2esync.merge.fold import Folded, fold, past_of, place_of
from e2esync.merge.join import NO_ENTRIES, Entries
from e2esync.merge.vector import union
from e2esync.merge.write import Writer
from e2esync.tree.keys import Kind, kind_of
from e2esync.tree.values import Attributes, Content, Dot, Entry, Place, stored_order


class Meant(NamedTuple):
    """What a node is to come to by a local write; without contents, it goes."""

    places: frozenset[Place] = frozenset()
    contents: frozenset[Content] = frozenset()
    attributes: frozenset[Attributes] = frozenset()


def restate(key: bytes, entries: Entries, meant: Meant, writer: Writer) -> Entries:
    """Return the entries of a node after a write that saw `entries`."""
    if not meant.contents:
        return NO_ENTRIES
    if entries and kind_of(key) in {Kind.FILE, Kind.SYMLINK}:
        beside = _beside(key, entries, meant, writer)
        if beside is not None:
            return beside
    return frozenset({restate_alone(entries, meant, writer)})


def restate_alone(entries: Entries, meant: Meant, writer: Writer) -> Entry:
    """Return one entry in place of all that a write saw."""
    return _entry(writer, union(map(past_of, entries)), meant)


def _beside(key: bytes, entries: Entries, meant: Meant, writer: Writer) -> Entries | None:
    """Return what leaves the entries of others that hold only what stays, if it comes to what is meant."""
    staying = {content.dot for content in meant.contents}
    replaced = {
        entry for entry in entries if entry.device == writer.device or not _dots(entry.contents) <= staying
    }
    kept = entries - replaced
    if not kept or not replaced:
        return None
    said = {dot for entry in kept for dot in _dots(entry.contents)}
    new = frozenset(content for content in meant.contents if content.dot not in said)
    if new:
        own = _entry(writer, union(map(past_of, replaced)), _own(key, meant, new, writer))
        if not _covers_itself(own):
            return None
        kept |= {own}
    return kept if _comes_to(key, fold(kept), meant) else None


def _own(key: bytes, meant: Meant, new: frozenset[Content], writer: Writer) -> Meant:
    """Return what an entry beside others says: place and mode anew, so that it stands alone if the others go."""
    places, attributes = meant.places, meant.attributes
    if places:
        _, parent, name = place_of(key, Folded(places, new, attributes, {}))
        places = frozenset({Place(writer.dot(), parent, name)})
    if attributes:
        attributes = frozenset({Attributes(writer.dot(), max(attributes).mode)})
    return Meant(places, new, attributes)


def _dots(contents: tuple[Content, ...]) -> set[Dot]:
    return {content.dot for content in contents}


def _covers_itself(entry: Entry) -> bool:
    past = past_of(entry)
    values = (*entry.places, *entry.contents, *entry.attributes)
    return all(value.dot.sequence <= past.get(value.dot.device, 0) for value in values)


def _comes_to(key: bytes, folded: Folded, meant: Meant) -> bool:
    wanted = Folded(*meant, {})
    return (
        folded.contents == wanted.contents
        and place_of(key, folded)[1:] == place_of(key, wanted)[1:]
        and _mode(folded) == _mode(wanted)
    )


def _mode(folded: Folded) -> int | None:
    return max(folded.attributes).mode if folded.attributes else None


def _entry(writer: Writer, past: dict[bytes, int], meant: Meant) -> Entry:
    past.pop(writer.device, None)
    return Entry(
        writer.device,
        writer.sequence,
        tuple(sorted(past.items())),
        tuple(sorted(meant.places, key=stored_order)),
        tuple(sorted(meant.contents, key=stored_order)),
        tuple(sorted(meant.attributes, key=stored_order)),
    )
