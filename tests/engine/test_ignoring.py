"""Ignore rules, lived through on two devices: what is ignored stays where it is, on both sides."""

from __future__ import annotations

import shutil

import pytest

from e2esync.adapters.files import LocalFolder
from e2esync.engine.preview import pull_actions
from e2esync.engine.pull import pull
from e2esync.engine.vault import Summary
from tests.engine.world import Dev

RULES = ".e2esyncignore"


def put(dev: Dev, path: str, content: str = "x") -> None:
    (dev.root / path).parent.mkdir(parents=True, exist_ok=True)
    (dev.root / path).write_text(content)


def has(dev: Dev, path: str) -> bool:
    return (dev.root / path).exists()


def paths(dev: Dev) -> set[str]:
    return {path.decode() for path in dev.tree()}


def in_vault(dev: Dev) -> set[str]:
    """What a device that has no rules would get."""
    from e2esync.engine.listing import entries

    return {entry.path.decode() for entry in entries(dev.vault.state)}


def go(*devices: Dev) -> None:
    """Let each sync, twice; nothing is left undone."""
    for dev in devices * 2:
        well(dev.sync())


def well(summary: Summary) -> Summary:
    assert (summary.skipped, summary.failed) == ([], [])
    return summary


def is_quiet(dev: Dev) -> bool:
    requests = dev.count(dev.sync).requests
    return requests["PUT"] == 0 and dev.vault.state.count_due() == 0


@pytest.fixture
def shared(pair):
    """Two devices with a file, a log beside it, and one in a directory."""
    one, other = pair
    put(one, "a.txt")
    put(one, "a.log", "log")
    put(one, "d/b.log", "log")
    put(one, "d/b.txt")
    go(one, other)
    assert has(other, "d/b.log")
    return one, other


# what was never synced


def test_what_is_ignored_is_not_uploaded_and_its_directory_not_even_looked_into(pair, monkeypatch):
    one, other = pair
    put(one, RULES, "node_modules/\n*.tmp\n")
    put(one, "src/main.js")
    for number in range(30):
        put(one, f"src/node_modules/p{number}/index.js", "canary of a module")
    put(one, "x.tmp")
    looked_at, whole = [], LocalFolder.list

    def listed(folder, path):
        looked_at.append(path)
        return whole(folder, path)

    monkeypatch.setattr(LocalFolder, "list", listed)
    summary = well(one.push())
    assert summary.uploaded_files == 2
    assert not any(b"node_modules" in path for path in looked_at)
    well(other.pull())
    assert paths(other) == {RULES, "src", "src/main.js"}


def test_a_round_with_ignored_things_is_as_quiet_as_any(pair):
    one, other = pair
    put(one, RULES, "*.tmp\nbuild/\n")
    put(one, "build/x")
    put(one, "x.tmp")
    go(one, other)
    counts = one.count(one.sync)
    assert (counts.requests["LIST"], sum(counts.requests.values())) == (1, 1)


def test_litter_of_operating_systems_is_ignored_without_rules_unless_a_rule_wants_it(pair):
    one, other = pair
    put(one, ".DS_Store")
    put(one, "d/Thumbs.db")
    put(one, "d/x")
    go(one, other)
    assert paths(other) == {"d", "d/x"}
    put(one, "d/" + RULES, "!Thumbs.db\n")
    go(one, other)
    assert paths(other) == {"d", "d/x", "d/" + RULES, "d/Thumbs.db"}


def test_nested_rules_hold_below_them_and_the_nearest_decides(pair):
    one, other = pair
    put(one, RULES, "*.o\n")
    put(one, "keep/" + RULES, "!*.o\n")
    for path in ("x.o", "keep/x.o", "keep/deep/x.o", "else/x.o", "else/y"):
        put(one, path)
    go(one, other)
    assert {path for path in paths(other) if path.endswith((".o", "y"))} == {
        "keep/x.o",
        "keep/deep/x.o",
        "else/y",
    }


def test_a_new_directory_of_nothing_but_ignored_things_is_not_synced_and_an_empty_one_is(pair):
    one, other = pair
    put(one, RULES, "*.tmp\n")
    put(one, "only/deep/x.tmp")
    (one.root / "empty").mkdir()
    go(one, other)
    assert paths(other) == {RULES, "empty"}
    put(one, "only/deep/y")
    go(one, other)
    assert paths(other) == {RULES, "empty", "only", "only/deep", "only/deep/y"}


# what is synced, and becomes ignored


@pytest.mark.case(122)
def test_what_becomes_ignored_stays_on_every_disk_and_in_the_vault_and_is_not_followed_any_more(shared):
    one, other = shared
    put(one, RULES, "*.log\n")
    go(one, other)
    assert has(other, "a.log")
    put(one, "a.log", "edited")
    (other.root / "d" / "b.log").unlink()
    go(one, other)
    assert ((other.root / "a.log").read_text(), has(one, "d/b.log")) == ("log", True)
    assert {"a.log", "d/b.log"} <= in_vault(one)
    assert not has(other, "d/b.log")
    assert is_quiet(one)
    assert is_quiet(other)


@pytest.mark.case(122)
def test_rules_and_the_deletion_of_what_they_name_in_one_round_delete_nothing_elsewhere(shared):
    one, other = shared
    put(one, RULES, "*.log\nd/\n")
    (one.root / "a.log").unlink()
    shutil.rmtree(one.root / "d")
    assert well(one.sync()).deleted_remote == 0
    go(other, one)
    assert {"a.log", "d/b.log", "d/b.txt"} <= paths(other)


@pytest.mark.case(122)
def test_what_is_not_ignored_any_more_is_the_union(shared):
    one, other = shared
    put(one, RULES, "*.log\n")
    go(one, other)
    put(one, "a.log", "of one")
    (one.root / "d" / "b.log").unlink()
    (one.root / RULES).unlink()
    one.sync()
    other.sync()  # lists what stands here and is not what the vault has: the next round publishes it
    go(one, other)
    go(one, other)
    assert paths(one) == paths(other)
    contents = {
        (one.root / path).read_text() for path in paths(one) if path.startswith("a") and "log" in path
    }
    assert contents == {"log", "of one"}
    assert has(one, "d/b.log")
    assert is_quiet(one)


def test_a_device_that_joins_later_is_not_brought_what_is_ignored_until_it_is_not(shared, world):
    one, other = shared
    put(one, RULES, "*.log\nd/\n")
    go(one, other)
    third = world.device("third")
    assert pull(third.vault, dry_run=True).actions
    assert not any(b".log" in action.path for action in pull(third.vault, dry_run=True).actions)
    well(third.pull())
    assert paths(third) == {RULES, "a.txt"}
    assert third.vault.state.count_due() == 0
    assert is_quiet(third)
    (one.root / RULES).unlink()
    go(one, third)
    assert paths(third) == {"a.txt", "a.log", "d", "d/b.log", "d/b.txt"}


def test_nested_rules_that_come_in_the_same_pull_hold_already(shared, world):
    one, other = shared
    put(one, "d/" + RULES, "*.log\n")
    go(one, other)
    third = world.device("third")
    well(third.pull())
    assert paths(third) == {"a.txt", "a.log", "d", "d/" + RULES, "d/b.txt"}


def test_a_pull_alone_brings_what_is_not_ignored_any_more(shared, world):
    one, other = shared
    put(one, RULES, "*.log\n")
    go(one, other)
    third = world.device("third")
    well(third.pull())
    put(one, RULES, "# nothing\n")
    well(one.push())
    well(third.pull())
    assert paths(third) == {RULES, "a.txt", "a.log", "d", "d/b.log", "d/b.txt"}
    assert pull_actions(third.vault) == []


def test_a_change_that_comes_does_not_touch_what_is_ignored_here(shared):
    one, other = shared
    put(one, "a.log", "edited before there were rules")
    well(one.push())
    put(other, RULES, "*.log\n")
    well(other.sync())
    assert (other.root / "a.log").read_text() == "log"
    assert other.vault.state.count_due() == 0


def test_what_is_moved_to_an_ignored_place_is_taken_out_of_the_vault(shared):
    one, other = shared
    put(one, RULES, "private/\n")
    go(one, other)
    (one.root / "private").mkdir()
    (one.root / "a.txt").rename(one.root / "private" / "a.txt")
    go(one, other)
    assert not has(other, "a.txt")
    assert not has(other, "private")


def test_what_leaves_an_ignored_place_is_synced(pair):
    one, other = pair
    put(one, RULES, "private/\n")
    put(one, "private/x", "secret")
    go(one, other)
    (one.root / "private" / "x").rename(one.root / "x")
    go(one, other)
    assert (other.root / "x").read_text() == "secret"


def test_the_rule_for_everything_stops_no_guard_and_deletes_nothing(shared):
    one, other = shared
    before = paths(other)
    with one.using(accepted=frozenset()), other.using(accepted=frozenset()):
        put(one, RULES, "*\n")
        go(one, other)
    assert paths(other) == before | {RULES}


def test_a_file_of_which_an_ignored_directory_takes_the_place_is_deleted(shared):
    one, other = shared
    put(one, RULES, "a.txt/\nb.txt/\n")
    go(one, other)
    (one.root / "a.txt").unlink()
    (one.root / "d" / "b.txt").rename(one.root / "d" / "c.txt")
    put(one, "a.txt/private")
    put(one, "d/b.txt/private")
    go(one, other)
    assert paths(other) == {RULES, "a.log", "d", "d/b.log", "d/c.txt"}
    assert paths(one) == paths(other) | {"a.txt", "a.txt/private", "d/b.txt", "d/b.txt/private"}
    assert is_quiet(one)


def test_what_an_ignored_thing_of_another_kind_keeps_out_is_listed_until_its_place_is_free(pair):
    one, other = pair
    put(one, RULES, "a/\n")
    go(one, other)
    put(one, "a", "a file")
    put(other, "a/private", "mine")
    well(one.sync())
    for _ in range(2):
        summary = other.sync()
        assert [item["path"] for item in summary.skipped] == ["a"]
        assert summary.uploaded_files == 0
    assert (other.root / "a" / "private").read_text() == "mine"
    (other.root / "a").rename(other.root / "b")
    well(other.sync())
    assert (other.root / "a").read_text() == "a file"


def test_rules_that_come_and_go_before_a_scan_has_seen_them_leave_nothing_ignored(shared, world):
    one, _ = shared
    put(one, RULES, "*.log\n")
    well(one.sync())
    third = world.device("third")
    well(third.pull())
    (third.root / RULES).unlink()
    go(third)
    assert paths(third) == {"a.txt", "a.log", "d", "d/b.log", "d/b.txt"}


def test_what_was_ignored_and_stands_under_another_name_now_stands_there_alone(shared):
    one, other = shared
    put(one, RULES, "a.log\n")
    go(one, other)
    (one.root / "a.log").unlink()
    (one.root / "a.log").mkdir()
    (one.root / RULES).unlink()
    well(one.sync())
    other.sync()  # lists that the directory has no place yet
    go(other, one)
    assert paths(one) == paths(other)
    files = [(other.root / path).read_text() for path in paths(other) if (other.root / path).is_file()]
    assert sorted(files) == ["log", "log", "x", "x"]  # that of d is one
    assert is_quiet(other)


def test_what_is_in_a_directory_comes_when_another_device_moves_it_to_a_place_that_is_not_ignored(shared):
    one, other = shared
    put(one, RULES, "out/\n")
    well(one.push())
    (other.root / "out").mkdir()
    (other.root / "d").rename(other.root / "out" / "d")
    well(other.push())  # it does not know the rules yet
    well(one.pull())
    (other.root / "out" / "d").rename(other.root / "e")
    well(other.push())
    well(one.pull())
    assert paths(one) >= {"e", "e/b.txt", "e/b.log"}


def test_what_is_in_a_directory_that_leaves_its_name_to_rules_comes_with_it(shared):
    one, other = shared
    (one.root / "d").rename(one.root / "e")
    put(one, RULES, "d/\n")
    go(one, other)
    assert paths(one) == {RULES, "a.txt", "a.log", "e", "e/b.txt", "e/b.log"}
    assert paths(other) == paths(one) | {"d", "d/b.txt", "d/b.log"}  # is ignored now, and left
    assert is_quiet(other)


# rules that move


@pytest.mark.parametrize("is_there", [True, False])
def test_rules_that_are_moved_to_a_name_that_they_ignore_wait_for_nobody(pair, is_there):
    """As a move, it waited for what had its place; and that was not said while the rules were there."""
    one, other = pair
    put(one, RULES, "*\n")
    go(one, other)
    put(one, "a", "of one")
    if is_there:
        put(other, "c", "of other")
    (one.root / RULES).rename(one.root / "c")
    one.sync()
    other.sync()  # lists that its own thing stands there
    go(other, one)
    assert paths(one) == paths(other)
    contents = sorted((one.root / path).read_text() for path in paths(one))
    assert contents == (["*\n", "of one", "of other"] if is_there else ["*\n", "of one"])
    assert is_quiet(one)
    assert is_quiet(other)


# directories that go, and hold what is ignored


@pytest.mark.case(47)
def test_a_directory_removed_elsewhere_stays_for_what_is_ignored_in_it_and_is_not_born_again(pair):
    one, other = pair
    put(one, RULES, "*.tmp\n")
    put(one, "d/e/x")
    go(one, other)
    put(other, "d/e/mine.tmp", "mine")
    shutil.rmtree(one.root / "d")
    go(one, other)
    go(one, other)
    assert paths(one) == {RULES}
    assert paths(other) == {RULES, "d", "d/e", "d/e/mine.tmp"}
    assert is_quiet(other)


def test_rules_of_a_directory_that_goes_stay_with_what_they_ignore(pair):
    one, other = pair
    put(one, "d/" + RULES, ".env\n")
    put(one, "d/x")
    go(one, other)
    put(other, "d/.env", "secret")
    shutil.rmtree(one.root / "d")
    go(one, other)
    go(one, other)
    assert paths(other) == {"d", "d/" + RULES, "d/.env"}
    assert (paths(one), in_vault(one)) == (set(), set())


@pytest.mark.case(47)
def test_a_directory_renamed_elsewhere_takes_what_is_ignored_along(pair):
    one, other = pair
    put(one, RULES, "*.tmp\n")
    put(one, "d/x")
    go(one, other)
    put(other, "d/mine.tmp", "mine")
    (one.root / "d").rename(one.root / "e")
    go(one, other)
    assert paths(other) == {RULES, "e", "e/x", "e/mine.tmp"}


def test_a_directory_with_ignored_nodes_in_the_vault_can_be_removed_all_the_same(shared):
    one, other = shared
    put(one, RULES, "*.log\n")
    go(one, other)
    shutil.rmtree(one.root / "d")
    go(one, other)
    go(one, other)
    assert not has(one, "d")
    assert paths(other) == {RULES, "a.txt", "a.log", "d", "d/b.log"}
    assert is_quiet(one)
    assert is_quiet(other)
    (one.root / RULES).unlink()
    go(one, other)
    go(one, other)
    assert paths(one) == paths(other) == {"a.txt", "a.log", "d", "d/b.log"}


def test_something_else_in_the_place_of_a_directory_of_ignored_things_stands_beside_it(pair):
    one, other = pair
    put(one, RULES, "*.tmp\n")
    put(one, "d/x")
    go(one, other)
    put(other, "d/mine.tmp", "mine")
    shutil.rmtree(one.root / "d")
    put(one, "d", "a file")
    one.sync()
    other.sync()  # lists that the file has no place yet
    go(other, one)
    go(other, one)
    files = [path for path in other.root.iterdir() if path.is_file() and path.name != RULES]
    assert [path.read_text() for path in files] == ["a file"]
    assert [path.read_text() for path in other.root.rglob("*.tmp")] == ["mine"]
    assert is_quiet(other)


# rules that nobody can read


@pytest.mark.parametrize("broken", ["directory", "bytes", "pattern", "large", "unreadable link"])
def test_rules_that_cannot_be_understood_stop_their_directory_alone(shared, broken):
    one, other = shared
    rules = one.root / "d" / RULES
    if broken == "directory":
        rules.mkdir()
    elif broken == "bytes":
        rules.write_bytes(b"\xff\xfe")
    elif broken == "pattern":
        rules.write_text("*.log\n!\n")
    elif broken == "large":
        rules.write_text("#" * (1 << 20) + "\n")
    else:
        rules.symlink_to("nowhere")
    (one.root / "d" / "b.txt").unlink()
    put(one, "d/new")
    put(one, "new")
    summary = one.sync()
    assert [item["path"] for item in summary.failed] == ["d"]
    assert RULES in summary.failed[0]["reason"]
    other.sync()
    assert has(other, "new")
    assert paths(other) >= {"d/b.txt", "d/b.log"}
    assert not has(other, "d/new")
    shutil.rmtree(rules) if broken == "directory" else rules.unlink()
    go(one, other)
    assert paths(one) == paths(other)
    assert not has(other, "d/b.txt")
