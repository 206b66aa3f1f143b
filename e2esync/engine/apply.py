"""Bring the folder to what the tree shows, and keep the hands off whatever is not what was last seen.

First it is seen what can be done. Then everything that has to be fetched is fetched and verified
into temporary files; only then the folder is changed, each path in one step. A content that is not
what was signed, or not there, stops no other: what there is of its file stays, and it stays due. A barrier stands
before and after the changes, and the rows are committed last: after a crash each path is old or
new, and the next run takes stock (`e2esync.engine.stock`) and finishes.

What is too much for one go comes in lots (`e2esync.engine.coming`): files that nothing has to make way for get
their place, in the directories as they stand, also where the store fails in the middle. All else, what is moved
and what goes, is done in the last lot, when everything is there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from e2esync.adapters.files import CannotWrite, ChangedLocally, Staged, StagedFile, Unreadable
from e2esync.adapters.state import Aliased, Step
from e2esync.engine.arrange import Arranger
from e2esync.engine.closed import open_closed_directories
from e2esync.engine.coming import Coming
from e2esync.engine.download import Fetched
from e2esync.engine.guard import guard
from e2esync.engine.ignoring import leave_ignored
from e2esync.engine.late import empty_trash
from e2esync.engine.look import NO_DIRECTORY, Looker, Sight, Stays
from e2esync.engine.ondisk import OnDisk, Shows, fingerprint, seen_at
from e2esync.engine.places import Place, Places
from e2esync.engine.plan import Due, due_things, is_new, look_up, settle, settle_all, step_of, things
from e2esync.engine.vault import Summary, SyncedFolder, failure, text_of
from e2esync.errors import AGAIN, DiskFull, IntegrityError
from e2esync.tree.keys import kind_of, node_of

SLACK = 64 << 20  # bytes that stay free on the disk
LEFT_AFTER = 86_400 * 10**9  # ns until a temporary file is one that a killed run has left
BATCH = 1000


def apply(vault: SyncedFolder, summary: Summary) -> IntegrityError | None:
    """Do on the disk what is due; return what is the matter with contents that fail verification.

    Their files are as they were, or not there, and listed in `failed`; all else is done.

    Raises:
        DiskFull: There is no room; nothing was changed.
        SafetyStop: A guard stopped; nothing was changed.
        StoreUnavailable, StoreRefused, NoAccess: The store; of what is too much for one go, what came has its place.
    """
    state, coming = vault.state, Coming(vault)
    before, skipped, failed = set(state.aliases_on_disk()), len(summary.skipped), len(summary.failed)
    while not coming.is_all:
        del summary.skipped[skipped:], summary.failed[failed:]  # what is not done yet is listed anew
        with state.transaction():
            _Applier(vault, summary, coming).run()
            summary.conflicts = state.count_beside()
            new = [alias for alias in state.aliases_on_disk() if alias not in before]
            summary.aliases = [_alias_told(Places(state), alias) for alias in new]
        if coming.error is not None:
            raise coming.error
    return _told(list(coming.refused.values()))


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
    def __init__(self, vault: SyncedFolder, summary: Summary, coming: Coming) -> None:
        self._vault, self._state, self._folder = vault, vault.state, vault.folder
        self._summary, self._coming = summary, coming
        self._plan = _Plan()
        self._disk, self._places = OnDisk(vault), Places(vault.state)
        self._looker = Looker(vault)
        self._staged: dict[bytes, Staged] = {}
        self._lacking: set[Place] = set()  # places of contents that cannot be had

    def run(self) -> None:
        """Do one lot, or all that is left."""
        if self._state.count_due() == 0:
            self._coming.is_all = True
            return
        leave_ignored(self._vault, self._summary)
        with suppress(CannotWrite, Unreadable):  # it would only have been tidy
            self._folder.clean_temporary(self._vault.clock.now_ns() - LEFT_AFTER)
            empty_trash(self._vault)
        self._make_plan()
        self._find_what_stays()
        if self._coming.is_first:
            self._begin()
        self._check_room()
        try:
            self._fetch()
            self._folder.barrier()
            if self._coming.is_all:
                self._change()
            else:
                self._change_some()
        finally:
            for staged in self._staged.values():
                staged.discard()
        self._folder.barrier()

    def _begin(self) -> None:
        """Let the guard see all that is to happen, before the first of it does."""
        guard(
            self._vault,
            "pull",
            files=self._state.count_rows()[0],
            gone=len(self._plan.gone),
            changed=self._plan.replaced,
        )
        self._coming.begin()

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
        """Stage a lot of the contents that the disk does not have, or all that are left."""
        refused = self._coming.refused  # in an earlier lot
        for step in [step for step in self._state.steps() if step.thing in refused] if refused else ():
            self._lack(step, refused[step.thing])
        for step, fetched in self._coming.fetch({*self._plan.waiting, *self._plan.later}):
            self._stage(step, fetched)

    def _stage(self, step: Step, fetched: Fetched) -> None:
        if isinstance(fetched, IntegrityError):
            self._coming.refused[step.thing] = fetched
            self._lack(step, fetched)
            return
        if isinstance(fetched, StagedFile):
            fetched.set_meta(step.mtime, step.mode)
            fetched.close()
        self._staged[step.thing] = fetched

    def _lack(self, step: Step, error: IntegrityError) -> None:
        """List a content that cannot be had; what there is of its file stays, and gets its place all the same."""
        place = (step.parent, step.name)
        if look_up(self._state, step.thing).row is None:
            self._lacking.add(place)
        self._summary.failed.append(failure(self._places.path_in_tree(place), error.what))

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

    def _change_some(self) -> None:
        """Give what has come its place, where nothing has to make way for it."""
        open_closed_directories(self._vault)
        waiting = {*self._plan.waiting, *self._plan.later}
        new = [thing for thing in self._plan.directories if thing not in waiting and not self._is_here(thing)]
        Arranger(self._vault, self._summary, self._guarded).run(sorted(new, key=self._depth))
        self._places.forget()
        for step in self._state.steps():
            if step.thing in self._staged and step.thing not in waiting:
                self._put_in_place(step)
        self._coming.stuck |= self._staged.keys()
        settle_all(self._state, list(self._state.due()))

    def _is_here(self, thing: bytes) -> bool:
        return look_up(self._state, thing).row is not None

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
