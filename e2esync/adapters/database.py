"""SQLite as both databases use it: one writing connection, explicit transactions, clear errors."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from e2esync.errors import Busy, DiskFull, E2ESyncError, NewerFormat

_CACHE_KIB = 16 << 10
_ROOM = 1 << 20  # bytes that a database takes for itself beside what it holds
VERSION = 1  # of both databases


class DatabaseBroken(E2ESyncError):
    """A local database is damaged; it can be rebuilt."""

    code = "database-broken"


class Database(sqlite3.Connection):
    """A connection that speaks our errors."""

    path = Path()

    def execute(self, sql: str, values: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401  as the base has it
        """Run a statement."""
        try:
            return super().execute(sql, values)
        except sqlite3.DatabaseError as error:
            raise converted(error, self.path) from error

    def executemany(self, sql: str, values: Any, /) -> sqlite3.Cursor:  # noqa: ANN401  as above
        """Run a statement for each of many values."""
        try:
            return super().executemany(sql, values)
        except sqlite3.DatabaseError as error:
            raise converted(error, self.path) from error


def connect(path: Path, schema: str, *, durable: bool) -> sqlite3.Connection:
    """Open a database, made if absent. `durable`: a commit survives a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with errors(path):
        db = sqlite3.connect(path, isolation_level=None, timeout=5, factory=Database)
        db.path = path
        db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        db.execute("PRAGMA temp_store = FILE")
        _check_version(db, path)
        db.executescript(schema)
        path.chmod(0o600)
    return db


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found > VERSION:
        raise NewerFormat(f"the local state in {path} was written by a newer e2esync")
    db.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def errors(path: Path) -> Iterator[None]:
    """Convert SQLite's errors."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise converted(error, path) from error


def converted(error: sqlite3.DatabaseError, path: Path) -> E2ESyncError:
    """Return what an error of SQLite means."""
    said = str(error)
    if "full" in said or _finds_no_room(error, path):
        return DiskFull("the disk with e2esync's own files is full", why=f"there is no room in {path.parent}")
    if "locked" in said:
        return Busy("another e2esync works with this state", why=str(path))
    is_usable = isinstance(error, sqlite3.OperationalError)
    return DatabaseBroken(
        "the local state cannot be used" if is_usable else "the local state is damaged",
        why=said,
        fix=f"move {path} away; it is rebuilt from store and disk",
    )


def _finds_no_room(error: sqlite3.DatabaseError, path: Path) -> bool:
    """Return whether it is for want of room, which SQLite does not say where it opens what lies beside a database."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:
        return True
    if code & 0xFF not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return False
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _ROOM or (disk.f_files > 0 and not disk.f_favail)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Commit all or nothing; inside another one, be part of it."""
    if db.in_transaction:
        yield
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        _roll_back(db)
        raise


@contextmanager
def tried(db: sqlite3.Connection) -> Iterator[None]:
    """Inside a transaction, undo what is done inside of this."""
    db.execute("SAVEPOINT step")
    try:
        yield
    finally:
        _step_back(db)


@contextmanager
def step(db: sqlite3.Connection) -> Iterator[None]:
    """Inside a transaction, do all of this or nothing."""
    db.execute("SAVEPOINT step")
    try:
        yield
    except BaseException:
        _step_back(db)
        raise
    db.execute("RELEASE step")


def _step_back(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        db.execute("ROLLBACK TO step")
        db.execute("RELEASE step")


def _roll_back(db: sqlite3.Connection) -> None:
    if db.in_transaction:  # a full disk may have ended it
        db.execute("ROLLBACK")
