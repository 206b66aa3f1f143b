"""What this device knows of one folder: the joined tree, what is on disk by our own hand, and what is due.

`node` and `page` are the tree as joined (format §6). `row` says what each thing on the disk shows,
with the stat as read back after our own hand touched it. `due` names the nodes whose disk side may
still differ from the tree. `crowd` is the view of what is not alone at its place, `alias` what is there under
a name of this disk alone, `ignored` what is not brought to this disk. All of it changes
in one transaction with the head that publishes it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from e2esync.adapters.database import connect, step, transaction, tried
from e2esync.adapters.state import arriving, crowd, disk, ignored, scanned, steps, tree
from e2esync.adapters.state.arriving import ArrivingTables, Incoming
from e2esync.adapters.state.crowd import Aliased, Crowded, CrowdTables
from e2esync.adapters.state.disk import DiskRow, DiskTables
from e2esync.adapters.state.ignored import IgnoredTables
from e2esync.adapters.state.scanned import Found, ScanTables
from e2esync.adapters.state.steps import Step, StepTables
from e2esync.adapters.state.tree import TreeTables
from e2esync.merge.aliases import PLAIN, Naming

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
{tree.SCHEMA}{crowd.SCHEMA}{disk.SCHEMA}{ignored.SCHEMA}{arriving.SCHEMA}{steps.SCHEMA}{scanned.SCHEMA}"""

_NAMING = "what the disk makes of names"


class FolderState(TreeTables, CrowdTables, ArrivingTables, DiskTables, IgnoredTables, ScanTables, StepTables):
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

    def step(self) -> AbstractContextManager[None]:
        """Inside a transaction, do all of what is done inside of this, or nothing."""
        return step(self._db)

    def forget_tree_and_disk(self) -> None:
        """Forget the tree and what is on the disk, as a new device knows nothing of them."""
        for table in (
            "node", "page", "dead", "moved", "directory", "loose", "unsaid", "crowd", "alias", "row", "due",
        ):  # fmt: skip
            self._db.execute(f"DELETE FROM {table}")

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

    def naming(self) -> Naming:
        """Return what the disk of the folder makes of names, as it was noted."""
        noted = self.get(_NAMING)
        return Naming(*map(bool, noted)) if noted is not None else PLAIN

    def set_naming(self, naming: Naming) -> None:
        """Note what it makes of names."""
        self.set(_NAMING, bytes(naming) if naming != PLAIN else None)


__all__ = ["Aliased", "Crowded", "DiskRow", "FolderState", "Found", "Incoming", "Step"]
