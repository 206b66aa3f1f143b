"""What push writes, a reader that knows only the format reads; what that writer wrote, pull reads; neither shows a name."""

import json
import random
from contextlib import suppress
from hashlib import md5, sha1, sha256, sha512
from pathlib import Path

import blake3
import pytest

from e2esync.adapters.stores.directory import DirectoryStore
from e2esync.adapters.stores.memory import MemoryStore
from e2esync.crypto import recovery
from e2esync.engine.join import kept_identity
from e2esync.engine.members import fetch_membership, open_membership
from e2esync.vault.keyring import open_keyring
from examples import read_without_e2esync as reader
from tests.engine.test_hostile_bytes import NoFolders
from tests.engine.test_push_pull import (
    CHANGES,
    THINGS,
    a_deep_path,
    base,
    many_files,
    modes,
    mtimes,
    names_that_are_no_text,
    random_bytes,
    rename_directory_and_edit_inside,
    sync,
    without_times,
    write,
)
from tests.engine.world import Keys, World, objects, tree

SMALL = Path(__file__).resolve().parent.parent / "vectors" / "vault"


def read_by_the_other(world: World, folder: Path, *more: str) -> dict[bytes, tuple]:
    """The tree that the second reader makes of a copy of the store and the words."""
    store, words, dest = folder / "copy", folder / "words", folder / "dest"
    for key, body in objects(world.store).items():
        (store / key).parent.mkdir(parents=True, exist_ok=True)
        (store / key).write_bytes(body)
    words.write_text(" ".join(recovery.to_words(world.entropy)))
    assert reader.main([str(store), str(dest), "--recovery-file", str(words), *more]) == 0
    (only,) = dest.iterdir()
    return tree(only)


# the other reader goes by paths, which the system takes up to 4096 bytes
@pytest.mark.parametrize(
    "make", [make for make in THINGS if make is not a_deep_path], ids=lambda make: make.__name__
)
def test_the_second_reader_makes_the_same_of_what_stands_in_a_folder(world, pair, tmp_path, make):
    a, _ = pair
    make(a.root)
    a.push()
    assert read_by_the_other(world, tmp_path / "other", "--deep") == a.tree()


@pytest.mark.parametrize("seed", range(6))
def test_the_second_reader_makes_the_same_of_a_vault_with_a_history(world, pair, tmp_path, seed):
    a, b = pair
    base(a.root)
    sync(a, b)
    r = random.Random(seed)
    for n in range(10):
        with suppress(OSError):  # what it wants to change is not there any more
            r.choice(CHANGES)(a.root)
        write(a.root / f"at {n}", b"%d" % n)
        a.push()
    found = read_by_the_other(world, tmp_path / "other", "--deep")
    assert without_times(found) == without_times(a.tree())


def test_the_second_reader_makes_the_same_of_two_devices_that_take_turns(world, pair, tmp_path):
    a, b = pair
    base(a.root)
    modes(a.root)
    mtimes(a.root)
    names_that_are_no_text(a.root)
    many_files(a.root)
    for n in range(3):
        sync(a, b)
        write(b.root / "a", b"edited by b %d" % n)
        write(b.root / "by b", random_bytes(300_000, n))
        sync(b, a)
        write(a.root / "by a", random_bytes(300_000, 10 + n))
    rename_directory_and_edit_inside(a.root)
    sync(a, b)
    assert read_by_the_other(world, tmp_path / "other", "--deep") == a.tree() == b.tree()


def test_the_second_reader_follows_a_history_of_many_pushes(world, pair, tmp_path):
    a, b = pair
    for n in range(140):
        write(a.root / "file", b"%d" % n)
        a.push()
    b.pull()
    assert b.differs(a.tree()) == {}
    assert read_by_the_other(world, tmp_path / "other", "--deep") == a.tree()


def test_a_vault_that_another_writer_made_is_pulled(tmp_path):
    expect = json.loads((SMALL / "expect.json").read_text())
    store = MemoryStore()
    for path in (SMALL / "store").rglob("*"):
        if path.is_file():
            store.put(str(path.relative_to(SMALL / "store")), path.read_bytes())
    entropy = recovery.from_words((SMALL / "words.txt").read_text())
    vault = bytes.fromhex(expect["vault"])
    identity = kept_identity(store, NoFolders(), entropy).identity  # type: ignore[arg-type]
    membership = open_membership(vault, fetch_membership(store, vault, identity.public))
    keys = Keys(identity, membership, open_keyring(membership, identity), vault)
    world = World(tmp_path, store)
    dev = world.device("new", keys=keys)
    pulled = dev.pull()
    assert (pulled.skipped, pulled.failed) == ([], [])
    assert as_expected(dev.tree()) == expect["tree"]
    write(dev.root / "one more", b"by this writer")
    dev.push()
    other = world.device("newer", keys=keys)
    other.pull()
    assert other.differs(dev.tree()) == {}
    world.close()


def as_expected(found: dict[bytes, tuple]) -> dict[str, dict[str, object]]:
    """A tree as expect.json has it."""
    listed: dict[str, dict[str, object]] = {}
    for path, thing in found.items():
        match thing:
            case ("file", content, mode, mtime):
                digest = sha256(content).hexdigest()
                listed[path.decode()] = {"kind": "file", "mode": mode, "mtime": mtime, "sha256": digest}
            case ("directory", mode):
                listed[path.decode()] = {"kind": "directory", "mode": mode}
            case ("symlink", target, mtime):
                listed[path.decode()] = {"kind": "symlink", "mtime": mtime, "target": target.decode()}
            case _:
                listed[path.decode()] = {"kind": "neither"}
    return listed


# --- the canary: nothing readable leaves the device (invariant 16) ---

CANARY = b"canary-that-sings-5f1e"


def readable(content: bytes) -> list[bytes]:
    """What must not be found of a content: itself, and its hashes in every common form."""
    digests = [
        *(algorithm(content).digest() for algorithm in (md5, sha1, sha256, sha512)),
        blake3.blake3(content).digest(),
    ]
    hexes = [form for digest in digests for form in (digest.hex().encode(), digest.hex().upper().encode())]
    return [content[:64], *digests, *hexes]


@pytest.mark.parametrize("kind", ["memory", "directory"])
def test_no_name_content_or_hash_is_found_anywhere_in_the_store(tmp_path, kind):
    world = World(tmp_path, MemoryStore() if kind == "memory" else DirectoryStore.create(tmp_path / "store"))
    a, b = world.device("laptop-canary"), world.device("desk-canary")
    names = [b"canary-name-%d" % n for n in range(20)]
    contents = [CANARY, CANARY * 50, CANARY * 9000, random_bytes(3 << 20, 9), b"\0" * 5000]
    for name, content in zip(names, contents, strict=False):
        write(a.root / name.decode(), content)
    write(a.root / "canary-directory" / "canary-inside", CANARY)
    (a.root / "canary-link").symlink_to("canary-target")
    a.push()
    (a.root / names[0].decode()).rename(a.root / "canary-renamed")
    write(a.root / names[1].decode(), CANARY * 51)
    sync(a, b)
    everything = objects(world.store)
    if kind == "directory":
        here = tmp_path / "store"
        everything |= {str(path): path.read_bytes() for path in here.rglob("*") if path.is_file()}
    secrets = [b"canary", b"laptop", str(tmp_path).encode(), *(n for n in names), b"e2esync-folder"]
    for content in [*contents[:3], CANARY * 51]:
        secrets += readable(content)
    secrets += readable(contents[3])
    secrets += [" ".join(recovery.to_words(world.entropy)[:3]).encode(), world.entropy.reveal()]
    for dev in (a, b):
        for value in (dev.keys.keyring.vault_secret, *dev.keys.keyring.epochs.values()):
            secrets.append(value.reveal())
        secrets.append(dev.device.signing.reveal())
    assert len(everything) >= 10
    for key, body in everything.items():
        for secret in secrets:
            assert secret not in body, (key, secret)
            assert secret not in key.encode() or str(tmp_path) in key, (key, secret)
    world.close()


def test_equal_files_and_equal_vaults_leave_nothing_equal_in_the_store(tmp_path):
    worlds = [World(tmp_path / name) for name in ("one", "two")]
    for world in worlds:
        a = world.device("laptop")
        write(a.root / "same", CANARY * 1000)
        a.push()
    one, two = (objects(world.store) for world in worlds)
    assert not one.keys() & two.keys()
    pieces = {body[at : at + 32] for body in one.values() for at in range(len(body) - 32)}
    own = {world.keys.keyring.tip[1] for world in worlds}
    shared = [
        body[at : at + 32]
        for key, body in two.items()
        if key.startswith("vaults/") and "/members/" not in key and not key.endswith("genesis")
        for at in range(len(body) - 32)
        if body[at : at + 32] in pieces
    ]
    assert not [piece for piece in shared if piece not in own]
    for world in worlds:
        world.close()


def test_the_size_of_a_small_change_does_not_show_in_the_objects(tmp_path):
    sizes = set()
    for length in (1, 5, 9):
        world = World(tmp_path / str(length))
        a = world.device("laptop")
        write(a.root / "file", b"x" * length)
        a.push()
        sizes.add(
            tuple(sorted(info.size for info in world.store.list(f"vaults/{world.keys.vault_id.hex()}/packs")))
        )
        world.close()
    assert len(sizes) == 1
