"""Rows 1 to 6 of docs/edge-cases.md on disks that take several names for one, or refuse some."""

from __future__ import annotations

import unicodedata
from itertools import count
from pathlib import Path

import pytest

from e2esync.engine.conflicts import conflicts
from tests.catalogue.hands import COPY, files, move, once, put, remove, round_of
from tests.engine.folding import MAC, OLD_MAC, STICK
from tests.engine.mortal import Death, run
from tests.engine.world import Dev, World

NFC, NFD = (unicodedata.normalize(form, "Caf\u00e9.txt") for form in ("NFC", "NFD"))


@pytest.fixture
def three(world):
    """Two devices whose disks hold all names, and a Mac."""
    return world.device("laptop"), world.device("desk"), world.device("mac", naming=MAC)


def alias_of(dev: Dev, name: str) -> str:
    """The alias of a name in the root."""
    digits = dev.vault.cipher.directory_number(name.encode()).hex()[:8]
    stem, dot, extension = name.rpartition(".")
    return f"{stem or name} (alias, {digits}){dot}{extension if dot else ''}"


def inode(dev: Dev, path: str) -> int:
    return (dev.root / path).lstat().st_ino


# row 4


@pytest.mark.case(4)
@pytest.mark.parametrize("order", [("A.txt", "a.txt"), ("a.txt", "A.txt")])
@pytest.mark.parametrize("at_once", [True, False])
def test_of_two_names_that_are_one_here_one_has_an_alias_here_alone_whoever_comes_first(
    three, order, at_once
):
    laptop, desk, mac = three
    for name in order:
        put(laptop, name, name)
        if not at_once:
            round_of(laptop, mac)
    round_of(*three)
    alias = alias_of(mac, "a.txt")
    assert files(mac) == {"A.txt": "A.txt", alias: "a.txt"}
    assert files(desk) == {"A.txt": "A.txt", "a.txt": "a.txt"}
    assert conflicts(mac.vault.state) == []


@pytest.mark.case(4)
def test_an_alias_is_named_once_and_counts_as_no_conflict(three):
    laptop, _, mac = three
    put(laptop, "A.txt", "1")
    put(laptop, "d/a.txt", "2")
    put(laptop, "d/A.txt", "3")
    once(laptop)
    summary = mac.pull()
    alias = f"d/{alias_of(mac, 'a.txt')}"
    assert summary.aliases == [{"path": alias, "name": "a.txt", "beside": "A.txt"}]
    assert (summary.conflicts, mac.pull().aliases, mac.sync().aliases) == (0, [], [])
    put(laptop, "a.txt", "4")
    once(laptop)
    assert [item["path"] for item in mac.sync().aliases] == [alias_of(mac, "a.txt")]


@pytest.mark.case(4)
def test_an_edit_under_an_alias_is_one_of_that_file_and_settles_and_renames_nothing(three):
    laptop, desk, mac = three
    put(laptop, "A.txt", "1")
    put(laptop, "a.txt", "2")
    round_of(*three)
    was = inode(desk, "a.txt"), desk.sync().moved
    put(mac, alias_of(mac, "a.txt"), "edited")
    assert mac.sync().moved == 0
    round_of(*three)
    assert files(desk) == {"A.txt": "1", "a.txt": "edited"}
    assert was[1] == 0


@pytest.mark.case(4)
def test_what_is_deleted_under_an_alias_is_deleted_and_what_is_moved_is_moved(three):
    laptop, desk, mac = three
    for name in ("A", "a", "B", "b", "C", "c"):
        put(laptop, name, name)
    (laptop.root / "d").mkdir()
    round_of(*three)
    was = inode(desk, "b"), inode(desk, "c")
    remove(mac, alias_of(mac, "a"))
    move(mac, alias_of(mac, "b"), "renamed")
    move(mac, alias_of(mac, "c"), f"d/{alias_of(mac, 'c')}")
    round_of(*three)
    assert files(desk) == {"A": "A", "B": "B", "renamed": "b", "C": "C", "d": None, "d/c": "c"}
    assert (inode(desk, "renamed"), inode(desk, "d/c")) == was
    assert files(mac) == files(desk)


@pytest.mark.case(4)
@pytest.mark.parametrize("how", ["removed there", "moved there", "removed here", "moved here"])
def test_when_the_other_goes_the_alias_gets_its_name(three, how):
    laptop, desk, mac = three
    put(laptop, "A.txt", "1")
    put(laptop, "a.txt", "2")
    round_of(*three)
    was = inode(mac, alias_of(mac, "a.txt"))
    dev = mac if how.endswith("here") else desk
    if how.startswith("removed"):
        remove(dev, "A.txt")
    else:
        move(dev, "A.txt", "elsewhere")
    round_of(*three)
    assert files(mac) == ({"a.txt": "2"} if how.startswith("removed") else {"a.txt": "2", "elsewhere": "1"})
    assert inode(mac, "a.txt") == was


@pytest.mark.case(4)
def test_directories_may_be_twins_and_what_is_in_them_stays_apart(three):
    laptop, desk, mac = three
    put(laptop, "Docs/same", "1")
    put(desk, "docs/same", "2")
    round_of(*three)
    alias = alias_of(mac, "docs")
    assert files(mac) == {"Docs": None, "Docs/same": "1", alias: None, f"{alias}/same": "2"}
    put(mac, f"{alias}/new", "3")
    put(mac, f"{alias}/same", "edited")
    move(mac, "Docs/same", f"{alias}/moved")
    round_of(*three)
    assert files(desk) == {
        "Docs": None,
        "docs": None,
        "docs/moved": "1",
        "docs/new": "3",
        "docs/same": "edited",
    }
    remove(desk, "Docs")
    round_of(*three)
    assert files(mac) == files(desk)


@pytest.mark.case(4)
def test_a_file_and_a_directory_may_be_twins(three):
    laptop, desk, mac = three
    put(laptop, "x", "file")
    put(desk, "X/in", "1")
    round_of(*three)
    assert files(mac) == {"X": None, "X/in": "1", alias_of(mac, "x"): "file"}
    put(desk, "y/in", "1")
    round_of(*three)
    put(desk, "Y", "file")
    round_of(*three)
    assert files(mac)[alias_of(mac, "Y")] == "file"


@pytest.mark.case(4)
def test_a_conflict_of_what_has_an_alias_is_a_conflict_and_is_settled_under_its_own_name(three):
    laptop, desk, mac = three
    put(laptop, "A.txt", "1")
    put(laptop, "a.txt", "2")
    round_of(*three)
    put(laptop, "a.txt", "of laptop")
    put(desk, "a.txt", "of desk")
    round_of(*three)
    (conflict,) = conflicts(mac.vault.state)
    assert (conflict.named.path.decode(), len(conflict.copies)) == (alias_of(mac, "a.txt"), 1)
    assert mac.sync().conflicts == 1
    copy = conflict.copies[0].path.decode()
    put(mac, copy, "settled")
    round_of(*three)
    assert sorted(files(desk)) == sorted(["A.txt", "a.txt", copy])
    assert (files(desk)[copy], conflicts(mac.vault.state)) == ("settled", [])


@pytest.mark.case(4)
def test_copies_whose_names_are_one_here_have_aliases_too(world, monkeypatch):
    laptop, desk, mac = world.device("x"), world.device("X"), world.device("mac", naming=MAC)
    for dev in (laptop, desk):
        dev.vault = dev.vault.__class__(**(vars(dev.vault) | {"names": ("one", "Ann")}))
    put(laptop, "A", "0")
    put(laptop, "a", "0")
    round_of(laptop, desk, mac)
    for name in ("A", "a"):
        put(laptop, name, "of laptop")
        put(desk, name, "of desk")
    round_of(laptop, desk, mac)
    assert sorted(filter(None, files(mac).values())) == ["of desk"] * 2 + ["of laptop"] * 2
    assert len(conflicts(mac.vault.state)) == len(conflicts(desk.vault.state)) == 2


@pytest.mark.case(4)
def test_a_device_that_lost_its_state_knows_its_aliases_again(three):
    laptop, desk, mac = three
    put(laptop, "A.txt", "1")
    put(laptop, "a.txt", "2")
    put(laptop, "Docs/x", "3")
    put(laptop, "docs/x", "4")
    round_of(*three)
    before = files(mac)
    mac.close()
    for path in mac.home.glob("*.db*"):
        path.unlink()
    mac.restart()
    mac.renew()
    once(mac)
    put(desk, "a.txt", "edited")
    put(mac, f"{alias_of(mac, 'docs')}/new", "5")
    round_of(*three)
    assert files(mac) == {**before, alias_of(mac, "a.txt"): "edited", f"{alias_of(mac, 'docs')}/new": "5"}
    assert files(desk).keys() == {"A.txt", "a.txt", "Docs", "Docs/x", "docs", "docs/x", "docs/new"}


@pytest.mark.case(4)
@pytest.mark.parametrize("after", [False, True])
def test_a_device_that_is_killed_while_twins_come_and_go_loses_nothing(tmp_path, after):
    for at in count(1):
        world = World(tmp_path / str(at))
        laptop, mac = world.device("laptop"), world.device("mac", naming=MAC)
        put(laptop, "a.txt", "1")
        put(laptop, "docs/a", "2")
        put(laptop, "b", "3")
        put(laptop, "c", "same")
        round_of(laptop, mac)
        put(laptop, "A.txt", "4")
        put(laptop, "Docs/a", "5")
        move(laptop, "b", "B")
        remove(laptop, "c")
        put(laptop, "C", "same")
        once(laptop)
        done = run(mac, "sync", Death(at, after=after))
        round_of(laptop, mac)
        plain = {
            "a.txt": "1",
            "docs": None,
            "docs/a": "2",
            "B": "3",
            "A.txt": "4",
            "Docs": None,
            "Docs/a": "5",
        }
        assert files(laptop) == plain | {"C": "same"}, at
        world.close()
        if done:
            break
    assert at > 10


@pytest.mark.case(4)
def test_a_folder_that_comes_to_another_disk_and_back_loses_nothing(three):
    laptop, desk, _ = three
    for name in ("A", "a", "Docs/x", "docs/y"):
        put(laptop, name, name)
    round_of(laptop, desk)
    remove(desk, "a")  # as a copy to such a disk does: the last one written is there
    move(desk, "docs/y", "Docs/y")
    (desk.root / "docs").rmdir()
    desk.naming = MAC
    desk.restart()
    round_of(laptop, desk)
    assert files(laptop).items() >= {"A": "A", "a": "a", "Docs/x": "Docs/x", "docs/y": "docs/y"}.items()
    desk.naming = laptop.naming
    desk.restart()
    round_of(laptop, desk)
    assert files(desk) == files(laptop)


# row 5


@pytest.mark.case(5)
@pytest.mark.parametrize("meanwhile", ["nothing", "an edit", "the same"])
@pytest.mark.parametrize("who", ["mac", "desk"])
def test_a_rename_in_case_only_is_a_rename_where_both_are_one_name(three, who, meanwhile):
    laptop, desk, mac = three
    put(laptop, "file", "1")
    put(laptop, "dir/x", "2")
    (laptop.root / "link").symlink_to("file")
    round_of(*three)
    renamer, other = (mac, desk) if who == "mac" else (desk, mac)
    was = [inode(other, name) for name in ("file", "dir", "link", "dir/x")]
    for name in ("file", "dir", "link"):
        move(renamer, name, name.upper())
        if meanwhile == "the same":
            move(other, name, name.upper())
    if meanwhile == "an edit":
        put(other, "file", "edited")
        put(laptop, "dir/x", "edited")
    assert renamer.sync().deleted_remote == 0
    round_of(*three)
    content = ("edited", "edited") if meanwhile == "an edit" else ("1", "2")
    assert files(mac) == {"FILE": content[0], "DIR": None, "DIR/x": content[1], "LINK": "-> file"}
    now = [inode(other, name) for name in ("FILE", "DIR", "LINK", "DIR/x")]
    assert now[:3] == was[:3]
    assert meanwhile == "an edit" or now == was


@pytest.mark.case(5)
def test_a_file_saved_anew_under_another_case_is_an_edit_and_a_rename(three):
    laptop, desk, mac = three
    put(laptop, "Report.txt", "1")
    round_of(*three)
    remove(mac, "Report.txt")
    put(mac, "REPORT.TXT", "2")
    summary = mac.sync()
    assert (summary.deleted_remote, summary.moved) == (0, 1)
    round_of(*three)
    assert files(desk) == {"REPORT.TXT": "2"}


@pytest.mark.case(5)
def test_two_names_that_change_places_in_case_are_two_renames(three):
    laptop, desk, mac = three
    put(laptop, "A", "1")
    put(laptop, "a", "2")
    round_of(*three)
    move(desk, "A", "x")
    move(desk, "a", "A")
    move(desk, "x", "a")
    round_of(*three)
    assert sorted(filter(None, files(mac).values())) == ["1", "2"]
    assert files(laptop) == {"A": "2", "a": "1"}


@pytest.mark.case(5)
def test_what_is_deleted_in_one_case_and_made_in_another_is_not_mixed_up(three):
    laptop, desk, mac = three
    put(laptop, "name", "1")
    put(laptop, "dir/x", "2")
    round_of(*three)
    remove(desk, "name")
    remove(desk, "dir")
    once(desk)
    put(desk, "NAME", "3")
    put(desk, "DIR/x", "4")
    round_of(*three)
    assert files(mac) == files(desk) == {"NAME": "3", "DIR": None, "DIR/x": "4"}


# rows 1 to 3


@pytest.mark.case(1)
@pytest.mark.parametrize("content", ["same", "of mac"])
def test_one_name_composed_there_and_decomposed_here_is_one_file(three, content):
    laptop, desk, mac = three
    put(laptop, NFC, "same")
    once(laptop)
    put(mac, NFD, content)
    mac.sync()
    round_of(*three)
    assert NFC in files(desk)
    assert {COPY.sub("", path) for path in files(desk)} == {NFC}
    assert sorted(filter(None, files(mac).values())) == sorted({"same", content})
    assert files(mac) == files(desk)


@pytest.mark.case(2, 3)
def test_both_spellings_are_two_files_also_where_the_disk_takes_them_for_one(three):
    laptop, desk, mac = three
    put(laptop, NFC, "composed")
    put(desk, NFD, "decomposed")
    round_of(*three)
    assert files(laptop) == {NFC: "composed", NFD: "decomposed"}
    assert sorted(filter(None, files(mac).values())) == ["composed", "decomposed"]
    remove(desk, NFD)
    round_of(*three)
    assert files(mac) == {NFC: "composed"}


@pytest.mark.case(3)
def test_a_spelling_that_was_changed_there_is_changed_here(three):
    laptop, _, mac = three
    put(laptop, f"{NFD}/in", "1")
    round_of(*three)
    was = inode(mac, f"{NFD}/in")
    move(laptop, NFD, NFC)
    round_of(*three)
    assert files(mac) == {NFC: None, f"{NFC}/in": "1"}
    assert inode(mac, f"{NFC}/in") == was


@pytest.mark.case(1, 3)
def test_a_disk_that_spells_all_names_its_own_way_renames_nothing_elsewhere(pair, world):
    laptop, desk = pair
    mac = world.device("old mac", naming=OLD_MAC)
    put(laptop, NFC, "1")
    put(laptop, f"d-{NFC}/{NFC}", "2")
    for dev in (laptop, mac, desk):
        once(dev)
    assert files(mac).keys() == {NFD, f"d-{NFD}", f"d-{NFD}/{NFD}"}
    for dev in (mac, laptop, desk, mac):
        assert dev.count(dev.sync).requests["PUT"] == 0
    put(mac, NFD, "edited")
    move(mac, f"d-{NFD}/{NFD}", f"d-{NFD}/{NFD.upper()}")
    put(desk, f"d-{NFC}/new-{NFC}", "3")
    put(laptop, NFD, "a twin")
    for _ in range(2):
        for dev in (mac, laptop, desk):
            once(dev)
    there = f"d-{NFC}"
    wanted = {
        NFC: "edited",
        NFD: "a twin",
        there: None,
        f"{there}/{NFD.upper()}": "2",
        f"{there}/new-{NFC}": "3",
    }
    assert files(desk) == files(laptop) == wanted
    assert sorted(filter(None, files(mac).values())) == ["2", "3", "a twin", "edited"]
    for dev in (mac, laptop, desk, mac):
        assert dev.count(dev.sync).requests["PUT"] == 0


@pytest.mark.case(1)
@pytest.mark.parametrize("after", [False, True])
def test_where_all_names_are_spelled_another_way_a_kill_loses_nothing_and_renames_nothing(tmp_path, after):
    for at in count(1):
        world = World(tmp_path / str(at))
        laptop, mac = world.device("laptop"), world.device("mac", naming=OLD_MAC)
        put(laptop, NFC, "1")
        put(laptop, f"d-{NFC}/{NFC}", "2")
        once(laptop)
        once(mac)
        move(laptop, NFC, f"d-{NFC}/x-{NFC}")
        put(laptop, f"e-{NFC}/{NFC}", "3")
        put(laptop, f"d-{NFC}/{NFC}", "edited")
        once(laptop)
        done = run(mac, "sync", Death(at, after=after))
        wanted = files(laptop)
        for dev in (mac, laptop, mac):
            once(dev)
        assert files(laptop) == wanted, at
        assert {unicodedata.normalize("NFC", path): content for path, content in files(mac).items()} == wanted
        world.close()
        if done:
            break
    assert at > 10


# row 6

REFUSED = [
    "CON",
    "aux.txt",
    "nul.tar.gz",
    "what?.txt",
    "a:b",
    "ends.",
    "space ",
    "a|b*c",
    '"<>"',
    "tab\t",
    "back\\slash",
]


@pytest.fixture
def stick(world):
    """A device on a disk that refuses names."""
    return world.device("stick", naming=STICK)


@pytest.mark.case(6)
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("is_directory", [False, True])
def test_a_name_that_the_disk_refuses_has_an_alias_there_and_stays_as_it_is(pair, stick, name, is_directory):
    laptop, desk = pair
    path = f"{name}/{name}" if is_directory else name
    put(laptop, path, "1")
    once(laptop)
    summary = stick.pull()
    assert (summary.failed, summary.skipped) == ([], [])
    assert [(item["name"], item["beside"]) for item in summary.aliases] == [(name, None)] * (1 + is_directory)
    (here,) = (path for path, content in files(stick).items() if content == "1")
    assert all(STICK.holds(part.encode()) for part in Path(here).parts)
    put(stick, here, "edited")
    round_of(laptop, desk, stick)
    assert files(desk)[path] == "edited"
    remove(stick, here)
    round_of(laptop, desk, stick)
    assert path not in files(desk)


@pytest.mark.case(6)
def test_a_conflict_of_a_refused_name_is_shown_and_settled(pair, stick):
    laptop, desk = pair
    put(laptop, "a:b.txt", "1")
    put(laptop, "A:B.txt", "2")
    round_of(laptop, desk, stick)
    put(laptop, "a:b.txt", "of laptop")
    put(desk, "a:b.txt", "of desk")
    round_of(laptop, desk, stick)
    assert len(conflicts(stick.vault.state)[0].copies) == 1
    copy = next(path for path in files(desk) if COPY.search(path))
    here = next(path for path, content in files(stick).items() if content == files(desk)[copy])
    put(stick, here, "settled")
    round_of(laptop, desk, stick)
    assert files(laptop).keys() == {"a:b.txt", "A:B.txt", copy}
    assert files(laptop)[copy] == "settled"
    assert conflicts(stick.vault.state) == []


@pytest.mark.case(4, 6)
def test_ignore_rules_name_the_real_names_of_what_has_an_alias(pair, stick):
    laptop, desk = pair
    put(laptop, ".e2esyncignore", "a.log\nx?\n")
    put(laptop, "A.log", "1")
    put(laptop, "d/keep", "1")
    round_of(laptop, desk, stick)
    put(laptop, "a.log", "ignored")
    put(laptop, "d/x:", "ignored")
    put(laptop, "d/x", "2")
    round_of_rules = [dev.sync() for dev in (laptop, desk, stick)]
    assert all(summary.failed == [] for summary in round_of_rules)
    assert files(stick) == {
        ".e2esyncignore": "a.log\nx?\n",
        "A.log": "1",
        "d": None,
        "d/keep": "1",
        "d/x": "2",
    }


@pytest.mark.case(4)
def test_a_new_file_is_not_one_that_is_ignored_here_though_the_disk_takes_their_names_for_one(three):
    laptop, desk, mac = three
    put(laptop, ".e2esyncignore", "a\n")
    put(desk, "a", "of desk")  # before the rules came
    round_of_pushes = [dev.push() for dev in (desk, laptop)]
    assert [summary.failed for summary in round_of_pushes] == [[], []]
    mac.sync()
    put(mac, "A", "of mac")
    for dev in (mac, laptop, mac):
        once(dev)
    assert files(laptop)["A"] == "of mac"
    assert mac.count(mac.sync).requests["PUT"] == 0
