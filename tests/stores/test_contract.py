"""One suite for all stores: what `e2esync.model.store` promises. Memory is the reference."""

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from e2esync.adapters.stores.memory import MemoryStore
from e2esync.model.store import ObjectInfo, ObjectNotFound, Store
from tests.stores.conftest import HONOURS_CONDITIONS, KINDS

MIB = 1 << 20
TEN = b"0123456789"


@pytest.fixture(params=KINDS)
def store(request, make_store) -> Store:
    return make_store(request.param)


@pytest.fixture(params=HONOURS_CONDITIONS)
def strict_store(request, make_store) -> Store:
    return make_store(request.param)


def keys(store, prefix):
    return sorted(info.key for info in store.list(prefix))


def test_what_was_put_can_be_got(store):
    store.put("vaults/ab/genesis", TEN)
    assert store.get("vaults/ab/genesis") == TEN


def test_an_empty_object_is_an_object(store):
    store.put("a/empty", b"")
    assert store.get("a/empty") == b""
    assert store.get("a/empty", length=5) == b""
    assert store.head("a/empty").size == 0


def test_an_object_of_sixteen_mib_comes_back_whole(store):
    body = secrets.token_bytes(16 * MIB)
    store.put("packs/ab/large", body)
    assert store.get("packs/ab/large") == body
    assert store.get("packs/ab/large", start=9 * MIB + 1, length=MIB) == body[9 * MIB + 1 : 10 * MIB + 1]


def test_an_object_that_was_never_put_is_not_found(store):
    with pytest.raises(ObjectNotFound) as caught:
        store.get("a/absent")
    assert caught.value.key == "a/absent"
    assert store.head("a/absent") is None


RANGES = [
    (0, 4),
    (4, 3),
    (0, 10),
    (0, 11),
    (8, 5),
    (9, 1),
    (10, 5),
    (30, 5),
    (0, 0),
    (5, 0),
    (4, None),
    (10, None),
    (30, None),
]


def test_a_range_is_what_was_asked_for(store):
    store.put("a/ten", TEN)
    for start, length in RANGES:
        end = None if length is None else start + length
        assert store.get("a/ten", start=start, length=length) == TEN[start:end]


def test_an_empty_range_of_an_absent_object_is_not_found(store):
    with pytest.raises(ObjectNotFound):
        store.get("a/absent", length=0)


def test_an_overwrite_shows_at_once(store):
    for n in range(5):
        store.put("heads/one", b"%d" % n)
        assert store.get("heads/one") == b"%d" % n


def test_the_etag_of_a_put_is_the_one_that_head_and_list_show(store):
    etag = store.put("heads/one", TEN)
    assert store.head("heads/one") == ObjectInfo("heads/one", 10, etag)
    assert list(store.list("heads/")) == [ObjectInfo("heads/one", 10, etag)]
    assert '"' not in etag


def test_the_etag_changes_with_each_overwrite(store):
    etags = [store.put("heads/one", b"%03d" % n) for n in range(30)]
    assert len(set(etags)) == 30


def test_a_listing_shows_what_begins_with_the_prefix_and_nothing_else(store):
    for key in ("a/b/1", "a/b/2", "a/bc/3", "a/b.d", "b/a/4"):
        store.put(key, b"x")
    assert keys(store, "") == ["a/b.d", "a/b/1", "a/b/2", "a/bc/3", "b/a/4"]
    assert keys(store, "a/b/") == ["a/b/1", "a/b/2"]
    assert keys(store, "a/b") == ["a/b.d", "a/b/1", "a/b/2", "a/bc/3"]
    assert keys(store, "a/bc/3") == ["a/bc/3"]
    assert keys(store, "a/bd") == keys(store, "c/") == []


def test_a_listing_can_be_walked_while_others_are_read_and_deleted(store):
    for n in range(5):
        store.put(f"a/{n}", b"%d" % n)
    for info in store.list("a/"):
        assert store.get(info.key) == info.key[-1:].encode()
        store.delete([info.key])
    assert keys(store, "a/") == []


@pytest.mark.parametrize("kind", ["memory", "directory", "s3 on rclone"])  # where a thousand take a second
def test_a_listing_of_more_than_a_page_is_whole_and_can_be_deleted(make_store, kind):
    store = make_store(kind)
    names = {f"many/{n:04}" for n in range(1005)}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: store.put(key, b""), names))
    assert {info.key for info in store.list("many/")} == names
    store.delete(iter(names))
    assert keys(store, "many/") == []


def test_deleting_what_is_absent_succeeds(store):
    store.put("a/one", b"1")
    store.put("a/two", b"2")
    store.delete(["a/never", "a/one", "b/c/never"])
    store.delete([])
    assert keys(store, "") == ["a/two"]


def test_putting_after_deleting_works(store):
    store.put("a/b/c", b"1")
    store.delete(["a/b/c"])
    store.put("a/b/c", b"2")
    assert store.get("a/b/c") == b"2"


BAD_KEYS = [
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "a/.tmp-1",
    ".lock",
    "a b",
    "a\\b",
    "ä",
    "a\0",
    "a\n",
    "a" * 101,
    "a/" * 400 + "a",
]


@pytest.mark.parametrize("kind", ["memory", "directory", "s3 on moto"])
def test_a_bad_key_is_a_bug_of_the_caller(make_store, kind):
    store = make_store(kind)
    calls = [
        lambda key: store.put(key, b""),
        lambda key: store.put_if_absent(key, b""),
        lambda key: store.put_if_match(key, b"", etag="x"),
        store.get,
        store.head,
        lambda key: store.delete([key]),
    ]
    for key in BAD_KEYS:
        for call in calls:
            with pytest.raises(ValueError, match="not a key"):
                call(key)


@pytest.mark.parametrize("kind", ["memory", "directory", "s3 on moto"])
def test_a_bad_range_or_prefix_is_a_bug_of_the_caller(make_store, kind):
    store = make_store(kind)
    store.put("a", TEN)
    for start, length in [(-1, None), (0, -1)]:
        with pytest.raises(ValueError, match="not a range"):
            store.get("a", start=start, length=length)
    for prefix in ["/", "../", "a//", ".x"]:
        with pytest.raises(ValueError, match="not a prefix"):
            list(store.list(prefix))


def test_an_object_is_created_only_once(strict_store):
    assert strict_store.put_if_absent("a/once", b"1")
    assert not strict_store.put_if_absent("a/once", b"2")
    assert strict_store.get("a/once") == b"1"


def test_an_object_is_replaced_only_if_its_etag_still_holds(strict_store):
    etag = strict_store.put("a/object", b"1")
    assert strict_store.put_if_match("a/object", b"22", etag=etag)
    assert not strict_store.put_if_match("a/object", b"333", etag=etag)
    assert strict_store.get("a/object") == b"22"


def test_what_is_absent_is_not_replaced(strict_store):
    assert not strict_store.put_if_match("a/absent", b"1", etag="0123")
    assert strict_store.head("a/absent") is None


@pytest.mark.parametrize(
    "kind", [kind for kind in HONOURS_CONDITIONS if kind != "s3 on moto"]
)  # has no lock there
def test_of_eight_who_create_at_once_one_wins(make_store, kind):
    strict_store = make_store(kind)
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: strict_store.put_if_absent("a/race", b"%d" % n), range(8)))
    assert won.count(True) == 1
    assert strict_store.get("a/race") == b"%d" % won.index(True)


def test_readers_see_the_old_object_or_the_new_one_and_never_a_mixture(strict_store):
    bodies = [bytes([n]) * 200_000 for n in range(8)]
    strict_store.put("heads/one", bodies[0])
    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(strict_store.put, "heads/one", body) for body in bodies]
        reads = [pool.submit(strict_store.get, "heads/one") for _ in range(16)]
    assert all(write.result() for write in writes)
    assert all(read.result() in bodies for read in reads)


def test_memory_is_a_store():
    store: Store = MemoryStore()
    assert store.url == "memory:"
