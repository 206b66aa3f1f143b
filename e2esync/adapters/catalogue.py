"""What the store is known to hold: packs, where each blob lies, and which chunks need not be sent.

Rebuildable from the indexes in the store. Rows that other devices' indexes brought are claims
(format §5.3); `ours` marks what this device sealed and stored, or opened and verified, itself, and
only that is borrowed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from e2esync.adapters.database import connect, transaction
from e2esync.adapters.folding import GONE, LISTED, MOVING, SENDING, STORED, FoldingRows
from e2esync.adapters.objectcache import ObjectCache
from e2esync.adapters.reach import ReachRows
from e2esync.format.index import PREFIX_SIZE, Group, Row
from e2esync.tree.values import WrappedKey
from e2esync.vault.packs import ClosedPack

__all__ = ["GONE", "LISTED", "MOVING", "SENDING", "STORED", "Catalogue", "KnownChunk", "Location"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS epoch (num INTEGER PRIMARY KEY, name BLOB UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS pack (
    num INTEGER PRIMARY KEY, id BLOB UNIQUE NOT NULL, size INTEGER NOT NULL, state INTEGER NOT NULL,
    ours INTEGER NOT NULL, stored_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS blob (
    prefix BLOB NOT NULL, pack INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL,
    epoch INTEGER NOT NULL, is_chunk INTEGER NOT NULL,
    PRIMARY KEY (prefix, pack, start, length, epoch)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS blob_pack ON blob (pack, start);
CREATE TABLE IF NOT EXISTS known (
    hash BLOB PRIMARY KEY, id BLOB NOT NULL, length INTEGER NOT NULL,
    born INTEGER NOT NULL, under INTEGER NOT NULL, wrapped BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS loaded (id BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE marked (id BLOB PRIMARY KEY) WITHOUT ROWID;
"""


class Location(NamedTuple):
    """A claim that a blob lies there."""

    pack: bytes  # id, 32 bytes
    start: int  # bytes
    length: int  # bytes, sealed
    epoch: bytes  # name, 32 bytes


class KnownChunk(NamedTuple):
    """A chunk that the vault holds for certain, with the key that opens it."""

    hash: bytes  # keyed content hash, 32 bytes
    id: bytes  # 32 bytes
    length: int  # bytes of plaintext
    key: WrappedKey


class Catalogue:
    """The database of one vault at one store."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path, _SCHEMA, durable=False)
        self.folding = FoldingRows(self._db)
        self.cache = ObjectCache(path.with_suffix(".packs"))  # our own small packs and indexes
        self._epochs: dict[bytes, int] = dict(self._db.execute("SELECT name, num FROM epoch"))
        self._names = {num: name for name, num in self._epochs.items()}
        self._has_marked = False

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def forget_all(self) -> None:
        """Forget what the store holds, and what of it is ours: it is read from the indexes that heads list."""
        with transaction(self._db):
            for table in ("pack", "blob", "known", "loaded", "own_index", "listing", "waiting"):
                self._db.execute(f"DELETE FROM {table}")

    def reach(self) -> ReachRows:
        """Return empty tables for what pruning computes."""
        return ReachRows(self._db)

    # packs of our own

    def record_sending(
        self, pack: ClosedPack, chunks: Sequence[KnownChunk], *, now: int, state: int = SENDING
    ) -> None:
        """Keep what a pack holds before it is sent, so that a crash after the PUT loses no work."""
        with transaction(self._db):
            cursor = self._db.execute(
                "INSERT INTO pack (id, size, state, ours, stored_at) VALUES (?, ?, ?, 1, ?)",
                (pack.id, len(pack.body), state, now),
            )
            num = cursor.lastrowid
            self._db.executemany(
                "INSERT OR REPLACE INTO blob VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (b.id[:PREFIX_SIZE], num, b.offset, b.length, self._epoch(b.epoch), b.is_chunk)
                    for b in pack.blobs
                ],
            )
            self._remember(chunks)

    def remember(self, chunks: Sequence[KnownChunk]) -> None:
        """Note chunks that were opened and verified here."""
        with transaction(self._db):
            self._remember(chunks)

    def _remember(self, chunks: Sequence[KnownChunk]) -> None:
        # The first stays, but where it may be in a pack that goes.
        insert = "INSERT OR REPLACE" if self._has_marked else "INSERT OR IGNORE"
        self._db.executemany(
            f"{insert} INTO known VALUES (?, ?, ?, ?, ?, ?)",
            [
                (c.hash, c.id, c.length, self._epoch(c.key.born), self._epoch(c.key.under), c.key.wrapped)
                for c in chunks
            ],
        )

    def set_state(self, packs: Iterable[bytes], state: int) -> None:
        """Note that packs were stored, or listed by a head."""
        with transaction(self._db):
            self._db.executemany("UPDATE pack SET state = ? WHERE id = ?", [(state, pack) for pack in packs])

    def lose_packs(self, packs: Iterable[bytes]) -> list[bytes]:
        """Note that packs are not in the store; return the content hashes of chunks that were known to be there only."""
        with transaction(self._db):
            self.folding.give_up(packs)
            lost = "SELECT prefix FROM blob JOIN pack ON num = pack WHERE state = ?"
            kept = "SELECT prefix FROM blob JOIN pack ON num = pack WHERE state != ? AND ours"
            rows = self._db.execute(
                f"DELETE FROM known WHERE substr(id, 1, {PREFIX_SIZE}) IN ({lost} EXCEPT {kept}) RETURNING hash",
                (GONE, GONE),
            )
            return [content_hash for (content_hash,) in rows]

    def forget_pack(self, pack: bytes) -> None:
        """Forget a pack that is not in the store, and that any chunk was known to be in it."""
        with transaction(self._db):
            row = self._db.execute("SELECT num FROM pack WHERE id = ?", (pack,)).fetchone()
            if row is None:
                return
            self.lose_packs([pack])
            self._db.execute("DELETE FROM blob WHERE pack = ?", row)
            self._db.execute("DELETE FROM listing WHERE pack = ?", row)
            self._db.execute("DELETE FROM pack WHERE num = ?", row)

    def packs(self, state: int) -> list[tuple[bytes, int, int]]:
        """Return id, size and time of our own packs in a state."""
        return self._db.execute(
            "SELECT id, size, stored_at FROM pack WHERE ours AND state = ? ORDER BY num", (state,)
        ).fetchall()

    def groups(self, packs: Iterable[bytes]) -> Iterator[Group]:
        """Yield what an index says of these packs."""
        for pack in packs:
            rows = self._db.execute(
                "SELECT prefix, start, blob.length, epoch, is_chunk FROM blob JOIN pack ON num = pack"
                " WHERE id = ? ORDER BY start",
                (pack,),
            )
            yield from _grouped(pack, rows, self._names)

    # what the store holds

    def is_loaded(self, index: bytes) -> bool:
        """Return whether the rows of this index are here."""
        return self._db.execute("SELECT 1 FROM loaded WHERE id = ?", (index,)).fetchone() is not None

    def load(self, index: bytes, groups: Iterable[Group], *, now: int) -> None:
        """Take in the rows of an index that an accepted head lists; all of them, where they contradict each other."""
        with transaction(self._db):
            for group in groups:
                self._db.execute(
                    "INSERT OR IGNORE INTO pack VALUES (NULL, ?, 0, ?, 0, ?)", (group.pack, LISTED, now)
                )
                num, ours = self._db.execute(
                    "SELECT num, ours FROM pack WHERE id = ?", (group.pack,)
                ).fetchone()
                if not _is_news(ours):
                    continue
                epoch = self._epoch(group.epoch)
                self._db.executemany(
                    "INSERT OR IGNORE INTO blob VALUES (?, ?, ?, ?, ?, ?)",
                    [(row.prefix, num, row.offset, row.length, epoch, group.is_chunk) for row in group.rows],
                )
            self._db.execute("INSERT OR IGNORE INTO loaded VALUES (?)", (index,))

    def forget_loaded(self, index: bytes) -> None:
        """Note that an index has to be read again."""
        self._db.execute("DELETE FROM loaded WHERE id = ?", (index,))

    def find(self, blob_id: bytes) -> list[Location]:
        """Return every place that is said to hold a blob, our own packs first."""
        rows = self._db.execute(
            "SELECT id, start, length, epoch FROM blob JOIN pack ON num = pack WHERE prefix = ? AND state != ?"
            " ORDER BY ours DESC, num DESC",
            (blob_id[:PREFIX_SIZE], GONE),
        )
        return [Location(pack, start, length, self._names[epoch]) for pack, start, length, epoch in rows]

    def is_placed(self, blob_id: bytes) -> bool:
        """Return whether a blob is said to be somewhere. Of one that we stored and lost, a claim of others does not count."""
        (ours,) = self._db.execute(
            "SELECT max(CASE state WHEN ? THEN 0 ELSE ours + 1 END) > max(state = ?)"
            " FROM blob JOIN pack ON num = pack WHERE prefix = ?",
            (GONE, GONE, blob_id[:PREFIX_SIZE]),
        ).fetchone()
        return bool(ours)

    def do_not_borrow(self, packs: Collection[bytes]) -> None:
        """Take nothing as held that is only in these packs: somebody is about to delete them."""
        with transaction(self._db):
            self._db.execute("DELETE FROM marked")
            self._db.executemany("INSERT INTO marked VALUES (?)", [(pack,) for pack in packs])
        self._has_marked = bool(packs)

    def is_marked(self, pack: bytes) -> bool:
        """Return whether somebody is about to delete a pack, as far as this process was told."""
        return self._db.execute("SELECT 1 FROM marked WHERE id = ?", (pack,)).fetchone() is not None

    def forget_known(self, packs: Iterable[bytes]) -> None:
        """Take for ever no chunk as held that is only in these packs: they are gone, or will be."""
        kept = "SELECT 1 FROM blob JOIN pack ON num = pack WHERE prefix = substr(known.id, 1, {size}) AND pack.id NOT IN"
        with transaction(self._db):
            self._db.execute("CREATE TEMP TABLE IF NOT EXISTS ended (id BLOB PRIMARY KEY) WITHOUT ROWID")
            self._db.execute("DELETE FROM temp.ended")
            self._db.executemany("INSERT OR IGNORE INTO temp.ended VALUES (?)", ((pack,) for pack in packs))
            self._db.execute(
                f"DELETE FROM known WHERE substr(id, 1, {PREFIX_SIZE}) IN"
                " (SELECT prefix FROM blob JOIN pack ON num = pack JOIN temp.ended ON ended.id = pack.id)"
                f" AND NOT EXISTS ({kept.format(size=PREFIX_SIZE)} (SELECT id FROM temp.ended))"
            )

    def others_are_unread(self) -> None:
        """Note that the indexes of other devices have to be read again."""
        self._db.execute("DELETE FROM loaded WHERE id NOT IN (SELECT id FROM own_index)")

    def holds(self, blob_id: bytes) -> bool:
        """Return whether this device itself stored a blob with this id, where it may stay."""
        return self._stays(blob_id, "AND ours")

    def _stays(self, blob_id: bytes, condition: str = "") -> bool:
        """Return whether a blob is said to be in a pack that nobody has marked."""
        query = (
            "SELECT 1 FROM blob JOIN pack ON num = pack WHERE prefix = ? AND state != ?"
            f" AND pack.id NOT IN marked {condition}"
        )
        return self._db.execute(query, (blob_id[:PREFIX_SIZE], GONE)).fetchone() is not None

    def known(self, content_hash: bytes) -> KnownChunk | None:
        """Return the chunk with this content, if the vault holds it for certain, where it may stay."""
        row = self._db.execute(
            "SELECT id, length, born, under, wrapped FROM known WHERE hash = ?", (content_hash,)
        ).fetchone()
        if row is None:
            return None
        chunk_id, length, born, under, wrapped = row
        if self._has_marked and not self._stays(chunk_id):
            return None
        return KnownChunk(
            content_hash, chunk_id, length, WrappedKey(self._names[born], self._names[under], wrapped)
        )

    def count_packs(self) -> int:
        """Return how many packs are known."""
        return int(self._db.execute("SELECT count(*) FROM pack").fetchone()[0])

    def all_packs(self) -> Iterator[bytes]:
        """Yield the id of every pack that an index names."""
        for (pack,) in self._db.execute("SELECT id FROM pack WHERE state = ? ORDER BY id", (LISTED,)):
            yield pack

    def _epoch(self, name: bytes) -> int:
        if name not in self._epochs:
            num = self._db.execute("INSERT INTO epoch (name) VALUES (?)", (name,)).lastrowid
            assert num is not None
            self._epochs[name], self._names[num] = num, name
        return self._epochs[name]


def _is_news(ours: int) -> bool:
    """Return whether an index can tell anything of a pack: what we stored ourselves we know, and rely on (`holds`)."""
    return not ours


def _grouped(pack: bytes, rows: Iterable[sqlite3.Row | tuple], names: dict[int, bytes]) -> Iterator[Group]:  # type: ignore[type-arg]
    """Cut the rows of a pack into runs of one epoch and sort, without gaps."""
    end, run = 0, 0
    marked = []
    last = None
    for prefix, start, length, epoch, is_chunk in rows:
        if (epoch, is_chunk) != last or start != end:
            run += 1
        last, end = (epoch, is_chunk), start + length
        marked.append((run, epoch, is_chunk, Row(prefix, start, length)))
    for (_, epoch, is_chunk), members in groupby(marked, key=lambda item: item[:3]):
        yield Group(pack, bool(is_chunk), names[epoch], tuple(member[3] for member in members))
