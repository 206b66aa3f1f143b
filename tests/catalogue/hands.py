"""What people do in the folders of their devices, and rounds in which everything goes round.

Wherever everything has gone round, all folders are the same, but for aliases, and show what the tree says, and two
more rounds store nothing and touch no file.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from e2esync.engine import listing
from tests.engine.shows import as_on, shown
from tests.engine.test_cases import Real
from tests.engine.world import Dev, World
from tests.merge.cases import Case, names, play

ROUNDS = 2  # until everything has gone round, whatever happened before


def put(dev: Dev, path: str, content: bytes | str = b"") -> Path:
    """Save a file, making the directories above it."""
    target = dev.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content if isinstance(content, bytes) else content.encode())
    return target


def move(dev: Dev, old: str, new: str) -> None:
    (dev.root / old).rename(dev.root / new)


def remove(dev: Dev, path: str) -> None:
    target = dev.root / path
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink()


def once(dev: Dev) -> None:
    """Sync, and see that nothing was left undone."""
    summary = dev.sync()
    assert (summary.skipped, summary.failed) == ([], []), dev.name


def round_of(*devices: Dev) -> None:
    """Let all sync until everything has gone round; then nobody has anything to say or to do."""
    for _ in range(ROUNDS):
        for dev in devices:
            once(dev)
    first = min(devices, key=lambda dev: dev.naming)  # whose disk holds all names, if one does
    for dev in devices:
        wanted = without_times(first)
        assert without_times(dev) == (wanted if dev.naming == first.naming else as_on(dev, wanted)), dev.name
        assert shown(dev) == {path: thing[0] for path, thing in dev.tree().items()}
        assert {entry.path for entry in listing.entries(dev.vault.state)} == dev.tree().keys()
    for dev in devices:
        before = touched(dev)
        for _ in range(2):
            assert dev.count(dev.sync).requests["PUT"] == 0, dev.name
        assert touched(dev) == before


def without_times(dev: Dev) -> dict[bytes, tuple]:
    """A folder without times: an equal content that was saved later is no new content."""
    return {path: thing if thing[0] == "directory" else thing[:-1] for path, thing in dev.tree().items()}


def touched(dev: Dev) -> dict[str, tuple[int, int]]:
    """What shows that a file was written or replaced: inode and time of the last change of any sort."""
    found = {}
    for above, _, inside in os.walk(os.fsencode(dev.root)):
        if b"/.e2esync" not in above:
            for name in inside:
                status = os.lstat(above + b"/" + name)
                found[os.fsdecode(above + b"/" + name)] = (status.st_ino, status.st_ctime_ns)
    return found


COPY = re.compile(r" \(conflict, [^)]*\)")


def files(dev: Dev) -> dict[str, str | None]:
    """Path → content, as text; of a directory None, of a link `-> target`."""
    found: dict[str, str | None] = {}
    for path, thing in dev.tree().items():
        content = {"file": lambda thing: thing[1], "symlink": lambda thing: b"-> " + thing[1]}.get(thing[0])
        found[os.fsdecode(path)] = content and content(thing).decode(errors="replace")
    return found


def plain(dev: Dev) -> list[str]:
    """What is in a folder, in short: `path=content`, `directory/`; a name beside another of its kind has a `!`."""
    return sorted(
        COPY.sub("!", path) + ("/" if content is None else f"={content}")
        for path, content in files(dev).items()
    )


class Folders(Real):
    """Devices that sync both ways, one after the other."""

    def __init__(self, world: World, devices: list[str], *, last_first: bool) -> None:
        super().__init__(world, devices)
        self._last_first = last_first

    def sync(self, *devices: str) -> None:
        made = [self.devices[name] for name in devices or self.devices]
        round_of(*(reversed(made) if self._last_first else made))


def comes_to(home: Path, steps: str, outcome: str) -> None:
    """Do the steps of a case (`tests.merge.cases`) on real folders: whoever syncs first, this comes of it."""
    assert after(home, steps) == [sorted(outcome.split())] * 2


def after(home: Path, steps: str) -> list[list[str]]:
    """What comes of these steps: where the first device syncs first, and where the last does."""
    return [_played(home / name, Case(steps, ""), last_first=name == "last first") for name in ORDERS]


ORDERS = ("first first", "last first")


def _played(home: Path, case: Case, *, last_first: bool) -> list[str]:
    world = World(home)
    try:
        folders = Folders(world, names(case), last_first=last_first)
        play(case, folders)
        return plain(folders.devices["A"])
    finally:
        world.close()
