"""Moving a vault to a copy of its store: only to one that is as new as what this device has seen."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from e2esync.adapters.state import FolderState
from e2esync.adapters.stores.memory import MemoryStore
from e2esync.engine.fetch import TRUSTED
from e2esync.engine.members import open_membership
from e2esync.engine.move_store import move_store
from e2esync.engine.notes import StoreAddress
from e2esync.errors import Fork, IntegrityError, NoVault, Rollback
from e2esync.format import names
from e2esync.vault.device import create_device
from e2esync.vault.heads import make_head, make_snapshot
from e2esync.vault.keyring import open_keyring
from e2esync.vault.trust import Trusted, TrustedHead
from tests.engine.people import CLOCK, device_in, set_up

NEW = StoreAddress("s3://new/place")


class World:
    """A vault of which this device has written one head and seen one of another device."""

    def __init__(self, tmp_path):
        self.store = MemoryStore()
        self.note = set_up(self.store, tmp_path / "home", tmp_path / "Sync", tmp_path / "words")
        self.local = device_in(tmp_path / "home")
        membership = open_membership(self.note.vault, self.local.membership(self.note.vault))
        self.keyring = open_keyring(membership, self.local.identity())
        self.state = FolderState(self.local.home.vault(self.note.vault) / "folder.db")
        self.device = self.local.device(self.note.device)
        self.other = create_device(self.local.identity())
        self.vault = SimpleNamespace(
            vault_id=self.note.vault,
            membership=membership,
            keyring=self.keyring,
            state=self.state,
            device=self.device,
            clock=CLOCK,
            store=self.store,
        )
        self.own_head, _ = self.head(self.device, 1, None)
        self.state.set("head", self.own_head)
        self.put(self.device, self.own_head)
        content, digest = self.head(self.other, 1, None)
        self.put(self.other, content)
        self.trust(1, digest)

    def head(self, device, sequence, previous, time=1):
        snapshot = make_snapshot(
            device, self.note.vault, sequence=sequence, previous=previous, root=None, context={}, previous_context={},
            tip=self.keyring.tip, epoch=self.keyring.current, time=time,
        )  # fmt: skip
        content = make_head(
            device, self.keyring, self.note.vault, snapshot=snapshot, context={}, revision=1, live_indexes=(),
            history=((previous,),) if previous else ((),), names=("device", "Alice"),
        )  # fmt: skip
        return content, snapshot.hash

    def put(self, device, content):
        self.store.put(names.head(self.note.vault, device.id), content)

    def trust(self, sequence, digest):
        head = TrustedHead(sequence, digest, 1, self.keyring.tip)
        self.state.set(TRUSTED, Trusted({self.other.id: head}, self.keyring.tip).encode())

    def move(self):
        return move_store(self.vault, self.note, NEW, self.local)  # type: ignore[arg-type]


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.state.close()


def test_to_an_equal_copy_it_moves_and_the_own_record_says_where(world, tmp_path):
    assert world.move().store == NEW
    assert device_in(tmp_path / "home").folders()[0].store == NEW


def test_to_a_copy_with_later_writes_of_another_device_it_moves(world):
    _, digest = world.head(world.other, 1, None)
    world.put(world.other, world.head(world.other, 2, digest)[0])
    world.move()


def test_it_does_not_move_to_where_the_vault_is_not(world):
    world.vault.store = MemoryStore()
    with pytest.raises(NoVault):
        world.move()


@pytest.mark.parametrize("which", ["device", "other"])
def test_it_does_not_move_to_a_copy_without_a_head(world, tmp_path, which):
    world.store.delete([names.head(world.note.vault, getattr(world, which).id)])
    with pytest.raises(Rollback):
        world.move()
    assert device_in(tmp_path / "home").folders()[0].store != NEW


def test_it_does_not_move_to_a_copy_with_an_older_head(world):
    _, digest = world.head(world.other, 2, bytes(32))
    world.trust(2, digest)
    with pytest.raises(Rollback):
        world.move()


def test_it_does_not_move_to_a_copy_that_tells_another_story(world):
    world.put(world.other, world.head(world.other, 1, None, time=2)[0])
    with pytest.raises(Fork):
        world.move()


def test_it_does_not_move_to_a_copy_with_a_damaged_head(world):
    world.put(world.other, bytes(500))
    with pytest.raises(IntegrityError):
        world.move()
