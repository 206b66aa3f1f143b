"""What scripts rely on: exit codes, the last line of JSON, and what goes to which stream."""

from __future__ import annotations

import json
import os
import stat

import pytest

SUMMARY = {
    "schema", "type", "uploaded_files", "downloaded_files", "moved", "deleted_local", "deleted_remote", "conflicts",
    "skipped", "failed", "aliases", "uploaded_bytes", "downloaded_bytes", "requests", "seconds",
}  # fmt: skip


def test_two_devices_share_a_file_by_setup_push_join_and_pull(spawn, tmp_path):
    one, other, store, words = tmp_path / "h1", tmp_path / "h2", tmp_path / "store", tmp_path / "words"
    options = ("--no-input", "--json")
    done = spawn("setup", store, tmp_path / "A", "--recovery-file", words, *options, home=one)
    assert (done.code, done.last["kind"], done.err) == (0, "setup", "")
    assert stat.S_IMODE(words.stat().st_mode) == 0o600
    (tmp_path / "A" / "notes.txt").write_text("hello")
    pushed = spawn("push", *options, home=one)
    assert (pushed.code, pushed.err) == (0, "")
    assert set(pushed.last) == SUMMARY
    assert set(pushed.last["requests"]) == {"PUT", "GET", "LIST", "HEAD", "DELETE"}
    assert (pushed.last["uploaded_files"], pushed.last["type"]) == (1, "summary")
    joined = spawn("join", store, tmp_path / "B", "--recovery-file", words, *options, home=other)
    assert (joined.code, joined.last["kind"]) == (0, "join")
    pulled = spawn("pull", *options, home=other)
    assert (pulled.code, pulled.last["downloaded_files"]) == (0, 1)
    assert (tmp_path / "B" / "notes.txt").read_text() == "hello"
    again = spawn("push", *options, home=one)
    assert again.last["uploaded_files"] == 0
    assert sum(again.last["requests"].values()) <= 2


def test_an_error_has_three_lines_on_stderr_and_nothing_on_stdout(spawn):
    done = spawn("push")
    assert (done.code, done.out, done.lines) == (5, "", ["error", "why", "fix"])
    assert "Traceback" not in done.err


def test_an_error_in_json_is_the_last_line_of_stdout(spawn):
    done = spawn("push", "--json")
    assert set(done.last) == {"schema", "kind", "code", "exit", "error", "why", "fix"}
    assert (done.last["schema"], done.last["kind"], done.last["exit"], done.code) == (1, "error", 5, 5)
    assert done.lines == ["error", "why", "fix"]


def test_a_traceback_is_shown_only_when_it_is_asked_for(spawn):
    assert "Traceback" in spawn("push", E2ESYNC_DEBUG="1").err
    assert "Traceback" not in spawn("push", E2ESYNC_DEBUG="0").err


def test_the_version_is_told(spawn):
    done = spawn("--version")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("e2esync ")


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["-h"], ["help"], ["help", "--all"], ["push", "--help"]]
)
def test_help_is_data_and_ends_well(run, arguments):
    done = run(*arguments)
    assert (done.code, done.err) == (0, "")
    assert "push" in done.out


@pytest.mark.parametrize(
    "topic", ["environment", "exit-codes", "json", "ignore", "policy", "threats", "format"]
)
def test_every_topic_has_a_text(run, topic):
    assert len(run("help", topic).out) > 200
    assert run("help", topic, "--json").last["topic"] == topic


def test_help_shows_the_used_ones_and_all_of_them_on_demand(run):
    assert "device-lost" not in run("help").out
    assert "device-lost" in run("help", "--all").out


@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        (["psuh"], "e2esync push"),
        (["push", "--jsn"], "e2esync push --json"),
        (["setup", "--dedup", "all"], "e2esync setup --help"),
        (["join"], "e2esync join --help"),
        (["help", "nothing"], "e2esync help"),
        (["zzzzzz"], "e2esync help"),
    ],
)
def test_a_command_that_is_not_understood_is_2_and_names_one_that_is(run, arguments, fix):
    done = run(*arguments)
    assert (done.code, done.lines) == (2, ["error", "why", "fix"])
    assert done.err.splitlines()[-1] == f"fix:   {fix}"
    assert run(*arguments, "--json").last["exit"] == 2


@pytest.mark.parametrize(
    "command",
    [
        "people list", "share x --with bob", "accept x", "shares", "revoke x bob",
        "devices list", "device-lost x", "recovery sheet", "rotate", "checkpoint", "ui", "config",
    ],
)  # fmt: skip
def test_what_comes_later_says_so_with_2(run, command):
    done = run(*command.split(), "--json")
    assert (done.code, done.last["exit"]) == (2, 2)
    assert "later version" in done.err


def test_ctrl_c_is_130(run, vault, monkeypatch):
    from e2esync.cli import rounds

    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(rounds, "push", interrupted)
    done = run("push")
    assert (done.code, done.err) == (130, "cancelled\n")


def test_a_defect_of_ours_is_1_and_says_so(run, vault, monkeypatch):
    from e2esync.cli import rounds

    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(rounds, "push", broken)
    done = run("push", "--json")
    assert (done.code, done.last["code"]) == (1, "internal")
    assert "Traceback" not in done.err


def test_files_that_fail_are_listed_and_end_with_3(run, vault):
    os.mkfifo(vault / "pipe")
    (vault / "good.txt").write_text("good")
    done = run("push", "--json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 3
    assert [line.get("type", line.get("kind")) for line in lines] == ["summary", "error"]
    assert [item["path"] for item in lines[0]["failed"]] == ["pipe"]
    assert lines[0]["uploaded_files"] == 1


def test_the_summary_stands_before_the_error_where_work_had_begun(run, vault):
    (vault / ".e2esync" / "folder-id").unlink()
    done = run("push", "--json")
    kinds = [json.loads(line).get("kind", json.loads(line).get("type")) for line in done.out.splitlines()]
    assert (done.code, kinds[-1]) == (9, "error")
    assert kinds[:-1] in ([], ["summary"])


@pytest.mark.parametrize("spelling", [["push", "--json"], ["push", "--json", "--plain"], ["--json"]])
def test_the_quick_way_and_the_parser_answer_alike(run, vault, monkeypatch, spelling):
    from e2esync.cli import quick

    arguments = spelling if spelling[0] == "push" else ["status", *spelling]
    fast = run(*arguments)
    monkeypatch.setattr(quick, "understand", lambda _arguments: None)
    slow = run(*arguments)
    assert (fast.code, set(fast.last)) == (slow.code, set(slow.last))


@pytest.mark.parametrize("name", ["E2ESYNC_JSON", "E2ESYNC_NO_INPUT"])
def test_a_switch_in_the_environment_counts_like_the_option(spawn, name):
    done = spawn("push", **{name: "1"})
    assert done.code == 5
    assert bool(done.out) == (name == "E2ESYNC_JSON")


def test_the_recovery_file_may_come_from_the_environment(spawn, tmp_path):
    done = spawn("setup", tmp_path / "s", tmp_path / "f", E2ESYNC_RECOVERY_FILE=str(tmp_path / "w"))
    assert done.code == 0
    assert (tmp_path / "w").exists()


def test_a_risk_is_never_accepted_by_the_environment(run, monkeypatch):
    from e2esync.cli import options

    (info,) = options.AcceptRisk.__metadata__  # type: ignore[attr-defined]
    assert info.envvar is None
