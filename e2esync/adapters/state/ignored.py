"""What of the tree is not brought to this disk, since rules have it ignored here."""

from __future__ import annotations

from collections.abc import Iterable

from e2esync.adapters.state.tables import Tables

SCHEMA = """
CREATE TABLE IF NOT EXISTS ignored (thing BLOB PRIMARY KEY, node BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ignored_node ON ignored (node);
"""


class IgnoredTables(Tables):
    """Contents of nodes that are ignored: not shown here, and not gone."""

    def ignore(self, thing: bytes, node: bytes) -> None:
        """Note that a content of a node is ignored."""
        self._db.execute("INSERT OR IGNORE INTO ignored VALUES (?, ?)", (thing, node))

    def stop_ignoring(self, node: bytes) -> bool:
        """Forget that contents of a node are ignored; return whether any was."""
        return self._db.execute("DELETE FROM ignored WHERE node = ?", (node,)).rowcount > 0

    def is_ignored(self, thing: bytes) -> bool:
        """Return whether a content is ignored."""
        return self._db.execute("SELECT 1 FROM ignored WHERE thing = ?", (thing,)).fetchone() is not None

    def ignored_nodes(self) -> list[bytes]:
        """Return the nodes of which something is ignored."""
        return [node for (node,) in self._db.execute("SELECT DISTINCT node FROM ignored ORDER BY node")]

    def has_row_named(self, name: bytes) -> bool:
        """Return whether something on the disk has this name."""
        query = f"SELECT 1 FROM row WHERE name = x'{name.hex()}' LIMIT 1"  # a literal: the index is partial
        return self._db.execute(query).fetchone() is not None

    def due_named(self, names: Iterable[bytes]) -> list[bytes]:
        """Return the nodes that are due, and have or had one of these names; maybe others."""
        query = (
            "SELECT node FROM due WHERE instr(node, ?1) OR node IN (SELECT node FROM moved WHERE name = ?1) "
            "OR node IN (SELECT node FROM row WHERE name = ?1)"
        )
        found = {node for name in names for (node,) in self._db.execute(query, (name,))}
        return sorted(found)
