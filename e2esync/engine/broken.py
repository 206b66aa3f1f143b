"""What a device has signed, and is not as the format has it: everybody finds it so, and its head is set aside (format §8.5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from e2esync.errors import BadObject


class BrokenWord(BadObject):
    """What a device has signed is not as the format has it: that is its device's doing, not the store's."""

    default_why = "one of your devices signed it so; the store has changed nothing of it"


class BrokenTree(BrokenWord):
    """A tree that its device has signed is not as the format has it."""


class TwoHistories(BrokenWord):
    """A device has signed two histories (format §8.4)."""

    default_fix = (
        "see what runs on that device; nothing that it publishes counts any more, until it joins anew"
    )

    def __init__(self, what: str = "it has signed two histories", **more: str) -> None:
        super().__init__(what, **more)


Aside: TypeAlias = dict[bytes, BrokenWord]
"""What is the matter with heads that are set aside, by their devices."""


@contextmanager
def as_signed() -> Iterator[None]:
    """Take bytes that a head leads to by their id for its device's word: what is wrong with them, it signed."""
    try:
        yield
    except BadObject as error:
        raise BrokenWord(error.what) from error


@contextmanager
def setting_aside(aside: Aside, device: bytes) -> Iterator[None]:
    """Set the head of a device aside where its word turns out to be broken, and go on."""
    try:
        yield
    except BrokenWord as error:
        aside.setdefault(device, error)
