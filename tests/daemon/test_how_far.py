"""What people are told while something goes on: how far it is, how fast, and how long yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2esync.daemon.rate import WINDOW, Rate
from e2esync.daemon.standing import FolderStanding, State, Work, sentence
from e2esync.engine.notes import FolderNote, StoreAddress
from e2esync.engine.survey import FolderSurvey
from e2esync.model.amounts import remaining_text

NOTE = FolderNote(bytes(16), "vault", Path("/folder"), StoreAddress("memory:"), bytes(16))
MIB = 1 << 20


def syncing(work: Work | None, waiting: int = 0) -> str:
    return sentence([FolderStanding(State.SYNCING, FolderSurvey(NOTE), waiting, None, work)])


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (Work("push", 0, 100 * MIB, 0), "Syncing: sending, 0 % of 100.0 MiB."),
        (Work("push", 25 * MIB, 100 * MIB, 0), "Syncing: sending, 25 % of 100.0 MiB."),
        (
            Work("push", 25 * MIB, 100 * MIB, 0, 2.5 * MIB),
            "Syncing: sending, 25 % of 100.0 MiB, 2.5 MiB per second, less than a minute left.",
        ),
        (
            Work("pull", 10 * MIB, 1024 * MIB, 0, MIB),
            "Syncing: receiving, 0 % of 1.0 GiB, 1.0 MiB per second, about 17 minutes left.",
        ),
        (Work("pull", 0, 0, 0), "Syncing: changes are on their way."),
        (Work("looking", 0, None, 0), "Syncing: looking at what has changed."),
        (Work("compare", 7, None, 0), "Syncing: comparing with the other devices."),
        (Work("pages", 7, None, 0), "Syncing: changes are on their way."),
        (None, "Syncing."),
    ],
)
def test_it_says_how_far_how_fast_and_how_long_yet(work, said):
    assert syncing(work) == said


def test_a_file_that_grew_meanwhile_is_done_and_no_more():
    assert syncing(Work("push", 3 * MIB, 2 * MIB, 0, MIB)).startswith("Syncing: sending, 100 % of 2.0 MiB, ")


def test_what_waits_is_counted_where_nothing_goes_on():
    assert syncing(None, waiting=3) == "Syncing: 3 changes wait to be quiet."


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than a minute left"),
        (60, "about 1 minute left"),
        (3540, "about 59 minutes left"),
        (3600, "about 1 hour left"),
        (30 * 3600, "about 30 hours left"),
        (3 * 86_400, "about 3 days left"),
    ],
)
def test_how_long_yet_is_said_no_more_exactly_than_anybody_knows(seconds, said):
    assert remaining_text(seconds) == said


def test_how_fast_it_goes_is_told_by_the_last_half_minute():
    rate = Rate()
    assert rate.value is None
    rate.note(100.0, 0)
    assert rate.value is None
    rate.note(101.0, 1000 * MIB)  # what the store has already
    assert rate.value is None
    for second in range(2, 200):
        rate.note(100.0 + second, 1000 * MIB + second * MIB)
        assert rate.value is not None
    assert rate.value == MIB


def test_what_stands_still_has_no_rate():
    rate = Rate()
    for second in range(2 * int(WINDOW)):
        rate.note(float(second), 7)
    assert rate.value is None
