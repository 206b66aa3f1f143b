"""What devices have done before a command of one of them is cut off, and what has to come of it all the same.

A scene is lived once without a crash, which says what has to come: each crash is followed by the next run of a
command and by as many rounds of all as it takes, and has to come to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from e2esync.engine.vault import Summary
from e2esync.errors import E2ESyncError
from tests.engine import test_push_pull as changes
from tests.engine.mortal import Death
from tests.engine.power import LOSSES, Disk, Times, run
from tests.engine.shows import shown
from tests.engine.test_cases import Real
from tests.engine.test_crashes import CHANGES, IN_EACH_OTHERS_WAY
from tests.engine.test_push_pull import base, write
from tests.engine.world import Dev, World
from tests.merge import cases

COMMANDS = [("push", "push"), ("pull", "pull"), ("pull", "push"), ("sync", "sync")]
"""What is cut off, and what is run next."""


class Scene(NamedTuple):
    """How it came to where the command begins."""

    prepare: Callable[[World, str], Dev]  # command → the device that runs it
    wrote: frozenset[str]  # commands before which that device has changes of its own


class Crash(NamedTuple):
    """Where a command ends, and what is lost."""

    at: int  # before that step; behind the last: after all of them
    loss: str


class Violation(Exception):
    """What may not come."""


# --- scenes ---


def changed(change: Callable[[Path], None], world: World, command: str) -> Dev:
    """One device changes what two have; at a sync, the other has something of its own too."""
    a, b = world.in_order("AB").values()
    base(a.root)
    changes.sync(a, b)
    change(a.root)
    if command == "push":
        return a
    a.push()
    if command == "sync":
        write(b.root / "hello.txt", b"of the other")
        write(b.root / "of the other", b"new")
    return b


def joins(world: World, command: str) -> Dev:
    """One device has everything, and another nothing."""
    a, b = world.in_order("AB").values()
    base(a.root)
    if command == "push":
        return a
    a.push()
    return b


def case(name: str, world: World, command: str) -> Dev:
    """All but the last device have published what they did; it may have changes of its own in conflict with theirs."""
    told = cases.CASES[name]
    real = Real(world, cases.names(told))
    for step in told.steps.split(", "):
        cases.do(step, real)
    *others, last = real.devices.values()
    for dev in others:
        dev.push()
    return last


def big_files(root: Path) -> None:
    write(root / "big", changes.random_bytes(700_000, 5))
    write(root / "zeros", bytes(2 << 20))
    write(root / "c", changes.random_bytes(400_000, 6))


MORE = [
    changes.delete_all, changes.delete_directory, changes.truncate_to_nothing, changes.grow_from_nothing,
    changes.file_becomes_symlink, changes.symlink_becomes_file, changes.symlink_points_elsewhere,
    changes.rename_directory_and_put_a_new_one_there, changes.rename_directory_and_edit_inside,
    changes.swap_and_edit, changes.turn_a_hierarchy_upside_down, changes.delete_directory_and_make_it_again,
    changes.move_new_over_old, changes.move_tracked_over_tracked,
    changes.move_a_directory_out_and_delete_its_parent, changes.chmod_and_edit, changes.chmod_directory,
    changes.copy_directory, changes.edit_to_the_same_size, changes.hard_link, changes.modes, changes.symlinks,
    changes.empty_files, changes.names_like_our_own, big_files,
]  # fmt: skip

SCENES = {
    "a device joins": Scene(joins, frozenset({"push"})),
    **{
        change.__name__: Scene(partial(changed, change), frozenset({"push", "sync"}))
        for change in [*CHANGES, *IN_EACH_OTHERS_WAY, *MORE]
    },
    **{
        name: Scene(partial(case, name), frozenset({"push", "pull", "sync"}))
        for name, told in cases.CASES.items()
        if " lose" not in told.steps  # nothing in the program forgets rows and keeps the tree
    },
}


# --- what comes of them ---


class Outcome(NamedTuple):
    """What has to come: the tree of all devices. Steps: those of the command."""

    tree: dict[str, tuple]
    steps: list[str]
    is_exact: bool = True  # else all of its contents, wherever


class Told(NamedTuple):
    """One crash, as it came."""

    is_finished: bool
    has_something_to_lose: bool
    steps: list[str]
    lost: str


def expected(home: Path, scene: Scene, command: str, then: str) -> Outcome:
    """Live a scene without a crash.

    Whether a pull that is cut off has joined what others did decides what a change of one's own comes after:
    where there are such, both are right, and what is in both has to come.
    """
    seen = _live(home / "seen", scene, command, then)
    if command != "pull" or command not in scene.wrote:
        return seen
    unseen = _live(home / "unseen", scene, None, then)
    both = {
        path: thing
        for path, thing in seen.tree.items()
        if thing[1] in {one[1] for one in unseen.tree.values()}
    }
    return Outcome(both, seen.steps, is_exact=False)


def _live(home: Path, scene: Scene, command: str | None, then: str) -> Outcome:
    world = World(home)
    with closing(world):
        dev, death = scene.prepare(world, command or "pull"), Death()
        if command is not None:
            disk = Disk(dev, Times())
            run(dev, command, death, disk)
            disk.last()
        _go_on(world, dev, then, Watch(world, is_silent=False))
        return Outcome(normal(dev), death.steps)


def crash(home: Path, scene: Scene, commands: tuple[str, str], where: Crash, outcome: Outcome) -> Told:
    """Live a scene with a crash, and all that follows.

    Raises:
        Violation: It came to something else.
    """
    command, then = commands
    world = World(home)
    with Times().told() as times, closing(world):
        dev, death = scene.prepare(world, command), Death(where.at)
        watch, disk = Watch(world, is_silent=command not in scene.wrote), Disk(dev, times)
        is_finished = run(dev, command, death, disk)
        has_something = disk.has_something_to_lose
        lost = disk.lose(where.loss, Random(f"{where}"))
        told = Told(is_finished, has_something, death.steps, lost)
        try:
            watch.look()
            _go_on(world, dev, then, watch)
            _compare(world, normal(dev), outcome)
        except (AssertionError, E2ESyncError, OSError) as error:
            step = "at the end" if is_finished else f"before step {where.at}, {death.steps[-1]}"
            raise Violation(
                f"{command} {step}, {where.loss} lost ({lost}), then {then}: {error!r:.400}"
            ) from error
        return told


class Watch:
    """Sees that nothing comes that no user wrote."""

    def __init__(self, world: World, *, is_silent: bool) -> None:
        self._world, self._is_silent = world, is_silent
        self._known = {content for dev in world.devices for content in _contents(dev)}

    def look(self) -> None:
        """See that every content was written by somebody."""
        for dev in self._world.devices:
            unknown = [content[:40] for content in _contents(dev) if content not in self._known]
            assert not unknown, f"{dev.name} has what nobody wrote: {unknown}"

    def command(self, dev: Dev, name: str) -> Summary:
        """Run a command to its end; nothing is published by who wrote nothing."""
        summary = getattr(dev, name)()
        assert summary.failed == []
        assert name == "pull" or summary.skipped == []
        if self._is_silent:
            said = summary.uploaded_files, summary.deleted_remote, dict(summary.skipped)
            assert said == (0, 0, {}), f"{dev.name} wrote nothing, and published: {summary}"
        self.look()
        return summary


def _go_on(world: World, dev: Dev, then: str, watch: Watch) -> None:
    """Run the next command, then let all sync until nobody has anything to say."""
    watch.command(dev, then)
    for _ in range(2 * len(world.devices) + 3):
        puts = 0
        for each in world.devices:
            puts += each.count(partial(watch.command, each, "sync")).requests["PUT"]
        if not puts:
            return
    raise AssertionError("there is no end to it")


def _compare(world: World, tree: dict[str, tuple], outcome: Outcome) -> None:
    if outcome.is_exact:
        paths = sorted(tree.keys() | outcome.tree.keys())
        wrong = {path: _short(tree.get(path), outcome.tree.get(path)) for path in paths}
        assert all(came == wanted for came, wanted in wrong.values()), f"(came, expected): {wrong}"
    else:
        lost = {thing[1] for thing in outcome.tree.values()} - {thing[1] for thing in tree.values()}
        assert not lost, f"lost: {lost}"
    first = world.devices[0]
    for dev in world.devices:
        assert dev.differs(first.tree()) == {}, (dev.name, dev.differs(first.tree()))
        assert shown(dev) == {path: thing[0] for path, thing in dev.tree().items()}


def _short(*things: tuple | None) -> tuple:
    return tuple(
        thing and tuple(part[:20] if isinstance(part, bytes) else part for part in thing) for thing in things
    )


def _contents(dev: Dev) -> Iterator[bytes]:
    return (thing[1] for thing in dev.tree().values() if thing[0] in {"file", "symlink"})


def normal(dev: Dev) -> dict[str, tuple]:
    """Return a tree without what differs from one life of a scene to the next: times, and the names of copies."""
    found = {}
    for path, thing in dev.tree().items():
        seen = thing if thing[0] == "directory" else thing[:-1]
        content = thing[1] if thing[0] == "file" else b""
        name = cases.beside(path.decode(errors="surrogateescape"), content.decode("latin-1")[:20])
        found[name] = seen
    return found


# --- all of them ---


def crashes(steps: int, *, stride: int = 1, first: int = 1) -> Iterator[int]:
    """Yield steps before which to crash, and always what follows the last."""
    yield from range(first, steps + 1, stride)
    yield steps + 20  # how many there are may differ a little from one life to the next


def enumerate_crashes(
    home: Path, name: str, commands: tuple[str, str], *, stride: int = 1, first: int = 1
) -> tuple[int, list[str]]:
    """Crash a scene at its steps, in all ways; return how many crashes there were, and what may not have come."""
    scene, wrong, count = SCENES[name], [], 0
    outcome = expected(home / "expected", scene, *commands)
    for at in crashes(len(outcome.steps), stride=stride, first=first):
        for loss in LOSSES:
            count += 1
            try:
                told = crash(home / f"{at} {loss}", scene, commands, Crash(at, loss), outcome)
            except Violation as violation:
                wrong.append(f"{name}: {violation}")
                continue
            if not told.has_something_to_lose:
                break  # all losses come to the same
    return count, wrong
