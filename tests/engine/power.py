"""A disk whose power fails: what the folder's own code asks of the system, and what of it is there afterwards.

The calls of `e2esync.adapters.files` are done on the real directory, and written down with what undoes them.
A barrier makes all of it last. When power is lost, the calls since then are undone as a disk may have it:

* none of them came to the disk;
* all did, but not what was written into files: those are empty, or half of them is zeros;
* the first of them did, and the content of some files;
* any of them did that do not need one that did not.

An undone name goes back to the very thing that had it, so that inodes stay; that their times of change are
those from before as well, `Times` pretends. What a user wrote before counts as lasting, unless `forgets` says other.
A commit of the state lasts at once; those of the catalogue, which is made anew from the store, may be lost.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Hashable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from e2esync.adapters.files import (
    Fingerprint,
    fingerprint,
    folder,
    listing,
    openfile,
    reader,
    replacing,
    staging,
    syscalls,
    trash,
    workspace,
)
from tests.engine import mortal
from tests.engine.mortal import Death
from tests.engine.world import Dev

LOSSES = ("nothing", "all", "contents", "halves", "end", "any")
"""What is lost; `nothing`: the process was killed, and the machine went on."""

Call = Callable[..., object]


class Before(NamedTuple):
    """Where a thing was before a call: once that is undone, it has its time of change again."""

    directory: int  # descriptor
    name: bytes
    ctime: int  # ns


class Done(NamedTuple):
    """A call that no barrier has followed yet."""

    what: str
    undo: Callable[[], object]
    writes: frozenset[Hashable]  # names, as directory and name, and inodes
    needs: frozenset[Hashable]  # inodes of directories that have to be there, and where they are
    within: frozenset[int]  # inodes of the directories that hold the names
    before: tuple[Before, ...]
    empties: int = 0  # inode of the directory from which everything has to be gone


class Written(NamedTuple):
    """A file that was written to and may not be on the disk."""

    fd: int
    before: bytes


class Times:
    """What nobody can set: times of change of inodes as they were before what was undone."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[int, int]] = {}  # inode → as it is, as it was

    @contextmanager
    def told(self) -> Iterator[Times]:
        """Have the folder's code see them."""
        with pytest.MonkeyPatch.context() as patch:
            for module in (fingerprint, folder, listing, openfile, reader, staging):
                patch.setattr(module, "fingerprint_of", self._fingerprint_of)
            yield self

    def _fingerprint_of(self, status: os.stat_result) -> Fingerprint:
        seen = _FINGERPRINT_OF(status)
        now, before = self._before.get(seen.inode, (0, 0))
        return seen._replace(ctime_ns=before) if seen.ctime_ns == now else seen

    def of(self, status: os.stat_result) -> int:
        """Return the time of change of an inode."""
        return self._fingerprint_of(status).ctime_ns

    def pretend(self, status: os.stat_result, before: int) -> None:
        """Make an inode's time of change, as long as it stays what it is, an earlier one."""
        self._before[status.st_ino] = status.st_ctime_ns, before


_FINGERPRINT_OF = fingerprint.fingerprint_of


class Disk:
    """The disk of one device, over any number of processes and losses of power."""

    def __init__(self, dev: Dev, times: Times) -> None:
        self._dev, self._times, self._death = dev, times, Death()
        self._aside = dev.home / "aside"  # of the same file system: what is gone, until that lasts
        self._old_catalogue = dev.home / "catalogue.as it was"
        self._aside.mkdir(exist_ok=True)
        self._count = 0
        self._done: list[Done] = []
        self._written: dict[int, Written] = {}
        self._open: dict[int, int] = {}  # directories, by inode
        self._users = False  # whether something of theirs may be lost
        self._keep_catalogue()

    # the calls

    @contextmanager
    def under(self, death: Death) -> Iterator[None]:
        """Stand between the folder's code and the system; each call is a step of `death`."""
        self._death = death
        calls = _Calls(self)
        with pytest.MonkeyPatch.context() as patch:
            for module in (folder, replacing, staging, trash, workspace):
                patch.setattr(module, "os", calls)
            for module in (folder, replacing):
                patch.setattr(module, "exchange", self.exchange)
                patch.setattr(module, "rename_noreplace", self.rename_noreplace)
            patch.setattr(folder, "syncfs", self.barrier)
            yield

    def _step(self, what: str, act: Callable[[], object]):
        return self._death.step(f"disk.{what}", act)

    def barrier(self, _fd: int) -> None:
        """Make all that was done last."""
        self._step("barrier", self.last)

    def last(self) -> None:
        """Forget how to undo what was done."""
        for thing in self._written.values():
            os.close(thing.fd)
        for fd in self._open.values():
            os.close(fd)
        self._done, self._written, self._open, self._users = [], {}, {}, False
        shutil.rmtree(self._aside)
        self._aside.mkdir()

    def exchange(self, one_dir: int, one: bytes, other_dir: int, other: bytes) -> None:
        """Exchange two names, as `syscalls.exchange`."""

        def act() -> None:
            before = self._before(one_dir, one), self._before(other_dir, other)
            syscalls.exchange(one_dir, one, other_dir, other)
            names = self._name(one_dir, one), self._name(other_dir, other)
            inodes = _inode(one_dir, one), _inode(other_dir, other)
            kept = self._keep(one_dir), self._keep(other_dir)
            self._note(
                "exchange",
                lambda: syscalls.exchange(kept[0], one, kept[1], other),
                {*names, *inodes},
                (one_dir, other_dir),
                before,
            )

        self._step("exchange", act)

    def rename_noreplace(self, old_dir: int, old: bytes, new_dir: int, new: bytes) -> None:
        """Rename, as `syscalls.rename_noreplace`."""
        self._step("rename", lambda: self._rename("rename", (old_dir, old), (new_dir, new)))

    def rename(self, old: bytes, new: bytes, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        """Rename; no name that is there is ever renamed over by the calls in use on a system that can exchange."""
        self._step("rename", lambda: self._rename("rename", (src_dir_fd, old), (dst_dir_fd, new)))

    def _rename(self, what: str, old: tuple[int, bytes], new: tuple[int, bytes]) -> None:
        before = self._before(*old)
        syscalls.rename_noreplace(*old, *new)
        kept = self._keep(old[0]), self._keep(new[0])
        self._note(
            what,
            lambda: syscalls.rename_noreplace(kept[1], new[1], kept[0], old[1]),
            {self._name(*old), self._name(*new), _inode(*new)},
            (old[0], new[0]),
            (before,),
        )

    def unlink(self, name: bytes, *, dir_fd: int) -> None:
        """Take a file or link away."""
        self._step("unlink", lambda: self._take_aside("unlink", dir_fd, name))

    def rmdir(self, name: bytes, *, dir_fd: int) -> None:
        """Take an empty directory away."""

        def act() -> None:
            fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=dir_fd)
            try:
                if os.listdir(fd):
                    raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
                inode = os.fstat(fd).st_ino
            finally:
                os.close(fd)
            self._take_aside("rmdir", dir_fd, name)
            self._done[-1] = self._done[-1]._replace(empties=inode)

        self._step("rmdir", act)

    def _take_aside(self, what: str, directory: int, name: bytes) -> None:
        self._count += 1
        aside = os.open(self._aside, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._rename(what, (directory, name), (aside, b"%d" % self._count))
        finally:
            os.close(aside)

    def mkdir(self, name: bytes, mode: int, *, dir_fd: int) -> None:
        """Make a directory."""

        def act() -> None:
            os.mkdir(name, mode, dir_fd=dir_fd)
            self._made("mkdir", dir_fd, name, os.rmdir)

        self._step("mkdir", act)

    def symlink(self, target: bytes, name: bytes, *, dir_fd: int) -> None:
        """Make a symbolic link."""

        def act() -> None:
            os.symlink(target, name, dir_fd=dir_fd)
            self._made("symlink", dir_fd, name, os.unlink)

        self._step("symlink", act)

    def open(self, name: bytes, flags: int, mode: int = 0o777, *, dir_fd: int) -> int:
        """Open a file, which may make it."""
        if not flags & os.O_CREAT:
            return os.open(name, flags, mode, dir_fd=dir_fd)

        def act() -> int:
            fd = os.open(name, flags, mode, dir_fd=dir_fd)
            self._made("create", dir_fd, name, os.unlink)
            return fd

        return self._step("create", act)

    def _made(self, what: str, directory: int, name: bytes, unmake: Call) -> None:
        kept = self._keep(directory)
        writes = {self._name(directory, name), _inode(directory, name)}
        self._note(what, lambda: unmake(name, dir_fd=kept), writes, (directory,))

    def pwrite(self, fd: int, content: bytes, offset: int) -> int:
        """Write into a file."""
        return self._step("write", lambda: self._write(fd, lambda: os.pwrite(fd, content, offset)))

    def ftruncate(self, fd: int, size: int) -> None:
        """Make a file longer or shorter."""
        self._step("write", lambda: self._write(fd, lambda: os.ftruncate(fd, size)))

    def _write(self, fd: int, act: Callable[[], object]) -> object:
        status = os.fstat(fd)
        if status.st_ino not in self._written:
            self._written[status.st_ino] = Written(os.dup(fd), os.pread(fd, status.st_size, 0))
        return act()

    def fsync(self, fd: int) -> None:
        """Make what was written into one file last."""

        def act() -> None:
            if written := self._written.pop(os.fstat(fd).st_ino, None):
                os.close(written.fd)

        self._step("fsync", act)

    def chmod(self, name: bytes, mode: int, *, dir_fd: int, follow_symlinks: bool) -> None:
        """Set the mode of a name."""
        self._step(
            "chmod", lambda: self._change("chmod", dir_fd, name, lambda: os.chmod(name, mode, dir_fd=dir_fd))
        )

    def fchmod(self, fd: int, mode: int) -> None:
        """Set the mode of an open file: of one that is staged, and goes with its name."""
        self._step("chmod", lambda: os.fchmod(fd, mode))

    def utime(self, what: int | bytes, *, ns: tuple[int, int], **where) -> None:
        """Set the times of an open file, which goes with its name, or of a name."""
        if isinstance(what, int):
            self._step("utime", lambda: os.utime(what, ns=ns))
            return
        self._step(
            "utime",
            lambda: self._change("utime", where["dir_fd"], what, lambda: os.utime(what, ns=ns, **where)),
        )

    def _change(self, what: str, directory: int, name: bytes, act: Callable[[], object]) -> None:
        status, before = os.stat(name, dir_fd=directory, follow_symlinks=False), self._before(directory, name)
        act()
        kept, times = self._keep(directory), (status.st_atime_ns, status.st_mtime_ns)

        def undo() -> None:
            if what == "chmod":
                os.chmod(name, status.st_mode & 0o7777, dir_fd=kept)
            else:
                os.utime(name, ns=times, dir_fd=kept, follow_symlinks=False)

        self._note(what, undo, {status.st_ino}, (directory,), (before,))

    def _note(
        self,
        what: str,
        undo: Callable[[], object],
        writes: set[Hashable],
        directories: tuple[int, ...],
        before: tuple[Before, ...] = (),
    ) -> None:
        needs = frozenset[Hashable]().union(*map(self._above, directories))
        within = frozenset(os.fstat(directory).st_ino for directory in directories)
        self._done.append(Done(what, undo, frozenset(writes), needs, within, before))

    def _before(self, directory: int, name: bytes) -> Before:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        return Before(self._keep(directory), name, self._times.of(status))

    def _keep(self, directory: int) -> int:
        """Return a descriptor of a directory that stays open, wherever that is moved."""
        inode = os.fstat(directory).st_ino
        if inode not in self._open:
            self._open[inode] = os.open(b".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory)
        return self._open[inode]

    def _name(self, directory: int, name: bytes) -> Hashable:
        return os.fstat(directory).st_ino, name

    def _above(self, directory: int) -> frozenset[int]:
        """Return the inodes of a directory and of those above it, up to what is the device's own."""
        found, path = [], Path(os.readlink(f"/proc/self/fd/{directory}"))
        while path != self._dev.home:
            found.append(path.stat().st_ino)
            path = path.parent
        return frozenset(found)

    # what users do

    def forgets(self, path: Path, before: bytes) -> None:
        """Count a file's content as not on the disk yet; `before` is what is there."""
        self._users, fd = True, os.open(path, os.O_RDWR)
        self._written[os.fstat(fd).st_ino] = Written(fd, before)

    # the loss

    @property
    def has_something_to_lose(self) -> bool:
        """Whether anything was done since the barrier that could be seen in the folder."""
        own = self._dev.root / ".e2esync"
        hidden = {
            path.stat().st_ino for path in (self._aside, own, own / "tmp", own / "trash") if path.exists()
        }
        return self._users or any(not done.within <= hidden for done in self._done)

    def lose(self, loss: str, random: Random) -> str:
        """Lose power; `loss` is one of LOSSES. Return in short what became of what."""
        if loss == "nothing":
            return "nothing"
        kept = self._kept(loss, random)
        undone = [done for done in reversed(self._done) if done not in kept]
        for done in undone:
            done.undo()
            for directory, name, ctime in done.before:
                self._times.pretend(os.stat(name, dir_fd=directory, follow_symlinks=False), ctime)
        for thing in self._written.values():
            ctime = self._times.of(os.fstat(thing.fd))
            _put_on_disk(thing, _STATES[loss](random))
            self._times.pretend(os.fstat(thing.fd), ctime)
        said = f"{len(self._done)} calls, undone: {', '.join(done.what for done in reversed(undone))}"
        if loss in {"all", "any"}:
            self._lose_catalogue()
        self.last()
        return said

    def _kept(self, loss: str, random: Random) -> list[Done]:
        if loss == "all":
            return []
        if loss == "end":
            return self._done[: random.randint(1, max(1, len(self._done) - 1))]
        if loss == "any":
            return _closed(self._done, random)
        return list(self._done)

    def _keep_catalogue(self) -> None:
        with closing(sqlite3.connect(self._old_catalogue)) as copy:
            self._dev.vault.catalogue._db.backup(copy)

    def _lose_catalogue(self) -> None:
        self._dev.close()
        for path in self._dev.home.glob("catalogue.db*"):
            path.unlink()
        shutil.copy(self._old_catalogue, self._dev.home / "catalogue.db")
        self._dev.restart()


class _Calls:
    """`os`, of which the disk does what it has a method for."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def __getattr__(self, name: str):
        known = name in {
            "open", "rename", "unlink", "rmdir", "mkdir", "symlink", "pwrite", "ftruncate", "fsync", "chmod",
            "fchmod", "utime",
        }  # fmt: skip
        return getattr(self._disk if known else os, name)


def _inode(directory: int, name: bytes) -> int:
    return os.stat(name, dir_fd=directory, follow_symlinks=False).st_ino


def _closed(done: list[Done], random: Random) -> list[Done]:
    """Return some calls, none of which needs one that is not among them."""
    share = random.choice([0.1, 0.3, 0.6])
    kept: list[Done] = []
    lost: list[Done] = []
    for one in done:
        is_lost = random.random() < share or any(_depends(one, other) for other in lost)
        (lost if is_lost else kept).append(one)
    return kept


def _depends(late: Done, early: Done) -> bool:
    return bool(early.writes & (late.writes | late.needs)) or late.empties in early.within


_STATES: dict[str, Callable[[Random], str]] = {
    "all": lambda _: "empty",
    "contents": lambda _: "empty",
    "halves": lambda _: "half",
    "end": lambda random: random.choice(["whole", "empty"]),
    "any": lambda random: random.choice(["whole", "empty", "half", "zeros"]),
}


def _put_on_disk(thing: Written, state: str) -> None:
    """Make of a file's content what came to the disk; its times are names' business."""
    status = os.fstat(thing.fd)
    if state == "whole" or not status.st_size:
        return
    content = os.pread(thing.fd, status.st_size, 0)
    half = len(content) // 2
    found = {
        "empty": thing.before,
        "half": content[:half] + bytes(len(content) - half),
        "zeros": bytes(len(content)),
    }
    os.ftruncate(thing.fd, 0)
    os.pwrite(thing.fd, found[state], 0)
    os.utime(thing.fd, ns=(status.st_atime_ns, status.st_mtime_ns))


def run(dev: Dev, command: str, death: Death, disk: Disk) -> bool:
    """Run a command of a mortal device over a disk; return whether it came to its end. Nothing is lost yet."""
    with disk.under(death):
        return mortal.run(dev, command, death, folder_steps=frozenset())
