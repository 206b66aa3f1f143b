"""The ignore rules that stand on the disk, and what they say of what stands there.

A file of rules that cannot be read or understood is `Unreadable`: nobody knows then what is ignored
in its directory and below, so nothing there is published, and nothing of it counts as gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from e2esync.adapters.files import ChangedLocally, LocalFolder, Unreadable
from e2esync.adapters.state import FolderState
from e2esync.engine.places import Places, join
from e2esync.ignoring.book import Book, Decision
from e2esync.ignoring.rules import MAX_SIZE, RULES_FILE, BadRules, Rules


def read_rules(folder: LocalFolder, directory: bytes) -> bytes | None:
    """Return the content of the file of rules in a directory; None if it has none.

    Raises:
        Unreadable: It is unknown what it says.
    """
    path = join(directory, RULES_FILE)
    here = folder.stat(path)
    if here is None:
        return None
    if here.kind != "f":
        raise Unreadable(path, f"{RULES_FILE.decode()} is no file, so what is ignored is unknown")
    try:
        return folder.read_small(path, MAX_SIZE)[1]
    except ChangedLocally:
        raise Unreadable(
            path, f"{RULES_FILE.decode()} changes while it is read, or is larger than {MAX_SIZE >> 20} MiB"
        ) from None


def understood(content: bytes | None, path: bytes) -> Rules | None:
    """Return the rules that stand in a file.

    Raises:
        Unreadable: They cannot be understood.
    """
    try:
        return Rules(content) if content is not None else None
    except BadRules as error:
        raise Unreadable(path, f"{RULES_FILE.decode()} cannot be used: {error.reason}") from None


def own_names(state: FolderState) -> dict[bytes, bytes]:
    """Return path and own name of what stands beside something else: rules are asked about that name.

    Else a rule might name the one and not the other, and what has to make way could not.
    """
    places = Places(state)
    found = ((places.path((each.parent, each.name)), each.place) for each in state.crowd())
    return {path: name for path, name in found if path is not None}


class DiskRules:
    """Answers by the rules on the disk; each file of them is read once. `own`: names other than those of the disk."""

    def __init__(self, folder: LocalFolder, own: Mapping[bytes, bytes] | None = None) -> None:
        self._folder, self._own = folder, own or {}
        self._book = Book(self._above, self._read)
        self._digests: dict[bytes, bytes] = {}  # of the files of rules, by directory

    def _place(self, path: bytes) -> tuple[bytes, bytes]:
        directory, _, name = path.rpartition(b"/")
        return directory, self._own.get(path, name)

    def _above(self, directory: bytes) -> tuple[bytes, bytes] | None:
        return self._place(directory) if directory else None

    def _read(self, directory: bytes) -> Rules | None:
        content = read_rules(self._folder, directory)
        if content is not None:
            self._digests[directory] = hashlib.sha256(content).digest()
        return understood(content, join(directory, RULES_FILE))

    def is_ignored(self, path: bytes, *, is_directory: bool) -> bool:
        """Return whether what stands, or stood, at a path is ignored.

        Raises:
            Unreadable: It is unknown.
        """
        return self._book.is_ignored(*self._place(path), is_directory=is_directory)

    def decision(self, path: bytes, *, is_directory: bool) -> Decision[bytes] | None:
        """Return which rule decides about a path; raises as `is_ignored`."""
        return self._book.decision(*self._place(path), is_directory=is_directory)

    def look_into(self, directory: bytes) -> None:
        """See that the rules in a directory, which has a file of them, can be understood; raises as `is_ignored`."""
        self._book.has_rules(directory)

    def digest(self) -> bytes | None:
        """Return what names all files of rules that were read, and where they stand; None if there were none."""
        if not self._digests:
            return None
        parts = (
            len(path).to_bytes(4, "big") + path + digest for path, digest in sorted(self._digests.items())
        )
        return hashlib.sha256(b"".join(parts)).digest()

    def holds_ignored(self, directory: bytes) -> bool:
        """Return whether anything ignored stands in a directory, at any depth; raises as `is_ignored`."""
        for name, here in self._folder.list(directory):
            path = join(directory, name)
            if self.is_ignored(path, is_directory=here.kind == "d"):
                return True
            if here.kind == "d" and self.holds_ignored(path):
                return True
        return False

    def is_hollow(self, directory: bytes) -> bool:
        """Return whether a directory holds something ignored, and nothing else but rules; raises as `is_ignored`."""
        is_hollow = False
        for name, here in self._folder.list(directory):
            path = join(directory, name)
            if self.is_ignored(path, is_directory=here.kind == "d") or (
                here.kind == "d" and self.is_hollow(path)
            ):
                is_hollow = True
            elif name != RULES_FILE:
                return False
        return is_hollow
