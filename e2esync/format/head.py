"""The newest word of a device (format §8.3), and the frame that heads and prune marks share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from e2esync.errors import BadObject
from e2esync.format import cbor, shape
from e2esync.format.history import History
from e2esync.format.points import Context, decode_context


@dataclass(frozen=True, slots=True)
class HeadBody:
    """What a head says."""

    vault: bytes
    certificate: bytes  # encoded
    revision: int  # grows with each writing of this head
    snapshot: bytes  # encoded signed record
    context: Context
    history: History
    live_indexes: tuple[bytes, ...]  # ids
    device_name: str
    user_name: str
    retired_hash: bytes  # SHA-256 of the joined hashes of the identity's retired records
    prune_marks: tuple[bytes, ...]  # SHA-256 of the objects seen

    def encode(self) -> bytes:
        """Return the payload."""
        return cbor.encode(
            {
                1: cbor.VERSION,
                2: self.vault,
                3: self.certificate,
                4: self.revision,
                5: self.snapshot,
                6: self.context,
                7: self.history,
                8: self.live_indexes,
                9: [self.device_name, self.user_name],
                10: self.retired_hash,
                11: self.prune_marks,
            }
        )

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Return what a payload says; whether the history fits is known once the snapshot is.

        Raises:
            BadObject: It is not as the format has it.
            NewerFormat: It is of a newer format.
        """
        field = shape.fields(payload, 11)
        device_name, user_name = shape.array(field[9], 2)
        return cls(
            vault=shape.digest(field[2]),
            certificate=shape.octets(field[3]),
            revision=shape.integer(field[4]),
            snapshot=shape.octets(field[5]),
            context=decode_context(field[6]),
            history=shape.each(field[7], lambda level: shape.each(level, shape.digest)),
            live_indexes=shape.each(field[8], shape.digest),
            device_name=shape.text(device_name),
            user_name=shape.text(user_name),
            retired_hash=shape.digest(field[10]),
            prune_marks=shape.each(field[11], shape.digest),
        )


@dataclass(frozen=True, slots=True)
class EpochFramed:
    """An object that begins with the hash of the membership record in whose epoch it opens (format §5.3, §8.3, §9)."""

    record: bytes  # R, in clear
    sealed: bytes

    def encode(self) -> bytes:
        """Return the object."""
        return self.record + self.sealed

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """Return the two parts.

        Raises:
            BadObject: It is too short.
        """
        if len(content) < shape.HASH_SIZE:
            raise BadObject("an object is cut short")
        return cls(content[: shape.HASH_SIZE], content[shape.HASH_SIZE :])
