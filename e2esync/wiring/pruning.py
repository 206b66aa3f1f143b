"""Which rules of retention hold: those that a person gives, else those that are remembered for the folder."""

from __future__ import annotations

from e2esync.engine.notes import FolderNote
from e2esync.errors import UsageError
from e2esync.merge.retention import KEEP_ALL, MOST, Rules


def chosen_rules(note: FolderNote, days: int | None, versions: int | None, *, keep_all: bool) -> Rules:
    """Return the rules that hold.

    Raises:
        UsageError: There is none, or one is out of range, or everything is to be kept and not.
    """
    if days is None and versions is None:
        if note.rules.keeps_all and not keep_all:
            raise UsageError(
                "no rule says what may go",
                why="every version of every file is kept until you set one",
                fix="e2esync prune --keep-days 90 --keep-versions 10",
            )
        return KEEP_ALL if keep_all else note.rules
    if keep_all:
        raise UsageError(
            "--keep-all goes with no other rule", fix="e2esync prune --keep-all, or the rules alone"
        )
    if any(number is not None and not 0 <= number <= MOST for number in (days, versions)):
        raise UsageError(f"days and versions are from 0 to {MOST}")
    return Rules(days, versions)
