"""Whatever comes over a real daemon, `status` says so in one sentence that helps, and it goes on without a restart."""

from __future__ import annotations

import re
import secrets

import pytest

from moto_fixtures.plugin import BUCKET
from tests.daemon.states import (
    IN_THE_FOLDER,
    KEYRING,
    NOBODY_TO_ASK,
    ON_THE_DISKS,
    ON_THE_WAY,
    Case,
    Scene,
    can_mount,
    in_a_directory,
    on_a_line,
    on_disks,
    show,
    with_a_keyring,
    with_a_passphrase,
)

BEGINS = {"offline": r"Offline since \d\d:\d\d: ", "needs-you": "Needs you: ", "locked": "Locked: "}


def named(case: Case) -> str:
    return case.name.replace(" ", "-")


def is_told_well(scene: Scene, case: Case) -> None:
    """It is one sentence, with what it is and what helps, and a program is told the same."""
    shown = show(scene, case)
    assert (shown.told["state"], shown.code) == (case.state, case.code)
    assert shown.needs == [case.need] * bool(case.code)
    assert shown.told["sentence"] == shown.sentence
    said = re.fullmatch(f"{BEGINS[case.state]}([^;]+); (.+)[^.?!]\\.", shown.sentence)
    assert said, shown.sentence
    assert ": " not in said[1]
    assert "same command" not in "\n".join(shown.lines)
    for need in shown.told["needs_you"]:
        assert need["text"].startswith(said[1])
        assert need["fix"].removesuffix(", and it goes on by itself") in shown.sentence


@pytest.fixture(scope="module")
def line(seaweed_server, tmp_path_factory):
    url = f"s3://{BUCKET}/states-{secrets.token_hex(8)}"
    with on_a_line(seaweed_server, url, tmp_path_factory.mktemp("line")) as scene:
        yield scene


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    with in_a_directory(tmp_path_factory.mktemp("folders")) as scene:
        yield scene


@pytest.fixture(scope="module")
def disks(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("disks")
    if not can_mount(scratch):
        pytest.skip("disks are mounted by the superuser alone")
    with on_disks(scratch) as scene:
        yield scene


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.parametrize("case", ON_THE_WAY, ids=named)
def test_what_is_on_the_way_to_the_store_is_told_and_gone_on_with(line, case):
    is_told_well(line, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", IN_THE_FOLDER, ids=named)
def test_what_is_in_the_folder_is_told_and_gone_on_with(folders, case):
    is_told_well(folders, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", ON_THE_DISKS, ids=named)
def test_disks_that_are_full_or_away_are_told_and_gone_on_with(disks, case):
    is_told_well(disks, case)


@pytest.mark.slow
def test_a_keyring_that_is_locked_at_login_is_told_and_gone_on_with_once_it_opens(tmp_path):
    with with_a_keyring(tmp_path) as scene:
        is_told_well(scene, KEYRING)


@pytest.mark.slow
def test_a_passphrase_that_nobody_was_there_to_type_is_told_and_gone_on_with_once_it_is_typed(tmp_path):
    with with_a_passphrase(tmp_path) as scene:
        is_told_well(scene, NOBODY_TO_ASK)
