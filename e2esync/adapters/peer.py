"""Who is at the other end of a Unix socket, and where such a socket may lie."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import struct
import tempfile
from contextlib import suppress
from pathlib import Path

from e2esync.errors import UsageError

LONGEST = 107  # bytes of a socket's path on Linux; 103 elsewhere, and the short one is shorter than that
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


def is_ours(connection: socket.socket) -> bool:
    """Return whether a process of this user, or of root, is at the other end; where nobody says so, the directory has to do."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True
    raw = connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    return uid in (os.getuid(), 0)


def socket_path(directory: Path) -> Path:
    """Return where the socket of a home lies: in it, or, if that name is too long, in a short place named after it."""
    path = directory / "run" / "socket"
    if len(bytes(path)) <= LONGEST:
        return path
    name = hashlib.sha256(bytes(directory)).hexdigest()[:16]
    places = (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp")  # noqa: S108  closed below
    short = (Path(above) / f"e2esync-{os.getuid()}-{name}" / "socket" for above in places if above)
    return next((path for path in short if len(bytes(path)) <= LONGEST), path)


def listen(path: Path) -> socket.socket:
    """Return a socket that listens at a path, in a directory that is closed to all others; one that was left is replaced.

    Raises:
        UsageError: The directory is somebody else's.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = path.parent.lstat()
    if not stat.S_ISDIR(there.st_mode) or there.st_uid != os.getuid():
        raise UsageError(f"{path.parent} belongs to somebody else", fix="remove it, or ask whose it is")
    path.parent.chmod(0o700)
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(bytes(path))
    path.chmod(0o600)
    listening.listen(64)
    return listening


def take_away(path: Path) -> None:
    """Remove a socket, and the directory that was made for it."""
    path.unlink(missing_ok=True)
    with suppress(OSError):  # something else is in it
        path.parent.rmdir()
