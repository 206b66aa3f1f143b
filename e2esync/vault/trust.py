"""What this device has accepted, and may never be talked out of (format §8.4).

Pure: values in, values out; a refused step changes nothing. An old hash may stand in a history page
that has to be fetched. So acceptance has two steps: `needed` names what to look up, the caller does
(by `e2esync.format.history.locate`), and `accept` decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations
from types import MappingProxyType

from e2esync.errors import Fork, Rollback
from e2esync.format import cbor, shape
from e2esync.format.ownrecord import VaultNote
from e2esync.format.points import Point, RecordName, decode_record_name
from e2esync.vault.heads import Head
from e2esync.vault.membership import Membership


@dataclass(frozen=True, slots=True)
class TrustedHead:
    """The newest accepted word of one device."""

    sequence: int
    hash: bytes  # of the snapshot
    revision: int
    members: RecordName | None  # `None` where it is known from an own record only


@dataclass(frozen=True, slots=True)
class Trusted:
    """What was accepted of one vault."""

    heads: Mapping[bytes, TrustedHead]  # by device
    tip: RecordName | None  # newest membership record

    def encode(self) -> bytes:
        """Return this for the local state."""
        heads = [
            [device, head.sequence, head.hash, head.revision, head.members]
            for device, head in sorted(self.heads.items())
        ]
        return cbor.encode({1: cbor.VERSION, 2: self.tip, 3: heads})

    @classmethod
    def decode(cls, encoded: bytes) -> Trusted:
        """Return what `encode` kept.

        Raises:
            BadObject: It is damaged.
            NewerFormat: A newer version kept it.
        """
        field = shape.fields(encoded, 3)
        heads = shape.each(field[3], _decode_head)
        shape.ascending([device for device, _ in heads])
        return cls(MappingProxyType(dict(heads)), shape.optional(field[2], decode_record_name))


NOTHING = Trusted(MappingProxyType({}), None)
"""The trust of a device that has no memory: it believes what verifies."""


def _decode_head(value: object) -> tuple[bytes, TrustedHead]:
    device, sequence, hash_, revision, members = shape.array(value, 5)
    return shape.device(device), TrustedHead(
        sequence=shape.sequence(sequence),
        hash=shape.digest(hash_),
        revision=shape.integer(revision),
        members=shape.optional(members, decode_record_name),
    )


def recall(notes: Iterable[VaultNote]) -> Trusted:
    """Return what the own records of one identity's devices remember of one vault, taken together.

    Raises:
        Fork: Two of them contradict each other.
    """
    heads: dict[bytes, TrustedHead] = {}
    tip: RecordName | None = None
    for note in notes:
        tip = note.members if tip is None else _later_record(tip, note.members)
        for point in note.heads:
            heads[point[0]] = _later_point(heads.get(point[0]), point)
    return Trusted(MappingProxyType(heads), tip)


def _later_record(one: RecordName, other: RecordName) -> RecordName:
    if one[0] == other[0] and one != other:
        raise Fork("two of your devices remember different members of one vault")
    return max(one, other)


def _later_point(known: TrustedHead | None, point: Point) -> TrustedHead:
    """Return the later of two words; of two with one sequence either will do: the store has to show the proof."""
    _, sequence, hash_ = point
    if known is not None and (known.sequence, known.hash) >= (sequence, hash_):
        return known
    return TrustedHead(sequence, hash_, revision=0, members=None)


@dataclass(frozen=True, slots=True)
class Lookup:
    """A question to the history of a head: which hash had its device's snapshot with this sequence?"""

    head: Head
    sequence: int


def needed(trusted: Trusted, heads: Iterable[Head]) -> tuple[Lookup, ...]:
    """Return what `accept` has to know from the histories of these heads."""
    return tuple(
        Lookup(head, known.sequence)
        for head in heads
        if (known := trusted.heads.get(head.device)) is not None and known.sequence < head.sequence
    )


def accept(
    trusted: Trusted,
    heads: Iterable[Head],
    *,
    present: Collection[bytes],
    membership: Membership,
    old_hashes: Mapping[bytes, bytes],
) -> Trusted:
    """Return what is trusted once these heads are.

    `present` are the devices of all heads in the store; `heads` may leave out those that did not
    change. `old_hashes` answers `needed`, by device.

    Raises:
        Rollback: A head is gone or older than one accepted before, or the membership is.
        Fork: A head or the membership contradicts what was accepted before.
    """
    _check_tip(trusted.tip, membership)
    accepted = dict(trusted.heads)
    for head in heads:
        known = trusted.heads.get(head.device)
        if known is not None:
            _check_head(known, head, membership, old_hashes)
        accepted[head.device] = TrustedHead(head.sequence, head.hash, head.revision, head.members)
    for device in sorted(trusted.heads.keys() - set(present)):
        raise Rollback(
            f"the store no longer shows what the device {_short(device)} wrote",
            why="this device has read it before; it was deleted or is held back",
        )
    return Trusted(MappingProxyType(accepted), membership.tip)


def _check_tip(tip: RecordName | None, membership: Membership) -> None:
    if tip is None or tip[1] in membership.records:
        return
    if membership.tip[0] < tip[0]:
        raise Rollback("the store shows an older list of the vault's members than before")
    raise Fork("the store shows another list of the vault's members than before")


def _check_head(
    known: TrustedHead, head: Head, membership: Membership, old_hashes: Mapping[bytes, bytes]
) -> None:
    """Apply the rules that need memory, to the next word of one device."""
    who = _who(head)
    if head.sequence < known.sequence:
        raise Rollback(
            f"the store shows an older state of {who} than before",
            why=f"it shows number {head.sequence}, and this device has accepted number {known.sequence}",
        )
    if head.sequence == known.sequence:
        if head.hash != known.hash:
            raise Fork(f"the store shows another number {head.sequence} of {who} than before")
        if head.revision < known.revision:
            raise Rollback(f"the store shows an older head of {who} than before")
    elif old_hashes[head.device] != known.hash:
        raise Fork(f"the history of {who} does not contain what this device has accepted of it")
    if known.members is not None and not membership.follows(head.members[1], known.members[1]):
        raise Rollback(f"{who} went back to an older list of the vault's members")


def behind(heads: Iterable[Head]) -> frozenset[bytes]:
    """Return the devices of which another head has seen more than their own head here shows.

    Between reading two heads a device may have written; so read these again. Who is still behind
    then is held back by the store.
    """
    by_device = {head.device: head for head in heads}
    return frozenset(
        device
        for head in by_device.values()
        for device, (sequence, _) in head.context.items()
        if device not in by_device or by_device[device].sequence < sequence
    )


def check_together(heads: Iterable[Head]) -> None:
    """See that heads that stand beside each other can be of one history.

    Raises:
        Rollback: A head has seen more of a device than its own head shows (see `behind`).
        Fork: A head has seen another snapshot of a device than its own head shows.
    """
    heads = tuple(heads)
    for device in sorted(behind(heads)):
        raise Rollback(
            f"the store shows an older state of the device {_short(device)} than another device has seen",
            why="its newest head was deleted or is held back",
        )
    for one, other in permutations(heads, 2):
        sequence, hash_ = one.context.get(other.device, (0, b""))
        if sequence == other.sequence and hash_ != other.hash:
            raise Fork(f"the store has shown different states of {_who(other)} to different devices")


def _who(head: Head) -> str:
    return f"the device {head.device_name!r} ({_short(head.device)})"


def _short(device: bytes) -> str:
    return device.hex()[:8]
