"""One file whose content cannot be had stops no other: its old version stays, it is told, and the next pull brings it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import contextmanager

import pytest

from e2esync.engine.blobs import BlobReader
from e2esync.errors import BadObject, IntegrityError, MissingObject
from e2esync.format import names
from e2esync.format.cbor import decode
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import birthplace, kind_of
from e2esync.tree.lists import ListRoot
from e2esync.tree.values import FileContent
from tests.attacks.forge_blobs import cut_evenly
from tests.engine.test_push_pull import base, random_bytes, sync, write
from tests.engine.world import Dev, World

ALONE = 300_000  # bytes: more than fit into one pack with the pages


def content_of(dev: Dev, name: str) -> FileContent:
    """The newest content that the tree of a device has of a file of this name."""
    found = [
        content
        for key, value in dev.vault.state.items(0)
        if birthplace(key).name == name.encode()
        for entry in decode_entries(decode(value), kind_of(key))
        for content in entry.contents
        if isinstance(content, FileContent)
    ]
    return max(found, key=lambda content: content.dot)


@contextmanager
def damaged(world: World, dev: Dev, blob: bytes, how: str):
    """A store that has one blob damaged, wherever it lies."""
    whole = {}
    for place in dev.vault.catalogue.find(blob):
        key = names.pack(world.keys.vault_id, place.pack)
        whole[key] = body = world.store.get(key)
        if how == "missing":
            world.store.delete([key])
        elif how == "flipped":
            at = place.start + place.length // 2
            world.store.put(key, body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :])
        else:
            world.store.put(key, body[: place.start])
    assert whole
    yield
    for key, body in whole.items():
        world.store.put(key, body)


def references(dev: Dev, name: str) -> list[bytes]:
    """The ids of the chunks of a file."""
    return [reference.id for reference in BlobReader(dev.vault).iterate(content_of(dev, name))]


def refused(command: Callable[[], object], *paths: str) -> IntegrityError:
    """A command that ends with exit code 6, and lists just these paths as failed."""
    with pytest.raises(IntegrityError) as error:
        command()
    assert error.value.exit_code == 6
    assert sorted(item["path"] for item in error.value.done.failed) == sorted(paths)
    assert all(item["reason"] for item in error.value.done.failed)
    assert error.value.done.skipped == []
    return error.value


def but(folder: dict[bytes, tuple], *paths: str) -> dict[bytes, tuple]:
    """A folder without some of its files."""
    return {path: thing for path, thing in folder.items() if path.decode("utf-8", "replace") not in paths}


def recovers(a: Dev, b: Dev) -> None:
    """From the whole store all arrives, without a new push."""
    b.restart()
    pulled = b.pull()
    assert (pulled.failed, pulled.skipped) == ([], [])
    assert b.differs(a.tree()) == {}
    assert b.pull().downloaded_files == 0


# A small push has its pages in the same pack: there only a flip hits nothing but the file.
WAYS = pytest.mark.parametrize(
    ("size", "how"), [(1000, "flipped"), (ALONE, "flipped"), (ALONE, "missing"), (ALONE, "cut")]
)


@WAYS
def test_a_new_file_that_cannot_be_had_is_told_and_all_others_arrive(world, pair, how, size):
    a, b = pair
    base(a.root)
    sync(a, b)
    write(a.root / "d" / "bad", random_bytes(size))
    a.push()
    for n in range(5):
        write(a.root / "d" / f"good {n}", b"%d" % n)
    write(a.root / "d" / "e" / "deep", random_bytes(ALONE, 3))
    (a.root / "d" / "link").symlink_to("bad")
    a.push()
    with damaged(world, a, references(a, "bad")[0], how):
        error = refused(b.pull, "d/bad")
        assert error.done.downloaded_files == 7
        assert b.differs(but(a.tree(), "d/bad")) == {}
        refused(b.pull, "d/bad")
        refused(b.sync, "d/bad")
    recovers(a, b)


@WAYS
def test_of_a_file_that_was_changed_the_old_version_stays(world, pair, how, size):
    a, b = pair
    base(a.root)
    write(a.root / "bad", b"old")
    os.chmod(a.root / "bad", 0o600)
    sync(a, b)
    old = b.tree()[b"bad"]
    write(a.root / "bad", random_bytes(size))
    os.chmod(a.root / "bad", 0o640)
    write(a.root / "good", b"good")
    (a.root / "hello.txt").unlink(missing_ok=True)
    a.push()
    with damaged(world, a, references(a, "bad")[0], how):
        refused(b.pull, "bad")
        assert b.differs({**a.tree(), b"bad": old}) == {}
        b.restart()
        refused(b.pull, "bad")
        assert b.count(b.push).requests["PUT"] == 0  # what is here still is no edit
    recovers(a, b)


def test_a_chunk_list_that_cannot_be_read_stops_no_other_file(world, pair):
    a, b = pair
    sync(a, b)
    with cut_evenly(4096):
        write(a.root / "d" / "listed", random_bytes(600_000))
        write(a.root / "d" / "beside", random_bytes(600_000, 2))
        write(a.root / "d" / "small", b"small")
        a.push()
    chunks = content_of(a, "listed").chunks
    assert isinstance(chunks, ListRoot)
    with damaged(world, a, chunks.id, "flipped"):
        refused(b.pull, "d/listed")
        assert b.differs(but(a.tree(), "d/listed")) == {}
    recovers(a, b)


@pytest.mark.parametrize("at", [0, 70, -1])
def test_a_chunk_anywhere_in_a_large_file_leaves_nothing_partial(world, pair, at):
    a, b = pair
    write(a.root / "large", b"old")
    sync(a, b)
    with cut_evenly(4096):
        write(a.root / "large", random_bytes(600_000))
        a.push()
    with damaged(world, a, references(a, "large")[at], "flipped"):
        refused(b.pull, "large")
        assert (b.root / "large").read_bytes() == b"old"
        assert list((b.root / ".e2esync" / "tmp").iterdir()) == []
    recovers(a, b)


def test_many_bad_files_ask_the_store_for_its_newest_state_once(world, pair):
    a, b = pair
    sync(a, b)
    for n in range(40):
        write(a.root / f"bad {n:02}", random_bytes(20_000, n))
    a.push()
    write(a.root / "good", b"good")
    a.push()
    with damaged(world, a, references(a, "bad 00")[0], "missing"):
        counts = b.count(lambda: refused(b.pull, *(f"bad {n:02}" for n in range(40))))
        assert counts.requests["LIST"] <= 4
        assert b.differs(but(a.tree(), *(f"bad {n:02}" for n in range(40)))) == {}
    recovers(a, b)


def test_a_file_that_was_moved_and_changed_is_moved_as_it_was(world, pair):
    a, b = pair
    write(a.root / "from", random_bytes(100_000))
    write(a.root / "in the way", b"goes")
    sync(a, b)
    old = b.tree()[b"from"]
    (a.root / "from").rename(a.root / "in the way")
    a.push()
    write(a.root / "in the way", random_bytes(ALONE, 2))
    a.push()
    with damaged(world, a, references(a, "from")[0], "flipped"):
        refused(b.pull, "in the way")
        assert b.tree() == {b"in the way": old}
    recovers(a, b)


def test_what_was_deleted_and_made_anew_stays_until_the_new_one_can_be_had(world, pair):
    a, b = pair
    write(a.root / "file", b"old")
    write(a.root / "other", b"other")
    sync(a, b)
    old = b.tree()[b"file"]
    (a.root / "file").unlink()
    (a.root / "other").unlink()
    a.push()
    write(a.root / "file", random_bytes(ALONE))
    a.push()
    with damaged(world, a, references(a, "file")[0], "missing"):
        refused(b.pull, "file")
        assert b.tree() == {b"file": old}
        refused(b.sync, "file")
        assert b.tree() == {b"file": old}
    recovers(a, b)


def test_rules_that_cannot_be_had_leave_those_that_are_here(world, pair):
    a, b = pair
    write(a.root / ".e2esyncignore", b"*.tmp\n")
    sync(a, b)
    write(a.root / ".e2esyncignore", b"*.tmp\n*.log\n" + b"#" * 70_000 + random_bytes(40_000).hex().encode())
    write(a.root / "d" / "new", b"new")
    a.push()
    with damaged(world, a, references(a, ".e2esyncignore")[0], "flipped"):
        refused(b.pull, ".e2esyncignore")
        assert (b.root / "d" / "new").read_bytes() == b"new"
        assert (b.root / ".e2esyncignore").read_bytes() == b"*.tmp\n"
        write(b.root / "a.tmp", b"left alone")
        b.push()
    (b.root / "a.tmp").unlink()
    recovers(a, b)


def test_one_of_two_contents_in_conflict_that_cannot_be_had_leaves_the_other(world, pair):
    a, b = pair
    write(a.root / "file", b"common")
    sync(a, b)
    write(a.root / "file", random_bytes(1000, 1))
    a.push()
    write(b.root / "file", random_bytes(1000, 2))
    with damaged(world, a, references(a, "file")[0], "flipped"):
        with pytest.raises(IntegrityError) as error:
            b.sync()
        assert len(error.value.done.failed) == 1
        assert [path.read_bytes() for path in b.root.iterdir() if path.is_file()] == [random_bytes(1000, 2)]
    b.restart()
    b.sync()
    a.sync()
    assert b.differs(a.tree()) == {}
    assert {thing[1] for thing in a.tree().values()} == {random_bytes(1000, 1), random_bytes(1000, 2)}


def test_sync_publishes_what_changed_here_all_the_same(world, pair):
    a, b = pair
    write(a.root / "bad", b"old")
    sync(a, b)
    write(a.root / "bad", random_bytes(ALONE))
    a.push()
    write(b.root / "by b", b"by b")
    with damaged(world, a, references(a, "bad")[0], "missing"):
        assert refused(b.sync, "bad").done.uploaded_files == 1
        a.pull()
        assert (a.root / "by b").read_bytes() == b"by b"
    recovers(a, b)


def test_an_edit_of_the_old_version_stands_beside_the_one_that_cannot_be_had(world, pair):
    a, b = pair
    write(a.root / "bad", b"old")
    sync(a, b)
    write(a.root / "bad", random_bytes(ALONE))
    a.push()
    with damaged(world, a, references(a, "bad")[0], "missing"):
        refused(b.pull, "bad")
        write(b.root / "bad", b"edited all the same")
        with pytest.raises(IntegrityError) as error:
            b.sync()
        assert len(error.value.done.failed) == 1
        assert [thing[1] for thing in b.tree().values()] == [b"edited all the same"]
    b.restart()
    b.sync()
    a.sync()
    assert {thing[1] for thing in a.tree().values()} == {b"edited all the same", random_bytes(ALONE)}
    assert b.differs(a.tree()) == {}


def test_the_error_says_how_many_and_that_all_else_was_done(world, pair):
    a, b = pair
    for n in range(3):
        write(a.root / f"secret name {n}", random_bytes(ALONE, n))
        a.push()
    write(a.root / "good")
    a.push()
    with damaged(world, a, references(a, "secret name 0")[0], "missing"):
        assert isinstance(refused(b.pull, "secret name 0"), MissingObject)
    b.restart()
    b.pull()
    for n in range(3):
        write(a.root / f"secret name {n}", random_bytes(ALONE, n + 10))
        a.push()
    with (
        damaged(world, a, references(a, "secret name 0")[0], "flipped"),
        damaged(world, a, references(a, "secret name 1")[0], "flipped"),
    ):
        error = refused(b.pull, "secret name 0", "secret name 1")
    assert isinstance(error, BadObject)
    assert "2 files" in error.what
    assert "all else was done" in error.why
    assert "secret name" not in error.what + error.why + error.fix
    recovers(a, b)
