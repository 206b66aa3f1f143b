"""Rules in the syntax of .gitignore: what each says, which decides, and what is no rule."""

from __future__ import annotations

import pytest

from e2esync.ignoring.book import Book
from e2esync.ignoring.rules import BUILT_IN, DEFAULTS, MAX_RULES, MAX_SIZE, RULES_FILE, BadRules, Rules


def path_book(read):
    """A book of directories that are called by their paths."""

    def above(path):
        parent, _, name = path.rpartition(b"/")
        return (parent, name) if path else None

    return Book(above, read)


def book(**files: str | bytes):
    """A book of files of rules, by directory; `root` is the root, `__` stands for `/`."""
    contents = {
        (b"" if where == "root" else where.replace("__", "/").encode()): (
            text if isinstance(text, bytes) else text.encode()
        )
        for where, text in files.items()
    }
    return path_book(lambda directory: Rules(contents[directory]) if directory in contents else None)


def is_ignored(of, path: str) -> bool:
    """Whether a path is ignored; a directory ends with a slash."""
    parent, _, name = path.removesuffix("/").encode().rpartition(b"/")
    return of.is_ignored(parent, name, is_directory=path.endswith("/"))


# As git 2 answers by `git check-ignore --no-index`: rules, what is ignored, what is not.
TABLE = [
    ("*.log", "a.log d/a.log d/a.log/ d/e/.log", "a.logs alog log"),
    ("/*.log", "a.log", "d/a.log"),
    ("build/", "build/ d/build/ build/x build/d/x", "build d/build"),
    ("/build", "build build/ build/x", "d/build d/build/x"),
    ("d/x", "d/x d/x/", "e/d/x x"),
    ("**/x", "x d/x d/e/x", "y"),
    ("d/**", "d/x d/e/ d/e/x", "d/ d e/x"),
    ("d/**/x", "d/x d/e/x d/e/f/x", "x e/x"),
    ("d/*", "d/x d/e/ d/e/x", "d/ x"),
    ("**/", "d/ d/x d/e/", "x"),
    ("*/", "d/ d/x", "x"),
    ("*\n!*/\n!*.txt", "x d/x d/e/y", "x.txt d/ d/x.txt d/e/y.txt"),
    ("*\n!**/\n!*.txt", "x d/x d/e/y", "x.txt d/ d/x.txt d/e/y.txt"),
    ("*.log\n!keep/", "keep/x.log keep/x.log/", "keep/ keep/x"),
    ("*.log\n!a.log", "b.log", "a.log d/a.log"),
    ("!a.log\n*.log", "a.log b.log", "a.txt"),
    ("d/\n!d/x", "d/ d/x", "x"),
    ("d/*\n!d/x", "d/y", "d/ d/x d/x/ d/x/z"),
    ("/*\n!/src", "x d/", "src src/ src/x"),
    ("foo\n!/foo", "d/foo foo/foo", "foo foo/ foo/x"),
    ("[ab].x\n?.y", "a.x b.x z.y", "c.x zz.y"),
    ("[!a]x", "bx", "ax"),
    ("# not a rule\n\\#rule\n\\!rule\nspace\\ \ntrail  ", "#rule !rule trail", "rule not"),
    ("a\r\nb\r\n", "a b", "c"),
    ("\ufeffa", "a", "b"),
    ("~$*\n.~lock.*#", "~$x.docx .~lock.x.odt#", "x.docx"),
    ("ünï*", "ünïx", "unix"),
    ("A", "A", "a"),
]


@pytest.mark.parametrize(("rules", "ignored", "synced"), TABLE, ids=[row[0] for row in TABLE])
def test_a_rule_names_what_git_says_it_names(rules, ignored, synced):
    of = book(root=rules)
    assert [path for path in ignored.split(" ") if not is_ignored(of, path)] == []
    assert [path for path in synced.split(" ") if path and is_ignored(of, path)] == []


NESTED = [
    ({"root": "*.o", "keep": "!*.o"}, "x.o else/x.o", "keep/x.o keep/d/x.o"),
    ({"root": "!*.o", "d": "*.o"}, "d/x.o d/e/x.o", "x.o e/x.o"),
    ({"root": "d/", "d": "!*"}, "d/ d/x d/e/x", "x"),
    ({"d": "/x"}, "d/x", "x d/e/x d/d/x"),
    ({"d": "e/x"}, "d/e/x", "e/x d/d/e/x"),
    ({"root": "x", "d": "!x", "d__e": "x"}, "x d/e/x d/e/f/x", "d/x d/f/x"),
    ({"root": "e/", "d": "!e"}, "e/ e/x f/e/", "d/e/ d/e/x"),
]


@pytest.mark.parametrize(("files", "ignored", "synced"), NESTED)
def test_the_nearest_rules_decide_and_nobody_looks_into_what_is_ignored(files, ignored, synced):
    of = book(**files)
    assert [path for path in ignored.split() if not is_ignored(of, path)] == []
    assert [path for path in synced.split() if is_ignored(of, path)] == []


def test_a_file_of_rules_is_ignored_only_with_its_directory():
    of = book(root="*\n!d\n" + RULES_FILE.decode())
    assert not is_ignored(of, RULES_FILE.decode())
    assert not is_ignored(of, "d/" + RULES_FILE.decode())
    assert is_ignored(of, "e/" + RULES_FILE.decode())


def test_litter_is_ignored_and_every_rule_is_stronger():
    for name in BUILT_IN:
        assert is_ignored(book(), f"d/{name.decode()}")
        assert not is_ignored(book(d=f"!{name.decode()}"), f"d/{name.decode()}")
    assert not is_ignored(book(), "x.swp")


def test_a_name_that_is_not_utf_8_is_asked_about_as_any():
    of = book(root="*.log")
    assert of.is_ignored(b"\xff", b"\xfe.log", is_directory=False)
    assert not of.is_ignored(b"\xff", b"\xfe", is_directory=False)


def test_what_decides_is_told_with_its_file_and_line():
    of = book(root="# text\n*.o", d="\n\n!x.o")
    assert of.decision(b"d", b"y.o", is_directory=False) == ((2, "*.o", True), b"")
    assert of.decision(b"d", b"x.o", is_directory=False) == ((3, "!x.o", False), b"d")
    assert of.decision(b"", b"x", is_directory=False) is None
    assert of.decision(b"", b".DS_Store", is_directory=False) == ((0, ".DS_Store", True), None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"#" * (MAX_SIZE + 1), "larger than 1 MiB"),
        (b"x\n" * (MAX_RULES + 1), "more than"),
        (b"a\n!\n", "line 2"),
        (b"a\\\n", "line 1"),
        (b"[a\n", "line 1"),
        (b"[[:alpha:]]\n", "line 1"),
    ],
)
def test_what_is_no_rule_says_what_and_where(content, said):
    with pytest.raises(BadRules) as raised:
        Rules(content)
    assert said in raised.value.reason


def test_files_of_rules_are_read_once_and_only_where_somebody_asks():
    read = []

    def rules(directory):
        read.append(directory)

    of = path_book(rules)
    for _ in range(2):
        of.is_ignored(b"a/b", b"x", is_directory=False)
    assert read == [b"", b"a", b"a/b"]


def test_the_defaults_are_rules_and_name_no_ordinary_file():
    of = book(root=DEFAULTS)
    for name in (
        "~$a.docx", ".~lock.a.odt#", "x.swp", "4913", ".#x", "#x#", "x.txt.sb-0a1b2c3d-XyZ123", "x.part", "x.crdownload"
    ):  # fmt: skip
        assert is_ignored(of, name), name
    for name in ("a.docx", "part", "14913", "x.swift", ".git/", "parts/", "sb-x", "#x", RULES_FILE.decode()):
        assert not is_ignored(of, name), name
