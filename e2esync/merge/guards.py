"""What looks like a mistake, by its size: many files gone or changed in one step, in either direction.

A rename is no deletion, and a new time no change; whoever counts has seen to that.
"""

from __future__ import annotations

from enum import StrEnum

FEWEST = 20  # files from which shares of all count
MANY = 1000  # deletions that are many however many files there are
NEARLY_ALL = 90  # percent


class Risk(StrEnum):
    """What a person has to accept by name."""

    MASS_DELETE = "mass-delete"
    MASS_CHANGE = "mass-change"
    ROOT_EMPTIED = "root-emptied"


def risk_of(*, files: int, gone: int, changed: int, is_emptied: bool = False) -> Risk | None:
    """Return what a step risks.

    Args:
        files: Files before the step.
        gone: How many of them it deletes.
        changed: How many of them get another content.
        is_emptied: Nothing is left of two things or more.
    """
    if is_emptied:
        return Risk.ROOT_EMPTIED
    if gone >= MANY or (files >= FEWEST and 2 * gone > files):
        return Risk.MASS_DELETE
    if files >= FEWEST and 100 * changed >= NEARLY_ALL * files:
        return Risk.MASS_CHANGE
    return None
