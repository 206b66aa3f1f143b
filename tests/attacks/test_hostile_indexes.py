"""H2, H8, H9: what an index says is a claim. A device with real keys says there what is not so, of packs of others and of its own."""

from __future__ import annotations

from random import Random

import pytest

from e2esync.crypto.asymmetric import object_hash
from e2esync.engine.fetch import read_head, read_index
from e2esync.engine.prune import prune
from e2esync.engine.verify import verify
from e2esync.errors import BadObject, DiskFull, E2ESyncError, MissingObject, StoreUnavailable
from e2esync.format import names
from e2esync.format.cbor import encode
from e2esync.format.index import Group, Row
from e2esync.merge.retention import DAY, Rules
from e2esync.tree.keys import ROOT, Kind, birthplace, node_key
from e2esync.tree.lists import ListRoot
from e2esync.tree.pagecodec import page_value
from e2esync.tree.pages import Page
from e2esync.vault.cipher import BlobKind
from tests.attacks.arena import CANARY, Arena, AttackSucceeded, bnd, det, row
from tests.attacks.arena_defences import DEFENCES, Patch, always
from tests.attacks.forge_tree import Forger, item, nodes_of
from tests.engine.world import Dev


def _one_place(original):
    return lambda self, blob_id: original(self, blob_id)[:1]


DEFENCES.update(
    {
        "every place": (Patch("e2esync.adapters.catalogue:Catalogue", "find", _one_place),),
        "live indexes": (Patch("e2esync.engine.verify:_Verifier", "_is_live", always(True)),),
        "marks are answered": (Patch("e2esync.engine.prune", "_waits_for", always([])),),
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


# --- H9: pruned and borrowed at the same time ---------------------------------------------------------


@row("H9", weaknesses=["marks are answered"])
def test_what_was_borrowed_while_the_mark_was_hidden_is_not_deleted(arena: Arena):
    """The desk is shown no mark, refers to what it announces, and its head is held up until it was to go."""
    laptop, desk = arena.pair()
    old = Random(1).randbytes(600 << 10)
    arena.edit(laptop, content=old)
    laptop.push()
    desk.pull()
    arena.edit(laptop, content=b"newer")
    arena.world.clock.advance(2 * DAY)
    laptop.push()
    arena.store.fork("desk")
    rules = Rules(keep_days=0)
    assert prune(laptop.vault, rules, grace=DAY).marked
    laptop.push()
    arena.edit(desk, "copy", old)
    head = arena.head_of(desk)
    arena.store.error(head, client="desk")
    with pytest.raises(StoreUnavailable):
        desk.push()
    arena.world.clock.advance(DAY + 3600)
    laptop.push()
    prune(laptop.vault, rules, grace=DAY)
    arena.store.honest()
    desk.pull()  # puts the head that was held up
    if reads(arena, desk, laptop)[b"copy"][1] != old:
        raise AttackSucceeded("what was borrowed is gone")


# --- H8: without end ------------------------------------------------------------------------------------


@pytest.mark.row("H8")
@pytest.mark.shows("G17")
def test_more_devices_than_there_can_be_are_not_even_read(arena: Arena):
    laptop, _ = arena.pair()
    vault = arena.world.keys.vault_id
    arena.store.lie_in_list(show={names.head(vault, n.to_bytes(16, "big")): 5000 for n in range(10_000)})
    with bnd(arena.store, requests=3):
        arena.refuses(laptop, kinds=(BadObject,), recovers=False)


@pytest.mark.row("H8")
@pytest.mark.shows("G17")
def test_a_small_tree_that_unfolds_to_terabytes_is_refused_before_any_of_it_is_fetched(arena: Arena):
    """Every sum is as it should be: one chunk of a MiB, named 300 times, by a page that is named 300 times, …"""
    laptop, _ = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    content = forger.text(bytes(1 << 20))
    assert not isinstance(content.chunks, ListRoot)
    page, count, size = forger.list_page(0, [content.chunks[0]] * 300), 300, 300 << 20
    for level in (1, 2):
        page = forger.list_page(level, [(page, count, size)] * 300)
        count, size = count * 300, size * 300
    big = content._replace(size=size, chunks=ListRoot(page, 2, count))
    node = item(node_key(ROOT, b"big", Kind.FILE), [forger.entry(big, 0o644)])
    forger.publish([*nodes_of(laptop).items(), node])
    with bnd(arena.store, requests=40, size=6 << 20):
        arena.refuses(laptop, kinds=(DiskFull,), recovers=False)
    forger.publish(nodes_of(laptop).items() - {node})
    arena.pulls(laptop)


@row("H2", weaknesses=["live indexes"])
def test_what_only_an_index_that_was_dropped_names_is_not_said_to_be_there(arena: Arena):
    """The laptop refers to a chunk of the forger's, who then names its pack no more: here its row is known still."""
    laptop, _ = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    content = Random(2).randbytes(600 << 10)
    forger.publish([*nodes_of(laptop).items(), forger.file(b"first", content)])
    laptop.pull()
    arena.edit(laptop, "copy", content)
    laptop.push()
    verify(laptop.vault, laptop.keys.identity, deep=True)
    forger._indexes = ()
    forger.publish(nodes_of(laptop).items())
    laptop.pull()
    det(lambda: verify(laptop.vault, laptop.keys.identity, deep=False), MissingObject)
