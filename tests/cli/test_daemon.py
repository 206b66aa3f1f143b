"""The daemon as people and scripts meet it: real processes, a directory as the store, every wait for something that comes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2esync.adapters.control import Control
from tests.cli.conftest import Run

DEADLINE = 60.0  # seconds in which what has to come comes, on any machine


def until(come: Callable[[], object]) -> None:
    """Wait for something."""
    end = time.monotonic() + DEADLINE
    while not come():
        assert time.monotonic() < end
        time.sleep(0.02)


class Machine:
    """A device with a home, a folder and a daemon of its own."""

    def __init__(self, spawn: Run, home: Path, folder: Path) -> None:
        self._spawn, self.home, self.folder = spawn, home, folder

    def __call__(self, *arguments: object):
        return self._spawn(*arguments, home=self.home)

    def start(self) -> None:
        done = self("start", "--settle", "0", "--poll", "0.1")
        assert done.code == 0, done.err

    def status(self) -> dict:
        return self("status", "--json").last

    def has(self, name: str, content: str) -> bool:
        path = self.folder / name
        return path.exists() and path.read_text() == content


@pytest.fixture
def laptop(spawn, vault, tmp_path) -> Iterator[Machine]:
    machine = Machine(spawn, tmp_path / "home", vault)
    yield machine
    machine("stop")


@pytest.fixture
def desk(spawn, laptop, tmp_path) -> Iterator[Machine]:
    machine = Machine(spawn, tmp_path / "desk", tmp_path / "DeskSync")
    done = machine(
        "join", tmp_path / "store", machine.folder, "--no-input", "--recovery-file", tmp_path / "words"
    )
    assert done.code == 0, done.err
    yield machine
    machine("stop")


def test_what_is_saved_here_is_there_a_moment_later_and_back(laptop, desk):
    laptop.start()
    desk.start()
    (laptop.folder / "a").write_text("by the laptop")
    until(lambda: desk.has("a", "by the laptop"))
    (desk.folder / "a").write_text("by the desk")
    until(lambda: laptop.has("a", "by the desk"))
    (laptop.folder / "a").unlink()
    until(lambda: not (desk.folder / "a").exists())


def test_status_says_that_it_runs_and_how_things_stand(laptop):
    assert laptop.status()["daemon"] is False
    laptop.start()
    until(lambda: laptop.status()["state"] == "up-to-date")
    told = laptop.status()
    assert (told["daemon"], told["needs_you"], told["sentence"]) == (True, [], "Everything is up to date.")
    assert told["folders"][0]["folder"] == str(laptop.folder)
    assert told["folders"][0]["devices"][0]["stale"] is False
    assert laptop("status", "--short").out == "up-to-date\n"
    laptop("pause")
    assert laptop("status").out.startswith("Paused")
    laptop("resume")
    until(lambda: laptop.status()["state"] == "up-to-date")


def test_a_command_hands_its_job_over_and_prints_the_same(laptop):
    laptop.start()
    laptop("pause")
    (laptop.folder / "a").write_text("a")
    plan = laptop("push", "--dry-run", "--json")
    assert json.loads(plan.out.splitlines()[0])["action"] == "upload"
    pushed = laptop("push", "--json")
    assert pushed.code == 0, pushed.err
    assert pushed.last["uploaded_files"] == 1
    assert pushed.last["requests"]["PUT"] == 3
    assert laptop("sync", "--json").last["uploaded_files"] == 0


def test_a_command_that_the_daemon_refuses_ends_as_it_does_without_one(laptop):
    for number in range(40):
        (laptop.folder / str(number)).write_text(str(number))
    laptop.start()
    until(lambda: laptop.status()["folders"][0]["files"] == 40)
    laptop("pause")
    for number in range(35):
        (laptop.folder / str(number)).unlink()
    refused = laptop("push", "--json")
    assert (refused.code, refused.last["code"]) == (9, "safety-stop")
    laptop("resume")
    until(lambda: laptop.status()["state"] == "needs-you")
    assert laptop("status").code == 4
    assert laptop("push", "--accept-risk", "mass-delete", "--json").last["deleted_remote"] == 35
    until(lambda: laptop.status()["state"] == "up-to-date")
    assert laptop("status").code == 0


def test_commands_that_work_by_themselves_are_given_the_folder(laptop):
    laptop.start()
    (laptop.folder / "a").write_text("first")
    until(lambda: laptop.status()["folders"][0]["files"] == 1)
    (laptop.folder / "a").write_text("second")
    until(lambda: len(laptop("history", laptop.folder / "a", "--json").last["versions"]) == 2)
    first = laptop("history", laptop.folder / "a", "--json").last["versions"][-1]["id"]
    for command in (
        ("conflicts", "list"),
        ("verify",),
        ("log",),
        ("restore", laptop.folder / "a", "--version", first),
    ):
        done = laptop(*command)
        assert done.code == 0, done.err
    assert laptop.has("a", "first")
    (laptop.folder / "b").write_text("b")
    until(lambda: laptop.status()["folders"][0]["files"] == 2)


def test_a_folder_that_is_set_up_or_left_while_it_runs_is_kept_or_not(laptop, tmp_path):
    laptop.start()
    done = laptop("setup", tmp_path / "store2", tmp_path / "Second", "--no-input")
    assert done.code == 0, done.err
    (tmp_path / "Second" / "a").write_text("a")
    until(lambda: [one["files"] for one in laptop.status()["folders"]] == [0, 1])
    assert laptop("forget", tmp_path / "Second", "--yes").code == 0
    until(lambda: len(laptop.status()["folders"]) == 1)


def test_a_log_that_is_followed_tells_what_comes_until_the_daemon_ends(laptop, desk):
    (laptop.folder / "before").write_text("before")
    laptop.start()
    until(lambda: laptop.status()["folders"][0]["files"] == 1)
    command = [sys.executable, "-m", "e2esync", "log", "--follow", "--json"]
    environment = os.environ | {"E2ESYNC_HOME": str(laptop.home)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as following:
        late = threading.Timer(DEADLINE, following.kill)
        late.start()
        assert following.stdout is not None
        told = (json.loads(line) for line in following.stdout)
        first = next(told)
        assert (first["type"], first["change"], first["path"]) == ("change", "added", "before")
        (desk.folder / "after").write_text("after")
        assert desk("sync").code == 0
        assert next(told)["path"] == "after"
        laptop("stop")
        assert next(told)["exit"] == 10
        late.cancel()
    assert following.returncode == 10


def test_a_log_is_followed_only_as_it_is_asked_for(laptop):
    assert laptop("log", "--follow").code == 10
    assert laptop("log", "--follow", "--export", "-").code == 2
    assert laptop("log", "--follow", "--since", "yesterday").code == 2


def test_one_process_runs_for_a_home_and_killed_it_leaves_nothing_in_the_way(laptop):
    laptop.start()
    again = laptop("start", "--json")
    assert (again.code, again.last["already"]) == (0, True)
    second = laptop("start", "--foreground", "--json")
    assert (second.code, second.last["code"]) == (11, "busy")
    pid = int((laptop.home / "state" / "daemon.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    until(lambda: laptop("pause").code == 10)
    laptop.start()
    until(lambda: laptop.status()["state"] == "up-to-date")


def test_without_a_daemon_pause_and_resume_say_10_and_stop_says_0(laptop):
    assert [laptop(command).code for command in ("pause", "resume", "stop", "stop")] == [10, 10, 0, 0]


def test_in_the_foreground_it_says_ready_and_a_signal_ends_it_with_0(laptop):
    with subprocess.Popen(
        [sys.executable, "-m", "e2esync", "start", "--foreground", "--json"],
        env={**os.environ, "E2ESYNC_HOME": str(laptop.home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"schema": 1, "type": "ready"}
        assert laptop.status()["daemon"] is True
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0


def test_keys_under_a_passphrase_leave_it_waiting_until_somebody_types_that(spawn, tmp_path):
    (tmp_path / "passphrase").write_text("correct horse battery")
    known = {"E2ESYNC_PASSPHRASE_FILE": str(tmp_path / "passphrase")}
    home = tmp_path / "locked"
    words = ("--recovery-file", tmp_path / "words")
    done = spawn(
        "setup", tmp_path / "store", tmp_path / "A", "--key-store", "passphrase", *words, home=home, **known
    )
    assert done.code == 0, done.err
    laptop = Machine(spawn, home, tmp_path / "A")
    try:
        started = laptop("start")
        assert (started.code, "waits" in started.err) == (0, True)
        until(lambda: laptop.status()["state"] == "locked")
        told = laptop("status")
        assert (told.code, told.out.startswith("Locked: ")) == (4, True)
        control = Control(home / "state" / "run" / "socket")
        assert control.ask("POST", "/unlock", {"passphrase": "wrong"}) == {"opened": False}
        assert control.ask("POST", "/unlock", {"passphrase": "correct horse battery"}) == {"opened": True}
        until(lambda: laptop.status()["state"] == "up-to-date")
        laptop("stop")
        laptop("start")
        until(lambda: laptop.status()["state"] == "locked")
        assert spawn("start", home=home, **known).err == ""
        until(lambda: laptop.status()["state"] == "up-to-date")
        laptop("stop")
        assert spawn("start", home=home, **known).err == ""
        until(lambda: laptop.status()["state"] == "up-to-date")
    finally:
        laptop("stop")


def test_metrics_tell_folders_apart_and_name_none(laptop):
    assert laptop("debug", "metrics").code == 10
    laptop.start()
    (laptop.folder / "secret-name.txt").write_text("a")
    until(lambda: laptop.status()["folders"][0]["files"] == 1)
    told = laptop("debug", "metrics").out
    vault = laptop.status()["folders"][0]["vault"][:8]
    assert f'e2esync_files{{vault="{vault}"}} 1' in told.splitlines()
    assert sum(line.startswith("e2esync_state{") and line.endswith(" 1") for line in told.splitlines()) == 1
    assert "secret-name" not in told
    assert str(laptop.folder) not in told


def test_what_is_no_rate_is_refused(laptop):
    refused = laptop("start", "--limit-up", "fast", "--json")
    assert (refused.code, refused.last["code"]) == (2, "usage")


def test_its_files_are_closed_to_others_and_its_log_names_nothing(laptop):
    (laptop.folder / "secret-name.txt").write_text("a")
    laptop.start()
    until(lambda: laptop.status()["folders"][0]["files"] == 1)
    socket = laptop.home / "state" / "run" / "socket"
    log = laptop.home / "state" / "daemon.log"
    assert [oct(path.stat().st_mode & 0o777) for path in (socket.parent, socket, log)] == [
        "0o700",
        "0o600",
        "0o600",
    ]
    laptop("stop")
    assert "secret-name" not in log.read_text()
    assert not socket.exists()
