"""Which removed directories may be forgotten (format §6.11)."""

from __future__ import annotations

from e2esync.merge.tombstones import droppable
from e2esync.merge.write import Writer
from e2esync.tree.keys import ROOT, Kind, node_key
from e2esync.tree.values import DirectoryContent, Entry, FileContent, Place
from tests.merge.devices import tag
from tests.merge.writes import born, changed

A, B, C = (bytes([n]) * 16 for n in (1, 2, 3))
D = node_key(ROOT, b"d", Kind.DIRECTORY)
INSIDE = node_key(tag(D), b"f", Kind.FILE)


def gone(device: bytes = A, sequence: int = 2) -> Entry:
    writer = Writer(device, sequence)
    return born(writer, DirectoryContent(writer.dot(), here=False), None)


def file(*places: Place) -> Entry:
    writer = Writer(B, 1)
    entry = born(writer, FileContent(writer.dot(), 0, bytes(32), 0, (), (), "b", 0), None)
    return entry._replace(places=places)


def dropped(tree: dict[bytes, list[Entry]], *seen_by: dict[bytes, int]) -> list[bytes]:
    return droppable(tree, seen_by, tag)


def test_a_removed_directory_that_all_have_seen_go_is_forgotten():
    assert dropped({D: [gone()]}, {A: 2}, {A: 5, B: 1}) == [D]


def test_not_before_the_last_device_has_seen_it():
    assert dropped({D: [gone()]}, {A: 2}, {A: 1, B: 9}) == []
    assert dropped({D: [gone()]}, {A: 2}, {}) == []


def test_not_before_every_word_on_it_is_seen():
    assert dropped({D: [gone(A, 2), gone(B, 7)]}, {A: 2, B: 6}) == []
    assert dropped({D: [gone(A, 2), gone(B, 7)]}, {A: 2, B: 7}) == [D]


def test_not_while_it_is_here():
    writer = Writer(A, 2)
    here = born(writer, DirectoryContent(writer.dot(), here=True), None)
    assert dropped({D: [here]}, {A: 2}) == []
    assert dropped(
        {D: [changed(Writer(A, 3), here, content=DirectoryContent(Writer(A, 3).dot(), here=False))]}, {A: 3}
    ) == [D]


def test_not_while_anything_was_born_in_it_and_did_not_move():
    assert dropped({D: [gone()], INSIDE: [file()]}, {A: 2, B: 1}) == []


def test_not_while_any_word_on_a_place_names_it_be_it_the_last_or_not():
    writer = Writer(B, 1)
    elsewhere, into = Place(writer.dot(), ROOT, b"f"), Place(writer.dot(), tag(D), b"f")
    assert dropped({D: [gone()], INSIDE: [file(elsewhere)]}, {A: 2, B: 1}) == [D]
    other = node_key(ROOT, b"g", Kind.FILE)
    assert dropped({D: [gone()], other: [file(elsewhere, into)]}, {A: 2, B: 1}) == []
