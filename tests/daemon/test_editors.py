"""How programs save, seen through events of the real file system: each save is one version, and nothing else is there."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from e2esync.adapters.files.syscalls import exchange
from e2esync.daemon.schedule import HOLD, POLL_IDLE, SETTLE
from e2esync.engine.history import Event, events, is_thing
from e2esync.ignoring.rules import DEFAULTS, RULES_FILE
from e2esync.tree.values import FileContent
from tests.daemon.real import Living, RealGround
from tests.daemon.stepped import Stepped

NAME = "report.txt"
OLD, NEW = b"as it was\n" * 1000, b"as it is now\n" * 900

Step = Callable[[Path], object]


class Style(NamedTuple):
    """How a program saves, what stays of it beside the file, and what is then in it."""

    steps: tuple[Step, ...]
    left: Mapping[str, bytes] = MappingProxyType({})
    content: bytes = NEW


def write(name: str, content: bytes, *, mode: str = "wb") -> Step:
    def step(root: Path) -> None:
        with (root / name).open(mode) as file:
            file.write(content)

    return step


def block(at: int, size: int) -> Step:
    """Write a part of the new content into the file as it is."""

    def step(root: Path) -> None:
        with (root / NAME).open("r+b") as file:
            file.seek(at)
            file.write(NEW[at : at + size])

    return step


def cut(size: int) -> Step:
    return lambda root: os.truncate(root / NAME, size)


def rename(old: str, new: str) -> Step:
    return lambda root: (root / old).rename(root / new)


def swap(one: str, other: str) -> Step:
    def step(root: Path) -> None:
        top = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        exchange(top, one.encode(), top, other.encode())
        os.close(top)

    return step


def copy(old: str, new: str) -> Step:
    return lambda root: shutil.copy2(root / old, root / new)


def link(target: str, name: str) -> Step:
    return lambda root: (root / name).symlink_to(target)


def unlink(name: str) -> Step:
    return lambda root: (root / name).unlink()


def make(name: str) -> Step:
    return lambda root: (root / name).mkdir()


def remove(name: str) -> Step:
    return lambda root: (root / name).rmdir()


def mode(name: str, number: int) -> Step:
    return lambda root: (root / name).chmod(number)


def aged(name: str) -> Step:
    """Give it a time of long ago, as tools do that copy times."""
    return lambda root: os.utime(root / name, (1e9, 1e9))


PROBE = (write("4913", b""), mode("4913", 0o644), unlink("4913"))
STYLES = {
    "gedit": Style((write(".goutputstream-K3XZA1", NEW), rename(".goutputstream-K3XZA1", NAME))),
    "gedit that keeps a copy": Style(
        (
            write(".goutputstream-K3XZA1", NEW),
            rename(NAME, f"{NAME}~"),
            rename(".goutputstream-K3XZA1", NAME),
        ),
        {f"{NAME}~": OLD},
    ),
    "vim": Style((*PROBE, rename(NAME, f"{NAME}~"), write(NAME, NEW), unlink(f"{NAME}~"))),
    "vim with a swap file": Style(
        (
            write(f".{NAME}.swp", b"swap"),
            write(f".{NAME}.swp", b"swap, longer"),
            *PROBE,
            rename(NAME, f"{NAME}~"),
            write(NAME, NEW),
            unlink(f"{NAME}~"),
            unlink(f".{NAME}.swp"),
        )
    ),
    "vim that keeps a copy": Style((*PROBE, rename(NAME, f"{NAME}~"), write(NAME, NEW)), {f"{NAME}~": OLD}),
    "vim that copies": Style((copy(NAME, f"{NAME}~"), cut(0), write(NAME, NEW), unlink(f"{NAME}~"))),
    "emacs": Style(
        (
            link("ann@laptop.4711", f".#{NAME}"),
            write(f"#{NAME}#", NEW),
            rename(NAME, f"{NAME}~"),
            write(NAME, NEW),
            unlink(f"#{NAME}#"),
            unlink(f".#{NAME}"),
        ),
        {f"{NAME}~": OLD},
    ),
    "emacs that copies": Style((copy(NAME, f"{NAME}~"), cut(0), write(NAME, NEW)), {f"{NAME}~": OLD}),
    "libreoffice": Style(
        (
            write(f".~lock.{NAME}#", b"Ann,laptop"),
            write("lu4711abc.tmp", NEW),
            rename("lu4711abc.tmp", NAME),
            unlink(f".~lock.{NAME}#"),
        )
    ),
    "word": Style(
        (
            write(f"~${NAME}", b"Ann"),
            write("A1B2C3D4.tmp", NEW),
            rename(NAME, "E5F6A7B8.tmp"),
            rename("A1B2C3D4.tmp", NAME),
            unlink("E5F6A7B8.tmp"),
            unlink(f"~${NAME}"),
        )
    ),
    "a mac": Style(
        (
            make(f"{NAME}.sb-0a1b2c3d-X"),
            write(f"{NAME}.sb-0a1b2c3d-X/{NAME}", NEW),
            rename(f"{NAME}.sb-0a1b2c3d-X/{NAME}", NAME),
            remove(f"{NAME}.sb-0a1b2c3d-X"),
        )
    ),
    "a mac, by exchange": Style(
        (
            make(f"{NAME}.sb-0a1b2c3d-X"),
            write(f"{NAME}.sb-0a1b2c3d-X/{NAME}", NEW),
            swap(f"{NAME}.sb-0a1b2c3d-X/{NAME}", NAME),
            unlink(f"{NAME}.sb-0a1b2c3d-X/{NAME}"),
            remove(f"{NAME}.sb-0a1b2c3d-X"),
        )
    ),
    "vs code": Style((cut(0), write(NAME, NEW, mode="r+b"))),
    "vs code, atomic": Style((write(f"{NAME}.vsctmp", NEW), rename(f"{NAME}.vsctmp", NAME))),
    "truncated, then written": Style((write(NAME, b""), write(NAME, NEW))),
    "deleted, then written": Style((unlink(NAME), write(NAME, NEW))),
    "rsync": Style(
        (
            write(f".{NAME}.aB3xYz", NEW[:5000]),
            write(f".{NAME}.aB3xYz", NEW[5000:], mode="ab"),
            aged(f".{NAME}.aB3xYz"),
            rename(f".{NAME}.aB3xYz", NAME),
        )
    ),
    "rsync in place": Style(
        (block(0, 4096), block(4096, 4096), block(8192, 4096), cut(len(NEW)), block(12, 0), aged(NAME))
    ),
    "a log": Style(
        tuple(write(NAME, b"line %d\n" % number, mode="ab") for number in range(5)),
        content=OLD + b"".join(b"line %d\n" % number for number in range(5)),
    ),
}


def program(*words: str) -> Step:
    """Run what is installed; `NEW` is in a file `new` beside the folder."""
    if shutil.which(words[0]) is None:
        return lambda _root: pytest.skip(f"{words[0]} is not installed")
    return lambda root: subprocess.run([*words], cwd=root, check=True, capture_output=True, timeout=60)


RSYNC = ("rsync", "-a", "--checksum")
PROGRAMS = {
    "cp": Style((program("cp", "../new", NAME),)),
    "cp -p": Style((program("cp", "-p", "../new", NAME),)),
    "mv": Style((program("mv", "../new", NAME),)),
    "install": Style((program("install", "-m", "644", "../new", NAME),)),
    "dd": Style((program("dd", "if=../new", f"of={NAME}", "bs=512"),)),
    "sed": Style((program("sed", "-i", "s/was/is/", NAME),), content=OLD.replace(b"was", b"is")),
    "sed that keeps a copy": Style(
        (program("sed", "-i.bak", "s/was/is/", NAME),), {f"{NAME}.bak": OLD}, OLD.replace(b"was", b"is")
    ),
    "rsync, really": Style((program(*RSYNC, "../new", NAME),)),
    "rsync in place, really": Style((program(*RSYNC, "--inplace", "--no-whole-file", "../new", NAME),)),
    "rsync with a copy, really": Style((program(*RSYNC, "--backup", "../new", NAME),), {f"{NAME}~": OLD}),
} | {
    f"vim {', '.join(options)}, really": Style(
        (
            program(
                "vim", "-u", "NONE", "-i", "NONE", "-N", "-es",
                *[word for option in ("backupskip=", *options) for word in ("-c", f"set {option}")],
                "-c", "%s/was/is/", "-c", "wq", NAME,
            ),
        ),
        {f"{NAME}~": OLD} if "backup" in options else {},
        OLD.replace(b"was", b"is"),
    )
    for options in (
        ["backupcopy=no"],
        ["backupcopy=yes"],
        ["backup", "backupcopy=no"],
        ["backup", "backupcopy=yes"],
        ["nowritebackup"],
    )
}  # fmt: skip


@pytest.fixture
def begin(world, watched):
    """Begin to keep a folder with a file that is known and published."""

    def begin(rules: str = "") -> Living:
        def with_files(dev):
            (dev.root / NAME).write_bytes(OLD)
            (dev.root / "other").write_bytes(b"other")
            (dev.root.parent / "new").write_bytes(NEW)
            if rules:
                (dev.root / os.fsdecode(RULES_FILE)).write_text(rules)
            dev.push()

        clock = Stepped(world.clock)
        laptop = watched(prepare=with_files, kind=RealGround, times=clock.times, settle=SETTLE, poll=None)
        made = Living(world, laptop, clock)
        made.come_to_rest()
        return made

    return begin


@pytest.fixture
def living(begin):
    return begin()


def contents(root: Path) -> dict[str, bytes]:
    paths = [path for path in root.rglob("*") if ".e2esync" not in path.parts]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths if not path.is_dir()}


def told(living: Living) -> list[Event]:
    """Pull on the other device; return all that was ever written, oldest first."""
    living.desk.pull()
    return [event for event in reversed(events(living.desk.vault)) if is_thing(event)]


def sizes(living: Living) -> list[int]:
    """Return how long each version of the file was, oldest first."""
    return [
        event.content.size
        for event in told(living)
        if event.path == NAME.encode() and isinstance(event.content, FileContent)
    ]


def is_one_version(living: Living, style: Style) -> None:
    """See that the save is one version of the same file, and that nothing else was ever published."""
    living.come_to_rest()
    found = told(living)
    of_file = [event for event in found if event.path == NAME.encode()]
    assert [str(event.what) for event in of_file] == ["added", "changed"]
    assert len({event.node for event in of_file}) == 1
    assert sizes(living) == [len(OLD), len(style.content)]
    others = [(str(event.what), event.path.decode()) for event in found if event not in of_file]
    assert others == [("added", "other"), *(("added", name) for name in style.left)]
    expected = {"other": b"other", NAME: style.content, **style.left}
    assert contents(living.root) == contents(living.desk.root) == expected
    assert living.watched.keeper.standing.survey.conflicts == 0


@pytest.mark.case(24, 25, 26, 27, 28, 80)
@pytest.mark.parametrize("pause", [0.0, SETTLE - 0.1], ids=["at once", "slowly"])
@pytest.mark.parametrize("style", STYLES)
def test_a_save_is_one_version(living, style, pause):
    for step in STYLES[style].steps:
        step(living.root)
        if pause:
            living.go_on(pause)
    is_one_version(living, STYLES[style])


@pytest.mark.case(73, 80)
@pytest.mark.parametrize("style", STYLES)
def test_a_save_in_the_middle_of_which_events_are_lost_is_one_version(living, style):
    for step in STYLES[style].steps:
        step(living.root)
        living.watched.keeper.lost("too many")
        living.go_on(SETTLE - 0.1)
    is_one_version(living, STYLES[style])


@pytest.mark.case(24, 27, 28)
@pytest.mark.parametrize("style", PROGRAMS)
def test_a_save_of_a_real_program_is_one_version(living, style):
    for step in PROGRAMS[style].steps:
        step(living.root)
    is_one_version(living, PROGRAMS[style])


@pytest.mark.case(20)
@pytest.mark.parametrize("pause", [SETTLE + 1, SETTLE + HOLD - 1])
@pytest.mark.parametrize("empty", [write(NAME, b""), cut(0)], ids=["opened anew", "cut"])
def test_a_file_that_is_empty_for_a_while_is_published_once_it_is_written(living, empty, pause):
    empty(living.root)
    living.go_on(0)
    living.clock.run(pause)
    assert sizes(living) == [len(OLD)]
    write(NAME, NEW)(living.root)
    is_one_version(living, Style(()))


@pytest.mark.case(20)
def test_a_file_that_stays_empty_is_published_as_it_is(living):
    cut(0)(living.root)
    living.come_to_rest()
    assert sizes(living) == [len(OLD), 0]


@pytest.mark.case(80)
@pytest.mark.parametrize("style", ["gedit", "vim", "truncated, then written", "a mac, by exchange"])
def test_saves_one_right_after_the_other_are_one_version(living, style):
    for _ in range(3):
        for step in STYLES[style].steps:
            step(living.root)
        living.go_on(SETTLE - 0.1)
    is_one_version(living, STYLES[style])


@pytest.mark.case(80)
@pytest.mark.parametrize("save", ["in place", "over it", "vim", "gedit that keeps a copy"])
def test_saves_with_quiet_in_between_are_a_version_each(living, save):
    for number in (1, 2, 3):
        content = NEW * number
        if save in {"vim", "gedit that keeps a copy"}:
            rename(NAME, f"{NAME}~")(living.root)
        if save == "over it":
            write("temporary", content)(living.root)
            rename("temporary", NAME)(living.root)
        else:
            write(NAME, content)(living.root)
        if save == "vim":
            unlink(f"{NAME}~")(living.root)
        living.come_to_rest()
    assert sizes(living) == [len(OLD), len(NEW), 2 * len(NEW), 3 * len(NEW)]
    assert contents(living.root) == contents(living.desk.root)
    nodes = {event.node for event in told(living) if event.path == NAME.encode()}
    assert len(nodes) == 1


@pytest.mark.case(26, 27)
def test_what_programs_keep_beside_a_file_that_is_open_is_published_nowhere_by_the_rules_that_are_offered(
    begin,
):
    living = begin(DEFAULTS)
    beside = {
        f".{NAME}.swp": write(f".{NAME}.swp", b"swap"),
        f".~lock.{NAME}#": write(f".~lock.{NAME}#", b"Ann,laptop"),
        f"~${NAME}": write(f"~${NAME}", b"Ann"),
        f".#{NAME}": link("ann@laptop.4711", f".#{NAME}"),
        f"#{NAME}#": write(f"#{NAME}#", NEW),
        f"{NAME}~": copy(NAME, f"{NAME}~"),
    }
    for step in beside.values():
        step(living.root)
        living.come_to_rest()
    (living.root / NAME).write_bytes(NEW)
    living.come_to_rest()
    for name in beside:
        unlink(name)(living.root)
        living.come_to_rest()
    assert sizes(living) == [len(OLD), len(NEW)]
    assert {event.path for event in told(living)} == {NAME.encode(), b"other", RULES_FILE}


@pytest.mark.case(78)
def test_what_comes_from_others_is_not_published_again(living):
    desk = living.desk
    desk.pull()
    (desk.root / NAME).write_bytes(NEW)
    (desk.root / "other").rename(desk.root / "moved")
    (desk.root / "directory").mkdir()
    (desk.root / "directory" / "x").write_bytes(b"x")
    desk.sync()
    living.clock.run(POLL_IDLE)
    living.come_to_rest()
    assert contents(living.root) == contents(desk.root)
    assert {event.device_name for event in told(living)[2:]} == {desk.name}
