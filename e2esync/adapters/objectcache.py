"""Small sealed objects of our own, kept in a directory so that folding does not fetch them back.

A cache and nothing else: bounded, verified by the name on reading, and as good as absent where the
disk refuses.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from e2esync.crypto.asymmetric import object_hash

MOST_BYTES = 256 << 20


class ObjectCache:
    """Objects by the SHA-256 that names them."""

    def __init__(self, directory: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._directory = directory
        self._most_bytes = most_bytes

    def put(self, object_id: bytes, content: bytes) -> None:
        """Keep an object if the disk lets us; the oldest make room."""
        path = self._directory / object_id.hex()
        part = path.with_suffix(".part")
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room(len(content))
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            part.replace(path)

    def get(self, object_id: bytes) -> bytes | None:
        """Return an object; None if it is not here as it was written."""
        try:
            content = (self._directory / object_id.hex()).read_bytes()
        except OSError:
            return None
        return content if object_hash(content) == object_id else None

    def drop(self, object_ids: Iterable[bytes]) -> None:
        """Forget objects, if they are here."""
        for object_id in object_ids:
            with suppress(OSError):
                (self._directory / object_id.hex()).unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        with os.scandir(self._directory) as entries:
            kept = sorted(
                (stat.st_mtime_ns, stat.st_size, entry.path) for entry in entries for stat in [entry.stat()]
            )
        excess = sum(length for _, length, _ in kept) + size - self._most_bytes
        for _, length, path in kept:
            if excess <= 0:
                return
            Path(path).unlink(missing_ok=True)
            excess -= length
