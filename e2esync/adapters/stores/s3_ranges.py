"""Read the body of an S3 answer: what was asked for, not a byte more, whatever the server sends.

Servers that do not know `Range` answer 200 with the whole object. Some answer 200 with the right
piece and say so in Content-Range only. A piece that begins elsewhere is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from e2esync.errors import BadObject, StoreUnavailable
from e2esync.model.store import MAX_OBJECT

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(?:\d{1,18}|\*)")
_STEP = 1 << 24  # bytes read at once: nothing is set aside for what a server only announces


class Body(Protocol):
    """What remains to be read of an answer."""

    def read(self, amt: int | None = None, /) -> bytes:
        """Return up to `amt` bytes, none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server says of the body that follows."""

    status: int
    content_range: str  # "" if there is none
    length: int | None  # bytes of the body, None if unknown


def range_header(start: int, length: int | None) -> str | None:
    """Return the value of `Range`, None for the whole object; `length` is not 0."""
    if length is not None:
        return f"bytes={start}-{start + length - 1}"
    return f"bytes={start}-" if start else None


def read_piece(body: Body, reply: Reply, start: int, length: int | None) -> bytes:
    """Return the `length` bytes from `start` of the object that `reply` is about.

    Raises:
        BadObject: It begins elsewhere than asked, or there is more than `MAX_OBJECT`.
        StoreUnavailable: It broke off.
    """
    skip, promised = _position(reply, start)
    if length is None and reply.length is not None and reply.length - skip > MAX_OBJECT:
        raise _too_large()
    if skip and len(_read(body, skip)) < skip:
        return b""  # the object ends before `start`
    content = _read(body, MAX_OBJECT + 1 if length is None else length)
    if length is None and len(content) > MAX_OBJECT:
        raise _too_large()
    wanted = promised if length is None or promised is None else min(promised, length)
    if wanted is not None and len(content) < wanted:
        raise StoreUnavailable(
            "an object broke off while it was read", why="the connection or the store is in trouble"
        )
    if reply.length == skip + len(content):
        body.read(1)  # nothing is left: this lets the client check what it checks at the end
    return content


def _position(reply: Reply, start: int) -> tuple[int, int | None]:
    """Return how many bytes precede `start` in the body, and how many are promised from there."""
    match = _CONTENT_RANGE.fullmatch(reply.content_range.strip())
    if match and int(match[1]) == start:
        return 0, max(0, int(match[2]) + 1 - start)
    if match or reply.status == 206:
        raise BadObject("the store answered with another piece of an object than was asked for")
    if start > MAX_OBJECT:
        raise _too_large()
    return start, None if reply.length is None else max(0, reply.length - start)


def _read(body: Body, size: int) -> bytes:
    parts: list[bytes] = []
    while size and (part := body.read(min(size, _STEP))):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large() -> BadObject:
    return BadObject("an object in the store is larger than any that e2esync writes")
