"""One process for each folder, and a lock that no crash leaves behind."""

import subprocess
import sys

import pytest

from e2esync.adapters.files import FolderLock
from e2esync.errors import Busy

HOLD = """
import sys, pathlib
from e2esync.adapters.files import FolderLock
with FolderLock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.case(110)
def test_a_second_lock_is_refused_in_words(tmp_path):
    with FolderLock(tmp_path / "lock"):
        with pytest.raises(Busy, match="another e2esync works on this folder") as caught:
            FolderLock(tmp_path / "lock").acquire()
        assert caught.value.exit_code == 11
    with FolderLock(tmp_path / "lock"):
        pass


@pytest.mark.case(110)
def test_the_lock_of_another_process_ends_with_it_however_it_ends(tmp_path):
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(Busy):
            FolderLock(path).acquire()
        other.kill()
        other.wait()
    with FolderLock(path):
        pass


def test_locks_of_different_folders_do_not_meet(tmp_path):
    with FolderLock(tmp_path / "one"), FolderLock(tmp_path / "other"):
        pass
