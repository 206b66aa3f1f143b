"""Whatever a store does to its objects, a device that pulls shows the very tree or an error and nothing of what fails.

Each class of object is damaged at sampled positions: flipped, cut, extended, exchanged for another
of its class, taken away. The device knows the words only, and reads everything from the store.
"""

import random
import shutil
from collections import Counter
from itertools import chain

import pytest

from e2esync.adapters.catalogue import Location
from e2esync.adapters.stores.memory import MemoryStore
from e2esync.engine.blobs import BlobReader
from e2esync.engine.join import kept_identity
from e2esync.engine.members import fetch_membership, open_membership
from e2esync.errors import IntegrityError, NewerFormat, NoVault
from e2esync.format import names
from e2esync.format.cbor import decode
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import kind_of
from e2esync.tree.lists import ListRoot
from e2esync.tree.values import FileContent
from e2esync.vault.keyring import open_keyring
from tests.engine.test_push_pull import base, edit, random_bytes, rename_directory, swap_files, sync, write
from tests.engine.world import Dev, Keys, World, objects

SAMPLES = 24  # positions in each object, besides first and last
CLASSES = [
    "card",
    "card keys",
    "genesis",
    "members",
    "head",
    "index",
    "chunk pack",
    "page pack",
    "mixed pack",
]


class NoFolders:
    """A device that keeps nothing yet."""

    def kept_identity(self):
        return None


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """A world with all classes of objects, two devices and three pushes; its objects, and the tree."""
    world = World(tmp_path_factory.mktemp("attacked"))
    a, b = world.device("laptop"), world.device("desk")
    base(a.root)
    for n in range(80):
        write(a.root / "many" / f"file {n}", b"%d" % n)
    write(a.root / "large", random_bytes(500_000))
    sync(a, b)
    edit(b.root)
    rename_directory(b.root)
    sync(b, a)
    swap_files(a.root)
    write(a.root / "large too", random_bytes(400_000, 2))
    sync(a, b)
    yield world, objects(world.store), a.tree()
    world.close()


def classes(world: World, stored: dict[str, bytes]) -> dict[str, list[str]]:
    """The objects of each class."""
    found: dict[str, list[str]] = {name: [] for name in CLASSES}
    sorts: dict[bytes, set[bool]] = {}
    for dev in world.devices:
        catalogue = dev.vault.catalogue
        for group in catalogue.groups(catalogue.all_packs()):
            sorts.setdefault(group.pack, set()).add(group.is_chunk)
    for key in sorted(stored):
        name = names.parse(key)
        assert name is not None
        if name.kind is names.Kind.PACK:
            sort = sorts[name.id or b""]
            found["mixed pack" if len(sort) > 1 else "chunk pack" if sort == {True} else "page pack"].append(
                key
            )
        else:
            found[name.kind.name.lower().replace("_", " ")].append(key)
    return found


def attempt(world: World, stored: dict[str, bytes], number: int, expected: dict[bytes, tuple]):
    """Join and pull from a store with these objects; return the error, or the tree.

    With an error nothing is there; where it is of contents of files, all of `expected` but just these.
    """
    store = MemoryStore()
    for key, body in stored.items():
        store.put(key, body)
    home = f"attempt {number}"
    dev = None
    try:
        identity = kept_identity(store, NoFolders(), world.entropy).identity  # type: ignore[arg-type]
        kept = fetch_membership(store, world.keys.vault_id, identity.public)
        membership = open_membership(world.keys.vault_id, kept)
        keys = Keys(identity, membership, open_keyring(membership, identity), world.keys.vault_id)
        dev = world.device(home, keys=keys, store=store)
        pulled = dev.pull()
        assert (pulled.skipped, pulled.failed) == ([], [])
        return dev.tree()
    except (IntegrityError, NewerFormat, NoVault) as error:
        if isinstance(error, IntegrityError) and error.done is not None:
            failed = {item["path"].encode() for item in error.done.failed}
            assert failed
            assert dev is not None
            assert dev.tree() == {path: thing for path, thing in expected.items() if path not in failed}
        else:
            assert dev is None or dev.tree() == {}
        return error
    finally:
        if dev is not None:
            world.devices.remove(dev)
            dev.close()
            shutil.rmtree(dev.home)


def positions(size: int, seed: str) -> list[int]:
    return sorted({0, size - 1, *random.Random(seed).sample(range(size), min(SAMPLES, size))})


def damages(key: str, body: bytes, others: list[bytes]):
    """Each way to damage an object, with the name of the way."""
    for position in positions(len(body), key):
        mask = 1 << position % 8
        yield "flipped", body[:position] + bytes([body[position] ^ mask]) + body[position + 1 :]
    for length in {0, 1, 31, 32, 60, len(body) // 2, len(body) - 1} - {len(body)}:
        if length < len(body):
            yield "cut", body[:length]
    for more in (b"\0", b"\xff" * 17, body):
        yield "extended", body + more
    for other in others:
        yield "exchanged", other
    yield "missing", None


WAYS = {"flipped", "cut", "extended", "exchanged", "missing"}


@pytest.mark.parametrize("sort", CLASSES)
@pytest.mark.case(105)
def test_a_damaged_object_is_refused_or_does_not_matter(attacked, sort):
    world, stored, expected = attacked
    found = classes(world, stored)
    assert found[sort], f"the world has no {sort}"
    counts: Counter[tuple[str, str]] = Counter()
    keys = random.Random(sort).sample(found[sort], min(3, len(found[sort])))
    for key in keys:
        same_class = [stored[other] for other in found[sort] if other != key][:2]
        others = same_class or [stored[found["head"][0] if sort != "head" else found["index"][0]]]
        for number, (way, body) in enumerate(damages(key, stored[key], others)):
            changed = (
                {**stored, key: body} if body is not None else {k: v for k, v in stored.items() if k != key}
            )
            outcome = attempt(world, changed, number, expected)
            if isinstance(outcome, dict):
                assert outcome == expected, f"{way}: another tree"
                assert "pack" in sort, f"{way}: a {sort} that nobody checks"
                counts[way, "the same tree"] += 1
            else:
                if way != "missing" and sort not in {"card", "card keys", "genesis"}:
                    assert isinstance(outcome, IntegrityError), way
                counts[way, "refused"] += 1
    assert {way for way, _ in counts} == WAYS
    assert sum(counts[way, "refused"] for way in WAYS) > 0
    assert sum(counts[way, outcome] for way, outcome in counts if way == "flipped") >= min(SAMPLES, 20)


def test_an_object_that_is_nothing_but_zeros_is_refused_or_not_needed(attacked):
    world, stored, expected = attacked
    refused = 0
    for key, body in stored.items():
        outcome = attempt(world, {**stored, key: bytes(len(body))}, 0, expected)
        if isinstance(outcome, dict):
            assert "/packs/" in key
            assert outcome == expected
        else:
            refused += 1
    assert refused > len(stored) / 2


def test_the_undamaged_store_gives_the_tree(attacked):
    world, stored, expected = attacked
    assert attempt(world, stored, 0, expected) == expected


def test_two_packs_of_one_size_that_changed_places_are_noticed(attacked):
    world, stored, expected = attacked
    by_size: dict[int, list[str]] = {}
    for sort in ("page pack", "mixed pack", "chunk pack"):
        for key in classes(world, stored)[sort]:
            by_size.setdefault(len(stored[key]), []).append(key)
    one, other = next(
        (k for k in by_size.values() if len(k) > 1), list(chain.from_iterable(by_size.values()))[:2]
    )[:2]
    changed = {**stored, one: stored[other], other: stored[one]}
    assert isinstance(attempt(world, changed, 0, expected), IntegrityError)


def test_a_pull_in_which_a_file_fails_leaves_that_as_it_was_and_does_the_rest(world, pair):
    a, b = pair
    base(a.root)
    sync(a, b)
    before = b.tree()
    write(a.root / "large", random_bytes(700_000))
    rename_directory(a.root)
    edit(a.root)
    packs = set(world.keys_of(names.Kind.PACK))
    a.push()
    new = sorted(set(world.keys_of(names.Kind.PACK)) - packs, key=lambda key: world.store.head(key).size)
    chunks, whole = new[-1], world.store.get(new[-1])
    world.store.put(chunks, whole[:300_000] + bytes(100) + whole[300_100:])
    with pytest.raises(IntegrityError) as error:
        b.pull()
    assert [item["path"] for item in error.value.done.failed] == ["large"]
    assert b"large" not in before
    assert b.differs({path: thing for path, thing in a.tree().items() if path != b"large"}) == {}
    b.push()
    world.store.put(chunks, whole)
    b.restart()
    b.pull()
    assert b.differs(a.tree()) == {}


def places_of(world: World, dev: Dev) -> dict[str, list[Location]]:
    """Where the blobs of each kind lie that a fresh device has to read."""
    find, cipher = dev.vault.catalogue.find, dev.vault.cipher
    places: dict[str, list[Location]] = {"tree page": [], "chunk list": [], "chunk": []}
    for level in range(3):
        places["tree page"] += [find(page)[0] for _, page in dev.vault.state.items(level + 1)]
    for key, value in dev.vault.state.items(0):
        content = decode_entries(decode(value), kind_of(key))[0].contents[0]
        if not isinstance(content, FileContent):
            continue
        if isinstance(content.chunks, ListRoot):
            places["chunk list"] += find(content.chunks.id)
        places["chunk"] += [find(chunk.id)[0] for chunk in BlobReader(dev.vault).iterate(content)][:3]
    assert cipher.vault_id == world.keys.vault_id
    return places


def test_a_flipped_byte_inside_of_a_blob_that_is_needed_is_always_refused(world, pair):
    a, b = pair
    base(a.root)
    write(a.root / "list", random_bytes(6 << 20) * 20)
    sync(a, b)
    stored = objects(world.store)
    r = random.Random(1)
    counts: Counter[str] = Counter()
    for kind, found in places_of(world, a).items():
        for place in r.sample(found, min(4, len(found))):
            key = names.pack(world.keys.vault_id, place.pack)
            for at in (0, 11, 12, place.length // 2, place.length - 1):
                body = bytearray(stored[key])
                body[place.start + at] ^= 1 << r.randrange(8)
                assert isinstance(attempt(world, {**stored, key: bytes(body)}, 0, a.tree()), IntegrityError)
                counts[kind] += 1
    assert min(counts[kind] for kind in ("tree page", "chunk list", "chunk")) >= 5, counts
