"""What a person is told of, as a table of how folders stand one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2esync.daemon.news import AGAIN, SOON, TITLE, News, Note
from e2esync.daemon.standing import FolderStanding, State, Trouble
from e2esync.engine.notes import FolderNote, StoreAddress
from e2esync.engine.survey import FolderSurvey, Need

CONFLICT = Need("conflict", "1 copy stands beside others in /home/me/Sync", "e2esync conflicts list")
MORE = Need("conflict", "3 copies stand beside others in /home/me/Sync", "e2esync conflicts list")
FAILED = Need(
    "files-failed", "a.txt is not synced: it cannot be read", "mend what is named; it is tried again"
)
KEYS = Need("locked", "the keys cannot be opened.", "e2esync start")
REFUSED = Need("store-refused", "the bucket refused to list (403)", "e2esync doctor --store")
BUG = Need("bug", "something went wrong that should not (ValueError)", "e2esync doctor")
NET = Need("store-unavailable", "the bucket does not answer", "")


def folder(state: State, *needs: Need, trouble: Need | None = None, vault: bytes = b"v") -> FolderStanding:
    note = FolderNote(vault, "Sync", Path("/home/me/Sync"), StoreAddress("memory:"), b"device")
    went_wrong = Trouble(state, trouble, 0.0) if trouble is not None else None
    return FolderStanding(state, FolderSurvey(note, needs=needs), trouble=went_wrong)


UP = folder(State.UP_TO_DATE)
SYNCING = folder(State.SYNCING)
BESIDE = folder(State.NEEDS_YOU, CONFLICT)
LOCKED = folder(State.LOCKED, trouble=KEYS)
OFFLINE = folder(State.OFFLINE, trouble=NET)
WRONG = folder(State.ERROR, trouble=BUG)
NO = None
TOLD = "1 copy stands beside others in /home/me/Sync.\ne2esync conflicts list"
LOCKED_TOLD = "the keys cannot be opened.\ne2esync start"
WRONG_TOLD = "something went wrong that should not (ValueError).\ne2esync doctor"


@pytest.mark.parametrize(
    "steps",  # how the folder stands, a minute apart, and what is told then
    [
        pytest.param([(UP, NO), (SYNCING, NO), (OFFLINE, NO), (UP, NO)], id="what goes on by itself"),
        pytest.param([(UP, NO), (BESIDE, TOLD), (BESIDE, NO), (BESIDE, NO)], id="once"),
        pytest.param([(LOCKED, LOCKED_TOLD), (LOCKED, NO), (UP, NO)], id="locked"),
        pytest.param([(WRONG, WRONG_TOLD), (WRONG, NO), (UP, NO)], id="error"),
        pytest.param([(folder(State.SYNCING, CONFLICT), NO), (BESIDE, TOLD)], id="once the round is done"),
        pytest.param([(folder(State.PAUSED, CONFLICT), NO), (BESIDE, TOLD)], id="once the pause is over"),
        pytest.param(
            [(BESIDE, TOLD), (folder(State.SYNCING, CONFLICT), NO), (BESIDE, NO)], id="not after each round"
        ),
        pytest.param(
            [(BESIDE, TOLD), (folder(State.PAUSED, CONFLICT), NO), (BESIDE, NO)], id="not after a pause"
        ),
        pytest.param([(BESIDE, TOLD), (folder(State.NEEDS_YOU, MORE), NO)], id="more of the same"),
        pytest.param(
            [
                (BESIDE, TOLD),
                (folder(State.NEEDS_YOU, CONFLICT, FAILED), f"{FAILED.text}.\n{FAILED.fix}"),
                (folder(State.NEEDS_YOU, CONFLICT, FAILED), NO),
                (BESIDE, NO),
            ],
            id="another on top",
        ),
        pytest.param(
            [(BESIDE, TOLD), (folder(State.LOCKED, CONFLICT, trouble=KEYS), LOCKED_TOLD), (BESIDE, NO)],
            id="trouble on top",
        ),
        pytest.param(
            [
                (
                    folder(State.NEEDS_YOU, CONFLICT, FAILED),
                    TOLD.replace(".\ne2esync conflicts list", ", and 1 more.\ne2esync status"),
                )
            ],
            id="several at once are one note",
        ),
        pytest.param([(BESIDE, TOLD), (UP, NO), (BESIDE, NO), (UP, NO)], id="not again within a while"),
        pytest.param(
            [(BESIDE, TOLD), (UP, NO), *[(BESIDE, NO)] * 13, (BESIDE, TOLD), (BESIDE, NO)],
            id="it is told later, if it is still there",
        ),
        pytest.param([(BESIDE, TOLD), *[(UP, NO)] * 14, (BESIDE, TOLD)], id="again after a while"),
        pytest.param([(BESIDE, TOLD), *[(BESIDE, NO)] * 30], id="never again as long as it is there"),
        pytest.param(
            [
                (folder(State.NEEDS_YOU, trouble=REFUSED), f"{REFUSED.text}.\n{REFUSED.fix}"),
                *[(OFFLINE, NO)] * 30,
                (folder(State.NEEDS_YOU, trouble=REFUSED), NO),
            ],
            id="what no network hid is not new",
        ),
        pytest.param(
            [(folder(State.OFFLINE, CONFLICT, trouble=NET), NO), (BESIDE, TOLD)], id="not what waits offline"
        ),
    ],
)
def test_only_what_needs_a_person_is_told_when_it_begins(steps):
    assert AGAIN == 15 * 60
    news = News()
    for number, (standing, told) in enumerate(steps):
        note = news.look([standing], 60.0 * number)
        assert note == (None if told is None else Note(TITLE, told)), number


def test_what_several_folders_need_alike_is_told_once():
    both = [folder(State.LOCKED, trouble=KEYS, vault=vault) for vault in (b"v", b"w")]
    assert News().look(both, 0) == Note(TITLE, LOCKED_TOLD)


def test_folders_are_told_apart():
    news = News()
    assert news.look([BESIDE], 0) is not None
    other = folder(State.NEEDS_YOU, CONFLICT, vault=b"w")
    assert news.look([BESIDE, other], 0) == Note(TITLE, TOLD)
    assert news.look([BESIDE, other], 0) is None
    assert news.look([BESIDE, folder(State.OFFLINE, trouble=NET, vault=b"w")], 0) is None
    assert news.look([], 0) is None
    assert news.look([other], AGAIN) == Note(TITLE, TOLD)  # the folder was gone, and its needs with it


def test_a_folder_that_is_offline_hides_nothing_of_another():
    news, away = News(), folder(State.OFFLINE, trouble=NET, vault=b"w")
    assert news.look([BESIDE, away], 0) is not None
    assert news.look([UP, away], 1) is None
    assert news.look([BESIDE, away], AGAIN) == Note(TITLE, TOLD)


def test_what_reached_nobody_is_told_again_soon_and_what_reached_somebody_is_not():
    news, more = News(), folder(State.NEEDS_YOU, CONFLICT, FAILED)
    assert news.look([BESIDE], 0) == Note(TITLE, TOLD)
    failed = news.look([more], 1)
    assert failed == Note(TITLE, f"{FAILED.text}.\n{FAILED.fix}")
    news.unheard(2)
    assert news.look([more], 2) is None
    assert news.look([more], SOON) is None
    assert news.look([more], 2 + SOON) == failed
    assert news.look([more], 2 + 2 * AGAIN) is None


def test_what_reached_nobody_and_is_over_is_told_no_more():
    news = News()
    assert news.look([BESIDE], 0) is not None
    news.unheard(0)
    assert news.look([UP], SOON) is None


def test_a_need_without_advice_is_told_without():
    needs = folder(State.NEEDS_YOU, trouble=Need("refused", "the bucket is full", ""))
    assert News().look([needs], 0) == Note(TITLE, "the bucket is full.")
