"""A disk that gets full under the local state is told as such, and the same command goes on once there is room."""

import sqlite3
from types import SimpleNamespace

import pytest

from e2esync.adapters.database import DatabaseBroken, converted
from e2esync.adapters.state import FolderState
from e2esync.errors import DiskFull, NewerFormat
from tests.engine.test_push_pull import base, many_files, sync


def limit(dev, pages):
    """Let the state of a device grow by so many pages and no more; none: as it likes."""
    database = dev.vault.state._db
    (now,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {now + pages if pages is not None else 1 << 30}")


@pytest.mark.parametrize("command", ["push", "pull"])
@pytest.mark.case(91)
def test_a_full_disk_under_the_state_is_told_and_the_command_goes_on_with_room(pair, command):
    a, b = pair
    base(a.root)
    sync(a, b)
    many_files(a.root)
    if command == "pull":
        a.push()
    full = a if command == "push" else b
    before = b.tree()
    limit(full, 1)
    with pytest.raises(DiskFull) as told:
        getattr(full, command)()
    assert told.value.exit_code == 4
    assert b.tree() == before
    limit(full, None)
    a.push()
    assert b.pull().skipped == []
    assert b.differs(a.tree()) == {}


def failed(code, said="disk I/O error"):
    error = sqlite3.OperationalError(said)
    error.sqlite_errorcode = code
    return error


def disk(room=0, nodes=1):
    return SimpleNamespace(f_bavail=room // 4096, f_frsize=4096, f_files=nodes, f_favail=nodes)


@pytest.mark.parametrize(
    ("error", "there"),
    [
        (failed(sqlite3.SQLITE_IOERR_SHMSIZE), disk(1 << 30)),  # the index beside the log does not grow
        (failed(sqlite3.SQLITE_IOERR_WRITE), disk(4096)),
        (failed(sqlite3.SQLITE_CANTOPEN, "unable to open database file"), disk(4096)),
    ],
)
@pytest.mark.case(91)
def test_a_state_that_cannot_be_opened_for_want_of_room_is_not_called_damaged(
    tmp_path, monkeypatch, error, there
):
    monkeypatch.setattr("os.statvfs", lambda _: there)
    assert isinstance(converted(error, tmp_path / "state.db"), DiskFull)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT])
def test_a_state_that_cannot_be_used_where_there_is_room_is_called_that(tmp_path, monkeypatch, code):
    monkeypatch.setattr("os.statvfs", lambda _: disk(1 << 30))
    assert isinstance(converted(failed(code), tmp_path / "state.db"), DatabaseBroken)


@pytest.mark.case(99)
def test_a_state_of_a_newer_version_is_refused_and_left_alone(pair):
    a, _ = pair
    a.vault.state._db.execute("PRAGMA user_version = 2")
    a.close()
    before = (a.home / "state.db").read_bytes()
    with pytest.raises(NewerFormat):
        FolderState(a.home / "state.db")
    assert (a.home / "state.db").read_bytes() == before


def test_a_state_that_is_damaged_while_it_is_used_is_told_with_what_mends_it(pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    path = a.home / "state.db"
    a.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)

    def work():
        a.restart()
        a.push()

    with pytest.raises(DatabaseBroken) as told:
        work()
    assert str(path) in told.value.fix
    assert isinstance(told.value.__cause__, sqlite3.DatabaseError)
    path.unlink()
