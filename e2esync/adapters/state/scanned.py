"""What one scan did not find as it was, and the rows that come of it; forgotten with the connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from e2esync.adapters.state.disk import DiskRow
from e2esync.adapters.state.tables import Tables

SCHEMA = """
CREATE TEMP TABLE found (
    num INTEGER PRIMARY KEY, parent_num INTEGER, parent BLOB, path BLOB NOT NULL, kind INTEGER NOT NULL,
    size INTEGER, mtime INTEGER, ctime INTEGER, inode INTEGER, mode INTEGER, claim_parent BLOB, claim_name BLOB);
CREATE INDEX temp.found_claim ON found (claim_parent, claim_name) WHERE claim_parent IS NOT NULL;
CREATE TEMP TABLE gone (parent BLOB NOT NULL, name BLOB NOT NULL, PRIMARY KEY (parent, name)) WITHOUT ROWID;
CREATE TEMP TABLE touched (node BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE old_row (parent BLOB NOT NULL, name BLOB NOT NULL, PRIMARY KEY (parent, name)) WITHOUT ROWID;
CREATE TEMP TABLE new_row AS SELECT * FROM row WHERE 0;
"""


_BATCH = 1000  # things read at once: no cursor stays open while they are worked on


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
    claim_parent: bytes | None  # place of the row of which this is the thing, moved or not
    claim_name: bytes | None


class ScanTables(Tables):
    """What was found."""

    def clear_found(self) -> None:
        """Forget what an earlier scan found."""
        for table in ("found", "gone", "touched", "old_row", "new_row"):
            self._db.execute(f"DELETE FROM {table}")

    def add_found(self, found: Iterable[Found]) -> None:
        """Put aside what a scan found."""
        self._db.executemany(f"INSERT INTO found VALUES ({', '.join('?' * len(Found._fields))})", found)

    def found(self, *kinds: int) -> Iterator[Found]:
        """Yield what the scan found, of these kinds if any are given, directories before what is in them."""
        wanted, after = ", ".join(str(int(kind)) for kind in kinds or range(4)), 0
        query = f"SELECT * FROM found WHERE num > ? AND kind IN ({wanted}) ORDER BY num LIMIT {_BATCH}"
        while batch := list(map(Found._make, self._db.execute(query, (after,)))):
            yield from batch
            after = batch[-1].num

    def found_in(self, num: int) -> frozenset[bytes]:
        """Return the paths of what was found in a found directory."""
        return frozenset(
            path for (path,) in self._db.execute("SELECT path FROM found WHERE parent_num = ?", (num,))
        )

    def drop_found(self, nums: Iterable[int]) -> None:
        """Forget some of what was found."""
        self._db.executemany("DELETE FROM found WHERE num = ?", ((num,) for num in nums))

    def count_found(self) -> tuple[int, int]:
        """Return how many things were found and their bytes."""
        count, size = self._db.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM found WHERE kind >= 2"
        ).fetchone()
        return count, size

    # what became of rows

    def claim(self, num: int, parent: bytes, name: bytes) -> None:
        """Note that what was found is the thing of the row at a place."""
        self._db.execute(
            "UPDATE found SET claim_parent = ?, claim_name = ? WHERE num = ?", (parent, name, num)
        )

    def found_of(self, parent: bytes, name: bytes) -> Found | None:
        """Return what was found of the thing of the row at a place."""
        query = "SELECT * FROM found WHERE claim_parent = ? AND claim_name = ?"
        row = self._db.execute(query, (parent, name)).fetchone()
        return Found._make(row) if row else None

    def add_gone(self, rows: Iterable[DiskRow]) -> None:
        """Note that the things of rows are gone."""
        self._db.executemany(
            "INSERT OR IGNORE INTO gone VALUES (?, ?)", ((row.parent, row.name) for row in rows)
        )

    def is_gone(self, parent: bytes, name: bytes) -> bool:
        """Return whether the thing of the row at a place is gone."""
        query = "SELECT 1 FROM gone WHERE parent = ? AND name = ?"
        return self._db.execute(query, (parent, name)).fetchone() is not None

    def gone_directories(self) -> list[DiskRow]:
        """Return the rows of directories that are gone."""
        columns = ", ".join(f"row.{field}" for field in DiskRow._fields)
        query = f"SELECT {columns} FROM gone JOIN row USING (parent, name) WHERE row.number IS NOT NULL"
        return list(map(DiskRow._make, self._db.execute(query)))

    def touch(self, nodes: Iterable[bytes]) -> None:
        """Note nodes of which something was found otherwise, or gone."""
        self._db.executemany("INSERT OR IGNORE INTO touched VALUES (?)", ((node,) for node in nodes))

    def touched(self) -> list[bytes]:
        """Return those, in order."""
        return [node for (node,) in self._db.execute("SELECT node FROM touched ORDER BY node")]

    # rows that come of it: put aside, so that all that was is known until all is written

    def put_rows_aside(self, old: Iterable[tuple[bytes, bytes]], new: Iterable[DiskRow]) -> None:
        """Put aside places whose rows go, and rows that come."""
        self._db.executemany("INSERT OR IGNORE INTO old_row VALUES (?, ?)", old)
        marks = ", ".join("?" * len(DiskRow._fields))
        self._db.executemany(f"INSERT INTO new_row ({', '.join(DiskRow._fields)}) VALUES ({marks})", new)

    def take_rows_over(self) -> None:
        """Make the rows what was put aside."""
        fields = ", ".join(DiskRow._fields)
        self._db.execute("DELETE FROM row WHERE (parent, name) IN (SELECT parent, name FROM old_row)")
        self._db.execute(f"INSERT OR REPLACE INTO row ({fields}) SELECT {fields} FROM new_row ORDER BY rowid")

    def due_with_new_rows(self) -> list[bytes]:
        """Return the nodes that are due, and got a row."""
        query = "SELECT node FROM due WHERE node IN (SELECT node FROM new_row) ORDER BY node"
        return [node for (node,) in self._db.execute(query)]
