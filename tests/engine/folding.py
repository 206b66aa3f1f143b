"""A folder on a disk that takes several names for one, or refuses some, as those of macOS and Windows do.

The disk below is one of Linux. Every look and every change goes by the name that stands there already, whatever
spelling is asked for; a new name stays as it was first written, and a rename onto another spelling of a name
that is there is refused, by the stricter of those systems.
"""

from __future__ import annotations

import errno
import os
import unicodedata
from pathlib import Path

from e2esync.adapters.files import LocalFolder
from e2esync.adapters.files.walk import Parent, Walker, names_in
from e2esync.merge.aliases import Naming

MAC = Naming(folds_case=True, folds_form=True)
STICK = Naming(folds_case=True, reserves=True)  # as exFAT, and the disks of Windows


OLD_MAC = MAC._replace(rewrites_form=True)  # as HFS+: all names are decomposed


class Finer(Naming):
    """A disk that takes fewer names for one than is thought: it knows no `\u00df` that is `ss`."""

    def is_same(self, one: bytes, other: bytes) -> bool:
        lower = [name.decode("utf-8", "surrogateescape").lower() for name in (one, other)]
        return lower[0] == lower[1]


FINER = Finer(folds_case=True)


class FoldingWalker(Walker):
    """Opens by any spelling."""

    __slots__ = ("_naming",)

    def __init__(self, fd: int, naming: Naming) -> None:
        super().__init__(fd)
        self._naming = naming

    def open(self, path: bytes, flags: int) -> int:
        return super().open(self._spelled(path), flags)

    def parent(self, path: bytes) -> Parent:
        self.check(path)
        return Parent(self.fd, self._spelled(path))

    def _spelled(self, path: bytes) -> bytes:
        """The path as the disk has it, as far as it is there."""
        directory, found = os.open(b".", os.O_RDONLY, dir_fd=self.fd), list[bytes]()
        names = path.split(b"/") if path else []
        try:
            for position, name in enumerate(names):
                if not self._naming.holds(name):
                    raise OSError(errno.EINVAL, "the disk refuses this name")
                same = [each for each in names_in(directory) if self._naming.is_same(each, name)]
                assert len(same) <= 1, f"two names are one on this disk: {same}"
                found += same or [written(name, self._naming)]
                if position + 1 == len(names) or not same:
                    return b"/".join([*found, *names[position + 1 :]])
                below = os.open(same[0], os.O_RDONLY | os.O_NOFOLLOW, dir_fd=directory)
                os.close(directory)
                directory = below
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise
            return path  # whoever goes there hears of it
        finally:
            os.close(directory)
        return path


class FoldingFolder(LocalFolder):
    """A folder on such a disk."""

    def __init__(self, root: Path, naming: Naming) -> None:
        super().__init__(root)
        self._naming = naming
        self._walker = FoldingWalker(self._fd, naming)

    def naming(self) -> Naming:
        return Naming(*self._naming)


def spelled(path: Path, naming: Naming) -> Path:
    """What a user of the disk means by a path: the thing that stands there, in its own spelling."""
    for name in os.listdir(path.parent):
        if naming.is_same(os.fsencode(name), os.fsencode(path.name)):
            return path.parent / name
    return path.parent / os.fsdecode(written(os.fsencode(path.name), naming))


def written(name: bytes, naming: Naming) -> bytes:
    """A new name as the disk writes it."""
    if not naming.rewrites_form:
        return name
    text = unicodedata.normalize("NFD", name.decode("utf-8", "surrogateescape"))
    return text.encode("utf-8", "surrogateescape")
