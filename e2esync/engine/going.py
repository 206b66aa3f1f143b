"""How far a transfer is, in bytes of files: what was read and is not in the store yet is not done."""

from __future__ import annotations

from e2esync.engine.vault import Progress, silent


class Going:
    """Adds up the bytes of one stage, and tells them; of a large file also while it is on its way."""

    def __init__(self, stage: str, progress: Progress = silent) -> None:
        """Begin with nothing done, and nothing to do."""
        self.total = 0
        self._stage, self._progress = stage, progress
        self._done = self._at_hand = self._held = 0

    def passed(self, size: int) -> None:
        """Note how much of the file at hand went through."""
        self._at_hand += size
        self._tell()

    def done(self, size: int) -> None:
        """Note that the file at hand, which has this size, is through."""
        self._done, self._at_hand = self._done + size, 0
        self._tell()

    def held(self, size: int) -> None:
        """Note how much of it waits in a pack."""
        self._held += size

    def sent(self, size: int) -> None:
        """Note that a pack with so much of it is in the store."""
        self._held -= size
        self._tell()

    def _tell(self) -> None:
        through = self._done + self._at_hand - self._held
        if self.total:
            self._progress(self._stage, max(0, min(through, self.total)), self.total)
