"""What stands beside something else: the view of places at which several nodes or contents are (format §6.9)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from e2esync.adapters.state.tables import Tables

SCHEMA = """
CREATE TABLE IF NOT EXISTS crowd (
    parent BLOB NOT NULL, name BLOB NOT NULL, place BLOB NOT NULL, node BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (parent, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS crowd_node ON crowd (node);
"""


class Crowded(NamedTuple):
    """One content of one node, at a place where it is not alone."""

    parent: bytes  # number of the directory, 16 bytes
    name: bytes  # under which it is shown
    place: bytes  # name under which its node was put there: where it is the same, it is not beside anything
    node: bytes  # key
    value: bytes  # which of the contents of the node (`merge.value`)


class CrowdTables(Tables):
    """The view of what is not alone at its place; all else stands where its node was put."""

    def crowd_in(self, parent: bytes) -> list[Crowded]:
        """Return what is not alone in a directory."""
        query = "SELECT * FROM crowd WHERE parent = ? ORDER BY name"
        return list(map(Crowded._make, self._db.execute(query, (parent,))))

    def crowded_directories(self, among: Iterable[bytes]) -> set[bytes]:
        """Return those of some directories, by number, in which something is not alone at its place."""
        crowded = {parent for (parent,) in self._db.execute("SELECT DISTINCT parent FROM crowd")}
        return crowded.intersection(among) if crowded else crowded

    def crowd_of(self, node: bytes) -> list[Crowded]:
        """Return what is shown of a node, if it is not alone; that which keeps its place first."""
        query = "SELECT * FROM crowd WHERE node = ? ORDER BY name != place, name"
        return list(map(Crowded._make, self._db.execute(query, (node,))))

    def crowded_at(self, parent: bytes, name: bytes) -> Crowded | None:
        """Return what is shown under a name, if it is not alone at its place."""
        row = self._db.execute("SELECT * FROM crowd WHERE parent = ? AND name = ?", (parent, name)).fetchone()
        return Crowded._make(row) if row else None

    def replace_crowd(self, parent: bytes, crowd: Iterable[Crowded]) -> None:
        """Note what is not alone in a directory."""
        self._db.execute("DELETE FROM crowd WHERE parent = ?", (parent,))
        self._db.executemany("INSERT INTO crowd VALUES (?, ?, ?, ?, ?)", crowd)

    def crowd(self) -> list[Crowded]:
        """Return all that is not alone, by directory and place."""
        return list(map(Crowded._make, self._db.execute("SELECT * FROM crowd ORDER BY parent, place, name")))

    def count_beside(self) -> int:
        """Return how many things stand beside others."""
        return int(self._db.execute("SELECT count(*) FROM crowd WHERE name != place").fetchone()[0])
