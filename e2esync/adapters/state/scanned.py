"""What one scan did not find as it was; forgotten with the connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from e2esync.adapters.state.tables import Tables

SCHEMA = """
CREATE TEMP TABLE found (
    num INTEGER PRIMARY KEY, parent_num INTEGER, parent BLOB, path BLOB NOT NULL, kind INTEGER NOT NULL,
    size INTEGER, mtime INTEGER, ctime INTEGER, inode INTEGER, mode INTEGER, claim_parent BLOB, claim_name BLOB);
"""


class Found(NamedTuple):
    """One thing that a scan did not find as it was."""

    num: int
    parent_num: int | None  # of the found directory that it stands in
    parent: bytes | None  # number of the known directory that it stands in
    path: bytes
    kind: int
    size: int  # bytes
    mtime: int  # ns
    ctime: int  # ns
    inode: int
    mode: int
    claim_parent: bytes | None  # place of the row of which this is the thing, moved
    claim_name: bytes | None


class ScanTables(Tables):
    """What was found."""

    def clear_found(self) -> None:
        """Forget what an earlier scan found."""
        self._db.execute("DELETE FROM found")

    def add_found(self, found: Iterable[Found]) -> None:
        """Put aside what a scan found."""
        self._db.executemany(f"INSERT INTO found VALUES ({', '.join('?' * len(Found._fields))})", found)

    def found(self) -> Iterator[Found]:
        """Yield what the scan found, directories before what is in them."""
        return map(Found._make, self._db.execute("SELECT * FROM found ORDER BY num"))

    def found_in(self, num: int) -> frozenset[bytes]:
        """Return the paths of what was found in a found directory."""
        return frozenset(
            path for (path,) in self._db.execute("SELECT path FROM found WHERE parent_num = ?", (num,))
        )

    def count_found(self) -> tuple[int, int]:
        """Return how many things were found and their bytes."""
        count, size = self._db.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM found WHERE kind >= 2"
        ).fetchone()
        return count, size
