"""What the tree shows of a node on a disk, and where: nearly always one thing (format §6.9).

Removed directories are shown all the same for what somebody else put or changed in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from e2esync.adapters.state import FolderState
from e2esync.format.cbor import decode, encode
from e2esync.merge.arrange import Sight, mode_of, sights
from e2esync.merge.fold import Folded, fold
from e2esync.merge.join import NO_ENTRIES, Entries
from e2esync.merge.standing import ORPHANAGE, ORPHANS, is_here
from e2esync.tree.codec import decode_entries, encode_entries
from e2esync.tree.keys import Kind, birthplace, kind_of, node_key
from e2esync.tree.values import Content, Dot, FileContent, SymlinkContent

_LAST_N = (1 << 32) - 1
_DOT_SIZE = 32  # bytes


class Shown(NamedTuple):
    """One content of a node, and where it stands."""

    parent: bytes  # number of the directory, 16 bytes
    name: bytes
    content: Content
    mode: int | None  # permission bits, where the kind has them
    dots: frozenset[Dot]  # of all the contents that it stands for
    is_first: bool  # of the contents of its node


def entries_of(state: FolderState, key: bytes) -> Entries:
    """Return the entries of a node of the tree; none if it is not there."""
    return decoded(key, state.node(key))


def folded_of(state: FolderState, key: bytes) -> Folded | None:
    """Return what a node comes to; None if it is not there. The directory of strays needs nobody's word."""
    entries = entries_of(state, key)
    if entries:
        return fold(entries)
    return ORPHANAGE if key == ORPHANS else None


def decoded(key: bytes, value: bytes | None) -> Entries:
    """Return the entries in the value of a node."""
    if value is None:
        return NO_ENTRIES
    return frozenset(decode_entries(decode(value, is_counted=False), kind_of(key)))


def encoded(entries: Entries) -> bytes | None:
    """Return the value of a node with these entries; None without any."""
    return encode(encode_entries(tuple(entries))) if entries else None


def digest_of(content: Content) -> bytes:
    """Return what a row keeps of a content: hash of a file, target of a symlink, else nothing."""
    match content:
        case FileContent():
            return content.hash
        case SymlinkContent():
            return content.target
        case _:
            return b""


def dots_bytes(dots: Iterable[Dot]) -> bytes:
    """Return dots as rows keep them."""
    return b"".join(
        dot.device + dot.sequence.to_bytes(8, "big") + dot.j.to_bytes(8, "big") for dot in sorted(dots)
    )


def dots_of(kept: bytes) -> frozenset[Dot]:
    """Return the dots of a row."""
    parts = (kept[start : start + _DOT_SIZE] for start in range(0, len(kept), _DOT_SIZE))
    return frozenset(
        Dot(int.from_bytes(part[16:24], "big"), part[:16], int.from_bytes(part[24:], "big")) for part in parts
    )


def shown_of(state: FolderState, key: bytes) -> list[Shown]:
    """Return what a node shows, that which keeps its place first; nothing of a directory that was removed."""
    folded = living(state, key)
    if folded is None:
        return []
    seen = _sights(key, folded)
    crowd = {each.value: each for each in state.crowd_of(key)}
    if not crowd:
        return [_shown(*state.stand(key), seen[0])]
    found = []
    for sight in seen:
        each = crowd[digest_of(sight.content)]
        found.append(_shown(each.parent, each.name, sight))
    return found


def _sights(key: bytes, folded: Folded) -> list[Sight]:
    if len(folded.contents) > 1:
        return list(sights(key, folded))
    (content,) = folded.contents
    return [
        Sight(key, content, frozenset({content.dot}), mode_of(kind_of(key), folded.attributes), is_first=True)
    ]


def _shown(parent: bytes, name: bytes, sight: Sight) -> Shown:
    return Shown(parent, name, sight.content, sight.mode, sight.dots, sight.is_first)


def shown_at(state: FolderState, parent: bytes, name: bytes) -> tuple[bytes, Shown] | None:
    """Return which node is shown at a place, and what of it."""
    crowded = state.crowded_at(parent, name)
    keys = [crowded.node] if crowded is not None else list(nodes_at(state, parent, name))
    for key in keys:
        for shown in shown_of(state, key):
            if (shown.parent, shown.name) == (parent, name):
                return key, shown
    return None


def nodes_at(state: FolderState, parent: bytes, name: bytes) -> Iterator[bytes]:
    """Yield the nodes that were born or moved to a place and still stand there, directories that are gone too."""
    last = node_key(parent, name, Kind.SYMLINK, _LAST_N)
    found = dict.fromkeys(key for key, _ in state.items(0, after=parent + name + b"\x00", last=last))
    found |= dict.fromkeys(key for key in state.moved_to(parent, name) if state.node(key) is not None)
    if (parent, name) == birthplace(ORPHANS)[:2] and state.directory_number(ORPHANS) is not None:
        found[ORPHANS] = None
    for key in found:
        if state.stand(key) == (parent, name):
            yield key


def living(state: FolderState, key: bytes) -> Folded | None:
    """Return what a node comes to, if it is shown: a removed directory is if anything below it is."""
    folded = folded_of(state, key)
    is_removed = folded is not None and kind_of(key) is Kind.DIRECTORY and not is_here(folded)
    return None if is_removed and not _has_life(state, key) else folded


def _has_life(state: FolderState, directory: bytes) -> bool:
    """Return whether anything is shown in a directory, at any depth, that is not ignored here."""
    todo, passed = [directory], {directory}
    while todo:
        number = state.directory_number(todo.pop())
        for key in list(state.children(number)) if number is not None else ():
            if state.is_ignored(key) and not state.crowd_of(key):
                continue
            if kind_of(key) is not Kind.DIRECTORY or is_here(fold(entries_of(state, key))):
                return True
            if key not in passed:
                passed.add(key)
                todo.append(key)
    return False


def removed_above(state: FolderState, numbers: Iterable[bytes]) -> list[bytes]:
    """Return the directories that were removed, of these and all above them."""
    found, passed = [], set[bytes]()
    for start in numbers:
        number = start
        while number not in passed:
            passed.add(number)
            key = state.directory_node(number)
            folded = folded_of(state, key) if key is not None else None
            if key is None or folded is None:
                break
            if not is_here(folded):
                found.append(key)
            number = state.stand(key)[0]
    return found
