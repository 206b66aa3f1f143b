"""A prune mark that a device of one's own has forged costs bytes: nobody deletes, loses or refuses anything by it."""

import pytest

from e2esync.engine.prune import PruneReport
from e2esync.engine.verify import verify
from e2esync.errors import IntegrityError
from e2esync.format import names
from e2esync.merge.retention import DAY, Rules
from e2esync.vault.prunemark import make_prune_mark
from tests.engine.test_prune import NOW_ONLY, OLD, contents, days, run, settled, version
from tests.engine.test_prune_marks import packs_of
from tests.engine.test_push_pull import random_bytes, write
from tests.engine.world import Dev, World

SIZE = 1 << 20
FUTURE = 4000 * DAY
ALL_KEPT = Rules(keep_days=1000)


def forge(world: World, dev: Dev, packs=(), *, gone=(), ahead: int = 0) -> None:
    """Let a device say whatever it likes in its mark."""
    since = dev.clock.clock.now() + ahead
    content = make_prune_mark(
        dev.device, dev.keys.keyring, dev.keys.vault_id, packs=packs, since=since, gone=gone
    )
    world.store.put(names.prune_mark(dev.keys.vault_id, dev.device.id), content)


def versions_seen(world: World, dev: Dev) -> set[bytes]:
    """The versions of the file that a new device reads in the past of a device."""
    reader = world.fresh("reader")
    reader.pull()
    return contents(reader, dev)["large"]


@pytest.fixture
def grown(world, pair):
    """Two devices and three versions of a file; the second device is the one that lies."""
    a, b = pair
    versions = [version(a, number) for number in range(3)]
    b.pull()
    write(b.root / "small", b"small")
    b.push()
    a.pull()
    return a, b, versions


FORGED = {
    "all are about to go": lambda packs: {"packs": packs},
    "all are gone": lambda packs: {"gone": packs},
    "both": lambda packs: {"packs": packs, "gone": packs},
    "in many years": lambda packs: {"packs": packs, "gone": packs, "ahead": FUTURE},
    "long ago": lambda packs: {"packs": packs, "gone": packs, "ahead": -FUTURE // 100},
    "what never was": lambda _: {"packs": [bytes([n]) * 32 for n in range(9)], "gone": [b"\xff" * 32]},
}
forged = pytest.mark.parametrize("says", FORGED.values(), ids=list(FORGED))


@forged
def test_everybody_goes_on_to_read_all_that_is_there(world, grown, says):
    a, b, versions = grown
    before = packs_of(world)
    forge(world, b, **says(sorted(before)))
    a.sync()
    assert before <= packs_of(world)
    assert versions_seen(world, a) == set(versions)
    report = verify(a.vault, a.keys.identity, deep=True)
    assert report.pruned == 0
    settled(world, a)


@forged
def test_what_is_written_meanwhile_refers_to_nothing_that_may_go(world, grown, says):
    a, b, versions = grown
    forge(world, b, **says(sorted(packs_of(world))))
    write(a.root / "old again", versions[0])
    write(a.root / "new", random_bytes(SIZE, 9))
    a.push()
    new = world.fresh("reader")
    new.pull()
    assert (new.root / "old again").read_bytes() == versions[0]
    assert (new.root / "new").read_bytes() == random_bytes(SIZE, 9)
    a.push()
    assert a.count(a.push).requests["PUT"] == 0
    settled(world, a)


@forged
@pytest.mark.parametrize("rules", [Rules(), ALL_KEPT], ids=["no rule", "all is in the rule"])
def test_an_honest_device_that_prunes_deletes_nothing_that_its_rule_keeps(world, grown, says, rules):
    a, b, versions = grown
    before = packs_of(world)
    forge(world, b, **says(sorted(before)))
    for _ in range(3):
        a.push()
        assert run(a, rules).deleted == 0
        days(world, 31)
    assert before <= packs_of(world)
    assert versions_seen(world, a) == set(versions)


@forged
def test_an_honest_device_deletes_by_its_own_rule_what_it_would_have_deleted(world, grown, says):
    a, b, versions = grown
    forge(world, b, **says(sorted(packs_of(world))))
    a.push()
    run(a, NOW_ONLY)
    a.push()
    days(world, 31)
    a.push()
    assert 0 < run(a, NOW_ONLY).deleted <= OLD
    assert versions_seen(world, a) == {versions[-1]}
    settled(world, a)


def test_a_pack_that_is_taken_away_and_called_gone_is_made_anew_where_it_is_needed(world, grown):
    a, b, versions = grown
    newest = packs_of(world)
    forge(world, b, gone=sorted(newest))
    world.store.delete([names.pack(a.keys.vault_id, pack) for pack in newest])
    for _ in range(2):
        a.push()
        b.push()
    new = world.fresh("reader")
    new.pull()
    assert (new.root / "large").read_bytes() == versions[-1]
    assert new.differs(a.tree()) == {}


def test_what_is_needed_and_called_gone_is_missing_all_the_same(world, grown):
    a, b, _ = grown
    everything = packs_of(world)
    forge(world, b, gone=sorted(everything))
    world.store.delete([names.pack(a.keys.vault_id, pack) for pack in everything])
    with pytest.raises(IntegrityError):
        run(a, NOW_ONLY)
    with pytest.raises(IntegrityError):
        verify(b.vault, b.keys.identity, deep=True)


def damaged(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    "damage", [damaged, lambda _: b"", lambda c: c + bytes(1), lambda _: bytes((4 << 20) + 1)]
)
def test_by_a_damaged_mark_nothing_is_deleted_and_everything_is_read(world, grown, damage):
    a, b, versions = grown
    run(a, NOW_ONLY)
    a.push()
    b.push()
    forge(world, b, gone=sorted(packs_of(world)))
    key = names.prune_mark(b.keys.vault_id, b.device.id)
    whole = world.store.get(key)
    world.store.put(key, damage(whole))
    days(world, 31)
    before = packs_of(world)
    with pytest.raises(IntegrityError):
        run(a, NOW_ONLY)
    assert packs_of(world) == before
    a.pull()
    assert versions_seen(world, a) == set(versions)
    world.store.delete([key])
    a.push()
    assert run(a, NOW_ONLY).deleted > 0


def test_a_mark_that_changes_all_the_time_lets_nobody_forget_its_own(world, grown):
    a, b, _ = grown
    run(a, NOW_ONLY)
    for number in range(4):
        forge(world, b, sorted(packs_of(world)), ahead=number)
        a.push()
        days(world, 8)
    a.push()
    assert run(a, NOW_ONLY).deleted > 0
    settled(world, a)


def test_an_old_mark_of_the_pruning_device_itself_is_not_taken_for_its_newest(world, grown):
    a, b, _ = grown
    run(a, NOW_ONLY)
    a.push()
    b.push()
    key = names.prune_mark(a.keys.vault_id, a.device.id)
    old = world.store.get(key)
    assert run(a, Rules()) == PruneReport()
    world.store.put(key, old)
    days(world, 31)
    before = packs_of(world)
    run(a, ALL_KEPT)
    assert packs_of(world) == before
