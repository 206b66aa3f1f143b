"""The key of a node: its birthplace, which names it for ever (format §6.1)."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from e2esync.errors import BadObject

NUMBER_SIZE = 16  # bytes of a directory's number
ROOT = bytes(NUMBER_SIZE)
MAX_NAME = 255  # bytes
_TAIL_SIZE = 6  # separator, kind, n


class Kind(IntEnum):
    """What a node is."""

    VAULT = 0
    DIRECTORY = 1
    FILE = 2
    SYMLINK = 3


class Birthplace(NamedTuple):
    """The parts of a key."""

    parent: bytes  # number of the parent directory, 16 bytes
    name: bytes
    kind: Kind
    n: int


def node_key(parent: bytes, name: bytes, kind: Kind, n: int = 0) -> bytes:
    """Return the key of the node born there."""
    return b"%b%b\x00%b%b" % (parent, name, kind.to_bytes(1, "big"), n.to_bytes(4, "big"))


def birthplace(key: bytes) -> Birthplace:
    """Return the parts of a key.

    Raises:
        BadObject: It is not the key of a node.
    """
    name, kind = (
        key[NUMBER_SIZE:-_TAIL_SIZE],
        key[-_TAIL_SIZE + 1] if len(key) > NUMBER_SIZE + _TAIL_SIZE else -1,
    )
    if key[-_TAIL_SIZE : -_TAIL_SIZE + 1] != b"\x00" or not 0 <= kind <= Kind.SYMLINK or not is_name(name):
        raise BadObject("a page of the tree holds a key that names no node")
    return Birthplace(key[:NUMBER_SIZE], name, Kind(kind), int.from_bytes(key[-4:], "big"))


def kind_of(key: bytes) -> Kind:
    """Return the kind in a valid key, without taking it apart."""
    return Kind(key[-5])


def node_of(thing: bytes) -> bytes:
    """Return the key that a longer string of bytes begins with: no key begins with another."""
    return thing[: thing.index(b"\x00", NUMBER_SIZE) + _TAIL_SIZE]


def is_name(name: bytes) -> bool:
    """Return whether a node may have this name."""
    return (
        0 < len(name) <= MAX_NAME and name not in {b".", b".."} and b"/" not in name and b"\x00" not in name
    )
