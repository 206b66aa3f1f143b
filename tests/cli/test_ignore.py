"""`ignore check`, `add` and `defaults`: which rule decides, what is written, and when they refuse."""

from __future__ import annotations

import pytest


def checked(run, *paths):
    done = run("ignore", "check", *paths, "--json")
    assert done.code == 0, done.err
    return [(each["path"], each["ignored"], each["rule"]) for each in done.last["paths"]]


def test_check_names_file_line_and_pattern_of_the_rule_that_decides(run, vault):
    (vault / "d").mkdir()
    (vault / ".e2esyncignore").write_text("# text\n*.log\nbuild/\n")
    (vault / "d" / ".e2esyncignore").write_text("!keep.log\n")
    assert checked(run, vault / "a.log", vault / "d" / "keep.log", vault / "x") == [
        ("a.log", True, {"file": ".e2esyncignore", "line": 2, "pattern": "*.log"}),
        ("d/keep.log", False, {"file": "d/.e2esyncignore", "line": 1, "pattern": "!keep.log"}),
        ("x", False, None),
    ]
    told = run("ignore", "check", vault / "a.log").out
    assert told == "a.log: ignored (.e2esyncignore:2: *.log)\n"


def test_check_needs_no_file_and_a_slash_says_directory(run, vault):
    (vault / ".e2esyncignore").write_text("build/\n")
    rule = {"file": ".e2esyncignore", "line": 1, "pattern": "build/"}
    assert checked(run, f"{vault}/build/", f"{vault}/build", f"{vault}/build/x") == [
        ("build", True, rule),
        ("build", False, None),
        ("build/x", True, rule),
    ]


def test_check_tells_what_is_built_in(run, vault):
    assert checked(run, vault / ".DS_Store", vault / ".e2esync" / "folder-id") == [
        (".DS_Store", True, {"file": None, "line": None, "pattern": ".DS_Store"}),
        (".e2esync/folder-id", True, {"file": None, "line": None, "pattern": "/.e2esync"}),
    ]


def test_add_appends_each_rule_once_and_the_next_push_obeys(run, vault):
    (vault / ".e2esyncignore").write_text("*.o")
    assert run("ignore", "add", "*.log", "*.o", "*.log", "--json").last["added"] == ["*.log"]
    assert (vault / ".e2esyncignore").read_text() == "*.o\n*.log\n"
    assert run("ignore", "add", "*.log", "--json").last["added"] == []
    (vault / "a.log").write_text("x")
    (vault / "a.txt").write_text("x")
    assert run("push", "--json").last["uploaded_files"] == 2


def test_add_makes_the_file(run, vault):
    assert run("ignore", "add", "/build/").code == 0
    assert (vault / ".e2esyncignore").read_text() == "/build/\n"


@pytest.mark.parametrize("pattern", ["!", "a\nb", "[a", "", "# text"])
def test_what_is_no_rule_is_2_and_nothing_is_written(run, vault, pattern):
    done = run("ignore", "add", "--", pattern)
    assert (done.code, done.lines) == (2, ["error", "why", "fix"])
    assert not (vault / ".e2esyncignore").exists()


def test_defaults_are_shown_and_added_when_asked(run, vault):
    shown = run("ignore", "defaults", "--json").last
    assert {"*.swp", "~$*", "4913"} <= set(shown["rules"])
    assert (shown["built_in"][0], shown["added"], (vault / ".e2esyncignore").exists()) == (
        ".DS_Store",
        [],
        False,
    )
    assert run("ignore", "defaults", "--add", "--json").last["added"] == shown["rules"]
    assert (vault / ".e2esyncignore").read_text() == run("ignore", "defaults").out
    assert run("ignore", "defaults", "--add", "--json").last["added"] == []


def test_rules_that_cannot_be_understood_are_named_by_check_and_by_push(run, vault):
    (vault / ".e2esyncignore").write_text("!\n")
    (vault / "x").write_text("x")
    assert run("ignore", "check", vault / "x").code != 0
    done = run("push", "--json")
    assert done.code == 3
    assert "line 1" in done.out


def test_a_path_outside_and_a_folder_that_is_gone_are_refused(run, vault, tmp_path):
    assert run("ignore", "check", tmp_path / "x").code == 2
    (vault / ".e2esync" / "folder-id").unlink()
    assert run("ignore", "add", "x").code == 9


def test_ignored_things_are_not_pending(run, vault):
    (vault / ".e2esyncignore").write_text("*.log\n")
    run("push")
    (vault / "a.log").write_text("x")
    assert run("status", "--json").last["folders"][0]["pending_up"] == 0
