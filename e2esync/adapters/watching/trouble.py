"""Why no events come, in a sentence for people, with the number to set. No system call is made here."""

from __future__ import annotations

import errno
import re

GONE = "the folder is no longer where it was"
BROKEN = "watching ended by an error of the program; see the log"
UNTOLD = "changes are not told of on this system, so the folder is looked at by the clock"
ENDED = "the system does not tell of changes any more"
STRANGE = "the system tells of changes at places that are not in the folder"

# Of these the kernel tells what is changed through it, and nothing of what is changed elsewhere: by
# another machine, by the host of a virtual one, or behind the program that shows the files.
# `fuseblk` is not among them: that is a disk of this machine, and everybody goes through its mount.
_SILENT = frozenset(
    re.split(
        r"\s+",
        "9p acfs afs beegfs ceph cifs coda davfs drvfs fakeowner fuse gfs2 glusterfs gpfs grpcfuse lustre ncpfs nfs "
        "nfs4 ocfs2 orangefs osxfs prl_fs prl_fs_guest pvfs2 smb3 smbfs vboxsf virtiofs vmhgfs wekafs",
    )
)
_ESCAPED = re.compile(rb"\\([0-7]{3})")
_MARK = "-"  # ends the optional fields of a line
_AT_LEAST = 1 << 19  # watches; what distributions set that care
_INSTANCES = 512


def is_silent(kind: str) -> bool:
    """Return whether files of a file system of this kind change without an event."""
    return kind in _SILENT or kind.startswith("fuse.")


def silence(kind: str | None) -> str | None:
    """Return what to say of a file system of this kind; None: events come, or nobody knows better."""
    if kind is None or not is_silent(kind):
        return None
    return f"the folder is on a file system ({kind}) that does not tell what others change on it"


def kind_at(path: bytes, mounts: bytes) -> str | None:
    """Return the kind of the file system that a path without symbolic links is on.

    `mounts` is the content of /proc/self/mountinfo; of several mounts on one place the last one is seen.
    """
    found, longest = None, -1
    for line in mounts.splitlines():
        fields = line.split(b" ")
        if len(fields) < 7 or _MARK.encode() not in fields[6:-1]:
            continue
        place = _ESCAPED.sub(lambda octal: bytes([int(octal[1], 8) & 0xFF]), fields[4])
        if len(place) >= longest and _is_in(path, place):
            kind = fields[fields.index(_MARK.encode(), 6) + 1]
            found, longest = kind.decode("ascii", "replace"), len(place)
    return found


def _is_in(path: bytes, directory: bytes) -> bool:
    return path == directory or path.startswith(directory.rstrip(b"/") + b"/")


def of_error(error: OSError, limit: int | None, directories: int) -> str:
    """Return what to say when the kernel refuses a watch.

    Args:
        error: What it said.
        limit: The setting that was reached, if it could be read.
        directories: How many there are to watch in this folder.
    """
    match error.errno:
        case errno.ENOSPC:
            return (
                f"there are {directories} directories to watch in the folder, more than the system has room for: "
                f"set the sysctl fs.inotify.max_user_watches={enough(limit, directories)}"
            )
        case errno.EMFILE:
            return (
                "too many programs of this user watch files: "
                f"set the sysctl fs.inotify.max_user_instances={max(_INSTANCES, 2 * (limit or 0))}"
            )
        case errno.ENFILE:
            return "the system has too many open files: set the sysctl fs.file-max to a larger number"
        case errno.ENOENT | errno.ENOTDIR:
            return GONE
        case _:
            return f"the system does not let the folder be watched ({errno.errorcode.get(error.errno or 0, '?')})"


def of_start(error: Exception) -> str:
    """Return what to say where watching cannot begin, on a system other than Linux."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return GONE
    number = error.errno if isinstance(error, OSError) else None
    kind = errno.errorcode.get(number or 0, type(error).__name__)
    return f"the system does not let the folder be watched ({kind})"


def enough(limit: int | None, directories: int) -> int:
    """Return a limit that has room for these directories and for what the other programs have used up."""
    number = max(_AT_LEAST, 2 * (limit or 0))
    while number < (limit or 0) + 2 * directories:
        number *= 2
    return number
