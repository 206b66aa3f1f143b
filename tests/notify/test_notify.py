"""The service manager is told by datagrams, and is no reason to fail: a socket of the test listens in its place."""

from __future__ import annotations

import logging
import os
import secrets
import socket

import pytest

from e2esync.adapters.notify import Manager, find_manager, keep_pinging

DEADLINE = 60.0  # seconds in which what has to come comes, on any machine


@pytest.fixture(params=["in a directory", "abstract"])
def listening(request, tmp_path):
    """A socket, and its name as the environment has it."""
    name = (
        str(tmp_path / "notify") if request.param == "in a directory" else f"@e2esync-{secrets.token_hex(8)}"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind(name.replace("@", "\0") if name.startswith("@") else name)
        receiving.settimeout(DEADLINE)
        yield receiving, name


def test_each_thing_is_said_in_one_datagram(listening):
    receiving, name = listening
    manager = find_manager({"NOTIFY_SOCKET": name})
    manager.ready("up-to-date: nothing is to be done")
    manager.status("syncing: changes are on their way")
    manager.ping()
    manager.stopping()
    assert [receiving.recv(4096).decode() for _ in range(4)] == [
        "READY=1\nSTATUS=up-to-date: nothing is to be done",
        "STATUS=syncing: changes are on their way",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


def test_what_the_manager_gave_is_not_passed_on():
    environ = {
        "NOTIFY_SOCKET": "/run/n",
        "WATCHDOG_USEC": "60000000",
        "WATCHDOG_PID": str(os.getpid()),
        "A": "a",
    }
    assert find_manager(environ) == Manager(b"/run/n", 30.0)
    assert environ == {"A": "a"}


@pytest.mark.parametrize(
    ("environ", "between"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),  # meant for another process
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_pings_go_twice_as_often_as_they_have_to(environ, between):
    assert find_manager({"NOTIFY_SOCKET": "/run/n", **environ}).between == between


@pytest.mark.parametrize("place", ["", "vsock:2:1234", "relative/path"])
def test_without_an_address_that_is_known_nobody_is_told(place):
    assert find_manager({"NOTIFY_SOCKET": place, "WATCHDOG_USEC": "1000000"}) == Manager()
    Manager().ready("up-to-date")


def test_nobody_at_the_address_is_noted_and_no_more(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        Manager(os.fsencode(tmp_path / "nobody")).ping()
    assert "the service manager cannot be told" in caplog.text


class Rounds:
    """Waits that end at once, until there are no more."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.asked: list[float] = []

    def __call__(self, seconds: float) -> bool:
        self.asked.append(seconds)
        self.left -= 1
        return self.left < 0


def test_a_ping_comes_each_time_all_is_well_and_at_no_other(listening, caplog):
    receiving, name = listening
    health = iter([True, False, False, True])
    rounds = Rounds(4)
    manager = find_manager({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000000"})
    keep_pinging(manager, lambda: next(health), rounds)
    manager.stopping()
    assert [receiving.recv(99) for _ in range(3)] == [b"WATCHDOG=1", b"WATCHDOG=1", b"STOPPING=1"]
    assert rounds.asked == [0.5] * 5
    assert caplog.text.count("not kept any more") == 1


def test_where_no_ping_is_expected_none_is_sent_and_nobody_is_asked():
    keep_pinging(Manager(b"/run/n"), lambda: pytest.fail("asked"), lambda _: pytest.fail("waited"))
