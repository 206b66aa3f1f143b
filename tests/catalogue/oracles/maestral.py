"""Maestral's cases of cleaning events, as what is published of a folder's changes between two scans.

They are those of `tests/offline/test_cleaning_events.py` of github.com/samschott/maestral (MIT), told anew. There, a
list of events is made shorter; here two scans are compared, so that what counts is what comes of it: contents, moves, deletions.
"""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """How much a push publishes. A directory that moves is one move, one that goes is a deletion of its files."""

    contents: int = 0
    moved: int = 0
    deleted: int = 0


class Row(NamedTuple):
    """What is there before, what happens, and what is published; words as in `oracles.bisync`."""

    name: str
    before: tuple[str, ...]
    happens: tuple[str, ...]
    published: Published


FOLDER = ("d/file1", "d/file2", "d/sub/file3")

ROWS = [
    Row("modified", ("1",), ("write 1 new",), Published(contents=1)),
    Row("created", (), ("write 2 new",), Published(contents=1)),
    Row("deleted", ("3",), ("delete 3",), Published(deleted=1)),
    Row("moved", ("4",), ("move 4 5",), Published(moved=1)),
    Row("created, deleted", (), ("write 1 new", "delete 1"), Published()),
    Row("deleted, created", ("2",), ("delete 2", "write 2 new"), Published(contents=1)),
    Row("deleted, created the same", ("2",), ("delete 2", "write 2 2"), Published()),
    Row("created, modified", (), ("write 3 new", "write 3 newer"), Published(contents=1)),
    Row("created, moved", (), ("write 1 new", "move 1 2"), Published(contents=1)),
    Row("moved, deleted", ("1",), ("move 1 4", "delete 4"), Published(deleted=1)),
    Row("moved, moved back", ("5",), ("move 5 6", "move 6 5"), Published()),
    Row(
        "moved, moved: one move, where there it is two events",
        ("7",),
        ("move 7 8", "move 8 9"),
        Published(moved=1),
    ),
    Row(
        "gedit",
        ("1",),
        ("write .gedit-save-UR4EC0 new", "move 1 1~", "move .gedit-save-UR4EC0 1"),
        Published(contents=2),
    ),
    Row(
        "safe save of a mac",
        ("1",),
        ("move 1 1.sb-b78ef837", "write 1 new", "delete 1.sb-b78ef837"),
        Published(contents=1),
    ),
    Row(
        "office, a new document",
        (),
        ("write 1 new", "delete 1", "write 1 newer", "write ~$1 owner"),
        Published(contents=2),
    ),
    Row("a file becomes a directory", ("1",), ("delete 1", "mkdir 1"), Published(deleted=1)),
    Row(
        "a directory becomes a file", ("2/x",), ("delete 2", "write 2 new"), Published(contents=1, deleted=1)
    ),
    Row(
        "a file becomes a directory by detours",
        ("1",),
        ("write 1 new", "delete 1", "write 1 newer", "delete 1", "mkdir 1"),
        Published(deleted=1),
    ),
    Row(
        "a file becomes a directory by detours, which moves",
        ("2",),
        ("write 2 new", "delete 2", "write 2 newer", "delete 2", "mkdir 2", "move 2 3"),
        Published(deleted=1),
    ),
    Row("a directory deleted", FOLDER, ("delete d",), Published(deleted=3)),
    Row("a directory moved", FOLDER, ("move d e",), Published(moved=1)),
    Row(
        "a directory moved, with an edit in it",
        FOLDER,
        ("move d e", "write e/file1 new"),
        Published(contents=1, moved=1),
    ),
    Row(
        "many at once",
        tuple(f"d/{number}/{number % 7}" for number in range(300)),
        ("move d e", *(f"write n{number} {number}" for number in range(50)), "delete e/3"),
        Published(contents=50, moved=1, deleted=1),
    ),
]
