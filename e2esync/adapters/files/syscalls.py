"""The Linux calls that Python lacks, by ctypes, each with what happens where it is missing.

    syncfs            os.sync: every file system instead of one
    statx             no birth time: None
    openat2           component by component, each opened relative to the one before
    renameat2         NOREPLACE: a hard link and an unlink, or (directories, no hard links) a look
                      and a rename with a gap between the two
                      EXCHANGE: none; the caller is told by ENOTSUP

All raise plain `OSError`; the callers know the path and turn it into ours.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from functools import cache

O_PATH = getattr(os, "O_PATH", os.O_RDONLY)  # enough to name what is below, also without read permission
PARENT = O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_AT_FDCWD = -100
_AT_SYMLINK_NOFOLLOW = 0x100
_AT_EMPTY_PATH = 0x1000
_STATX_BTIME = 0x800
_STATX_SIZE = 256  # bytes
_OPENAT2 = 437  # the number is the same on all architectures but Alpha
_RESOLVE_NO_SYMLINKS = 0x04  # in no component; the last too unless it is opened with O_PATH
_RESOLVE_BENEATH = 0x08
_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_MISSING = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)  # from the kernel; from this file system
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EISDIR)
# EPERM: the filters of old container runtimes refuse what they do not know.
_NO_CALL = (errno.ENOSYS, errno.EPERM)
_OPEN_HOW_SIZE = 24  # bytes
_KERNEL_PATH_MAX = 4096  # bytes, with the final zero byte

_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class _Statx(ctypes.Structure):
    """As far as the birth time; the rest of the 256 bytes is padding."""

    _fields_ = (
        ("mask", ctypes.c_uint32),
        ("until_birth", ctypes.c_ubyte * 76),
        ("birth_seconds", ctypes.c_int64),
        ("birth_nanoseconds", ctypes.c_uint32),
        ("padding", ctypes.c_ubyte * (_STATX_SIZE - 92)),
    )


def _bind(name: str, result: type, *arguments: type) -> Callable[..., int] | None:
    """Return a function of the C library, or None if it has none of this name."""
    function = getattr(_libc, name, None)
    if function is None:
        return None
    function.argtypes, function.restype = arguments, result
    bound: Callable[..., int] = function
    return bound


_int, _uint, _name = ctypes.c_int, ctypes.c_uint, ctypes.c_char_p
_syncfs = _bind("syncfs", _int, _int)
_statx = _bind("statx", _int, _int, _name, _int, _uint, ctypes.c_void_p)
_rename = _bind("renameat2", _int, _int, _name, _int, _name, _uint)
_syscall = _bind("syscall", ctypes.c_long, ctypes.c_long, _int, _name, ctypes.c_void_p, ctypes.c_size_t)


def _failure(path: bytes = b"") -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), path)


def syncfs(fd: int) -> None:
    """Bring the file system of `fd` to its disk; an error in writing since `fd` was opened is raised.

    Fallback: `os.sync`, which waits for all file systems and reports no error.
    """
    if _syncfs is None:
        os.sync()
    elif _syncfs(fd) != 0:
        raise _failure()


def birth_ns(name: bytes, *, dir_fd: int) -> int | None:
    """Return when `name` was made, in nanoseconds since 1970; a link is not followed.

    An empty name means `dir_fd` itself. None where the kernel or the file system does not know.
    """
    if _statx is None:
        return None
    answer = _Statx()
    if _statx(dir_fd, name, _AT_SYMLINK_NOFOLLOW | _AT_EMPTY_PATH, _STATX_BTIME, ctypes.byref(answer)) != 0:
        failure = _failure(name)
        if failure.errno in _NO_CALL:
            return None
        raise failure
    born: int = answer.birth_seconds * 1_000_000_000 + answer.birth_nanoseconds
    return born if answer.mask & _STATX_BTIME and born else None


def open_beneath(dir_fd: int, path: bytes, flags: int) -> int:
    """Open `path` below `dir_fd`; a symbolic link in any component is ELOOP or ENOTDIR.

    One system call instead of two for each directory, so that nothing has to be remembered from
    one file to the next, and nothing remembered can be out of date. Fallback, also for paths
    longer than the kernel takes: each directory relative to the one before.
    """
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC
    while _syscall is not None and len(path) < _KERNEL_PATH_MAX:
        fd = _syscall(_OPENAT2, dir_fd, path, _how(flags), _OPEN_HOW_SIZE)
        if fd >= 0:
            return fd
        number = ctypes.get_errno()
        if number in _NO_CALL:
            break
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number), path)
    return _open_stepwise(dir_fd, path, flags)


@cache
def _how(flags: int) -> object:
    return ctypes.byref(_OpenHow(flags, 0, _RESOLVE_NO_SYMLINKS | _RESOLVE_BENEATH))


def _open_stepwise(dir_fd: int, path: bytes, flags: int) -> int:
    *parents, last = path.split(b"/")
    current = dir_fd
    try:
        for name in parents:
            below = os.open(name, PARENT, dir_fd=current)
            if current != dir_fd:
                os.close(current)
            current = below
        return os.open(last, flags, dir_fd=current)
    finally:
        if current != dir_fd:
            os.close(current)


def _renameat2(old_dir: int, old: bytes, new_dir: int, new: bytes, flag: int) -> None:
    if _rename is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if _rename(old_dir, old, new_dir, new, flag) != 0:
        raise _failure(new)


def rename_noreplace(old_dir: int, old: bytes, new_dir: int, new: bytes) -> None:
    """Rename; EEXIST if `new` is there.

    Fallback: a hard link under the new name, then the old one goes, which is as strict; for
    directories and where there are no hard links: look first, with a gap before the rename.
    """
    try:
        _renameat2(old_dir, old, new_dir, new, _RENAME_NOREPLACE)
    except OSError as error:
        if error.errno not in _MISSING:
            raise
        _rename_by_link(old_dir, old, new_dir, new)


def _rename_by_link(old_dir: int, old: bytes, new_dir: int, new: bytes) -> None:
    try:
        os.link(old, new, src_dir_fd=old_dir, dst_dir_fd=new_dir, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        os.unlink(old, dir_fd=old_dir)
        return
    try:
        os.stat(new, dir_fd=new_dir, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(old, new, src_dir_fd=old_dir, dst_dir_fd=new_dir)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)


def exchange(one_dir: int, one: bytes, other_dir: int, other: bytes) -> None:
    """Swap two names in one step; ENOTSUP where the kernel or the file system cannot."""
    try:
        _renameat2(one_dir, one, other_dir, other, _RENAME_EXCHANGE)
    except OSError as error:
        if error.errno in _MISSING:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), other) from error
        raise
