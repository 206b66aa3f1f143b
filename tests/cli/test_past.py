"""`log`, `history` and `restore` as scripts and people see them."""

from __future__ import annotations

import json
import stat

import pytest

from e2esync.cli.moments import moment
from e2esync.errors import UsageError
from examples import read_without_e2esync as reader
from tests.library.conftest import made, pair  # noqa: F401  two devices of one vault


@pytest.fixture
def lived(pair, monkeypatch):  # noqa: F811
    laptop, desk = pair
    for content in (b"1", b"two"):
        laptop.write("docs/x.txt", content)
        laptop.push()
    desk.pull()
    (desk.folder / "docs" / "x.txt").unlink()
    desk.push()
    laptop.pull()
    monkeypatch.setenv("E2ESYNC_HOME", str(laptop.home))
    monkeypatch.chdir(laptop.folder)
    return laptop, desk


def test_the_log_tells_what_who_and_when(run, lived):
    changes = run("log", "--json").last["changes"]
    assert sorted((one["change"], one["path"]) for one in changes) == [
        ("added", "docs"), ("added", "docs/x.txt"), ("changed", "docs/x.txt"), ("deleted", "docs/x.txt"),
    ]  # fmt: skip
    assert {"time", "device", "person", "version", "from", "folder"} <= changes[0].keys()
    assert "deleted" in run("log").out
    assert run("log", "docs", "--since", "0s", "--json").code == 0
    assert run("log", "--device", "nobody", "--json").last["changes"] == []


def test_the_history_of_a_deleted_file_is_listed_and_any_version_comes_back(run, lived):
    laptop, _ = lived
    versions = run("history", "docs/x.txt", "--json").last["versions"]
    assert [(one["deleted"], one["size"]) for one in versions] == [(True, 3), (False, 3), (False, 1)]
    assert {"id", "time", "device", "person"} <= versions[0].keys()
    done = run("restore", "docs/x.txt", "--version", versions[2]["id"])
    assert done.code == 0
    assert (laptop.folder / "docs" / "x.txt").read_bytes() == b"1"
    assert run("restore", "docs/x.txt", "--deleted").code == 4
    assert run("push").code == 0
    assert run("restore", "docs/x.txt", "--deleted").code == 0
    assert (laptop.folder / "docs" / "x.txt").read_bytes() == b"two"


def test_a_vault_as_it_was_goes_elsewhere(run, lived, tmp_path):
    done = run("restore", ".", "--at", "0s", "--to", str(tmp_path / "out"), "--json")
    assert (done.code, done.last["files"]) == (0, 0)
    assert (tmp_path / "out" / "docs").is_dir()


@pytest.mark.parametrize(
    "arguments",
    [
        ("restore", "x"), ("restore", "x", "--deleted", "--at", "2h"), ("restore", "x", "--at", "yesterday"),
        ("restore", "docs/x.txt", "--version", "none"), ("history", "never"), ("log", "--since", "soon"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_2(run, lived, arguments):
    assert run(*arguments).code == 2


def checked(file, run) -> int:
    owner = run("whoami", "--json").last["safety_number"]
    return reader.main(["check-log", str(file), "--fingerprint", owner])


def test_an_export_is_a_file_of_its_own_that_the_second_reader_checks(run, lived, tmp_path):
    file = tmp_path / "out.jsonl"
    done = run("log", "--export", file, "--json")
    assert (done.code, done.last["kind"], done.last["changes"], done.last["pushes"]) == (0, "export", 4, 3)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert checked(file, run) == 0
    changes = [line for line in map(json.loads, file.read_text().splitlines()) if line["type"] == "change"]
    listed = run("log", "--json").last["changes"]
    assert sorted((one["version"], one["time"], one["path"]) for one in changes) == sorted(
        (one["version"], one["time"], one["path"]) for one in listed
    )
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".e2esync")] == []


def test_an_export_says_what_it_shows_and_what_it_holds(run, lived, tmp_path):
    done = run("log", lived[0].folder, "--export", tmp_path / "out", "--prove-contents", "--since", "1h")
    assert done.out == f"4 changes in 3 pushes exported to {tmp_path / 'out'}\n"
    assert "names, sizes and times" in done.err
    assert "guessing" in done.err
    assert "--fingerprint" in done.err


def test_an_export_goes_to_stdout_as_nothing_but_its_lines(run, lived, tmp_path):
    done = run("log", "--export", "-", "--json")
    (tmp_path / "piped").write_text(done.out)
    assert done.code == 0
    assert checked(tmp_path / "piped", run) == 0


def test_an_export_writes_over_nothing(run, lived, tmp_path):
    file = tmp_path / "mine"
    file.write_text("mine")
    (tmp_path / "dangling").symlink_to("nothing")
    for target in (file, tmp_path, tmp_path / "dangling"):
        done = run("log", "--export", target, "--json")
        assert (done.code, "there already" in done.err) == (2, True)
    assert file.read_text() == "mine"
    assert not (tmp_path / "nothing").exists()


def test_an_export_that_fails_leaves_nothing(run, lived, tmp_path):
    packs = [path for path in (lived[0].store / "vaults").rglob("*") if path.parent.parent.name == "packs"]
    for pack in packs:
        pack.write_bytes(bytes(pack.stat().st_size))
    before = sorted(tmp_path.iterdir())
    assert run("log", "--export", tmp_path / "out").code == 6
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("docs", "--export", "out"), ("--export", "none/out"), ("--export", "out", "--device", "nobody"),
        ("--prove-contents",), ("--export", "out", "--follow"),
    ],
)  # fmt: skip
def test_an_export_that_cannot_be_as_it_was_asked_for_is_2(run, lived, arguments):
    done = run("log", *arguments)
    assert (done.code, done.lines) == (2, ["error", "why", "fix"])
    assert not (lived[0].folder / "out").exists()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30m", 1000 - 1800),
        ("2h", 1000 - 7200),
        ("1970-01-01T00:01:00Z", 60),
        ("1970-01-01T01:00:00+01:00", 0),
    ],
)
def test_times_are_ago_or_absolute(text, seconds):
    assert moment(text, 1000) == seconds


def test_other_texts_are_no_times():
    for text in ("", "tomorrow", "5 parsecs", "-3h", "99999-01-01"):
        with pytest.raises(UsageError):
            moment(text, 0)
