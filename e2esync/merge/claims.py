"""What a snapshot may claim to have seen: what was signed, and with it all that this had seen (format §8.5).

A context decides what is new and what was deleted (see `e2esync.merge.join`). So a claim in advance would
swallow what is written later, and one that leaves out what a snapshot had seen would swallow what only that
snapshot still held.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from e2esync.errors import BadObject

Seen: TypeAlias = Mapping[bytes, tuple[int, bytes]]
"""Sequence and snapshot hash of each other device: the context of a snapshot."""


def check_claims(device: bytes, sequence: int, context: Seen, seen: Mapping[bytes, Seen | None]) -> None:
    """See that the snapshot of a device claims to have seen nothing that it cannot have.

    Args:
        device: Who signed it.
        sequence: Its sequence.
        context: Its context.
        seen: The contexts of the snapshots that it names, by their devices; None where the device signed none such.

    Raises:
        BadObject: It names what was never signed, or not all that a snapshot which it names had seen.
    """
    for others in seen.values():
        if others is None:
            raise BadObject("it claims to have seen what was never written")
        for third, (number, _) in others.items():
            known = sequence - 1 if third == device else context.get(third, (0, b""))[0]
            if known < number:
                raise BadObject("it has not seen all that a snapshot which it names had seen")
