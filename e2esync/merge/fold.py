"""Put the entries of a node together, field by field (format §6.8).

A value stays if every entry that lacks it has not seen its dot; if none would stay, all do. So a move
and an edit at the same time become a moved, edited file, and two edits two contents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from e2esync.merge.vector import covers, union
from e2esync.tree.keys import birthplace
from e2esync.tree.lists import ListRoot
from e2esync.tree.values import (
    Attributes,
    Content,
    Dot,
    Entry,
    FileContent,
    Place,
    SymlinkContent,
    value,
)

_V = TypeVar("_V", Place, Content, Attributes)
_BORN = Dot(0, bytes(16), 0)  # below every dot


class Folded(NamedTuple):
    """What the entries of a node come to."""

    places: frozenset[Place]  # empty: at its birthplace
    contents: frozenset[Content]  # not empty, but for a node that is to go
    attributes: frozenset[Attributes]
    past: dict[bytes, int]  # all that the entries cover, themselves included


def fold(entries: Iterable[Entry]) -> Folded:
    """Return what entries come to; there is at least one."""
    known = tuple(entries)
    past = union(past_of(entry) for entry in known)
    places, contents, attributes = values_of(known)
    if len(known) > 1:
        seen = [past_of(entry) for entry in known]
        places = _stay(places, [entry.places for entry in known], seen)
        contents = _stay(contents, [entry.contents for entry in known], seen)
        attributes = _stay(attributes, [entry.attributes for entry in known], seen)
    return Folded(frozenset(places), frozenset(contents), frozenset(attributes), past)


def past_of(entry: Entry) -> dict[bytes, int]:
    """Return what an entry covers, itself included."""
    return {**dict(entry.past), entry.device: entry.sequence}


def values_of(entries: Sequence[Entry]) -> tuple[list[Place], list[Content], list[Attributes]]:
    """Return every value once: of several byte forms of one content the same one, whatever the order."""
    if len(entries) == 1:
        entry = entries[0]
        return list(entry.places), list(entry.contents), list(entry.attributes)
    contents: dict[tuple[Dot, bytes], Content] = {}
    for entry in entries:
        for content in entry.contents:
            name = content.dot, value(content)
            contents[name] = max(contents.get(name, content), content, key=_form)
    return (
        list({place for entry in entries for place in entry.places}),
        list(contents.values()),
        list({attribute for entry in entries for attribute in entry.attributes}),
    )


def _form(content: Content) -> tuple[object, ...]:
    """Return by what two byte forms of one value are told apart: the higher is kept."""
    match content:
        case FileContent():
            is_list = isinstance(content.chunks, ListRoot)
            return (
                content.keys,
                is_list,
                content.chunks,
                content.size,
                content.mtime,
                content.device_name,
                content.saved,
            )
        case SymlinkContent():
            return (content.mtime,)
        case _:
            return ()


def _stay(values: list[_V], held: list[tuple[_V, ...]], seen: list[dict[bytes, int]]) -> list[_V]:
    dots = [{each.dot for each in one} for one in held]
    staying = [
        each
        for each in values
        if all(
            each.dot in own or not covers(past, each.dot.device, each.dot.sequence)
            for own, past in zip(dots, seen, strict=True)
        )
    ]
    return staying or values


def place_of(key: bytes, folded: Folded) -> Place:
    """Return where a node was put last: the place with the highest dot, or its birthplace, below all others."""
    if folded.places:
        return max(folded.places)
    born = birthplace(key)
    return Place(_BORN, born.parent, born.name)
