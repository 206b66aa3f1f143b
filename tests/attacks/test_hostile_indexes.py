"""H2: what an index says is a claim. A device with real keys says there what is not so, of packs of others and of its own."""

from __future__ import annotations

from random import Random

import pytest

from e2esync.crypto.asymmetric import object_hash
from e2esync.engine.fetch import read_head, read_index
from e2esync.engine.prune import prune
from e2esync.errors import E2ESyncError
from e2esync.format.cbor import encode
from e2esync.format.index import Group, Row
from e2esync.merge.retention import DAY, Rules
from e2esync.tree.keys import birthplace
from e2esync.tree.pagecodec import page_value
from e2esync.tree.pages import Page
from e2esync.vault.cipher import BlobKind
from tests.attacks.arena import CANARY, Arena, AttackSucceeded, row
from tests.attacks.arena_defences import DEFENCES, Patch, always
from tests.attacks.forge_tree import Forger, nodes_of
from tests.engine.world import Dev


def _one_place(original):
    return lambda self, blob_id: original(self, blob_id)[:1]


DEFENCES.update(
    {
        "every place": (Patch("e2esync.adapters.catalogue:Catalogue", "find", _one_place),),
        "claims of our packs": (Patch("e2esync.adapters.catalogue", "_is_news", always(True)),),
    }
)


def groups_of(reader: Dev, writer: Dev) -> list[Group]:
    """What the indexes of a device say."""
    head = read_head(reader.vault, writer.device.id)
    return [group for index in head.live_indexes for group in read_index(reader.vault, index)]


def claim(forger: Forger, groups: list[Group], nodes: dict[bytes, bytes]) -> None:
    """Publish a good tree with an index that says this, too."""
    forger._indexes = (*forger._indexes, forger.put_index(sorted(groups)))
    forger.publish(nodes.items())


def reads(arena: Arena, *devices: Dev) -> dict[bytes, tuple]:
    """See that each device, and a new one, reads what the first one has."""
    for dev in (*devices, arena.newcomer(f"newcomer {len(arena.world.devices)}")):
        try:
            dev.pull()
        except E2ESyncError as error:
            raise AttackSucceeded(f"{dev.name} does not read what honest devices wrote: {error!r}") from error
        if found := dev.differs(devices[0].tree()):
            raise AttackSucceeded(f"{dev.name} reads something else: {found}")
    return devices[0].tree()


@row("H2", weaknesses=["claims of our packs"])
def test_a_page_that_was_never_stored_is_stored_whatever_an_index_claims(arena: Arena):
    """The tree that the laptop makes next is known to all who hold the keys, and so are its ids."""
    laptop, desk = arena.pair()
    nodes = nodes_of(laptop)
    forger = Forger(arena.world.keys, arena.store)
    after = [(key, value) for key, value in sorted(nodes.items()) if birthplace(key).name != b"plain"]
    page = forger.cipher.page_id(BlobKind.TREE_PAGE, encode(page_value(Page(0, after))))
    (pack, *_) = groups_of(desk, laptop)
    claim(forger, [Group(pack.pack, False, forger.cipher.epoch, (Row(page[:16], 0, 1000),))], nodes)
    laptop.pull()
    (laptop.root / "plain").unlink()
    laptop.push()
    reads(arena, laptop, desk)


@row("H2", weaknesses=["every place"])
def test_a_wrong_claim_of_where_a_blob_lies_does_not_hide_the_right_one(arena: Arena):
    """It is heard first, and speaks of the very pack in which the blob lies."""
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    nodes, then = nodes_of(desk), arena.store.now
    for n in range(3):
        arena.edit(laptop, f"new {n}", CANARY + b"%d" % n)
    laptop.push()
    lies = [
        Group(
            group.pack,
            group.is_chunk,
            group.epoch,
            tuple(each._replace(length=each.length - 1) for each in group.rows[:1]),
        )
        for group in groups_of(desk, laptop)
    ]
    head = arena.head_of(laptop)
    arena.store.replay(head, then)
    claim(forger, lies, nodes)
    desk.pull()  # hears the lies, and not yet the laptop
    arena.store.inject(head, arena.store.history(head)[-1])
    reads(arena, desk, laptop)


@pytest.mark.row("H2")
@pytest.mark.row("H9")
def test_no_claim_makes_prune_delete_what_is_needed(arena: Arena):
    """Each needed blob is claimed to lie in a pack of the forger's as well, which holds nothing."""
    laptop, desk = arena.pair()
    for n in range(4):
        arena.edit(laptop, content=Random(n).randbytes(600 << 10))
        arena.world.clock.advance(2 * DAY)
        laptop.push()
    desk.pull()
    forger = Forger(arena.world.keys, arena.store)
    rows, end = [], 0
    for group in (*groups_of(desk, laptop), *groups_of(laptop, desk)):
        for each in group.rows:
            rows.append(each._replace(offset=end))
            end += each.length
    nothing = object_hash(b"a pack of nothing")
    claim(forger, [Group(nothing, False, forger.cipher.epoch, tuple(rows))], nodes_of(desk))
    rules = Rules(keep_days=0)
    laptop.pull()
    assert prune(laptop.vault, rules).marked
    for days in (31, 0):
        for dev in (laptop, desk):
            dev.sync()
        arena.world.clock.advance(days * DAY)
    assert prune(laptop.vault, rules).deleted
    reads(arena, laptop, desk)
