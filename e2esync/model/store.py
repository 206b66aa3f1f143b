"""The port to the place where sealed objects are kept: a bucket or a directory.

A store is hostile and dumb. Everything that comes back from it is checked by the layers above,
so that the port promises only what the cheapest S3-compatible server gives:

* A key is a `/`-separated path of ASCII letters, digits, `-` and `.`; no segment is empty, begins
  with `.` or is longer than 100 bytes, and there are at most 800 bytes in all. A key is never both
  an object and the directory of another. Another key is a bug of the caller: `ValueError`.
* `put` is atomic: a reader sees the old object, the new one, or (if there was none) nothing. When
  it returns, the object survives a crash of this machine (directory) or is acknowledged (S3).
  Putting the same bytes again is harmless.
* After an error the outcome is unknown: the object may be there or not.
* `list` promises no order and may be stale on a bad server; nothing is concluded from what it
  leaves out. It yields no name that is not a key, and none outside of the prefix.
* The ETag that `put` returns is the one that `head` and `list` show, until somebody writes again.
* No call reads more than it was asked for, and `get` without a length no more than `MAX_OBJECT`.
* Absence is `ObjectNotFound` for `get` and `None` for `head`; deleting what is absent succeeds.
* Conditional writes are hints: a server that does not know them overwrites all the same.

Errors are those of `e2esync.errors` (`StoreUnavailable`, `CredentialsRefused`, `NoBucket`, …) and
`ObjectNotFound`; no adapter lets another exception escape. All methods may be called from several
threads at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from e2esync.errors import E2ESyncError

MAX_OBJECT = 64 << 20  # bytes; the largest object that is ever written is an index of this size

_MAX_KEY = 800  # bytes; S3 takes 1024, and a bucket's own prefix comes on top
_SEGMENT = r"[A-Za-z0-9-][A-Za-z0-9.-]{0,99}"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")


def is_key(text: str) -> bool:
    """Return whether `text` can be the key of an object."""
    return len(text) <= _MAX_KEY and _KEY.fullmatch(text) is not None


def check_key(key: str) -> None:
    """Refuse what is no key.

    Raises:
        ValueError: It is none; the caller has a bug.
    """
    if not is_key(key):
        raise ValueError(f"not a key: {key!r}")


def check_prefix(prefix: str) -> None:
    """Refuse what no key begins with. A prefix may end inside of a segment.

    Raises:
        ValueError: No key begins so; the caller has a bug.
    """
    if prefix and not is_key(prefix.removesuffix("/")):
        raise ValueError(f"not a prefix of keys: {prefix!r}")


def check_range(start: int, length: int | None) -> None:
    """Refuse what is no range of bytes.

    Raises:
        ValueError: It is none; the caller has a bug.
    """
    if start < 0 or (length is not None and length < 0):
        raise ValueError(f"not a range: {start}, {length}")


class ObjectNotFound(E2ESyncError):
    """The store has no object under this key. The caller knows what that means."""

    code = "object-not-found"

    def __init__(self, key: str) -> None:
        super().__init__(f"the store has no object {key}")
        self.key = key


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a listing or a HEAD says about an object."""

    key: str
    size: int  # bytes
    etag: str  # opaque; changes whenever the content changes; without quotes


class Store(Protocol):
    """A place for objects; the semantics are in the module's docstring."""

    @property
    def url(self) -> str:
        """Where this is, for people: `s3://bucket/prefix`, `file:///dir`, `memory:`."""
        ...

    def put(self, key: str, body: bytes) -> str:
        """Store `body` under `key`, replacing what is there; return the new ETag."""
        ...

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store `body` if `key` is absent; return whether the store says it did. A hint."""
        ...

    def put_if_match(self, key: str, body: bytes, *, etag: str) -> bool:
        """Replace the object if its ETag is `etag`; return whether the store says it did. A hint."""
        ...

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `start` (fewer at the end of the object; to the end if None).

        Raises:
            ObjectNotFound: There is no such object.
            BadObject: No length was given, and there is more than `MAX_OBJECT`.
        """
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """Return size and ETag, or None if there is no such object."""
        ...

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object whose key starts with `prefix`, in no order."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Remove these objects; those that are absent are no error."""
        ...

    def close(self) -> None:
        """Give back connections; the store is not used afterwards."""
        ...
