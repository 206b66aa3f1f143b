"""Packs of which a part is needed are copied from, and packs that no index names go too: in two phases, as any other."""

import random

import pytest

from e2esync.adapters.catalogue import SENDING
from e2esync.engine import fold as fold_module
from e2esync.engine import prune as prune_module
from e2esync.engine.blobs import BlobReader
from e2esync.engine.prune import PruneReport
from e2esync.engine.reach import note_needed
from e2esync.engine.verify import verify
from e2esync.format import names
from e2esync.format.cbor import decode
from e2esync.format.index import Row
from e2esync.merge.retention import Rules
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import Kind
from tests.engine import mortal
from tests.engine.mortal import Death
from tests.engine.test_prune import NOW_ONLY, contents, days, prune_fully, run, settled, stored_bytes
from tests.engine.test_prune_marks import head_of, packs_of
from tests.engine.test_push_pull import random_bytes, write
from tests.engine.world import Dev, World

MIXED = 6  # files of one push, of which one is kept
EACH = 200_000


def mixed(dev: Dev, first: int = 0, others: tuple[Dev, ...] = ()) -> bytes:
    """Let a device push several files into one pack, a day before it drops all but the first; return that."""
    kept = random_bytes(EACH, first)
    write(dev.root / f"kept {first}", kept)
    for number in range(1, MIXED):
        write(dev.root / f"gone {first + number}", random_bytes(EACH, first + number))
    dev.push()
    for other in others:
        other.pull()
    days(dev, 1)
    for number in range(1, MIXED):
        (dev.root / f"gone {first + number}").unlink()
    dev.push()
    return kept


@pytest.fixture
def partly(world, pair):
    """Two devices, and a pack of the first of which a sixth is needed."""
    a, b = pair
    kept = mixed(a, others=(b,))
    b.pull()
    write(b.root / "small", b"small")
    b.push()
    a.pull()
    return a, b, kept


def pack_with(dev: Dev, world: World, path: str) -> set[bytes]:
    """The packs that a device knows to hold the chunks of a file, and that are there."""
    (content,) = [
        content
        for key, value in dev.vault.state.items(0)
        if path.encode() in key
        for entry in _entries(value)
        for content in entry.contents
    ]
    chunks = BlobReader(dev.vault).iterate(content)
    return {place.pack for chunk in chunks for place in dev.vault.catalogue.find(chunk.id)} & packs_of(world)


def _entries(value):
    return decode_entries(decode(value), Kind.FILE)


# partly used packs


def test_what_is_needed_of_a_pack_is_copied_and_the_pack_goes_after_the_grace(world, partly):
    a, b, kept = partly
    (old,) = pack_with(a, world, "kept")
    size = stored_bytes(world)
    report = run(a)
    assert (report.copied >= 1, report.deleted) == (True, 0)
    assert EACH < report.copied_bytes < EACH * 1.1
    assert old in packs_of(world)
    assert len(pack_with(a, world, "kept")) == 2
    for dev in (a, b):
        dev.push()
    days(world, 31)
    for dev in (a, b):
        dev.push()
    assert run(a).deleted > 0
    assert old not in packs_of(world)
    assert stored_bytes(world) < size - (MIXED - 2) * EACH
    assert contents(b, a)["kept 0"] == {kept}
    settled(world, a, b)
    assert verify(a.vault, a.keys.identity, deep=True).pruned == 0


def test_until_it_is_deleted_every_old_version_can_be_read(world, partly):
    a, b, _ = partly
    before = contents(b, a)
    assert len(before) == MIXED
    run(a)
    for dev in (a, b):
        dev.push()
    days(world, 31)
    assert contents(world.fresh("reader"), a) == before


def test_a_mark_that_is_taken_back_has_cost_nothing_but_the_copy(world, partly):
    a, b, _ = partly
    before = contents(b, a)
    run(a)
    for dev in (a, b):
        dev.push()
    days(world, 31)
    run(a, Rules())
    assert contents(world.fresh("reader"), a) == before
    settled(world, a, b)


def test_a_dry_run_says_what_would_be_copied_and_marked(world, partly):
    a, _, _ = partly
    before = sorted(info.key for info in world.store.list(""))
    dry = run(a, dry_run=True)
    assert sorted(info.key for info in world.store.list("")) == before
    done = run(a)
    assert (done.copied, done.copied_bytes) == (dry.copied, dry.copied_bytes)
    assert done.copied >= 1
    assert (
        dry.marked <= done.marked <= dry.marked + 1
    )  # the snapshot of before the copies may be alone in a pack


def test_a_copy_costs_two_reads_of_the_pack_at_most_and_what_is_needed(world, partly):
    a, _, _ = partly
    counts = a.count(lambda: run(a))
    assert counts.uploaded_bytes < 2 * EACH
    assert counts.requests["PUT"] <= 6


def test_where_more_than_half_is_needed_nothing_is_copied(world, pair):
    a, _ = pair
    for number in range(MIXED):
        write(a.root / f"file {number}", random_bytes(EACH, number))
    a.push()
    days(world, 1)
    for number in range(2):
        (a.root / f"file {number}").unlink()
    a.push()
    assert run(a) == PruneReport()


def test_for_little_nothing_is_copied(world, pair):
    a, _ = pair
    for number in range(MIXED):
        write(a.root / f"file {number}", random_bytes(30_000, number))
    a.push()
    days(world, 1)
    for number in range(1, MIXED):
        (a.root / f"file {number}").unlink()
    a.push()
    assert run(a) == PruneReport()


def test_nothing_is_copied_out_of_the_packs_of_others(world, partly):
    a, b, _ = partly
    assert run(b).copied == 0
    assert pack_with(b, world, "kept") == pack_with(a, world, "kept")


def test_while_a_mark_waits_nothing_is_copied_again(world, partly):
    a, b, _ = partly
    run(a)
    a.push()
    b.push()
    mixed(a, first=100)
    assert run(a).copied == 0
    days(world, 31)
    for dev in (a, b):
        dev.push()
    done = run(a)
    assert done.deleted > 0
    assert done.copied >= 1


def test_a_pack_of_which_something_came_into_use_again_stays(world, partly):
    a, b, kept = partly
    (old,) = pack_with(a, world, "kept")
    assert run(a).copied >= 1
    b.restart(_Hiding(world.store))
    write(b.root / "again", random_bytes(EACH, 3))  # borrowed from the old pack: the mark is not seen yet
    assert b.count(b.push).uploaded_bytes < EACH
    b.restart(world.store)
    b.push()
    a.push()
    days(world, 31)
    for dev in (a, b):
        dev.push()
    run(a)
    assert old in packs_of(world)
    a.push()
    assert run(a).copied >= 1  # what came into use: the next mark has the pack again
    for dev in (a, b):
        dev.push()
    days(world, 31)
    for dev in (a, b):
        dev.push()
    run(a)
    assert old not in packs_of(world)
    a.pull()
    assert (a.root / "again").read_bytes() == random_bytes(EACH, 3)
    assert (a.root / "kept 0").read_bytes() == kept
    settled(world, a, b)


class _Hiding:
    """A store that shows no prune marks."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def list(self, prefix):
        return (info for info in self._inner.list(prefix) if not info.key.endswith(".prune"))


def test_a_pack_whose_copy_the_store_has_lost_stays(world, partly):
    a, b, _ = partly
    (old,) = pack_with(a, world, "kept")
    run(a)
    (copy,) = pack_with(a, world, "kept") - {old}
    for dev in (a, b):
        dev.push()
    days(world, 31)
    for dev in (a, b):
        dev.push()
    world.store.delete([names.pack(a.keys.vault_id, copy)])
    run(a)
    assert old in packs_of(world)


def test_two_packs_that_hold_the_same_do_not_both_go(world, partly):
    a, _, _ = partly
    (old,) = pack_with(a, world, "kept")
    run(a)
    (copy,) = pack_with(a, world, "kept") - {old}
    rows = a.vault.catalogue.reach()
    for group in a.vault.catalogue.groups([old, copy]):
        rows.add_live(group, ours=True)
        rows.add_all(row.prefix for row in group.rows)
    rows.add_stored([(old, 1), (copy, 1)])
    assert rows.is_replaced(copy)
    rows.add_leaving([old])
    assert not rows.is_replaced(copy)


def test_what_another_device_says_of_a_pack_keeps_it(world, partly):
    a, _, _ = partly
    run(a)
    rows = a.vault.catalogue.reach()
    (old, _) = sorted(pack_with(a, world, "kept"), key=lambda pack: -len(world.store.get(names.pack(a.keys.vault_id, pack))))  # fmt: skip
    groups = list(a.vault.catalogue.groups(pack_with(a, world, "kept")))
    for group in groups:
        rows.add_live(group, ours=True)
        rows.add_stored([(group.pack, 1)])
    (chunk,) = [row for group in groups if group.pack != old for row in group.rows][:1]
    rows.add(chunk.prefix)
    assert rows.is_replaced(old)
    rows.add_live(next(group for group in groups if group.pack == old), ours=False)
    assert not rows.is_replaced(old)


def test_what_another_device_says_to_be_in_a_pack_keeps_it_if_it_is_needed(world, partly):
    a, _, _ = partly
    (old,) = pack_with(a, world, "kept")
    foreign = random.Random(2).randbytes(32)
    group = next(iter(a.vault.catalogue.groups([old])))
    rows = a.vault.catalogue.reach()
    rows.add_live(group, ours=True)
    rows.add_stored([(old, 1 << 22)])
    rows.add(group.rows[0].prefix)
    assert [one.id for one in rows.partly()] == [old]
    rows.add_live(group._replace(rows=(Row(foreign[:16], 1 << 22, 100),)), ours=False)
    rows.add(foreign)
    assert list(rows.partly()) == []
    assert not rows.is_replaced(old)


def test_a_pack_in_which_somebody_once_said_to_be_what_is_needed_is_not_copied_from(world, partly):
    """That cannot be copied, as no index of our own says where it is: so the pack stays, and a copy would be for nothing."""
    a, _, _ = partly
    (old,) = pack_with(a, world, "kept")
    group = next(iter(a.vault.catalogue.groups([old])))
    foreign = random.Random(2).randbytes(32)
    said = group._replace(rows=(Row(foreign[:16], 1 << 22, 100),))
    a.vault.catalogue.forget_all()  # who has lost that knows of its own packs what indexes say
    a.vault.catalogue.load(random.Random(3).randbytes(32), [group], now=0)
    a.vault.catalogue.load(random.Random(4).randbytes(32), [said], now=0)  # no head names that any more
    rows = a.vault.catalogue.reach()
    rows.add_live(group, ours=True)
    rows.add_stored([(old, 1 << 23)])
    rows.add(group.rows[0].prefix)
    assert [one.id for one in rows.partly()] == [old]
    rows.add(foreign)
    assert list(rows.partly()) == []
    assert not rows.is_replaced(old)


def test_what_is_about_to_go_is_not_folded_into_other_packs(world, partly, monkeypatch):
    a, b, _ = partly
    (old,) = pack_with(a, world, "kept")
    run(a)
    monkeypatch.setattr(fold_module, "FAN", 3)
    for number in range(6):
        write(a.root / "more", b"%d" % number)
        a.push()
    b.push()
    days(world, 31)
    for dev in (a, b):
        dev.push()
    assert old in packs_of(world)
    assert run(a).deleted > 0
    assert old not in packs_of(world)
    settled(world, a, b)


def kill_everywhere(dev: Dev, command: str, limit: int = 500) -> int:
    """Kill a command before or after every step by turns, each time one step later, until it comes to its end."""
    for at in range(1, limit):
        if mortal.run(dev, command, Death(at, after=at % 2 == 0)):
            return at
    raise AssertionError("it never comes to its end")


def test_killed_at_any_step_while_it_copies_and_marks_nothing_is_lost(world, partly):
    a, b, kept = partly
    (old,) = pack_with(a, world, "kept")
    a.prune = lambda: run(a)
    assert kill_everywhere(a, "prune") > 20
    # one, what a killed run had on its way, and no more with each kill: packs are sent side by side
    assert len(pack_with(a, world, "kept")) <= 5
    marked = run(a).marked
    assert marked > 0
    settled(world, a, b)
    for dev in (a, b):
        dev.push()
    days(world, 31)
    for dev in (a, b):
        dev.push()
    assert kill_everywhere(a, "prune") > 10
    assert old not in packs_of(world)
    assert contents(b, a)["kept 0"] == {kept}
    settled(world, a, b)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("phase", ["marks", "deletes"])
def test_killed_at_every_step_by_turns_every_device_restores_all(world, partly, phase, after):
    a, b, kept = partly
    a.prune = lambda: run(a)
    if phase == "deletes":
        run(a)
        wait(world, a, b)
    at, is_over = 0, False
    while not is_over:
        at += 1
        is_over = mortal.run(a, "prune", Death(at, after=after))
        for dev in (a, b):  # whoever comes next
            dev.push()
            dev.pull()
            assert verify(dev.vault, dev.keys.identity, deep=True).heads
        if at % 5 == 1 or is_over:
            new = world.fresh(f"fresh {at}")
            new.pull()
            assert (new.root / "kept 0").read_bytes() == kept
            assert new.differs(a.tree()) == {}
    assert at > 10


def test_a_device_that_was_away_for_the_whole_grace_loses_nothing_of_what_was_copied(world, partly):
    a, b, kept = partly
    (old,) = pack_with(a, world, "kept")
    write(b.root / "copy", kept)
    write(b.root / "of the past", random_bytes(EACH, 3))
    run(a)
    a.push()
    days(world, 31)
    a.push()
    run(a)
    assert old not in packs_of(world)
    b.sync()
    b.sync()
    a.sync()
    assert (a.root / "copy").read_bytes() == kept
    assert (a.root / "of the past").read_bytes() == random_bytes(EACH, 3)
    settled(world, a, b)


def test_a_device_that_was_away_copies_nothing_before_it_has_looked(world, partly):
    a, _, _ = partly
    days(world, 25)
    assert run(a).copied == 0
    a.push()
    assert run(a).copied >= 1


def test_after_a_new_mark_of_another_nothing_is_copied_before_the_next_push(world, partly):
    a, b, _ = partly
    mixed(b, first=200)
    a.pull()
    run(b)
    assert run(a).copied == 0
    a.push()
    assert run(a).copied >= 1


# packs that no index names


def cut_off(dev: Dev, name: str = "lost", seed: int = 50) -> None:
    """Let a device die between pack and index, and never come back."""
    write(dev.root / name, random_bytes(EACH * 3, seed))

    class Dying(Death):
        def step(self, what, act):
            done = super().step(what, act)
            if what == "store.put":
                self.dead = True
                raise mortal.Killed(what)
            return done

    assert not mortal.run(dev, "push", Dying())


def unlisted(world: World, dev: Dev) -> set[bytes]:
    """The packs that no live index names, as a new device sees it."""
    reader = world.fresh(f"looks {len(world.devices)}")
    reader.pull()
    return packs_of(world) - {pack for (pack,) in reader.vault.catalogue._db.execute("SELECT id FROM pack")}


@pytest.fixture
def orphaned(world, pair):
    """Two devices, and a third that died between pack and index."""
    a, b = pair
    write(a.root / "large", random_bytes(EACH, 1))
    a.push()
    b.pull()
    write(b.root / "small")
    b.push()
    a.pull()
    c = world.device("third")
    c.pull()
    write(c.root / "third")
    c.push()
    for dev in (a, b):
        dev.pull()
    cut_off(c)
    (orphan,) = unlisted(world, a)
    return a, b, c, orphan


def wait(world: World, *devices: Dev) -> None:
    for dev in devices:
        dev.push()
    days(world, 31)
    for dev in devices:
        dev.push()


def test_a_pack_that_no_index_names_goes_after_thirty_days_and_the_grace(world, orphaned):
    a, b, _, orphan = orphaned
    assert run(a) == PruneReport()
    days(world, 31)
    marked = run(a)
    assert (marked.marked, marked.deleted) == (1, 0)
    assert orphan in packs_of(world)
    wait(world, a, b)
    assert run(a).deleted == 1
    assert orphan not in packs_of(world)
    settled(world, a, b)


def test_a_pack_that_no_index_names_is_not_marked_while_its_push_may_go_on(world, orphaned):
    a, _, c, orphan = orphaned
    run(a)
    days(world, 29)
    assert run(a) == PruneReport()
    assert c.count(c.push).uploaded_bytes < EACH  # it goes on where it was cut off
    days(world, 2)
    assert run(a) == PruneReport()
    assert orphan in packs_of(world)
    settled(world, a, c)


def test_a_push_that_goes_on_after_its_packs_went_stores_them_again(world, orphaned):
    a, b, c, _ = orphaned
    run(a)
    days(world, 31)
    run(a)
    wait(world, a, b)
    assert run(a).deleted == 1
    c.sync()
    a.sync()
    assert (a.root / "lost").read_bytes() == random_bytes(EACH * 3, 50)
    settled(world, a, b, c)


def test_a_push_that_goes_on_while_the_mark_stands_loses_nothing(world, orphaned):
    a, b, c, _ = orphaned
    run(a)
    days(world, 31)
    assert run(a).marked == 1
    c.sync()
    wait(world, a, b, c)
    run(a)
    a.sync()
    assert (a.root / "lost").read_bytes() == random_bytes(EACH * 3, 50)
    settled(world, a, b, c)


def test_what_a_device_is_about_to_list_itself_is_not_marked_by_it(world, pair):
    a, _ = pair
    write(a.root / "large", random_bytes(EACH, 1))
    a.push()
    cut_off(a)
    assert a.vault.catalogue.packs(SENDING)  # it is not known here yet that it arrived
    for _ in range(3):
        days(world, 31)
        assert run(a).marked == 0


def test_without_a_rule_a_pack_that_no_index_names_stays(world, orphaned):
    a, _, _, orphan = orphaned
    for _ in range(3):
        run(a, Rules())
        days(world, 31)
        a.push()
    assert orphan in packs_of(world)


def test_where_a_needed_blob_is_in_no_index_it_may_be_in_a_pack_that_none_names(world, orphaned, monkeypatch):
    a, b, _, orphan = orphaned
    run(a)
    days(world, 31)

    def with_more(vault, heads, rules, rows, **how):
        note_needed(vault, heads, rules, rows, **how)
        rows.add(random.Random(1).randbytes(32))

    monkeypatch.setattr(prune_module, "note_needed", with_more)
    assert run(a) == PruneReport()
    monkeypatch.undo()
    assert run(a).marked == 1
    wait(world, a, b)
    monkeypatch.setattr(prune_module, "note_needed", with_more)
    assert run(a).deleted == 0
    assert orphan in packs_of(world)


def test_a_pack_that_an_older_index_named_for_something_needed_stays(world, partly):
    _, b, _ = partly
    kept = pack_with(b, world, "kept")
    rows = b.vault.catalogue.reach()
    rows.add_stored([(pack, 1) for pack in kept])
    assert set(rows.unlisted()) == kept
    for group in b.vault.catalogue.groups(kept):
        rows.add_all(row.prefix for row in group.rows[:1])
    assert set(rows.unlisted()) == set()


def test_killed_at_any_step_while_packs_without_index_go(world, orphaned):
    a, b, _, orphan = orphaned
    a.prune = lambda: run(a)
    run(a)
    days(world, 31)
    kill_everywhere(a, "prune")
    wait(world, a, b)
    kill_everywhere(a, "prune")
    assert orphan not in packs_of(world)
    settled(world, a, b)


def test_heads_and_marks_stay_quiet_when_all_is_done(world, partly):
    a, b, _ = partly
    prune_fully(world, a, [b], NOW_ONLY)
    for _ in range(2):
        for dev in (a, b):
            dev.push()
        run(a)
    assert world.keys_of(names.Kind.PRUNE_MARK) == []
    for dev in (a, b):
        dev.push()
        assert head_of(dev).prune_marks == () or dev.count(dev.push).requests["PUT"] == 0
        assert dev.count(dev.push).requests["PUT"] == 0
