"""The test kit itself: its servers end, whatever ends the tests."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from moto_fixtures.servers import RcloneServer

PARENT = """
import time
from moto_fixtures.servers import RcloneServer
with RcloneServer() as server:
    print(server.endpoint.rpartition(":")[2], flush=True)
    time.sleep(300)
"""


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_server_ends_when_the_tests_are_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert listens(port)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while listens(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not listens(port)


def test_a_server_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with RcloneServer() as server:
        assert list(tmp_path.iterdir())
        port = int(server.endpoint.rpartition(":")[2])
    assert not listens(port)
    assert list(tmp_path.iterdir()) == []
