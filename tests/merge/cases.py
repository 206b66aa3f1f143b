"""Cases of two or three devices: what the users do, and what comes of it on all of them.

A step is `DEVICE put PATH CONTENT`, `DEVICE mv OLD NEW`, `DEVICE rm PATH`, `DEVICE scan` (it writes down what
happened so far), `DEVICE lose` (its rows are lost) or `sync` (of all; of `sync A B` only). Contents are
numbers. What came of it is the tree on every device: `PATH=CONTENT`, `PATH/` for a directory, and
`PATH!CONTENT` for a content that stands beside PATH in a conflict, `PATH~` for a second node of that name.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol


class Case(NamedTuple):
    """What is done, and what comes of it."""

    steps: str  # separated by commas
    outcome: str  # separated by spaces


CASES = {
    "edit, move": Case("A put a 1, sync, A put a 2, B mv a b", "b=2"),
    "directory moved, new file in it": Case("A put D/a 1, sync, A mv D E, B put D/n 2", "E/ E/a=1 E/n=2"),
    "directory moved, edit in it": Case("A put D/a 1, sync, A mv D E, B put D/a 2", "E/ E/a=2"),
    "directory removed, edit in it": Case("A put D/a 1, A put D/b 2, sync, A rm D, B put D/a 3", "D/ D/a=3"),
    "directory removed, new file in it": Case(
        "A put D/a 1, A put D/b 2, sync, A rm D, B put D/n 3", "D/ D/n=3"
    ),
    "written in a directory that was removed, and emptied again": Case(
        "A put D/a 1, sync, A rm D, B put D/n 2, sync, A put D/m 3, sync, A rm D/n, A rm D/m", "D/"
    ),
    "removed directory emptied": Case(
        "A put D/a 1, A put k 9, sync, A rm D, B put D/n 2, sync, A rm D/n", "k=9"
    ),
    "two directories moved into each other": Case(
        "A put D/a 1, A put E/b 2, sync, A mv D E/D, B mv E D/E", "E/ E/D/ E/b=2 E/D/a=1"
    ),
    "two full folders meet": Case(
        "A put p/x 1, A put p/y 2, B put p/x 1, B put p/y 3, B put q 4", "p/ p/x=1 p/y=3 p/y!2=2 q=4"
    ),
    "move, move": Case("A put a 1, sync, A mv a b, B mv a c", "b=1"),
    "move, removal": Case("A put a 1, A put D/k 9, sync, A mv a D/a, B rm a", "D/ D/a=1 D/k=9"),
    "move out of a directory that is removed": Case(
        "A put D/a 1, A put E/k 9, sync, A mv D/a E/a, B rm D", "E/ E/a=1 E/k=9"
    ),
    "swap, edit": Case("A put a 1, A put b 2, sync, A mv a t, A mv b a, A mv t b, B put a 3", "a=2 b=3"),
    "one directory moved to two places": Case(
        "A put D/a 1, sync, A mv D E, B mv D F, B put F/z 5", "E/ E/a=1 E/z=5"
    ),
    "new file at the old place, edit at the new": Case(
        "A put D/a 1, sync, A mv D E, sync, A put D/a 7, B put E/a 8", "D/ E/ D/a=7 E/a=8"
    ),
    "two edits": Case("A put a 1, sync, A put a 2, B put a 3", "a=2 a!3=3"),
    "a new file beside a conflict": Case(
        "A put a 1, sync, A put a 2, B put a 3, sync, A put a!2 4", "a!2=4 a=2 a!3=3"
    ),
    "a new file beside a conflict goes": Case(
        "A put a 1, sync, A put a 2, B put a 3, sync, A put a!2 4, sync, B rm a!2", "a=2 a!3=3"
    ),
    "winner removed, winner edited": Case(
        "A put a 1, sync, A put a 2, B put a 3, sync, A rm a, B put a 5", "a!3=3 a=5"
    ),
    "winner removed": Case("A put a 1, sync, A put a 2, B put a 3, sync, A rm a", "a!3=3"),
    "winner edited twice": Case(
        "A put a 1, sync, A put a 2, B put a 3, sync, A put a 9, B put a 10", "a!3=3 a=9 a!10=10"
    ),
    "file becomes a directory, edit": Case(
        "A put a 1, sync, A rm a, A put a/x 2, B put a 3", "a/ a!3=3 a/x=2"
    ),
    "two directories of one name": Case(
        "A put x/a 1, A put y/a 2, sync, A mv x z, B mv y z", "z/ z~/ z/a=1 z~/a=2"
    ),
    "rows lost after a directory moved": Case(
        "A put D/a 1, A put D/b 2, sync, A mv D E, sync, B lose", "E/ E/a=1 E/b=2"
    ),
    "rows lost after a file moved": Case("A put a 1, sync, A mv a b, sync, B lose", "b=1"),
    "rows lost with a conflict shown": Case(
        "A put a 1, sync, A put a 2, B put a 3, sync, B lose", "a=2 a!3=3"
    ),
    "rows lost while another moves the directory": Case(
        "A put D/a 1, A put D/b 2, sync, B lose, A mv D E", "E/ E/a=1 E/b=2"
    ),
    "rows lost on both": Case(
        "A put D/a 1, A put D/b 2, sync, A mv D E, sync, B lose, A lose", "E/ E/a=1 E/b=2"
    ),
    "name born again, twice": Case(
        "C scan, A put a 1, sync, A mv a b, A put a 7, C rm a, C scan, C put a 9", "a=9 a!7=7 b=1"
    ),
    "born again and moved, old one moved": Case(
        "C scan, B put a 1, sync, A rm a, A scan, A put a 5, A scan, A mv a y, C mv a z", "y=5 z=1"
    ),
    "born again by its creator, old one moved": Case(
        "C scan, A put a 1, sync, A rm a, A scan, A put a 5, A scan, C mv a z", "a=5 z=1"
    ),
    "born again by another, old one moved": Case(
        "C scan, B put a 1, sync, A rm a, A scan, A put a 5, A scan, C mv a z", "a=5 z=1"
    ),
    "born again, moved, born again": Case(
        "C scan, A put a 1, sync, A mv a b, A put a 5, sync A B, B rm b, B scan, B put q 1, B mv a c, B scan, "
        "B put a 5, A put a 6",
        "a=5 c=6 q=1",
    ),
    "equal contents born again under different numbers": Case(
        "A put a 1, sync, A mv a b, A scan, A put a 5, B rm a, B scan, B put a 5", "a=5 b=1"
    ),
    "equal contents born again, old one removed": Case(
        "A put a 1, sync, A mv a b, sync, A put a 5, A scan, B rm b, B scan, B put a 5", "a=5"
    ),
    "moved back, edit": Case("A put a 1, sync, A mv a b, sync, A mv b a, B put b 2", "a=2"),
    "directory moved, removed": Case("A put D/a 1, A put D/b 2, sync, B mv D Arch, A rm D", ""),
    "winner edited, new file beside": Case(
        "A put a 1, sync, A put a 2, B put a 3, sync, A put a 9, B put a!2 10", "a!2=10 a!3=3 a=9"
    ),
    "both removed what is not there": Case("A put a 1, sync, A put a 2, B put a 3, sync", "a=2 a!3=3"),
    "winner moved by both": Case(
        "A put a 1, sync, A put a 2, B put a 3, sync, A mv a w, B mv a w", "a!3=3 w=2"
    ),
    "winner moved, new file beside": Case(
        "A put a 1, sync, A put a 2, B put a 3, sync, A mv a w, B put a!2 11", "a!2=11 a!3=3 w=2"
    ),
    "winner removed beside a directory": Case(
        "A put a 1, A put D/x 0, sync, A put a 2, B put a 3, sync, A rm a", "D/ a!3=3 D/x=0"
    ),
    # the same on what the conflict really shows
    "copy edited": Case("A put a 1, sync, A put a 2, B put a 3, sync, A put a!3 4", "a=2 a!4=4"),
    "copy removed": Case("A put a 1, sync, A put a 2, B put a 3, sync, B rm a!3", "a=2"),
    "copy removed on both": Case("A put a 1, sync, A put a 2, B put a 3, sync, A rm a!3, B rm a!3", "a=2"),
    "winner removed, copy removed": Case(
        "A put a 1, sync, A put a 2, B put a 3, sync, A rm a, B rm a!3", "a!3=3"
    ),
}


class Driver(Protocol):
    """Devices that do what is told, on their disks."""

    def put(self, device: str, path: str, content: int) -> None: ...
    def move(self, device: str, old: str, new: str) -> None: ...
    def remove(self, device: str, path: str) -> None: ...
    def scan(self, device: str) -> None: ...
    def lose(self, device: str) -> None: ...
    def sync(self, *devices: str) -> None: ...
    def tree(self, device: str) -> dict[str, int | None]: ...


def names(case: Case) -> list[str]:
    """Return the devices of a case."""
    return sorted({"A", "B", *re.findall(r"\b([A-D]) [a-z]", case.steps)})


def run(case: Case, driver: Driver) -> None:
    """Do the steps of a case, let all sync, and hold the outcome against what is to be."""
    play(case, driver)
    trees = [driver.tree(device) for device in names(case)]
    assert all(tree == trees[0] for tree in trees), trees
    assert normal(trees[0]) == sorted(case.outcome.split())


def play(case: Case, driver: Driver) -> None:
    """Do the steps of a case, and let all sync."""
    for step in case.steps.split(", "):
        do(step, driver)
    driver.sync()


def do(step: str, driver: Driver) -> None:
    """Do one step of a case."""
    who, *words = step.split()
    if who == "sync":
        driver.sync(*words)
        return
    shown = driver.tree(who)
    real = [_real(word, shown) for word in words]
    match real:
        case ["put", path, content]:
            driver.put(who, path, int(content))
        case ["mv", old, new]:
            driver.move(who, old, new)
        case ["rm", path]:
            driver.remove(who, path)
        case ["scan"]:
            driver.scan(who)
        case ["lose"]:
            driver.lose(who)
        case _:
            raise ValueError(step)


_BESIDE = re.compile(r"([^/]*) \(conflict, (?:([A-D]), \S+ \S+ )?[0-9a-f]{8,}\)")


def _real(word: str, shown: dict[str, int | None]) -> str:
    """Return the name of a content that stands beside another, if it is one."""
    name, mark, content = word.partition("!")
    if mark:
        for path, found in shown.items():
            if found == int(content) and (match := _BESIDE.fullmatch(path)) and match[1] == name:
                return path
    return word


def beside(path: str, content: object) -> str:
    """Return the path of a content as outcomes are written: `PATH!CONTENT` beside another, `PATH~` a second node."""
    *above, name = path.split("/")
    parts = [_BESIDE.sub(r"\1~", part) for part in above]
    parts.append(
        _BESIDE.sub(lambda match: f"{match[1]}~" if content is None else f"{match[1]}!{content}", name)
    )
    return "/".join(parts)


def normal(tree: dict[str, int | None]) -> list[str]:
    """Return a tree as outcomes are written."""
    return sorted(
        beside(path, content) + ("/" if content is None else f"={content}") for path, content in tree.items()
    )
