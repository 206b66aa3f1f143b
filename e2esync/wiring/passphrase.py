"""Where the passphrase of the key store comes from: a file, a command, or a person."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from e2esync.errors import Locked

FILE, COMMAND = "E2ESYNC_PASSPHRASE_FILE", "E2ESYNC_PASSPHRASE_COMMAND"


def passphrase_source(
    environ: Mapping[str, str], prompt: Callable[[], str] | None
) -> Callable[[], str] | None:
    """Return a function that gives the passphrase, asked for once; None if there is nobody to ask."""
    if path := environ.get(FILE):
        return _once(lambda: _from_file(Path(path)))
    if command := environ.get(COMMAND):
        return _once(lambda: _from_command(command))
    return _once(prompt) if prompt is not None else None


def _once(source: Callable[[], str]) -> Callable[[], str]:
    known: list[str] = []

    def give() -> str:
        if not known:
            known.append(source())
        return known[0]

    return give


def _from_file(path: Path) -> str:
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Locked(
            f"the passphrase cannot be read from {path}",
            why=str(reason),
            fix=f"see that {FILE} names its file",
        ) from error


def _from_command(command: str) -> str:
    try:
        done = subprocess.run(shlex.split(command), stdout=subprocess.PIPE, check=True)  # noqa: S603 - the user's own
        return done.stdout.decode().rstrip("\r\n")
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise Locked("the passphrase command failed", why=str(error), fix=f"check {COMMAND}") from error
