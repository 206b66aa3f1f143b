"""R2 to R4, R6, R8, R9 and R12: the store goes back, forks, mixes, hides; a device jumps ahead, or comes out of a backup."""

from __future__ import annotations

import shutil
from itertools import product

import pytest

from e2esync.crypto.asymmetric import object_hash
from e2esync.errors import (
    BadObject,
    IntegrityError,
    MissingObject,
    Rollback,
    StateBehind,
    StoreUnavailable,
    StoreWiped,
)
from e2esync.format import names, shape
from e2esync.format.history import level_sizes
from e2esync.format.names import Kind
from e2esync.tree.keys import ROOT
from e2esync.vault.heads import Head, open_head
from tests.attacks import forge_defences  # noqa: F401 - adds defences that can be switched off
from tests.attacks.arena import CANARY, Arena, AttackSucceeded, det, noch, row
from tests.attacks.arena_defences import DEFENCES, Patch, skipped
from tests.attacks.forge_tree import Forger, nodes_of
from tests.cli.conftest import no_settings, run
from tests.engine.world import Dev

__all__ = ["no_settings", "run"]  # fixtures of the command line


def _empty_where_missing(original):
    """Reading that takes a page which is not there for one without nodes."""

    def tree_page(self, page_id, level):
        try:
            return original(self, page_id, level)
        except MissingObject:
            return []

    return tree_page


def _any_sequence(_original):
    return lambda value: value


DEFENCES.update(
    {
        "missing pages": (Patch("e2esync.engine.blobs:BlobReader", "tree_page", _empty_where_missing),),
        "own head in the store": (Patch("e2esync.engine.own", "_check_not_ahead", skipped),),
        "told at a join": (Patch("e2esync.cli.start:_Questions", "confirm", skipped),),
        "end of sequences": (Patch("e2esync.format.shape", "sequence", _any_sequence),),
    }
)


def write(dev: Dev, name: str, content: bytes) -> None:
    """Change a file and publish it."""
    (dev.root / name).write_bytes(content)
    dev.push()


def opened(arena: Arena, key: str, content: bytes) -> Head:
    keys = arena.world.keys
    return open_head(
        content,
        key.rpartition("/")[2],
        vault_id=keys.vault_id,
        membership=keys.membership,
        keyring=keys.keyring,
    )


# --- R2: the whole store, before a device with memory ------------------------------------------------


@row("R2", shows=["G5"], weaknesses=[("trust memory", "contexts")])
@pytest.mark.parametrize("command", ["pull", "sync"])
@pytest.mark.parametrize("is_restarted", [False, True], ids=["at once", "after a restart"])
def test_a_store_that_goes_back_is_refused_whatever_moment_it_shows(arena: Arena, command, is_restarted):
    laptop, desk = arena.pair()
    moments = [arena.store.now]
    for n in range(3):
        write(laptop, "plain", b"version %d" % n)
        (laptop.root / f"new {n}").write_bytes(CANARY)
        laptop.push()
        moments.append(arena.store.now)
    desk.pull()
    for then in moments[:-1]:
        arena.store.replay_all(then)
        if is_restarted:
            desk.restart()
        arena.refuses(desk, getattr(desk, command), kinds=(Rollback,))
    if desk.tree() != laptop.tree():
        raise AttackSucceeded("the newest state is not there")


@row("R2", shows=["G5", "G8"], weaknesses=["trust memory"])
def test_a_store_from_before_the_first_push_is_refused_and_deletes_nothing(arena: Arena):
    laptop = arena.device("laptop")
    then = arena.store.now
    arena.fill(laptop)
    laptop.push()
    desk = arena.device("desk")
    desk.pull()
    arena.store.replay_all(then)
    arena.refuses(desk, kinds=(StoreWiped,))


@row("R2", shows=["G5"], weaknesses=[("trust memory", "contexts")])
def test_what_a_device_writes_onto_a_store_that_went_back_is_not_lost(arena: Arena):
    """It publishes before it looks at others; what it says then is what it had seen, and others see it later."""
    laptop, desk = arena.pair()
    then = arena.store.now
    write(laptop, "plain", b"newer")
    desk.pull()
    arena.store.replay_all(then)
    (desk.root / "of the desk").write_bytes(CANARY)
    with noch(desk):
        det(desk.sync, Rollback)
    arena.store.honest()
    arena.pulls(desk)
    arena.pulls(laptop)
    if not desk.tree() == laptop.tree() == {**desk.tree(), **laptop.tree()}:
        raise AttackSucceeded("the two differ")
    assert laptop.tree()[b"of the desk"][1] == CANARY
    assert desk.tree()[b"plain"][1] == b"newer"


# --- R3: the whole store, before a new device --------------------------------------------------------


@row("R3", shows=["G5"], weaknesses=["own record floor"])
def test_a_new_device_believes_no_less_than_an_own_record_remembers(arena: Arena):
    laptop, desk = arena.pair()
    then = arena.store.now
    write(laptop, "plain", b"newer")
    desk.pull()
    arena.note(desk)
    record = names.own_record(arena.world.keys.identity.public.fingerprint, desk.device.id)
    kept = arena.store.body(record)
    arena.store.replay_all(then)
    arena.store.inject(record, kept)
    arena.newcomer_refuses(Rollback)


@row("R3", weaknesses=["told at a join"])
def test_a_new_device_is_told_what_date_it_is_shown_and_that_nothing_proves_it(arena, run, tmp_path):
    store, words = tmp_path / "store", ("--recovery-file", tmp_path / "w")
    assert run("setup", store, tmp_path / "A", *words).code == 0
    (tmp_path / "A" / "x").write_bytes(CANARY)
    assert run("push", tmp_path / "A").code == 0
    for path in store.glob("people/*/own-*"):
        path.unlink()  # the store can hide them, and then there is no floor
    joined = run("join", store, tmp_path / "B", *words, home=tmp_path / "h2")
    assert joined.code == 0, joined.err
    if "last change 20" not in joined.err or "cannot tell" not in joined.err:
        raise AttackSucceeded(f"nothing is said of what is not proven: {joined.err!r}")


# --- R4: heads of different times --------------------------------------------------------------------


@row("R4", shows=["G5", "G6"], weaknesses=["contexts"])
@pytest.mark.parametrize("has_memory", [False, True], ids=["a new device", "a device of an early moment"])
def test_heads_that_never_stood_beside_each_other_are_refused(arena: Arena, has_memory):
    laptop, desk = arena.pair()
    phone = arena.device("phone")
    if has_memory:
        phone.pull()
    heads = [arena.head_of(laptop), arena.head_of(desk)]
    moments = [arena.store.now]
    for n in range(4):
        writer, reader = (laptop, desk) if n % 2 else (desk, laptop)
        write(writer, f"by {writer.name}", b"%d" % n)
        reader.pull()
        moments.append(arena.store.now)
    real = {tuple(arena.store.at(then)[key] for key in heads) for then in moments}
    for times in product(moments, repeat=2):
        shown = tuple(arena.store.at(then)[key] for key, then in zip(heads, times, strict=True))
        if shown in real:
            continue
        for key, body in zip(heads, shown, strict=True):
            arena.store.inject(key, body)
        if has_memory:
            with noch(phone):
                det(phone.pull, Rollback)
        else:
            arena.newcomer_refuses(Rollback)
        arena.store.honest()
    arena.pulls(phone)
    assert phone.tree() == laptop.tree()


# --- R6: two histories -------------------------------------------------------------------------------


def parted(arena: Arena) -> tuple[Dev, Dev, Dev]:
    """Three devices; from now on the desk is shown nothing of what the others write, and all have written."""
    laptop, desk = arena.pair()
    phone = arena.device("phone")
    phone.pull()
    write(phone, "of the phone", b"before")
    laptop.pull()
    desk.pull()
    arena.store.fork("desk")
    write(phone, "of the phone", b"hidden from the desk")
    laptop.pull()
    write(laptop, "plain", b"has seen what the desk has not")
    write(desk, "by the desk", b"has seen less")
    return laptop, desk, phone


def show(arena: Arena, key: str) -> None:
    """Let the desk see an object, and all packs and indexes of the others."""
    for each in [key, *arena.keys(Kind.PACK, Kind.INDEX)]:
        arena.store.leak(each, source="", to="desk")


@row("R6", shows=["G6"], weaknesses=["contexts"])
def test_after_a_fork_no_change_of_one_side_reaches_the_other_without_all_that_it_had_seen(arena: Arena):
    laptop, desk, _ = parted(arena)
    show(arena, arena.head_of(laptop))
    arena.refuses(desk, kinds=(Rollback,))
    arena.pulls(laptop)
    if desk.tree() != laptop.tree():
        raise AttackSucceeded("the two sides are not together again")
    assert desk.tree()[b"by the desk"][1] == b"has seen less"
    assert desk.tree()[b"of the phone"][1] == b"hidden from the desk"


@row("R6", shows=["G6"], weaknesses=["contexts"])
def test_after_a_fork_the_other_side_is_not_shown_ours_either_without_us(arena: Arena):
    """The desk has seen a phone of its own: what its head names, the laptop has to be shown as well."""
    laptop, desk, phone = parted(arena)
    other = arena.world.device("other", store=arena.store.view("desk"))
    other.pull()
    write(other, "of the other", b"only the desk has seen it")
    desk.pull()
    write(desk, "by the desk", b"has seen the other")
    arena.store.lose(arena.head_of(other))
    arena.store.leak(arena.head_of(desk), source="desk", to="")
    with noch(laptop, phone):
        det(laptop.pull, Rollback)
        det(phone.pull, Rollback)
    arena.store.honest()
    for dev in (laptop, phone, desk, other):
        arena.pulls(dev)
    assert laptop.tree() == phone.tree() == desk.tree() == other.tree()


# --- R8: hidden, lost, gone --------------------------------------------------------------------------

OMITTED = {
    "heads": lambda a, laptop: a.keys(Kind.HEAD),
    "one head": lambda a, laptop: [a.head_of(laptop)],
    "packs": lambda a, laptop: a.keys(Kind.PACK),
    "indexes": lambda a, laptop: a.keys(Kind.INDEX),
    "packs and indexes": lambda a, laptop: a.keys(Kind.PACK, Kind.INDEX),
    "all but heads": lambda a, laptop: [key for key in a.store.shown() if key not in a.keys(Kind.HEAD)],
    "everything": lambda a, laptop: a.keys(),
}


@row("R8", shows=["G8"], weaknesses=[("missing pages", "page cut", "trust memory")])
@pytest.mark.parametrize("command", ["pull", "sync"])
@pytest.mark.parametrize("omitted", ["packs", "everything but heads and indexes"])
def test_nothing_is_deleted_because_the_tree_cannot_be_read(arena: Arena, omitted, command):
    laptop, desk = arena.pair()
    write(laptop, "plain", b"newer")
    kinds = (Kind.HEAD, Kind.INDEX)
    keys = (
        arena.keys(Kind.PACK)
        if omitted == "packs"
        else [k for k in arena.store.shown() if k not in arena.keys(*kinds)]
    )
    arena.store.lose(*keys)
    arena.refuses(desk, getattr(desk, command), kinds=(MissingObject,))


@pytest.mark.row("R8")
@pytest.mark.shows("G8")
@pytest.mark.parametrize("verb", ["lose", "hide"])
@pytest.mark.parametrize("command", ["pull", "sync"])
@pytest.mark.parametrize("omitted", OMITTED.values(), ids=OMITTED)
def test_whatever_is_hidden_nothing_is_deleted_and_what_is_missed_is_said(
    arena: Arena, omitted, command, verb
):
    laptop, desk = arena.pair()
    write(laptop, "plain", b"newer")
    getattr(arena.store, verb)(*omitted(arena, laptop))
    with noch(desk, laptop):
        det(getattr(desk, command), IntegrityError)
    arena.store.honest()
    for dev in (desk, laptop):
        arena.pulls(dev)
    assert desk.tree()[b"plain"][1] == b"newer"


# --- R9: sequences -----------------------------------------------------------------------------------


def ahead(forger: Forger, sequence: int) -> None:
    """Let a device go on as if it had written that often; nothing of its history can be read."""
    forger.sequence = sequence - 1
    forger._hash = object_hash(b"the snapshot before")
    sizes = level_sizes(sequence - 2)
    forger._history = tuple((object_hash(b"%d" % level),) * size for level, size in enumerate(sizes))


@row("R9", shows=["G17"], weaknesses=["end of sequences"])
@pytest.mark.parametrize("sequence", [1 << 48, (1 << 48) + 1, 1 << 63])
def test_no_sequence_reaches_the_end(arena: Arena, monkeypatch, sequence):
    laptop, _ = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    ahead(forger, sequence)
    with monkeypatch.context() as forging:
        forging.setattr(shape, "SEQUENCE_END", 1 << 64)
        forger.publish([])
    arena.refuses(laptop, kinds=(BadObject,))


@row("R9", shows=["G5"], weaknesses=["trust memory"])
def test_a_device_that_jumps_ahead_without_its_history_is_refused_and_recovers_by_going_on(arena: Arena):
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish(nodes_of(laptop).items())
    laptop.pull()
    honest = forger.twin()
    ahead(forger, 1 << 40)
    forger.publish(nodes_of(laptop).items())
    with noch(laptop):
        det(laptop.pull, IntegrityError)
    honest.publish([*nodes_of(laptop).items(), honest.file(b"by the next", b"next")])
    arena.pulls(laptop)
    arena.pulls(desk)
    assert laptop.tree() == desk.tree()
    assert laptop.tree()[b"by the next"][1] == b"next"


@pytest.mark.row("R9")
def test_a_device_that_begins_near_the_end_takes_nothing_from_the_others(arena: Arena):
    """Of several places the one with the highest dot counts, but a later word covers what it has seen."""
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    ahead(forger, (1 << 48) - 1)
    moved = forger.file(b"moved", b"by the forger", place=(ROOT, b"moved here"))
    forger.publish([*nodes_of(laptop).items(), moved])
    for dev in (laptop, desk):
        arena.pulls(dev)
    (laptop.root / "moved here").rename(laptop.root / "moved by the laptop")
    write(laptop, "plain", b"newer")
    arena.pulls(desk)
    assert desk.tree() == laptop.tree()
    assert desk.tree()[b"moved by the laptop"][1] == b"by the forger"
    assert desk.tree()[b"plain"][1] == b"newer"
    key = arena.head_of(laptop)
    assert opened(arena, key, arena.store.body(key)).sequence == 2


# --- R12: out of a backup ----------------------------------------------------------------------------


@row("R12", shows=["G5"], weaknesses=["own head in the store"])
@pytest.mark.parametrize("was_cut_off", [False, True], ids=["after a push", "while a head waits"])
def test_a_device_out_of_a_backup_never_uses_a_sequence_twice_and_nothing_is_lost(arena: Arena, was_cut_off):
    laptop, desk = arena.pair()
    if was_cut_off:
        arena.store.error(arena.head_of(laptop))
        with pytest.raises(StoreUnavailable):
            write(laptop, "waits", b"in the backup")
    laptop.vault.state.close()
    shutil.copytree(laptop.home, kept := arena.home / "backup", symlinks=True)
    arena.store.honest()
    laptop.restart()
    write(laptop, "plain", b"after the backup")
    desk.pull()

    laptop.close()
    shutil.rmtree(laptop.home)
    kept.rename(laptop.home)
    laptop.restart()
    old = arena.head_of(laptop)
    (laptop.root / "plain").write_bytes(b"on the restored disk")
    try:
        laptop.push()
    except StateBehind:
        laptop.renew()
        laptop.sync()
    said: dict[int, bytes] = {}
    for body in arena.store.history(old):
        head = opened(arena, old, body)
        if said.setdefault(head.sequence, head.hash) != head.hash:
            raise AttackSucceeded(f"the sequence {head.sequence} says two things")
    for dev in (desk, laptop, desk):
        arena.pulls(dev)
        dev.push()
    if desk.tree().keys() != laptop.tree().keys():
        raise AttackSucceeded("the two differ")
    found = {thing[1] for thing in desk.tree().values() if thing[0] == "file"}
    if not {b"after the backup", b"on the restored disk"} <= found:
        raise AttackSucceeded("a version is lost")
