"""Group A of docs/edge-cases.md: names that disks and programs disagree about."""

from __future__ import annotations

import os
import unicodedata

import pytest

from e2esync.adapters.files import CannotWrite
from tests.catalogue.hands import files, move, once, plain, put, round_of

NFC, NFD = (unicodedata.normalize(form, "Café é.txt") for form in ("NFC", "NFD"))


@pytest.mark.case(1, 2, 3)
def test_both_spellings_of_a_name_are_two_files_each_spelled_as_it_was(pair):
    a, b = pair
    put(a, NFC, "composed")
    put(b, NFD, "decomposed")
    round_of(a, b)
    assert files(a) == {NFC: "composed", NFD: "decomposed"}
    put(b, NFC, "edited")
    move(a, NFD, "dir-less")
    round_of(a, b)
    assert files(b) == {NFC: "edited", "dir-less": "decomposed"}


@pytest.mark.case(3)
def test_a_spelling_that_was_changed_by_hand_is_a_rename(pair):
    a, b = pair
    put(a, f"{NFD}/inside", "1")
    round_of(a, b)
    was = (b.root / NFD / "inside").stat().st_ino
    move(a, NFD, NFC)
    round_of(a, b)
    assert files(b) == {NFC: None, f"{NFC}/inside": "1"}
    assert (b.root / NFC / "inside").stat().st_ino == was


@pytest.mark.case(4)
def test_names_that_differ_in_case_only_are_two_files_where_the_disk_has_two(pair):
    a, b = pair
    put(a, "A.txt", "1")
    put(b, "a.txt", "2")
    put(a, "Dir/x", "1")
    put(b, "dir/x", "2")
    round_of(a, b)
    assert plain(a) == ["A.txt=1", "Dir/", "Dir/x=1", "a.txt=2", "dir/", "dir/x=2"]


@pytest.mark.case(5)
@pytest.mark.parametrize("meanwhile", ["nothing", "an edit", "the same"])
def test_a_rename_in_case_only_is_a_rename_of_files_directories_and_links(pair, meanwhile):
    a, b = pair
    put(a, "file", "1")
    put(a, "dir/x", "2")
    (a.root / "link").symlink_to("file")
    round_of(a, b)
    was = [(b.root / name).lstat().st_ino for name in ("file", "dir", "link")]
    for name in ("file", "dir", "link"):
        move(a, name, name.upper())
        if meanwhile == "the same":
            move(b, name, name.upper())
    if meanwhile == "an edit":
        put(b, "dir/x", "edited")
    round_of(a, b)
    content = "edited" if meanwhile == "an edit" else "2"
    assert plain(b) == ["DIR/", f"DIR/x={content}", "FILE=1", "LINK=-> file"]
    assert [(b.root / name).lstat().st_ino for name in ("FILE", "DIR", "LINK")] == was


@pytest.mark.case(7, 8)
@pytest.mark.parametrize(
    "name",
    [
        b"\xff\xfe",
        b"caf\xe9",
        b"a\nb\tc",
        b"%41%00",
        b"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac",
        b"\x01\x1b[2J",
    ],
)
def test_any_name_goes_there_and_back_and_is_edited_moved_and_in_conflict_like_others(pair, name):
    a, b = pair
    at_a, at_b = (os.fsencode(dev.root) + b"/" for dev in pair)
    write_raw(at_a + name, b"1")
    os.mkdir(at_a + b"in " + name)
    write_raw(at_a + b"in " + name + b"/" + name, b"2")
    round_of(a, b)
    write_raw(at_b + name, b"of b")
    write_raw(at_a + name, b"of a")
    os.rename(at_b + b"in " + name, at_b + b"moved " + name)
    round_of(a, b)
    tree = a.tree()
    assert tree[b"moved " + name + b"/" + name][1] == b"2"
    assert sorted(
        thing[1] for path, thing in tree.items() if path.count(b"/") == 0 and thing[0] == "file"
    ) == [
        b"of a",
        b"of b",
    ]
    assert name in tree


def write_raw(path: bytes, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


@pytest.mark.case(9)
def test_a_name_that_the_disk_cannot_hold_is_listed_stays_in_the_vault_and_comes_where_it_can(
    pair, monkeypatch
):
    a, b = pair
    long = "x" * 200
    put(a, long, "1")
    put(a, "short", "1")
    once(a)
    replace = type(b.vault.folder).replace

    def of_143_bytes(folder, staged, path, expected):
        if len(path) > 143:
            raise CannotWrite(path, "the name is too long")
        return replace(folder, staged, path, expected)

    with monkeypatch.context() as patch:
        patch.setattr(type(b.vault.folder), "replace", of_143_bytes)
        for _ in range(2):
            summary = b.sync()
            assert ([item["path"] for item in summary.failed], summary.deleted_remote) == ([long], 0)
            assert plain(b) == ["short=1"]
        put(a, "short", "2")
        once(a)
        b.sync()
        assert plain(b) == ["short=2"]
    assert files(a)[long] == "1"
    round_of(a, b)
    assert files(b)[long] == "1"


@pytest.mark.case(10)
@pytest.mark.parametrize("name", ["x" * 255, "y" * 251 + ".txt", "é" * 127 + "z", "." + "h" * 254])
def test_a_conflict_of_the_longest_name_has_room_for_its_copy(pair, name):
    a, b = pair
    put(a, name, "1")
    round_of(a, b)
    put(a, name, "of a")
    put(b, name, "of b")
    round_of(a, b)
    assert sorted(content or "" for content in files(b).values()) == ["of a", "of b"]
    assert all(len(path.encode()) <= 255 for path in files(b))
    assert name in files(b)


@pytest.mark.case(11)
@pytest.mark.parametrize(
    "name",
    [
        "x (conflict, desk, 2026-11-28 02-00 0123abcd).txt", "x (conflict, 0123abcd)", "Recovered/x", ".e2esync.tmp",
        "dir/.e2esync/tmp/x", ".e2esync-moving-0123", "folder-id", "dir/.e2esync-moving-0123/x",
    ],
)  # fmt: skip
def test_a_file_whose_name_looks_like_one_of_ours_is_synced_and_deleted_like_others(pair, name):
    a, b = pair
    put(a, name, "1")
    put(a, "keep", "0")
    round_of(a, b)
    assert files(b)[name] == "1"
    put(b, name, "2")
    round_of(a, b)
    assert files(a)[name] == "2"
    (a.root / name).unlink()
    round_of(a, b)
    assert name not in files(b)


@pytest.mark.case(11)
def test_our_own_directory_is_never_synced_whatever_stands_in_it(pair):
    a, b = pair
    put(a, ".e2esync/of the user", "1")
    put(a, "x", "1")
    round_of(a, b)
    assert not (b.root / ".e2esync" / "of the user").exists()
    assert (a.root / ".e2esync" / "of the user").read_bytes() == b"1"
