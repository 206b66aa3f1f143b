"""What is on the disk by our own hand, and whose disk side may differ from the tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from e2esync.adapters.state.tables import Tables

SCHEMA = """
CREATE TABLE IF NOT EXISTS row (
    parent BLOB NOT NULL, name BLOB NOT NULL, node BLOB NOT NULL, kind INTEGER NOT NULL,
    size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, inode INTEGER NOT NULL,
    mode INTEGER NOT NULL, birth INTEGER, scanned INTEGER NOT NULL,
    shown BLOB NOT NULL, is_first INTEGER NOT NULL, hash BLOB NOT NULL, number BLOB, PRIMARY KEY (parent, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS row_node ON row (node);
CREATE INDEX IF NOT EXISTS row_inode ON row (inode);
CREATE INDEX IF NOT EXISTS row_rules ON row (name) WHERE name = x'2e65326573796e6369676e6f7265';  -- files of rules
CREATE INDEX IF NOT EXISTS row_number ON row (number) WHERE number IS NOT NULL;
CREATE TABLE IF NOT EXISTS due (node BLOB PRIMARY KEY) WITHOUT ROWID;
"""


class DiskRow(NamedTuple):
    """One thing on the disk, as it was when our own hand last touched or read it."""

    parent: bytes  # number of the directory that it stands in, 16 bytes
    name: bytes
    node: bytes  # key of the node that it shows
    kind: int
    size: int  # bytes
    mtime: int  # ns
    ctime: int  # ns
    inode: int
    mode: int
    birth: int | None  # ns
    scanned: int  # ns, when it was read: a later change within the clock's grain may not show
    shown: bytes  # encoded dots of the contents that it shows
    is_first: bool  # of the contents of its node
    hash: bytes  # content hash (file), target (symlink), else empty
    number: bytes | None  # of a directory, 16 bytes


_ROW = ", ".join(DiskRow._fields)
_MARKS = ", ".join("?" * len(DiskRow._fields))


class DiskTables(Tables):
    """Rows of what is on the disk, and the nodes that are due there."""

    # rows

    def rows_in(self, parent: bytes) -> Iterator[DiskRow]:
        """Yield what is known of a directory's children, by name."""
        cursor = self._db.execute(f"SELECT {_ROW} FROM row WHERE parent = ? ORDER BY name", (parent,))
        return map(DiskRow._make, cursor)

    def row_at(self, parent: bytes, name: bytes) -> DiskRow | None:
        """Return what is known at a place."""
        row = self._db.execute(
            f"SELECT {_ROW} FROM row WHERE parent = ? AND name = ?", (parent, name)
        ).fetchone()
        return DiskRow._make(row) if row else None

    def rows_of(self, node: bytes) -> list[DiskRow]:
        """Return where a node is shown on this disk."""
        return [
            DiskRow._make(row) for row in self._db.execute(f"SELECT {_ROW} FROM row WHERE node = ?", (node,))
        ]

    def rows_with_inode(self, inode: int) -> list[DiskRow]:
        """Return what had this inode."""
        return [
            DiskRow._make(row)
            for row in self._db.execute(f"SELECT {_ROW} FROM row WHERE inode = ?", (inode,))
        ]

    def directory_row(self, number: bytes) -> DiskRow | None:
        """Return the row of the directory with this number."""
        row = self._db.execute(f"SELECT {_ROW} FROM row WHERE number = ?", (number,)).fetchone()
        return DiskRow._make(row) if row else None

    def directories_in(self, parent: bytes) -> list[DiskRow]:
        """Return the rows of the directories in a directory."""
        query = f"SELECT {_ROW} FROM row WHERE parent = ? AND number IS NOT NULL"
        return [DiskRow._make(row) for row in self._db.execute(query, (parent,))]

    def directories_without(self, bits: int) -> list[DiskRow]:
        """Return the rows of directories whose mode lacks any of these bits."""
        query = f"SELECT {_ROW} FROM row WHERE number IS NOT NULL AND mode & ? != ?"
        return [DiskRow._make(row) for row in self._db.execute(query, (bits, bits))]

    def put_rows(self, rows: Iterable[DiskRow]) -> None:
        """Insert or replace rows."""
        self._db.executemany(f"INSERT OR REPLACE INTO row ({_ROW}) VALUES ({_MARKS})", rows)

    def show_by_row(self, node: bytes, digest: bytes, shown: bytes, *, is_first: bool) -> None:
        """Note which contents of a node are shown by what has this one."""
        self._db.execute(
            "UPDATE row SET shown = ?, is_first = ? WHERE node = ? AND hash = ?",
            (shown, is_first, node, digest),
        )

    def drop_rows(self, rows: Iterable[DiskRow]) -> None:
        """Remove rows, where the place still shows that node."""
        self._db.executemany(
            "DELETE FROM row WHERE parent = ? AND name = ? AND node = ?",
            [(row.parent, row.name, row.node) for row in rows],
        )

    def count_rows(self) -> tuple[int, int]:
        """Return the number of files and symlinks on the disk and their bytes."""
        count, size = self._db.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM row WHERE kind >= 2"
        ).fetchone()
        return count, size

    def count_all_rows(self) -> int:
        """Return the number of all things on the disk."""
        return int(self._db.execute("SELECT count(*) FROM row").fetchone()[0])

    def has_rows(self) -> bool:
        """Return whether anything was ever seen on this disk."""
        return self._db.execute("SELECT 1 FROM row LIMIT 1").fetchone() is not None

    def has_row_beginning(self, parent: bytes, beginning: bytes) -> bool:
        """Return whether anything in a directory has a name that begins so."""
        query = "SELECT 1 FROM row WHERE parent = ? AND name >= ? AND name < ? LIMIT 1"
        end = beginning[:-1] + bytes([beginning[-1] + 1])
        return self._db.execute(query, (parent, beginning, end)).fetchone() is not None

    def is_blank(self) -> bool:
        """Return whether no node was ever known and nothing ever seen on this disk."""
        tables = ("row", "node", "dead")
        return not any(self._db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)

    def forget_rows(self) -> None:
        """Forget what is on the disk: the next scan finds everything anew."""
        self._db.execute("DELETE FROM row")

    # what is due

    def add_due(self, nodes: Iterable[bytes]) -> None:
        """Note nodes whose disk side may differ from the tree."""
        self._db.executemany("INSERT OR IGNORE INTO due VALUES (?)", ((node,) for node in nodes))

    def remove_due(self, nodes: Iterable[bytes]) -> None:
        """Note that disk and tree agree on these nodes."""
        self._db.executemany("DELETE FROM due WHERE node = ?", ((node,) for node in nodes))

    def is_due(self, node: bytes) -> bool:
        """Return whether the disk side of a node is unknown."""
        return self._db.execute("SELECT 1 FROM due WHERE node = ?", (node,)).fetchone() is not None

    def due(self) -> Iterator[bytes]:
        """Yield the nodes that are due."""
        return (node for (node,) in self._db.execute("SELECT node FROM due ORDER BY node"))

    def count_due(self) -> int:
        """Return how many nodes are due."""
        return int(self._db.execute("SELECT count(*) FROM due").fetchone()[0])
