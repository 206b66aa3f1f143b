"""Names for what has to stand beside something of the same name (format §6.9).

    report (conflict, laptop, 2026-11-23 14-02 1f3a9c2e).txt

The name depends on what is named alone, so that every device gives the same one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from e2esync.tree.keys import MAX_NAME
from e2esync.tree.values import Content, FileContent, SymlinkContent

MOST_OF_DEVICE = 32  # characters
DIGITS = (8, 16, 32)  # of the tag: the next number where the name is taken
LAST_SECOND = 253_402_300_799  # s since 1970: the end of the year 9999

Tag = Callable[[bytes], bytes]
"""A keyed hash of 16 bytes: that which numbers directories (format §6.1)."""


def beside(name: bytes, content: Content, mark: bytes, taken: Callable[[bytes], bool]) -> bytes:
    """Return the first name for a content beside `name` that is not taken. `mark` is what its digits are of."""
    return next(each for each in _names(name, content, mark.hex()) if not taken(each))


def mark_of(content: Content, tag: Tag) -> bytes:
    """Return what the digits of a content are of: 16 bytes or more."""
    match content:
        case FileContent():
            return content.hash
        case SymlinkContent():
            return tag(content.target)
        case _:
            raise AssertionError("only files and symlinks have contents that stand beside each other")


def _names(name: bytes, content: Content, digits: str) -> Iterator[bytes]:
    for length in DIGITS:
        yield with_suffix(name, f"{_whose(content)}{digits[:length]}")
    count = 2
    while True:
        yield with_suffix(name, f"{_whose(content)}{digits[: DIGITS[-1]]} {count}")
        count += 1


def _whose(content: Content) -> str:
    return _by(content.device_name, content.saved) if isinstance(content, FileContent) else ""


def _by(device_name: str, saved: int) -> str:
    device = re.sub(r"[^A-Za-z0-9]+", "-", device_name)[:MOST_OF_DEVICE].strip("-") or "device"
    time = datetime.fromtimestamp(min(max(saved, 0), LAST_SECOND), UTC)
    return f"{device}, {time:%Y-%m-%d %H-%M} "


def written_late(name: bytes, device_name: str, saved: int, digits: str) -> bytes:
    """Return the name for what a program wrote into a file that was replaced under it. `saved`: s since 1970."""
    return with_suffix(name, f"{_by(device_name, saved)}{digits}", "written late")


def with_suffix(name: bytes, what: str, why: str = "conflict") -> bytes:
    """Return a name with its suffix, the stem shortened to what fits."""
    suffix = f" ({why}, {what})".encode()
    stem, dot, extension = name.rpartition(b".")
    extension = dot + extension
    kept = shortened(stem, MAX_NAME - len(suffix) - len(extension))
    if not kept:  # nothing before the dot, or no room for any of it
        kept, extension = shortened(name, MAX_NAME - len(suffix)), b""
    return kept + suffix + extension


def shortened(name: bytes, most: int) -> bytes:
    """Return the beginning of a name, without a part of a character of UTF-8 at its end."""
    if len(name) <= most:
        return name
    for start in range(max(most - 3, 0), max(most, 0)):
        for end in range(most + 1, start + 5):
            if _is_character(name[start:end]):
                return name[:start]
    return name[: max(most, 0)]


def _is_character(part: bytes) -> bool:
    try:
        return len(part.decode()) == 1
    except UnicodeDecodeError:
        return False
