"""The signed record of one push (format §8.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, TypeAlias

from e2esync.format import cbor, shape
from e2esync.format.points import Context, RecordName, decode_context, decode_record_name

WHOLE_EVERY = 64  # snapshots: as often the context is written whole
HIGHEST_LEVEL = 12  # of a tree (format §6.5)

Root: TypeAlias = tuple[bytes, int]
"""Page id and level of the root of a tree."""


def is_whole(sequence: int) -> bool:
    """Return whether the snapshot with this sequence (1, 65, 129, …) carries its whole context."""
    return sequence % WHOLE_EVERY == 1


def _decode_root(value: object) -> Root:
    page, level = shape.array(value, 2)
    return shape.digest(page), shape.integer(level, end=HIGHEST_LEVEL + 1)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a device says that the tree is, and what it had seen."""

    vault: bytes
    device: bytes
    sequence: int
    previous: bytes | None  # snapshot hash; `None` for sequence 1
    root: Root | None
    changes: Context  # the whole context where `is_whole(sequence)`, else what differs from the one before
    context_hash: bytes  # of the whole context, encoded
    members: RecordName
    epoch: bytes
    time: int  # seconds since 1970

    def encode(self) -> bytes:
        """Return the payload."""
        return cbor.encode(
            {
                1: cbor.VERSION,
                2: self.vault,
                3: self.device,
                4: self.sequence,
                5: self.previous,
                6: self.root,
                7: [is_whole(self.sequence), self.changes],
                8: self.context_hash,
                9: self.members,
                10: self.epoch,
                11: self.time,
            }
        )

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Return what a payload says.

        Raises:
            BadObject: It is not as the format has it.
            NewerFormat: It is of a newer format.
        """
        field = shape.fields(payload, 11)
        whole, changes = shape.array(field[7], 2)
        snapshot = cls(
            vault=shape.digest(field[2]),
            device=shape.device(field[3]),
            sequence=shape.sequence(field[4]),
            previous=shape.optional(field[5], shape.digest),
            root=shape.optional(field[6], _decode_root),
            changes=decode_context(changes),
            context_hash=shape.digest(field[8]),
            members=decode_record_name(field[9]),
            epoch=shape.digest(field[10]),
            time=shape.integer(field[11]),
        )
        shape.must(hold=shape.boolean(whole) == is_whole(snapshot.sequence))
        shape.must(hold=(snapshot.previous is None) == (snapshot.sequence == 1))
        shape.must(hold=all(device != snapshot.device for device, _, _ in snapshot.changes))
        return snapshot


def encode_context(context: Context) -> bytes:
    """Return the whole context as it is hashed in field 8 of a snapshot."""
    return cbor.encode(context)
