"""`start --install`: the file by which the system starts the daemon, and what to do with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from e2esync.cli.daemon import control
from e2esync.cli.output import escape
from e2esync.cli.session import Session

if TYPE_CHECKING:
    from e2esync.wiring.services import File


def install(session: Session, options: Sequence[str], platform: str = sys.platform) -> None:
    """Write the file for the system's service manager; no manager is touched.

    Raises:
        UsageError: Something that is not ours is in its place, and nobody said that it may go.
    """
    from e2esync.adapters import durable
    from e2esync.wiring.services import file_for, left_out, service

    what = service(session.home, os.environ, sys.executable, options)
    file = file_for(platform, what, os.environ, Path.home(), session.home.data)
    there = _there(session, file.path)
    is_new = there != file.content
    if is_new:
        durable.replace(file.path, file.content)
    start = file.restart if is_new and there is not None else file.start
    if control(session.home).is_running():  # one runs for a home: the service's could not begin
        start = ("e2esync stop", *start)
    missing = left_out(os.environ)
    session.out.document(
        "installed",
        manager=file.manager,
        service=what.name,
        path=str(file.path),
        changed=is_new,
        start=start,
        undo=file.undo,
        left_out=missing,
    )
    _tell(session, file, start, is_new=is_new)
    if missing:
        session.out.warn(
            f"the service will not have {', '.join(missing)}, which you have here: what it needs of that "
            "belongs into ~/.aws, or into the environment of the service manager"
        )


def _there(session: Session, path: Path) -> bytes | None:
    """Return what is in the place of the file, if that may be replaced; None if nothing is there."""
    from e2esync.wiring.services import is_ours

    if not os.path.lexists(path):
        return None
    content = path.read_bytes() if path.is_file() else b""
    if not is_ours(content):
        session.ask.confirm(f"{path} was not written by e2esync. Replace it?")
    return content


def _tell(session: Session, file: File, start: Sequence[str], *, is_new: bool) -> None:
    say = session.out.data
    say(f"{'Written' if is_new else 'It is there already'}, for {file.manager}: {escape(str(file.path))}")
    say(
        "From the next login on it runs by itself."
        if file.is_enough
        else "It does nothing until it is switched on."
    )
    for title, commands in (("This starts it now:", start), ("This undoes it:", file.undo)):
        say(title)
        for command in commands:
            say(f"  {escape(command)}")
    if file.hint:
        say(file.hint)
