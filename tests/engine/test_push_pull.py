"""What one device pushes, another pulls: every kind of thing and of change, to the last bit that is synced."""

import os
import random
import shutil
import socket
from contextlib import suppress
from dataclasses import replace
from hashlib import md5
from pathlib import Path

import pytest

from e2esync.adapters.files import ChangedLocally
from e2esync.engine.ownhead import load
from e2esync.errors import IntegrityError, Rollback, SafetyStop
from e2esync.format.cbor import decode
from e2esync.model.store import Store
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import kind_of
from e2esync.tree.lists import ListRoot
from e2esync.tree.values import FileContent
from tests.engine.world import Dev, tree

MIB = 1 << 20


def random_bytes(size: int, seed: int = 0) -> bytes:
    return random.Random(f"{size} {seed}").randbytes(size)


def write(path: Path, content: bytes = b"content") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def sync(a: Dev, b: Dev) -> None:
    """Push at one, pull at the other, with nothing left out and equal folders at the end."""
    pushed = a.push()
    assert (pushed.failed, pushed.skipped) == ([], [])
    pulled = b.pull()
    assert (pulled.failed, pulled.skipped) == ([], [])
    assert b.differs(a.tree()) == {}
    assert_quiet(a)
    assert_quiet(b)


def without_times(folder: dict[bytes, tuple]) -> dict[bytes, tuple]:
    """A tree without mtimes: an equal content that was saved later is no new content."""
    return {path: thing if thing[0] == "directory" else thing[:-1] for path, thing in folder.items()}


def assert_quiet(dev: Dev) -> None:
    """Push and pull again do nothing: two requests at most, and no PUT."""
    before = dev.tree()
    for command in (dev.push, dev.pull):
        requests = dev.count(command).requests
        assert sum(requests.values()) <= 2
        assert requests["PUT"] == 0
    assert dev.tree() == before


def uploaded(dev: Dev) -> int:
    """Bytes that a push sends."""
    return dev.count(dev.push).uploaded_bytes


# --- what can stand in a folder ---


def plain(root):
    write(root / "hello.txt", b"hello")
    write(root / "docs" / "deep" / "notes.md", b"# notes\n" * 100)


def empty_files(root):
    write(root / "empty", b"")
    write(root / "docs" / "empty too", b"")


def empty_directories(root):
    (root / "empty").mkdir()
    (root / "a" / "b" / "c").mkdir(parents=True)


def symlinks(root):
    write(root / "here", b"here")
    (root / "to here").symlink_to("here")
    (root / "dangling").symlink_to("nowhere/at all")
    (root / "loop").symlink_to("loop")
    (root / "outside").symlink_to("/etc/passwd")
    (root / "up").symlink_to("../../..")
    (root / "directory").mkdir()
    (root / "to directory").symlink_to("directory")
    os.symlink(b"\xff" * 4095, os.fsencode(root) + b"/longest target")
    os.utime(root / "dangling", ns=(0, 1_234_567_890_123_456_789), follow_symlinks=False)


def modes(root):
    for mode in (0o400, 0o444, 0o600, 0o640, 0o644, 0o755, 0o777, 0o000):
        write(root / f"file {mode:o}", b"%o" % mode)
        (root / f"file {mode:o}").chmod(mode)
    for mode in (0o700, 0o755, 0o750, 0o555, 0o777):
        (root / f"directory {mode:o}").mkdir()
        write(root / f"directory {mode:o}" / "inside")
        (root / f"directory {mode:o}").chmod(mode)


def mtimes(root):
    for time in (
        -1,
        0,
        1,
        -(10**18),
        -1_234_567_890_123_456_789,
        1_700_000_000_123_456_789,
        4_102_444_800_999_999_999,
    ):
        write(root / f"at {time}", b"%d" % time)
        os.utime(root / f"at {time}", ns=(0, time))


def names_that_are_no_text(root):
    here = os.fsencode(root)
    for name in (
        b"\xff\xfe",
        b"latin-1 caf\xe9",
        b"new\nline",
        b"tab\t",
        b"\x01\x7f\x1b[31m",
        b"%41%2f",
        b" ",
        b"-rf",
        b"\\",
    ):
        with open(here + b"/" + name, "wb") as file:
            file.write(name)
        os.mkdir(here + b"/in " + name)
        with open(here + b"/in " + name + b"/" + name, "wb") as file:
            file.write(name)


def names_in_many_scripts(root):
    for name in (
        "\N{FAMILY}\N{ZERO WIDTH JOINER}\N{GIRL}",
        "é",
        "é",
        "שלום",
        "\u202egnp.exe",
        "CON",
        "a:b?*",
        "dot. ",
    ):
        write(root / name, name.encode())


def the_longest_names(root):
    write(root / ("x" * 255), b"long")
    (root / ("d" * 255)).mkdir()
    write(root / ("d" * 255) / ("é" * 127 + "x"), b"long below long")


def names_like_our_own(root):
    write(root / "docs" / ".e2esync", b"not ours: not in the root")
    write(root / ".e2esync-not", b"not ours")
    write(root / ".e2esync-moving-0123", b"not ours")
    write(root / "tmp" / "0123456789abcdef", b"looks like a temporary file")


def sizes_at_the_bounds(root):
    bounds = (1, 63, 64, 65, 131_071, 131_072, 131_073, 262_144, 2 * MIB - 1, 2 * MIB, 2 * MIB + 1, 4 * MIB)
    for size in bounds:
        write(root / f"zeros {size}", bytes(size))
    for size in bounds[:9]:
        write(root / f"noise {size}", random_bytes(size))


def hard_links(root):
    write(root / "one", b"linked")
    os.link(root / "one", root / "two")
    (root / "sub").mkdir()
    os.link(root / "one", root / "sub" / "three")


def sparse(root):
    with (root / "sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(30 * MIB)
        file.write(b"middle")
        file.truncate(48 * MIB)


def more_than_64_chunks(root):
    write(root / "many chunks", random_bytes(8 * MIB) * 8)  # about 128 chunks, 16 of which are sent


def many_files(root):
    for n in range(600):
        write(root / f"d{n % 7}" / f"file {n}", b"%d" % n)


def a_deep_path(root):
    directory = os.open(root, os.O_RDONLY)
    for _ in range(500):
        os.mkdir(b"d", dir_fd=directory)
        below = os.open(b"d", os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = below
    with open(os.open("bottom", os.O_WRONLY | os.O_CREAT, dir_fd=directory), "wb") as file:
        file.write(b"deep")
    os.close(directory)


THINGS = [
    plain, empty_files, empty_directories, symlinks, modes, mtimes, names_that_are_no_text, names_in_many_scripts,
    the_longest_names, names_like_our_own, sizes_at_the_bounds, hard_links, sparse, more_than_64_chunks,
    many_files, a_deep_path,
]  # fmt: skip


@pytest.mark.parametrize("make", THINGS, ids=lambda make: make.__name__)
@pytest.mark.case(7, 8, 9, 11, 21, 64, 65, 70)
def test_what_stands_in_a_folder_comes_out_the_same(pair, make):
    a, b = pair
    make(a.root)
    expected = a.tree()
    assert expected
    sync(a, b)
    assert b.tree() == expected


def test_a_file_of_more_than_64_chunks_has_a_list_of_its_own(pair):
    a, b = pair
    more_than_64_chunks(a.root)
    sync(a, b)
    for dev in pair:
        ((key, value),) = dev.vault.state.items(0)
        content = decode_entries(decode(value), kind_of(key))[0].contents[0]
        assert isinstance(content, FileContent)
        assert isinstance(content.chunks, ListRoot)
        assert content.chunks.references > 64


def test_an_empty_folder_syncs_to_an_empty_folder(pair):
    sync(*pair)
    assert pair[1].tree() == {}


@pytest.mark.case(69)
def test_the_setuid_bit_is_not_carried(pair):
    a, b = pair
    write(a.root / "tool")
    (a.root / "tool").chmod(0o4755)
    a.push()
    b.pull()
    assert b.tree()[b"tool"][2] == 0o755


@pytest.mark.case(21)
def test_a_sparse_file_stays_sparse_on_the_other_side(pair):
    a, b = pair
    sparse(a.root)
    sync(a, b)
    status = (b.root / "sparse").stat()
    assert status.st_size == 48 * MIB
    assert status.st_blocks * 512 < 8 * MIB


# --- what can be done to it: each change, after the base was synced ---


def base(root: Path) -> None:
    plain(root)
    write(root / "a", b"content of a")
    write(root / "b", b"content of b, longer")
    write(root / "c", random_bytes(300_000))
    write(root / "box" / "one", b"one")
    write(root / "box" / "two", random_bytes(200_000))
    write(root / "box" / "inner" / "three", b"three")
    (root / "other").mkdir()
    write(root / "other" / "four", b"four")
    (root / "link").symlink_to("a")


def swap(root, one, two):
    (root / one).rename(root / "aside")
    (root / two).rename(root / one)
    (root / "aside").rename(root / two)


def edit(root):
    write(root / "a", b"edited")


def edit_to_the_same_size(root):
    write(root / "a", b"CONTENT OF A")


def edit_and_keep_the_time(root):
    times = (root / "a").stat()
    write(root / "a", b"Content of a")
    os.utime(root / "a", ns=(times.st_atime_ns, times.st_mtime_ns))


def append(root):
    with (root / "c").open("ab") as file:
        file.write(b"more")


def truncate(root):
    os.truncate(root / "c", 10)


def truncate_to_nothing(root):
    os.truncate(root / "c", 0)


def grow_from_nothing(root):
    write(root / "a", b"")
    write(root / "a", random_bytes(400_000, 3))


def rename_file(root):
    (root / "a").rename(root / "renamed")


def move_file(root):
    (root / "a").rename(root / "box" / "inner" / "a")


def rename_and_edit(root):
    (root / "a").rename(root / "renamed")
    write(root / "renamed", b"edited after the rename")


def rename_in_case_only(root):
    (root / "a").rename(root / "A")
    (root / "box").rename(root / "Box")
    (root / "link").rename(root / "LINK")


def rename_directory(root):
    (root / "box").rename(root / "case")


def move_directory(root):
    (root / "box").rename(root / "other" / "box")


def rename_directory_and_edit_inside(root):
    (root / "box").rename(root / "case")
    write(root / "case" / "one", b"edited in the moved directory")
    write(root / "case" / "new", b"new in the moved directory")
    (root / "case" / "two").unlink()


def rename_directory_and_put_a_new_one_there(root):
    (root / "box").rename(root / "case")
    write(root / "box" / "one", b"another one")


def rename_file_and_put_a_new_one_there(root):
    (root / "a").rename(root / "renamed")
    write(root / "a", b"a new file of the old name")


def copy_directory(root):
    shutil.copytree(root / "box", root / "copy")


def swap_files(root):
    swap(root, "a", "b")


def swap_directories(root):
    swap(root, "box", "other")


def swap_file_and_directory(root):
    swap(root, "a", "box")


def swap_across_directories(root):
    swap(root, "box/one", "other/four")


def swap_names_below_a_moved_directory(root):
    swap(root, "box/one", "box/two")
    (root / "box").rename(root / "case")


def swap_and_edit(root):
    swap(root, "a", "b")
    write(root / "a", b"edited after the swap")


def cycle_of_three(root):
    for old, new in (("a", "aside"), ("b", "a"), ("c", "b"), ("aside", "c")):
        (root / old).rename(root / new)


def cycle_of_directories(root):
    (root / "third").mkdir()
    for old, new in (("box", "aside"), ("other", "box"), ("docs", "other"), ("aside", "docs")):
        (root / old).rename(root / new)


def chain_of_renames(root):
    (root / "c").unlink()
    (root / "b").rename(root / "c")
    (root / "a").rename(root / "b")


def turn_a_hierarchy_upside_down(root):
    (root / "box" / "inner").rename(root / "inner")
    (root / "box").rename(root / "inner" / "box")


def parent_into_its_child(root):
    (root / "box" / "inner").rename(root / "aside")
    (root / "box").rename(root / "aside" / "inner")
    (root / "aside").rename(root / "box")


def file_becomes_directory(root):
    (root / "a").unlink()
    write(root / "a" / "inside", b"inside")


def directory_becomes_file(root):
    shutil.rmtree(root / "box")
    write(root / "box", b"was a directory")


def directory_becomes_file_and_back_elsewhere(root):
    (root / "box").rename(root / "a directory")
    (root / "a").rename(root / "box")
    (root / "a directory").rename(root / "a")


def file_becomes_symlink(root):
    (root / "a").unlink()
    (root / "a").symlink_to("b")


def symlink_becomes_file(root):
    (root / "link").unlink()
    write(root / "link", b"no link")


def directory_becomes_symlink(root):
    (root / "box").rename(root / "moved box")
    (root / "box").symlink_to("moved box")


def symlink_points_elsewhere(root):
    (root / "link").unlink()
    (root / "link").symlink_to("b")


def delete_file(root):
    (root / "a").unlink()


def delete_symlink(root):
    (root / "link").unlink()


def delete_directory(root):
    shutil.rmtree(root / "box")


def delete_all(root):
    for thing in root.iterdir():
        if thing.name != ".e2esync":
            shutil.rmtree(thing) if thing.is_dir() and not thing.is_symlink() else thing.unlink()


def delete_and_make_again(root):
    (root / "a").unlink()
    write(root / "a", b"made again")


def delete_directory_and_make_it_again(root):
    shutil.rmtree(root / "box")
    write(root / "box" / "new", b"new")


def replace_directory_by_another(root):
    write(root / "box too" / "new", b"new")  # it is made first, so that it has another inode
    shutil.rmtree(root / "box")
    (root / "box too").rename(root / "box")


def move_new_over_old(root):
    write(root / "new", b"the new content")
    (root / "new").replace(root / "a")


def move_tracked_over_tracked(root):
    (root / "b").replace(root / "a")


def move_out_and_delete_the_directory(root):
    (root / "box" / "two").rename(root / "two")
    shutil.rmtree(root / "box")


def move_a_directory_out_and_delete_its_parent(root):
    (root / "box" / "inner").rename(root / "inner")
    shutil.rmtree(root / "box")


def hard_link(root):
    os.link(root / "a", root / "hard")


def edit_through_a_hard_link(root):
    os.link(root / "a", root / "hard")
    write(root / "hard", b"edited through the other name")


def chmod_file(root):
    (root / "a").chmod(0o600)


def chmod_directory(root):
    (root / "box").chmod(0o700)


def chmod_and_edit(root):
    (root / "a").chmod(0o755)
    write(root / "a", b"edited")


def chmod_and_rename(root):
    (root / "a").chmod(0o755)
    (root / "a").rename(root / "renamed")
    (root / "box").chmod(0o711)
    (root / "box").rename(root / "case")


def save_like_gedit(root):
    write(root / ".goutputstream-ABC", b"saved by gedit")
    (root / "a").rename(root / "a~")
    (root / ".goutputstream-ABC").rename(root / "a")


def save_like_vim(root):
    write(root / "4913", b"")
    (root / "4913").unlink()
    (root / "a").rename(root / "a~")
    write(root / "a", b"saved by vim")
    (root / "a~").unlink()


def save_like_office(root):
    write(root / "~$a", b"owner")
    (root / "a").unlink()
    write(root / "a", b"saved by office")
    (root / "~$a").unlink()


def save_like_a_mac(root):
    write(root / "a.sb-1234" / "a", b"saved on a mac")
    (root / "a.sb-1234" / "a").replace(root / "a")
    (root / "a.sb-1234").rmdir()


CHANGES = [
    edit, edit_to_the_same_size, edit_and_keep_the_time, append, truncate, truncate_to_nothing, grow_from_nothing,
    rename_file, move_file, rename_and_edit, rename_in_case_only, rename_directory, move_directory,
    rename_directory_and_edit_inside, rename_directory_and_put_a_new_one_there,
    rename_file_and_put_a_new_one_there, copy_directory, swap_files, swap_directories, swap_file_and_directory,
    swap_across_directories, swap_names_below_a_moved_directory, swap_and_edit, cycle_of_three,
    cycle_of_directories, chain_of_renames, turn_a_hierarchy_upside_down, parent_into_its_child,
    file_becomes_directory, directory_becomes_file, directory_becomes_file_and_back_elsewhere,
    file_becomes_symlink, symlink_becomes_file, directory_becomes_symlink, symlink_points_elsewhere,
    delete_file, delete_symlink, delete_directory, delete_all, delete_and_make_again,
    delete_directory_and_make_it_again, replace_directory_by_another, move_new_over_old, move_tracked_over_tracked,
    move_out_and_delete_the_directory, move_a_directory_out_and_delete_its_parent, hard_link, edit_through_a_hard_link, chmod_file, chmod_directory,
    chmod_and_edit, chmod_and_rename, save_like_gedit, save_like_vim, save_like_office, save_like_a_mac,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.case(5, 17, 22, 24, 25, 26, 27, 28, 34, 36, 37, 43, 50, 61)
def test_a_change_comes_out_the_same(pair, change):
    a, b = pair
    base(a.root)
    sync(a, b)
    before = a.tree()
    change(a.root)
    assert a.tree() != before
    sync(a, b)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_by_the_device_that_pulled_comes_back(pair, change):
    a, b = pair
    base(a.root)
    sync(a, b)
    before = b.tree()
    change(b.root)
    assert b.tree() != before
    sync(b, a)


# Pairs in which one thing comes where another of ours still stands and has to go.
PAIRS = [
    (save_like_gedit, file_becomes_directory),
    (swap_and_edit, file_becomes_directory),
    (hard_link, file_becomes_directory),
    (swap_directories, rename_directory_and_put_a_new_one_there),
    (cycle_of_directories, rename_directory_and_put_a_new_one_there),
    (swap_file_and_directory, rename_directory_and_put_a_new_one_there),
    (directory_becomes_file, rename_directory_and_put_a_new_one_there),
    (directory_becomes_file_and_back_elsewhere, rename_directory_and_put_a_new_one_there),
    (delete_directory_and_make_it_again, swap_directories),
    (delete_directory_and_make_it_again, cycle_of_directories),
    (cycle_of_directories, delete_directory_and_make_it_again),
]


@pytest.mark.parametrize("synced_between", [False, True], ids=["at once", "one after the other"])
@pytest.mark.parametrize(
    "changes", PAIRS, ids=lambda changes: " and ".join(change.__name__ for change in changes)
)
def test_two_changes_come_out_the_same(world, pair, changes, synced_between):
    a, b = pair
    base(a.root)
    sync(a, b)
    for change in changes:
        change(a.root)
        if synced_between:
            a.push()
            assert b.pull().skipped == []
    sync(a, b)
    late = world.fresh("late")
    late.pull()
    assert late.differs(a.tree()) == {}


@pytest.mark.parametrize("seed", range(12))
def test_many_changes_after_one_another_come_out_the_same(pair, seed):
    a, b = pair
    r = random.Random(seed)
    base(a.root)
    sync(a, b)
    for _ in range(8):
        for change in r.sample(CHANGES, r.choice([1, 2, 4])):
            with suppress(OSError):  # what it wants to change is not there any more
                change(a.root)
        assert a.push().failed == []
        assert b.pull().skipped == []
        assert without_times(b.tree()) == without_times(a.tree())
        a, b = (b, a) if r.random() < 0.5 else (a, b)


def test_a_device_that_joins_late_gets_the_same(world, pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    rename_directory_and_edit_inside(b.root)
    swap_files(b.root)
    sync(b, a)
    late = world.fresh("late")
    late.pull()
    assert late.tree() == a.tree()
    assert_quiet(late)


def test_what_was_deleted_and_pushed_can_be_made_again(pair):
    a, b = pair
    base(a.root)
    (a.root / "box").chmod(0o755)
    sync(a, b)
    (a.root / "a").unlink()
    shutil.rmtree(a.root / "box")
    sync(a, b)
    write(a.root / "a", b"made again")
    write(a.root / "box" / "one", b"made again, too")
    sync(a, b)


def test_a_directory_that_is_made_again_has_its_new_mode_everywhere(pair):
    a, b = pair
    (a.root / "box").mkdir(mode=0o755)
    sync(a, b)
    (a.root / "box").rmdir()
    sync(a, b)
    (a.root / "box").mkdir(mode=0o700)
    sync(a, b)


@pytest.mark.case(36)
def test_a_rename_there_and_back_leaves_no_trace(pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    (a.root / "box").rename(a.root / "case")
    sync(a, b)
    (a.root / "case").rename(a.root / "box")
    sync(a, b)
    write(b.root / "case" / "one", b"a new directory of the name that was left")
    sync(b, a)


# --- what it may cost ---


@pytest.mark.case(19)
def test_a_touched_file_makes_no_write(pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    os.utime(a.root / "c", ns=(0, 10**18))
    assert a.count(a.push).requests["PUT"] == 0
    assert (a.root / "c").stat().st_mtime_ns == 10**18


def test_a_small_change_costs_three_puts(pair):
    a, b = pair
    many_files(a.root)
    sync(a, b)
    write(a.root / "d1" / "file 1", b"changed")
    counts = a.count(a.push)
    assert counts.requests["PUT"] == 3
    assert sum(counts.requests.values()) == 4
    assert counts.uploaded_bytes <= 64 << 10


def test_what_five_devices_prove_of_each_other_is_stored_once_and_small(world):
    """Each push stores the snapshots of others that it has joined, against those who sign two histories."""
    devices = [world.device(f"{n}") for n in range(5)]
    for n in range(3):
        for dev in devices:
            write(dev.root / f"of {dev.name}", b"%d" % n)
            dev.sync()
    one, *others = devices
    one.pull()
    costs = []
    for n in range(2):
        write(one.root / "small", b"%d" % n)
        costs.append(one.count(one.push))
    for cost in costs:
        assert cost.requests["PUT"] == 3
        assert sum(cost.requests.values()) == 4
        assert cost.uploaded_bytes <= 64 << 10
    assert costs[1].uploaded_bytes < costs[0].uploaded_bytes
    for other in others:
        hash_ = load(other.vault.state).hash
        assert len(list(one.vault.catalogue.find(one.vault.cipher.proof_id(hash_)))) == 1


@pytest.mark.parametrize(
    "change",
    [
        rename_file,
        rename_directory,
        move_directory,
        swap_files,
        swap_directories,
        cycle_of_three,
        copy_directory,
    ],
    ids=lambda change: change.__name__,
)
@pytest.mark.case(34)
def test_what_is_renamed_or_copied_sends_no_chunk(pair, change):
    a, b = pair
    base(a.root)
    for name in ("a", "b", "c", "box/one"):
        write(a.root / name, random_bytes(300_000, hash(name)))
    sync(a, b)
    change(a.root)
    assert uploaded(a) <= 32 << 10
    sync(a, b)


def test_what_another_device_wrote_is_not_sent_again_when_it_is_copied(pair):
    a, b = pair
    write(a.root / "box" / "big", random_bytes(2 * MIB))
    sync(a, b)
    shutil.copytree(b.root / "box", b.root / "copy")
    assert uploaded(b) <= 32 << 10
    sync(b, a)


def test_a_small_change_in_a_big_file_sends_little(pair):
    a, b = pair
    content = bytearray(random_bytes(64 * MIB))
    write(a.root / "big", bytes(content))
    sync(a, b)
    content[30 * MIB : 30 * MIB + 100] = random_bytes(100)
    write(a.root / "big", bytes(content))
    assert uploaded(a) <= 8 * MIB
    sync(a, b)


def test_equal_files_are_sent_once(pair):
    a, b = pair
    for n in range(10):
        write(a.root / f"copy {n}", random_bytes(MIB))
    assert uploaded(a) <= 2 * MIB
    sync(a, b)


def test_a_file_of_equal_chunks_is_sent_as_one(pair):
    a, b = pair
    write(a.root / "zeros", bytes(100 * MIB))
    assert uploaded(a) <= 256 << 10
    sync(a, b)


# --- hands off (invariants 1, 7, 10) ---


def test_a_local_edit_is_never_overwritten(pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    edit(a.root)
    rename_directory(a.root)
    a.push()
    write(b.root / "a", b"mine")
    pulled = b.pull()
    assert [item["path"] for item in pulled.skipped] == ["a"]
    assert (b.root / "a").read_bytes() == b"mine"
    assert (b.root / "case" / "one").read_bytes() == b"one"


@pytest.mark.parametrize(
    "there", [edit, rename_file, delete_file, chmod_file, move_tracked_over_tracked, swap_files]
)
def test_what_was_changed_on_both_sides_stays_as_it_is_here(pair, there):
    a, b = pair
    base(a.root)
    sync(a, b)
    there(a.root)
    a.push()
    write(b.root / "a", b"mine")
    pulled = b.pull()
    assert [item["path"] for item in pulled.skipped if item["path"] == "a"]
    assert (b.root / "a").read_bytes() == b"mine"
    again = b.pull()
    assert [item["path"] for item in again.skipped if item["path"] == "a"]
    assert (b.root / "a").read_bytes() == b"mine"


def test_a_local_file_where_a_new_one_comes_is_kept(pair):
    a, b = pair
    write(a.root / "name", b"theirs")
    a.push()
    write(b.root / "name", b"mine")
    assert [item["path"] for item in b.pull().skipped] == ["name"]
    assert (b.root / "name").read_bytes() == b"mine"


def test_a_local_file_in_a_directory_that_goes_is_kept(pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    shutil.rmtree(a.root / "box")
    a.push()
    write(b.root / "box" / "mine", b"mine")
    b.pull()
    assert (b.root / "box" / "mine").read_bytes() == b"mine"
    assert not (b.root / "box" / "one").exists()


@pytest.mark.parametrize("mine", ["file", "directory"])
def test_a_directory_whose_new_name_is_taken_here_stays_where_it_is(pair, mine):
    a, b = pair
    base(a.root)
    sync(a, b)
    rename_directory(a.root)
    a.push()
    write(b.root / "case" / "mine" if mine == "directory" else b.root / "case", b"mine")
    before = b.tree()
    assert "box" in [item["path"] for item in b.pull().skipped]
    assert b.differs(before) == {}


def test_a_directory_that_went_there_stays_here_with_what_is_mine_in_it(pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    delete_directory(a.root)
    rename_file(a.root)
    a.push()
    write(b.root / "box" / "mine", b"mine")
    write(b.root / "renamed", b"mine, too")
    b.pull()
    assert (b.root / "box" / "mine").read_bytes() == b"mine"
    assert (b.root / "renamed").read_bytes() == b"mine, too"
    assert (b.root / "a").read_bytes() == b"content of a"


def test_equal_content_on_both_sides_is_adopted_in_silence(pair):
    a, b = pair
    base(a.root)
    for path in sorted(a.root.rglob("*"), reverse=True):
        if not path.is_symlink():
            os.utime(path, ns=(0, 10**18))
    shutil.copytree(
        a.root, b.root, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".e2esync")
    )
    a.push()
    counts = b.count(b.pull)
    assert counts.downloaded_bytes < 100_000
    assert b.pull().skipped == []
    assert_quiet(b)


def test_equal_content_with_another_mode_gets_the_mode_of_the_tree(pair):
    a, b = pair
    for dev, mode in ((a, 0o755), (b, 0o600)):
        write(dev.root / "tool", b"#!/bin/sh\n")
        (dev.root / "tool").chmod(mode)
        os.utime(dev.root / "tool", ns=(0, 10**18))
    a.push()
    assert b.pull().skipped == []
    assert b.differs(a.tree()) == {}


def test_what_two_wrote_without_seeing_each_other_is_joined(world, pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    write(a.root / "at a", b"a")
    (a.root / "docs").rename(a.root / "papers")
    write(b.root / "at b", b"b")
    write(b.root / "docs" / "b.txt", b"newer")
    write(b.root / "docs" / "new here", b"new")
    a.push()
    b.push()
    a.pull()
    b.pull()
    assert b.differs(a.tree()) == {}
    assert (a.root / "papers" / "b.txt").read_bytes() == b"newer"
    assert (a.root / "papers" / "new here").read_bytes() == b"new"
    assert {(a.root / name).read_bytes() for name in ("at a", "at b")} == {b"a", b"b"}
    for dev in pair:
        assert_quiet(dev)
    late = world.fresh("late")
    late.pull()
    assert late.differs(a.tree()) == {}


def test_a_joined_tree_is_stored_with_the_next_snapshot(world, pair):
    a, b = pair
    write_many(a.root, 400)
    sync(a, b)
    for number in range(0, 400, 20):
        write(a.root / f"file-{number:03}", b"from a")
        write(b.root / f"file-{number + 10:03}", b"from b")
    a.push()
    b.push()
    a.pull()
    write(a.root / "last", b"of a")
    a.push()
    b.pull()
    assert b.differs(a.tree()) == {}
    late = world.fresh("late")
    late.pull()
    assert late.differs(a.tree()) == {}
    assert len(late.tree()) == 401


def test_two_contents_at_one_place_stand_beside_each_other_on_both(pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    write(a.root / "docs" / "b.txt", b"of a")
    write(b.root / "docs" / "b.txt", b"of b")
    a.push()
    b.push()
    for dev in pair:
        dev.pull()
    assert b.differs(a.tree()) == {}
    contents = {thing[1] for path, thing in a.tree().items() if path.startswith(b"docs/b")}
    assert contents == {b"of a", b"of b"}


def write_many(root, count):
    for number in range(count):
        write(root / f"file-{number:03}", b"%d" % number)


@pytest.mark.parametrize("command", ["push", "pull"])
@pytest.mark.case(81, 82)
def test_without_its_marker_a_folder_is_not_judged(pair, command):
    a, b = pair
    base(a.root)
    sync(a, b)
    (b.root / ".e2esync" / "folder-id").unlink()
    delete_all(b.root)
    objects_before = sorted(info.key for info in b.store.list(""))
    with pytest.raises(SafetyStop):
        getattr(b, command)()
    assert sorted(info.key for info in b.store.list("")) == objects_before
    assert b.tree() == {}


@pytest.mark.parametrize("command", ["push", "pull"])
@pytest.mark.case(82)
def test_the_marker_of_another_vault_stops(pair, command):
    a, b = pair
    base(a.root)
    sync(a, b)
    b.vault.folder.write_marker(bytes(32))
    with pytest.raises(SafetyStop):
        getattr(b, command)()


@pytest.mark.case(81, 88)
def test_a_root_that_was_moved_away_stops(pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    b.root.rename(b.home / "elsewhere")
    b.root.mkdir()
    for command in (b.push, b.pull):
        with pytest.raises(SafetyStop):
            command()
    assert tree(b.root) == {}


@pytest.mark.case(116)
def test_a_new_empty_device_deletes_nothing(world, pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    late = world.fresh("late")
    assert late.push().deleted_remote == 0
    b.pull()
    assert b.differs(a.tree()) == {}


# --- what cannot be read (invariant 14) ---


@pytest.mark.case(66)
def test_a_fifo_and_a_socket_are_listed_while_the_others_go_on(pair):
    a, b = pair
    write(a.root / "file", b"file")
    os.mkfifo(a.root / "fifo")
    listening = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    try:
        os.chdir(a.root)  # the path of a socket is short
        listening.bind("socket")
    finally:
        os.chdir(here)
        listening.close()
    pushed = a.push()
    assert sorted(item["path"] for item in pushed.failed) == ["fifo", "socket"]
    assert all(item["reason"] for item in pushed.failed)
    b.pull()
    assert b.tree().keys() == {b"file"}
    assert sorted(item["path"] for item in a.push().failed) == ["fifo", "socket"]


@pytest.mark.case(66)
def test_a_file_that_becomes_a_fifo_is_unknown_and_not_deleted(pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    (a.root / "a").unlink()
    os.mkfifo(a.root / "a")
    pushed = a.push()
    assert [item["path"] for item in pushed.failed] == ["a"]
    assert pushed.deleted_remote == 0
    b.pull()
    assert (b.root / "a").read_bytes() == b"content of a"


class Meddling:
    """A folder in which something happens to one file just as it is opened or has been read."""

    def __init__(self, folder, name: bytes, happens, *, when: str) -> None:
        self._folder, self._name, self._happens, self._when = folder, name, happens, when
        self.times = 0

    def __getattr__(self, name):
        return getattr(self._folder, name)

    def _happen(self, path: bytes, when: str) -> None:
        if path == self._name and when == self._when:
            self.times += 1
            self._happens()

    def open_read(self, path):
        self._happen(path, "before")
        file = self._folder.open_read(path)
        self._happen(path, "while")
        return file

    def read_small(self, path, limit):
        self._happen(path, "before")
        if self._when == "while" and path == self._name:
            with self._folder.open_read(path) as file:
                content = file.read(limit)
                self._happen(path, "while")
                if not file.unchanged():
                    raise ChangedLocally(path)
                return file.fingerprint, content
        return self._folder.read_small(path, limit)


@pytest.mark.parametrize("size", [10, 500_000])
@pytest.mark.case(14, 15)
def test_a_file_that_changes_whenever_it_is_read_is_listed_and_left_for_the_next_time(pair, size):
    a, b = pair
    write(a.root / "busy", bytes(size))
    write(a.root / "calm", b"calm")
    changes = iter(range(1000))

    def change():
        with (a.root / "busy").open("ab") as file:
            file.write(b"%d" % next(changes))

    folder = Meddling(a.vault.folder, b"busy", change, when="while")
    with a.using(folder=folder):
        pushed = a.push()
    assert folder.times > 1
    assert [item["path"] for item in pushed.failed] == ["busy"]
    b.pull()
    assert b.tree().keys() == {b"calm"}
    sync(a, b)
    assert b.tree().keys() == {b"busy", b"calm"}


@pytest.mark.parametrize("size", [10, 500_000])
@pytest.mark.case(14)
def test_a_file_that_changes_once_while_it_is_read_is_read_again(pair, size):
    a, b = pair
    write(a.root / "busy", bytes(size))
    changes = iter([b"changed"])

    def change():
        with (a.root / "busy").open("ab") as file:
            file.write(next(changes, b""))

    with a.using(folder=Meddling(a.vault.folder, b"busy", change, when="while")):
        assert a.push().failed == []
    sync(a, b)
    assert (b.root / "busy").read_bytes() == bytes(size) + b"changed"


@pytest.mark.parametrize("when", ["before", "while"])
@pytest.mark.parametrize("size", [10, 500_000])
@pytest.mark.case(16)
def test_a_file_that_vanishes_while_it_is_read_leaves_no_half_entry(pair, size, when):
    a, b = pair
    write(a.root / "gone", bytes(size))
    write(a.root / "calm", b"calm")
    folder = Meddling(a.vault.folder, b"gone", lambda: (a.root / "gone").unlink(missing_ok=True), when=when)
    with a.using(folder=folder):
        a.push()
    assert folder.times
    b.pull()
    assert b.tree().keys() == {b"calm"}
    sync(a, b)


@pytest.mark.case(83)
def test_a_file_that_vanishes_for_a_moment_is_not_deleted(pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    (a.root / "a").rename(a.home / "aside")
    sleeps = []

    class Clock:
        now_ns, now = a.clock.now_ns, a.vault.clock.now

        @staticmethod
        def sleep(seconds):
            sleeps.append(seconds)
            (a.home / "aside").rename(a.root / "a")

    with a.using(clock=Clock()):
        assert a.push().deleted_remote == 0
    assert sleeps == [1.0]
    sync(a, b)
    assert (b.root / "a").exists()


# --- the store ---


class ContentTags:
    """A store whose ETag is the hash of the content, as that of most S3 servers is."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def _tagged(self, info):
        return info and replace(info, etag=md5(self._store.get(info.key)).hexdigest())

    def put(self, key, body):
        self._store.put(key, body)
        return self.head(key).etag

    def head(self, key):
        return self._tagged(self._store.head(key))

    def list(self, prefix):
        return map(self._tagged, self._store.list(prefix))


def test_a_head_that_was_damaged_and_is_whole_again_is_accepted_again(world):
    store = ContentTags(world.store)
    a, b = world.device("laptop", store=store), world.device("desk", store=store)
    base(a.root)
    sync(a, b)
    (key,) = [info.key for info in store.list("") if info.key.endswith(f"heads/{a.device.id.hex()}")]
    whole = store.get(key)
    store.put(key, whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(IntegrityError):
        b.pull()
    store.put(key, whole)
    b.pull()
    edit(a.root)
    sync(a, b)


@pytest.mark.case(106)
def test_a_head_that_was_rolled_back_and_is_new_again_is_accepted_again(world):
    store = ContentTags(world.store)
    a, b = world.device("laptop", store=store), world.device("desk", store=store)
    base(a.root)
    sync(a, b)
    (key,) = [info.key for info in store.list("") if info.key.endswith(f"heads/{a.device.id.hex()}")]
    old = store.get(key)
    edit(a.root)
    sync(a, b)
    new = store.get(key)
    store.put(key, old)
    with pytest.raises(Rollback):
        b.pull()
    store.put(key, new)
    b.pull()
    assert b.differs(a.tree()) == {}


@pytest.mark.case(106)
def test_our_own_head_is_put_again_where_the_store_lost_it(pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    (key,) = [info.key for info in a.store.list("") if info.key.endswith(f"heads/{a.device.id.hex()}")]
    head = a.store.get(key)
    a.store.delete([key])
    a.push()
    assert a.store.get(key) == head
    assert_quiet(a)


def test_without_borrowing_a_copy_is_sent_again_and_an_edit_is_not(pair):
    a, b = pair
    a.vault = replace(a.vault, within_files=True)
    large = random_bytes(6 * MIB)
    write(a.root / "one", large)
    sync(a, b)
    write(a.root / "two", large)
    assert uploaded(a) > len(large)
    saved = (a.root / "two").stat().st_mtime_ns
    os.utime(a.root / "two", ns=(saved, saved))  # it is read again, and is the same
    assert uploaded(a) == 0
    write(a.root / "one", large[: 3 * MIB] + b"edited" + large[3 * MIB :])
    assert uploaded(a) < len(large)
    b.pull()
    assert b.differs(a.tree()) == {}
