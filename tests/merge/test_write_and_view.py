"""What a device writes into a node, and what the node then shows: values in, values out."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from e2esync.format.cbor import decode, encode
from e2esync.merge.arrange import sights
from e2esync.merge.fold import fold, place_of
from e2esync.merge.standing import is_here
from e2esync.merge.write import Writer
from e2esync.tree.codec import decode_entries, encode_entries
from e2esync.tree.keys import ROOT, Kind, kind_of, node_key
from e2esync.tree.values import (
    Attributes,
    Content,
    DirectoryContent,
    Dot,
    Entry,
    FileContent,
    Place,
    SymlinkContent,
)
from tests.merge.writes import born, changed

A, B, C = (bytes([n]) * 16 for n in (1, 2, 3))
FILE, DIRECTORY, LINK = (node_key(ROOT, b"name", kind) for kind in (Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK))
OTHER = b"o" * 16


def content(writer: Writer, text: bytes = b"x") -> FileContent:
    return FileContent(writer.dot(), 0, text.ljust(32), 0, (), (), "laptop", 0)


class Shown(NamedTuple):
    parent: bytes
    name: bytes
    content: Content
    mode: int | None
    beside: int  # contents beside it


def shown(key: bytes, entries: tuple[Entry, ...]) -> Shown | None:
    """What a node by itself looks like."""
    folded = fold(entries)
    if kind_of(key) is Kind.DIRECTORY and not is_here(folded):
        return None
    first, *others = sights(key, folded)
    _, parent, name = place_of(key, folded)
    return Shown(parent, name, first.content, first.mode, len(others))


def stored(entry: Entry, kind: Kind = Kind.FILE) -> Entry:
    """The entry as another device reads it: everything that is written is as the format has it."""
    (read,) = decode_entries(decode(encode(encode_entries([entry]))), kind)
    assert read == entry
    return read


def test_a_node_that_is_born_stands_at_its_birthplace_with_its_mode():
    writer = Writer(A, 5)
    entry = stored(born(writer, content(writer), 0o640))
    assert (entry.device, entry.sequence, entry.past, entry.places) == (A, 5, (), ())
    stands = shown(FILE, (entry,))
    assert stands is not None
    assert (stands.parent, stands.name, stands.mode) == (ROOT, b"name", 0o640)
    assert stands.content == entry.contents[0]


def test_no_two_values_of_a_push_have_one_dot():
    writer = Writer(A, 5)
    dots = [writer.dot() for _ in range(100)]
    assert len(set(dots)) == 100
    assert dots == sorted(dots)
    assert {(dot.sequence, dot.device) for dot in dots} == {(5, A)}


def test_a_write_of_the_same_device_covers_its_own_earlier_word_without_saying_so():
    first, second = Writer(A, 5), Writer(A, 6)
    entry = stored(changed(second, born(first, content(first), 0o600), content=content(second, b"new")))
    assert (entry.device, entry.sequence, entry.past) == (A, 6, ())
    assert entry.attributes[0].dot.sequence == 5


def test_a_write_of_another_device_covers_what_it_replaces():
    first, second, third = Writer(A, 5), Writer(B, 2), Writer(A, 9)
    one = born(first, content(first), 0o600)
    two = stored(changed(second, one, mode=0o644))
    assert (two.device, two.sequence, two.past) == (B, 2, ((A, 5),))
    assert two.contents == one.contents
    three = stored(changed(third, two, place=(OTHER, b"moved")))
    assert (three.device, three.sequence, three.past) == (A, 9, ((B, 2),))
    assert three.attributes == two.attributes


@given(
    st.lists(
        st.tuples(st.sampled_from([A, B, C]), st.sampled_from(["content", "place", "mode"])), max_size=12
    )
)
def test_whatever_is_written_is_as_the_format_has_it_and_covers_all_before(writes):
    writer = Writer(A, 1)
    entry = stored(born(writer, content(writer), 0o600))
    sequences = {A: 1}
    for device, what in writes:
        sequences[device] = sequences.get(device, 0) + 3
        writer = Writer(device, sequences[device])
        match what:
            case "content":
                entry = changed(writer, entry, content=content(writer, b"%d" % sequences[device]))
            case "place":
                entry = changed(writer, entry, place=(OTHER, b"n%d" % sequences[device]))
            case _:
                entry = changed(writer, entry, mode=sequences[device] % 0o777)
        stored(entry)
        assert dict(entry.past) | {entry.device: entry.sequence} == sequences
        assert shown(FILE, (entry,)) is not None


def test_a_moved_node_stands_where_its_highest_place_says():
    writer = Writer(A, 5)
    entry = born(writer, content(writer), None)
    places = (
        Place(Dot(3, A, 9), OTHER, b"older"),
        Place(Dot(4, B, 1), OTHER, b"newest"),
        Place(Dot(4, A, 2), OTHER, b"newer"),
    )
    assert place_of(FILE, fold([entry._replace(places=places)]))[1:] == (OTHER, b"newest")
    assert place_of(FILE, fold([entry]))[1:] == (ROOT, b"name")


def test_a_move_back_is_explicit():
    one, two = Writer(A, 1), Writer(A, 2)
    entry = stored(changed(two, born(one, content(one), 0o600), place=(ROOT, b"name")))
    assert len(entry.places) == 1
    assert place_of(FILE, fold([entry]))[1:] == (ROOT, b"name")


def test_the_highest_mode_is_shown():
    writer = Writer(A, 5)
    modes = (
        Attributes(Dot(2, B, 1), 0o600),
        Attributes(Dot(3, A, 1), 0o700),
        Attributes(Dot(1, C, 9), 0o644),
    )
    entry = born(writer, content(writer), None)._replace(attributes=modes)
    stands = shown(FILE, (entry,))
    assert stands is not None
    assert stands.mode == 0o700


def test_a_directory_that_was_removed_shows_nothing_and_can_come_back():
    one, two, three = Writer(A, 1), Writer(B, 1), Writer(A, 2)
    entry = born(one, DirectoryContent(one.dot(), here=True), 0o755)
    assert shown(DIRECTORY, (entry,)) is not None
    gone = stored(changed(two, entry, content=DirectoryContent(two.dot(), here=False)), Kind.DIRECTORY)
    assert shown(DIRECTORY, (gone,)) is None
    back = stored(changed(three, gone, content=DirectoryContent(three.dot(), here=True)), Kind.DIRECTORY)
    assert shown(DIRECTORY, (back,)) is not None


def test_a_symlink_has_no_mode():
    writer = Writer(A, 1)
    entry = stored(born(writer, SymlinkContent(writer.dot(), b"target", -5), None), Kind.SYMLINK)
    stands = shown(LINK, (entry,))
    assert stands is not None
    assert stands.mode is None


def test_several_words_on_a_node_are_put_together():
    one, two = Writer(A, 1), Writer(B, 1)
    base = born(one, content(one), 0o600)
    moved = changed(Writer(A, 2), base, place=(OTHER, b"moved"))
    edited = changed(two, base, content=content(two, b"new"))
    stands = shown(FILE, (moved, edited))
    assert stands is not None
    assert (stands.parent, stands.name) == (OTHER, b"moved")
    assert stands.content == edited.contents[0]


def test_several_contents_stand_beside_each_other_and_equal_ones_are_one():
    one, two = Writer(A, 1), Writer(B, 1)
    mine, theirs = (born(writer, content(writer, text), 0o600) for writer, text in ((one, b"a"), (two, b"b")))
    stands = shown(FILE, (mine, theirs))
    assert stands is not None
    assert stands.beside == 1
    same = shown(FILE, (mine, born(two, content(two, b"a"), 0o600)))
    assert same is not None
    assert same.beside == 0
