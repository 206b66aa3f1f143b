"""N7-N9: what a hostile writer with good signatures can do to the disk around a synced folder: nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from unittest.mock import patch

import pytest

from e2esync.adapters.files import LocalFolder
from e2esync.errors import E2ESyncError
from e2esync.tree.keys import ROOT, Kind, node_key
from tests.attacks import forge_defences  # noqa: F401 - adds defences that can be switched off
from tests.attacks.arena import Arena, AttackSucceeded, ClientCrashed, row
from tests.attacks.forge_tree import Forger, item, raw
from tests.engine.world import Dev, tree

SECRET = b"what stands beside the folder is nobody's business"
OUTSIDE = b"outside"


def beside(arena: Arena) -> bytes:
    """A directory beside the synced folders, with a secret and with names that attackers know."""
    outside = arena.home / os.fsdecode(OUTSIDE)
    if not outside.exists():
        (outside / "inner").mkdir(parents=True)
        (outside / "secret").write_bytes(SECRET)
    return os.fsencode(outside)


def around(arena: Arena, dev: Dev) -> dict[bytes, tuple]:
    """Everything but the synced contents and our databases: what no writer may ever change."""
    found = tree(arena.home) | {b".e2esync/" + k: v for k, v in tree(dev.root / ".e2esync").items()}
    ours = b"%b/folder/" % dev.name.encode()
    return {
        path: thing
        for path, thing in found.items()
        if not (
            path.startswith((ours, b".e2esync/tmp", b".e2esync/trash"))
            or b".db" in path
            or b"/catalogue." in path
        )
    }


def gift(arena: Arena, dev: Dev, *forges: Callable[[Forger, bytes], list]) -> None:
    """Let a device pull trees one after the other, push, and let another pull; look at what is beside."""
    outside = beside(arena)
    forger = Forger(arena.world.keys, arena.store)
    before = around(arena, dev)
    for forge in forges:
        forger.publish(forge(forger, outside))
        for command in (dev.pull, dev.push):
            try:
                command()
            except E2ESyncError:
                continue
            except Exception as error:
                raise ClientCrashed(f"{command} crashed with {error!r}") from error
    after = around(arena, dev)
    if after != before:
        raise AttackSucceeded(
            f"changed: {sorted(p for p in after.keys() | before if after.get(p) != before.get(p))}"
        )
    _nothing_was_read(arena, dev)


def _nothing_was_read(arena: Arena, dev: Dev) -> None:
    """See that what stands outside is in no content that the device has published."""
    for key, value in dev.vault.state.items(0):
        if dev.vault.cipher.content_hash(SECRET) in value:
            raise AttackSucceeded(f"what stands outside was read, as {key!r}")


# --- N7: names -----------------------------------------------------------------------------------

NAMES = [
    b"../escaped", b"..", b".", b"", b"../../escaped", b"a/../../escaped", b"/escaped", b"docs/inside", b"./x",
    b"nul\x00", b"../outside/inner/escaped", b"x" * 256,
]  # fmt: skip


def named(name: bytes) -> list[Callable[[Forger, bytes], list]]:
    """A name as file, as link, as directory with something in it, and as the place of a move."""

    def below(f: Forger, _outside: bytes) -> list:
        directory, number = f.directory(name)
        return [directory, f.file(b"escaped", parent=number)]

    return [
        lambda f, _outside: [f.file(name)],
        lambda f, _outside: [f.symlink(name, b"target")],
        below,
        lambda f, _outside: [f.file(b"born well", place=(ROOT, name))],
    ]


@row("N7", shows=["G16"], weaknesses=[("names", "walker", "beneath")])
@pytest.mark.case(12)
def test_no_name_leads_out_of_the_folder(arena: Arena):
    laptop, _ = arena.pair()
    for name in NAMES:
        for forge in named(name):
            gift(arena, laptop, forge)
            arena.store.honest()


def into(reserved: bytes) -> list[Callable[[Forger, bytes], list]]:
    """Trees with a reserved name as file, as link, and as directory with things in it."""

    def below(f: Forger, _outside: bytes) -> list:
        directory, number = f.directory(reserved)
        inner, deeper = f.directory(b"new", parent=number)
        return [
            directory,
            inner,
            f.file(b"folder-id", b"another", parent=number),
            f.file(b"x", parent=deeper),
        ]

    return [lambda f, _: [f.file(reserved)], lambda f, _: [f.symlink(reserved, b"/tmp")], below]


@row("N7", shows=["G16"], weaknesses=[("walker", "beneath")])
def test_no_name_leads_into_the_folders_own_directory(arena: Arena):
    laptop, _ = arena.pair()
    gift(arena, laptop, *into(b".e2esync"))


@row("N7", shows=["G16"], weaknesses=[])
def test_nor_does_that_name_in_other_letters_on_a_disk_that_takes_them_for_one(arena: Arena):
    laptop, _ = arena.pair()
    (laptop.root / ".E2ESYNC").symlink_to(".e2esync")  # as such a disk has it
    gift(arena, laptop, *into(b".E2ESYNC"), *into(b".E2eSync"))


@row("N7", shows=["G16"], weaknesses=[])
def test_a_directory_with_the_reserved_name_is_left_alone_and_stops_nothing_else(arena: Arena):
    laptop, _ = arena.pair()
    marker = (laptop.root / ".e2esync" / "folder-id").read_bytes()
    forger = Forger(arena.world.keys, arena.store)
    directory, number = forger.directory(b".e2esync")
    forger.publish([directory, forger.file(b"folder-id", b"another", parent=number), forger.file(b"good")])
    laptop.pull()
    if b"good" not in laptop.tree() or (laptop.root / ".e2esync" / "folder-id").read_bytes() != marker:
        raise AttackSucceeded("a reserved name stops a pull, or was written")


# --- N7: symbolic links --------------------------------------------------------------------------


def link_then_child(f: Forger, outside: bytes) -> list:
    link = f.symlink(b"door", outside)
    return [link, f.file(b"escaped", parent=f.cipher.directory_number(link[0]))]


def link(f: Forger, outside: bytes) -> list:
    return [f.symlink(b"door", outside)]


def link_and_directory(f: Forger, outside: bytes) -> list:
    directory, number = f.directory(b"door")
    return [
        f.symlink(b"door", outside),
        directory,
        f.file(b"escaped", parent=number),
        f.file(b"secret", parent=number),
    ]


def directory_first(f: Forger, outside: bytes) -> list:
    directory, number = f.directory(b"door")
    return [directory, f.file(b"inside", parent=number)]


def link_in_its_place(f: Forger, outside: bytes) -> list:
    directory, number = f.directory(b"door", place=(ROOT, b"elsewhere"))
    return [directory, f.file(b"inside", b"new", parent=number), f.symlink(b"door", outside)]


def link_moved_over_it(f: Forger, outside: bytes) -> list:
    directory, number = f.directory(b"door")
    return [directory, f.file(b"escaped", parent=number), f.symlink(b"other", outside, place=(ROOT, b"door"))]


def dots_in_a_target(f: Forger, outside: bytes) -> list:
    directory, number = f.directory(b"d")
    return [
        directory,
        f.symlink(b"door", b"../../../" + OUTSIDE, parent=number),
        f.symlink(b"secret", b"door/secret"),
    ]


SEQUENCES = [
    [link_then_child],
    [link, link_and_directory],
    [link_and_directory],
    [directory_first, link_in_its_place, link_and_directory],
    [directory_first, link_moved_over_it],
    [dots_in_a_target],
]


@row(
    "N7", shows=["G16"], weaknesses=[]
)  # the plan looks, too; the test below shows what holds where that is too early
def test_no_sequence_of_links_and_children_writes_or_reads_behind_a_link(arena: Arena):
    for forges in SEQUENCES:
        laptop = arena.device("laptop")  # each finds an empty folder
        gift(arena, laptop, *forges)
        arena.store.honest()
        arena.drop(laptop)


@row("N7", shows=["G16"], weaknesses=["beneath"])
def test_a_directory_that_becomes_a_link_between_check_and_write_leads_nowhere(arena: Arena):
    """Whoever else may write into the folder exchanges it at the worst moment: all is fetched, nothing is put."""
    laptop = arena.device("laptop")
    barrier = LocalFolder.barrier

    def exchanging(self: LocalFolder) -> None:
        door = laptop.root / "door"
        if door.is_dir() and not door.is_symlink():
            door.rename(laptop.root / "taken away")
            door.symlink_to(os.fsdecode(beside(arena)))
        barrier(self)

    def more(f: Forger, _outside: bytes) -> list:
        directory, number = f.directory(b"door")
        return [directory, *(f.file(name, parent=number) for name in (b"inside", b"secret", b"escaped"))]

    gift(arena, laptop, directory_first)
    with patch.object(LocalFolder, "barrier", exchanging):
        gift(arena, laptop, more)


# --- N8 ------------------------------------------------------------------------------------------

TWINS = [
    (b"Name", b"name"), (b"NAME", b"Name"), ("caf\u00e9".encode(), "cafe\u0301".encode()), (b"CON", b"con"),
    (b"a", b"a."), (b"a", b"a "), (b"stra\xc3\x9fe", b"STRASSE"), (b"aux.txt", b"AUX.txt"), (b"\xff", b"\xfe"),
]  # fmt: skip


@row("N8", weaknesses=[])
@pytest.mark.parametrize(("one", "other"), TWINS)
@pytest.mark.case(2, 4)
def test_names_that_some_disk_takes_for_one_are_both_there(arena: Arena, one, other):
    laptop, _ = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish([forger.file(one, b"of one"), forger.file(other, b"of the other")])
    laptop.pull()
    found = {path: thing[1] for path, thing in laptop.tree().items() if thing[0] == "file"}
    if (found.get(one), found.get(other)) != (b"of one", b"of the other"):
        raise AttackSucceeded(f"there is {found}")


@row("N8", weaknesses=["never over"])
def test_of_things_with_one_name_none_is_written_over_another(arena: Arena):
    """Two moves to one name; a file, a directory and a link of one name; and what the user puts there meanwhile."""
    laptop = arena.device("laptop")
    forger = Forger(arena.world.keys, arena.store)
    directory, number = forger.directory(b"same")
    nodes = [
        forger.file(b"x", b"first", place=(ROOT, b"target")),
        forger.file(b"y", b"second", place=(ROOT, b"target")),
        forger.file(b"same", b"third"),
        directory,
        forger.file(b"inside", b"fourth", parent=number),
        forger.symlink(b"same", b"mine"),
        forger.file(b"mine", b"fifth"),
    ]
    forger.publish(nodes)
    barrier = LocalFolder.barrier

    def meanwhile(self):
        (laptop.root / "mine").write_bytes(b"not yet synced")
        barrier(self)

    with patch.object(LocalFolder, "barrier", meanwhile):
        pulled = laptop.pull()
    left = len(pulled.skipped) + len(pulled.failed)
    there = {path: thing for path, thing in laptop.tree().items() if path != b"mine"}
    if len(there) + left < len(nodes) or laptop.tree()[b"mine"][1] != b"not yet synced":
        raise AttackSucceeded(f"of {len(nodes)} things {len(there)} are there and {left} are listed")


# --- N9 ------------------------------------------------------------------------------------------


@row("N9", shows=["G16"], weaknesses=["modes"])
@pytest.mark.parametrize("mode", [0o6777, 0o4755, 0o2755, 0o1777])
def test_no_dangerous_mode_reaches_the_disk(arena: Arena, mode):
    laptop, _ = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    nodes = [raw(forger.file(b"tool"), lambda value: value[0][6][0].__setitem__(3, mode))]
    forger.publish(nodes)
    _only_harmless(laptop)


@row("N9", shows=["G16"], weaknesses=[])
@pytest.mark.parametrize("kind", [4, 6, 255])
def test_no_device_node_or_pipe_is_made(arena: Arena, kind):
    laptop, _ = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    key = node_key(ROOT, b"null", Kind.FILE)
    forged = item(key, [forger.entry(forger.text(b""), 0o666)]) if kind == 255 else forger.file(b"null")
    forger.publish([(key[:-5] + bytes([kind]) + key[-4:], forged[1])])
    _only_harmless(laptop)
    arena.refuses(laptop)


def _only_harmless(dev: Dev) -> None:
    """Pull; see that the folder has files, directories and links only, and no special bit on any."""
    try:
        dev.pull()
    except E2ESyncError:
        pass
    except (OverflowError, OSError) as error:
        raise ClientCrashed(f"the pull crashed with {error!r}") from error
    for path in dev.root.rglob("*"):
        mode = path.lstat().st_mode
        plain = stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
        if not plain or mode & 0o7000 or (stat.S_ISREG(mode) and path.lstat().st_nlink > 1):
            raise AttackSucceeded(f"{path.name} has mode {oct(mode)}")
