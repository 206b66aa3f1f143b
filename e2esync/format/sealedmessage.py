"""A message for some people, outside any vault (format §11)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from e2esync.errors import BadObject, NewerFormat
from e2esync.format import cbor, shape
from e2esync.format.padding import padme
from e2esync.format.wraps import Wraps, decode_wraps

MAGIC = b"e2esync sealed 1\n"
SEGMENT_SIZE = 2**20  # bytes of plaintext in every segment but the last
KEY_SIZE = 32  # bytes
_ANY_VERSION = re.compile(rb"e2esync sealed [0-9]{1,9}\n")
_HEADER_LENGTH_SIZE, _LENGTH_SIZE = 4, 8


@dataclass(frozen=True, slots=True)
class MessageHeader:
    """Who sent it, and for whom."""

    card: bytes  # encoded signed record of the sender
    wraps: Wraps
    check: bytes
    body_hash: bytes

    def encode(self) -> bytes:
        """Return the payload."""
        return cbor.encode({1: cbor.VERSION, 2: self.card, 3: self.wraps, 4: self.check, 5: self.body_hash})

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Return what a payload says.

        Raises:
            BadObject: It is not as the format has it.
            NewerFormat: It is of a newer format.
        """
        field = shape.fields(payload, 5)
        return cls(
            card=shape.octets(field[2]),
            wraps=decode_wraps(field[3], KEY_SIZE),
            check=shape.digest(field[4]),
            body_hash=shape.digest(field[5]),
        )


@dataclass(frozen=True, slots=True)
class SealedMessage:
    """The object: header and body."""

    header: bytes  # encoded signed record
    body: bytes

    def encode(self) -> bytes:
        """Return the object."""
        return MAGIC + len(self.header).to_bytes(_HEADER_LENGTH_SIZE, "big") + self.header + self.body

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """Return the two parts, nothing verified.

        Raises:
            BadObject: It is no sealed message.
            NewerFormat: It is one of a newer format.
        """
        if not content.startswith(MAGIC):
            if _ANY_VERSION.match(content):
                raise NewerFormat("this message was sealed by a newer e2esync")
            raise BadObject("this is not a sealed message")
        start = len(MAGIC) + _HEADER_LENGTH_SIZE
        end = start + int.from_bytes(content[len(MAGIC) : start], "big")
        if len(content) < end:
            raise BadObject("a sealed message is cut short")
        return cls(content[start:end], content[end:])


def pad_message(content: bytes) -> bytes:
    """Return the bytes that are cut into segments."""
    filled = _LENGTH_SIZE + len(content)
    return len(content).to_bytes(_LENGTH_SIZE, "big") + content + bytes(padme(filled) - filled)


def unpad_message(padded: bytes) -> bytes:
    """Return the content.

    Raises:
        BadObject: Length or zeros are not as `pad_message` makes them.
    """
    end = _LENGTH_SIZE + int.from_bytes(padded[:_LENGTH_SIZE], "big")
    if len(padded) < end or len(padded) != padme(end) or any(padded[end:]):
        raise BadObject("a sealed message is not padded as it should be")
    return padded[_LENGTH_SIZE:end]


def segment_context(position: int, *, last: bool) -> bytes:
    """Return what binds a segment to its place."""
    return position.to_bytes(8, "big") + (b"\x01" if last else b"\x00")
