"""What this device knows of one folder: the joined tree, what is on disk by our own hand, and what is due.

`node` and `page` are the tree as joined (format §6). `row` says what each thing on the disk shows,
with the stat as read back after our own hand touched it. `due` names the nodes whose disk side may
still differ from the tree: rows of such nodes are unknown, never gone. All of it changes in one
transaction with the head that publishes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from e2esync.adapters.database import connect, transaction, tried
from e2esync.tree.keys import ROOT
from e2esync.tree.pages import Item

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS node (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS page (
    level INTEGER NOT NULL, last BLOB NOT NULL, id BLOB NOT NULL, PRIMARY KEY (level, last)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS row (
    parent BLOB NOT NULL, name BLOB NOT NULL, node BLOB NOT NULL, kind INTEGER NOT NULL,
    size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, inode INTEGER NOT NULL,
    mode INTEGER NOT NULL, birth INTEGER, scanned INTEGER NOT NULL,
    shown BLOB NOT NULL, hash BLOB NOT NULL, number BLOB, PRIMARY KEY (parent, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS row_node ON row (node);
CREATE INDEX IF NOT EXISTS row_inode ON row (inode);
CREATE INDEX IF NOT EXISTS row_number ON row (number) WHERE number IS NOT NULL;
CREATE TABLE IF NOT EXISTS due (node BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead (node BLOB PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moved (node BLOB PRIMARY KEY, parent BLOB NOT NULL, name BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS moved_place ON moved (parent, name);
CREATE TABLE IF NOT EXISTS directory (number BLOB PRIMARY KEY, node BLOB UNIQUE NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unsaid (id BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE incoming (key BLOB PRIMARY KEY, value BLOB, number BLOB, parent BLOB, moved_name BLOB) WITHOUT ROWID;
CREATE TEMP TABLE step (
    node BLOB, parent BLOB, name BLOB, mode INTEGER, shown BLOB, digest BLOB, mtime INTEGER, size INTEGER,
    pack BLOB, start INTEGER, length INTEGER, chunk BLOB, key BLOB);
CREATE INDEX temp.step_pack ON step (pack, start);
CREATE TEMP TABLE found (
    num INTEGER PRIMARY KEY, parent_num INTEGER, parent BLOB, path BLOB NOT NULL, kind INTEGER NOT NULL,
    size INTEGER, mtime INTEGER, ctime INTEGER, inode INTEGER, mode INTEGER, claim_parent BLOB, claim_name BLOB);
"""


LAST = b"\xff" * 256  # after the number of a directory: behind all that was born in it


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
    hash: bytes  # content hash (file), target (symlink), else empty
    number: bytes | None  # of a directory, 16 bytes


class Found(NamedTuple):
    """One thing that a scan did not find as it was."""

    num: int
    parent_num: int | None  # of the found directory that it stands in
    parent: bytes | None  # number of the known directory that it stands in
    path: bytes
    kind: int
    size: int  # bytes
    mtime: int  # ns
    ctime: int  # ns
    inode: int
    mode: int
    claim_parent: bytes | None  # place of the row of which this is the thing, moved
    claim_name: bytes | None


class Step(NamedTuple):
    """A content that has to come onto the disk. Of a file of one chunk, also where that is said to lie."""

    node: bytes
    parent: bytes  # number of the directory, 16 bytes
    name: bytes
    mode: int
    shown: bytes  # encoded dot
    digest: bytes  # content hash of a file, target of a symlink
    mtime: int  # ns
    size: int  # bytes
    pack: bytes | None
    start: int | None  # bytes
    length: int | None  # bytes, sealed
    chunk: bytes | None  # id
    key: bytes | None  # epochs and wrapped data key


class Incoming(NamedTuple):
    """One node that another tree changes."""

    key: bytes
    value: bytes | None  # None: it is not in that tree
    number: bytes | None  # of a directory
    parent: bytes | None  # number of the directory that it stands in
    moved_name: bytes | None  # its name, where it does not stand at its birthplace


_ROW = ", ".join(DiskRow._fields)
_MARKS = ", ".join("?" * len(DiskRow._fields))


class FolderState:
    """The database of one folder; also the `PageTable` of its tree."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path, _SCHEMA, durable=True)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Commit what is done inside, all or nothing."""
        return transaction(self._db)

    def tried(self) -> AbstractContextManager[None]:
        """Inside a transaction, undo what is done inside of this."""
        return tried(self._db)

    # small values

    def get(self, key: str) -> bytes | None:
        """Return a named value."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set(self, key: str, value: bytes | None) -> None:
        """Keep a named value; None forgets it."""
        if value is None:
            self._db.execute("DELETE FROM meta WHERE key = ?", (key,))
        else:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # the tree

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

    # the disk

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

    def put_rows(self, rows: Iterable[DiskRow]) -> None:
        """Insert or replace rows."""
        self._db.executemany(f"INSERT OR REPLACE INTO row ({_ROW}) VALUES ({_MARKS})", rows)

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

    def is_blank(self) -> bool:
        """Return whether no node was ever known and nothing ever seen on this disk."""
        tables = ("row", "node", "dead")
        return not any(self._db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)

    def forget_rows(self) -> None:
        """Forget what is on the disk: the next scan finds everything anew."""
        self._db.execute("DELETE FROM row")

    # one scan

    def clear_found(self) -> None:
        """Forget what an earlier scan found."""
        self._db.execute("DELETE FROM found")

    def add_found(self, found: Iterable[Found]) -> None:
        """Put aside what a scan found."""
        self._db.executemany(f"INSERT INTO found VALUES ({', '.join('?' * len(Found._fields))})", found)

    def found(self) -> Iterator[Found]:
        """Yield what the scan found, directories before what is in them."""
        return map(Found._make, self._db.execute("SELECT * FROM found ORDER BY num"))

    def found_in(self, num: int) -> frozenset[bytes]:
        """Return the paths of what was found in a found directory."""
        return frozenset(
            path for (path,) in self._db.execute("SELECT path FROM found WHERE parent_num = ?", (num,))
        )

    def count_found(self) -> tuple[int, int]:
        """Return how many things were found and their bytes."""
        count, size = self._db.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM found WHERE kind >= 2"
        ).fetchone()
        return count, size

    # what is to be fetched

    def clear_steps(self) -> None:
        """Forget what was to be fetched."""
        self._db.execute("DELETE FROM step")

    def add_steps(self, steps: Iterable[Step]) -> None:
        """Put aside what has to be fetched."""
        self._db.executemany(f"INSERT INTO step VALUES ({', '.join('?' * len(Step._fields))})", steps)

    def steps(self) -> Iterator[Step]:
        """Yield everything that has to be fetched, in the order in which it was put aside."""
        return map(Step._make, self._db.execute("SELECT * FROM step ORDER BY rowid"))

    def single_steps(self) -> Iterator[Step]:
        """Yield the files of one chunk, in the order in which the chunks lie in packs."""
        return map(
            Step._make, self._db.execute("SELECT * FROM step WHERE pack IS NOT NULL ORDER BY pack, start")
        )

    def other_steps(self) -> Iterator[Step]:
        """Yield the others."""
        return map(Step._make, self._db.execute("SELECT * FROM step WHERE pack IS NULL ORDER BY rowid"))

    def steps_in(self, pack: bytes) -> Iterator[Step]:
        """Yield what is to be read from one pack."""
        return map(Step._make, self._db.execute("SELECT * FROM step WHERE pack = ? ORDER BY start", (pack,)))

    def parents_of_steps(self) -> list[bytes]:
        """Return the numbers of the directories in which contents have to come."""
        return [parent for (parent,) in self._db.execute("SELECT DISTINCT parent FROM step")]

    def drop_steps_below(self, parent: bytes) -> list[Step]:
        """Fetch nothing into a directory; return what would have been."""
        steps = self._db.execute("DELETE FROM step WHERE parent = ? RETURNING *", (parent,)).fetchall()
        return list(map(Step._make, steps))

    def size_of_steps(self) -> int:
        """Return the bytes of content that have to be fetched."""
        return int(self._db.execute("SELECT coalesce(sum(size), 0) FROM step").fetchone()[0])

    # directories by number

    def put_directories(self, numbers: Iterable[Item]) -> None:
        """Note number and node of directories of the tree."""
        self._db.executemany("INSERT OR IGNORE INTO directory VALUES (?, ?)", numbers)

    def drop_directory(self, node: bytes) -> bytes | None:
        """Forget a directory that is no node of the tree any more; return its number."""
        row = self._db.execute("DELETE FROM directory WHERE node = ? RETURNING number", (node,)).fetchone()
        return row[0] if row else None

    def directory_node(self, number: bytes) -> bytes | None:
        """Return the node of the directory with this number."""
        row = self._db.execute("SELECT node FROM directory WHERE number = ?", (number,)).fetchone()
        return row[0] if row else None

    # a tree on its way in

    def clear_incoming(self) -> None:
        """Forget what came in before."""
        self._db.execute("DELETE FROM incoming")

    def add_incoming(self, changes: Iterable[Incoming]) -> None:
        """Put aside what another tree changes."""
        self._db.executemany("INSERT INTO incoming VALUES (?, ?, ?, ?, ?)", changes)

    def apply_incoming(self, sequence: int) -> None:
        """Change nodes, places and directories to what came in; note the nodes as due, and those that went as dead.

        `sequence` is that of the snapshot in which this device will say that it has seen them go.
        """
        self._db.execute(
            "INSERT OR REPLACE INTO dead SELECT key, ? FROM incoming "
            "WHERE value IS NULL AND key IN (SELECT key FROM node)",
            (sequence,),
        )
        for statement in (
            "DELETE FROM moved WHERE node IN (SELECT key FROM incoming)",
            "DELETE FROM directory WHERE node IN (SELECT key FROM incoming WHERE value IS NULL)",
            "DELETE FROM node WHERE key IN (SELECT key FROM incoming WHERE value IS NULL)",
            "INSERT OR REPLACE INTO node SELECT key, value FROM incoming WHERE value IS NOT NULL",
            "INSERT OR IGNORE INTO directory SELECT number, key FROM incoming WHERE number IS NOT NULL",
            "INSERT INTO moved SELECT key, parent, moved_name FROM incoming WHERE moved_name IS NOT NULL",
            "INSERT OR IGNORE INTO due SELECT key FROM incoming",
        ):
            self._db.execute(statement)

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

    def numbers_to_check(self) -> list[bytes]:
        """Return the directories in which something came in; all, where a directory was moved with what is in it."""
        moved = "SELECT 1 FROM incoming WHERE number IS NOT NULL AND moved_name IS NOT NULL LIMIT 1"
        query = "SELECT DISTINCT parent FROM incoming WHERE parent IS NOT NULL"
        if self._db.execute(moved).fetchone():
            query = "SELECT number FROM directory"
        return [number for (number,) in self._db.execute(query)]

    def has_strays(self) -> bool:
        """Return whether something that came in stands in no directory, or a directory went under its children."""
        known = "SELECT number FROM directory"
        if self._db.execute(
            f"SELECT 1 FROM incoming WHERE parent IS NOT NULL AND parent != ? AND parent NOT IN ({known}) LIMIT 1",
            (ROOT,),
        ).fetchone():
            return True
        if not self._db.execute("SELECT 1 FROM incoming WHERE value IS NULL LIMIT 1").fetchone():
            return False
        born = f"substr(key, 1, 16) != ? AND substr(key, 1, 16) NOT IN ({known}) AND key NOT IN (SELECT node FROM moved)"
        return bool(
            self._db.execute(f"SELECT 1 FROM node WHERE {born} LIMIT 1", (ROOT,)).fetchone()
            or self._db.execute(
                f"SELECT 1 FROM moved WHERE parent != ? AND parent NOT IN ({known}) LIMIT 1", (ROOT,)
            ).fetchone()
        )

    # pages that nobody has stored

    def put_unsaid(self, page_id: bytes, body: bytes) -> None:
        """Keep a page of the joined tree that no device has stored."""
        self._db.execute("INSERT OR IGNORE INTO unsaid VALUES (?, ?)", (page_id, body))

    def unsaid(self) -> list[bytes]:
        """Return the bodies of those that are pages of the tree still."""
        return [
            body
            for (body,) in self._db.execute(
                "SELECT body FROM unsaid WHERE id IN (SELECT id FROM page) ORDER BY id"
            )
        ]

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

    # what is due on the disk

    def add_due(self, nodes: Iterable[bytes]) -> None:
        """Note nodes whose disk side may differ from the tree."""
        self._db.executemany("INSERT OR IGNORE INTO due VALUES (?)", ((node,) for node in nodes))

    def remove_due(self, nodes: Iterable[bytes]) -> None:
        """Note that disk and tree agree on these nodes."""
        self._db.executemany("DELETE FROM due WHERE node = ?", ((node,) for node in nodes))

    def is_due(self, node: bytes) -> bool:
        """Return whether the disk side of a node is unknown."""
        return self._db.execute("SELECT 1 FROM due WHERE node = ?", (node,)).fetchone() is not None

    def due(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the nodes that are due, with their values."""
        return iter(
            self._db.execute(
                "SELECT due.node, value FROM due LEFT JOIN node ON key = due.node ORDER BY due.node"
            )
        )

    def count_due(self) -> int:
        """Return how many nodes are due."""
        return int(self._db.execute("SELECT count(*) FROM due").fetchone()[0])

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
