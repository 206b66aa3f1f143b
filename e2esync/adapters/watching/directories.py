"""Which directories of a folder are watched, and where they are.

The kernel watches single directories, and tells names in them. The rules that make a tree of this:

- A directory is watched first and listed then: what is made in between is in the list, or its event comes.
- Whatever event names a directory, what *now* stands under that name is looked at, not what the event
  says: events come late, and the last one of a name comes after its last change. So after each event
  the tree is right but for what later events name, also when directories are exchanged.
- It is told after it is watched, with all that is below it: who scans it then has seen what was made
  before, and hears of what is made after.
- What is watched already, the same directory under the same name, stays: to watch anew all that is
  left after an overflow would overflow the queue again, with the ends of the watches.

watchdog keeps a tree of its own, behind its `Observer`. Of 7.1 only the reading of events is used here,
since that tree says nothing of a directory for which there is no watch left, ends with a KeyError when
two directories are exchanged and one is removed, watches everything anew after an overflow, which with
more directories than the queue is long never ends, and makes an event of each file of a tree that is moved.

What is not synced is not watched: the folder's own directory, what waits for its place, other file
systems, what a symbolic link leads to. A directory that may not be read is unknown; it is watched as
soon as its permissions let us.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Protocol

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

from e2esync.adapters.watching.hints import is_ours

_NAMES = (
    InotifyConstants.IN_CREATE
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_MOVE
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_DONT_FOLLOW
)
# Not among them: opened, read, closed unchanged. EXCL_UNLINK: a file that has no name any more is nobody's.
_CHANGES = (
    _NAMES
    | InotifyConstants.IN_MODIFY
    | InotifyConstants.IN_ATTRIB
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_EXCL_UNLINK
)
# No directory of ours, at least now; an event of what it is then comes or has come. ELOOP: below a link.
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM)


class News(Protocol):
    """Who is told by the thread that reads the events."""

    is_over: bool  # nothing more is to be told

    def changed(self, path: bytes, /) -> None:
        """Hear of something at this path, relative to the root, or in it."""

    def overflowed(self) -> None:
        """Hear that events were lost; everything is watched again."""

    def refused(self, error: OSError, /) -> None:
        """Hear that a directory could not be watched."""

    def vanished(self) -> None:
        """Hear that the root is not there any more."""


class Directory:
    """One that is watched. The root has no parent."""

    __slots__ = ("below", "name", "parent", "tree", "wd")

    def __init__(self, tree: Directories, parent: Directory | None, name: bytes) -> None:
        self.tree, self.parent, self.name = tree, parent, name
        self.below: dict[bytes, Directory] = {}
        self.wd: WatchDescriptor

    @property
    def key(self) -> CallbackId:
        """What this one is called among those that listen to the same watch."""
        return CallbackId(id(self))

    def path(self, name: bytes = b"") -> bytes:
        """Return its path, or that of a name in it, relative to the root."""
        parts, directory = [name] if name else [], self
        while directory.parent is not None:
            parts.append(directory.name)
            directory = directory.parent
        return b"/".join(reversed(parts))

    def on_event(self, event: InotifyEvent) -> None:
        """Hear what happened to a name in it, or to itself."""
        self.tree.happened(self, event)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:  # noqa: ARG002 - the port's
        """Hear that the kernel has ended the watch: removed, or unmounted."""
        self.tree.ended(self)

    def on_queue_overflow(self) -> None:
        """Hear that events were lost; all directories are told, one asks."""
        if self.parent is None:
            self.tree.overflowed()


class _Above:
    """The directory that holds the root.

    A directory that somebody has open, and we have the root open, gets no event when it is removed.
    """

    def __init__(self, tree: Directories, name: bytes) -> None:
        self._tree, self._name = tree, name

    def on_event(self, event: InotifyEvent) -> None:
        if event.name == self._name:
            self._tree.check_root()

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """Nothing to say: the root is gone by now, or is somewhere else."""

    def on_queue_overflow(self) -> None:
        """Nothing to say: the root is told as well."""


class Directories:
    """The tree of watched directories; only one thread at a time may use it."""

    def __init__(self, root: bytes, kernel: InotifyFD, news: News) -> None:
        """Watch nothing yet. `root`: an absolute path without symbolic links."""
        self._place, self._kernel, self._news = root, kernel, news
        self._root = Directory(self, None, b"")
        self._device = 0

    def watch(self) -> None:
        """Watch the root and all that is below. Raises OSError: the kernel refuses one of them."""
        self._device = os.lstat(self._place).st_dev
        if not self._listen(self._root):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        above, name = os.path.split(self._place)
        if name:
            self._kernel.add_callback(above, Mask(_NAMES), _Above(self, name), CallbackId(0))
        self._look(self._root)

    # --- what the kernel tells ----------------------------------------------------------------------

    def happened(self, directory: Directory, event: InotifyEvent) -> None:
        """Follow one event, then tell it."""
        if event.is_move_self:
            if directory.parent is None:
                self.check_root()
        elif event.name:
            if self._is_ours(directory, event.name):
                return
            if event.is_directory:
                self._follow(directory, event.name)
            self._news.changed(directory.path(event.name))
        elif event.is_attrib:
            self._try_to_look(directory)  # below it something may be in reach that was not
            self._news.changed(directory.path())

    def ended(self, directory: Directory) -> None:
        """Look at what now stands where a directory was."""
        if self._news.is_over:
            return
        parent = directory.parent
        if parent is None:
            self._news.vanished()
        elif parent.below.get(directory.name) is directory:
            self._follow(parent, directory.name)
            self._news.changed(directory.path())

    def overflowed(self) -> None:
        """Compare the whole tree with the disk."""
        self._try_to_look(self._root, also_known=True)
        self._news.overflowed()
        self.check_root()

    def check_root(self) -> None:
        """Tell if something else, or nothing, stands where the root was."""
        now = Directory(self, None, b"")
        there = self._listen(now)
        if there:
            self._kernel.remove_callbacks([(now.wd, now.key)])
        if not there or now.wd != self._root.wd:
            self._news.vanished()

    def _follow(self, parent: Directory, name: bytes) -> None:
        try:
            found, is_new = self._renew(parent, name)
        except OSError as error:
            self._news.refused(error)
            return
        if found is not None and is_new:
            self._try_to_look(found)

    def _try_to_look(self, top: Directory, *, also_known: bool = False) -> None:
        try:
            self._look(top, also_known=also_known)
        except OSError as error:
            self._news.refused(error)

    # --- what is on the disk ------------------------------------------------------------------------

    def _look(self, top: Directory, *, also_known: bool = False) -> None:
        """Watch what is below; if `also_known`, go down into what was watched before."""
        waiting = [top]
        while waiting:
            directory = waiting.pop()
            names = self._directories_in(directory)
            for gone in directory.below.keys() - names:
                self._drop(directory.below.pop(gone))
            for name in names:
                found, is_new = self._renew(directory, name)
                if found is not None and (is_new or also_known):
                    waiting.append(found)

    def _directories_in(self, directory: Directory) -> set[bytes]:
        try:
            with os.scandir(self._absolute(directory.path())) as entries:
                found = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise
            return set()
        return {name for name in found if not self._is_ours(directory, name)}

    def _renew(self, parent: Directory, name: bytes) -> tuple[Directory | None, bool]:
        """Return what is watched under a name now, and whether it was not before."""
        known, found = parent.below.get(name), Directory(self, parent, name)
        is_there = self._is_on_our_disk(found) and self._listen(found)
        if known is not None and is_there and known.wd == found.wd:
            self._kernel.remove_callbacks([(found.wd, found.key)])
            return known, False
        if known is not None:
            self._drop(parent.below.pop(name))
        if not is_there:
            return None, False
        parent.below[name] = found
        return found, True

    def _is_on_our_disk(self, directory: Directory) -> bool:
        try:
            status = os.lstat(self._absolute(directory.path()))
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise
            return False
        return stat.S_ISDIR(status.st_mode) and status.st_dev == self._device

    def _listen(self, directory: Directory) -> bool:
        path = self._absolute(directory.path())
        try:
            directory.wd = self._kernel.add_callback(path, Mask(_CHANGES), directory, directory.key)
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise
            return False
        if directory.wd < 0:  # watchdog raises nothing for a directory that may not be read
            self._kernel.remove_callbacks([(directory.wd, directory.key)])
        return directory.wd >= 0

    def _drop(self, top: Directory) -> None:
        """Watch it no longer, nor what is below."""
        dropped, waiting = [], [top]
        while waiting:
            directory = waiting.pop()
            waiting.extend(directory.below.values())
            dropped.append((directory.wd, directory.key))
        self._kernel.remove_callbacks(dropped)

    def _absolute(self, path: bytes) -> bytes:
        return self._place.rstrip(b"/") + b"/" + path if path else self._place

    def _is_ours(self, directory: Directory, name: bytes) -> bool:
        return directory.parent is None and is_ours(name)
