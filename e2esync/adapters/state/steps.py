"""What has to be fetched for one apply; forgotten with the connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from e2esync.adapters.state.tables import Tables

SCHEMA = """
CREATE TEMP TABLE step (
    thing BLOB, parent BLOB, name BLOB, mode INTEGER, shown BLOB, is_first INTEGER, digest BLOB, mtime INTEGER, size INTEGER,
    pack BLOB, start INTEGER, length INTEGER, chunk BLOB, key BLOB);
CREATE INDEX temp.step_pack ON step (pack, start);
"""


class Step(NamedTuple):
    """A content that has to come onto the disk. Of a file of one chunk, also where that is said to lie."""

    thing: bytes  # which content of which node
    parent: bytes  # number of the directory, 16 bytes
    name: bytes
    mode: int
    shown: bytes  # encoded dots
    is_first: bool  # of the contents of its node
    digest: bytes  # content hash of a file, target of a symlink
    mtime: int  # ns
    size: int  # bytes
    pack: bytes | None
    start: int | None  # bytes
    length: int | None  # bytes, sealed
    chunk: bytes | None  # id
    key: bytes | None  # epochs and wrapped data key


class StepTables(Tables):
    """Contents that have to come onto the disk."""

    def clear_steps(self) -> None:
        """Forget what was to be fetched."""
        self._db.execute("DELETE FROM step")

    def add_steps(self, steps: Iterable[Step]) -> None:
        """Put aside what has to be fetched."""
        self._db.executemany(f"INSERT INTO step VALUES ({', '.join('?' * len(Step._fields))})", steps)

    def steps(self) -> Iterator[Step]:
        """Yield everything that has to be fetched, in the order in which it was put aside."""
        return map(Step._make, self._db.execute("SELECT * FROM step ORDER BY rowid"))

    def single_steps(self) -> Iterator[Step]:
        """Yield the files of one chunk, in the order in which the chunks lie in packs."""
        return map(
            Step._make, self._db.execute("SELECT * FROM step WHERE pack IS NOT NULL ORDER BY pack, start")
        )

    def other_steps(self) -> Iterator[Step]:
        """Yield the others."""
        return map(Step._make, self._db.execute("SELECT * FROM step WHERE pack IS NULL ORDER BY rowid"))

    def steps_in(self, pack: bytes) -> Iterator[Step]:
        """Yield what is to be read from one pack."""
        return map(Step._make, self._db.execute("SELECT * FROM step WHERE pack = ? ORDER BY start", (pack,)))

    def parents_of_steps(self) -> list[bytes]:
        """Return the numbers of the directories in which contents have to come."""
        return [parent for (parent,) in self._db.execute("SELECT DISTINCT parent FROM step")]

    def drop_steps_below(self, parent: bytes) -> list[Step]:
        """Fetch nothing into a directory; return what would have been."""
        steps = self._db.execute("DELETE FROM step WHERE parent = ? RETURNING *", (parent,)).fetchall()
        return list(map(Step._make, steps))

    def size_of_steps(self) -> int:
        """Return the bytes of content that have to be fetched."""
        return int(self._db.execute("SELECT coalesce(sum(size), 0) FROM step").fetchone()[0])
