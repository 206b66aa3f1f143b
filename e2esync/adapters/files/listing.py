"""The entries of one directory, in the order of their raw names."""

from __future__ import annotations

import os
from collections.abc import Iterator

from e2esync.adapters.files.faults import Unreadable, reading
from e2esync.adapters.files.fingerprint import Fingerprint, fingerprint_of
from e2esync.adapters.files.walk import Walker, is_reserved, names_in

# A directory up to this size is looked at in one go and closed, so that a walk down 500 levels
# with an unfinished listing on each holds no descriptors. One above it is open while it is listed.
_AT_ONCE = 4096  # entries; about 1 MB


def entries(walker: Walker, path: bytes, device: int) -> Iterator[tuple[bytes, Fingerprint]]:
    """Yield (name, fingerprint), sorted by name; what vanishes meanwhile is left out.

    Names are held in memory, about 100 bytes each; fingerprints are not. All errors come while
    iterating; whatever was yielded before one is then not the whole.

    Raises:
        Unreadable: Some of it could not be read, or it is on another file system than `device`.
            There nothing could be put in place in one step; and an unmounted one would look like
            an empty directory.
    """
    with reading(path):
        fd = walker.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with reading(path):
            if os.fstat(fd).st_dev != device:
                raise Unreadable(path, "another file system is mounted here")
            names = names_in(fd)
        names.sort()
        if not path:
            names = [name for name in names if not is_reserved(name)]
        if len(names) > _AT_ONCE:
            yield from _looked_at(fd, path, names)
            return
        found = list(_looked_at(fd, path, names))
    finally:
        os.close(fd)
    yield from found


def _looked_at(fd: int, path: bytes, names: list[bytes]) -> Iterator[tuple[bytes, Fingerprint]]:
    for name in names:
        try:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Unreadable(path, f"an entry cannot be looked at: {error.strerror}") from error
        yield name, fingerprint_of(status)
