"""Bring back what there was: into the folder as an ordinary write, or somewhere else (format §8.1).

Nothing is ever taken away by it: what stands in the place of a restored file must be published, or the
person says where it goes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from e2esync.adapters.files import Fingerprint, LocalFolder
from e2esync.adapters.state import FolderState
from e2esync.engine.download import Downloader
from e2esync.engine.history import Event, History, What, events, is_thing
from e2esync.engine.inspect import find_row
from e2esync.engine.listing import everything, find
from e2esync.engine.merge import join
from e2esync.engine.ondisk import OnDisk
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import NeedsYou, UsageError
from e2esync.format.snapshot import is_whole
from e2esync.merge.arrange import DEFAULT_MODES
from e2esync.tree.keys import Kind, kind_of
from e2esync.tree.values import Content, FileContent, SymlinkContent
from e2esync.vault.heads import Head

WORKSPACE = ".e2esync"
_NOBODY = bytes(16)  # id of the device that joins what there was


class Thing(NamedTuple):
    """What is to be brought back."""

    node: bytes  # key
    path: bytes
    content: Content
    mode: int | None


def versions(vault: SyncedFolder, path: bytes) -> list[Event]:
    """Return all that was written of the file at a path, wherever it stood then, and of all that stood there; newest first."""
    found = find(vault.state, path)
    nodes = {found[0]} if found is not None else set()
    told = events(vault)
    nodes |= {event.node for event in told if path in {event.path, event.origin}}
    return [event for event in told if event.node in nodes]


def version(vault: SyncedFolder, path: bytes, name: str) -> Thing:
    """Return one version of a file, by what `history` calls it.

    Raises:
        UsageError: There is none of that name, or it is no file.
    """
    for event in versions(vault, path):
        if event.id == name and is_thing(event) and event.content is not None:
            return Thing(event.node, path, event.content, None)
    raise UsageError(f"there is no version {name!r} of this file", fix="e2esync history PATH")


def deleted(vault: SyncedFolder, path: bytes) -> list[Thing]:
    """Return what the last deletion at a path, or below it, took away.

    Raises:
        UsageError: Nothing was deleted there.
    """
    below = path + b"/" if path else b""
    gone = [
        event
        for event in events(vault)
        if event.what is What.DELETED and (event.path == path or event.path.startswith(below))
    ]
    things = [event for event in gone if is_thing(event) and event.content is not None]
    if not things:
        raise UsageError("nothing was deleted there", fix="e2esync log, which tells what was")
    last = things[0]
    return [
        Thing(event.node, event.path, event.content, None)
        for event in things
        if (event.device, event.sequence) == (last.device, last.sequence) and event.content is not None
    ]


@contextmanager
def at_time(vault: SyncedFolder, time: int) -> Iterator[SyncedFolder]:
    """Give the vault as its devices had published it until a time (s since 1970), in a state of its own."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(TemporaryDirectory(prefix="e2esync-")))
        state = FolderState(work / "state.db")
        stack.callback(state.close)
        then = replace(vault, state=state, device=replace(vault.device, id=_NOBODY))
        history = History(vault)
        with state.transaction():
            for head in history.heads:
                for old in _newest_until(history, head, time):
                    join(then, old)
        yield then


def _newest_until(history: History, head: Head, time: int) -> list[Head]:
    """Return the head as it was at a time, if there was one."""
    context: dict[bytes, tuple[int, bytes]] = {}
    newest: list[Head] = []
    for past in reversed(list(history.snapshots(head))):
        snapshot = past.snapshot
        if snapshot is None or snapshot.time > time:
            continue
        changes = {device: (sequence, digest) for device, sequence, digest in snapshot.changes}
        context = changes if is_whole(past.sequence) else context | changes
        newest = [
            replace(head, sequence=past.sequence, hash=past.hash, snapshot=snapshot, context=dict(context))
        ]
    return newest


def things_at(then: SyncedFolder, path: bytes) -> list[Thing]:
    """Return what stood at a path and below it, of a vault as it was.

    Raises:
        UsageError: Nothing did.
    """
    below = path + b"/" if path else b""
    things = [
        Thing(key, where, shown.content, shown.mode)
        for where, key, shown in everything(then.state)
        if (where == path or where.startswith(below)) and kind_of(key) is not Kind.VAULT
    ]
    if not things:
        raise UsageError("nothing stood there at that time", fix="e2esync history PATH")
    return things


def put_into_folder(vault: SyncedFolder, things: Iterable[Thing], *, mine_to: Path | None) -> int:
    """Write things where they stood; return how many files were written. The next push publishes them.

    `mine_to`: a directory for what stands there and was not published.

    Raises:
        NeedsYou: Something that was not published stands in the place of one; nothing was written.
    """
    things = list(things)
    expected = {thing.path: _published(vault, thing.path, mine_to) for thing in things}
    for thing in things:
        here = expected[thing.path]
        if here is None and mine_to is not None:
            _move_away(vault, thing.path, mine_to)
    return _write(vault, vault.folder, things, expected)


def _published(vault: SyncedFolder, path: bytes, mine_to: Path | None) -> Fingerprint | None:
    """Return what stands at a path, if all of it is in the history; None if nothing stands there, or it is moved away."""
    here = vault.folder.stat(path)
    if here is None or here.kind == "d":
        return here
    row = find_row(vault.state, path)
    if row is not None and OnDisk(vault).is_as_left(row, here, path):
        return here
    if mine_to is not None:
        return None
    raise NeedsYou(
        f"{path.decode(errors='backslashreplace')} was changed here and not published",
        why="it would be replaced; nothing was written",
        fix="e2esync push first, or --mine-to DIR, or --to DEST",
    )


def _move_away(vault: SyncedFolder, path: bytes, mine_to: Path) -> None:
    source = vault.folder.root / os.fsdecode(path)
    if not os.path.lexists(source):
        return
    target = mine_to / source.name
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already", fix="name another directory with --mine-to")
    mine_to.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)


def put_elsewhere(vault: SyncedFolder, things: Iterable[Thing], path: bytes, dest: Path) -> int:
    """Write things under `dest`: what stood at `path` itself becomes `dest`; return how many files were written.

    Raises:
        UsageError: There is something already.
    """
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise UsageError(f"{dest} is not empty", why="nothing is written over", fix="name another DEST")
    moved = [thing._replace(path=thing.path[len(path) :].lstrip(b"/")) for thing in things]
    single = [thing for thing in moved if not thing.path and not _is_directory(thing.content)]
    root = dest.parent if single else dest
    if single:
        moved = [single[0]._replace(path=os.fsencode(dest.name))]
    with passing_folder(root) as folder:
        return _write(vault, folder, [thing for thing in moved if thing.path], {})


@contextmanager
def passing_folder(root: Path) -> Iterator[LocalFolder]:
    """Give a directory that is not synced, to write into; our workspace goes again, and a directory made for nothing."""
    had_workspace, had_root = (root / WORKSPACE).exists(), root.exists()
    try:
        with LocalFolder.create(root) as folder:
            yield folder
    finally:
        if not had_workspace:
            shutil.rmtree(root / WORKSPACE, ignore_errors=True)
        if not had_root and root.is_dir() and not any(root.iterdir()):
            root.rmdir()


def _is_directory(content: Content) -> bool:
    return not isinstance(content, FileContent | SymlinkContent)


def _write(
    vault: SyncedFolder, folder: LocalFolder, things: list[Thing], expected: dict[bytes, Fingerprint | None]
) -> int:
    """Write things, those nearer the root first; a file is whole and verified before it gets its name."""
    downloader = Downloader(vault, lambda size, sparse: folder.stage(size, sparse=sparse))
    written = 0
    for thing in sorted(things, key=lambda each: each.path.count(b"/")):
        _make_above(folder, thing.path)
        here = expected.get(thing.path)
        match thing.content:
            case FileContent() as content:
                staged = downloader.whole(thing.node, content)
                staged.set_meta(
                    content.mtime, thing.mode or (here.mode if here else DEFAULT_MODES[Kind.FILE])
                )
                folder.replace(staged, thing.path, here)
                written += 1
            case SymlinkContent() as content:
                folder.replace(folder.stage_link(content.target, content.mtime), thing.path, here)
                written += 1
            case _ if folder.stat(thing.path) is None:
                folder.make_directory(thing.path, thing.mode or DEFAULT_MODES[Kind.DIRECTORY])
        vault.progress("restore", written, len(things))
    folder.barrier()
    return written


def _make_above(folder: LocalFolder, path: bytes) -> None:
    parts = path.split(b"/")[:-1]
    for depth in range(1, len(parts) + 1):
        above = b"/".join(parts[:depth])
        if folder.stat(above) is None:
            folder.make_directory(above, DEFAULT_MODES[Kind.DIRECTORY])
