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
from e2esync.adapters.folding import MOVING, SENDING, STORED
from e2esync.format.index import PREFIX_SIZE, Group

_TABLES = {
    "reach": "prefix BLOB PRIMARY KEY",
    "looked": "prefix BLOB PRIMARY KEY",
    "version": "node BLOB, value BLOB, older INTEGER, PRIMARY KEY (node, value)",
    "pruned": "prefix BLOB PRIMARY KEY",
    "live": "id BLOB PRIMARY KEY, ours INTEGER, others INTEGER",
    "own": "pack INTEGER, start INTEGER, prefix BLOB, length INTEGER, PRIMARY KEY (pack, start)",
    "stored": "id BLOB PRIMARY KEY, size INTEGER",
    "leaving": "id BLOB PRIMARY KEY",
    "thinned": "time INTEGER, device BLOB, sequence INTEGER, hash BLOB, page BLOB, level INTEGER,"
    " PRIMARY KEY (time, device, sequence)",
}

# A CROSS JOIN keeps its order: these tables have no statistics, and another order is quadratic.
_ROW_NEEDED = "SELECT 1 FROM blob CROSS JOIN temp.reach USING (prefix) WHERE blob.pack = pack.num"
_NEEDED = f"EXISTS ({_ROW_NEEDED})"
"""Any row of any index that was ever read says that something needed is in the pack."""

_HELD_ELSEWHERE = (
    "EXISTS (SELECT 1 FROM temp.own AS copy CROSS JOIN pack AS other ON other.num = copy.pack"
    " CROSS JOIN temp.stored USING (id) WHERE copy.prefix = {row}.prefix AND copy.length = {row}.length"
    " AND copy.pack != {row}.pack AND other.id NOT IN temp.leaving)"
)
"""A live index of our own says that a blob is in a pack of ours, too, which is there and stays."""

_REPLACED = f"NOT EXISTS ({_ROW_NEEDED} AND NOT {_HELD_ELSEWHERE.format(row='blob')})"

_FOREIGN = (  # a row that we did not write names something needed
    f"{_ROW_NEEDED} AND NOT EXISTS"
    " (SELECT 1 FROM temp.own WHERE own.pack = blob.pack AND own.start = blob.start AND own.prefix = blob.prefix)"
)

_UNLISTED = (
    "stored.id NOT IN (SELECT id FROM temp.live) AND NOT EXISTS (SELECT 1 FROM pack WHERE pack.id = stored.id"
    f" AND ((ours AND state IN ({SENDING}, {STORED}, {MOVING})) OR {_NEEDED}))"
)


class Partly(NamedTuple):
    """A pack of our own of which the smaller part is needed."""

    id: bytes
    size: int  # bytes
    needed: int  # bytes of blobs that are needed and in no other pack of ours


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
            db.execute(f"DELETE FROM temp.{name}")
        db.execute("CREATE INDEX IF NOT EXISTS temp.own_prefix ON own (prefix)")

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

    def add_pruned(self, blob_id: bytes) -> None:
        """Note that a blob of the past is needed no more, as it was pruned."""
        self._insert("pruned", blob_id)

    def look(self, page_id: bytes) -> bool:
        """Note that a page of a thinned tree was looked at; return whether that is new."""
        return self._insert("looked", page_id)

    def _insert(self, table: str, blob_id: bytes) -> bool:
        statement = f"INSERT OR IGNORE INTO temp.{table} VALUES (?)"
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

    def add_live(self, group: Group, *, ours: bool) -> None:
        """Take in what a live index says, of our own or of another device; the catalogue has its rows."""
        self._db.execute(
            "INSERT INTO temp.live VALUES (?, ?, ?) ON CONFLICT (id)"
            " DO UPDATE SET ours = max(ours, excluded.ours), others = max(others, excluded.others)",
            (group.pack, ours, not ours),
        )
        if ours:
            (num,) = self._db.execute("SELECT num FROM pack WHERE id = ?", (group.pack,)).fetchone()
            self._db.executemany(
                "INSERT OR IGNORE INTO temp.own VALUES (?, ?, ?, ?)",
                ((num, row.offset, row.prefix, row.length) for row in group.rows),
            )

    def add_leaving(self, packs: Iterable[bytes]) -> None:
        """Note packs that stand to go, or went: what else holds their blobs has to be another pack."""
        self._db.executemany("INSERT OR IGNORE INTO temp.leaving VALUES (?)", ((pack,) for pack in packs))

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

    # what may go

    def unneeded(self) -> Iterator[bytes]:
        """Yield the packs that are there, that a live index names, and of which no row names anything needed."""
        query = (
            "SELECT pack.id FROM temp.live JOIN temp.stored USING (id) JOIN pack USING (id)"
            f" WHERE NOT {_NEEDED} ORDER BY pack.id"
        )
        return (pack for (pack,) in self._db.execute(query))

    def is_unneeded(self, pack: bytes) -> bool:
        """Return whether no row of a pack that a live index names has anything needed; one without rows is needed."""
        query = (
            f"SELECT NOT {_NEEDED} AND EXISTS (SELECT 1 FROM blob WHERE blob.pack = num)"
            " FROM pack JOIN temp.live USING (id) WHERE id = ?"
        )
        return self._is(query, pack)

    def partly(self) -> Iterator[Partly]:
        """Yield the packs that only we name, and of which less than half of the bytes are needed, but not none."""
        query = (
            f"SELECT id, num, size, EXISTS ({_FOREIGN}) FROM (SELECT num, id, stored.size AS size FROM temp.live"
            " JOIN temp.stored USING (id) JOIN pack USING (id)"
            " WHERE live.ours AND NOT others AND id NOT IN temp.leaving) AS pack"
        )
        is_needed, held = "reach.prefix IS NOT NULL", _HELD_ELSEWHERE.format(row="own")
        sums = (
            f"SELECT coalesce(sum(length) FILTER (WHERE {is_needed} AND NOT {held}), 0),"
            f" coalesce(sum(length) FILTER (WHERE {is_needed}), 0), sum(length)"
            " FROM temp.own LEFT JOIN temp.reach USING (prefix) WHERE own.pack = ?"
        )
        for pack, num, size, has_foreign in self._db.execute(query):
            if not has_foreign:
                to_move, needed, used = self._db.execute(sums, (num,)).fetchone()
                if 0 < 2 * needed < used:
                    yield Partly(pack, size, to_move)

    def is_replaced(self, pack: bytes) -> bool:
        """Return whether only we name a pack, and all in it that is needed is in other packs of ours that stay."""
        query = f"SELECT live.ours AND NOT others AND {_REPLACED} FROM pack JOIN temp.live USING (id) WHERE id = ?"
        return self._is(query, pack)

    def has_to_move(self, prefix: bytes, length: int, pack: bytes) -> bool:
        """Return whether a blob of a pack is needed and in no other of ours, nor in one that the next index lists."""
        query = (
            f"SELECT NOT {_HELD_ELSEWHERE.format(row='row')} AND NOT EXISTS (SELECT 1 FROM blob CROSS JOIN pack ON num ="
            f" blob.pack WHERE prefix = row.prefix AND blob.length = row.length AND ours AND state = {STORED})"
            " FROM (SELECT ? AS prefix, ? AS length, num AS pack FROM pack WHERE id = ?) AS row"
        )
        return self.is_needed(prefix) and bool(self._db.execute(query, (prefix, length, pack)).fetchone()[0])

    def unlisted(self) -> Iterator[bytes]:
        """Yield the packs that are there and that no live index names, but those that are ours to list.

        One of which any row that was ever read names something needed is not among them.
        """
        query = f"SELECT id FROM temp.stored WHERE {_UNLISTED} ORDER BY id"
        return (pack for (pack,) in self._db.execute(query))

    def is_unlisted(self, pack: bytes) -> bool:
        """Return whether a pack is such a one."""
        return self._is(f"SELECT {_UNLISTED} FROM temp.stored WHERE id = ?", pack)

    def is_all_placed(self) -> bool:
        """Return whether live indexes name all that is needed, in packs that are there."""
        query = (
            "SELECT NOT EXISTS (SELECT 1 FROM temp.reach WHERE prefix NOT IN temp.pruned AND NOT EXISTS"
            " (SELECT 1 FROM blob CROSS JOIN pack ON num = blob.pack"
            " CROSS JOIN temp.live USING (id) CROSS JOIN temp.stored USING (id)"
            " WHERE blob.prefix = reach.prefix))"
        )
        return bool(self._db.execute(query).fetchone()[0])

    def _is(self, query: str, pack: bytes) -> bool:
        row = self._db.execute(query, (pack,)).fetchone()
        return row is not None and bool(row[0])
