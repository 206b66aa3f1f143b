"""`sync` at the command line, and the guards: exit code, words, and the command that goes on."""

from __future__ import annotations

import json

import pytest

import e2esync
from e2esync.errors import SafetyStop


def join(run, tmp_path):
    home = tmp_path / "h2"
    done = run(
        "join", tmp_path / "store", tmp_path / "B", "--recovery-file", tmp_path / "words", home=home,
    )  # fmt: skip
    assert done.code == 0, done.err
    return tmp_path / "B"


def test_sync_brings_both_ways_and_counts_them(run, vault, tmp_path):
    first_home = tmp_path / "home"
    (vault / "of a").write_text("a")
    assert run("sync", "--json").last["uploaded_files"] == 1
    other = join(run, tmp_path)
    (other / "of b").write_text("b")
    done = run("sync", "--json").last
    assert (done["uploaded_files"], done["downloaded_files"]) == (1, 1)
    assert run("sync", home=first_home).code == 0
    assert (
        {path.name for path in vault.glob("of*")}
        == {path.name for path in other.glob("of*")}
        == {"of a", "of b"}
    )


def test_sync_says_what_it_would_do(run, vault):
    (vault / "x").write_text("x")
    done = run("sync", "-n", "--json")
    action = json.loads(done.out.splitlines()[0])
    assert (done.code, action["action"], action["path"].rpartition("/")[2]) == (0, "upload", "x")
    assert run("sync", "--json").last["uploaded_files"] == 1


@pytest.mark.parametrize("command", ["push", "sync"])
def test_most_files_gone_is_9_and_names_the_way_on(run, vault, command):
    for number in range(30):
        (vault / str(number)).write_text("x")
    run("push")
    for number in range(20):
        (vault / str(number)).unlink()
    for more in ((), ("--yes",), ("--accept-risk", "mass-change")):
        done = run(command, *more)
        assert (done.code, done.lines[-3:]) == (9, ["error", "why", "fix"])
        assert "delete 20 of 30 files in the vault" in done.err
        assert "--accept-risk mass-delete" in done.err
    assert run(command, "--accept-risk", "mass-delete", "--json").last["deleted_remote"] == 20


def test_a_risk_that_nobody_knows_is_2(run, vault):
    assert run("push", "--accept-risk", "everything").code == 2


def test_the_library_stops_for_the_same_risk(run, vault):
    (vault / "x").write_text("x")
    (vault / "y").write_text("y")
    with e2esync.open_vault(vault) as opened:
        opened.sync()
        (vault / "x").unlink()
        (vault / "y").unlink()
        with pytest.raises(SafetyStop):
            opened.push()
        assert opened.push(accept_risks=["root-emptied"]).deleted_remote == 2
