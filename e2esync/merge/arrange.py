"""What stands under which name in one directory: real names first, then what has to stand beside them (format §6.9)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from e2esync.merge.fold import Folded
from e2esync.merge.naming import Tag, beside, mark_of
from e2esync.merge.standing import ORPHANS
from e2esync.tree.keys import Kind, kind_of
from e2esync.tree.values import Attributes, Content, DirectoryContent, Dot, FileContent, SymlinkContent, value

_RANK = {Kind.VAULT: 0, Kind.DIRECTORY: 1, Kind.FILE: 2, Kind.SYMLINK: 2}
DEFAULT_MODES = {Kind.FILE: 0o644, Kind.DIRECTORY: 0o755}
"""Permission bits of what has none in the tree (format §6.2)."""


class Sight(NamedTuple):
    """What a person sees at one name: one content of one node."""

    node: bytes  # key
    content: Content
    dots: frozenset[Dot]  # of all the contents that it stands for
    mode: int | None  # permission bits, where the kind has them
    is_first: bool  # of the contents of its node: the one that keeps the node when they are settled


def arrange(
    crowd: Mapping[bytes, Iterable[tuple[bytes, Folded]]], is_real: Callable[[bytes], bool], tag: Tag
) -> dict[bytes, Sight]:
    """Return what stands where in one directory, of the nodes that were put there.

    Args:
        crowd: Name → the living nodes that were put there, with what they come to.
        is_real: Whether a node was put under a name: one of `crowd`, or one that is not asked about.
        tag: The keyed hash that tells nodes apart.
    """
    names = {name: sorted(nodes, key=lambda node: order(node[0])) for name, nodes in crowd.items()}
    seen: dict[bytes, Sight] = {}

    def taken(name: bytes) -> bool:
        return name in seen or is_real(name)

    for name, nodes in names.items():
        seen[name] = next(sights(*nodes[0]))
    for name in sorted(names):
        for position, (key, folded) in enumerate(names[name]):
            for sight in sights(key, folded):
                if sight.is_first and position == 0:
                    continue  # it has the name
                mark = tag(key) if sight.is_first else mark_of(sight.content, tag)
                seen[beside(name, sight.content, mark, taken)] = sight
    return seen


def order(key: bytes) -> tuple[bool, int, bytes]:
    """Return by what a node takes a name before others: the lowest has it."""
    return key == ORPHANS, _RANK[kind_of(key)], key


def ranked(seen: Mapping[bytes, Sight], name_of: Callable[[bytes], bytes]) -> dict[bytes, tuple[object, ...]]:
    """Return by what the names of one directory are ordered, where a disk cannot hold all of them: real ones first.

    `name_of` says under which name a node was put there.
    """
    return {name: (name_of(sight.node) != name, *order(sight.node), name) for name, sight in seen.items()}


def sights(key: bytes, folded: Folded) -> Iterator[Sight]:
    """Yield the contents of a node: first that which has the real name, the others best first.

    Equal ones are one. An empty file beside one that is not is no content of its own: whoever sees the
    other has seen it, too.
    """
    groups: dict[bytes, list[Content]] = {}
    for content in folded.contents:
        groups.setdefault(value(content), []).append(content)
    ordered = sorted(groups.values(), key=lambda group: max(map(_preference, group)), reverse=True)
    kind = kind_of(key)
    if kind in {Kind.DIRECTORY, Kind.VAULT}:
        ordered = [[content for group in ordered for content in group]]  # one is shown, for all
    elif not _is_nothing(ordered[0][0]):
        empty = [content for content in folded.contents if _is_nothing(content)]
        ordered = [group for group in ordered if not _is_nothing(group[0])]
        ordered[0] = ordered[0] + empty
    mode = mode_of(kind, folded.attributes)
    for position, group in enumerate(ordered):
        best = max(group, key=_preference)
        yield Sight(key, best, frozenset(content.dot for content in group), mode, is_first=position == 0)


def _preference(content: Content) -> tuple[int, int, Dot, bytes]:
    """Return by what a content takes the real name: not empty, written later by its author's clock, dot."""
    mtime = content.mtime if isinstance(content, FileContent | SymlinkContent) else 0
    return int(not _is_nothing(content)), mtime, content.dot, value(content)


def _is_nothing(content: Content) -> bool:
    match content:
        case FileContent():
            return content.size == 0
        case DirectoryContent():
            return not content.here
        case _:
            return False


def mode_of(kind: Kind, attributes: Iterable[Attributes]) -> int | None:
    """Return the permission bits that were set last; those of its kind if none were."""
    return max(attributes).mode if (attributes := tuple(attributes)) else DEFAULT_MODES.get(kind)
