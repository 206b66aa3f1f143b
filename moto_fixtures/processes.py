"""Start a server process that does not outlive the tests, on loopback ports that are free."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_STOP_TIMEOUT = 15  # seconds until SIGKILL


def find_binary(name: str) -> str:
    """Return the path of a program: of this environment if it is there, else on PATH.

    Raises:
        RuntimeError: It is not installed. A test that needs it fails; it is never skipped.
    """
    for directory in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        candidate = directory / name
        if os.access(candidate, os.X_OK):
            return str(candidate)
    if found := shutil.which(name):
        return found
    raise RuntimeError(f"{name} is not installed; the extra 'test' brings it")


def free_ports(count: int) -> list[int]:
    """Return so many ports on which nobody listens; all are held while choosing, so that they differ."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def spawn(
    command: Sequence[str], environment: Mapping[str, str], directory: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own; it ends with this process, also if that is killed."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env={**os.environ, **environment},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent() if sys.platform == "linux" else None,  # noqa: PLW1509  one call
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and wait until it is gone."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _EndWithParent:
    """Between fork and exec only this one call is made; all it needs is loaded before."""

    def __init__(self) -> None:
        self._prctl = ctypes.CDLL(None).prctl
        self._parent = os.getpid()

    def __call__(self) -> None:
        self._prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != self._parent:  # it died before the call
            os._exit(1)


def _end_with_parent() -> _EndWithParent:
    return _EndWithParent()
