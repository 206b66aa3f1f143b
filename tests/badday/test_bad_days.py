"""The program in a process of its own, real servers, and a network on a bad day: a few cells of the matrix.

All of it is in `tests/long/bad_days.py`. What is wrong in a verdict is said in `days.live`: the exit code,
three lines and no traceback, memory and time, and whether the same command mends it afterwards.
"""

import pytest

from tests.badday.days import DAYS, live

pytestmark = pytest.mark.server

CELLS = [
    ("seaweed", "push", "cut in the request, at times", 0),
    ("rclone", "push", "503, but done", 7),
    ("rclone", "push", "head lost", 0),
    ("seaweed", "pull", "objects with a wrong byte", 6),
    ("rclone", "pull", "listing without heads", 6),
    ("rclone", "join", "500, at times", 0),
    ("seaweed", "setup", "no answer to a write", 7),
    ("rclone", "verify", "listing without packs", 0),
    ("seaweed", "verify --deep", "cut in the answer, at times", 7),
    ("rclone", "move-store", "502 in HTML", 7),
    ("seaweed", "status", "hangs", 0),
    ("rclone", "doctor --store", "cut before", 7),
]


@pytest.fixture
def house(request):
    """The house of a server, by its name."""
    return request.getfixturevalue(f"{request.param}_house")


@pytest.mark.row("O7")
@pytest.mark.parametrize(
    ("house", "command", "day", "code"),
    CELLS,
    indirect=["house"],
    ids=[f"{kind}, {command}, {day}" for kind, command, day, _ in CELLS],
)
@pytest.mark.case(108)
def test_a_command_ends_with_its_code_and_the_same_command_mends_it(house, command, day, code):
    verdict = live(house, DAYS[day], command)
    assert verdict.problems == []
    assert verdict.first.code == code, verdict.first


@pytest.mark.row("R11")
def test_a_setup_whose_writes_were_lost_does_not_say_that_it_is_done_for_good(rclone_house):
    verdict = live(rclone_house, DAYS["every write lost"], "setup")
    assert verdict.problems == []
