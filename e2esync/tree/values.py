"""What stands at a node: the entries of the devices, each with its values and what it covers (format §6.2).

These are the values that merging works on. Dots name the device by its id; the encoding replaces it by
a position in the entry's own table, so that the bytes of a value depend on nothing around it.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from e2esync.tree.lists import ListRoot, Reference


class Dot(NamedTuple):
    """Which write of which device; ordered by sequence, then device, then j; the highest wins."""

    sequence: int
    device: bytes  # 16 bytes
    j: int


class Place(NamedTuple):
    """Where a node was put."""

    dot: Dot
    parent: bytes  # number of the directory, 16 bytes
    name: bytes


class WrappedKey(NamedTuple):
    """A data key as it is stored (format §6.4)."""

    born: bytes  # epoch, 32 bytes
    under: bytes  # epoch, 32 bytes
    wrapped: bytes  # 40 bytes


class FileContent(NamedTuple):
    """One content of a file."""

    dot: Dot
    size: int  # bytes
    hash: bytes  # keyed content hash, 32 bytes
    mtime: int  # ns since 1970
    keys: tuple[WrappedKey, ...]
    chunks: tuple[Reference, ...] | ListRoot
    device_name: str
    saved: int  # s since 1970


class DirectoryContent(NamedTuple):
    """Whether a directory is there."""

    dot: Dot
    here: bool


class SymlinkContent(NamedTuple):
    """Where a symlink points."""

    dot: Dot
    target: bytes
    mtime: int  # ns since 1970


class VaultContent(NamedTuple):
    """Which vault is mounted here."""

    dot: Dot
    vault: bytes  # 32 bytes


Content: TypeAlias = FileContent | DirectoryContent | SymlinkContent | VaultContent


class Attributes(NamedTuple):
    """Permission bits of a file or directory."""

    dot: Dot
    mode: int  # 0 to 0o777


class Entry(NamedTuple):
    """One device's last word on a node."""

    device: bytes  # 16 bytes
    sequence: int
    past: tuple[tuple[bytes, int], ...]  # other devices and what of each is covered
    places: tuple[Place, ...]  # empty: at its birthplace
    contents: tuple[Content, ...]
    attributes: tuple[Attributes, ...]


def value(content: Content) -> bytes:
    """Return what makes two contents of a node equal: the bytes, not when and by whom they were written."""
    match content:
        case FileContent():
            return content.hash
        case SymlinkContent():
            return content.target
        case DirectoryContent():
            return b"here" if content.here else b""
        case VaultContent():
            return content.vault


def stored_order(each: Place | Content | Attributes) -> tuple[bytes, int, int, bytes]:
    """Return by what the values of a field are sorted in an entry (format §6.2)."""
    match each:
        case Place():
            told = each.parent + each.name
        case Attributes():
            told = each.mode.to_bytes(2, "big")
        case _:
            told = value(each)
    return each.dot.device, each.dot.sequence, each.dot.j, told
