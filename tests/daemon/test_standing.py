"""What is said of folders in one sentence: what it is, since when, and what helps."""

from __future__ import annotations

import errno
import time
from pathlib import Path

import pytest

from e2esync.daemon.standing import FolderStanding, State, lasting, sentence, trouble_of
from e2esync.daemon.values import status_values
from e2esync.engine.notes import FolderNote, StoreAddress
from e2esync.engine.survey import FolderSurvey, Need
from e2esync.errors import (
    AGAIN,
    ClockSkew,
    CredentialsRefused,
    DiskFull,
    Locked,
    SafetyStop,
    StoreUnavailable,
    TemporaryError,
)

HOUR = 3600.0
SURVEY = FolderSurvey(FolderNote(bytes(32), "vault", Path("/sync"), StoreAddress("memory:"), bytes(16)))


def wrong(error, since=0.0):
    trouble = trouble_of(error, since)
    assert trouble is not None
    return trouble


def since_when(before, after):
    trouble = lasting(before, after)
    return trouble.since if trouble is not None else None


def stands(error, since=0.0, **more):
    trouble = wrong(error, since)
    return FolderStanding(trouble.state, SURVEY, trouble=trouble, **more)


def needs(*found):
    survey = FolderSurvey(SURVEY.note, needs=found)
    return FolderStanding(State.NEEDS_YOU, survey)


def test_offline_says_since_when_by_the_clock_of_the_day():
    since = time.time() - HOUR
    told = sentence([stands(StoreUnavailable("the store does not answer", why="no connection"), since)])
    at = time.strftime("%H:%M", time.localtime(since))
    assert told == f"Offline since {at}: the store does not answer; it goes on by itself when that is over."


def test_offline_for_more_than_a_day_says_the_date():
    since = time.time() - 30 * HOUR
    told = sentence([stands(StoreUnavailable("the store does not answer"), since)])
    assert told.startswith(f"Offline since {time.strftime('%Y-%m-%d %H:%M', time.localtime(since))}: ")


def test_folders_that_are_offline_are_so_since_the_first_of_them():
    first, second = time.time() - 3 * HOUR, time.time() - HOUR
    told = sentence([stands(StoreUnavailable("away"), second), stands(TemporaryError("away"), first)])
    assert told.startswith(f"Offline since {time.strftime('%H:%M', time.localtime(first))}: ")


def test_what_lasts_has_begun_when_it_came_also_where_it_is_offline_in_another_way():
    away, slow, full = StoreUnavailable("away"), TemporaryError("slow"), DiskFull("full")
    assert since_when(wrong(away, 1.0), wrong(slow, 2.0)) == 1.0
    assert since_when(wrong(away, 1.0), wrong(full, 2.0)) == 2.0
    assert since_when(wrong(full, 1.0), wrong(full, 2.0)) == 1.0
    assert since_when(wrong(full, 1.0), wrong(SafetyStop("stopped", fix="look"), 2.0)) == 2.0
    assert since_when(wrong(away, 1.0), None) is None
    assert since_when(None, wrong(away, 1.0)) == 1.0


@pytest.mark.parametrize("kind", [DiskFull, ClockSkew])
def test_nobody_is_told_to_repeat_a_command_that_nobody_typed(kind):
    told = sentence([stands(kind("it is so"))])
    assert AGAIN not in told
    assert told.startswith("Needs you: it is so; ")
    assert told.endswith(", and it goes on by itself.")


def test_a_guard_names_the_command():
    stop = SafetyStop("it is much", fix="if it is right, the same command with --accept-risk mass-delete")
    assert sentence([stands(stop)]) == (
        "Needs you: it is much; if it is right, run e2esync sync --accept-risk mass-delete."
    )


def test_a_variable_of_a_process_that_runs_is_what_it_was():
    told = sentence([stands(CredentialsRefused("refused", fix="check AWS_ACCESS_KEY_ID"))])
    assert told.endswith(
        "check AWS_ACCESS_KEY_ID; a changed variable counts once the daemon was started anew."
    )


def test_locked_keys_say_what_opens_them_and_that_nothing_else_is_to_be_done():
    told = sentence([stands(Locked("the keyring is locked", why="D-Bus", fix="unlock it"))])
    assert told == "Locked: the keyring is locked; unlock it, and it goes on by itself."


def test_a_command_of_ours_is_to_be_run_and_others_are_counted():
    found = [Need("conflict", f"{number} stand", "e2esync conflicts list", "why") for number in range(3)]
    assert sentence([needs(*found)]) == "Needs you: 0 stand (and 2 more); run e2esync conflicts list."


def test_an_error_that_should_not_be_says_what_to_do():
    told = sentence([stands(ZeroDivisionError())])
    assert told == (
        "Error: something went wrong that should not (ZeroDivisionError);"
        " it is tried again, and if that does not help, run e2esync doctor."
    )


def test_a_full_disk_is_one_for_a_person_whoever_met_it():
    trouble = wrong(OSError(errno.ENOSPC, "No space left on device", "/home/anna/file"))
    assert (trouble.state, trouble.need.code) == (State.NEEDS_YOU, "disk-full")
    assert trouble.need.text == "a disk of this computer is full: /home/anna/file"


def test_the_list_says_why_and_nothing_of_events_where_a_person_has_to_see_to_the_folder():
    stuck = stands(SafetyStop("it is away", why="no disk", fix="mount it"), watch="no events come")
    told = status_values([stuck])
    assert told["needs_you"] == [{"code": "safety-stop", "text": "it is away: no disk", "fix": "mount it"}]
    assert told["notes"] == []
    offline = stands(StoreUnavailable("away"), watch="no events come")
    assert status_values([offline])["notes"] == ["no events come"]
