"""The ignore rules of a folder of this device, for the command line; no request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from e2esync.adapters.files import LocalFolder
from e2esync.engine.diskrules import DiskRules
from e2esync.engine.editrules import add_rules
from e2esync.engine.notes import FolderNote
from e2esync.engine.places import join
from e2esync.engine.scan import is_parked
from e2esync.engine.vault import SYSTEM_CLOCK
from e2esync.errors import SafetyStop
from e2esync.ignoring.rules import RULES_FILE

OWN = b".e2esync"


@dataclass(frozen=True, slots=True)
class Answer:
    """What rules say of one path."""

    path: bytes  # relative to the folder
    is_ignored: bool
    file: bytes | None = (
        None  # of the rule that decides, relative to the folder; None: built in, or there is none
    )
    line: int = 0
    pattern: str | None = None  # None: no rule names it


@contextmanager
def _opened(note: FolderNote) -> Iterator[LocalFolder]:
    with LocalFolder.open(note.path) as folder:
        if folder.marker() != note.vault:
            raise SafetyStop(
                f"{note.path} is not the folder that is synced here",
                why="its marker (.e2esync) is gone or another vault's",
                fix=f"mount the disk it is on, or e2esync forget {note.path}",
            )
        yield folder


def check(note: FolderNote, paths: Iterable[tuple[bytes, bool]]) -> list[Answer]:
    """Say of paths, relative to the folder, whether they are ignored; True: a path names a directory that need not be there.

    Raises:
        Unreadable: Rules cannot be understood.
    """
    with _opened(note) as folder:
        rules = DiskRules(folder)
        return [_answer(folder, rules, path, is_directory=is_directory) for path, is_directory in paths]


def _answer(folder: LocalFolder, rules: DiskRules, path: bytes, *, is_directory: bool) -> Answer:
    first = path.partition(b"/")[0]
    if not path or first.lower() == OWN or is_parked(first):
        return Answer(path, is_ignored=bool(path), pattern="/" + first.decode() if path else None)
    here = folder.stat(path)
    decision = rules.decision(path, is_directory=here.kind == "d" if here is not None else is_directory)
    if decision is None:
        return Answer(path, is_ignored=False)
    file = join(decision.where, RULES_FILE) if decision.where is not None else None
    return Answer(path, decision.rule.is_ignoring, file, decision.rule.line, decision.rule.text)


def add(note: FolderNote, lines: Iterable[str]) -> list[str]:
    """Append lines to the file of rules in the root; return those that it did not have.

    Raises:
        Unreadable: The rules that are there cannot be understood.
        ChangedLocally, CannotWrite, DiskFull: The file was left as it is.
    """
    with _opened(note) as folder:
        return add_rules(folder, lines, clock=SYSTEM_CLOCK)
