"""A small world in one process: a store, and devices with folders and state of their own.

Devices are made as the program makes them, from keys and local databases; what differs is the
clock, whose `sleep` advances it, so that "looked at again a second later" costs nothing.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from e2esync.adapters.catalogue import Catalogue
from e2esync.adapters.files import LocalFolder
from e2esync.adapters.state import FolderState
from e2esync.adapters.stores.counting import CountingStore, Counts
from e2esync.adapters.stores.memory import MemoryStore
from e2esync.crypto import recovery
from e2esync.crypto.secrets import Entropy
from e2esync.engine.owner import become
from e2esync.engine.pull import pull
from e2esync.engine.push import push
from e2esync.engine.sync import sync
from e2esync.engine.vault import Clock, Summary, SyncedFolder
from e2esync.format import names
from e2esync.merge.aliases import PLAIN, Naming
from e2esync.merge.guards import Risk
from e2esync.model.store import Store
from e2esync.vault.cipher import VaultCipher
from e2esync.vault.device import Device, create_device
from e2esync.vault.identity import Identity, create_identity, open_identity
from e2esync.vault.keyring import Keyring, create_vault, open_keyring
from e2esync.vault.membership import Membership
from tests.engine.folding import FoldingFolder

ROOT = Path(__file__).resolve().parent.parent.parent


class PassedClock:
    """The time of the machine, moved on by every `sleep` and `advance`."""

    def __init__(self) -> None:
        self.ahead = 0  # ns
        self.clock = Clock(self.now_ns, self.advance)

    def now_ns(self) -> int:
        return time.time_ns() + self.ahead

    def advance(self, seconds: float) -> None:
        self.ahead += int(seconds * 1e9)


@dataclass(frozen=True)
class Keys:
    """What a person's devices hold of one vault."""

    identity: Identity
    membership: Membership
    keyring: Keyring
    vault_id: bytes


def objects(store: Store) -> dict[str, bytes]:
    """Everything in a store."""
    return {info.key: store.get(info.key) for info in store.list("")}


def open_from_words(store: Store, entropy: Entropy, vault_id: bytes) -> Keys:
    """What a new device reads from the store alone, from the words on."""
    everything = objects(store)
    identity = open_identity(entropy, everything)
    genesis = everything[names.genesis(vault_id)]
    membership = Membership.load(vault_id, genesis, everything, [identity.public])
    return Keys(identity, membership, open_keyring(membership, identity), vault_id)


@dataclass
class Dev:
    """One device: `vault` is what its commands work on, and is made anew by `restart`."""

    name: str
    home: Path
    keys: Keys
    device: Device
    store: Store
    clock: PassedClock
    naming: Naming = PLAIN  # of its disk
    vault: SyncedFolder = field(init=False)

    def __post_init__(self) -> None:
        self.vault = opened(self)

    @property
    def root(self) -> Path:
        return self.home / "folder"

    def push(self) -> Summary:
        return push(self.vault)

    def pull(self) -> Summary:
        return pull(self.vault)

    def sync(self) -> Summary:
        return sync(self.vault)

    def tree(self) -> dict[bytes, tuple]:
        return tree(self.root)

    def differs(self, expected: dict[bytes, tuple]) -> dict[bytes, tuple]:
        """What is not as expected: path, with what is there and what should be, each in short."""
        found = self.tree()
        paths = sorted(
            path for path in found.keys() | expected.keys() if found.get(path) != expected.get(path)
        )
        return {path: (_short(found.get(path)), _short(expected.get(path))) for path in paths}

    def close(self) -> None:
        self.vault.state.close()
        self.vault.catalogue.close()
        self.vault.folder.close()

    def restart(self, store: Store | None = None) -> None:
        """Begin anew with what is on the disk, as the next process does."""
        self.close()
        self.store = store or self.store
        self.vault = opened(self)

    def renew(self) -> None:
        """Go on as a new device, as the program does where the state was restored or lost."""
        self.renewed(self.vault)
        self.restart()

    def renewed(self, vault: SyncedFolder) -> SyncedFolder:
        """The folder as that of a new device."""
        device = create_device(self.keys.identity)
        with vault.state.transaction():
            become(vault, self.device.id, device.id)
        self.device = device
        return replace(vault, device=device)

    @contextmanager
    def using(self, **parts: object) -> Iterator[None]:
        """Have other parts for a while, such as a store that counts."""
        before = self.vault
        self.vault = replace(before, **parts)  # type: ignore[arg-type]
        try:
            yield
        finally:
            self.vault = before

    def count(self, command: Callable[[], object]) -> Counts:
        """What a command asks of the store."""
        counting = CountingStore(self.vault.store)
        with self.using(store=counting):
            command()
        return counting.counts


def _short(thing: tuple | None) -> tuple | None:
    return thing and tuple(part[:20] if isinstance(part, bytes) else part for part in thing)


def opened(dev: Dev) -> SyncedFolder:
    """What commands of a device work on, with connections of its own."""
    return SyncedFolder(
        vault_id=dev.keys.vault_id,
        store=dev.store,
        membership=dev.keys.membership,
        keyring=dev.keys.keyring,
        cipher=VaultCipher(dev.keys.vault_id, dev.keys.keyring),
        catalogue=Catalogue(dev.home / "catalogue.db"),
        clock=dev.clock.clock,
        device=dev.device,
        names=(dev.name, "Ann canary"),
        accepted=frozenset(Risk),  # tests of the guards take that away
        state=FolderState(dev.home / "state.db"),
        folder=LocalFolder.open(dev.root) if dev.naming == PLAIN else FoldingFolder(dev.root, dev.naming),
    )


class World:
    """A store with one vault of Ann's, and her devices."""

    def __init__(self, home: Path, store: Store | None = None) -> None:
        self.home = home
        self.clock = PassedClock()
        self.store: Store = store or MemoryStore()
        self.entropy = recovery.generate()
        self.devices: list[Dev] = []
        identity, cards = create_identity(self.entropy)
        vault = create_vault(identity, "Ann canary")
        for key, content in cards.items():
            self.store.put(key, content)
        self.store.put(vault.members_key, vault.members)
        self.store.put(vault.genesis_key, vault.genesis)
        self.keys = Keys(identity, vault.membership, vault.keyring, vault.vault_id)

    def device(
        self,
        name: str,
        *,
        keys: Keys | None = None,
        store: Store | None = None,
        device: Device | None = None,
        naming: Naming = PLAIN,
    ) -> Dev:
        """A device that has just joined, with an empty folder."""
        keys = keys or self.keys
        home = self.home / name
        folder = LocalFolder.create(home / "folder")
        folder.write_marker(keys.vault_id)
        folder.close()
        device = device or create_device(keys.identity)
        dev = Dev(name, home, keys, device, store or self.store, self.clock, naming)
        self.devices.append(dev)
        return dev

    def in_order(self, names: Iterable[str], namings: Mapping[str, Naming] = {}) -> dict[str, Dev]:
        """Devices whose ids are in the order of their names: that decides between equal sequences."""
        wanted = sorted(names)
        made = sorted((create_device(self.keys.identity) for _ in wanted), key=lambda device: device.id)
        return {
            name: self.device(name, device=device, naming=namings.get(name, PLAIN))
            for name, device in zip(wanted, made, strict=True)
        }

    def fresh(self, name: str, store: Store | None = None) -> Dev:
        """A device that knows nothing but the words, and reads all else from the store."""
        store = store or self.store
        return self.device(name, keys=open_from_words(store, self.entropy, self.keys.vault_id), store=store)

    def close(self) -> None:
        for dev in self.devices:
            dev.close()
        self.devices = []

    def keys_of(self, kind: names.Kind) -> list[str]:
        """The keys of all objects of a kind."""
        parsed = ((info.key, names.parse(info.key)) for info in self.store.list(""))
        return sorted(key for key, name in parsed if name is not None and name.kind is kind)


def tree(root: Path | bytes) -> dict[bytes, tuple]:
    """A folder as a value, without our own directory: kinds, contents, modes, mtimes, link targets.

    Goes down by descriptors of directories, since a path may be longer than the system takes.
    """
    found: dict[bytes, tuple] = {}
    top = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    todo = [(b"", top)]
    while todo:
        prefix, directory = todo.pop()
        for name in map(os.fsencode, os.listdir(directory)):
            if not prefix and name == b".e2esync":
                continue
            path, status = prefix + name, os.stat(name, dir_fd=directory, follow_symlinks=False)
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISLNK(status.st_mode):
                found[path] = ("symlink", os.readlink(name, dir_fd=directory), status.st_mtime_ns)
            elif stat.S_ISDIR(status.st_mode):
                found[path] = ("directory", mode)
                below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
                todo.append((path + b"/", below))
            elif stat.S_ISREG(status.st_mode):
                with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=directory), "rb") as file:
                    found[path] = ("file", file.read(), mode, status.st_mtime_ns)
            else:
                found[path] = ("other",)
        os.close(directory)
    return found
