"""What pruning computes of a vault, in temporary tables: what is reachable, and which packs nothing needs.

Forgotten with the connection. A blob counts by the first bytes of its id, as indexes name it: two
blobs with one prefix are both spared.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from e2esync.adapters.database import transaction
from e2esync.format.index import PREFIX_SIZE

_TABLES = {
    "reach": "prefix BLOB PRIMARY KEY",
    "looked": "prefix BLOB PRIMARY KEY",
    "version": "node BLOB, value BLOB, older INTEGER, PRIMARY KEY (node, value)",
    "live": "id BLOB PRIMARY KEY",
    "stored": "id BLOB PRIMARY KEY, size INTEGER",
    "thinned": "time INTEGER, device BLOB, sequence INTEGER, hash BLOB, page BLOB, level INTEGER,"
    " PRIMARY KEY (time, device, sequence)",
}


class Thinned(NamedTuple):
    """A snapshot that is too old to be kept whole."""

    time: int  # seconds since 1970; none is later than its successor's
    device: bytes
    sequence: int
    hash: bytes
    page: bytes | None  # id of the tree's root
    level: int


class ReachRows:
    """The temporary tables, empty at first."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        for name, columns in _TABLES.items():
            db.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} ({columns}) WITHOUT ROWID")
            db.execute(f"DELETE FROM temp.{name}")  # noqa: S608  of our own names

    def transaction(self) -> AbstractContextManager[None]:
        """Do what is done inside at once."""
        return transaction(self._db)

    # what is reachable

    def add(self, blob_id: bytes) -> bool:
        """Note that a blob is needed; return whether that is new."""
        return self._insert("reach", blob_id)

    def add_all(self, blob_ids: Iterable[bytes]) -> None:
        """Note that blobs are needed."""
        self._db.executemany(
            "INSERT OR IGNORE INTO temp.reach VALUES (?)", ((blob_id[:PREFIX_SIZE],) for blob_id in blob_ids)
        )

    def is_needed(self, blob_id: bytes) -> bool:
        """Return whether a blob is needed, as far as known."""
        query = "SELECT 1 FROM temp.reach WHERE prefix = ?"
        return self._db.execute(query, (blob_id[:PREFIX_SIZE],)).fetchone() is not None

    def look(self, page_id: bytes) -> bool:
        """Note that a page of a thinned tree was looked at; return whether that is new."""
        return self._insert("looked", page_id)

    def _insert(self, table: str, blob_id: bytes) -> bool:
        statement = f"INSERT OR IGNORE INTO temp.{table} VALUES (?)"  # noqa: S608  of our own names
        cursor = self._db.execute(statement, (blob_id[:PREFIX_SIZE],))
        return cursor.rowcount > 0

    # versions of files

    def count_older(self, node: bytes) -> int:
        """Return how many versions of a node are kept that are not in the window."""
        query = "SELECT count(*) FROM temp.version WHERE node = ? AND older"
        return int(self._db.execute(query, (node,)).fetchone()[0])

    def has_version(self, node: bytes, value: bytes) -> bool:
        """Return whether a version is kept, as far as known."""
        query = "SELECT 1 FROM temp.version WHERE node = ? AND value = ?"
        return self._db.execute(query, (node, value)).fetchone() is not None

    def add_version(self, node: bytes, value: bytes, *, older: bool) -> None:
        """Note that a version is kept."""
        self._db.execute("INSERT OR IGNORE INTO temp.version VALUES (?, ?, ?)", (node, value, older))

    # thinned snapshots

    def add_thinned(self, one: Thinned) -> None:
        """Put a snapshot aside."""
        self._db.execute("INSERT OR REPLACE INTO temp.thinned VALUES (?, ?, ?, ?, ?, ?)", one)

    def thinned(self) -> Iterator[Thinned]:
        """Yield them, the newest first."""
        query = "SELECT * FROM temp.thinned ORDER BY time DESC, device DESC, sequence DESC"
        return map(Thinned._make, self._db.execute(query))

    # packs

    def add_live(self, packs: Iterable[bytes]) -> None:
        """Note packs that a live index names."""
        self._db.executemany("INSERT OR IGNORE INTO temp.live VALUES (?)", ((pack,) for pack in packs))

    def add_stored(self, packs: Iterable[tuple[bytes, int]]) -> None:
        """Note packs that the store has, with their sizes in bytes."""
        self._db.executemany("INSERT OR IGNORE INTO temp.stored VALUES (?, ?)", packs)

    def is_live(self, pack: bytes) -> bool:
        """Return whether a live index names a pack."""
        return self._db.execute("SELECT 1 FROM temp.live WHERE id = ?", (pack,)).fetchone() is not None

    def size(self, pack: bytes) -> int | None:
        """Return the size of a pack in bytes; None if the store does not have it."""
        row = self._db.execute("SELECT size FROM temp.stored WHERE id = ?", (pack,)).fetchone()
        return row[0] if row else None

    def unneeded(self) -> Iterator[bytes]:
        """Yield the packs that are there, that a live index names, and of which no row names anything needed."""
        query = (
            "SELECT pack.id FROM temp.live JOIN temp.stored USING (id) JOIN pack USING (id) WHERE NOT EXISTS"
            " (SELECT 1 FROM blob JOIN temp.reach USING (prefix) WHERE blob.pack = pack.num) ORDER BY pack.id"
        )
        return (pack for (pack,) in self._db.execute(query))

    def is_unneeded(self, pack: bytes) -> bool:
        """Return whether no row of a pack names anything needed; one of which no row is known is needed."""
        query = (
            "SELECT NOT EXISTS (SELECT 1 FROM blob JOIN temp.reach USING (prefix) WHERE blob.pack = num)"
            " AND EXISTS (SELECT 1 FROM blob WHERE blob.pack = num) FROM pack WHERE id = ?"
        )
        row = self._db.execute(query, (pack,)).fetchone()
        return row is not None and bool(row[0])
