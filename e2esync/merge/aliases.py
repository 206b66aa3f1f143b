"""Names for what a disk cannot hold under its own: aliases, known to this disk alone and never in the tree (format §6.9).

    a (alias, 1f3a9c2e).txt

Some disks take two names for one (`A.txt` and `a.txt`), some refuse names that others have (`aux.txt`). There
what is shown under such a name stands under an alias. It depends on the name alone, and can be read back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from e2esync.merge.naming import DIGITS, Tag, with_suffix
from e2esync.tree.keys import is_name

WHY = "alias"

_CHARACTERS = re.compile(rb'[\x00-\x1f<>:"\\|?*%]')  # with the sign by which they are written
_REFUSED = re.compile(rb'[\x00-\x1f<>:"\\|?*]|[. ]\Z')
_DEVICE = re.compile(
    rb"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)(?:[0-9]|\xc2[\xb2\xb3\xb9])) *(?:\.|\Z)", re.IGNORECASE
)
_WRITTEN = re.compile(rb"%([0-9A-F]{2})")
_SUFFIX = re.compile(rb" \(alias, ([0-9a-f]{8,32})(?: [0-9]+)?\)(?=(?:\.[^.]*)?\Z)", re.DOTALL)


class Naming(NamedTuple):
    """What a disk makes of names: a fact of the folder."""

    folds_case: bool = False  # it takes names that differ in case only for one
    folds_form: bool = False  # and composed and decomposed ones
    reserves: bool = False  # it refuses what Windows does
    rewrites_form: bool = False  # it lists names in a form of its own, whatever they were written in

    @property
    def folds(self) -> bool:
        """Whether it takes different names for one."""
        return self.folds_case or self.folds_form

    def folded(self, name: bytes) -> bytes:
        """Return what is the same for all names, or paths, that the disk takes for one; for more of them, maybe."""
        if not self.folds:
            return name
        if name.isascii():
            return name.lower() if self.folds_case else name
        text = name.decode("utf-8", "surrogateescape")
        if self.folds_form:
            text = unicodedata.normalize("NFD", text)
        if self.folds_case:
            text = text.casefold()
        if self.folds_form:
            text = unicodedata.normalize("NFC", text)
        return text.encode("utf-8", "surrogateescape")

    def is_same(self, one: bytes, other: bytes) -> bool:
        """Return whether the disk takes two names for one."""
        return one == other or (self.folds and self.folded(one) == self.folded(other))

    def listed(self, name: bytes) -> bytes:
        """Return what is the same for a name as it was written, and as the disk lists it."""
        if not self.rewrites_form or name.isascii():
            return name
        text = unicodedata.normalize("NFC", name.decode("utf-8", "surrogateescape"))
        return text.encode("utf-8", "surrogateescape")

    def holds(self, name: bytes) -> bool:
        """Return whether the disk has anything under this name."""
        return not self.reserves or (_REFUSED.search(name) is None and _DEVICE.match(name) is None)


PLAIN = Naming()
"""A disk that takes every name for itself, as those of Linux do."""


class Alias(NamedTuple):
    """What stands for a name on a disk, and why."""

    name: bytes
    keeper: bytes | None  # the name that the disk takes for the same; None: it refuses this one


def aliases(
    names: Mapping[bytes, Any], naming: Naming, tag: Tag, is_taken: Callable[[bytes], bool]
) -> dict[bytes, Alias]:
    """Return the aliases of those names of one directory that a disk cannot hold, by name.

    Args:
        names: Name → by what it is ordered: of names that are one for the disk, the lowest is kept.
        naming: What the disk makes of names.
        tag: The keyed hash that is in an alias.
        is_taken: Whether another name of the directory, given as folded, is not among `names`.
    """
    kept: dict[bytes, bytes] = {}
    for name in sorted(names, key=names.__getitem__):
        if naming.holds(name):
            kept.setdefault(naming.folded(name), name)
    used, found = {naming.folded(name) for name in names}, {}
    for name in sorted(names):
        keeper = kept.get(naming.folded(name)) if naming.holds(name) else None
        if keeper == name:
            continue
        for alias in _names(name, naming, tag):
            folded = naming.folded(alias)
            if folded not in used and not is_taken(folded):
                break
        used.add(folded)
        found[name] = Alias(alias, keeper)
    return found


def _names(name: bytes, naming: Naming, tag: Tag) -> Iterator[bytes]:
    written, digits = name if naming.holds(name) else _written(name), tag(name).hex()
    for length in DIGITS:
        yield with_suffix(written, digits[:length], WHY)
    count = 2
    while True:
        yield with_suffix(written, f"{digits[: DIGITS[-1]]} {count}", WHY)
        count += 1


def _written(name: bytes) -> bytes:
    """Return a name with what is refused in it as `%` and two digits."""
    name = _CHARACTERS.sub(lambda found: b"%%%02X" % found[0][0], name)
    if name.endswith((b".", b" ")):
        name = name[:-1] + b"%%%02X" % name[-1]
    return b"%%%02X" % name[0] + name[1:] if _DEVICE.match(name) else name


def real_name(name: bytes, tag: Tag) -> bytes | None:
    """Return the name for which an alias stands; None if it is none, or was cut to what fits into a name."""
    for suffix in _SUFFIX.finditer(name):
        written = name[: suffix.start()] + name[suffix.end() :]
        for real in (written, _WRITTEN.sub(lambda code: bytes([int(code[1], 16)]), written)):
            if is_name(real) and tag(real).hex().startswith(suffix[1].decode()):
                return real
    return None
