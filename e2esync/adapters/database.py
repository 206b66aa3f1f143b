"""SQLite as both databases use it: one writing connection, explicit transactions, clear errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2esync.errors import Busy, DiskFull, E2ESyncError

_CACHE_KIB = 16 << 10


class DatabaseBroken(E2ESyncError):
    """A local database is damaged; it can be rebuilt."""

    code = "database-broken"


def connect(path: Path, schema: str, *, durable: bool) -> sqlite3.Connection:
    """Open a database, made if absent. `durable`: a commit survives a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with errors(path):
        db = sqlite3.connect(path, isolation_level=None, timeout=5)
        db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        db.execute("PRAGMA temp_store = FILE")
        db.executescript(schema)
        path.chmod(0o600)
    return db


@contextmanager
def errors(path: Path) -> Iterator[None]:
    """Convert SQLite's errors once, where the database is used."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise DiskFull(
                "the local disk is full", why=f"{path.parent} has no room for the local state"
            ) from error
        if "locked" in str(error):
            raise Busy("another e2esync works with this state", why=str(path)) from error
        raise DatabaseBroken(
            "the local state cannot be used",
            why=str(error),
            fix=f"move {path} away; it is rebuilt from store and disk",
        ) from error
    except sqlite3.DatabaseError as error:
        raise DatabaseBroken(
            "the local state is damaged",
            why=str(error),
            fix=f"move {path} away; it is rebuilt from store and disk",
        ) from error


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Commit all or nothing; inside another one, be part of it."""
    if db.in_transaction:
        yield
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
