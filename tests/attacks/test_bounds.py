"""H1, H8: what several heads may bring, each within its bounds, a join may put together beyond them. It stops nobody."""

from __future__ import annotations

import pytest

from e2esync.engine.narrow import MOST, ROOM, _narrowed, is_too_large
from e2esync.engine.shown import encoded
from e2esync.errors import E2ESyncError
from e2esync.format.cbor import decode
from e2esync.merge.join import join_entries
from e2esync.merge.write import Writer
from e2esync.tree.codec import MAX_VALUES, are_too_many, decode_entries
from e2esync.tree.keys import ROOT, Kind, node_key
from e2esync.tree.values import Attributes, Dot, Entry, Place, SymlinkContent
from tests.attacks.arena import CANARY, Arena, AttackSucceeded, det, row
from tests.attacks.arena_defences import DEFENCES, Patch, always
from tests.attacks.forge_tree import NOW_NS, Forger, item, nodes_of
from tests.engine.world import Dev

FILE, LINK = node_key(ROOT, b"plain", Kind.FILE), node_key(ROOT, b"link", Kind.SYMLINK)

DEFENCES.update({"narrowed": (Patch("e2esync.engine.push", "narrow", always([])),)})


def many_modes(number: int):
    def change(_forger: Forger, entry: Entry) -> Entry:
        modes = [Attributes(Dot(1, entry.device, 10_000 * number + n), 0o644) for n in range(1000)]
        return entry._replace(attributes=(*entry.attributes, *modes))

    return change


def many_places(number: int):
    def change(_forger: Forger, entry: Entry) -> Entry:
        places = [Place(Dot(1, entry.device, 10_000 * number + n), ROOT, b"plain") for n in range(1000)]
        return entry._replace(places=(*entry.places, *places))

    return change


def large_targets(number: int):
    """Few values, of very many bytes."""

    def change(_forger: Forger, entry: Entry) -> Entry:
        links = [
            SymlinkContent(
                Dot(1, entry.device, 10_000 * number + n), b"%d %d " % (number, n) + b"x" * 4000, NOW_NS
            )
            for n in range(132)
        ]
        return entry._replace(contents=(*entry.contents, *links))

    return change


def publish_all(arena: Arena, dev: Dev, make, key: bytes) -> None:
    """Two hostile devices that have not seen each other, each with a good tree."""
    nodes = nodes_of(dev)
    (entry,) = decode_entries(decode(nodes[key]), Kind(key[-5]))
    forgers = [Forger(arena.world.keys, arena.store, f"mallory {n}") for n in range(2)]
    contexts = [forger.everything() for forger in forgers]
    for number, (forger, context) in enumerate(zip(forgers, contexts, strict=True), 1):
        _, value = item(key, [make(number)(forger, entry)])
        forger.publish({**nodes, key: value}.items(), context=context)


def go_on(arena: Arena, laptop: Dev, desk: Dev) -> None:
    """See that a device joins and publishes that, and others read it, who hold the same and who do not."""
    try:
        for dev in (laptop, desk):
            dev.pull()
            arena.edit(dev, f"by {dev.name}", CANARY)
        for dev in (laptop, desk):
            dev.push()
        newcomer = arena.newcomer()
        for dev in (newcomer, laptop, desk):
            dev.pull()
    except E2ESyncError as error:
        raise AttackSucceeded(f"an honest device is stopped: {error!r}") from error
    for dev in (laptop, desk):
        assert all(len(value) <= MOST for value in nodes_of(dev).values())
        assert b"by laptop" in dev.tree()
        if found := dev.differs(newcomer.tree()):
            raise AttackSucceeded(f"{dev.name} shows something else: {sorted(found)[:3]}")


@pytest.mark.parametrize(
    ("make", "key"),
    [(many_modes, FILE), (many_places, FILE), (large_targets, LINK)],
    ids=["modes", "places", "bytes"],
)
@row("H1", shows=["G17"], weaknesses=["narrowed"])
def test_two_good_forms_of_an_entry_that_come_to_too_much_stop_nobody(arena: Arena, make, key):
    laptop, desk = arena.pair()
    publish_all(arena, laptop, make, key)
    go_on(arena, laptop, desk)


@row("H8", shows=["G17"], weaknesses=["narrowed"])
def test_entries_of_many_devices_that_come_to_too_much_stop_nobody(arena: Arena):
    laptop, desk = arena.pair()
    for number in range(3):
        forger = Forger(arena.world.keys, arena.store, f"mallory {number}")
        links = tuple(
            SymlinkContent(forger.dot(), b"%d %d " % (number, n) + b"x" * 4000, NOW_NS) for n in range(90)
        )
        entry = Entry(forger.device.id, 1, (), (), links, ())
        forger.publish([item(node_key(ROOT, b"crowd", Kind.SYMLINK), [entry])], context={})
    go_on(arena, laptop, desk)


@pytest.mark.row("H1")
def test_of_a_node_that_is_narrowed_no_device_crowds_out_what_another_wrote():
    honest, hostile, us = b"h" * 16, b"m" * 16, b"u" * 16
    written = SymlinkContent(Dot(1, honest, 1), b"honest", 0)
    planted = [
        SymlinkContent(Dot(1 << 40, hostile, n), b"%d " % n + b"x" * 4000, NOW_NS) for n in range(1, 1000)
    ]
    entries = frozenset(
        {
            Entry(honest, 1, (), (Place(Dot(1, honest, 2), ROOT, b"link"),), (written,), ()),
            Entry(hostile, 1 << 40, (), (), tuple(planted), ()),
        }
    )
    assert is_too_large(entries, encoded(entries))
    (left,) = _narrowed(entries, Writer(us, 7))
    assert written in left.contents
    assert planted[-1] in left.contents
    assert len(encoded(frozenset({left})) or b"") <= ROOM
    assert left.places == (Place(Dot(1, honest, 2), ROOT, b"link"),)
    assert dict(left.past) == {honest: 1, hostile: 1 << 40}
    assert join_entries(
        frozenset({left}), {us: 7} | dict(left.past), entries, {hostile: 1 << 40, honest: 1}
    ) == {left}


@pytest.mark.row("H1")
def test_more_values_than_a_head_may_have_are_refused_in_one_head_alone(arena: Arena):
    laptop, _ = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    links = tuple(SymlinkContent(forger.dot(), b"%d" % n, NOW_NS) for n in range(MAX_VALUES + 1))
    entry = Entry(forger.device.id, 1, (), (), links, ())
    assert are_too_many([entry])
    forger.publish([item(LINK, [entry])], context={})
    assert "more values" in det(laptop.pull).what
