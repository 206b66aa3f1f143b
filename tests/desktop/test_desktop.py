"""A person is shown a note by what each system has for it: a bus and tools of the test stand in their place."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys

import pytest

from e2esync.adapters import desktop
from e2esync.adapters.desktop import Desktop, find_desktop
from tests.desktop.bus import Bus

TITLE, TEXT = (
    "e2esync needs you",
    '1 copy stands beside others in /home/me/"A\\B" – <b>&\ne2esync conflicts list',
)


@pytest.fixture
def bus(tmp_path):
    made = Bus(tmp_path)
    yield made
    made.close()


def found(environ, platform="linux") -> Desktop:
    made = find_desktop(environ, platform)
    assert made is not None
    return made


# --- Linux --------------------------------------------------------------------------------------------


def test_a_note_goes_to_the_bus_of_the_session_and_its_text_is_no_markup(bus):
    there = found({"DBUS_SESSION_BUS_ADDRESS": bus.address})
    assert there.show(TITLE, TEXT)
    assert bus.note() == (TITLE, TEXT.replace("<b>&", "&lt;b&gt;&amp;"))
    assert there.show(TITLE, "again")
    assert bus.note() == (TITLE, "again")


def test_the_bus_is_found_in_its_usual_place(bus, tmp_path):
    assert found({"XDG_RUNTIME_DIR": str(tmp_path)}).show(TITLE, TEXT)
    assert bus.note()[0] == TITLE


@pytest.mark.parametrize("environ", [{}, {"DISPLAY": ":0"}, {"XDG_RUNTIME_DIR": "/nowhere"}])
def test_without_a_session_there_is_no_desktop(environ):
    assert find_desktop(environ, "linux") is None


def test_without_the_library_there_is_no_desktop(bus, monkeypatch):
    monkeypatch.setattr(desktop, "find_spec", {"jeepney": None}.__getitem__)
    assert find_desktop({"DBUS_SESSION_BUS_ADDRESS": bus.address}, "freebsd14") is None


def test_a_bus_on_which_nobody_shows_notes_is_no_reason_to_fail(tmp_path, caplog):
    bus = Bus(tmp_path, refuses="org.freedesktop.DBus.Error.ServiceUnknown")
    with caplog.at_level(logging.INFO):
        assert not found({"DBUS_SESSION_BUS_ADDRESS": bus.address}).show(TITLE, "secret")
    bus.close()
    assert caplog.messages == ["the desktop cannot be told: org.freedesktop.DBus.Error.ServiceUnknown"]


@pytest.mark.parametrize("address", ["unix:path=/nowhere", "tcp:host=localhost,port=1", "disabled:", "?"])
def test_a_bus_that_is_not_there_is_noted_by_kind(address, caplog):
    with caplog.at_level(logging.INFO):
        assert not found({"DBUS_SESSION_BUS_ADDRESS": address}).show(TITLE, "secret")
    (message,) = caplog.messages
    assert message.startswith("the desktop cannot be told: ")
    assert "secret" not in message
    assert "nowhere" not in message


def test_a_bus_that_does_not_answer_is_left_after_a_while(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(desktop, "PATIENCE", 0.05)
    with socket.socket(socket.AF_UNIX) as silent, caplog.at_level(logging.INFO):
        silent.bind(str(tmp_path / "bus"))
        silent.listen()
        assert not found({"XDG_RUNTIME_DIR": str(tmp_path)}).show(TITLE, TEXT)
    assert caplog.messages == ["the desktop cannot be told: TimeoutError"]


# --- macOS and Windows --------------------------------------------------------------------------------

TOOL = """#!{python}
import sys
from pathlib import Path
Path({told!r}).write_bytes(repr((sys.argv[1:], sys.stdin.buffer.read())).encode())
sys.exit({code})
"""


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Put a tool where programs are looked for; return what it was given, once it was run."""
    told = tmp_path / "told"

    def make(name, code=0):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(TOOL.format(python=sys.executable, told=str(told), code=code))
        path.chmod(0o700)
        monkeypatch.setenv("PATH", str(path.parent))
        return lambda: eval(told.read_text())

    return make


def test_osascript_reads_what_it_shows(tool):
    told = tool("osascript")
    assert found({}, "darwin").show('a "title"', 'C:\\ "text"\nline')
    assert told() == (
        ["-"],
        b'display notification "C:\\\\ \\"text\\"\nline" with title "a \\"title\\""\n',
    )


def test_powershell_reads_what_it_shows(tool):
    told = tool("powershell")
    assert found({}, "win32").show(TITLE, "Grüße")
    arguments, read = told()
    assert arguments[:3] == ["-NoProfile", "-NonInteractive", "-Command"]
    assert "Grüße" not in str(arguments)
    assert read == b"ZTJlc3luYyBuZWVkcyB5b3U=\nR3LDvMOfZQ==\n"


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_without_the_tool_there_is_no_desktop(platform, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_desktop({}, platform) is None


def test_a_tool_that_fails_is_no_reason_to_fail(tool, caplog):
    tool("osascript", code=1)
    with caplog.at_level(logging.INFO):
        assert not found({}, "darwin").show(TITLE, "secret")
    assert caplog.messages == ["the desktop cannot be told: CalledProcessError"]


def test_a_tool_that_hangs_is_ended(monkeypatch, tmp_path, caplog):
    path = tmp_path / "osascript"
    path.write_text("#!/bin/sh\nexec /bin/sleep 1000\n")
    path.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(desktop, "PATIENCE", 0.05)
    with caplog.at_level(logging.INFO):
        assert not found({}, "darwin").show(TITLE, TEXT)
    assert caplog.messages == ["the desktop cannot be told: TimeoutExpired"]


# --- all ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\nb"),
        ("a\x1b[31m\x00\u202e\udcff", "a\ufffd[31m\ufffd\ufffd\ufffd"),
        ("x" * 400, "x" * 400),
        ("x" * 401, "x" * 399 + "…"),
    ],
)
def test_what_names_may_hold_and_lines_may_not_is_not_shown(text, shown):
    put = []
    assert Desktop(lambda *words: put.append(words)).show(text, text)
    assert put == [(shown, shown)]


def test_what_it_needs_of_a_bus_is_imported_when_it_is_used():
    code = "import sys, e2esync.wiring.background; print('jeepney' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert done.stdout == "False\n", done.stderr
