"""A point in a device's history: `[device, sequence, snapshot hash]` (format §3.6, §4.2, §8.1)."""

from __future__ import annotations

from typing import TypeAlias

from e2esync.format import shape

Point: TypeAlias = tuple[bytes, int, bytes]
"""Device id, sequence, snapshot hash."""

Context: TypeAlias = tuple[Point, ...]
"""At most one point of each device, sorted by device."""

RecordName: TypeAlias = tuple[int, bytes]
"""Number and hash of a membership record."""


def decode_point(value: object) -> Point:
    """Return one point."""
    device, sequence, digest = shape.array(value, 3)
    return shape.device(device), shape.sequence(sequence), shape.digest(digest)


def decode_points(value: object) -> Context:
    """Return points in any order; of them the format says nothing."""
    return shape.each(value, decode_point)


def decode_context(value: object) -> Context:
    """Return points sorted by device, one of each."""
    points = decode_points(value)
    shape.ascending([device for device, _, _ in points])
    return points


def decode_record_name(value: object) -> RecordName:
    """Return number and hash of a membership record."""
    number, digest = shape.array(value, 2)
    return shape.number(number), shape.digest(digest)
