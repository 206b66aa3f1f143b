"""What does not stand under the name of its place alone: the view of places at which several things are (format §6.9).

Also what stands under an alias, since this disk cannot hold its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from e2esync.adapters.state.tables import Tables

SCHEMA = """
CREATE TABLE IF NOT EXISTS crowd (
    parent BLOB NOT NULL, name BLOB NOT NULL, place BLOB NOT NULL, node BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (parent, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS crowd_node ON crowd (node);
CREATE TABLE IF NOT EXISTS alias (
    parent BLOB NOT NULL, name BLOB NOT NULL, told BLOB NOT NULL, keeper BLOB, PRIMARY KEY (parent, name)) WITHOUT ROWID;
"""


class Crowded(NamedTuple):
    """One content of one node, at a place where it is not alone, or under an alias."""

    parent: bytes  # number of the directory, 16 bytes
    name: bytes  # under which it is shown here
    place: bytes  # name under which its node was put there
    node: bytes  # key
    value: bytes  # which of the contents of the node (`merge.value`)
    told: bytes  # under which others show it: where that is its place, it is not beside anything


class Aliased(NamedTuple):
    """A name that this disk cannot hold, and what stands for it."""

    parent: bytes  # number of the directory, 16 bytes
    name: bytes  # the alias
    told: bytes  # the name
    keeper: bytes | None  # the name that the disk takes for the same; None: it refuses this one


_CROWD = "SELECT crowd.*, coalesce(told, name) FROM crowd LEFT JOIN alias USING (parent, name)"


class CrowdTables(Tables):
    """The view of what is not alone at its place; all else stands where its node was put."""

    def crowd_in(self, parent: bytes) -> list[Crowded]:
        """Return what is not alone in a directory."""
        query = f"{_CROWD} WHERE parent = ? ORDER BY name"
        return list(map(Crowded._make, self._db.execute(query, (parent,))))

    def crowded_directories(self, among: Iterable[bytes]) -> set[bytes]:
        """Return those of some directories, by number, in which something is not alone at its place."""
        crowded = {parent for (parent,) in self._db.execute("SELECT DISTINCT parent FROM crowd")}
        return crowded.intersection(among) if crowded else crowded

    def crowd_of(self, node: bytes) -> list[Crowded]:
        """Return what is shown of a node, if it is not alone; that which keeps its place first."""
        query = f"{_CROWD} WHERE node = ? ORDER BY coalesce(told, name) != place, name"
        return list(map(Crowded._make, self._db.execute(query, (node,))))

    def crowded_at(self, parent: bytes, name: bytes) -> Crowded | None:
        """Return what is shown under a name, if it is not alone at its place."""
        row = self._db.execute(f"{_CROWD} WHERE parent = ? AND name = ?", (parent, name)).fetchone()
        return Crowded._make(row) if row else None

    def replace_crowd(self, parent: bytes, crowd: Iterable[Crowded], aliases: Iterable[Aliased] = ()) -> None:
        """Note what is not alone in a directory, and what stands there under aliases."""
        self._db.execute("DELETE FROM crowd WHERE parent = ?", (parent,))
        self._db.executemany("INSERT INTO crowd VALUES (?, ?, ?, ?, ?)", (each[:5] for each in crowd))
        self._db.execute("DELETE FROM alias WHERE parent = ?", (parent,))
        self._db.executemany("INSERT INTO alias VALUES (?, ?, ?, ?)", aliases)

    def crowd(self) -> list[Crowded]:
        """Return all that is not alone, by directory and place."""
        return list(map(Crowded._make, self._db.execute(f"{_CROWD} ORDER BY parent, place, name")))

    def count_beside(self) -> int:
        """Return how many things stand beside others."""
        query = f"SELECT count(*) FROM ({_CROWD} WHERE coalesce(told, name) != place)"
        return int(self._db.execute(query).fetchone()[0])

    def alias_at(self, parent: bytes, name: bytes) -> bytes | None:
        """Return the name for which an alias stands in a directory; None if it is none."""
        query = "SELECT told FROM alias WHERE parent = ? AND name = ?"
        row = self._db.execute(query, (parent, name)).fetchone()
        return row[0] if row else None

    def alias_of(self, parent: bytes, told: bytes) -> bytes | None:
        """Return what stands for a name in a directory; None if that itself does."""
        row = self._db.execute(
            "SELECT name FROM alias WHERE parent = ? AND told = ?", (parent, told)
        ).fetchone()
        return row[0] if row else None

    def aliases_on_disk(self) -> list[Aliased]:
        """Return the aliases under which something stands on the disk."""
        query = "SELECT alias.* FROM alias JOIN row USING (parent, name) ORDER BY parent, name"
        return list(map(Aliased._make, self._db.execute(query)))
