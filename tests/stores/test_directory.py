"""The directory store: order of its writes, what is beneath its root, what the disk refuses."""

import errno
import os
import stat
from pathlib import Path

import pytest

from e2esync.adapters.stores import object_files
from e2esync.adapters.stores.directory import DirectoryStore
from e2esync.errors import (
    BadObject,
    CredentialsRefused,
    NoBucket,
    StoreFull,
    StoreRefused,
    StoreUnavailable,
    UsageError,
)
from e2esync.model.store import MAX_OBJECT, ObjectNotFound


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root) -> DirectoryStore:
    return DirectoryStore.create(root)


@pytest.fixture
def calls(monkeypatch, root):
    """What is done to the disk, in order: (call, path relative to the root)."""
    recorded = []

    def path_of(descriptor):
        return os.path.relpath(Path(f"/proc/self/fd/{descriptor}").readlink(), root)

    def record(name, where):
        real = getattr(os, name)

        def call(*args, **kwargs):
            recorded.append((name, where(*args, **kwargs)))
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, call)

    def kind(descriptor):
        path = path_of(descriptor)
        return "temporary" if Path(path).name.startswith(".tmp-") else path

    record("write", lambda fd, _: kind(fd))
    record("fsync", kind)
    record("mkdir", lambda name, dir_fd: name)
    record("rename", lambda _, name, **__: name)
    record("link", lambda _, name, **__: name)
    return recorded


def test_bytes_reach_the_disk_before_the_name_and_the_name_before_the_answer(store, calls):
    store.put("packs/ab/pack", b"body")
    assert calls == [
        ("mkdir", "packs"),
        ("fsync", "."),
        ("mkdir", "ab"),
        ("fsync", "packs"),
        ("write", "temporary"),
        ("fsync", "temporary"),
        ("rename", "pack"),
        ("fsync", "packs/ab"),
    ]


def test_a_creation_is_as_durable_as_a_put(store, calls):
    store.put_if_absent("one", b"body")
    assert calls == [("write", "temporary"), ("fsync", "temporary"), ("link", "one"), ("fsync", ".")]


def test_directories_that_another_process_made_are_made_durable_too(root, store, calls):
    (root / "packs" / "ab").mkdir(parents=True)
    calls.clear()
    store.put("packs/ab/one", b"")
    store.put("packs/ab/two", b"")
    assert [path for call, path in calls if call == "fsync"] == [
        ".",
        "packs",
        "temporary",
        "packs/ab",
        "temporary",
        "packs/ab",
    ]


def test_a_write_that_fails_leaves_no_file(root, store, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StoreUnavailable):
        store.put("one", b"body")
    assert list(root.iterdir()) == []


def test_what_killed_processes_left_is_never_listed_and_goes_after_a_day(root, store):
    (root / ".tmp-old").write_bytes(b"x")
    (root / ".tmp-new").write_bytes(b"x")
    day_before = (root / ".tmp-new").stat().st_mtime - 2 * 86_400
    os.utime(root / ".tmp-old", (day_before, day_before))
    assert list(store.list("")) == []
    store.put("one", b"")
    assert sorted(path.name for path in root.iterdir()) == [".tmp-new", "one"]


def test_the_etag_changes_where_the_clock_and_the_inode_do_not(root, store, monkeypatch):
    monkeypatch.setattr("e2esync.adapters.stores.object_files.time.time_ns", lambda: 10**18)
    etags = [store.put("heads/one", b"same size") for _ in range(20)]
    times = [int(etag.split("-")[0], 16) for etag in etags]
    assert times == sorted(set(times))


def test_the_etag_changes_on_a_file_system_of_two_seconds(store, monkeypatch):
    real = os.utime
    monkeypatch.setattr(os, "utime", lambda fd, ns: real(fd, ns=(ns[0], ns[1] // (2 * 10**9) * 2 * 10**9)))
    etags = [store.put("heads/one", b"same size") for _ in range(10)]
    times = [int(etag.split("-")[0], 16) for etag in etags]
    assert times == sorted(set(times))


def test_without_hard_links_creation_works_all_the_same(store, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert store.put_if_absent("a/one", b"1")
    assert not store.put_if_absent("a/one", b"2")
    assert store.get("a/one") == b"1"


def test_a_directory_that_vanishes_while_it_is_written_to_is_made_again(root, store, monkeypatch):
    real = object_files.fill
    attempts: list[bytes] = []

    def fill(file, body, *, after):
        attempts.append(body)
        if len(attempts) == 1:
            (root / "mail" / "x").rmdir()
        return real(file, body, after=after)

    monkeypatch.setattr("e2esync.adapters.stores.directory.fill", fill)
    store.put("mail/x/one", b"1")
    assert len(attempts) == 2
    assert store.get("mail/x/one") == b"1"


def test_deleting_the_last_object_removes_its_directories(root, store):
    store.put("probe-1/a/b", b"")
    store.put("vaults/x", b"")
    store.delete(["probe-1/a/b"])
    assert [path.name for path in root.iterdir()] == ["vaults"]


# --- beneath the root -------------------------------------------------------------------------------


def test_symlinks_are_absent_and_nothing_outside_is_read_or_written(tmp_path, root, store):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "linked").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    for key in ("linked/secret", "file"):
        with pytest.raises(ObjectNotFound):
            store.get(key)
        assert store.head(key) is None
    assert list(store.list("")) == list(store.list("linked/")) == []
    with pytest.raises(StoreRefused):
        store.put("linked/new", b"x")
    store.put("file", b"ours")
    store.delete(["linked/secret"])
    assert (outside / "secret").read_bytes() == b"secret"
    assert list(outside.iterdir()) == [outside / "secret"]
    assert store.get("file") == b"ours"


def test_what_is_no_regular_file_is_absent(root, store):
    os.mkfifo(root / "pipe")
    (root / "dir").mkdir()
    for key in ("pipe", "dir"):
        with pytest.raises(ObjectNotFound):
            store.get(key)
        assert store.head(key) is None
    assert list(store.list("")) == []


def test_a_symlink_to_the_root_itself_is_the_users_own(tmp_path, store, root):
    (tmp_path / "disk").symlink_to(root)
    linked = DirectoryStore(tmp_path / "disk")
    linked.put("one", b"1")
    assert store.get("one") == b"1"


def test_names_that_are_no_keys_are_not_listed(root, store):
    store.put("good", b"")
    for name in ("with space", "ümlaut", ".hidden", "a\nb"):
        (root / name).write_bytes(b"x")
    assert [info.key for info in store.list("")] == ["good"]


def test_an_object_that_is_too_large_is_refused_before_it_is_read(root, store):
    with (root / "large").open("wb") as file:
        file.truncate(MAX_OBJECT + 1)
    with pytest.raises(BadObject):
        store.get("large")
    assert store.get("large", start=MAX_OBJECT, length=10) == b"\0"


# --- what the disk refuses --------------------------------------------------------------------------


def test_a_missing_root_is_no_bucket(tmp_path):
    store = DirectoryStore(tmp_path / "absent")
    calls = [
        lambda: store.put("a", b""),
        lambda: store.put_if_absent("a", b""),
        lambda: store.put_if_match("a", b"", etag="x"),
        lambda: store.get("a"),
        lambda: store.head("a"),
        lambda: list(store.list("")),
        lambda: store.delete(["a"]),
    ]
    for call in calls:
        with pytest.raises(NoBucket, match="absent does not exist"):
            call()


REFUSALS = [
    (errno.ENOSPC, StoreFull),
    (errno.EDQUOT, StoreFull),
    (errno.EACCES, CredentialsRefused),
    (errno.EROFS, CredentialsRefused),
    (errno.EIO, StoreUnavailable),
    (errno.ESTALE, StoreUnavailable),
    (errno.ENOTCONN, StoreUnavailable),
    (errno.EFBIG, StoreRefused),
]


@pytest.mark.parametrize(("number", "kind"), REFUSALS)
@pytest.mark.parametrize("name", ["write", "rename", "fsync"])
def test_what_the_disk_refuses_is_sorted_by_who_must_act(store, monkeypatch, number, kind, name):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, name, refuse)
    with pytest.raises(kind) as caught:
        store.put("one", b"body")
    assert os.strerror(number) in f"{caught.value.what} {caught.value.why}"
    assert caught.value.why
    assert caught.value.fix


def test_a_disk_that_fails_while_it_is_listed_is_told(store, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StoreUnavailable, match="does not answer as it should") as caught:
        list(store.list(""))
    assert "list objects" in caught.value.why


def test_create_makes_missing_parents_and_takes_what_is_there(tmp_path):
    DirectoryStore.create(tmp_path / "a" / "b").put("one", b"1")
    assert DirectoryStore.create(tmp_path / "a" / "b").get("one") == b"1"


def test_create_refuses_the_place_of_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="can not be at"):
            DirectoryStore.create(path)


def test_others_may_read_what_the_umask_lets_them(root, store):
    before = os.umask(0o027)
    try:
        store.put("one", b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((root / "one").stat().st_mode) == 0o640


def test_no_descriptor_is_left_open(store):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for n in range(20):
        store.put(f"a/{n}", b"")
        store.put_if_match(f"a/{n}", b"", etag="x")
        store.head("absent/x")
        list(store.list(""))
        with pytest.raises(ObjectNotFound):
            store.get("absent")
    store.delete(f"a/{n}" for n in range(20))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
