"""H2, H8, H9: what an index says is a claim. A device with real keys says there what is not so, of packs of others and of its own."""

from __future__ import annotations

from contextlib import nullcontext
from random import Random

import pytest

from e2esync.crypto.asymmetric import object_hash
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import Sealer
from e2esync.engine.broken import BrokenWord
from e2esync.engine.fetch import read_head, read_index
from e2esync.engine.prune import prune
from e2esync.engine.verify import verify
from e2esync.errors import BadObject, DiskFull, E2ESyncError, MissingObject, StoreUnavailable
from e2esync.format import names
from e2esync.format.cbor import encode
from e2esync.format.head import EpochFramed
from e2esync.format.index import Group, Row
from e2esync.format.padding import pad
from e2esync.merge.retention import DAY, Rules
from e2esync.tree.keys import ROOT, Kind, birthplace, node_key
from e2esync.tree.lists import ListRoot
from e2esync.tree.pagecodec import page_value
from e2esync.tree.pages import Page, cut
from e2esync.vault.cipher import BlobKind
from e2esync.vault.indexes import LEAST
from tests.attacks.arena import CANARY, Arena, AttackSucceeded, bnd, det, row
from tests.attacks.arena_defences import DEFENCES, Patch, always
from tests.attacks.forge_tree import Forger, item, nodes_of
from tests.engine.world import Dev


def _one_place(original):
    return lambda self, blob_id: original(self, blob_id)[:1]


def _stops(_original):
    """Setting aside that ends with the first broken word."""
    return lambda _aside, _device: nullcontext()


DEFENCES.update(
    {
        "every place": (Patch("e2esync.adapters.catalogue:Catalogue", "find", _one_place),),
        "live indexes": (Patch("e2esync.engine.verify:_Verifier", "_is_live", always(True)),),
        "broken words": (Patch("e2esync.engine.broken", "setting_aside", _stops),),
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
    made = [encode(page_value(Page(0, list(items)))) for items in cut(after, 0, forger.cipher.draw)]
    rows = (
        Row(forger.cipher.page_id(BlobKind.TREE_PAGE, body)[:16], 1000 * n, 1000)
        for n, body in enumerate(made)
    )
    (pack, *_) = groups_of(desk, laptop)
    claim(forger, [Group(pack.pack, False, forger.cipher.epoch, tuple(rows))], nodes)
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


# --- H1: an index or a page of the history that its device has signed, and that is not as it should be ------


def sealed(forger: Forger, body: bytes, *, most: int | None = None) -> bytes:
    """An index of these bytes, sealed as it should be; maybe cut before."""
    keyring, vault_id = forger.keys.keyring, forger.keys.vault_id
    record = keyring.tip[1]
    padded = pad(body, overhead=60, least=LEAST)[:most]
    return EpochFramed(
        record, Sealer(keyring.current_key, Purpose.INDEX_SEAL).seal(padded, context=vault_id + record)
    ).encode()


def no_index(forger: Forger) -> bytes:
    return sealed(forger, encode(["what", "is", "this"])[1:])


def wrong_order(forger: Forger) -> bytes:
    epoch = forger.cipher.epoch
    group = [bytes(32), 0, 1, 0, bytes(16), (100).to_bytes(4, "big")]
    return sealed(forger, encode([1, [epoch], [group, group]]))


def rows_that_end_behind_their_pack(forger: Forger) -> bytes:
    epoch = forger.cipher.epoch
    return sealed(
        forger, encode([1, [epoch], [[bytes(32), 1 << 24, 1, 0, bytes(16), (100).to_bytes(4, "big")]]])
    )


def not_padded(forger: Forger) -> bytes:
    return sealed(forger, encode([1, [], []]), most=1000)


def noise_of(forger: Forger) -> bytes:
    return forger.keys.keyring.tip[1] + Random(1).randbytes(4064)


def of_no_record(_forger: Forger) -> bytes:
    return Random(2).randbytes(4096)


BROKEN = pytest.mark.parametrize(
    "make", [no_index, wrong_order, rows_that_end_behind_their_pack, not_padded, noise_of, of_no_record]
)


def list_also(forger: Forger, content: bytes) -> None:
    """Publish a good tree in a head that lists this as an index, too."""
    index = object_hash(content)
    forger.store.put(names.index(forger.keys.vault_id, index), content)
    before = forger._indexes
    forger._indexes = (index, *before)
    forger.publish([forger.file(b"of mallory")], context={})
    forger._indexes = tuple(one for one in forger._indexes if one != index)


def set_aside(arena: Arena, *devices: Dev) -> None:
    """See that each device, and a new one, says whose word it is, and gets what the others write."""
    for number, dev in enumerate(devices):
        arena.edit(dev, f"by {number}", CANARY + b"%d" % number)
        try:
            dev.push()
        except E2ESyncError as error:
            raise AttackSucceeded(f"{dev.name} cannot publish: {error!r}") from error
    for dev in (*devices, arena.newcomer(f"newcomer {len(arena.world.devices)}")):
        for command in (dev.pull, dev.sync):
            refused = det(command, BrokenWord)
            assert refused.exit_code == 6
            if "mallory" not in refused.what:
                raise AttackSucceeded(f"it is not said whose word is set aside: {refused.what}")
        if not {b"by %d" % number for number in range(len(devices))} <= dev.tree().keys():
            raise AttackSucceeded(f"{dev.name} does not get what the others write")
        if b"of mallory" in dev.tree():
            raise AttackSucceeded("what is set aside is shown")


@BROKEN
@row("H1", shows=["G2"], weaknesses=["broken words"])
def test_an_index_that_its_device_has_broken_stops_nobody_else(arena: Arena, make):
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    list_also(forger, make(forger))
    set_aside(arena, laptop, desk)
    forger.publish([forger.file(b"good again")], context={})
    assert b"good again" in reads(arena, laptop, desk)


@pytest.mark.row("H1")
def test_what_a_good_index_beside_a_broken_one_names_is_found(arena: Arena):
    """Honest trees may refer to what only the hostile device has stored."""
    laptop, _ = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish([forger.file(b"shared", CANARY * 2)], context={})
    laptop.pull()
    arena.edit(laptop, "of the laptop")
    laptop.push()
    list_also(forger, no_index(forger))
    dev = arena.newcomer()
    det(dev.pull, BrokenWord)
    assert (dev.root / "shared").read_bytes() == CANARY * 2


@pytest.mark.row("H1")
@pytest.mark.parametrize("verb", ["lose", "flip"])
def test_an_index_that_the_store_has_broken_stops_everything(arena: Arena, verb):
    laptop, desk = arena.pair()
    arena.edit(laptop)
    laptop.push()
    (key,) = {
        names.index(arena.world.keys.vault_id, one)
        for one in read_head(desk.vault, laptop.device.id).live_indexes
    } - {
        key
        for key in arena.keys(names.Kind.INDEX)
        if desk.vault.catalogue.is_loaded(bytes.fromhex(key[-64:]))
    }
    getattr(arena.store, verb)(*((key,) if verb == "lose" else (key, 100)))
    error = arena.refuses(desk)
    assert not isinstance(error, BrokenWord)


PAGE_BODIES = {
    "no page": b"\x01",
    "another level": encode([7, *[bytes(32)] * 64]),
    "too few": encode([0, *[bytes(32)] * 63]),
    "no hashes": encode([0, *["x"] * 64]),
}


@pytest.mark.parametrize("body", PAGE_BODIES.values(), ids=PAGE_BODIES)
@row("H1", shows=["G2"], weaknesses=["broken words"])
def test_a_page_of_the_history_that_its_device_has_broken_stops_nobody_else(arena: Arena, body):
    """The others have accepted its first word, and look for that in its history."""
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish([forger.file(b"at first")], context={})
    for dev in (laptop, desk):
        dev.sync()
    page = forger.body(BlobKind.HISTORY, body)
    forger.sequence, forger._history = 128, (tuple([bytes(32)] * 63), (page,))
    forger.publish([forger.file(b"of mallory")], context={})
    newcomer = arena.newcomer("phone")  # it finds what the others have seen in no history
    set_aside(arena, laptop, desk, newcomer)
    for dev in (laptop, desk):
        assert b"at first" in dev.tree()


@row("H1", shows=["G2"], weaknesses=["broken words"])
def test_a_page_of_the_history_that_only_a_broken_index_may_name_stops_nobody_else(arena: Arena):
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish([forger.file(b"at first")], context={})
    for dev in (laptop, desk):
        dev.sync()
    forger.sequence, forger._history = 128, (tuple([bytes(32)] * 63), (bytes(32),))
    list_also(forger, no_index(forger))
    set_aside(arena, laptop, desk)
