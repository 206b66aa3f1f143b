"""The person at the desktop is told by a thread of its own: what the desktop does is nobody's delay."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from e2esync.adapters.desktop import Desktop
from e2esync.daemon.daemon import Daemon
from e2esync.daemon.news import SOON
from e2esync.wiring import background
from e2esync.wiring.background import Bell, make_bell
from tests.daemon.test_news import BESIDE, LOCKED, UP

DEADLINE = 60.0  # seconds in which what has to come comes, on any machine


@pytest.fixture
def clock(monkeypatch):
    """The clock of the bell, set by the test."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(background, "steady", lambda: now.seconds)
    return now


class Folders(Daemon):
    """Folders that stand as the test says."""

    def __init__(self, *standings):
        self.now = list(standings)

    def standings(self):
        return self.now


class Unasked(Daemon):
    """Folders of which nobody is to ask."""

    def __init__(self):
        pass

    def standings(self):
        pytest.fail("asked")


def looked(bell: Bell) -> None:
    """Let it look, and wait for what it tells."""
    bell.look()
    if bell._thread is not None:
        bell._thread.join(DEADLINE)
        assert not bell._thread.is_alive()


def test_it_tells_what_is_news(clock):
    put = []
    daemon = Folders(UP)
    bell = Bell(Desktop(lambda title, text: put.append(text)), daemon)
    looked(bell)
    assert put == []
    daemon.now = [BESIDE]
    looked(bell)
    looked(bell)
    assert len(put) == 1
    assert put[0].startswith("1 copy stands beside others")


def test_what_the_desktop_did_not_show_is_told_again(clock):
    put, fails = [], [True, False]

    def show(title, text):
        put.append(text)
        if fails.pop(0):
            raise OSError

    bell = Bell(Desktop(show), Folders(BESIDE))
    looked(bell)
    clock.seconds = 1.0
    looked(bell)
    assert len(put) == 1
    clock.seconds += SOON
    looked(bell)
    looked(bell)
    assert put == put[:1] * 2


def test_a_desktop_that_hangs_delays_nobody_and_gets_no_more(clock):
    goes_on, put = threading.Event(), []

    def show(title, text):
        put.append(text)
        assert goes_on.wait(DEADLINE)

    daemon = Folders(BESIDE)
    bell = Bell(Desktop(show), daemon)
    bell.look()
    hanging = bell._thread
    assert hanging is not None
    daemon.now = [LOCKED]
    bell.look()
    assert bell._thread is hanging
    goes_on.set()
    hanging.join(DEADLINE)
    looked(bell)
    assert put[-1].startswith("the keys cannot be opened")
    assert len(put) == 2


def test_where_there_is_no_desktop_or_it_is_not_wanted_nobody_is_asked(monkeypatch):
    Bell(None, Unasked()).look()
    monkeypatch.setattr(background, "find_desktop", lambda *_: pytest.fail("looked for"))
    make_bell(Unasked(), is_wanted=False).look()
