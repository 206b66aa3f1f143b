"""`start --install`, and the daemon as a service manager meets it: a socket of the test is told what a manager is told."""

from __future__ import annotations

import json
import os
import plistlib
import shlex
import signal
import socket
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2esync.adapters.control import Control
from e2esync.cli.daemon import rate
from e2esync.cli.installing import install
from e2esync.cli.session import Session
from e2esync.daemon.standing import State
from e2esync.wiring.home import at
from e2esync.wiring.services import MARK
from tests.cli.test_daemon import DEADLINE, until


@pytest.fixture
def units(tmp_path) -> Path:
    """Where the units of systemd lie."""
    return tmp_path / "user" / ".config" / "systemd" / "user"


@pytest.fixture(autouse=True)
def no_directories(monkeypatch):
    """Forget where this user keeps things."""
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def test_the_unit_is_written_and_everything_is_said_that_is_done_with_it(run, units):
    done = run("start", "--install")
    assert done.code == 0
    (unit,) = units.iterdir()
    assert MARK in unit.read_text()
    for said in (
        str(unit),
        f"systemctl --user enable --now {unit.name}",
        f"systemctl --user disable --now {unit.name}",
        f"rm {unit}",
    ):
        assert said in done.out


def test_the_document_holds_the_same(run, units):
    done = run("start", "--install", "--json")
    (unit,) = units.iterdir()
    told = done.last
    assert (told["schema"], told["kind"], told["manager"], told["changed"]) == (
        1,
        "installed",
        "systemd",
        True,
    )
    assert (told["path"], told["service"]) == (str(unit), unit.stem)
    assert told["start"][-1] == f"systemctl --user enable --now {unit.name}"
    assert told["undo"][0] == f"systemctl --user disable --now {unit.name}"


def test_a_second_time_changes_nothing_and_says_the_same(run, units):
    first = run("start", "--install", "--json").last
    (unit,) = units.iterdir()
    before = unit.stat()
    second = run("start", "--install", "--json").last
    assert second == {**first, "changed": False}
    assert (unit.stat().st_ino, unit.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_options_go_into_the_unit_and_other_ones_replace_it(run, units):
    run("start", "--install", "--settle", "0.5", "--limit-up", "500k", "--transfers", "4")
    (unit,) = units.iterdir()
    (line,) = (line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    words = shlex.split(line.partition("=")[2])
    assert words[:4] == [sys.executable, "-m", "e2esync", "start"]
    assert words[words.index("--settle") + 1] == "0.5"
    assert rate(words[words.index("--limit-up") + 1], "--limit-up") == rate("500k", "--limit-up")
    other = run("start", "--install", "--poll", "9", "--json").last
    assert other["changed"] is True
    assert other["start"][-1] == f"systemctl --user restart {unit.name}"
    assert ("--settle" in unit.read_text(), "--poll 9.0" in unit.read_text()) == (False, True)


@pytest.mark.parametrize("kind", ["a file", "a mask"])
def test_what_is_not_ours_is_replaced_only_where_somebody_says_so(run, units, kind):
    run("start", "--install")
    (unit,) = units.iterdir()
    unit.unlink()
    if kind == "a file":
        unit.write_text("[Service]\nExecStart=/bin/true\n")
    else:
        unit.symlink_to("/dev/null")  # as `systemctl mask` makes it
    before = unit.read_text()
    refused = run("start", "--install", "--json")
    assert (refused.code, refused.last["fix"]) == (2, "give --yes")
    assert unit.read_text() == before
    assert run("start", "--install", "--yes").code == 0
    assert MARK in unit.read_text()
    assert not unit.is_symlink()


def test_two_homes_have_two_units(run, units, tmp_path):
    run("start", "--install")
    run("start", "--install", home=tmp_path / "other home")
    one, other = sorted((unit.read_text() for unit in units.iterdir()), key=len)
    assert f"Environment=E2ESYNC_HOME={tmp_path / 'home'}\n" in one
    assert f'Environment="E2ESYNC_HOME={tmp_path / "other home"}"\n' in other


def test_a_home_that_is_said_in_short_is_written_out(run, units, tmp_path, monkeypatch):
    monkeypatch.setenv("E2ESYNC_HOME", "home")
    run("start", "--install")
    (unit,) = units.iterdir()
    assert f"Environment=E2ESYNC_HOME={tmp_path / 'home'}\n" in unit.read_text()


def test_secrets_of_this_terminal_are_named_and_not_written(run, units, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    done = run("start", "--install", "--json")
    (unit,) = units.iterdir()
    assert "AWS_SECRET_ACCESS_KEY" in done.last["left_out"]
    assert "AWS_SECRET_ACCESS_KEY" in done.err
    assert "hunter2" not in unit.read_text() + done.out + done.err


def test_to_run_and_to_install_are_two_things(run, units):
    done = run("start", "--install", "--foreground", "--json")
    assert (done.code, done.last["code"]) == (2, "usage")
    assert not units.exists()


# as a service


class Listener:
    """A service manager that only listens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(DEADLINE)
        self.heard: list[str] = []

    def wait(self, line: str) -> list[str]:
        """Listen until a line comes that begins so; return what came with it."""
        while True:
            lines = self.socket.recv(4096).decode().splitlines()
            self.heard += lines
            if any(each.startswith(line) for each in lines):
                return lines

    def drain(self) -> list[str]:
        """Return what has come and was not heard yet."""
        lines: list[str] = []
        self.socket.setblocking(False)
        while True:
            try:
                lines += self.socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                break
        self.socket.settimeout(DEADLINE)
        return lines


@pytest.fixture
def manager(tmp_path) -> Iterator[Listener]:
    listener = Listener(tmp_path / "notify")
    yield listener
    listener.socket.close()


@contextmanager
def serving(manager: Listener, command: list[str], **environ: str) -> Iterator[subprocess.Popen]:
    """Run a command as a service manager does, until the test ends it."""
    with subprocess.Popen(
        command,
        env={**os.environ, "NOTIFY_SOCKET": str(manager.path), **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd="/",
    ) as process:
        try:
            yield process
        finally:
            process.kill()


FOREGROUND = [sys.executable, "-m", "e2esync", "start", "--foreground", "--no-input"]


def test_the_manager_hears_that_it_is_ready_well_paused_and_ending(vault, manager, run):
    (vault / "secret-name.txt").write_text("a")
    with serving(manager, FOREGROUND, WATCHDOG_USEC="100000") as process:
        ready = manager.wait("READY=1")
        assert any(line.startswith(tuple(f"STATUS={state.value}: " for state in State)) for line in ready)
        for _ in range(3):
            manager.wait("WATCHDOG=1")
        assert run("pause").code == 0
        manager.wait("STATUS=paused: ")
        process.send_signal(signal.SIGTERM)
        manager.wait("STOPPING=1")
        assert process.wait(DEADLINE) == 0
    heard = manager.heard + manager.drain()
    assert "secret-name" not in "".join(heard)
    assert str(vault.name) not in "".join(heard)
    assert heard.count("READY=1") == heard.count("STOPPING=1") == 1


def test_without_a_watchdog_no_ping_comes(vault, manager):
    with serving(manager, FOREGROUND) as process:
        manager.wait("READY=1")
        process.send_signal(signal.SIGTERM)
        manager.wait("STOPPING=1")
        assert process.wait(DEADLINE) == 0
    assert "WATCHDOG=1" not in manager.heard + manager.drain()


DYING = """
import sys
from e2esync.daemon.keeper import Keeper
Keeper._round = lambda self, job: sys.exit()  # the thread ends
from e2esync.cli.main import main
sys.exit(main(["start", "--foreground", "--no-input"]))
"""


def test_a_keeper_that_dies_ends_the_pings(vault, manager, run, tmp_path):
    log = tmp_path / "home" / "state" / "daemon.log"
    with serving(manager, [sys.executable, "-c", DYING], WATCHDOG_USEC="20000") as process:
        manager.wait("READY=1")
        until(lambda: log.exists() and "not kept any more" in log.read_text())
        manager.drain()
        assert run("pause").code == 0
        manager.wait("STATUS=paused: ")  # the daemon goes on, and says what it has to say
        assert "WATCHDOG=1" not in manager.heard
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0


def command_of(platform: str, content: bytes) -> tuple[list[str], dict[str, str]]:
    """What a manager runs, and the environment that it gives."""
    if platform == "linux":
        lines = dict(line.split("=", 1) for line in content.decode().splitlines() if "=" in line)
        words = [word.replace("%%", "%") for word in shlex.split(lines["ExecStart"])]
        (assignment,) = shlex.split(lines["Environment"])
        name, _, value = assignment.replace("%%", "%").partition("=")
        return words, {name: value}
    if platform == "darwin":
        told = plistlib.loads(content)
        return told["ProgramArguments"], told["EnvironmentVariables"]
    space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    task = ET.fromstring(content)
    command, arguments = (task.findtext(f".//{space}{tag}") or "" for tag in ("Command", "Arguments"))
    code = arguments.removeprefix('-c "')
    assert code != arguments
    code, _, rest = code.rpartition('" ')
    return [command, "-c", code.replace('\\"', '"'), *rest.split()], {}


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_what_is_written_for_each_system_runs_the_daemon_of_this_home(
    run, manager, tmp_path, monkeypatch, capsys, platform
):
    home = tmp_path / "an odd 100% home"
    done = run("setup", tmp_path / "s", tmp_path / "f", "--recovery-file", tmp_path / "w", home=home)
    assert done.code == 0
    capsys.readouterr()
    install(Session(json=True), ["--settle", "0.1"], platform)
    told = capsys.readouterr().out
    path = Path(json.loads(told)["path"])
    command, environ = command_of(platform, path.read_bytes())
    monkeypatch.delenv("E2ESYNC_HOME")
    with serving(manager, command, **environ) as process:
        manager.wait("READY=1")
        there = Control(at(home).socket)
        assert there.is_running()
        running = run("start", "--install", "--json", home=home).last
        assert running["start"][0] == "e2esync stop"
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
