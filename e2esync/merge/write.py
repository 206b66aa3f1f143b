"""Who writes: the device and the sequence of the snapshot that it makes, and the dots in it."""

from __future__ import annotations

from e2esync.tree.values import Dot


class Writer:
    """Draws the dots of one push: `(sequence, device, j)`, j counted within it."""

    def __init__(self, device: bytes, sequence: int) -> None:
        self.device = device
        self.sequence = sequence
        self._drawn = 0

    def dot(self) -> Dot:
        """Return the next dot."""
        self._drawn += 1
        return Dot(self.sequence, self.device, self._drawn)
