"""Bring the folder to what the tree shows, and keep the hands off whatever is not what was last seen.

First it is seen what can be done. Then everything that has to be fetched is fetched and verified
into temporary files; only then the folder is changed, each path in one step. A content that is not
what was signed, or not there, stops no other: what there is of its file stays, and it stays due. A barrier stands
before and after the changes, and the rows are committed last: after a crash each path is old or
new, and the next run takes stock (`e2esync.engine.stock`) and finishes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from e2esync.adapters.files import CannotWrite, ChangedLocally, Staged, StagedFile, Unreadable
from e2esync.adapters.state import Aliased, Step
from e2esync.engine.arrange import Arranger
from e2esync.engine.closed import open_closed_directories
from e2esync.engine.download import Downloader, Fetched
from e2esync.engine.going import Going
from e2esync.engine.guard import guard
from e2esync.engine.ignoring import leave_ignored
from e2esync.engine.late import empty_trash
from e2esync.engine.look import NO_DIRECTORY, Looker, Sight, Stays
from e2esync.engine.ondisk import OnDisk, Shows, fingerprint, seen_at
from e2esync.engine.places import Place, Places
from e2esync.engine.plan import Due, due_things, is_new, look_up, settle, settle_all, step_of, things
from e2esync.engine.vault import Summary, SyncedFolder, failure, text_of
from e2esync.errors import AGAIN, DiskFull, IntegrityError
from e2esync.tree.keys import Kind, kind_of, node_of
from e2esync.tree.values import FileContent

SLACK = 64 << 20  # bytes that stay free on the disk
LEFT_AFTER = 86_400 * 10**9  # ns until a temporary file is one that a killed run has left
BATCH = 1000


def apply(vault: SyncedFolder, summary: Summary) -> IntegrityError | None:
    """Do on the disk what is due; return what is the matter with contents that fail verification.

    Their files are as they were, or not there, and listed in `failed`; all else is done.

    Raises:
        DiskFull: There is no room; nothing was changed.
        SafetyStop: A guard stopped; nothing was changed.
    """
    state = vault.state
    with state.transaction():
        before = set(state.aliases_on_disk())
        applier = _Applier(vault, summary)
        applier.run()
        summary.conflicts = state.count_beside()
        new = [alias for alias in state.aliases_on_disk() if alias not in before]
        summary.aliases = [_alias_told(Places(state), alias) for alias in new]
    return _told(applier.refused)


def _told(refused: list[IntegrityError]) -> IntegrityError | None:
    """Return the error that says how many contents fail verification."""
    if not refused:
        return None
    count = "one file" if len(refused) == 1 else f"{len(refused)} files"
    return type(refused[0])(
        f"the content of {count} fails verification: {refused[0].what}",
        why="the store has lost, cut or changed a part of it, or it was signed so; what there was of it here stays, and all else was done",
        fix=f"e2esync verify --deep, and e2esync push on a device that has it; then {AGAIN}",
    )


def _alias_told(places: Places, alias: Aliased) -> dict[str, str | None]:
    """Return an alias for the summary: where something stands here, and for which name."""
    path = places.path((alias.parent, alias.name)) or alias.name
    keeper = text_of(alias.keeper) if alias.keeper is not None else None
    return {"path": text_of(path), "name": text_of(alias.told), "beside": keeper}


@dataclass
class _Plan:
    """Things by what has to happen. Contents that nothing waits for stand in the state's steps instead."""

    gone: list[bytes] = field(default_factory=list)  # files and links
    gone_directories: list[bytes] = field(default_factory=list)
    directories: list[bytes] = field(default_factory=list)  # to make or move
    moves: list[bytes] = field(default_factory=list)  # of files and links
    waiting: list[bytes] = field(default_factory=list)  # for another thing to leave their place
    later: list[bytes] = field(default_factory=list)  # contents among those
    replaced: int = 0  # files that get another content
    in_the_way: set[bytes] = field(default_factory=set)  # of the user's own changes


class _Applier:
    def __init__(self, vault: SyncedFolder, summary: Summary) -> None:
        self._vault, self._state, self._folder = vault, vault.state, vault.folder
        self._summary = summary
        self._plan = _Plan()
        self._disk, self._places = OnDisk(vault), Places(vault.state)
        self._looker = Looker(vault)
        self._staged: dict[bytes, Staged] = {}
        self._lacking: set[Place] = set()  # places of contents that cannot be had
        self.refused: list[
            IntegrityError
        ] = []  # what is the matter with those of them that fail verification

    def run(self) -> None:
        if self._state.count_due() == 0:
            return
        leave_ignored(self._vault, self._summary)
        with suppress(CannotWrite, Unreadable):  # it would only have been tidy
            self._folder.clean_temporary(self._vault.clock.now_ns() - LEFT_AFTER)
            empty_trash(self._vault)
        self._make_plan()
        self._find_what_stays()
        guard(
            self._vault,
            "pull",
            files=self._state.count_rows()[0],
            gone=len(self._plan.gone),
            changed=self._plan.replaced,
        )
        self._check_room()
        try:
            self._fetch()
            self._folder.barrier()
            self._change()
        finally:
            for staged in self._staged.values():
                staged.discard()
        self._folder.barrier()

    # plan

    def _make_plan(self) -> None:
        self._state.clear_steps()
        contents: list[Due] = []
        for node in list(self._state.due()):
            found = things(self._state, node)
            if all(due.is_nothing for due in found):
                settle_all(self._state, [node])
            for due in found:
                if not due.is_nothing and self._is_clear(due):
                    self._add(due, contents)
            if len(contents) >= BATCH:
                self._add_steps(contents)
                contents = []
        self._add_steps(contents)

    def _is_clear(self, due: Due) -> bool:
        """Return whether a thing can do what is due, as far as it can be seen from itself."""
        sight = Sight.DONE

        def look() -> None:
            nonlocal sight
            sight = self._looker.look(due)

        if not self._guarded(self._path_of(due), look):
            self._plan.in_the_way.add(due.thing)
            return False
        if sight is Sight.WAITS:
            self._plan.waiting.append(due.thing)
        if sight is Sight.DONE and due.is_gone and not due.is_directory:
            self._forget(due)
        return sight is not Sight.DONE or (due.is_gone and due.is_directory)

    def _forget(self, due: Due) -> None:
        """Note that what had to go is not there."""
        self._state.drop_rows([due.row] if due.row is not None else [])
        settle(self._state, due)

    def _add(self, due: Due, contents: list[Due]) -> None:
        """Add a thing to what has to happen."""
        plan = self._plan
        if due.is_gone:
            (plan.gone_directories if due.is_directory else plan.gone).append(due.thing)
        elif due.is_directory:
            if due.row is None or due.is_moved:
                plan.directories.append(due.thing)
        else:
            plan.replaced += due.row is not None and due.is_changed
            if due.is_moved:
                plan.moves.append(due.thing)
            if due.is_changed and (due.is_moved or due.thing in plan.waiting[-1:]):
                plan.later.append(due.thing)
            elif due.is_changed:
                contents.append(due)

    def _add_steps(self, contents: list[Due]) -> None:
        self._state.add_steps([step_of(due, self._vault.catalogue) for due in contents])

    def _find_what_stays(self) -> None:
        """List what cannot be done for what stands in the way, and plan the contents that can come."""
        plan = self._plan
        stays = Stays(self._vault, plan.in_the_way)
        for thing, reason in stays.find([*plan.waiting, *plan.moves], plan.directories):
            self._summary.skipped.append(failure(self._path_of(look_up(self._state, thing)), reason))
        for planned in (plan.gone, plan.gone_directories, plan.directories, plan.moves, plan.later):
            planned[:] = [thing for thing in planned if thing not in stays]
        self._add_steps([look_up(self._state, thing) for thing in plan.later])
        for parent in list(self._state.parents_of_steps()):
            if not stays.can_reach(parent):
                for step in self._state.drop_steps_below(parent):
                    path = self._places.path_in_tree((step.parent, step.name))
                    self._summary.skipped.append(failure(path, NO_DIRECTORY))

    def _check_room(self) -> None:
        size = self._state.size_of_steps()
        missing = size + SLACK - self._folder.free_bytes()
        if size and missing > 0:
            raise DiskFull(
                f"the disk of {self._folder.root} has no room for what is to come",
                why=f"{_mib(missing)} MiB are missing; nothing was fetched, and nothing on this disk was touched",
                fix=f"make room for {_mib(missing)} MiB on it, then {AGAIN}",
            )

    # fetch

    def _fetch(self) -> None:
        """Stage every content that the disk does not have."""
        going = Going("pull", self._vault.progress)
        going.total = self._state.size_of_steps()
        downloader = Downloader(
            self._vault, lambda size, sparse: self._folder.stage(size, sparse=sparse), going
        )
        for step, fetched in self._fetched(downloader):
            self._stage(step, fetched)
            going.done(step.size)

    def _fetched(self, downloader: Downloader) -> Iterator[tuple[Step, Fetched]]:
        """Yield what has to come with its complete temporary file, or with why there is none."""
        yield from downloader.singles(self._state.single_steps())
        for step in self._state.other_steps():
            if kind_of(node_of(step.thing)) is Kind.SYMLINK:
                yield step, self._folder.stage_link(step.digest, step.mtime)
            else:
                stands = look_up(self._state, step.thing).shown
                assert stands is not None
                assert isinstance(stands.content, FileContent)
                yield step, downloader.tried(node_of(step.thing), stands.content)

    def _stage(self, step: Step, fetched: Fetched) -> None:
        if isinstance(fetched, IntegrityError):
            place = (step.parent, step.name)
            self.refused.append(fetched)
            if (
                look_up(self._state, step.thing).row is None
            ):  # else what there is of it gets there all the same
                self._lacking.add(place)
            path = self._places.path_in_tree(place)
            self._summary.failed.append(failure(path, fetched.what))
            return
        if isinstance(fetched, StagedFile):
            fetched.set_meta(step.mtime, step.mode)
            fetched.close()
        self._staged[step.thing] = fetched

    # change

    def _change(self) -> None:
        plan = self._plan
        open_closed_directories(self._vault)
        for due in (look_up(self._state, thing) for thing in plan.gone):
            if (
                due.place not in self._lacking
            ):  # else it is what there is of a file whose new content cannot be had
                self._remove(due)
        come = sorted(plan.directories, key=self._depth)
        go = sorted(plan.gone_directories, key=self._depth, reverse=True)
        Arranger(self._vault, self._summary, self._guarded).run([*come, *plan.moves, *go])
        self._places.forget()
        for step in self._state.steps():
            self._put_in_place(step)
        for due in due_things(self._state):
            if (
                due.has_other_mode
                and not due.is_moved
                and not due.is_changed
                and due.thing not in plan.in_the_way
            ):
                self._set_mode(due)
        settle_all(self._state, list(self._state.due()))

    def _depth(self, thing: bytes) -> int:
        due = look_up(self._state, thing)
        if due.target is not None:
            return self._places.depth_in_tree(due.target[0])
        return self._path_of(due).count(b"/")

    def _remove(self, due: Due) -> None:
        path = self._path_of(due)

        def remove() -> None:
            here = self._folder.stat(path)
            if here is not None and due.row is not None:
                if not self._disk.is_as_left(due.row, here, path):
                    raise ChangedLocally(path)
                self._folder.remove(path, here)
                self._summary.deleted_local += 1
            self._forget(due)

        self._guarded(path, remove)

    def _put_in_place(self, step: Step) -> None:
        place = (step.parent, step.name)
        path, staged = self._places.path(place), self._staged.get(step.thing)
        if is_new(self._state, step):
            due = Due(step.thing, kind_of(node_of(step.thing)), None, None)
        else:
            due = look_up(self._state, step.thing)
        row = due.row
        if staged is None or path is None or (row is not None and (row.parent, row.name) != place):
            return  # what it was to stand in, or its own move, was listed

        def put() -> None:
            expected = fingerprint(row) if row is not None and self._folder.stat(path) is not None else None
            seen = self._folder.replace(staged, path, expected)
            del self._staged[step.thing]
            self._summary.downloaded_files += 1
            self._state.put_rows(
                [self._disk.row(place, due.node, seen, path, Shows(step.shown, step.is_first, step.digest))]
            )
            settle(self._state, due)

        self._guarded(path, put)

    def _set_mode(self, due: Due) -> None:
        row, stands, path = due.row, due.shown, self._path_of(due)
        assert row is not None
        assert stands is not None

        def set_mode() -> None:
            here = self._folder.stat(path)
            if stands.mode is not None and (here is None or here.mode != stands.mode):
                here = self._folder.set_mode(path, stands.mode, fingerprint(row))
            if here is not None and here.mode != row.mode:
                self._state.put_rows([seen_at(row, (row.parent, row.name), here)])
            settle(self._state, due)

        self._guarded(path, set_mode)

    # both

    def _path_of(self, due: Due) -> bytes:
        """Return where a node stands on this disk now, or will, or what there is to call it."""
        place = due.place or due.target
        assert place is not None
        return self._places.path(place) or place[1]

    def _guarded(self, path: bytes, act: Callable[[], object]) -> bool:
        """Do one thing; list what is not as expected or cannot be written, and leave it alone."""
        try:
            act()
        except ChangedLocally as error:
            self._summary.skipped.append(failure(path, error.reason))
        except (CannotWrite, Unreadable) as error:
            self._summary.failed.append(failure(path, error.reason))
        else:
            return True
        return False


def _mib(size: int) -> int:
    return -(-size // (1 << 20))
