"""Heads that have not seen each other come to one tree: for a device that pulls, `decrypt --offline`, and the second reader."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2esync.adapters.stores.directory import DirectoryStore
from e2esync.crypto import recovery
from e2esync.crypto.secrets import Entropy
from e2esync.engine.export import export
from e2esync.engine.history import events
from e2esync.engine.restore_offline import decrypt_offline
from examples import read_without_e2esync as reader
from tests.engine.histories import History, Kinds
from tests.engine.test_sync import round_of, write
from tests.engine.world import Dev, World, objects, open_from_words, tree
from tests.reader.test_second_reader import Two
from tests.vectors.make_vault import key_of

Tree = dict[bytes, tuple]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "readers")
    yield made
    made.world.close()


class Place:
    """Where three readers make files of one store."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.world = folder, World(folder / "world")

    def same(self, stored: dict[str, bytes], entropy: Entropy, vault: bytes) -> Tree:
        """Return what all three make of a store."""
        copy, words = self.folder / "copy", self.folder / "words"
        for key, body in stored.items():
            (copy / key).parent.mkdir(parents=True, exist_ok=True)
            (copy / key).write_bytes(body)
        words.write_text(" ".join(recovery.to_words(entropy)))
        found = self.pulled(copy, entropy, vault)
        (report,) = decrypt_offline(copy, self.folder / "offline", entropy)
        assert tree(Path(report["directory"])) == found
        arguments = [str(copy), str(self.folder / "second"), "--recovery-file", str(words), "--deep"]
        assert reader.main(arguments) == 0
        (second,) = (self.folder / "second").iterdir()
        assert tree(second) == found
        return found

    def pulled(self, copy: Path, entropy: Entropy, vault: bytes) -> Tree:
        """Return what a device pulls that knows nothing but the words; the log that it exports holds."""
        store = DirectoryStore(copy)
        dev = self.world.device("new", keys=open_from_words(store, entropy, vault), store=store)
        summary = dev.pull()
        assert (summary.skipped, summary.failed) == ([], [])
        log = self.folder / "log"
        with log.open("wb") as file:
            export(dev.vault, file.write)
        owner = dev.keys.identity.public.safety_number
        assert reader.main(["check-log", str(log), "--fingerprint", owner]) == 0
        changes = [one for one in map(json.loads, log.read_bytes().splitlines()) if one["type"] == "change"]
        assert sorted(one["version"] for one in changes) == sorted(event.id for event in events(dev.vault))
        return dev.tree()


def files_of(found: Tree) -> dict[str, bytes]:
    return {os.fsdecode(path): thing[1] for path, thing in found.items() if thing[0] == "file"}


def puts(**files: bytes) -> Callable[[Dev], None]:
    """What writes files; `__` in a name stands for a slash, `_` for a dot."""

    def put(dev: Dev) -> None:
        for name, content in files.items():
            write(dev, name.replace("__", "/").replace("_", "."), content)

    return put


def moves(old: str, new: str) -> Callable[[Dev], None]:
    def move(dev: Dev) -> None:
        (dev.root / old).rename(dev.root / new)

    return move


def both(*works: Callable[[Dev], object]) -> Callable[[Dev], None]:
    def work(dev: Dev) -> None:
        for each in works:
            each(dev)

    return work


def apart(world: World, first: Callable[[Dev], object], *writes: Callable[[Dev], object]) -> None:
    """Let devices agree on something, then each write without seeing the others."""
    devices = [world.device(name) for name in "abc"[: len(writes)]]
    first(devices[0])
    round_of(*devices)
    for dev, work in zip(devices, writes, strict=True):
        work(dev)
    for dev in devices:
        dev.push()


def test_two_contents_of_one_file(world, place):
    apart(world, puts(d__x_txt=b"0"), puts(d__x_txt=b"of a"), puts(d__x_txt=b"of b"), puts(d__x_txt=b"of c"))
    found = files_of(place.same(objects(world.store), world.entropy, world.keys.vault_id))
    assert sorted(found.values()) == [b"of a", b"of b", b"of c"]
    assert "d/x.txt" in found
    assert sum("conflict" in path for path in found) == 2


def test_several_things_of_one_name(world, place):
    def link(dev: Dev) -> None:
        (dev.root / "x").symlink_to("target")

    apart(
        world, puts(z=b"0"), puts(x=b"of a", y=b"of a"), puts(x__inside=b"in it"), both(link, puts(y=b"of c"))
    )
    found = place.same(objects(world.store), world.entropy, world.keys.vault_id)
    assert files_of(found)["x/inside"] == b"in it"
    assert sorted(thing[0] for path, thing in found.items() if path.startswith(b"x (conflict")) == [
        "file",
        "symlink",
    ]
    assert sum(path.startswith(b"y") for path in found) == 2


def test_one_name_that_others_were_moved_to(world, place):
    def gone(dev: Dev) -> None:
        (dev.root / "r").unlink()

    born = both(gone, puts(z_txt=b"born"))
    apart(world, puts(p=b"p", q=b"q", r=b"r"), moves("p", "z.txt"), moves("q", "z.txt"), born)
    found = files_of(place.same(objects(world.store), world.entropy, world.keys.vault_id))
    assert sorted(found.values()) == [b"born", b"p", b"q"]
    assert all(path.startswith("z") for path in found)


def test_directories_that_were_moved_into_each_other(world, place):
    last = both(moves("r", "p/r"), puts(p__r__new=b"new"))
    apart(world, puts(p__f=b"p", q__f=b"q", r__f=b"r"), moves("p", "q/p"), moves("q", "r/q"), last)
    found = files_of(place.same(objects(world.store), world.entropy, world.keys.vault_id))
    assert sorted(found.values()) == [b"new", b"p", b"q", b"r"]


def test_a_removed_directory_in_which_somebody_wrote(world, place):
    def removed(dev: Dev) -> None:
        (dev.root / "d" / "f").unlink()
        (dev.root / "d").rmdir()

    apart(world, puts(d__f=b"f"), removed, puts(d__new=b"new"))
    found = files_of(place.same(objects(world.store), world.entropy, world.keys.vault_id))
    assert found == {"d/new": b"new"}


def same_of_two(place: Place, two: Two) -> Tree:
    stored = {
        str(path.relative_to(two.store)): path.read_bytes() for path in two.store.rglob("*") if path.is_file()
    }
    return place.same(stored, recovery.from_words(two.words.read_text()), two.writer.vault)


def test_what_was_moved_into_a_directory_that_is_not_there(place, tmp_path):
    two = Two(tmp_path)
    two.write(two.a, b"one", b"base")
    number = two.directory(two.a, b"d")
    one, gone = key_of(reader.ROOT, b"one", reader.FILE), key_of(reader.ROOT, b"d", reader.DIRECTORY)
    two.apart(lambda a: two.writer.nodes.pop(gone), lambda b: two.move(b, one, number, b"inside"))
    assert files_of(same_of_two(place, two)) == {"Recovered/inside": b"base"}


def test_orphans_of_one_name_beside_a_real_directory_of_that_name(place, tmp_path):
    two = Two(tmp_path)
    two.write(two.a, b"one", b"base")
    two.write(two.a, b"other", b"second")
    two.directory(two.a, b"Recovered")
    numbers = [two.directory(two.a, name) for name in (b"d", b"e")]
    gone = [key_of(reader.ROOT, name, reader.DIRECTORY) for name in (b"d", b"e")]

    def moved(b: object) -> None:
        for name, number in zip((b"one", b"other"), numbers, strict=True):
            two.move(b, key_of(reader.ROOT, name, reader.FILE), number, b"same")

    two.apart(lambda a: [two.writer.nodes.pop(key) for key in gone], moved)
    found = files_of(same_of_two(place, two))
    assert sorted(found.values()) == [b"base", b"second"]
    assert all(path.startswith("Recovered (conflict") for path in found)


def test_two_contents_that_one_device_wrote_into_one_file_have_versions_of_their_own(place, tmp_path):
    two = Two(tmp_path)
    key = key_of(reader.ROOT, b"one", reader.FILE)
    two.write(two.a, b"one", b"first")
    (one,) = reader.decode(two.writer.nodes[key], "")
    two.write(two.a, b"one", b"second")
    (other,) = reader.decode(two.writer.nodes[key], "")
    other[5][0][2] += 1
    opened = [reader.open_entry(reader.FILE, entry) for entry in (one, other)]
    contents = reader.best_forms(value for entry in opened for value in entry.fields[1])
    both = reader.Entry(opened[0].device, opened[0].past, ([], contents, opened[0].fields[2]))
    two.writer.nodes[key] = reader.encode([reader.close_entry(reader.FILE, both)])
    two.writer.push(two.a, [])
    assert sorted(files_of(same_of_two(place, two)).values()) == [b"first", b"second"]
    log = (place.folder / "log").read_bytes().splitlines()
    versions = [told["version"] for told in map(json.loads, log) if told["type"] == "change"]
    assert len(versions) == len(set(versions)) == 2


@pytest.mark.parametrize("seed", range(8))
def test_whatever_devices_have_published_without_seeing_each_other(tmp_path, place, seed):
    history = History(tmp_path / "history", seed, Kinds(), number=3)
    try:
        for _ in range(40):
            history.step()
        for dev in history.devices:
            dev.push()
        place.same(objects(history.world.store), history.world.entropy, history.world.keys.vault_id)
    finally:
        history.world.close()
