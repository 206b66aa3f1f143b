"""The daemon of a home, as commands see it: HTTP and JSON over its Unix socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from e2esync.errors import DaemonNotRunning, TemporaryError

ANSWER = 30.0  # seconds


class _Connection(HTTPConnection):
    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket; what was opened is closed by `close`, also if nobody answers."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(bytes(self._path))


class Control:
    """Speaks to the daemon, if one runs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_running(self) -> bool:
        """Return whether a daemon answers."""
        try:
            self.ask("GET", "/ping")
        except DaemonNotRunning:
            return False
        return True

    def ask(self, verb: str, path: str, body: object = None, *, timeout: float | None = ANSWER) -> Any:  # noqa: ANN401  JSON
        """Return what the daemon answers.

        Raises:
            DaemonNotRunning: None runs.
            TemporaryError: It does not answer.
        """
        with self._response(verb, path, body, timeout) as response, _talking():
            return json.loads(response.read())

    def text(self, path: str) -> str:
        """Return a page of plain text; raises as `ask`."""
        with self._response("GET", path, None, ANSWER) as response, _talking():
            return response.read().decode()

    def lines(self, verb: str, path: str, body: object = None) -> Iterator[dict[str, Any]]:
        """Yield what the daemon says, line by line, for as long as it does; raises as `ask`."""
        with self.opened(verb, path, body) as lines:
            yield from lines

    @contextmanager
    def opened(self, verb: str, path: str, body: object = None) -> Iterator[Iterator[dict[str, Any]]]:
        """Give what the daemon says, line by line, and hang up behind it; raises as `ask`."""
        with self._response(verb, path, body, None) as response:
            yield _lines(response)

    @contextmanager
    def _response(self, verb: str, path: str, body: object, timeout: float | None) -> Iterator[HTTPResponse]:
        connection = _Connection(self._path, timeout)
        content = json.dumps(body).encode() if body is not None else None
        try:
            with _talking():
                connection.request(verb, path, content, {"Content-Type": "application/json"})
                response = connection.getresponse()
            if response.status >= 400:
                raise TemporaryError(
                    f"the daemon refused ({response.status})",
                    why="it may be of another version",
                    fix="e2esync stop, then e2esync start",
                )
            yield response
        finally:
            connection.close()


def _lines(response: HTTPResponse) -> Iterator[dict[str, Any]]:
    with _talking():
        for line in response:
            if line.strip():
                yield json.loads(line)


@contextmanager
def _talking() -> Iterator[None]:
    """Tell what goes wrong between us and the daemon. What a command does meanwhile is not to stand in here."""
    try:
        yield
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        raise DaemonNotRunning("the daemon does not run", why="nobody answers at its socket") from error
    except (OSError, HTTPException, ValueError) as error:
        raise _silent(error) from error


def _silent(error: Exception) -> TemporaryError:
    return TemporaryError(
        "the daemon does not answer", why=str(error), fix="e2esync stop, then e2esync start"
    )
