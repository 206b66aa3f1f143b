"""What went wrong for users of other programs, each story once: it does not go wrong here."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from e2esync.crypto.recovery import from_words
from e2esync.engine.restore_offline import decrypt_offline
from e2esync.errors import SafetyStop
from tests.catalogue.hands import files, move, once, plain, put, remove, round_of
from tests.engine.mortal import Death, Meanwhile, run
from tests.engine.world import Dev
from tests.frozen.make import HERE, described


def test_story_1_a_new_empty_device_is_no_deletion_of_everything(world):
    a = world.device("a")
    for number in range(50):
        put(a, f"dir/{number}", f"{number}")
    once(a)
    new = world.fresh("new")
    with new.using(accepted=frozenset()):
        assert new.push().deleted_remote == 0
        once(new)
    round_of(a, new)
    assert len(files(a)) == 51


def test_story_2_a_second_sync_without_changes_does_nothing(pair):
    a, b = pair
    put(a, "dir/x", "1")
    (a.root / "empty").mkdir()
    (a.root / "link").symlink_to("dir")
    round_of(a, b)
    for dev in pair:
        requests = dev.count(dev.sync).requests
        assert {name: count for name, count in requests.items() if count} == {"LIST": 1}


@pytest.mark.parametrize("edited", [False, True])
def test_story_3_a_device_with_old_files_never_overwrites_newer_edits(pair, edited):
    a, b = pair
    put(a, "x", "1")
    round_of(a, b)
    for number in range(5):
        put(a, "x", f"edit {number}")
        once(a)
    if edited:
        put(b, "x", "an old idea")
    else:
        os.utime(b.root / "x", ns=(0, 4_000_000_000 * 10**9))  # looks newer than all
    round_of(b, a)
    assert set(files(a).values()) == {"edit 4", *(["an old idea"] if edited else [])}


def test_story_4_what_was_deleted_or_renamed_does_not_come_back(world):
    a, b, old = (world.device(name) for name in ("a", "b", "old"))
    for name in ("deleted", "renamed", "dir/x", "keep"):
        put(a, name, name)
    round_of(a, b, old)
    remove(a, "deleted")
    move(a, "renamed", "new name")
    remove(b, "dir")
    round_of(a, b)
    os.utime(old.root / "deleted", ns=(7, 7))
    old.restart()
    round_of(old, a, b)
    assert plain(old) == ["keep=keep", "new name=renamed"]


@pytest.mark.parametrize("both", [False, True])
def test_story_5_a_folder_that_is_put_back_as_it_was_makes_no_copies(pair, both, tmp_path):
    a, b = pair
    for name in ("dir/x", "dir/sub/y"):
        put(a, name, name)
    put(a, "keep", "0")
    round_of(a, b)
    shutil.copytree(a.root / "dir", tmp_path / "backup")
    remove(a, "dir")
    round_of(a, b)
    for dev in (a, b) if both else (a,):
        shutil.copytree(tmp_path / "backup", dev.root / "dir")
    round_of(a, b)
    assert plain(b) == ["dir/", "dir/sub/", "dir/sub/y=dir/sub/y", "dir/x=dir/x", "keep=0"]


@pytest.mark.parametrize("at", range(1, 16))
def test_story_6_a_directory_deleted_here_makes_no_conflict_whatever_comes_in_between(pair, at):
    a, b = pair
    for name in ("dir/x", "dir/sub/y", "keep"):
        put(a, name, name)
    round_of(a, b)
    put(a, "keep", "newer")
    once(a)
    remove(b, "dir")
    run(b, "sync", Death(at))
    round_of(b, a)
    assert (plain(a), a.sync().conflicts) == (["keep=newer"], 0)


@pytest.mark.parametrize("after", [False, True])
def test_story_7_between_a_parent_and_its_child_no_crash_leaves_anything_unreadable(world, after):
    """There, a crash between two new keys; here directories have none, and a parent and its child come in one head."""
    a, b = world.device("a"), world.device("b")
    put(a, "outer/inner/x", "0")
    round_of(a, b)
    names = ["outer", "other"]
    for at in range(1, 60):
        move(a, f"{names[0]}/inner", f"{names[0]}/moved")
        move(a, names[0], names[1])
        move(a, f"{names[1]}/moved", f"{names[1]}/inner")
        put(a, f"{names[1]}/inner/x", f"{at}")
        names.reverse()
        done = run(a, "push", Death(at, after=after))
        once(b)
        stranger = world.fresh(f"stranger {at}")
        once(stranger)
        assert len(files(stranger)) == 3
        assert stranger.differs(b.tree()) == {}
        round_of(a, b)
        assert files(b)[f"{names[0]}/inner/x"] == f"{at}"
        if done:
            return
    pytest.fail("it never comes to its end")


@pytest.mark.parametrize("at", range(1, 30, 2))
def test_story_8_a_directory_renamed_at_any_moment_of_a_sync_is_whole_under_one_name(pair, at):
    a, b = pair
    for number in range(5):
        put(a, f"dir/{number}", f"{number}")
    round_of(a, b)
    put(a, "dir/0", "newer")
    put(a, "dir/new", "1")
    once(a)
    put(b, "dir/1", "of b")
    run(b, "sync", Meanwhile(at, lambda: move(b, "dir", "renamed")))
    round_of(b, a)
    name = "renamed" if "renamed" in files(a) else "dir"
    assert plain(a) == sorted(
        [f"{name}/", f"{name}/0=newer", f"{name}/1=of b", f"{name}/new=1"]
        + [f"{name}/{number}={number}" for number in (2, 3, 4)]
    )


def test_story_9_what_an_older_version_wrote_is_read(tmp_path):
    """Every version's vault is kept: there is one so far. A version that does not know a newer one's state leaves it alone."""
    frozen: Path = HERE / "v1"
    words = from_words((frozen / "words.txt").read_text())
    (report,) = decrypt_offline(frozen / "store", tmp_path / "out", words)
    assert described(Path(report["directory"])) == json.loads((frozen / "expect.json").read_text())


def test_story_10_no_device_depends_on_another_to_tidy_up(world):
    """There, pruning hung on one machine. Here each device folds what it wrote itself, and one that is gone holds up nobody."""
    gone, a = world.device("gone"), world.device("a")
    for number in range(40):
        put(gone, f"of gone {number}", f"{number}")
        once(gone)
    once(a)
    gone.close()
    world.devices.remove(gone)
    before = len(objects_of(world, a))
    for number in range(70):
        put(a, "x", f"{number}")
        once(a)
        world.clock.advance(3_601)
    assert len(objects_of(world, a)) < before + 90  # and not three for each of seventy
    new = world.fresh("new")
    once(new)
    assert new.differs(a.tree()) == {}
    assert len(files(new)) == 41


def objects_of(world, dev: Dev) -> list[str]:
    return [info.key for info in dev.store.list("")]


def test_story_11_a_long_name_makes_no_long_key_in_the_store(pair):
    a, b = pair
    put(a, "x", "1")
    once(a)
    longest = max(len(info.key) for info in a.store.list(""))
    deep = "/".join(["é" * 127] * 6)
    put(a, f"{deep}/{'n' * 255}", "long")
    put(a, "n" * 255, "long")
    round_of(a, b)
    assert max(len(info.key) for info in a.store.list("")) == longest
    assert files(b)[f"{deep}/{'n' * 255}"] == "long"


def test_story_12_the_same_tree_with_new_times_is_not_changed(pair):
    a, b = pair
    for number in range(40):
        put(a, f"{number}", f"{number}")
    round_of(a, b)
    with a.using(accepted=frozenset()):
        for number in range(40):
            content = (a.root / f"{number}").read_bytes()
            (a.root / f"{number}").unlink()
            put(a, f"{number}", content)
        assert a.count(a.sync).requests["PUT"] == 0
    round_of(a, b)


class PowerCut(Death):
    """Comes before what was fetched is durable; what is in temporary files then is put aside."""

    def __init__(self, temporary: Path, aside: Path) -> None:
        super().__init__()
        self._temporary, self._aside = temporary, aside

    def step(self, what: str, act: Callable[[], object]) -> object:
        if what == "folder.barrier" and not self._aside.exists():
            shutil.copytree(self._temporary, self._aside)
            self.at = len(self.steps) + 1
        return super().step(what, act)


@pytest.mark.parametrize("left", [0, 1000])
def test_story_13_files_that_a_power_cut_left_empty_are_not_synced_back_over_the_originals(
    pair, tmp_path, left
):
    """What comes is durable before it has its name; so only a temporary file can be torn, and it is nobody's."""
    a, b = pair
    put(a, "x", "1")
    round_of(a, b)
    put(a, "x", "2" * 100_000)
    put(a, "y", "3" * 100_000)
    once(a)
    temporary = b.root / ".e2esync" / "tmp"
    assert not run(b, "pull", PowerCut(temporary, tmp_path / "aside"))
    torn = list((tmp_path / "aside").iterdir())
    assert len(torn) == 2
    for path in torn:
        os.truncate(path, left)
        shutil.copy2(path, temporary / path.name)
    assert plain(b) == ["x=1"]
    assert b.push().uploaded_files == 0
    round_of(b, a)
    assert files(a) == files(b) == {"x": "2" * 100_000, "y": "3" * 100_000}


def test_story_14_a_card_that_was_taken_out_deletes_nothing(pair):
    a, b = pair
    for number in range(30):
        put(a, f"{number}", f"{number}")
    round_of(a, b)
    a.root.rename(a.home / "card")
    for command in (a.push, a.pull, a.sync):
        with pytest.raises(SafetyStop):
            command()
    a.root.mkdir()  # where the card is mounted
    for command in (a.push, a.pull, a.sync):
        with pytest.raises(SafetyStop):
            command()
    once(b)
    assert len(files(b)) == 30
    a.root.rmdir()
    (a.home / "card").rename(a.root)
    round_of(a, b)
    assert len(files(a)) == 30
