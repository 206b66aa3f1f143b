"""Names of what stands beside something of the same name (format §6.9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2esync.merge.arrange import arrange
from e2esync.merge.fold import Folded
from e2esync.merge.naming import beside, shortened, written_late
from e2esync.tree.keys import MAX_NAME, ROOT, Kind, is_name, node_key
from e2esync.tree.values import Content, DirectoryContent, Dot, FileContent, SymlinkContent
from tests.merge.devices import tag

A = b"a" * 16
MARK = bytes.fromhex("1f3a9c2e" + "00112233" * 7)


def file(saved: int = 1795528920, name: str = "laptop", dot: int = 1, size: int = 1) -> FileContent:
    return FileContent(Dot(dot, A, 1), size, MARK, 0, (), (), name, saved)


def name_of(name: bytes, content: Content, taken: set[bytes] = frozenset()) -> bytes:  # type: ignore[assignment]
    return beside(name, content, MARK, taken.__contains__)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"report.txt", b"report (conflict, laptop, 2026-11-24 14-02 1f3a9c2e).txt"),
        (b"report", b"report (conflict, laptop, 2026-11-24 14-02 1f3a9c2e)"),
        (b"a.tar.gz", b"a.tar (conflict, laptop, 2026-11-24 14-02 1f3a9c2e).gz"),
        (b".bashrc", b".bashrc (conflict, laptop, 2026-11-24 14-02 1f3a9c2e)"),
        (b".vimrc.old", b".vimrc (conflict, laptop, 2026-11-24 14-02 1f3a9c2e).old"),
        (b"ends.", b"ends (conflict, laptop, 2026-11-24 14-02 1f3a9c2e)."),
        (b"\xff\xfe.bin", b"\xff\xfe (conflict, laptop, 2026-11-24 14-02 1f3a9c2e).bin"),
    ],
)
def test_a_copy_says_whose_it_is_and_when_it_was_saved(name, expected):
    assert name_of(name, file()) == expected


def test_what_was_written_late_says_by_which_device_and_when():
    name = written_late(b"report.txt", "Anna's laptop", 1795528920, "1f3a9c2e")
    assert name == b"report (written late, Anna-s-laptop, 2026-11-24 14-02 1f3a9c2e).txt"
    assert len(written_late(b"n" * 255, "laptop", 1795528920, "1f3a9c2e")) <= MAX_NAME


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("Anna's laptop", b"Anna-s-laptop"),
        ("M\u00fcller", b"M-ller"),
        ("\u7535\u8111", b"device"),
        ("", b"device"),
        ("../../etc", b"etc"),
        ("x" * 99, b"x" * 32),
    ],
)
def test_a_device_is_named_in_plain_letters(device, expected):
    assert name_of(b"n", file(name=device)) == b"n (conflict, %b, 2026-11-24 14-02 1f3a9c2e)" % expected


@pytest.mark.parametrize(
    ("saved", "expected"), [(-(1 << 63), b"1970-01-01 00-00"), ((1 << 63) - 1, b"9999-12-31 23-59")]
)
def test_any_time_has_a_name(saved, expected):
    assert expected in name_of(b"n", file(saved))


def test_what_has_no_author_is_named_by_its_digits():
    assert name_of(b"d", DirectoryContent(Dot(1, A, 1), here=True)) == b"d (conflict, 1f3a9c2e)"
    assert name_of(b"l", SymlinkContent(Dot(1, A, 1), b"x", 0)) == b"l (conflict, 1f3a9c2e)"


def test_a_name_that_is_taken_gets_more_digits_and_then_a_number():
    taken: set[bytes] = set()
    for ending in (b" 1f3a9c2e)", b" 1f3a9c2e00112233)", b"00112233)", b" 2)", b" 3)"):
        name = name_of(b"n", file(), taken)
        assert name.endswith(ending)
        assert name not in taken
        taken.add(name)


@given(
    st.binary(min_size=1, max_size=255).filter(is_name),
    st.text(max_size=40),
    st.integers(-(2**63), 2**63 - 1),
)
@pytest.mark.case(10)
def test_every_name_is_one_and_fits(name, device, saved):
    made = name_of(name, file(saved, device))
    assert is_name(made)
    assert len(made) <= MAX_NAME
    assert made != name


@given(
    st.text(st.characters(min_codepoint=1, codec="utf-8"), min_size=80, max_size=255), st.integers(20, 200)
)
def test_no_character_is_cut_in_two(text, most):
    short = shortened(text.encode(), most)
    assert len(short) <= most
    assert text.startswith(short.decode())


def test_a_long_extension_is_part_of_the_stem():
    made = name_of(b"a." + b"x" * 250, file())
    assert len(made) <= MAX_NAME
    assert made.startswith(b"a.xxx")
    assert made.endswith(b"1f3a9c2e)")


def folded(*contents: Content) -> Folded:
    return Folded(frozenset(), frozenset(contents), frozenset(), {})


def test_a_real_name_is_never_given_to_a_copy():
    key = node_key(ROOT, b"n", Kind.FILE)
    two = folded(file(dot=2), file(dot=1)._replace(hash=b"o" * 32))
    plain = arrange({b"n": [(key, two)]}, {b"n"}.__contains__, tag)
    (copy,) = plain.keys() - {b"n"}
    other = node_key(ROOT, copy, Kind.FILE)
    crowded = arrange({b"n": [(key, two)], copy: [(other, folded(file()))]}, {b"n", copy}.__contains__, tag)
    assert crowded[copy].node == other
    assert len(crowded) == 3


def test_vaults_before_directories_before_files_then_by_birthplace():
    content = DirectoryContent(Dot(1, A, 1), here=True)
    nodes = [
        (node_key(ROOT, b"n", kind, n), folded(file() if kind is Kind.FILE else content))
        for kind in (Kind.FILE, Kind.DIRECTORY)
        for n in (1, 0)
    ]
    seen = arrange({b"n": nodes}, {b"n"}.__contains__, tag)
    assert seen[b"n"].node == node_key(ROOT, b"n", Kind.DIRECTORY, 0)
    assert len(seen) == 4


def test_an_empty_file_beside_one_that_is_not_is_no_conflict_and_goes_with_it():
    key = node_key(ROOT, b"n", Kind.FILE)
    empty = FileContent(Dot(9, A, 1), 0, bytes(32), 99, (), (), "x", 0)
    seen = arrange({b"n": [(key, folded(file(dot=1), empty))]}, {b"n"}.__contains__, tag)
    assert list(seen) == [b"n"]
    assert seen[b"n"].content == file(dot=1)
    assert seen[b"n"].dots == {Dot(1, A, 1), Dot(9, A, 1)}


@pytest.mark.case(71)
def test_the_clock_chooses_the_name_and_the_dot_where_clocks_agree():
    key = node_key(ROOT, b"n", Kind.FILE)
    late = file(dot=1)._replace(mtime=5, hash=b"l" * 32)
    high = file(dot=2)._replace(mtime=4, hash=b"h" * 32)
    assert arrange({b"n": [(key, folded(late, high))]}, {b"n"}.__contains__, tag)[b"n"].content == late
    same = late._replace(mtime=4)
    assert arrange({b"n": [(key, folded(same, high))]}, {b"n"}.__contains__, tag)[b"n"].content == high
