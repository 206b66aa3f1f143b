"""A tree on its way in: what it changes is put aside, checked, and then becomes the tree at hand.

The writes of this device go the same way; until then the tree at hand is as it was before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from e2esync.adapters.state.tables import Tables
from e2esync.tree.keys import ROOT, Kind

SCHEMA = """
CREATE TEMP TABLE incoming (
    key BLOB PRIMARY KEY, value BLOB, number BLOB, parent BLOB, moved_name BLOB, is_several INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TEMP TABLE returned (node BLOB PRIMARY KEY) WITHOUT ROWID;
"""


class Incoming(NamedTuple):
    """One node that another tree changes."""

    key: bytes
    value: bytes | None  # None: it is not in that tree
    number: bytes | None  # of a directory
    parent: bytes | None  # number of the directory that it stands in
    moved_name: bytes | None  # its name, where it does not stand at its birthplace
    is_several: bool  # whether it has more than one content


class ArrivingTables(Tables):
    """What another tree changes."""

    def clear_incoming(self) -> None:
        """Forget what came in before."""
        self._db.execute("DELETE FROM incoming")

    def add_incoming(self, changes: Iterable[Incoming]) -> None:
        """Put aside what another tree changes."""
        self._db.executemany("INSERT OR REPLACE INTO incoming VALUES (?, ?, ?, ?, ?, ?)", changes)

    def incoming(self, key: bytes) -> tuple[bytes | None] | None:
        """Return the value of a node that was put aside, in a tuple; None if none was."""
        row: tuple[bytes | None] | None = self._db.execute(
            "SELECT value FROM incoming WHERE key = ?", (key,)
        ).fetchone()
        return row

    def kept(self) -> Iterator[bytes]:
        """Yield the values of the nodes that stay as they are: nothing came in for them."""
        query = (
            "SELECT value FROM node WHERE NOT EXISTS (SELECT 1 FROM incoming WHERE incoming.key = node.key)"
        )
        return (value for (value,) in self._db.execute(query))

    def apply_incoming(self, sequence: int) -> None:
        """Change nodes, places and directories to what came in; note those that went as dead.

        `sequence` is that of the snapshot in which this device will say that it has seen them go.
        """
        self._db.execute(
            "INSERT OR REPLACE INTO dead SELECT key, ? FROM incoming "
            "WHERE value IS NULL AND key IN (SELECT key FROM node)",
            (sequence,),
        )
        for statement in (
            "DELETE FROM returned",
            "INSERT INTO returned SELECT node FROM moved JOIN incoming ON key = node WHERE number IS NOT NULL AND moved_name IS NULL",
            "DELETE FROM moved WHERE node IN (SELECT key FROM incoming)",
            "DELETE FROM directory WHERE node IN (SELECT key FROM incoming WHERE value IS NULL)",
            "DELETE FROM node WHERE key IN (SELECT key FROM incoming WHERE value IS NULL)",
            "INSERT OR REPLACE INTO node SELECT key, value FROM incoming WHERE value IS NOT NULL",
            "INSERT OR IGNORE INTO directory SELECT number, key FROM incoming WHERE number IS NOT NULL",
            "INSERT INTO moved SELECT key, parent, moved_name FROM incoming WHERE moved_name IS NOT NULL",
        ):
            self._db.execute(statement)

    def add_incoming_due(self) -> None:
        """Note that the disk may differ from what came in."""
        self._db.execute("INSERT OR IGNORE INTO due SELECT key FROM incoming")

    def maybe_crowded(self) -> Iterator[bytes]:
        """Yield the nodes that came in, and now are in the tree, that may not be alone at their place."""
        born = "substr(i.key, 1, length(i.key) - 5)"  # with the separator behind the name
        query = f"""
            SELECT i.key FROM incoming i WHERE value IS NOT NULL AND (is_several OR moved_name IS NOT NULL
            OR EXISTS (SELECT 1 FROM node n
                       WHERE n.key > {born} AND n.key < CAST({born} || x'04' AS BLOB) AND n.key != i.key)
            OR EXISTS (SELECT 1 FROM moved m
                       WHERE m.parent = i.parent AND m.name = substr(i.key, 17, length(i.key) - 22)))"""
        return (key for (key,) in self._db.execute(query))

    def incoming_parents(self) -> list[bytes]:
        """Return the directories in which something comes, and those in which it stands, or stood, before."""
        query = (
            "SELECT parent FROM incoming WHERE parent IS NOT NULL UNION SELECT substr(key, 1, 16) FROM incoming "
            "UNION SELECT parent FROM moved WHERE node IN (SELECT key FROM incoming)"
        )
        return [parent for (parent,) in self._db.execute(query)]

    def moves_directories(self) -> bool:
        """Return whether directories are moved by what came in, or nodes are loose."""
        query = """
            SELECT 1 FROM incoming WHERE (number IS NOT NULL AND moved_name IS NOT NULL)
            OR (key IN (SELECT node FROM directory) AND key IN (SELECT node FROM moved))
            UNION ALL SELECT 1 FROM loose LIMIT 1"""
        return self._db.execute(query).fetchone() is not None

    def incoming_keys(self) -> Iterator[bytes]:
        """Yield the keys of all nodes that came in, in order."""
        return (key for (key,) in self._db.execute("SELECT key FROM incoming ORDER BY key"))

    def incoming_after(self, key: bytes, most: int) -> list[tuple[bytes, bytes | None]]:
        """Return keys and values of some that came in, the next after a key."""
        return self._db.execute(
            "SELECT key, value FROM incoming WHERE key > ? ORDER BY key LIMIT ?", (key, most)
        ).fetchall()

    def replace_incoming(self, keys: Iterable[bytes], changes: Iterable[Incoming]) -> None:
        """Put aside other changes in place of those of some keys."""
        self._db.executemany("DELETE FROM incoming WHERE key = ?", ((key,) for key in keys))
        self.add_incoming(changes)

    def numbers_to_check(self, *, is_all: bool) -> list[bytes]:
        """Return the directories in which something came in; all, also where one was moved, or back, with what is in it."""
        moved = (
            "SELECT 1 FROM incoming WHERE number IS NOT NULL AND moved_name IS NOT NULL "
            "UNION ALL SELECT 1 FROM returned LIMIT 1"
        )
        query = "SELECT number FROM directory"
        if not is_all and not self._db.execute(moved).fetchone():
            query += " WHERE number IN (SELECT parent FROM incoming)"
        return [number for (number,) in self._db.execute(query)]

    def strays(self) -> set[bytes]:
        """Return the nodes put into no directory, of those that are loose or came in; of all, if a directory went."""
        known, parent = "SELECT number FROM directory", "coalesce(moved.parent, substr(key, 1, 16))"
        query = f"SELECT key FROM node LEFT JOIN moved ON key = node WHERE {parent} != ?1 AND {parent} NOT IN ({known})"
        gone = "SELECT 1 FROM incoming WHERE value IS NULL AND substr(key, -5, 1) = ? LIMIT 1"
        if not self._db.execute(gone, (bytes([Kind.DIRECTORY]),)).fetchone():
            came = f"SELECT key FROM incoming WHERE parent != ?1 AND parent NOT IN ({known})"
            query = f"{came} UNION {query} AND key IN (SELECT node FROM loose)"
        return {key for (key,) in self._db.execute(query, (ROOT,))}
