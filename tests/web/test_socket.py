"""The daemon's socket: it answers this user, and nobody else; who has a folder has it until he hangs up."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from e2esync.adapters import peer
from e2esync.adapters.control import Control
from e2esync.errors import DaemonNotRunning, TemporaryError, UsageError
from e2esync.web.app import make_app
from e2esync.web.serve import Server
from tests.daemon.ground import DEADLINE, FakeGround, daemon_of
from tests.engine.world import World

real_uid = os.getuid()


@pytest.fixture
def place():
    with tempfile.TemporaryDirectory(prefix="e2s") as directory:  # short: a socket's path is limited
        yield Path(directory) / "run" / "socket"


@pytest.fixture
def ground(tmp_path):
    world = World(tmp_path)
    dev = world.device("laptop")
    made = FakeGround(dev)
    world.devices.remove(dev)
    yield made
    world.close()


@pytest.fixture
def serving(place, ground):
    """A daemon of one folder at a socket."""
    daemon, stopped = daemon_of(ground), threading.Event()
    server = Server(make_app(daemon, stop=stopped.set, unlock=lambda _: None), peer.listen(place))
    server.start()
    control = Control(place)
    while not control.is_running():
        pass
    yield control, stopped
    server.end()
    daemon.end()


@pytest.fixture
def served(serving):
    return serving[0]


def test_it_answers_how_things_stand_and_when_that_changes(served):
    version = served.ask("GET", "/status")["version"]
    served.ask("POST", "/pause")
    while (told := served.ask("GET", f"/status?since={version}"))["state"] != "paused":
        version = told["version"]
    served.ask("POST", "/resume")


def test_stop_is_handed_on(serving):
    served, stopped = serving
    served.ask("POST", "/stop")
    assert stopped.wait(DEADLINE)


def test_a_folder_is_lent_until_who_has_it_hangs_up(served, ground):
    vault = ground.note.vault.hex()
    with served.opened("POST", "/make-way", {"vault": vault}) as lines:
        assert next(lines) == {}
        assert not ground.is_open
        opened = ground.opened
    answer = served.lines(
        "POST", "/order", {"vault": vault, "command": "pull", "dry_run": False, "accepted": []}
    )
    assert [line for line in answer if "summary" in line]
    assert ground.opened > opened


@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError, BrokenPipeError, ValueError])
def test_what_goes_wrong_while_a_folder_is_lent_is_told_as_it_is(served, ground, error):
    def work() -> None:
        with served.opened("POST", "/make-way", {"vault": ground.note.vault.hex()}) as lines:
            next(lines)
            raise error("of the command")

    with pytest.raises(error, match="of the command"):
        work()


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"command": "delete-everything"}, "UsageError"),
        ({"vault": "00" * 32}, "NoVault"),
    ],
)
def test_an_order_that_is_none_is_refused(served, ground, wanted, code):
    order = {"vault": ground.note.vault.hex(), "command": "sync", "dry_run": False, "accepted": [], **wanted}
    (line,) = served.lines("POST", "/order", order)
    assert line["error"]["kind"] == code


def test_what_it_does_not_know_is_said_to_be_of_another_version(served):
    with pytest.raises(TemporaryError, match="404"):
        served.ask("GET", "/nothing")


def test_another_user_finds_a_closed_door(served, monkeypatch):
    monkeypatch.setattr("e2esync.web.serve.is_ours", lambda _: False)
    with pytest.raises(TemporaryError):
        served.ask("GET", "/ping")


def test_who_is_at_the_other_end_is_asked_of_the_kernel(monkeypatch):
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer.is_ours(ours)
        monkeypatch.setattr(os, "getuid", lambda: 4711)
        assert peer.is_ours(ours) == (real_uid == 0)  # root may


def test_without_a_daemon_nobody_answers(place):
    with pytest.raises(DaemonNotRunning):
        Control(place).ask("GET", "/ping")


def test_a_socket_that_was_left_is_replaced_and_its_directory_closed(place):
    place.parent.mkdir(mode=0o755)
    peer.listen(place).close()
    with peer.listen(place):
        assert place.parent.stat().st_mode & 0o777 == 0o700
        assert place.stat().st_mode & 0o777 == 0o600


def test_a_directory_that_is_a_link_is_refused(place):
    (place.parent.parent / "elsewhere").mkdir()
    place.parent.symlink_to(place.parent.parent / "elsewhere")
    with pytest.raises(UsageError):
        peer.listen(place)


def test_a_long_home_gets_a_short_socket_also_where_temporary_files_have_long_names(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("t" * 100)))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    short, long = Path("/home/ann"), Path("/home") / ("a" * 120)
    assert peer.socket_path(short) == short / "run" / "socket"
    assert len(bytes(peer.socket_path(long))) <= peer.LONGEST
    assert peer.socket_path(long) != peer.socket_path(long / "b")
