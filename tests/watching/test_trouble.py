"""What ends or prevents watching, and what is said of it."""

import ctypes
import errno
import os
import shutil
import subprocess
import sys
import threading

import pytest
from watchdog.observers import inotify_c

from e2esync.adapters.watching import trouble, watch
from e2esync.adapters.watching.watch import Watch
from tests.watching.conftest import Ears, Slow
from tests.watching.queue import room


def descriptors():
    return len(os.listdir("/proc/self/fd"))


# --- the queue overflows ------------------------------------------------------------------------------


def overflow(folder):
    """Make more events than the kernel holds while nobody reads: two in turns, which are not made one."""
    folder.ears.goes_on.clear()
    folder.ears.is_held.clear()
    folder.write(b"a")
    folder.write(b"b")
    assert folder.ears.is_held.wait(60)
    for number in range(room() + 8192):
        os.utime(folder.path(b"ab"[number % 2 :][:1]))


@pytest.mark.case(73)
def test_an_overflow_is_told_and_what_came_meanwhile_is_watched_afterwards(root, begin):
    (root / "away" / "s").mkdir(parents=True)
    (root / "kept" / "s").mkdir(parents=True)
    folder = begin(Slow())
    overflow(folder)
    (root / "new" / "s").mkdir(parents=True)
    (root / "kept" / "s" / "new").mkdir()
    (root / "away").rename(root / "moved")
    folder.ears.goes_on.set()
    folder.ears.wait_for_loss()
    assert folder.watch.is_live
    assert folder.watch.trouble is None
    folder.heard()
    paths = {b"new/s/f", b"moved/s/f", b"kept/s/f", b"kept/s/new/f", b"f"}
    for path in paths:
        folder.write(path)
    assert folder.heard() == paths


def test_a_folder_of_more_directories_than_the_queue_is_long_overflows_once(root, begin):
    """Whoever watches all of them anew ends as many watches, and fills the queue with that."""
    if room() > 20_000:
        pytest.skip("the queue of this system is so long that as many directories take minutes")
    for number in range(room() + 100):
        (root / "d" / str(number)).mkdir(parents=True)
    folder = begin(Slow())
    overflow(folder)
    folder.ears.goes_on.set()
    folder.ears.wait_for_loss()
    folder.heard()
    folder.write(b"d/1/f")
    assert folder.heard() == {b"d/1/f"}
    assert len(folder.ears.reasons) == 1


def test_what_is_heard_after_an_overflow_is_all_that_a_scan_before_did_not_see(root, begin):
    """A scan that begins when the loss is told, not earlier, is enough: by then everything is watched."""
    heard_then = []

    class Scanning(Slow):
        def lost(self, reason):
            heard_then.append(sorted(os.listdir(root)))
            os.mkdir(os.path.join(root, "new", "after"))
            super().lost(reason)

    folder = begin(Scanning())
    overflow(folder)
    (root / "new").mkdir()
    folder.ears.goes_on.set()
    folder.ears.wait_for(b"new/after")
    assert heard_then == [["a", "b", "new"]]


# --- limits -------------------------------------------------------------------------------------------


def kernel_says(number, real=None, after=0):
    """Return a call that fails, the first ones not."""
    calls = []

    def call(*arguments):
        calls.append(arguments)
        if len(calls) <= after:
            return real(*arguments)
        ctypes.set_errno(number)
        return -1

    return call


@pytest.mark.case(74)
@pytest.mark.parametrize("after", [0, 1, 2, 4])
def test_where_watches_run_out_at_the_start_a_number_is_said_and_nothing_is_used_up(root, monkeypatch, after):
    for number in range(10):
        (root / str(number)).mkdir()
    call = kernel_says(errno.ENOSPC, inotify_c.inotify_add_watch, after)
    monkeypatch.setattr(inotify_c, "inotify_add_watch", call)
    before, threads = descriptors(), threading.active_count()
    found = Watch.start(root, Ears())
    assert not found.is_live
    assert "11 directories" in str(found.trouble)
    assert "fs.inotify.max_user_watches=" in str(found.trouble)
    assert (descriptors(), threading.active_count()) == (before, threads)
    found.stop()


@pytest.mark.case(74)
def test_where_programs_may_watch_no_more_a_number_is_said(root, monkeypatch):
    monkeypatch.setattr(inotify_c, "inotify_init", kernel_says(errno.EMFILE))
    found = Watch.start(root, Ears())
    assert not found.is_live
    assert "fs.inotify.max_user_instances=" in str(found.trouble)
    found.stop()


@pytest.mark.case(74)
def test_a_directory_that_cannot_be_watched_later_is_told_and_the_others_are_heard_on(
    root, begin, monkeypatch
):
    (root / "old").mkdir()
    folder = begin()
    monkeypatch.setattr(inotify_c, "inotify_add_watch", kernel_says(errno.ENOSPC))
    (root / "new").mkdir()
    (root / "newer").mkdir()
    folder.ears.wait_for(b"new", b"newer")
    assert folder.ears.reasons == [folder.watch.trouble]  # once
    assert "fs.inotify.max_user_watches=" in str(folder.watch.trouble)
    assert not folder.watch.is_live
    folder.write(b"old/f")
    folder.ears.wait_for(b"old/f")


IN_A_NAMESPACE = """
import os, sys
from pathlib import Path
from e2esync.adapters.watching.watch import Watch
from tests.watching.conftest import Ears, Slow
from tests.watching.queue import room

root, setting, number = sys.argv[1:]
Path("/proc/sys/user", setting).write_text(number)
ears = Ears()
watch = Watch.start(Path(root), ears)
print(watch.is_live, watch.trouble)
if watch.is_live:
    for name in "abcdefghij":
        os.mkdir(os.path.join(root, name))
    ears.wait_for_loss()
    print(watch.is_live, watch.trouble)
watch.stop()
"""


def in_a_namespace(root, setting, number):
    """Start a program whose limits are its own; return what it printed."""
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", IN_A_NAMESPACE]
    if subprocess.run([*command[:3], "test", "-w", f"/proc/sys/user/{setting}"], check=False).returncode:
        pytest.skip("this kernel or container does not let a program have limits of its own")
    done = subprocess.run([*command, root, setting, str(number)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.case(74)
def test_limits_of_the_real_kernel(root):
    (later,) = in_a_namespace(root, "max_inotify_instances", 0)
    assert later.startswith("False")
    assert "max_user_instances" in later
    first, later = in_a_namespace(root, "max_inotify_watches", 5)
    assert first == "True None"
    assert later.startswith("False")
    assert "max_user_watches" in later
    (first,) = in_a_namespace(root, "max_inotify_watches", 5)  # with the ten that are there now
    assert first.startswith("False there are 11 directories")


@pytest.mark.parametrize("limit", [None, 0, 8192, 1 << 19, 10**6])
@pytest.mark.parametrize("directories", [0, 1, 10**5, 10**7])
def test_the_number_said_has_room_for_the_folder_and_what_is_used(limit, directories):
    number = trouble.enough(limit, directories)
    assert number >= (limit or 0) + 2 * directories
    assert number >= 1 << 19
    assert number > (limit or 0)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENFILE, "fs.file-max"),
        (errno.ENOENT, "no longer where it was"),
        (errno.ENOMEM, "ENOMEM"),
        (None, "?"),
    ],
)
def test_other_refusals_are_said_without_names(number, words):
    error = OSError(number, "why", "/home/somebody/secret") if number else OSError("secret")
    said = trouble.of_error(error, None, 0)
    assert words in said
    assert "secret" not in said


# --- file systems that are silent ---------------------------------------------------------------------


@pytest.mark.case(75)
@pytest.mark.parametrize(
    "kind",
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "fuse",
        "fuse.sshfs",
        "fuse.rclone",
        "9p",
        "drvfs",
        "vboxsf",
        "virtiofs",
        "ceph",
    ],
)
def test_what_others_change_unheard_is_said_to_be_silent(kind):
    assert kind in str(trouble.silence(kind))


@pytest.mark.case(75)
@pytest.mark.parametrize(
    "kind",
    [
        "ext4",
        "btrfs",
        "xfs",
        "zfs",
        "tmpfs",
        "overlay",
        "vfat",
        "exfat",
        "ntfs3",
        "fuseblk",
        "bcachefs",
        None,
    ],
)
def test_disks_of_this_machine_are_not(kind):
    assert trouble.silence(kind) is None


MOUNTS = b"""\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:30 / /home rw shared:1 master:2 - btrfs /dev/sda rw
31 30 0:31 / /home/me/far\\040away rw - nfs4 server:/x rw
32 30 0:32 / /home/me/twice rw - ext4 /dev/sdb rw
33 32 0:33 / /home/me/twice rw - fuse.sshfs host: rw
a line of a kernel to come
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"/", "ext4"),
        (b"/home", "btrfs"),
        (b"/homely", "ext4"),
        (b"/home/me/far away", "nfs4"),
        (b"/home/me/far away/folder", "nfs4"),
        (b"/home/me/far", "btrfs"),
        (b"/home/me/twice/x", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_longest_and_last_mount(path, kind):
    assert trouble.kind_at(path, MOUNTS) == kind


@pytest.mark.case(75)
def test_a_folder_on_a_silent_file_system_is_not_watched(root, tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_bytes(MOUNTS + b"40 27 0:40 / %s rw - cifs //server/x rw\n" % os.fsencode(tmp_path))
    monkeypatch.setattr(watch, "_MOUNTS", mounts)
    before = descriptors()
    found = Watch.start(root, Ears())
    assert not found.is_live
    assert "cifs" in str(found.trouble)
    assert descriptors() == before
    found.stop()


def test_without_a_list_of_mounts_the_folder_is_watched(root, begin, tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "_MOUNTS", tmp_path / "absent")
    folder = begin()
    folder.write(b"f")
    assert folder.heard() == {b"f"}


# --- the root goes, the thread fails, the end ---------------------------------------------------------


@pytest.mark.parametrize("is_open", [False, True])
def test_a_root_that_is_removed_is_told(root, begin, is_open):
    (root / "d" / "s").mkdir(parents=True)
    folder = begin()
    fd = os.open(root, os.O_RDONLY) if is_open else None
    shutil.rmtree(root)
    folder.ears.wait_for_loss()
    assert not folder.watch.is_live
    assert folder.watch.trouble == trouble.GONE
    if fd is not None:
        os.close(fd)


def test_a_root_that_is_moved_is_told_and_what_changes_there_no_more(root, begin):
    (root / "d").mkdir()
    folder = begin()
    root.rename(root.parent / "elsewhere")
    folder.ears.wait_for_loss()
    assert not folder.watch.is_live
    (root.parent / "elsewhere" / "d" / "f").touch()
    root.mkdir()
    folder.watch.stop()
    assert folder.ears.paths == set()
    assert folder.ears.reasons == [trouble.GONE]


def test_a_root_that_is_replaced_is_told(root, begin):
    folder = begin()
    (root.parent / "new").mkdir()
    (root.parent / "new").rename(root)
    folder.ears.wait_for_loss()
    assert not folder.watch.is_live


def test_a_root_that_is_not_there_is_said(root):
    root.rmdir()
    found = Watch.start(root, Ears())
    assert (found.is_live, found.trouble) == (False, trouble.GONE)
    found.stop()


def test_an_error_in_the_thread_is_told_and_logged_without_names(root, begin, caplog):
    class Broken(Ears):
        def touched(self, path):
            raise ValueError(path)

    folder = begin(Broken())
    folder.write(b"secret")
    folder.ears.wait_for_loss()
    assert not folder.watch.is_live
    assert folder.ears.reasons == [folder.watch.trouble]
    assert "ValueError in test_trouble.py" in caplog.text
    assert "secret" not in caplog.text


def test_after_the_end_nothing_is_told_and_nothing_is_left(root, begin):
    (root / "d" / "s").mkdir(parents=True)
    before, threads = descriptors(), threading.active_count()
    for number in range(20):
        folder = begin()
        if number % 2:
            folder.write(b"d/s/f")
            folder.heard()
        folder.watch.stop()
        heard = set(folder.ears.paths)
        folder.write(b"d/s/g")
        folder.watch.stop()  # twice is once
        assert folder.ears.paths == heard
        assert folder.ears.reasons == []
        assert not folder.watch.is_live
    assert (descriptors(), threading.active_count()) == (before, threads)


def test_the_end_of_a_watch_watches_nothing(root, begin, monkeypatch):
    """Each directory hears that its watch is gone; by then its number may be another file's."""
    (root / "d" / "s").mkdir(parents=True)
    folder, calls = begin(), []

    def add(*call):
        calls.append(call)
        return -1

    monkeypatch.setattr(inotify_c, "inotify_add_watch", add)
    folder.watch.stop()
    assert calls == []


def test_whoever_hears_may_end_it(root, begin):
    class Ending(Ears):
        def touched(self, path):
            folder.watch.stop()
            super().touched(path)

    folder = begin(Ending())
    reader = folder.watch._reader
    folder.write(b"f")
    folder.write(b"g")
    folder.ears.wait_for(b"f")
    reader.join(60)
    assert folder.ears.paths == {b"f"}


def test_nothing_of_what_is_watched_is_logged(root, begin, caplog):
    caplog.set_level(0)
    (root / "secret").mkdir()
    folder = begin(Slow())
    overflow(folder)
    folder.ears.goes_on.set()
    folder.ears.wait_for_loss()
    (root / "secret" / "secret").mkdir()
    shutil.rmtree(root / "secret")
    folder.heard()
    assert "secret" not in caplog.text
    assert os.fspath(root) not in caplog.text
