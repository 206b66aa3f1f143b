"""From a path to a descriptor, without ever walking through a symbolic link.

A path is relative to an open directory, raw bytes joined by `/`; `b""` is the directory itself.
`..`, empty and absolute paths and the folder's own `.e2esync` are refused here once more,
whatever the layers above have checked: in any case of letters, since a disk may not tell them
apart.
"""

from __future__ import annotations

import errno
import os
import re
from types import TracebackType

from e2esync.adapters.files.syscalls import PARENT, open_beneath

RESERVED = b".e2esync"
_REFUSED = re.compile(rb"\A(?i:\.e2esync)(?:/|\Z)|\x00|(?:\A|/)\.{0,2}(?:/|\Z)")


def is_reserved(name: bytes) -> bool:
    """Return whether a name in the root is the folder's own."""
    return name.lower() == RESERVED


def names_in(fd: int) -> list[bytes]:
    """Return the names in an open directory, in no order; not from two threads at once. Raises OSError."""
    # From a descriptor Python gives str; fsencode is its exact inverse in every locale.
    return [os.fsencode(name) for name in os.listdir(fd)]


class Walker:
    """Opens what is below one directory. It borrows the descriptor."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def open(self, path: bytes, flags: int) -> int:
        """Return a descriptor of `path`, which the caller closes. Raises OSError."""
        if not path:
            return os.open(b".", flags | os.O_CLOEXEC, dir_fd=self.fd)
        self.check(path)
        return open_beneath(self.fd, path, flags)

    def parent(self, path: bytes) -> Parent:
        """Return a context: the open directory that holds `path`, and its name there. Raises OSError."""
        self.check(path)
        return Parent(self.fd, path)

    def check(self, path: bytes) -> None:
        """Refuse a path that could leave the directory or reach `.e2esync`."""
        if _REFUSED.search(path):
            raise OSError(errno.EINVAL, "the name is reserved or not allowed")


class Parent:
    """The directory that holds a path, open as long as the `with` lasts.

    It is opened anew for each path: what is done through it happens in a directory that was inside
    the folder a moment ago, wherever it is moved meanwhile. A class and not a generator, which
    would cost as much as the system calls.
    """

    __slots__ = ("_fd", "_path", "_root")

    def __init__(self, root: int, path: bytes) -> None:
        self._root, self._path = root, path

    def __enter__(self) -> tuple[int, bytes]:
        directory, _, name = self._path.rpartition(b"/")
        self._fd = open_beneath(self._root, directory, PARENT) if directory else self._root
        return self._fd, name

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd != self._root:
            os.close(self._fd)
