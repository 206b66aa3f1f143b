"""Marks are honoured: a pack that is about to go is not borrowed from (format §9)."""

import pytest

from e2esync.crypto.asymmetric import object_hash
from e2esync.engine import ownhead
from e2esync.engine.blobs import BlobReader
from e2esync.errors import IntegrityError
from e2esync.format import names
from e2esync.format.cbor import decode
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import Kind
from e2esync.tree.values import FileContent
from e2esync.vault.heads import open_head
from e2esync.vault.prunemark import make_prune_mark
from tests.engine.test_push_pull import assert_quiet, base, random_bytes, sync, uploaded, write

SIZE = 1 << 20


def mark(world, dev, packs, ago=0):
    """Let a device have marked packs so many seconds ago; return the object."""
    since = world.clock.clock.now() - ago
    content = make_prune_mark(dev.device, dev.keys.keyring, dev.keys.vault_id, packs=packs, since=since)
    world.store.put(names.prune_mark(dev.keys.vault_id, dev.device.id), content)
    return content


def packs_of(world):
    return {bytes.fromhex(key.rpartition("/")[2]) for key in world.keys_of(names.Kind.PACK)}


def head_of(dev):
    content = dev.store.get(names.head(dev.keys.vault_id, dev.device.id))
    return open_head(
        content, dev.device.id.hex(), vault_id=dev.keys.vault_id, membership=dev.keys.membership, keyring=dev.keys.keyring
    )  # fmt: skip


@pytest.fixture
def copied(world, pair):
    """Two devices of which the second holds a copy of a large file that it has not pushed yet."""
    a, b = pair
    write(a.root / "large", random_bytes(SIZE))
    sync(a, b)
    write(b.root / "copy", random_bytes(SIZE))
    return a, b


def test_without_a_mark_a_copy_is_borrowed(copied):
    _, b = copied
    assert uploaded(b) < SIZE // 4


def test_from_a_marked_pack_nothing_is_borrowed(world, copied):
    a, b = copied
    marked = packs_of(world)
    mark(world, a, marked)
    assert uploaded(b) > SIZE
    (value,) = [value for key, value in b.vault.state.items(0) if b"copy" in key]
    content = decode_entries(decode(value), Kind.FILE)[0].contents[0]
    assert isinstance(content, FileContent)
    chunks = list(BlobReader(b.vault).iterate(content))
    assert chunks
    for chunk in chunks:
        assert {place.pack for place in b.vault.catalogue.find(chunk.id)}.isdisjoint(marked)
    a.pull()
    assert a.differs(b.tree()) == {}


def test_what_is_in_another_pack_too_is_borrowed_from_there(world, copied):
    a, b = copied
    before = packs_of(world)
    mark(world, a, before)
    assert uploaded(b) > SIZE
    write(b.root / "copy too", random_bytes(SIZE))
    assert uploaded(b) < SIZE // 4


def test_a_page_in_a_marked_pack_is_stored_again(world, pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    write(a.root / "a", b"another")
    sync(a, b)
    mark(world, b, packs_of(world))
    write(a.root / "a", b"content of a")  # the tree, and its pages, are as they were at first
    before = packs_of(world)
    a.push()
    new = packs_of(world) - before
    assert new
    root = ownhead.load(a.vault.state).root
    assert root
    assert {place.pack for place in a.vault.catalogue.find(root.id)} & new


def test_a_head_names_the_marks_that_its_device_has_seen(world, copied):
    a, b = copied
    assert head_of(a).prune_marks == ()
    content = mark(world, a, packs_of(world))
    b.push()
    assert head_of(b).prune_marks == (object_hash(content),)


def test_a_mark_that_did_not_change_is_read_once(world, copied):
    a, b = copied
    mark(world, a, packs_of(world))
    b.push()
    write(b.root / "more", b"more")
    assert b.count(b.push).requests["GET"] == 0
    mark(world, a, packs_of(world), ago=1)
    write(b.root / "more", b"and more")
    assert b.count(b.push).requests["GET"] == 1
    assert_quiet(b)


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-1] + bytes([c[-1] ^ 1]), lambda _: b"", lambda c: c + b"\0"]
)
def test_a_mark_that_does_not_verify_stops_a_push(world, copied, damage):
    a, b = copied
    content = mark(world, a, packs_of(world))
    key = names.prune_mark(a.keys.vault_id, a.device.id)
    world.store.put(key, damage(content))
    before = sorted(info.key for info in world.store.list(""))
    with pytest.raises(IntegrityError):
        b.push()
    assert sorted(info.key for info in world.store.list("")) == before
    world.store.put(key, content)
    b.push()
    a.pull()
    assert a.differs(b.tree()) == {}


def test_the_mark_of_one_device_does_not_stand_for_another(world, copied):
    a, b = copied
    content = mark(world, a, packs_of(world))
    other = world.device("other")
    world.store.put(names.prune_mark(a.keys.vault_id, other.device.id), content)
    with pytest.raises(IntegrityError):
        b.push()
