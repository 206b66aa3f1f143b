"""Files that were replaced or removed, kept for a grace time.

The file itself is kept, not a copy: a program that has it open goes on writing into it, and that
can still become a version. Its name in the flat directory `.e2esync/trash` is

    16 hex digits: when, in ns ‖ 8 hex digits: random ‖ "~" ‖ the path, % and / as %25 and %2F

or, with "-" for "~", the end of a path that is too long for a name.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from e2esync.adapters.files.faults import reading, staging
from e2esync.adapters.files.fingerprint import Fingerprint, look
from e2esync.adapters.files.openfile import OpenFile
from e2esync.adapters.files.walk import Walker, names_in

_SPACE = b".e2esync/trash"
_NAME = re.compile(rb"([0-9a-f]{16})[0-9a-f]{8}([~-])(.*)\Z", re.DOTALL)
_NAME_MAX = 255  # bytes
_TAIL_MAX = _NAME_MAX - 25


class Kept(NamedTuple):
    """One thing in the trash."""

    name: bytes  # in the trash
    path: bytes | None  # where it was; None if that was too long to be noted
    since_ns: int  # when it was put here; an mtime after that is a late write
    fingerprint: Fingerprint

    @property
    def is_late(self) -> bool:
        """Whether a program that had the file open has written to it since. A time that somebody set is no write."""
        seen = self.fingerprint
        return seen.kind == "f" and self.since_ns < seen.mtime_ns <= seen.ctime_ns

    @property
    def digits(self) -> str:
        """What tells it apart from others of its path."""
        return self.name[16:24].decode()


class Trash:
    """The directory of kept files. It borrows the descriptor."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def new_name(self, path: bytes) -> bytes:
        """Return a name, not taken, for what was at `path`."""
        tail = path.replace(b"%", b"%25").replace(b"/", b"%2F")
        cut = len(tail) > _TAIL_MAX
        mark = b"-" if cut else b"~"
        return b"%016x%s%s%s" % (time.time_ns(), os.urandom(4).hex().encode(), mark, tail[-_TAIL_MAX:])

    def count(self) -> int:
        """Return how many files are in the trash.

        Raises:
            Unreadable: The trash cannot be listed.
        """
        with reading(_SPACE):
            return len(names_in(self.fd))

    def kept(self, since_ns: int = 0) -> Iterator[Kept]:
        """Yield what is in the trash, or came there since a moment, oldest first.

        Raises:
            Unreadable: The trash cannot be listed.
        """
        with reading(_SPACE):
            names = sorted(names_in(self.fd))
        for name in names:
            match = _NAME.match(name)
            if match is None or int(match[1], 16) < since_ns:
                continue
            fingerprint = look(self.fd, name)
            if fingerprint is not None and fingerprint.kind != "d":
                yield Kept(name, _path(match), int(match[1], 16), fingerprint)

    def open(self, name: bytes) -> OpenFile:
        """Open a kept file for reading."""
        return OpenFile(Walker(self.fd), name)

    def clean(self, older_than_ns: int) -> int:
        """Remove what came here, or was last written to, before that moment; return how many.

        The ctime counts too, so that a late write starts the grace time anew.
        """
        count = 0
        for kept in self.kept():
            if max(kept.since_ns, kept.fingerprint.ctime_ns) < older_than_ns:
                with staging(_SPACE), suppress(FileNotFoundError):
                    os.unlink(kept.name, dir_fd=self.fd)
                    count += 1
        return count


def _path(match: re.Match[bytes]) -> bytes | None:
    return match[3].replace(b"%2F", b"/").replace(b"%25", b"%") if match[2] == b"~" else None
