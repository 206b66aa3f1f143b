"""What a device writes into the tree for what happened on its disk: values in, an entry out.

A write replaces what it saw by one entry with a new dot, whose `past` covers what it replaced.
"""

from __future__ import annotations

from e2esync.tree.values import Attributes, Content, DirectoryContent, Dot, Entry, Place


class Writer:
    """Draws the dots of one push: `(sequence, device, j)`, j counted within it."""

    def __init__(self, device: bytes, sequence: int) -> None:
        self.device = device
        self.sequence = sequence
        self._drawn = 0

    def dot(self) -> Dot:
        """Return the next dot."""
        self._drawn += 1
        return Dot(self.sequence, self.device, self._drawn)

    def born(self, content: Content, mode: int | None) -> Entry:
        """Return the entry of a node that stands at its birthplace for the first time."""
        return Entry(self.device, self.sequence, (), (), (content,), self._attributes(mode))

    def with_content(self, old: Entry, content: Content) -> Entry:
        """Return the entry after its content was replaced."""
        return self._over(old)._replace(contents=(content,))

    def with_place(self, old: Entry, parent: bytes, name: bytes) -> Entry:
        """Return the entry after a move; a move back is explicit, too."""
        return self._over(old)._replace(places=(Place(self.dot(), parent, name),))

    def with_mode(self, old: Entry, mode: int) -> Entry:
        """Return the entry after its permission bits were changed."""
        return self._over(old)._replace(attributes=self._attributes(mode))

    def gone(self, old: Entry) -> Entry:
        """Return the entry of a directory after it was removed."""
        return self._over(old)._replace(contents=(DirectoryContent(self.dot(), here=False),))

    def _attributes(self, mode: int | None) -> tuple[Attributes, ...]:
        return () if mode is None else (Attributes(self.dot(), mode),)

    def _over(self, old: Entry) -> Entry:
        """Return the old entry under this push's dot, covering what it covered and itself."""
        past = dict(old.past)
        past[old.device] = max(past.get(old.device, 0), old.sequence)
        past.pop(self.device, None)
        return old._replace(device=self.device, sequence=self.sequence, past=tuple(sorted(past.items())))
