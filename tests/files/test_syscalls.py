"""The calls by ctypes: what they do, and that their fallbacks do the same or say so."""

import ctypes
import errno
import os
from pathlib import Path

import pytest

from e2esync.adapters.files import syscalls
from tests.files.conftest import names_in


@pytest.fixture
def here(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def kernel_says(number):
    """Return a system call that fails."""

    def call(*_):
        ctypes.set_errno(number)
        return -1

    return call


@pytest.mark.parametrize("number", [None, errno.ENOSYS, errno.EINVAL])
@pytest.mark.parametrize("links", [True, False])
def test_a_rename_never_replaces_with_or_without_the_call(tmp_path, here, monkeypatch, number, links):
    if number is not None:
        monkeypatch.setattr(syscalls, "_rename", kernel_says(number))
    if not links:
        monkeypatch.setattr(
            os, "link", lambda *_, **__: (_ for _ in ()).throw(PermissionError(1, "no hard links"))
        )
    (tmp_path / "old").write_text("old")
    (tmp_path / "there").write_text("there")
    with pytest.raises(FileExistsError):
        syscalls.rename_noreplace(here, b"old", here, b"there")
    syscalls.rename_noreplace(here, b"old", here, b"new")
    assert sorted(names_in(tmp_path)) == ["new", "there"]
    assert (tmp_path / "new").read_text() == "old"
    assert (tmp_path / "there").read_text() == "there"


def test_an_error_that_is_no_absence_of_the_call_is_not_tried_again(tmp_path, here, monkeypatch):
    monkeypatch.setattr(syscalls, "_rename", kernel_says(errno.EACCES))
    (tmp_path / "old").touch()
    with pytest.raises(PermissionError):
        syscalls.rename_noreplace(here, b"old", here, b"new")
    with pytest.raises(PermissionError):
        syscalls.exchange(here, b"old", here, b"new")
    assert names_in(tmp_path) == ["old"]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EINVAL, errno.ENOTSUP])
def test_where_names_cannot_be_exchanged_the_caller_is_told(here, monkeypatch, number):
    monkeypatch.setattr(syscalls, "_rename", kernel_says(number))
    with pytest.raises(OSError, match="supported") as caught:
        syscalls.exchange(here, b"a", here, b"b")
    assert caught.value.errno == errno.ENOTSUP


@pytest.mark.parametrize("number", [None, errno.ENOSYS, errno.EPERM])
def test_a_path_is_opened_without_following_any_link(tmp_path, here, monkeypatch, number):
    if number is not None:
        monkeypatch.setattr(syscalls, "_syscall", kernel_says(number))
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "a" / "b" / "link").symlink_to("file")
    os.close(syscalls.open_beneath(here, b"a/b/file", os.O_RDONLY))
    for path in (b"link/b/file", b"a/b/link"):
        with pytest.raises(OSError, match=r"symbolic|directory") as caught:
            syscalls.open_beneath(here, path, os.O_RDONLY)
        assert caught.value.errno in (errno.ELOOP, errno.ENOTDIR)


def test_an_interrupted_open_is_repeated(tmp_path, here, monkeypatch):
    (tmp_path / "file").touch()
    answers = [kernel_says(errno.EINTR), kernel_says(errno.EINTR), syscalls._syscall]

    def answer(*arguments):
        return answers.pop(0)(*arguments)

    monkeypatch.setattr(syscalls, "_syscall", answer)
    os.close(syscalls.open_beneath(here, b"file", os.O_RDONLY))
    assert answers == []


def test_stepwise_opening_leaves_no_descriptor(tmp_path, here, monkeypatch):
    monkeypatch.setattr(syscalls, "_syscall", None)
    (tmp_path / "a" / "b").mkdir(parents=True)
    before = len(names_in(Path("/proc/self/fd")))
    for path in (b"a/b/absent", b"a/absent/c", b"absent"):
        with pytest.raises(FileNotFoundError):
            syscalls.open_beneath(here, path, os.O_RDONLY)
    assert len(names_in(Path("/proc/self/fd"))) == before


def test_without_syncfs_everything_is_synced(here, monkeypatch):
    synced = []
    monkeypatch.setattr(syscalls, "_syncfs", None)
    monkeypatch.setattr(os, "sync", lambda: synced.append(True))
    syscalls.syncfs(here)
    assert synced == [True]


def test_an_error_of_syncfs_is_raised(here, monkeypatch):
    monkeypatch.setattr(syscalls, "_syncfs", kernel_says(errno.EIO))
    with pytest.raises(OSError, match="Input"):
        syscalls.syncfs(here)


def test_without_statx_no_birth_is_known(tmp_path, here, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError):
        syscalls.birth_ns(b"absent", dir_fd=here)
    assert (syscalls.birth_ns(b"", dir_fd=here) or 1) > 0
    monkeypatch.setattr(syscalls, "_statx", kernel_says(errno.ENOSYS))
    assert syscalls.birth_ns(b"file", dir_fd=here) is None


def test_the_birth_of_a_link_is_not_that_of_its_target(tmp_path, here):
    (tmp_path / "link").symlink_to("nowhere")
    syscalls.birth_ns(b"link", dir_fd=here)
