"""A real daemon tells a person what needs one, on a bus of the test."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.test_daemon import Machine, until
from tests.desktop.bus import Bus

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the desktop is told otherwise")


@pytest.fixture
def bus(tmp_path):
    made = Bus(tmp_path)
    yield made
    made.close()


@pytest.fixture
def laptop(spawn, vault, tmp_path):
    machine = Machine(spawn, tmp_path / "home", vault)
    yield machine
    machine("stop")


def without_a_folder(machine: Machine, *options: str) -> None:
    """Let its daemon find that the folder is not there."""
    shutil.rmtree(machine.folder)
    assert machine("start", "--settle", "0", "--poll", "0.1", *options).code == 0
    until(lambda: machine.status()["state"] == "needs-you")


def test_what_needs_somebody_is_shown_with_what_to_do(laptop, bus, monkeypatch):
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.address)
    without_a_folder(laptop)
    (need,) = laptop.status()["needs_you"]
    assert bus.note() == ("e2esync needs you", f"{need['text']}.\n{need['fix']}")
    laptop("stop")
    assert bus.notes.empty()
    assert str(laptop.folder) not in (laptop.home / "state" / "daemon.log").read_text()


def test_it_is_not_shown_to_who_does_not_want_it(laptop, bus, monkeypatch, tmp_path):
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.address)
    without_a_folder(laptop, "--no-notify")
    more = tmp_path / "more"
    done = laptop("setup", more / "store", more / "Sync")
    assert done.code == 0, done.err
    until(lambda: len(laptop.status()["folders"]) == 2)  # it has looked again at all that it looks at
    laptop("stop")
    assert bus.notes.empty()


def test_a_service_that_is_installed_without_it_runs_without_it(run, monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    told = run("start", "--install", "--no-notify", "--json").last
    assert "--no-notify" in Path(told["path"]).read_text().split()
