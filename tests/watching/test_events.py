"""What is told of changes, by the real kernel on a real disk."""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from e2esync.adapters.files import LocalFolder, syscalls
from e2esync.adapters.watching import hints
from e2esync.engine import scan
from tests.files.conftest import NOBODY
from tests.watching.conftest import Ears, Slow, Watched


def save_by_rename(folder):
    """As gedit and most programs."""
    folder.write(b".goutputstream-A1B2C3")
    os.rename(folder.path(b".goutputstream-A1B2C3"), folder.path(b"f"))


def save_with_backup(folder):
    """As vim with backup."""
    os.rename(folder.path(b"f"), folder.path(b"f~"))
    folder.write(b"f")
    os.unlink(folder.path(b"f~"))


def save_under_lock(folder):
    """As LibreOffice."""
    folder.write(b".~lock.f#")
    folder.write(b"lu1.tmp")
    os.rename(folder.path(b"lu1.tmp"), folder.path(b"f"))
    os.unlink(folder.path(b".~lock.f#"))


def save_by_exchange(folder):
    """As the safe save of macOS: in a directory of its own, then the names are exchanged."""
    os.mkdir(folder.path(b"f.sb-1"))
    folder.write(b"f.sb-1/f")
    here, there = (os.open(folder.path(path), os.O_RDONLY) for path in (b".", b"f.sb-1"))
    syscalls.exchange(here, b"f", there, b"f")
    os.close(here)
    os.close(there)
    os.unlink(folder.path(b"f.sb-1/f"))
    os.rmdir(folder.path(b"f.sb-1"))


def save_by_two_renames(folder):
    """As the safe save of macOS on disks that cannot exchange."""
    os.mkdir(folder.path(b"f.sb-1"))
    folder.write(b"f.sb-1/f")
    os.rename(folder.path(b"f"), folder.path(b"f.sb-1/old"))
    os.rename(folder.path(b"f.sb-1/f"), folder.path(b"f"))
    shutil.rmtree(folder.path(b"f.sb-1"))


def save_in_place(folder):
    """As rsync --inplace."""
    folder.write(b"f", b"in the middle", os.O_WRONLY)


def truncate_and_write(folder):
    os.truncate(folder.path(b"f"), 0)
    folder.write(b"f", b"all", os.O_WRONLY)


def append(folder):
    folder.write(b"f", b"more", os.O_WRONLY | os.O_APPEND)


def move_over_from_outside(folder):
    (folder.root.parent / "new").write_text("new")
    os.rename(folder.root.parent / "new", folder.path(b"f"))


def change_permissions(folder):
    os.chmod(folder.path(b"f"), 0o600)


def set_times(folder):
    os.utime(folder.path(b"f"), (1, 1))


def link_to_another_name(folder):
    os.unlink(folder.path(b"f"))
    os.symlink("nowhere", folder.path(b"f"))


@pytest.mark.parametrize(
    ("save", "besides"),
    [
        (save_by_rename, {b".goutputstream-A1B2C3"}),
        (save_with_backup, {b"f~"}),
        (save_under_lock, {b".~lock.f#", b"lu1.tmp"}),
        (save_by_exchange, {b"f.sb-1", b"f.sb-1/f"}),
        (save_by_two_renames, {b"f.sb-1", b"f.sb-1/f", b"f.sb-1/old"}),
        (save_in_place, set()),
        (truncate_and_write, set()),
        (append, set()),
        (move_over_from_outside, set()),
        (change_permissions, set()),
        (set_times, set()),
        (link_to_another_name, set()),
    ],
)
def test_a_save_tells_the_file_and_at_most_the_temporary_names(root, begin, save, besides):
    (root / "f").write_text("an old content")
    (root / "other").write_text("other")
    folder = begin()
    save(folder)
    heard = folder.heard()
    assert b"f" in heard
    assert heard - {b"f"} <= besides
    assert folder.ears.reasons == []


def test_reading_tells_nothing(root, begin):
    (root / "d").mkdir()
    (root / "d" / "f").write_text("content")
    folder = begin()
    (root / "d" / "f").read_text()
    os.listdir(root / "d")
    with (root / "d" / "f").open("r+"):
        pass
    assert folder.heard() - {b"d/f"} == set()  # the last one: opened for writing, closed, nothing written
    (root / "d" / "f").read_text()
    os.listdir(root / "d")
    assert folder.heard() == set()


def test_a_file_that_has_no_name_any_more_tells_nothing(root, begin):
    folder = begin()
    with (root / "f").open("wb", buffering=0) as file:
        (root / "f").unlink()
        assert folder.heard() == {b"f"}
        file.write(b"for nobody")
    assert folder.heard() == set()


def test_a_move_tells_both_names_and_one_across_the_border_the_one_inside(root, begin):
    for path in ("a", "b", "d/x"):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(path)
    folder = begin()
    (root / "a").rename(root / "d" / "moved")
    assert folder.heard() == {b"a", b"d/moved"}
    (root / "b").rename(root.parent / "out")
    assert folder.heard() == {b"b"}
    (root.parent / "out").rename(root / "d" / "in")
    assert folder.heard() == {b"d/in"}


def test_a_deletion_and_a_new_file_are_told(root, begin):
    (root / "a").touch()
    folder = begin()
    (root / "a").unlink()
    assert folder.heard() == {b"a"}
    (root / "a").touch()
    assert folder.heard() == {b"a"}


def test_the_folders_own_directory_and_what_waits_for_its_place_are_never_told(root, begin):
    parked = ".e2esync-moving-" + "0" * 32
    with LocalFolder.create(root) as local:
        folder = begin()
        staged = local.stage(4)
        staged.write(b"ours")
        staged.set_meta(10**18, 0o644)
        staged.discard()
        (root / ".e2esync" / "trash" / "deep").mkdir()
        (root / ".e2esync" / "trash" / "deep" / "file").write_text("x")
    (root / parked).mkdir()
    (root / parked / "file").write_text("x")
    assert folder.heard() == set()
    (root / parked).rename(root / "placed")
    assert folder.heard() == {b"placed"}
    (root / "placed" / "file").write_text("y")
    assert folder.heard() == {b"placed/file"}


def test_the_names_of_what_waits_are_those_of_the_scan():
    assert hints._PARKED == scan._PARKED


def test_names_that_are_no_text_are_told_as_they_are(root, begin):
    folder = begin()
    os.mkdir(folder.path(b"d\xff\xfe"))
    assert folder.heard() == {b"d\xff\xfe"}
    folder.write(b"d\xff\xfe/\xe4 file\n")
    assert folder.heard() == {b"d\xff\xfe/\xe4 file\n"}


def test_a_root_behind_a_link_is_watched(root, begin):
    link = root.parent / "link"
    link.symlink_to(root)
    folder = begin()
    through = type(folder)(link, Ears())
    folder.write(b"f")
    assert through.heard() == {b"f"}
    through.watch.stop()


def test_links_to_directories_are_not_followed(root, begin):
    outside = root.parent / "outside"
    outside.mkdir()
    (root / "link").symlink_to(outside)
    folder = begin()
    (root / "later").symlink_to(outside)
    assert folder.heard() == {b"later"}
    (outside / "f").touch()
    assert folder.heard() == set()


def test_a_link_that_leads_to_itself_in_the_place_of_a_directory_ends_nothing(root, begin):
    (root / "d" / "s").mkdir(parents=True)
    folder = begin(Slow())
    folder.ears.goes_on.clear()
    folder.write(b"f")
    (root / "d" / "s" / "t").mkdir()
    shutil.rmtree(root / "d")
    (root / "d").symlink_to("d")
    folder.ears.goes_on.set()
    assert b"d" in folder.heard()
    assert folder.watch.is_live
    assert folder.ears.reasons == []


# --- directories: what is told, and watched from then on ----------------------------------------------


def covered(heard, path):
    """Return whether a scan of what was heard sees a path: it, or a directory that holds it."""
    parts = path.split(b"/")
    return any(b"/".join(parts[:number]) in heard for number in range(1, len(parts) + 1))


@pytest.mark.case(77)
def test_files_made_with_their_directory_are_covered(root, begin):
    folder, made = begin(), []
    for number in range(300):
        top = b"d%d" % number
        os.mkdir(folder.path(top))
        for path in (top + b"/a", top + b"/s/b", top + b"/s/t/c"):
            os.makedirs(folder.path(os.path.dirname(path)), exist_ok=True)
            folder.write(path)
            made.append(path)
    heard = folder.heard()
    assert [path for path in made if not covered(heard, path)] == []
    for path in made:
        folder.write(path, b"again")
    assert folder.heard() >= set(made)  # each by its own name: everything is watched by now


@pytest.mark.case(77)
def test_whoever_scans_a_directory_when_it_is_told_misses_nothing(root, begin):
    """Another program makes trees as fast as it can; we scan what we hear of, when we hear of it."""
    seen = set()

    class Scanning(Ears):
        def touched(self, path):
            where = os.path.join(os.fsencode(root), path)
            seen.add(path)
            for directory, names, files in os.walk(where):
                seen.update(
                    os.path.relpath(os.path.join(directory, name), os.fsencode(root))
                    for name in names + files
                )
            super().touched(path)

    folder = begin(Scanning())
    program = (
        "import os, sys\n"
        "for number in range(400):\n"
        "    top = os.path.join(sys.argv[1], f't{number}')\n"
        "    os.makedirs(top + '/a/b/c')\n"
        "    for name in ('/f', '/a/f', '/a/b/f', '/a/b/c/f'):\n"
        "        open(top + name, 'w').close()\n"
    )
    subprocess.run([sys.executable, "-c", program, root], check=True)
    folder.heard()
    there = {
        b"t%d%s/f" % (number, below) for number in range(400) for below in (b"", b"/a", b"/a/b", b"/a/b/c")
    }
    assert there - seen == set()


@pytest.mark.case(77)
def test_a_directory_is_told_when_it_is_watched_with_all_that_is_below(root, begin):
    (root.parent / "tree" / "s").mkdir(parents=True)

    class Writing(Ears):
        def touched(self, path):
            if path == b"tree":
                (root / "tree" / "s" / "late").touch()
            super().touched(path)

    folder = begin(Writing())
    (root.parent / "tree").rename(root / "tree")
    folder.ears.wait_for(b"tree/s/late")


def test_another_file_system_in_the_folder_is_not_watched(root, begin, monkeypatch):
    (root / "mounted" / "s").mkdir(parents=True)
    real = os.lstat

    def lstat(path, **more):
        status = real(path, **more)
        if not os.fsencode(path).endswith(b"/mounted"):
            return status
        return SimpleNamespace(st_mode=status.st_mode, st_dev=status.st_dev + 1)

    monkeypatch.setattr(os, "lstat", lstat)
    folder = begin()
    folder.write(b"mounted/f")
    folder.write(b"mounted/s/f")
    assert folder.heard() == set()


@pytest.mark.case(48)
def test_a_tree_that_is_moved_is_told_by_its_own_names_and_watched_where_it_is(root, begin):
    outside = root.parent / "outside"
    (outside / "x" / "y").mkdir(parents=True)
    (outside / "x" / "y" / "f").touch()
    folder = begin()
    outside.rename(root / "in")
    assert folder.heard() == {b"in"}
    folder.write(b"in/x/y/f")
    assert folder.heard() == {b"in/x/y/f"}
    (root / "in" / "x").rename(root / "x")
    assert folder.heard() - {b"in"} == {b"in/x", b"x"}
    folder.write(b"x/y/f")
    assert folder.heard() == {b"x/y/f"}
    (root / "x").rename(outside)
    assert folder.heard() == {b"x"}
    (outside / "y" / "f").write_text("not ours any more")
    (outside / "y" / "new").mkdir()
    assert folder.heard() == set()


def test_directories_that_are_exchanged_are_watched_under_their_new_names(root, begin):
    for path in ("a/s", "b/t"):
        (root / path).mkdir(parents=True)
    folder = begin()
    here = os.open(root, os.O_RDONLY)
    syscalls.exchange(here, b"a", here, b"b")
    os.close(here)
    assert folder.heard() == {b"a", b"b"}
    folder.write(b"a/t/f")
    folder.write(b"b/s/f")
    assert folder.heard() == {b"a/t/f", b"b/s/f"}


def test_a_directory_in_the_place_of_one_that_was_moved_away_is_another(root, begin):
    """Moved out, made anew, moved on, and the first one removed."""
    (root / "p" / "s").mkdir(parents=True)
    folder = begin()
    (root / "p").rename(root.parent / "p")
    (root / "p" / "s").mkdir(parents=True)
    (root / "p").rename(root / "q")
    shutil.rmtree(root.parent / "p")
    folder.heard()
    folder.write(b"q/s/f")
    assert folder.heard() == {b"q/s/f"}
    assert folder.watch.is_live


def test_a_directory_that_is_removed_and_made_again_is_watched(root, begin):
    (root / "d" / "s").mkdir(parents=True)
    folder = begin()
    for _ in range(20):
        shutil.rmtree(root / "d")
        (root / "d" / "s").mkdir(parents=True)
    folder.heard()
    folder.write(b"d/s/f")
    assert folder.heard() == {b"d/s/f"}


def test_names_that_go_round_leave_every_directory_under_its_own(root, begin):
    folder = begin()
    places = [b"a", b"b", b"c", b"a/in", b"b/in", b"c/in"]
    for number, (one, other) in enumerate(itertools.permutations(places, 2)):
        for path in places:
            os.makedirs(folder.path(path) + b"/leaf", exist_ok=True)
        if not other.startswith(one) and not one.startswith(other):
            shutil.rmtree(folder.path(other))
            os.rename(folder.path(one), folder.path(other))
        if number % 3 == 0:
            folder.heard()
    folder.heard()
    leaves = [
        os.path.relpath(d, os.fsencode(root))
        for d, *_ in os.walk(os.fsencode(root))
        if d != os.fsencode(root)
    ]
    for leaf in leaves:
        folder.write(leaf + b"/f")
    assert folder.heard() == {leaf + b"/f" for leaf in leaves}


@pytest.fixture
def unprivileged():
    """Be an ordinary user with a root of its own: to the superuser nothing is unreadable."""
    with tempfile.TemporaryDirectory() as above:
        made = Path(above, "folder")
        made.mkdir()
        if os.geteuid() != 0:
            os.chmod(above, 0o300)
            yield made
            os.chmod(above, 0o700)
            return
        os.chmod(above, 0o733)
        os.chown(made, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield made
        finally:
            os.seteuid(0)


def test_a_root_is_missed_also_where_nobody_may_look_at_what_holds_it(unprivileged):
    folder = Watched(unprivileged, Ears())
    unprivileged.rename(unprivileged.parent / "elsewhere")
    folder.ears.wait_for_loss()
    assert not folder.watch.is_live
    folder.watch.stop()
    (unprivileged.parent / "elsewhere").rename(unprivileged)


def test_a_root_that_may_not_be_read_is_not_watched(unprivileged):
    unprivileged.chmod(0)
    folder = Watched(unprivileged, Ears())
    assert not folder.watch.is_live
    assert "EACCES" in str(folder.watch.trouble)
    folder.watch.stop()
    unprivileged.chmod(0o700)


@pytest.mark.parametrize("mode", [0, 0o400, 0o100])
def test_a_directory_that_becomes_readable_is_watched_from_then_on(unprivileged, mode):
    root = unprivileged
    (root / "d" / "s").mkdir(parents=True)
    (root / "e").mkdir(mode=0)  # a second one: to watchdog all that may not be read are one
    (root / "d").chmod(mode)
    folder = Watched(root, Ears())
    (root / "d").chmod(0o700)
    assert folder.heard() == {b"d"}
    folder.write(b"d/s/f")
    assert folder.heard() == {b"d/s/f"}
    (root / "d").chmod(mode)
    assert folder.heard() == {b"d"}
    (root / "d").chmod(0o700)
    assert folder.heard() == {b"d"}
    folder.write(b"d/s/f")
    assert folder.heard() == {b"d/s/f"}
    assert folder.ears.reasons == []
    folder.watch.stop()
