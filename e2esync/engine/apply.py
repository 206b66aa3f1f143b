"""Bring the folder to what the tree shows, and keep the hands off whatever is not what was last seen.

First everything that has to be fetched is fetched and verified into temporary files; only then the
folder is changed, each path in one step. A barrier stands before and after the changes, and the
rows are committed last: a crash leaves each path old or new, and the nodes due, so that the next
run finishes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from e2esync.adapters.files import CannotWrite, ChangedLocally, Fingerprint, Staged, StagedFile, Unreadable
from e2esync.adapters.state import DiskRow, Step
from e2esync.engine.download import Downloader
from e2esync.engine.local import LETTERS, dot_bytes, failure
from e2esync.engine.places import Places
from e2esync.engine.plan import DEFAULT_MODE, Due, Plan, digest_of, due_of, look, sort, step_of
from e2esync.engine.scan import GRAIN_NS, PARKED, is_unchanged
from e2esync.engine.vault import Summary, SyncedFolder
from e2esync.errors import DiskFull
from e2esync.merge.view import Shown
from e2esync.tree.keys import ROOT, Kind, kind_of
from e2esync.tree.values import FileContent, SymlinkContent

SLACK = 64 << 20  # bytes that stay free on the disk
BATCH = 1000

T = TypeVar("T")


def apply(vault: SyncedFolder, summary: Summary) -> None:
    """Do on the disk what is due.

    Raises:
        IntegrityError: A content fails verification; nothing was changed.
        DiskFull: There is no room; nothing was changed.
    """
    with vault.state.transaction():
        _Applier(vault, summary).run()


class _Applier:
    def __init__(self, vault: SyncedFolder, summary: Summary) -> None:
        self._vault, self._state, self._folder = vault, vault.state, vault.folder
        self._summary = summary
        self._plan = Plan()
        self._places = Places(vault.state)
        self._staged: dict[bytes, Staged] = {}
        self._rows: list[DiskRow] = []
        self._done: list[bytes] = []
        self._adopted: set[tuple[bytes, bytes]] = set()  # places that show already what they should

    def run(self) -> None:
        self._make_plan()
        self._check_room()
        try:
            self._fetch()
            if self._staged:
                self._folder.barrier()
            self._change()
        finally:
            for staged in self._staged.values():
                staged.discard()
        if self._done:
            self._folder.barrier()
        self._state.put_rows(self._rows)
        self._state.remove_due(self._done)

    # plan

    def _make_plan(self) -> None:
        self._state.clear_steps()
        for node, value in self._state.due():
            sort(self._plan, due_of(self._state, node, value))
            if len(self._plan.contents) >= BATCH:
                self._add_steps()
        self._add_steps()
        self._done += self._plan.nothing

    def _add_steps(self) -> None:
        """Put aside those contents that the disk does not have yet."""
        missing = [due for due in self._plan.contents if self._is_missing(due)]
        self._state.add_steps([step_of(due, self._vault.catalogue) for due in missing])
        self._plan.contents = []

    def _check_room(self) -> None:
        size = self._state.size_of_steps()
        if size and size + SLACK > self._folder.free_bytes():
            raise DiskFull(
                f"there is no room for {size} bytes in {self._folder.root}",
                why="nothing was fetched, and nothing on this disk was touched",
            )

    def _is_missing(self, due: Due) -> bool:
        """Return whether a content has to be fetched; note what is there already, or must not be touched."""
        if due.row is None and due.shown is not None and self._is_below_another(due.shown.parent):
            return True
        path = self._path(due)
        return bool(self._guarded(path, lambda: self._look_at(due, path)))

    def _is_below_another(self, number: bytes) -> bool:
        """Return whether a directory is yet to be made where something else of ours stands that has to go."""
        while number != ROOT and self._state.directory_row(number) is None:
            number, name = self._places.in_tree(number)
            there = self._state.row_at(number, name)
            if there is not None and self._state.is_due(there.node):
                return True
        return False

    def _look_at(self, due: Due, path: bytes) -> bool:
        here = self._folder.stat(path)
        if due.is_moved and not is_same_thing(due.row, here) and self._was_brought(due):
            return False
        if here is None or (due.row is not None and self._is_as_left(due.row, here, path)):
            return True
        if due.row is None and due.shown is not None and self._makes_way(due.node, due.shown, here, path):
            return True
        if due.is_moved or not self._is_same_content(due, path, here):
            raise ChangedLocally(path)
        self._put(due, here)
        if due.shown is not None and due.shown.mode not in {None, here.mode}:
            self._done.pop()
            self._plan.modes.append(due.node)
        return False

    def _is_as_left(self, row: DiskRow, here: Fingerprint, path: bytes) -> bool:
        """Return whether a thing is as our own hand left it; where only times say no, its content decides."""
        if is_as_left(row, here):
            return True
        if here.kind != "f" or row.kind != Kind.FILE or self._hash(path) != row.hash:
            return False
        self._state.put_rows(
            [renamed(row, row.parent, row.name, here)._replace(inode=here.inode, mtime=here.mtime_ns)]
        )
        return True

    def _was_brought(self, due: Due) -> bool:
        """Return whether a run that was cut off has moved a thing and given it its content; then note it."""
        assert due.shown is not None
        assert due.row is not None
        new = self._places.path(due.shown.parent, due.shown.name)
        here = self._folder.stat(new)
        if here is None or not self._is_same_content(due, new, here):
            return False
        self._state.drop_rows([due.row])
        self._put(due._replace(row=None), here)
        return True

    def _makes_way(self, node: bytes, stands: Shown, here: Fingerprint, path: bytes) -> bool:
        """Return whether what stands in a place is ours, as we left it, and has to go."""
        there = self._state.row_at(stands.parent, stands.name)
        return (
            there is not None
            and there.node != node
            and self._state.is_due(there.node)
            and self._is_as_left(there, here, path)
        )

    def _is_same_content(self, due: Due, path: bytes, here: Fingerprint) -> bool:
        """Return whether the disk has what the tree wants, from elsewhere or from a run that was cut off."""
        content = due.shown.content if due.shown is not None else None
        if isinstance(content, SymlinkContent):
            return here.kind == "l" and self._folder.read_link(path) == content.target
        if not isinstance(content, FileContent) or here.kind != "f" or here.size != content.size:
            return False
        return self._hash(path) == content.hash

    def _holds(self, path: bytes, here: Fingerprint, step: Step) -> bool:
        """Return whether the disk has the content of a step already."""
        if kind_of(step.node) is Kind.SYMLINK:
            return here.kind == "l" and self._folder.read_link(path) == step.digest
        return here.kind == "f" and here.size == step.size and self._hash(path) == step.digest

    def _hash(self, path: bytes) -> bytes | None:
        """Return the content hash of a file on the disk; None if it changes meanwhile."""
        hasher = self._vault.cipher.content_hasher()
        with self._folder.open_read(path) as file:
            while block := file.read(1 << 20):
                hasher.update(block)
            return hasher.digest() if file.unchanged() else None

    # fetch

    def _fetch(self) -> None:
        """Stage every content that the disk does not have."""
        downloader = Downloader(self._vault, lambda size, sparse: self._folder.stage(size, sparse=sparse))
        total, done = self._state.size_of_steps(), 0
        for step, file in downloader.singles(self._state.single_steps()):
            self._stage(step, file)
            done += step.size
            self._vault.progress("pull", done, total)
        for step in self._state.other_steps():
            if kind_of(step.node) is Kind.SYMLINK:
                self._staged[step.node] = self._folder.stage_link(step.digest, step.mtime)
                continue
            stands = look(self._state, step.node).shown
            assert stands is not None
            assert isinstance(stands.content, FileContent)
            self._stage(step, downloader.whole(stands.content))
            done += step.size
            self._vault.progress("pull", done, total)

    def _stage(self, step: Step, file: StagedFile) -> None:
        file.set_meta(step.mtime, step.mode)
        file.close()
        self._staged[step.node] = file

    # change

    def _change(self) -> None:
        for node in self._plan.gone_files:
            self._each(node, self._remove)
        self._change_directories()
        self._until_done(self._plan.moves, self._move)
        self._remove_directories()
        self._places.forget()
        for step in self._state.steps():
            self._replace(step)
        self._state.put_rows(self._rows)
        self._rows = []
        for node in self._plan.modes:
            self._each(node, self._set_mode)

    def _each(self, node: bytes, act: Callable[[Due, bytes], None]) -> None:
        due = look(self._state, node)
        path = self._path(due)
        self._guarded(path, lambda: act(due, path))

    def _guarded(self, path: bytes, act: Callable[[], T]) -> T | None:
        """Do one thing; what is not as expected, or cannot be written, is left alone and listed."""
        try:
            return act()
        except ChangedLocally as error:
            self._summary.skipped.append(failure(path, error.reason))
        except (CannotWrite, Unreadable) as error:
            self._summary.failed.append(failure(path, error.reason))
        return None

    def _change_directories(self) -> None:
        """Make and move directories, those nearer the root first."""
        by_depth = []
        for node in self._plan.directories:
            stands = look(self._state, node).shown
            assert stands is not None
            by_depth.append((self._places.depth_in_tree(stands.parent), node))
        self._until_done([node for _, node in sorted(by_depth)], self._place_directory)

    def _until_done(self, nodes: list[bytes], act: Callable[[Due, bytes], None]) -> None:
        """Do what can be done, as long as it makes way for more; list what stays."""
        while nodes:
            waiting = []
            for node in nodes:
                due = look(self._state, node)
                try:
                    act(due, self._path(due))
                except (ChangedLocally, CannotWrite):
                    waiting.append(node)
            if len(waiting) == len(nodes) and not self._park(waiting):
                for node in waiting:
                    self._each(node, act)
                return
            nodes = waiting

    def _park(self, nodes: list[bytes]) -> bool:
        """Take one directory out of the way, to a name in the root, where moves wait for each other.

        If a crash leaves it there, its node is due, and the next run finds it by that name.
        """
        for node in nodes:
            due = look(self._state, node)
            if due.row is None or due.kind is not Kind.DIRECTORY or due.row.name.startswith(PARKED):
                continue
            name = PARKED + self._vault.cipher.directory_number(node).hex().encode()
            try:
                seen = self._folder.move(self._path(due), name, fingerprint(due.row))
            except (ChangedLocally, CannotWrite):
                continue
            self._state.drop_rows([due.row])
            self._state.put_rows([renamed(due.row, ROOT, name, seen)])
            self._places.forget()
            return True
        return False

    def _remove_directories(self) -> None:
        """Remove directories that went, the deepest first."""
        paths = [
            (self._path(look(self._state, node)).count(b"/"), node) for node in self._plan.gone_directories
        ]
        for _, node in sorted(paths, reverse=True):
            self._each(node, self._remove_directory)

    def _remove(self, due: Due, path: bytes) -> None:
        assert due.row is not None
        here = self._folder.stat(path)
        if here is not None and not self._is_another(due.row, here):
            if not self._is_as_left(due.row, here, path):
                raise ChangedLocally(path)
            self._folder.remove(path, here)
            self._summary.deleted_local += 1
        self._state.drop_rows([due.row])
        self._done.append(due.node)

    def _is_another(self, row: DiskRow, here: Fingerprint) -> bool:
        """Return whether a run that was cut off has put another thing of ours in the place of a row."""
        return (row.parent, row.name) in self._adopted or any(
            other.node != row.node and self._state.is_due(other.node) and is_same_thing(other, here)
            for other in self._state.rows_with_inode(here.inode)
        )

    def _remove_directory(self, due: Due, path: bytes) -> None:
        assert due.row is not None
        if self._folder.stat(path) is not None:
            self._folder.remove_directory(path)
        self._state.drop_rows([due.row])
        self._done.append(due.node)

    def _place_directory(self, due: Due, path: bytes) -> None:
        if due.row is not None:
            self._move(due, path)
            self._places.forget()
            return
        assert due.shown is not None
        here = self._folder.stat(path)
        if here is None:
            here = self._folder.make_directory(
                path, due.shown.mode if due.shown.mode is not None else DEFAULT_MODE
            )
        elif here.kind != "d":
            raise ChangedLocally(path)
        self._put(due, here)
        self._state.put_rows(self._rows)
        self._rows = []

    def _move(self, due: Due, old: bytes) -> None:
        """Rename; where another thing of ours stands that has to go elsewhere, exchange the two."""
        row, stands = due.row, due.shown
        assert row is not None
        assert stands is not None
        finished = [] if due.is_changed or due.has_other_mode else [due.node]
        if not due.is_moved:  # an exchange brought it here already
            self._done += finished
            return
        new = self._places.path(stands.parent, stands.name)
        there = self._state.row_at(stands.parent, stands.name)
        if there is not None and there.node != due.node and not self._state.is_due(there.node):
            raise ChangedLocally(new)
        moved = self._folder.stat(new)
        if is_same_thing(row, moved) and moved is not None:  # a run that was cut off has done it
            self._state.drop_rows([row])
            if there is not None:
                self._set_aside(there)
            self._state.put_rows([renamed(row, stands.parent, stands.name, moved)])
            self._done += finished
            return
        old = self._parked(row, old)
        if there is not None and there.node != due.node and self._state.is_due(there.node):
            other, mine = self._folder.swap(old, new, fingerprint(row), fingerprint(there))
            self._state.drop_rows([row, there])
            self._state.put_rows([renamed(there, row.parent, row.name, other)])
        else:
            mine = self._folder.move(old, new, fingerprint(row))
            self._state.drop_rows([row])
        self._state.put_rows([renamed(row, stands.parent, stands.name, mine)])
        self._summary.moved += 1
        self._done += finished

    def _set_aside(self, row: DiskRow) -> None:
        """Keep the row of a thing whose place another has taken; it is looked for where it has to stand."""
        self._state.drop_rows([row])
        name = PARKED + self._vault.cipher.directory_number(row.node).hex().encode()
        self._state.put_rows([row._replace(parent=ROOT, name=name)])

    def _parked(self, row: DiskRow, path: bytes) -> bytes:
        """Return where a directory is that a run which was cut off took out of the way, else its path."""
        if row.number is None or is_same_thing(row, self._folder.stat(path)):
            return path
        parked = PARKED + row.number.hex().encode()
        return parked if is_same_thing(row, self._folder.stat(parked)) else path

    def _replace(self, step: Step) -> None:
        staged = self._staged.get(step.node)
        if staged is None:
            return
        path = self._places.path(step.parent, step.name)
        self._guarded(path, lambda: self._put_in_place(step, staged, path))

    def _put_in_place(self, step: Step, staged: Staged, path: bytes) -> None:
        row = self._state.row_at(step.parent, step.name)
        expected = fingerprint(row) if row is not None and row.node == step.node else None
        if expected is not None and self._folder.stat(path) is None:
            expected = None  # it is gone here, and comes back
        try:
            seen = self._folder.replace(staged, path, expected)
            del self._staged[step.node]
            self._summary.downloaded_files += 1
        except ChangedLocally:
            here = self._folder.stat(path)
            if here is None or not self._holds(path, here, step):
                raise
            seen = here  # a run that was cut off has brought it, below a directory that it has moved
        self._rows.append(self._row((step.parent, step.name), step.node, seen, step.shown, step.digest))
        self._done.append(step.node)

    def _set_mode(self, due: Due, path: bytes) -> None:
        row, stands = due.row, due.shown
        assert row is not None
        assert stands is not None
        here = self._folder.stat(path)
        if here is not None and here.mode == stands.mode and is_same_thing(row, here):
            self._state.put_rows([renamed(row, row.parent, row.name, here)])
        elif stands.mode is not None and row.mode != stands.mode:
            seen = self._folder.set_mode(path, stands.mode, fingerprint(row))
            self._state.put_rows([renamed(row, row.parent, row.name, seen)])
        self._done.append(due.node)

    # rows

    def _path(self, due: Due) -> bytes:
        """Return where the thing stands on this disk now, or will."""
        if due.row is not None:
            return self._places.path(due.row.parent, due.row.name)
        return self._places.path(due.shown.parent, due.shown.name) if due.shown is not None else b""

    def _put(self, due: Due, seen: Fingerprint) -> None:
        """Note that the disk shows what the tree has."""
        assert due.shown is not None
        place = (due.row.parent, due.row.name) if due.row is not None else (due.shown.parent, due.shown.name)
        self._adopted.add(place)
        self._rows.append(
            self._row(place, due.node, seen, dot_bytes(due.shown.content.dot), digest_of(due.shown))
        )
        self._done.append(due.node)

    def _row(
        self, place: tuple[bytes, bytes], node: bytes, seen: Fingerprint, shown: bytes, digest: bytes
    ) -> DiskRow:
        is_directory = seen.kind == "d"
        path = self._places.path(*place) if is_directory else b""
        return DiskRow(
            *place,
            node,
            kind_of(node),
            *seen[1:],
            self._folder.birth_ns(path) if is_directory else None,
            # Its time is set to that of its author: a later write shows, however soon it comes.
            max(self._vault.clock.now_ns(), seen.ctime_ns + GRAIN_NS + 1),
            shown,
            digest,
            self._vault.cipher.directory_number(node) if is_directory else None,
        )


def is_as_left(row: DiskRow, here: Fingerprint) -> bool:
    """Return whether a thing on the disk is as our own hand left it."""
    return LETTERS.get(Kind(row.kind)) == here.kind and row.inode == here.inode and is_unchanged(row, here)


def is_same_thing(row: DiskRow | None, here: Fingerprint | None) -> bool:
    """Return whether this is the thing of a row, wherever it stands; times of change may differ."""
    if row is None or here is None or row.inode != here.inode or LETTERS.get(Kind(row.kind)) != here.kind:
        return False
    return here.kind == "d" or (row.size, row.mtime) == (here.size, here.mtime_ns)


def fingerprint(row: DiskRow) -> Fingerprint:
    """Return what a row says of the disk."""
    return Fingerprint(LETTERS[Kind(row.kind)], row.size, row.mtime, row.ctime, row.inode, row.mode)


def renamed(row: DiskRow, parent: bytes, name: bytes, seen: Fingerprint) -> DiskRow:
    """Return the row after its thing was renamed or its mode set."""
    return row._replace(
        parent=parent, name=name, mode=seen.mode, ctime=seen.ctime_ns, scanned=seen.ctime_ns + GRAIN_NS + 1
    )
