"""What a vault lists: every thing that the folder showed, whatever its name, on each device, in bounded memory."""

from __future__ import annotations

import os
import shutil
import tracemalloc
from dataclasses import FrozenInstanceError

import pytest

from e2esync import Kind, errors
from e2esync.adapters.state import FolderState
from e2esync.engine import listing
from e2esync.format.cbor import encode
from e2esync.merge.write import Writer
from e2esync.tree.codec import encode_entries
from e2esync.tree.keys import ROOT, node_key
from e2esync.tree.values import DirectoryContent, SymlinkContent
from tests.engine.world import tree
from tests.merge.writes import born, changed

WRITER = Writer(bytes(16), 1)
KINDS = {Kind.FILE: "file", Kind.SYMLINK: "symlink", Kind.DIRECTORY: "directory"}


def listed(device) -> dict[bytes, tuple]:
    """The listing, in the form in which the tests see a folder; with sizes for contents."""
    with device.open() as vault:
        entries = list(vault.list())
    assert len({entry.path for entry in entries}) == len(entries)
    return {entry.path: as_tree(entry) for entry in entries}


def as_tree(entry) -> tuple:
    match entry.kind:
        case Kind.FILE:
            assert entry.target is None
            return ("file", entry.size, entry.mode, entry.mtime_ns)
        case Kind.SYMLINK:
            assert (entry.size, entry.mode) == (0, None)
            return ("symlink", entry.target, entry.mtime_ns)
        case _:
            assert (entry.size, entry.mtime_ns, entry.target) == (0, None, None)
            return (KINDS[entry.kind], entry.mode)


def folder(device) -> dict[bytes, tuple]:
    """What stands in the folder, with sizes for contents."""
    return {
        path: (thing[0], len(thing[1]), *thing[2:]) if thing[0] == "file" else thing
        for path, thing in tree(device.folder).items()
    }


@pytest.fixture
def full(laptop):
    """A folder with every kind of thing, pushed."""
    root = os.fsencode(laptop.folder)
    laptop.write("empty", b"")
    laptop.write("deep/er/est/file", b"12345")
    (laptop.folder / "deep" / "nothing in it").mkdir()
    with open(root + b"/caf\xe9 not UTF-8", "wb") as file:
        file.write(b"raw")
    os.mkdir(root + b"/\xff\xfe")
    os.symlink(b"nowhere/\xe9", root + b"/\xff\xfe/dangling")
    laptop.write("line\nbreak", b"x")
    os.chmod(root + b"/empty", 0o640)
    os.chmod(root + b"/deep/er", 0o700)
    os.utime(root + b"/empty", ns=(1, 1_234_567_890_123_456_789))
    laptop.push()
    return laptop


def test_the_device_that_pushed_lists_what_its_folder_shows(full):
    assert len(folder(full)) == 10
    assert listed(full) == folder(full)


def test_the_device_that_joined_lists_the_same_once_it_has_pulled(full, desk):
    assert listed(desk) == {}
    desk.pull()
    assert listed(desk) == listed(full)


def test_the_listing_is_the_vault_of_the_last_round_and_not_the_disk(full):
    before = listed(full)
    full.write("new", b"new")
    (full.folder / "empty").unlink()
    assert listed(full) == before
    full.push()
    assert listed(full) == folder(full) != before


def test_what_was_moved_replaced_or_removed_is_listed_where_it_stands(full, desk):
    desk.pull()
    (full.folder / "deep").rename(full.folder / "moved")
    full.write("deep/other", b"another directory of the old name")
    shutil.rmtree(full.folder / "moved" / "er" / "est")
    (full.folder / "empty").rename(full.folder / "deep" / "empty")
    (full.folder / "empty").mkdir()
    full.push()
    desk.pull()
    assert b"moved/er" in folder(full)
    assert listed(full) == listed(desk) == folder(full)


def test_everything_that_is_listed_as_a_file_can_be_opened_by_its_path(full, desk):
    (full.folder / "deep").rename(full.folder / "moved")
    full.write("deep/er/est/file", b"another")
    full.push()
    desk.pull()
    with desk.open() as vault:
        files = [entry.path for entry in vault.list() if entry.kind is Kind.FILE]
        read = {path: vault.open(path).read() for path in files}
    assert read == {path: thing[1] for path, thing in tree(full.folder).items() if thing[0] == "file"}
    assert (read[b"deep/er/est/file"], read[b"moved/er/est/file"]) == (b"another", b"12345")


def test_an_entry_cannot_be_changed(full):
    with full.open() as vault:
        entry = next(vault.list())
    with pytest.raises(FrozenInstanceError):
        entry.size = 3


@pytest.mark.parametrize("change", ["push", "pull", "close"])
def test_a_listing_ends_with_an_error_when_the_vault_changes_under_it(full, change):
    with full.open() as vault:
        going = vault.list()
        next(going)
        getattr(vault, change)()
        with pytest.raises(RuntimeError):
            next(going)


def test_several_listings_go_on_beside_each_other(full):
    with full.open() as vault:
        assert list(vault.list()) == [one for one, _ in zip(vault.list(), vault.list(), strict=True)]


# the tree itself


@pytest.fixture
def state(tmp_path):
    opened = FolderState(tmp_path / "state.db")
    yield opened
    opened.close()


def number(key: bytes) -> bytes:
    """A directory's number, as these tests give them out."""
    return key[16:32].ljust(16, b"#")


def directory(state, parent: bytes, name: bytes, *, here: bool = True) -> bytes:
    """Put a directory into the tree; return its number."""
    key = node_key(parent, name, Kind.DIRECTORY)
    put(state, key, born(WRITER, DirectoryContent(WRITER.dot(), here=here), 0o755))
    state.put_directories([(number(key), key)])
    return number(key)


def link(state, parent: bytes, name: bytes, n: int = 0) -> bytes:
    key = node_key(parent, name, Kind.SYMLINK, n)
    put(state, key, born(WRITER, SymlinkContent(WRITER.dot(), b"target %d" % n, 5), None))
    return key


def put(state, key, entry) -> None:
    state.put_nodes([(key, encode(encode_entries([entry])))])


def paths(state) -> list[bytes]:
    return [entry.path for entry in listing.entries(state)]


def test_a_tree_larger_than_a_batch_is_listed_once_and_whole(state):
    wanted = [b"%05d" % n for n in range(2 * listing.BATCH + 1)]
    with state.transaction():
        for name in wanted:
            link(state, ROOT, name)
    assert paths(state) == wanted


@pytest.mark.parametrize("count", [300, 3_000])
def test_memory_does_not_grow_with_the_tree(state, monkeypatch, count):
    monkeypatch.setattr(listing, "REMEMBERED", 100)
    monkeypatch.setattr(listing, "BATCH", 100)
    with state.transaction():
        for n in range(count):
            link(state, directory(state, ROOT, b"%016d" % n + b"n" * 200), b"inside")
    tracemalloc.start()
    try:
        listed = sum(1 for _ in listing.entries(state))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert listed == 2 * count
    assert peak < 400_000  # bytes; the paths of 3000 directories alone are 900 000


def test_paths_stay_right_when_more_directories_pass_than_are_remembered(state, monkeypatch):
    monkeypatch.setattr(listing, "REMEMBERED", 2)
    wanted = set()
    for name in (b"x", b"y", b"z"):
        outer = directory(state, ROOT, name)
        inner = directory(state, outer, name * 2)
        link(state, inner, b"l")
        wanted |= {name, name + b"/" + name * 2, name + b"/" + name * 2 + b"/l"}
    assert set(paths(state)) == wanted


def test_a_directory_that_was_removed_is_shown_for_what_lives_in_it(state):
    gone = directory(state, ROOT, b"gone", here=False)
    link(state, gone, b"left")
    assert paths(state) == [b"gone", b"gone/left"]
    assert listing.find(state, b"gone/left")
    assert listing.find(state, b"gone") is not None


def test_a_later_birth_of_the_same_name_is_found(state):
    link(state, ROOT, b"name", n=7)
    found = listing.find(state, b"name")
    assert found
    assert isinstance(found[1].content, SymlinkContent)
    assert found[1].content.target == b"target 7"


def test_a_node_that_was_moved_is_found_where_it_stands_and_not_where_it_was_born(state):
    inside = directory(state, ROOT, b"d")
    key = link(state, ROOT, b"born")
    put(
        state,
        key,
        changed(WRITER, born(WRITER, SymlinkContent(WRITER.dot(), b"t", 5), None), place=(inside, b"now")),
    )
    state.put_moved(key, inside, b"now")
    assert set(paths(state)) == {b"d", b"d/now"}
    assert listing.find(state, b"d/now")
    assert listing.find(state, b"born") is None


def test_nothing_is_found_below_what_is_no_directory(state):
    key = link(state, ROOT, b"link")
    link(state, number(key), b"inside")
    assert listing.find(state, b"link")
    assert listing.find(state, b"link/inside") is None


def test_directories_inside_each_other_are_an_error_and_no_endless_loop(state):
    one, other = node_key(ROOT, b"one", Kind.DIRECTORY), node_key(ROOT, b"other", Kind.DIRECTORY)
    for key, into in ((one, other), (other, one)):
        entry = born(WRITER, DirectoryContent(WRITER.dot(), here=True), 0o755)
        put(state, key, changed(WRITER, entry, place=(number(into), b"in")))
        state.put_directories([(number(key), key)])
        state.put_moved(key, number(into), b"in")
    with pytest.raises(errors.BadObject):
        paths(state)
