"""Pruning lets go of what the rules give up, in two phases, and of nothing else, whatever happens meanwhile."""

from contextlib import suppress
from dataclasses import replace

import pytest

from e2esync.engine import prune as prune_module
from e2esync.engine.blobs import BlobReader
from e2esync.engine.fetch import load_indexes, read_head
from e2esync.engine.marks import open_mark
from e2esync.engine.prune import PruneReport, prune
from e2esync.engine.reach import note_needed
from e2esync.engine.snapshots import snapshots
from e2esync.engine.verify import verify
from e2esync.errors import IntegrityError, MissingObject, StoreUnavailable
from e2esync.format import names
from e2esync.format.cbor import decode
from e2esync.merge.retention import DAY, Rules
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import Kind, birthplace, kind_of
from e2esync.tree.pages import Root
from e2esync.tree.values import FileContent
from e2esync.vault.device import create_device
from tests.engine import mortal
from tests.engine.mortal import Death
from tests.engine.test_prune_marks import head_of, packs_of
from tests.engine.test_push_pull import random_bytes, write
from tests.engine.world import Dev, World

SIZE = 1 << 20
NOW_ONLY = Rules(keep_days=0)
OLD = 8  # packs of the four older versions: of each the chunks, and the pages
MARK = names.Kind.PRUNE_MARK


def days(world, count):
    world.clock.advance(count * DAY)


def run(dev: Dev, rules: Rules = NOW_ONLY, **how) -> PruneReport:
    return prune(dev.vault, rules, **how)


def version(dev: Dev, number: int, name: str = "large") -> bytes:
    """Let a device push one more version of a file, a day after the one before."""
    content = random_bytes(SIZE, number)
    write(dev.root / name, content)
    dev.clock.advance(DAY)
    dev.push()
    return content


def contents(reader: Dev, of: Dev) -> dict[str, set[bytes]]:
    """All versions of all files that can be read anywhere in the past of a device."""
    found: dict[str, set[bytes]] = {}
    head = read_head(reader.vault, of.device.id)
    load_indexes(reader.vault, [head])
    blobs = BlobReader(reader.vault)
    for past in snapshots(reader.vault, head, blobs):
        if past.snapshot is None or past.snapshot.root is None:
            continue
        for key, value in _nodes(blobs, Root(*past.snapshot.root)):
            for entry in decode_entries(decode(value), Kind.FILE):
                for content in entry.contents:
                    assert isinstance(content, FileContent)
                    try:
                        chunks = [blobs.chunk(content.keys[one.key], one) for one in blobs.iterate(content)]
                    except MissingObject:
                        continue
                    found.setdefault(birthplace(key).name.decode(), set()).add(b"".join(chunks))
    return found


def _nodes(blobs, root):
    def walk(page, level):
        try:
            items = blobs.tree_page(page, level)
        except MissingObject:
            return
        for key, value in items:
            if level:
                yield from walk(value, level - 1)
            elif kind_of(key) is Kind.FILE:
                yield key, value

    return walk(root.id, root.level)


def settled(world: World, *devices: Dev) -> None:
    """Everything is there that should be, and everybody sees the same."""
    for dev in devices:
        dev.push()
        dev.push()
    for dev in devices:
        dev.pull()
        assert verify(dev.vault, dev.keys.identity, deep=True).heads
    new = world.fresh(f"fresh {len(world.devices)}")
    new.pull()
    for dev in devices:
        assert new.differs(dev.tree()) == {}


def stored_bytes(world):
    return sum(info.size for info in world.store.list(""))


@pytest.fixture
def grown(world, pair):
    """Two devices, and five versions of a large file that the first has pushed."""
    a, b = pair
    versions = [version(a, number) for number in range(5)]
    b.pull()
    write(b.root / "small", b"small")
    b.push()
    a.pull()
    return a, b, versions


def prune_fully(world, pruner, others=(), rules=NOW_ONLY):
    """Mark, let everybody see it, wait, delete."""
    marked = run(pruner, rules)
    for dev in (pruner, *others):
        dev.push()
    days(world, 31)
    for dev in (pruner, *others):
        dev.push()
    return marked, run(pruner, rules)


def test_without_a_rule_nothing_is_marked(world, grown):
    a, _, _ = grown
    before = packs_of(world)
    assert run(a, Rules()) == PruneReport()
    assert world.keys_of(MARK) == []
    assert packs_of(world) == before


def test_what_no_version_needs_goes_after_the_grace_and_the_store_shrinks(world, grown):
    a, b, versions = grown
    before, size = packs_of(world), stored_bytes(world)
    marked, done = prune_fully(world, a, [b])
    assert marked.marked == done.deleted == OLD
    assert marked.marked_bytes == done.deleted_bytes > 4 * SIZE * 0.99
    assert len(before - packs_of(world)) == OLD
    assert stored_bytes(world) < size - 3 * SIZE
    assert contents(b, a)["large"] == {versions[-1]}
    settled(world, a, b)


def test_marking_deletes_nothing(world, grown):
    a, _, versions = grown
    before = packs_of(world)
    report = run(a)
    assert (report.marked, report.deleted) == (OLD, 0)
    assert report.waits_for == ["desk", "laptop"]
    assert packs_of(world) == before
    assert contents(a, a)["large"] == set(versions)


def test_a_dry_run_says_the_same_and_does_nothing(world, grown):
    a, _, _ = grown
    before = sorted(info.key for info in world.store.list(""))
    dry = run(a, dry_run=True)
    assert sorted(info.key for info in world.store.list("")) == before
    assert replace(run(a), due=dry.due) == dry


@pytest.mark.parametrize(("waited", "deleted"), [(29, 0), (31, 8)])
def test_nothing_goes_before_the_grace(world, grown, waited, deleted):
    a, b, _ = grown
    run(a)
    a.push()
    b.push()
    days(world, waited)
    for dev in (a, b):
        write(dev.root / f"{dev.name} lives")
        dev.push()
    before = packs_of(world)
    assert run(a).deleted == deleted
    assert len(before - packs_of(world)) == deleted


def test_nothing_goes_while_a_device_has_not_seen_the_mark(world, grown):
    a, b, _ = grown
    held = b.store
    run(a)
    a.push()
    days(world, 20)
    b.restart(_Hiding(held))  # it works, and the store hides the mark from it
    write(b.root / "small", b"other")
    b.push()
    days(world, 11)
    a.push()
    report = run(a)
    assert (report.deleted, report.waits_for) == (0, ["desk"])
    b.restart(held)
    b.push()
    assert run(a).deleted == OLD
    settled(world, a, b)


class _Hiding:
    """A store that shows no prune marks."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def list(self, prefix):
        return (info for info in self._inner.list(prefix) if not info.key.endswith(".prune"))


@pytest.mark.parametrize(("away", "deleted"), [(29, 0), (31, 8)])
def test_a_device_that_is_away_is_waited_for_30_days(world, grown, away, deleted):
    a, _, _ = grown
    run(a, grace=20 * DAY)
    a.push()
    days(world, away)
    a.push()
    assert run(a, grace=20 * DAY).deleted == deleted


def test_nothing_goes_while_a_head_cannot_be_read(world, grown):
    a, b, _ = grown
    run(a)
    a.push()
    b.push()
    days(world, 31)
    key = names.head(b.keys.vault_id, b.device.id)
    whole = world.store.get(key)
    world.store.put(key, whole[:-1] + bytes([whole[-1] ^ 1]))
    before = packs_of(world)
    with pytest.raises(IntegrityError):
        run(a)
    assert packs_of(world) == before
    world.store.put(key, whole)
    assert run(a).deleted == OLD


def test_a_device_that_was_away_for_the_whole_grace_loses_nothing(world, grown):
    a, b, versions = grown
    write(b.root / "unpublished", random_bytes(SIZE, 77))
    (b.root / "copy").write_bytes(versions[4])
    mtime = (b.root / "copy").stat().st_mtime_ns
    assert mtime
    (a.root / "large").unlink()
    a.push()
    run(a)
    a.push()
    days(world, 31)
    a.push()
    assert run(a).deleted >= 5
    b.sync()
    b.sync()
    a.sync()
    assert (a.root / "copy").read_bytes() == versions[4]
    assert (a.root / "unpublished").read_bytes() == random_bytes(SIZE, 77)
    settled(world, a, b)


def test_a_head_that_was_put_long_after_it_was_made_is_made_whole_again(world, grown):
    a, b, versions = grown
    write(a.root / "copy", versions[1])  # borrowed from what only the past needs
    assert not mortal.run(a, "push", _DyingAtHead())
    write(a.root / "another")
    run(b)
    b.push()
    days(world, 31)
    b.push()
    assert run(b).deleted == OLD
    a.push()
    a.push()
    b.pull()
    assert (b.root / "copy").read_bytes() == versions[1]
    settled(world, a, b)


class _DyingAtHead(Death):
    """Ends the process after the commit that leaves a head pending."""

    def step(self, what, act):
        done = super().step(what, act)
        if what == "state commit" and "store.put" in self.steps:
            self.dead = True
            raise mortal.Killed(what)
        return done


@pytest.mark.parametrize("has_pending", [False, True])
def test_who_was_away_refers_to_nothing_of_others_that_went_meanwhile(world, pair, has_pending):
    a, b = pair
    old = version(a, 0)
    b.pull()  # so it knows this version, in a pack of the other
    for number in range(1, 5):
        version(a, number)
    b.pull()
    write(b.root / "small")
    b.push()
    a.pull()
    if has_pending:
        write(b.root / "copy", old)
        assert not mortal.run(b, "push", _DyingAtHead())
    run(a)
    a.push()
    days(world, 31)
    a.push()
    assert run(a).deleted >= OLD
    a.push()
    a.push()
    run(a)  # nobody's index names what went, so the mark goes
    assert world.keys_of(MARK) == []
    write(b.root / "copy", old)
    b.push()
    b.push()
    a.pull()
    assert (a.root / "copy").read_bytes() == old
    settled(world, a, b)


def test_a_push_that_sleeps_for_longer_than_the_grace_refers_to_nothing_that_went(world, grown):
    a, b, versions = grown
    write(a.root / "copy", versions[1])
    write(a.root / "other", random_bytes(SIZE, 55))
    slept: list[str] = []

    class Sleeping(_Hiding):
        def list(self, prefix):
            return self._inner.list(prefix)

        def put(self, key, body):
            if not slept and "/index/" in key:  # packs are sent by other threads
                slept.append(key)
                run(b)
                b.push()
                days(world, 31)
                b.push()
                assert run(b).deleted == OLD
            return self._inner.put(key, body)

    with a.using(store=Sleeping(world.store)):
        a.push()
    assert slept
    b.pull()
    assert (b.root / "copy").read_bytes() == versions[1]
    settled(world, a, b)


def test_what_is_copied_while_the_mark_stands_is_stored_again_and_stays(world, grown):
    a, b, versions = grown
    run(b)
    write(a.root / "old again", versions[1])
    sent = a.count(a.push).uploaded_bytes
    assert sent > SIZE
    b.push()
    days(world, 31)
    a.push()
    b.push()
    assert run(b).deleted == OLD
    b.pull()
    assert (b.root / "old again").read_bytes() == versions[1]
    settled(world, a, b)


def test_what_was_borrowed_before_the_mark_was_seen_stays(world, grown):
    a, b, versions = grown
    run(b)
    a.restart(_Hiding(world.store))
    write(a.root / "old again", versions[1])
    assert a.count(a.push).uploaded_bytes < SIZE
    a.restart(world.store)
    a.push()
    b.push()
    days(world, 31)
    assert run(b).deleted == OLD - 1
    settled(world, a, b)
    b.pull()
    assert (b.root / "old again").read_bytes() == versions[1]


def test_what_is_deleted_is_not_borrowed_afterwards(world, grown):
    a, b, versions = grown
    prune_fully(world, a, [b])
    for dev, old in ((a, versions[0]), (b, versions[1])):
        write(dev.root / f"again at {dev.name}", old)
        dev.push()
    a.pull()
    b.pull()
    settled(world, a, b)


def test_what_went_is_not_borrowed_when_its_mark_is_gone_too(world, pair):
    a, b = pair
    old = version(a, 0)
    b.pull()  # so it knows this version, in a pack of the other
    version(a, 1)
    b.pull()
    write(b.root / "small")
    b.push()
    a.pull()
    prune_fully(world, a, [b])
    for dev in (a, b, a, b):
        dev.push()
    run(a)
    assert world.keys_of(MARK) == []
    b.push()
    write(b.root / "old again", old)
    b.push()
    a.pull()
    assert (a.root / "old again").read_bytes() == old
    settled(world, a, b)


def test_any_device_prunes_what_others_wrote(world, grown):
    a, b, versions = grown
    marked, done = prune_fully(world, b, [a])
    assert marked.marked == done.deleted == OLD
    assert contents(b, a)["large"] == {versions[-1]}
    settled(world, a, b)


def test_a_third_device_goes_on_where_the_first_is_lost(world, grown):
    a, b, _ = grown
    run(a)
    c = world.fresh("third")
    c.pull()
    write(c.root / "third")
    c.push()
    assert prune_fully(world, c, [b])[1].deleted == OLD
    settled(world, b, c)


def test_a_device_that_goes_on_as_a_new_one_has_no_mark_yet(world, grown):
    a, b, _ = grown
    run(a)
    a.push()
    a.renew()
    a.push()
    report = run(a, Rules())
    assert report == PruneReport()
    b.push()  # every mark there is is of the device under whose name it stands
    assert prune_fully(world, a, [b])[1].deleted >= OLD
    settled(world, a, b)


def test_a_head_that_an_earlier_device_of_this_state_left_is_not_put_under_the_name_of_the_new_one(
    world, grown
):
    a, b, _ = grown
    write(a.root / "copy", b"written")
    assert not mortal.run(a, "push", _DyingAtHead())
    a.device = create_device(a.keys.identity)
    a.restart()
    run(a)
    b.pull()
    a.push()
    b.pull()
    assert (b.root / "copy").read_bytes() == b"written"
    settled(world, a, b)


def test_everything_of_the_last_days_is_kept_and_how_it_was_when_they_began(world, grown):
    a, b, versions = grown
    days(world, 10)
    version(a, 5)
    rules = Rules(keep_days=40)
    marked, _ = prune_fully(world, a, [b], rules)
    assert marked.marked == 0  # the first of them is 15 days old
    rules = Rules(keep_days=44)
    run(a, rules)
    days(world, 0)
    assert set(versions) <= contents(b, a)["large"]


def test_of_older_versions_the_last_are_kept(world, grown):
    a, b, versions = grown
    rules = Rules(keep_days=0, keep_versions=2)
    marked, done = prune_fully(world, a, [b], rules)
    assert marked.marked == done.deleted == OLD // 2
    assert contents(b, a)["large"] == set(versions[2:])
    settled(world, a, b)


def test_the_last_versions_of_a_deleted_file_are_kept(world, grown):
    a, b, versions = grown
    (a.root / "large").unlink()
    a.push()
    b.pull()
    write(b.root / "small", b"has seen it")
    b.push()
    _, done = prune_fully(world, a, [b], Rules(keep_versions=1))
    assert done.deleted >= OLD
    found = contents(b, a).get("large", set()) | contents(b, b).get("large", set())
    assert found == {versions[-1]}


def test_indexes_name_what_is_gone_no_more_and_the_mark_goes_too(world, grown):
    a, b, _ = grown
    prune_fully(world, b, [a])
    report = verify(b.vault, b.keys.identity, deep=True)
    assert report.pruned == OLD
    settled(world, a, b)
    assert verify(b.vault, b.keys.identity, deep=True).pruned == 0
    run(b)
    for dev in (a, b):
        dev.push()
    run(b)
    assert world.keys_of(MARK) == []


def test_a_mark_of_another_time_that_is_shown_again_deletes_nothing(world, grown):
    a, b, _ = grown
    run(a)
    key = names.prune_mark(a.keys.vault_id, a.device.id)
    old = world.store.get(key)
    prune_fully(world, a, [b])
    version(a, 9)
    version(a, 10)
    run(a)
    world.store.put(key, old)
    before = packs_of(world)
    report = run(a)
    assert report.deleted == 0
    assert packs_of(world) == before
    assert world.store.get(key) != old


def test_what_the_store_holds_back_is_not_taken_for_unneeded(world, grown):
    a, b, versions = grown
    everything = {key: world.store.get(key) for key in world.keys_of(names.Kind.PACK)}
    for key, content in everything.items():
        world.store.delete([key])
        with suppress(IntegrityError):  # of what is needed at once; chunks are not read
            run(a, Rules(keep_days=100))
        assert world.keys_of(MARK) == []
        world.store.put(key, content)
    run(a, Rules(keep_days=100))
    assert contents(b, a)["large"] == set(versions)


def test_two_that_prune_at_once_lose_nothing(world, grown):
    a, b, versions = grown
    for dev in (a, b):
        run(dev)
    for dev in (a, b, a, b):
        dev.push()
    days(world, 31)
    for dev in (a, b):
        dev.push()
    assert [run(a).deleted, run(b).deleted] == [OLD, 0]
    assert contents(b, a)["large"] == {versions[-1]}
    settled(world, a, b)


def test_a_head_that_comes_while_it_decides_postpones_it(world, grown, monkeypatch):
    a, b, _ = grown
    run(a)
    a.push()
    b.push()
    days(world, 31)

    def and_then(*args, **kwargs):
        note_needed(*args, **kwargs)
        write(b.root / "just now")
        b.push()

    monkeypatch.setattr(prune_module, "note_needed", and_then)
    before = packs_of(world)
    assert run(a).deleted == 0
    assert before <= packs_of(world)
    monkeypatch.undo()
    assert run(a).deleted == OLD


def test_killed_at_any_step_it_comes_to_its_end(world, grown):
    a, b, _ = grown
    run(a)
    a.push()
    b.push()
    days(world, 31)
    a.prune = lambda: run(a)
    at = 0
    while True:
        at += 1
        if mortal.run(a, "prune", Death(at, after=at % 2 == 0)):
            break
        assert at < 500
    assert run(a) == PruneReport()
    gone = open_mark(
        a.vault, a.device.id, world.store.get(names.prune_mark(a.keys.vault_id, a.device.id))
    ).gone
    assert len(gone) == OLD
    assert packs_of(world).isdisjoint(gone)
    settled(world, a, b)


def test_a_store_that_fails_while_it_deletes_is_asked_again(world, grown):
    a, b, _ = grown
    run(a)
    a.push()
    b.push()
    days(world, 31)

    class Failing(_Hiding):
        def list(self, prefix):
            return self._inner.list(prefix)

        def delete(self, keys):
            raise StoreUnavailable("no")

    with a.using(store=Failing(world.store)), pytest.raises(StoreUnavailable):
        run(a)
    assert run(a).deleted == OLD
    settled(world, a, b)


def test_heads_name_the_mark_after_one_push_and_then_it_is_quiet(world, grown):
    a, b, _ = grown
    run(a)
    for dev in (a, b):
        dev.push()
        assert len(head_of(dev).prune_marks) == 1
        assert dev.count(dev.push).requests["PUT"] == 0
