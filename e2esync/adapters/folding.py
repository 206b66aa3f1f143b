"""What folding needs to know: which index of our own names which pack, and what waits to be deleted.

The catalogue commits by itself, before the state that says which indexes are live. So nothing here
is believed alone: the caller says what is live, and `settle` brings these rows into line with that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from typing import NamedTuple

from e2esync.adapters.database import transaction

SCHEMA = """
CREATE TABLE IF NOT EXISTS own_index (num INTEGER PRIMARY KEY, id BLOB UNIQUE NOT NULL, live INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS listing (
    pack INTEGER NOT NULL, own_index INTEGER NOT NULL, PRIMARY KEY (pack, own_index)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS listing_index ON listing (own_index);
CREATE INDEX IF NOT EXISTS pack_state ON pack (state);
CREATE VIEW IF NOT EXISTS live_listing (pack, id) AS
    SELECT pack, id FROM listing JOIN own_index ON num = own_index WHERE live;
CREATE TABLE IF NOT EXISTS waiting (
    id BLOB PRIMARY KEY, is_pack INTEGER NOT NULL, cause BLOB, due INTEGER) WITHOUT ROWID;
"""
# waiting.cause: the index that lists the new place; NULL for what no head ever listed
# waiting.due: seconds since 1970; NULL until a head lists the cause

SENDING, STORED, LISTED, GONE, MOVING = range(5)
"""States of a pack. MOVING: a copy that folding made, not yet under a head. GONE: not to be read any more."""


class Waiting(NamedTuple):
    """An object that is to be deleted."""

    id: bytes
    is_pack: bool
    was_listed: bool  # by a head: only then somebody may need what is in it


class Cover(NamedTuple):
    """A pack that holds what another one holds, and a live index that says so."""

    pack: bytes
    size: int  # bytes
    index_id: bytes


class FoldingRows:
    """The part of the catalogue that belongs to folding."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(SCHEMA)

    def record_index(
        self,
        index: bytes,
        packs: Iterable[bytes],
        *,
        old_packs: Iterable[bytes] = (),
        old_indexes: Iterable[bytes] = (),
    ) -> None:
        """Note, before it is sent, which packs an index of our own names and what it makes superfluous."""
        with transaction(self._db):
            self._db.execute("INSERT OR IGNORE INTO own_index VALUES (NULL, ?, 0)", (index,))
            self._db.execute("INSERT OR IGNORE INTO loaded VALUES (?)", (index,))
            self._db.executemany(
                "INSERT OR IGNORE INTO listing SELECT pack.num, own_index.num FROM pack, own_index"
                " WHERE pack.id = ? AND own_index.id = ?",
                [(pack, index) for pack in packs],
            )
            for is_pack, old in ((1, old_packs), (0, old_indexes)):
                self._db.executemany(
                    "INSERT OR REPLACE INTO waiting VALUES (?, ?, ?, NULL)",
                    [(one, is_pack, index) for one in old],
                )

    def settle(self, live: Collection[bytes], *, now: int, due: int) -> None:
        """Bring the rows into line with what is live: what a push left behind that was cut off becomes waste.

        What a live index makes superfluous may go from `due` on, what never was under a head from `now` on.
        """
        with transaction(self._db):
            self._mark_live(live)
            causes = self._ids("SELECT DISTINCT cause FROM waiting WHERE due IS NULL")
            for cause in causes:
                if cause in live:
                    self._db.execute(
                        "UPDATE waiting SET due = ? WHERE due IS NULL AND cause = ?", (due, cause)
                    )
                else:
                    self._db.execute("DELETE FROM waiting WHERE due IS NULL AND cause = ?", (cause,))
            self._db.execute("DELETE FROM waiting WHERE id IN (SELECT id FROM own_index WHERE live)")
            self._db.execute(
                "INSERT OR IGNORE INTO waiting SELECT id, 0, NULL, ? FROM own_index WHERE NOT live", (now,)
            )
            self._db.execute(
                "UPDATE pack SET state = ? WHERE state = ? AND EXISTS (SELECT 1 FROM live_listing WHERE pack = num)",
                (LISTED, MOVING),
            )
            self._db.execute(
                "INSERT OR IGNORE INTO waiting SELECT id, 1, NULL, ? FROM pack WHERE state = ?", (now, MOVING)
            )
            self._db.execute("UPDATE pack SET state = ? WHERE state = ?", (GONE, MOVING))

    def _mark_live(self, live: Collection[bytes]) -> None:
        rows = self._db.execute("SELECT id, live FROM own_index").fetchall()
        changed = [(index in live, index) for index, marked in rows if (index in live) != bool(marked)]
        self._db.executemany("UPDATE own_index SET live = ? WHERE id = ?", changed)

    def is_recorded(self, index: bytes) -> bool:
        """Return whether it is known which packs this index names."""
        return self._db.execute("SELECT 1 FROM own_index WHERE id = ?", (index,)).fetchone() is not None

    def due(self, now: int) -> list[Waiting]:
        """Return what may be deleted now."""
        rows = self._db.execute(
            "SELECT id, is_pack, cause IS NOT NULL FROM waiting WHERE due IS NOT NULL AND due <= ?", (now,)
        )
        return [Waiting(id_, bool(is_pack), bool(was_listed)) for id_, is_pack, was_listed in rows]

    def postpone(self, due: int) -> None:
        """Let everything wait until `due` at least; what was moved first is never left for last."""
        self._db.execute("UPDATE waiting SET due = ? WHERE due < ?", (due, due))

    def named(self, index: bytes) -> set[bytes]:
        """Return the packs that an index of our own names."""
        rows = self._db.execute(
            "SELECT pack.id FROM pack JOIN listing ON pack.num = listing.pack"
            " JOIN own_index ON own_index.num = own_index WHERE own_index.id = ?",
            (index,),
        )
        return {pack for (pack,) in rows}

    def is_named(self, pack: bytes) -> bool:
        """Return whether a live index of our own names this pack."""
        query = "SELECT 1 FROM pack JOIN live_listing ON live_listing.pack = num WHERE pack.id = ?"
        return self._db.execute(query, (pack,)).fetchone() is not None

    def covers(self, pack: bytes) -> set[Cover] | None:
        """Return packs, named by live indexes of our own, that hold all blobs of this one; None if there are none."""
        rows = self._db.execute(
            "SELECT (SELECT copy.pack FROM blob AS copy JOIN pack ON pack.num = copy.pack"
            " JOIN live_listing ON live_listing.pack = copy.pack"
            " WHERE copy.prefix = blob.prefix AND copy.length = blob.length AND copy.pack != blob.pack"
            " AND pack.ours AND pack.state = ? LIMIT 1)"
            " FROM blob JOIN pack ON pack.num = blob.pack WHERE pack.id = ?",
            (LISTED, pack),
        ).fetchall()
        nums = {num for (num,) in rows}
        if not nums or None in nums:
            return None
        return {self._cover(num) for num in nums}

    def _cover(self, num: int) -> Cover:
        row = self._db.execute(
            "SELECT pack.id, size, live_listing.id FROM pack JOIN live_listing ON pack = num WHERE num = ? LIMIT 1",
            (num,),
        ).fetchone()
        return Cover(*row)

    def keep(self, packs: Iterable[bytes], *, state: int) -> None:
        """Delete these packs after all not; STORED: the next index lists them again."""
        packs = list(packs)
        with transaction(self._db):
            self._set_states(packs, state)
            self._db.executemany("DELETE FROM waiting WHERE id = ?", [(pack,) for pack in packs])

    def keep_uncovered(self) -> None:
        """Keep what was moved into packs that are given up: the next index lists it again."""
        waiting = self._ids("SELECT id FROM waiting WHERE is_pack AND cause IS NOT NULL")
        self.keep(
            [pack for pack in waiting if not self.is_named(pack) and self.covers(pack) is None], state=STORED
        )

    def give_up(self, packs: Iterable[bytes]) -> None:
        """Note that packs are not to be read any more: they are about to be deleted, or are not there."""
        with transaction(self._db):
            self._set_states(packs, GONE)

    def _set_states(self, packs: Iterable[bytes], state: int) -> None:
        self._db.executemany("UPDATE pack SET state = ? WHERE id = ?", [(state, pack) for pack in packs])

    def forget(self, deleted: Iterable[Waiting]) -> None:
        """Forget objects that the store has no more."""
        with transaction(self._db):
            for id_, is_pack, _ in deleted:
                for statement in _FORGET_PACK if is_pack else _FORGET_INDEX:
                    self._db.execute(statement, (id_,))
                self._db.execute("DELETE FROM waiting WHERE id = ?", (id_,))

    def _ids(self, query: str) -> list[bytes]:
        return [id_ for (id_,) in self._db.execute(query)]


_FORGET_PACK = (
    "DELETE FROM blob WHERE pack = (SELECT num FROM pack WHERE id = ?)",
    "DELETE FROM listing WHERE pack = (SELECT num FROM pack WHERE id = ?)",
    "DELETE FROM pack WHERE id = ?",
)
_FORGET_INDEX = (
    "DELETE FROM listing WHERE own_index = (SELECT num FROM own_index WHERE id = ?)",
    "DELETE FROM loaded WHERE id = ?",
    "DELETE FROM own_index WHERE id = ?",
)
