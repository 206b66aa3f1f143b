"""The joined tree: its nodes and pages, where its directories are, what was moved in it and what went (format §6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from e2esync.adapters.state.tables import Tables
from e2esync.tree.keys import birthplace
from e2esync.tree.pages import Item

SCHEMA = """
CREATE TABLE IF NOT EXISTS node (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS page (
    level INTEGER NOT NULL, last BLOB NOT NULL, id BLOB NOT NULL, PRIMARY KEY (level, last)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead (node BLOB PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moved (node BLOB PRIMARY KEY, parent BLOB NOT NULL, name BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS moved_place ON moved (parent, name);
CREATE TABLE IF NOT EXISTS directory (number BLOB PRIMARY KEY, node BLOB UNIQUE NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS loose (node BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unsaid (id BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
"""

LAST = b"\xff" * 256  # after the number of a directory: behind all that was born in it


class TreeTables(Tables):
    """Nodes, pages and what is known of them; also the `PageTable` of the tree."""

    # nodes and pages

    def node(self, key: bytes) -> bytes | None:
        """Return the encoded value of a node."""
        row = self._db.execute("SELECT value FROM node WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def put_nodes(self, items: Iterable[Item]) -> None:
        """Insert or replace nodes."""
        self._db.executemany("INSERT OR REPLACE INTO node VALUES (?, ?)", items)

    def drop_nodes(self, keys: Iterable[bytes]) -> None:
        """Remove nodes."""
        self._db.executemany("DELETE FROM node WHERE key = ?", ((key,) for key in keys))

    def children(self, number: bytes) -> Iterator[bytes]:
        """Yield the nodes that stand in a directory."""
        born = "SELECT key FROM node WHERE key > ? AND key < ? AND key NOT IN (SELECT node FROM moved)"
        yield from (key for (key,) in self._db.execute(born, (number, number + LAST)))
        yield from (
            node for (node,) in self._db.execute("SELECT node FROM moved WHERE parent = ?", (number,))
        )

    def names_in(self, number: bytes) -> list[bytes]:
        """Return the names of the nodes that stand in a directory."""
        query = """
            SELECT substr(key, 17, length(key) - 22) FROM node
            WHERE key > ? AND key < ? AND key NOT IN (SELECT node FROM moved)
            UNION SELECT name FROM moved WHERE parent = ?"""
        return [name for (name,) in self._db.execute(query, (number, number + LAST, number))]

    def count_nodes(self) -> int:
        """Return how many nodes there are."""
        return int(self._db.execute("SELECT count(*) FROM node").fetchone()[0])

    def items(self, level: int, *, after: bytes = b"", last: bytes | None = None) -> Iterator[Item]:
        """Yield nodes (level 0), or last key and id of the pages of the level below, in (after, last]."""
        if level == 0:
            query, values = "SELECT key, value FROM node WHERE key > ?", [after]
            bound, order = " AND key <= ?", " ORDER BY key"
        else:
            query, values = "SELECT last, id FROM page WHERE level = ? AND last > ?", [level - 1, after]  # type: ignore[list-item]
            bound, order = " AND last <= ?", " ORDER BY last"
        if last is not None:
            query, values = query + bound, [*values, last]
        return iter(self._db.execute(query + order, values))

    def page_at(self, level: int, key: bytes) -> bytes | None:
        """Return the last key of the page that covers `key`, or of the last page."""
        row = (
            self._db.execute(
                "SELECT last FROM page WHERE level = ? AND last >= ? ORDER BY last LIMIT 1", (level, key)
            ).fetchone()
            or self._db.execute(
                "SELECT last FROM page WHERE level = ? ORDER BY last DESC LIMIT 1", (level,)
            ).fetchone()
        )
        return row[0] if row else None

    def page_before(self, level: int, last: bytes) -> bytes:
        """Return the last key of the page before this one, or `b""`."""
        row = self._db.execute(
            "SELECT last FROM page WHERE level = ? AND last < ? ORDER BY last DESC LIMIT 1", (level, last)
        ).fetchone()
        return row[0] if row else b""

    def page_id(self, level: int, last: bytes) -> bytes | None:
        """Return the id of the page with this last key."""
        row = self._db.execute("SELECT id FROM page WHERE level = ? AND last = ?", (level, last)).fetchone()
        return row[0] if row else None

    def replace_pages(
        self, level: int, after: bytes, last: bytes | None, new: Mapping[bytes, bytes]
    ) -> dict[bytes, bytes]:
        """Put `new` in place of the pages in (after, last], to the end if None; return the old."""
        where, values = ("", [level, after]) if last is None else (" AND last <= ?", [level, after, last])
        old = dict(self._db.execute(f"SELECT last, id FROM page WHERE level = ? AND last > ?{where}", values))
        self._db.execute(f"DELETE FROM page WHERE level = ? AND last > ?{where}", values)
        self._db.executemany(
            "INSERT INTO page VALUES (?, ?, ?)", ((level, key, page) for key, page in new.items())
        )
        return old

    def single_page(self, level: int) -> Item | None:
        """Return the only page of a level, or None if there are none or several."""
        pages = self._db.execute("SELECT last, id FROM page WHERE level = ? LIMIT 2", (level,)).fetchall()
        return pages[0] if len(pages) == 1 else None

    def drop_levels(self, above: int) -> None:
        """Forget the pages of all levels higher than `above`."""
        self._db.execute("DELETE FROM page WHERE level > ?", (above,))

    # directories by number

    def put_directories(self, numbers: Iterable[Item]) -> None:
        """Note number and node of directories of the tree."""
        self._db.executemany("INSERT OR IGNORE INTO directory VALUES (?, ?)", numbers)

    def drop_directory(self, node: bytes) -> bytes | None:
        """Forget a directory that is no node of the tree any more; return its number."""
        row = self._db.execute("DELETE FROM directory WHERE node = ? RETURNING number", (node,)).fetchone()
        return row[0] if row else None

    def directory_number(self, node: bytes) -> bytes | None:
        """Return the number of a directory of the tree."""
        row = self._db.execute("SELECT number FROM directory WHERE node = ?", (node,)).fetchone()
        return row[0] if row else None

    def directory_node(self, number: bytes) -> bytes | None:
        """Return the node of the directory with this number."""
        row = self._db.execute("SELECT node FROM directory WHERE number = ?", (number,)).fetchone()
        return row[0] if row else None

    # pages that nobody has stored

    def put_unsaid(self, page_id: bytes, body: bytes) -> None:
        """Keep a page of the joined tree that no device has stored."""
        self._db.execute("INSERT OR IGNORE INTO unsaid VALUES (?, ?)", (page_id, body))

    def unsaid(self) -> list[bytes]:
        """Return the bodies of those that are pages of the tree still."""
        self.drop_old_unsaid()
        return [body for (body,) in self._db.execute("SELECT body FROM unsaid ORDER BY id")]

    def drop_old_unsaid(self) -> None:
        """Forget those that are no pages of the tree any more."""
        self._db.execute("DELETE FROM unsaid WHERE id NOT IN (SELECT id FROM page)")

    def clear_unsaid(self) -> None:
        """Forget them: they are stored."""
        self._db.execute("DELETE FROM unsaid")

    # nodes that do not stand at their birthplace

    def put_moved(self, node: bytes, parent: bytes, name: bytes) -> None:
        """Note where a node stands that was moved."""
        self._db.execute("INSERT OR REPLACE INTO moved VALUES (?, ?, ?)", (node, parent, name))

    def drop_moved(self, node: bytes) -> None:
        """Note that a node is gone, or at its birthplace."""
        self._db.execute("DELETE FROM moved WHERE node = ?", (node,))

    def stand(self, node: bytes) -> tuple[bytes, bytes]:
        """Return directory and name where a node of the tree stands."""
        row = self._db.execute("SELECT parent, name FROM moved WHERE node = ?", (node,)).fetchone()
        return row or birthplace(node)[:2]

    def directory_numbers(self) -> list[bytes]:
        """Return the numbers of all directories of the tree, but the root."""
        return [number for (number,) in self._db.execute("SELECT number FROM directory ORDER BY number")]

    def moved_directories(self) -> list[bytes]:
        """Return the directories that do not stand where they were born."""
        query = "SELECT node FROM moved WHERE node IN (SELECT node FROM directory) ORDER BY node"
        return [node for (node,) in self._db.execute(query)]

    def loose(self) -> list[bytes]:
        """Return the nodes that cannot stand where they were put, and stand elsewhere (format §6.9)."""
        return [node for (node,) in self._db.execute("SELECT node FROM loose")]

    def set_loose(self, nodes: Iterable[bytes]) -> None:
        """Note which those are."""
        self._db.execute("DELETE FROM loose")
        self._db.executemany("INSERT INTO loose VALUES (?)", ((node,) for node in nodes))

    def is_moved(self, node: bytes) -> bool:
        """Return whether a node stands elsewhere than it was born."""
        return self._db.execute("SELECT 1 FROM moved WHERE node = ?", (node,)).fetchone() is not None

    def moved_to(self, parent: bytes, name: bytes) -> list[bytes]:
        """Return the nodes that were moved to a place."""
        return [
            node
            for (node,) in self._db.execute(
                "SELECT node FROM moved WHERE parent = ? AND name = ?", (parent, name)
            )
        ]

    # nodes that went

    def add_dead(self, nodes: Iterable[bytes], sequence: int) -> None:
        """Remember deletions that not every device has seen: their birthplaces are not used again."""
        self._db.executemany(
            "INSERT OR REPLACE INTO dead VALUES (?, ?)", ((node, sequence) for node in nodes)
        )

    def is_dead(self, node: bytes) -> bool:
        """Return whether a birthplace belonged to a node whose deletion is not known everywhere."""
        return self._db.execute("SELECT 1 FROM dead WHERE node = ?", (node,)).fetchone() is not None

    def forget_dead(self, sequence: int) -> None:
        """Forget deletions up to this sequence: every head has seen them."""
        self._db.execute("DELETE FROM dead WHERE sequence <= ?", (sequence,))
