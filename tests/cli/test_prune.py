"""`prune`: rules that are remembered, what stands to go and what it waits for; nothing without a rule."""

import os

import pytest

SIZE = 600_000


@pytest.fixture
def grown(run, vault):
    """A folder with three versions of a file, two of them old."""
    for _ in range(3):
        (vault / "large").write_bytes(os.urandom(SIZE))
        assert run("push").code == 0
    return vault


def values(done):
    assert done.code == 0, done.err
    assert done.last["kind"] == "prune"
    (one,) = done.last["folders"]
    return one


def test_without_a_rule_it_is_2_and_names_one(run, grown):
    done = run("prune", "--json")
    assert (done.code, done.last["exit"]) == (2, 2)
    assert "--keep-days" in done.last["fix"]


def test_it_marks_and_says_what_it_waits_for(run, grown):
    one = values(run("prune", "--keep-days", 0, "--json"))
    assert one["marked_packs"] > 0
    assert one["marked_bytes"] > 2 * SIZE
    assert (one["deleted_packs"], one["due"] is not None, len(one["waits_for"])) == (0, True, 1)
    done = run("prune")
    assert "run e2esync prune again after" in done.out
    assert "waits for a sync of" in done.out
    assert run("push").code == 0
    assert "waits for" not in run("prune").out


def test_it_says_what_it_copies_out_of_packs_of_which_little_is_needed(run, vault):
    for number in range(4):
        (vault / f"file {number}").write_bytes(os.urandom(SIZE))
    assert run("push").code == 0
    for number in range(3):
        (vault / f"file {number}").unlink()
    assert run("push", "--accept-risk", "mass-delete").code == 0
    dry = values(run("prune", "--keep-days", 0, "--dry-run", "--json"))
    assert dry["copied_packs"] in {
        1,
        2,
    }  # of the tree a page may be as it was: where it ends is up to the keys
    assert SIZE < dry["copied_bytes"] < SIZE * 1.1
    assert "would copy" in run("prune", "--keep-days", 0, "--dry-run").out
    one = values(run("prune", "--keep-days", 0, "--json"))
    assert (one["copied_packs"], one["copied_bytes"]) == (dry["copied_packs"], dry["copied_bytes"])
    assert one["marked_bytes"] > 4 * SIZE


def test_rules_are_remembered_until_everything_is_to_be_kept(run, grown):
    values(run("prune", "--keep-days", 9, "--keep-versions", 4, "--json"))
    one = values(run("prune", "--json"))
    assert (one["keep_days"], one["keep_versions"], one["marked_packs"]) == (9, 4, 0)
    one = values(run("prune", "--keep-all", "--json"))
    assert (one["keep_days"], one["keep_versions"]) == (None, None)
    assert run("prune").code == 2


def test_to_keep_everything_takes_the_mark_back(run, grown):
    assert values(run("prune", "--keep-days", 0, "--json"))["marked_packs"] > 0
    assert values(run("prune", "--keep-all", "--json"))["marked_packs"] == 0


def test_a_dry_run_remembers_no_rule(run, grown):
    one = values(run("prune", "--keep-days", 0, "--dry-run", "--json"))
    assert one["marked_packs"] > 0
    assert run("prune").code == 2


@pytest.mark.parametrize(
    "arguments",
    [("--grace", 0), ("--grace", 46), ("--keep-days", -1), ("--keep-all", "--keep-days", 3)],
)
def test_what_is_out_of_bounds_is_2(run, grown, arguments):
    assert run("prune", *arguments).code == 2


def test_a_rule_in_the_configuration_that_is_none_is_2(run, grown, tmp_path):
    values(run("prune", "--keep-days", 9, "--json"))
    (config,) = (tmp_path / "home").rglob("config.toml")
    whole = config.read_text()
    for wrong in ('"9"', "-1", "true"):
        config.write_text(whole.replace("keep_days = 9", f"keep_days = {wrong}"))
        assert run("prune").code == 2
