"""`conflicts` and what `status` and `sync` say of them."""

from __future__ import annotations

import pytest

from tests.library.conftest import made, pair  # noqa: F401  two devices of one vault


@pytest.fixture
def torn(pair, monkeypatch):  # noqa: F811
    laptop, desk = pair
    laptop.write("x.txt", b"1")
    for device in (laptop, desk):
        with device.open() as vault:
            vault.sync()
    laptop.write("x.txt", b"of the laptop")
    desk.write("x.txt", b"of the desk")
    for device in (laptop, desk, laptop):
        with device.open() as vault:
            vault.sync()
    monkeypatch.setenv("E2ESYNC_HOME", str(laptop.home))
    monkeypatch.chdir(laptop.folder)
    return laptop, desk


def test_they_are_listed_shown_and_settled(run, torn):
    listed = run("conflicts", "list", "--json").last
    (one,) = listed["conflicts"]
    assert one["path"] == "x.txt"
    assert "(conflict, " in one["copy"]
    assert {"device", "time", "folder"} <= one.keys()
    assert run("conflicts").code == 0
    shown = run("conflicts", "show", one["copy"], "--json").last
    assert [each["path"] for each in shown["versions"]] == [one["copy"], "x.txt"]
    done = run("conflicts", "resolve", "x.txt", "--keep", "this")
    assert done.code == 0
    assert "removed" in done.out
    assert run("sync", "--json").last["conflicts"] == 0
    assert run("conflicts", "list", "--json").last["conflicts"] == []
    assert "no conflicts" in run("conflicts").out


def test_they_are_counted_and_need_somebody_and_a_sync_with_them_is_a_success(run, torn):
    done = run("sync", "--json")
    assert (done.code, done.last["conflicts"]) == (0, 1)
    status = run("status", "--json")
    assert (status.code, status.last["folders"][0]["conflicts"]) == (4, 1)
    assert status.last["needs_you"][0]["fix"] == "e2esync conflicts list"


@pytest.mark.parametrize(
    "arguments",
    [
        ("resolve", "x.txt"),
        ("resolve", "x.txt", "--keep", "mine"),
        ("resolve", "y", "--keep", "this"),
        ("show", "y"),
    ],
)
def test_what_is_not_understood_is_2(run, torn, arguments):
    assert run("conflicts", *arguments).code == 2
