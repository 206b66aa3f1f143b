"""What a folder's disk makes of names, as a trial shows."""

from __future__ import annotations

import errno
import os
import unicodedata

import pytest

from e2esync.adapters.files import CannotWrite
from e2esync.adapters.files.workspace import tried_names
from e2esync.errors import DiskFull
from e2esync.merge.aliases import PLAIN, Naming


class Disk:
    """Files by their folded names."""

    def __init__(self, naming: Naming) -> None:
        self._naming, self._files = naming, dict[bytes, bytes]()

    def make(self, name: bytes) -> bool:
        if self._naming.holds(name):
            own_form = unicodedata.normalize("NFD", name.decode()).encode()
            written = own_form if self._naming.rewrites_form else name
            self._files.setdefault(self._naming.folded(name), written)
        return self._naming.holds(name)

    def is_there(self, name: bytes) -> bool:
        return self._naming.folded(name) in self._files

    def names(self) -> list[bytes]:
        return list(self._files.values())


@pytest.mark.parametrize("case", [False, True])
@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("reserves", [False, True])
@pytest.mark.parametrize("rewrites", [False, True])
def test_a_trial_shows_what_a_disk_takes_for_one_and_what_it_refuses(case, form, reserves, rewrites):
    naming = Naming(case, form, reserves, rewrites and form)
    disk = Disk(naming)
    assert tried_names(disk.make, disk.is_there, disk.names) == naming


def test_a_disk_that_has_no_letters_but_those_of_ascii_is_tried_all_the_same():
    disk = Disk(Naming(folds_case=True))
    tried = tried_names(lambda name: name.isascii() and disk.make(name), disk.is_there, disk.names)
    assert tried == Naming(folds_case=True)


def test_a_disk_of_linux_holds_all_names_and_nothing_is_left_of_the_trial(world):
    assert world.folder.naming() == PLAIN
    assert world.temporary() == []


@pytest.mark.parametrize(
    ("number", "raised"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EROFS, CannotWrite)]
)
def test_where_nothing_can_be_tried_nothing_is_said(world, monkeypatch, number, raised):
    world.folder.naming()

    def refuse(*_args, **_named):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(raised):
        world.folder.naming()


def test_a_disk_that_refuses_a_name_says_so_and_nothing_is_left(world, monkeypatch):
    opened = os.open

    def refuse(name, *args, **named):
        if b"?" in os.fsencode(name):
            raise OSError(errno.EINVAL, "no such name")
        return opened(name, *args, **named)

    monkeypatch.setattr(os, "open", refuse)
    assert world.folder.naming() == Naming(reserves=True)
    assert world.temporary() == []
