"""What a person at the desktop is told of: what needs one, when it begins to, and no more.

A need is told when a folder comes into a state that needs a person, or when another need comes on top, and
again only after it was gone, and not within a while. What goes on by itself (no network, a round on its way)
or was asked for (a pause) is not told. What is to be told at one time is one note.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from e2esync.daemon.standing import FolderStanding, State
from e2esync.engine.survey import Need

TITLE = "e2esync needs you"
AGAIN = 900.0  # seconds in which one need of one folder is told once, though it comes and goes
SOON = 60.0  # seconds until what nobody could be told is tried again: the desktop comes up after the daemon

_Key = tuple[bytes, str]  # the folder's vault, the code of the need


class Note(NamedTuple):
    """What is shown at one time. The text may name files and folders: it is for the desktop of who has them."""

    title: str
    text: str


class News:
    """Remembers what was told; all times are seconds of one clock that only goes forward."""

    def __init__(self) -> None:
        """Know of nothing told."""
        self._open: set[_Key] = set()  # was told, and is still needed
        self._due: dict[_Key, float] = {}  # not to be told before
        self._last: dict[_Key, Need] = {}

    def look(self, standings: Sequence[FolderStanding], now: float) -> Note | None:
        """Return what is to be told now."""
        self._open &= _held(standings, self._open)
        fresh = {key: need for key, need in _needed(standings) if self._is_news(key, now)}
        if not fresh:
            return None
        self._open |= fresh.keys()
        self._due.update(dict.fromkeys(fresh, now + AGAIN))
        self._last = fresh
        return _note(list(dict.fromkeys(fresh.values())))

    def unheard(self, now: float) -> None:
        """Note that the last note reached nobody: what it told is news again, soon."""
        self._open -= self._last.keys()
        self._due.update(dict.fromkeys(self._last, now + SOON))

    def _is_news(self, key: _Key, now: float) -> bool:
        return key not in self._open and now >= self._due.get(key, now)


def _needed(standings: Sequence[FolderStanding]) -> Iterable[tuple[_Key, Need]]:
    """Return what folders need that go on no more without a person."""
    for each in standings:
        match each.state:
            case State.ERROR | State.LOCKED | State.NEEDS_YOU:
                yield from (((each.survey.note.vault, need.code), need) for need in each.needs)
            case State.OFFLINE | State.PAUSED | State.SYNCING | State.UP_TO_DATE:
                pass


def _held(standings: Sequence[FolderStanding], told: set[_Key]) -> set[_Key]:
    """Return what is still needed, in whatever state; of a folder that is offline nobody knows, so all is."""
    offline = {each.survey.note.vault for each in standings if each.state is State.OFFLINE}
    needed = {(each.survey.note.vault, need.code) for each in standings for need in each.needs}
    return needed | {key for key in told if key[0] in offline}


def _note(needs: Sequence[Need]) -> Note:
    first, *others = needs
    text = first.text.rstrip(".")
    if others:
        return Note(TITLE, f"{text}, and {len(others)} more.\ne2esync status")
    return Note(TITLE, f"{text}.\n{first.fix}".strip())
