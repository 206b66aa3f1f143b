"""Version vectors: which writes of which device are covered. A dot is covered if its sequence is (format §6.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

Vector: TypeAlias = Mapping[bytes, int]
"""Device id (16 bytes) → highest sequence covered; absent: none."""


def covers(vector: Vector, device: bytes, sequence: int) -> bool:
    """Return whether a write of a device lies inside a vector."""
    return vector.get(device, 0) >= sequence


def union(vectors: Iterable[Vector]) -> dict[bytes, int]:
    """Return the vector that covers what any of these covers: the highest sequence of each device."""
    highest: dict[bytes, int] = {}
    for vector in vectors:
        for device, sequence in vector.items():
            if sequence > highest.get(device, 0):
                highest[device] = sequence
    return highest
