"""While a device publishes: refer to nothing that pruning takes, or has taken, from the store (format §9).

Three ways lead to such a pack. It stands in a mark: nothing is borrowed from it. It went while this
device was away: what there is, is looked for first. The mark came while a slow push was at work: what
that has written is undone, and written anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from e2esync.engine.away import forget_packs, missing_packs, note_look, was_away
from e2esync.engine.fetch import fetch_good
from e2esync.engine.marks import Marks, is_news, read_marks
from e2esync.engine.own import Listed, list_heads
from e2esync.engine.vault import SyncedFolder

MOST_PAUSE = 12 * 3600  # seconds from a look at the prune marks to the head: half of the shortest grace


@dataclass
class Known:
    """What is known of packs that go or went, when all is written."""

    marks: Marks
    lost: list[bytes] = field(default_factory=list)  # went while this device was away
    is_named: bool = False  # a new mark says that a pack went which our own indexes name

    @property
    def calls_for_mending(self) -> bool:
        """Return whether our own indexes, or our tree, may lead to what is not there."""
        return self.is_named or bool(self.lost)


def write_without(vault: SyncedFolder, listed: Listed, write: Callable[[Marks], None]) -> Known:
    """Let `write` store and commit what is new, in one transaction, without a word of what goes.

    It may be called again, after what it did was rolled back.
    """
    lost: list[bytes] = []
    is_slow = False
    while True:
        began = vault.clock.now()
        marks = read_marks(vault, listed.marks)
        if is_slow or was_away(vault):
            lost += _come_back(vault, listed)
        _heed(vault, marks)
        known = Known(marks, lost, is_named=_names_gone(vault, marks))
        try:
            with vault.state.transaction():
                write(marks)
                if vault.clock.now() - began > MOST_PAUSE:
                    _look_again(vault, marks)
        except _SomethingWent:  # what was stored is known, and not sent again
            listed, is_slow = list_heads(vault), True
        else:
            return known


class _SomethingWent(Exception):
    """Ends a transaction that refers to what may have been pruned meanwhile."""


def _look_again(vault: SyncedFolder, marks: Marks) -> None:
    """See that what a slow push refers to is not about to go: it may have slept for longer than a grace time."""
    if read_marks(vault, list_heads(vault).marks).hashes != marks.hashes or missing_packs(vault):
        raise _SomethingWent


def _come_back(vault: SyncedFolder, listed: Listed) -> list[bytes]:
    """Look what was pruned while we were away, and let go of what others gave up before it is said again."""
    lost = missing_packs(vault)
    forget_packs(vault, lost)
    note_look(vault)
    if lost:
        fetch_good(vault, listed)
        vault.catalogue.lose_packs(lost)  # indexes may name them still
    return lost


def _heed(vault: SyncedFolder, marks: Marks) -> None:
    """Take nothing as held that is about to go, or went."""
    vault.catalogue.do_not_borrow(marks.packs)
    if marks.gone and is_news(vault, marks):
        vault.catalogue.forget_known(marks.gone)


def _names_gone(vault: SyncedFolder, marks: Marks) -> bool:
    """Return whether our own indexes name what a new mark says is gone: it is time to name it no more."""
    rows = vault.catalogue.folding
    return bool(marks.gone) and is_news(vault, marks) and any(map(rows.is_named, sorted(marks.gone)))
