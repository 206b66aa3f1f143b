"""H7: trees that pass every signature and would break whoever reads them.

Each shape is signed by a real device of the vault, and stands in a store that is honest otherwise. It has to
be refused whole: exit code 6 (or a question), nothing written, trust as it was, work and traffic bounded; and
the next honest pull works. Where only the content of a file is broken, the tree counts and nothing of that file is written.
"""

from __future__ import annotations

import subprocess

import pytest

from e2esync.adapters.catalogue import Catalogue
from e2esync.engine.broken import BrokenTree
from e2esync.errors import BadObject
from e2esync.tree.keys import ROOT
from e2esync.tree.lists import ListRoot
from e2esync.tree.pages import Item
from e2esync.vault.heads import ContextMap
from tests.attacks import forge_defences  # noqa: F401 - adds defences that can be switched off
from tests.attacks.arena import Arena, AttackSucceeded, ClientCrashed, bnd, det, row, weakened
from tests.attacks.forge_tree import Forger, nodes_of
from tests.attacks.tree_shapes import (
    SHAPES,
    Shape,
    a_directory_inside_of_itself,
    a_file_below_a_file,
    files_in_directories_that_do_not_exist,
    of_list,
    the_directory_of_strays_inside_of_a_stray,
    two_directories_inside_of_each_other,
)

REQUESTS, BYTES, MEMORY = 40, 6 << 20, 48 << 20  # of one refused pull


@pytest.fixture(autouse=True)
def nothing_deep_is_left(tmp_path):
    """Remove what is too deep for whoever cleans up behind the tests."""
    yield
    subprocess.run(["rm", "-rf", "--", str(tmp_path / "arena")], check=True)


class _Blind(Forger):
    """A forger that has seen nothing: what honest devices have stays beside what it publishes."""

    def everything(self) -> ContextMap:
        return {}


def attack(arena: Arena, made: Shape) -> None:
    """Publish a shape; the honest device refuses it within bounds, and recovers."""
    laptop, _ = arena.pair()
    forger = (_Blind if made.is_in_contents else Forger)(arena.world.keys, arena.store)
    made.forge(forger)
    with bnd(arena.store, requests=REQUESTS, size=BYTES, memory=MEMORY if made.is_large else None):
        arena.refuses(laptop, kinds=made.kinds, recovers=not made.is_in_contents)
    if made.is_in_contents:  # the head counts; a good tree over it is the way on
        forger.publish([forger.file(b"good", b"content")])
        laptop.pull()
        if laptop.tree().get(b"good", ())[:2] != ("file", b"content"):
            raise AttackSucceeded("a good tree over it does not help")


@pytest.mark.row("H7")
@pytest.mark.shows("G2", "G17")
@pytest.mark.parametrize("made", SHAPES, ids=[made.name for made in SHAPES])
def test_a_tree_that_would_break_its_reader_is_refused_whole(arena, made):
    attack(arena, made)


@pytest.mark.row("H7")
@pytest.mark.parametrize("made", [made for made in SHAPES if made.weaknesses], ids=lambda made: made.name)
def test_without_its_check_such_a_tree_is_believed(arena, made):
    with weakened(*made.weaknesses), pytest.raises(AttackSucceeded) as found:
        attack(arena, made)
    assert not isinstance(found.value, ClientCrashed), found.value.__cause__


@pytest.mark.row("H7")
@pytest.mark.parametrize(
    ("forge", "shown"),
    [
        (a_directory_inside_of_itself, {b"d"}),
        (two_directories_inside_of_each_other, {b"a", b"a/b"}),
        (files_in_directories_that_do_not_exist, {b"s", b"Recovered", b"Recovered/t"}),
        (a_file_below_a_file, {b"above", b"Recovered", b"Recovered/below"}),
        (the_directory_of_strays_inside_of_a_stray, {b"Recovered", b"Recovered/d", b"Recovered/s"}),
    ],
)
def test_what_hangs_together_with_nothing_is_shown_and_stops_nobody(arena, forge, shown):
    laptop, desk = arena.pair()
    honest = laptop.tree()
    forge(_Blind(arena.world.keys, arena.store))
    for dev in (laptop, desk):
        arena.pulls(dev)
    assert laptop.tree() == desk.tree()
    assert laptop.tree().keys() == honest.keys() | shown
    assert honest.items() <= laptop.tree().items()


@pytest.mark.row("H7")
def test_what_gets_too_deep_as_its_directory_goes_back_is_refused_by_those_who_have_it_too(arena: Arena):
    """Only one node of the tree changes; those that are too deep then are as they were."""
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    upper, bottom = chain(forger, 600, ROOT)
    moved, number = forger.directory(b"e", parent=bottom, place=(ROOT, b"e"))
    lower, _ = chain(forger, 500, number)
    forger.publish([*nodes_of(laptop).items(), *upper, moved, *lower])
    laptop.pull()
    back, _ = forger.directory(b"e", parent=bottom)
    forger.publish({**nodes_of(laptop), back[0]: back[1]}.items())
    for dev in (laptop, desk):
        assert "too deep" in det(dev.pull, BrokenTree).what


def chain(forger: Forger, depth: int, parent: bytes) -> tuple[list[Item], bytes]:
    """Directories in each other, and the number of the last."""
    nodes = []
    for _ in range(depth):
        node, parent = forger.directory(b"d", parent=parent)
        nodes.append(node)
    return nodes, parent


@row("H7", shows=["G17"], weaknesses=["list sums"])
@pytest.mark.parametrize("levels", [1, 3])
def test_a_list_never_unfolds_to_more_than_its_file(arena: Arena, monkeypatch, levels):
    """One page of 300 references, named 300 times on each level: the file says that it has 1000 bytes."""
    looked_up = 0
    find = Catalogue.find

    def counting(self, blob_id):
        nonlocal looked_up
        looked_up += 1
        if looked_up > 20_000:
            raise BadObject("the test has seen enough")
        return find(self, blob_id)

    monkeypatch.setattr(Catalogue, "find", counting)
    laptop, _ = arena.pair()
    forger = _Blind(arena.world.keys, arena.store)
    page, count, size = forger.list_page(0, [forger.text(b"x" * 1000).chunks[0]] * 300), 300, 300_000
    for level in range(1, levels + 1):
        page, count, size = (
            forger.list_page(level, [(page, count, size)] * 300),
            count * 300,
            size * 300,
        )
    of_list(forger, ListRoot(page, levels, 1000), 1000)
    arena.refuses(laptop, recovers=False)
    if looked_up > 1000:
        raise AttackSucceeded(f"{looked_up} parts are looked up of a file of 1000 bytes")
