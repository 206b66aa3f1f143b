"""What the sweep is made over: a vault with every class of object, and a site with a store of its own for each cell.

The classes are read from what is stored: `classes` asks the names and the indexes, never a list of
what ought to be there, and refuses what it does not know.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from e2esync.adapters.stores.memory import MemoryStore
from e2esync.crypto import recovery
from e2esync.format import names
from e2esync.format.names import Kind
from e2esync.vault.prunemark import make_prune_mark
from moto_fixtures.hostile import HostileStore
from moto_fixtures.hostile_adversary import Adversary, Planted
from tests.attacks.arena import CANARY, Arena
from tests.engine.world import Dev, Keys

PACKS = ("chunk pack", "page pack", "mixed pack")
PEOPLE = ("card", "card keys", "own record")
VAULT = ("genesis", "members", "head", "prune mark", "index")
CLASSES = (*PEOPLE, *VAULT, *PACKS)


@contextmanager
def quick_directory() -> Iterator[Path]:
    """Give a directory in memory where there is one: thousands of sites are made and removed, and none has to last."""
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with TemporaryDirectory(prefix="e2esync-sweep-", dir=place) as made:
        yield Path(made)


class UnknownClass(AssertionError):
    """Something is stored of which the sweep does not know what it is."""


@dataclass(frozen=True)
class Moments:
    """Times of the store's time line."""

    early: int  # both devices had pushed once
    known: int  # the desk had pulled: what it has accepted
    final: int


class SweepWorld:
    """A vault of two devices with all classes of objects; the desk has not pulled the last pushes yet."""

    def __init__(self, home: Path) -> None:
        self.arena = Arena(home / "world")
        self.home = home
        laptop, desk = self.arena.pair()
        early = self.arena.store.now
        self.arena.edit(desk, "by the desk")
        desk.push()
        laptop.pull()
        self._large(laptop, "large", 1)
        laptop.push()
        desk.pull()
        self.arena.note(laptop, 1)
        self.arena.note(desk, 1)
        known = self.arena.store.now
        self.desk = desk
        desk.close()
        self.arena.world.devices.remove(desk)
        self._finish(laptop, desk)
        self.moments = Moments(early, known, self.arena.store.now)
        self.store = self.arena.store
        self.expected = laptop.tree()
        self.written = {version.key: version.time for version in self.store.versions}
        self.sorts = _sorts(laptop)
        self.words = home / "words"
        self.words.write_text(" ".join(recovery.to_words(self.arena.world.entropy)))
        self.mallory = Adversary(self.store)
        self.planted: Planted = self.mallory.plant({b"plain": b"planted"}, self.mallory.cards())
        self._sites = 0

    @property
    def keys(self) -> Keys:
        """What Ann's devices hold."""
        return self.arena.world.keys

    @property
    def desk_head(self) -> str:
        """The key of the head of the device that pulls with memory."""
        return self.arena.head_of(self.desk)

    def site(self) -> Site:
        """Return a place for one cell."""
        self._sites += 1
        return Site(self, self.copy_of_store(), self.home / f"site {self._sites}")

    def close(self) -> None:
        self.arena.close()

    def copy_of_store(self) -> HostileStore:
        """Return a store with the same objects, ETags and history, on which nobody else works."""
        old = self.store.wrapped
        assert isinstance(old, MemoryStore)
        wrapped = MemoryStore()
        store = HostileStore(wrapped, wait=lambda _seconds: None)
        wrapped._objects, wrapped._writes = dict(old._objects), old._writes
        store.versions, store.now = list(self.store.versions), self.store.now
        return store

    def _finish(self, laptop: Dev, desk: Dev) -> None:
        self.arena.edit(laptop, content=Random(3).randbytes(900))
        (laptop.root / "docs").rename(laptop.root / "papers")
        laptop.push()
        self._large(laptop, "large too", 2)
        for n in range(40):
            (laptop.root / f"file {n}").write_bytes(CANARY + b"%d" % n)
        laptop.push()
        self.arena.note(laptop, 2)
        self.arena.note(desk, 2)
        keys, packs = self.keys, list(laptop.vault.catalogue.all_packs())[:1]
        mark = make_prune_mark(laptop.device, keys.keyring, keys.vault_id, packs=packs, since=1_700_000_000)
        self.arena.store.put(names.prune_mark(keys.vault_id, laptop.device.id), mark)

    def _large(self, dev: Dev, name: str, seed: int) -> None:
        (dev.root / name).write_bytes(Random(seed).randbytes(400_000))


@dataclass
class Site:
    """One cell's own store, and a directory that goes with it."""

    world: SweepWorld
    store: HostileStore
    home: Path

    def desk(self) -> Dev:
        """The device with memory, as it was when it had pulled last."""
        arena, old = self.world.arena.world, self.world.desk
        shutil.copytree(old.home, self.home / "desk", symlinks=True)
        _as_if_never_copied(old.home, self.home / "desk")
        return Dev(
            "desk", self.home / "desk", self.world.keys, old.device, self.store.view("desk"), arena.clock
        )

    def desk_up_to_date(self) -> Dev:
        """The same device after an honest pull of everything."""
        dev, told = self.desk(), self.store
        dev.restart(self.world.copy_of_store().view("desk"))
        dev.pull()
        dev.restart(told.view("desk"))
        return dev

    def directory(self) -> Path:
        """A copied store: what is shown, as files."""
        top = self.home / "copy"
        for key in self.store.shown():
            path = top / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.store.body(key))
            if self.store.world("").manner(key).endless:
                with path.open("r+b") as file:
                    file.truncate(1 << 34)
        return top

    def end(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)


def _as_if_never_copied(old: Path, new: Path) -> None:
    """Have a copied device take the copied files for those that it wrote itself: as on its own disk."""
    database = sqlite3.connect(new / "state.db")
    for path in (old / "folder").rglob("*"):
        was, now = path.lstat(), (new / path.relative_to(old)).lstat()
        database.execute(
            "UPDATE row SET inode = ?, ctime = ?, birth = NULL WHERE inode = ?",
            (now.st_ino, now.st_ctime_ns, was.st_ino),
        )
    database.commit()
    database.close()


def _sorts(dev: Dev) -> dict[bytes, set[bool]]:
    """Whether each pack holds chunks, other blobs, or both."""
    sorts: dict[bytes, set[bool]] = {}
    catalogue = dev.vault.catalogue
    for group in catalogue.groups(catalogue.all_packs()):
        sorts.setdefault(group.pack, set()).add(group.is_chunk)
    return sorts


def class_of(key: str, sorts: Mapping[bytes, set[bool]]) -> str:
    """Return the class of a stored object.

    Raises:
        UnknownClass: It has none that the sweep knows.
    """
    name = names.parse(key)
    if name is None:
        raise UnknownClass(f"a key that is none of ours: {key}")
    if name.kind is Kind.PACK:
        held = sorts.get(name.id or b"")
        if held is None:
            raise UnknownClass(f"a pack that no index names: {key}")
        return "mixed pack" if len(held) > 1 else "chunk pack" if held == {True} else "page pack"
    found = name.kind.name.lower().replace("_", " ")
    if found not in CLASSES:
        raise UnknownClass(f"a {found}: {key}")
    return found


def classes(keys: list[str], sorts: Mapping[bytes, set[bool]]) -> dict[str, list[str]]:
    """Return the stored objects of each class.

    Raises:
        UnknownClass: There is one of a class that the sweep does not know, or none of one that it does.
    """
    found: dict[str, list[str]] = {}
    for key in keys:
        found.setdefault(class_of(key, sorts), []).append(key)
    if missing := set(CLASSES) - found.keys():
        raise UnknownClass(f"the vault has no {sorted(missing)}")
    return found
