"""T0, the sweep: every class of stored object × every verb × every command that reads.

Each cell is refused with everything as it was, or is without effect for a reason that `sweep_reasons` states.
Here the forms of each verb are sampled; `python -m tests.long.sweep` takes all of them.
"""

from collections import Counter
from random import Random

import pytest

from e2esync.format import names
from e2esync.format.names import Kind
from e2esync.vault.prunemark import make_prune_mark
from tests.attacks.arena import AttackSucceeded, ClientCrashed, weakened
from tests.attacks.sweep_commands import COMMANDS, FROM_FILES
from tests.attacks.sweep_judge import Judge, cells, sampled
from tests.attacks.sweep_reasons import REASONS
from tests.attacks.sweep_verbs import MANY, NOT_IN_FILES, VERBS
from tests.attacks.sweep_world import CLASSES, SweepWorld, UnknownClass, classes, quick_directory

FORMS = {
    "pull with memory": 2,
    "pull up to date": 1,
    "pull fresh": 2,
    "push": 1,
    "join": 1,
    "verify": 1,
    "verify --deep": 2,
    "decrypt --offline": 1,
    "second reader": 1,
}  # of each verb


@pytest.fixture(scope="module")
def world():
    with quick_directory() as home:
        made = SweepWorld(home)
        yield made
        made.close()


@pytest.mark.row("T0")
@pytest.mark.shows("G2", "G4", "G5", "G8")
@pytest.mark.parametrize("sort", CLASSES)
def test_whatever_is_done_to_an_object_is_refused_or_without_effect(world, sort):
    judge, asked = Judge(world), set()
    counts: Counter[str] = Counter()
    for cell in sampled(cells(world, sort, most=2 if sort == "head" else 1), FORMS, seed=sort):
        counts[cell.lie.verb] += judge.verdict(cell) == "refused"
        asked.add((cell.command, cell.lie.verb))
    assert asked == {
        (command, verb)
        for command in COMMANDS
        for verb in VERBS
        if command not in FROM_FILES or verb not in NOT_IN_FILES
    }
    assert counts["flip"] > 0, counts


def test_a_writer_refers_to_nothing_in_a_pack_that_is_about_to_go(arena):
    laptop, desk = arena.pair()
    keys, content = arena.world.keys, Random(7).randbytes(300_000)
    (laptop.root / "first").write_bytes(content)
    laptop.push()
    packs = list(laptop.vault.catalogue.all_packs())
    mark = make_prune_mark(
        desk.device, keys.keyring, keys.vault_id, packs=packs, since=desk.vault.clock.now()
    )
    desk.store.put(names.prune_mark(keys.vault_id, desk.device.id), mark)
    (laptop.root / "second").write_bytes(content)
    assert laptop.count(laptop.push).uploaded_bytes > len(content)


# --- the sweep itself can fail ---------------------------------------------------------------------

WEAK = [
    ("card", "flip", ("signatures",)),
    ("card keys", "flip", ("signatures",)),
    ("genesis", "flip", ("signatures",)),
    ("members", "flip", ("signatures",)),
    ("chunk pack", "flip", ("seals", "chunk ids", "content hash")),
    ("head", "replay", ("trust memory", "own record floor")),
    ("head", "hide", ("trust memory", "own record floor", "contexts")),
    ("index", "swap", ("index ids",)),
    ("own record", "flip", ("seals", "signatures")),
    ("mixed pack", "flip", ("seals", "chunk ids", "content hash")),
]


@pytest.mark.parametrize(("sort", "verb", "defences"), WEAK, ids=str)
def test_without_its_defences_a_class_does_not_pass_the_sweep(world, sort, verb, defences):
    with weakened(*defences):
        judge = Judge(world)
        for cell in cells(world, sort, samples=MANY, most=2):
            if cell.lie.verb != verb:
                continue
            try:
                judge.verdict(cell)
            except ClientCrashed:
                continue  # proves nothing
            except AttackSucceeded:
                return
    pytest.fail(f"the sweep of {sort} passes without {defences}")


def test_every_class_is_found_in_what_is_stored(world):
    assert set(classes(world.store.shown(), world.sorts)) == set(CLASSES)


def test_an_object_of_a_class_that_the_sweep_does_not_know_fails_it(world):
    vault, fingerprint = world.keys.vault_id, world.keys.identity.public.fingerprint
    for key in (
        "vaults/new-thing",
        f"mail/{'a' * 32}/request",
        names.retired(fingerprint, bytes(16)),
        names.pack(vault, bytes(32)),
    ):
        with pytest.raises(UnknownClass):
            classes([*world.store.shown(), key], world.sorts)


def test_a_class_of_which_nothing_is_stored_fails_it(world):
    kept = [key for key in world.store.shown() if not key.endswith(".prune")]
    with pytest.raises(UnknownClass, match="prune mark"):
        classes(kept, world.sorts)


def test_every_kind_of_the_format_is_a_class_but_for_what_nothing_writes():
    kinds = {kind.name.lower().replace("_", " ") for kind in Kind} - {"pack", "retired"}
    assert kinds == {sort for sort in CLASSES if not sort.endswith("pack")}


def test_a_reason_does_not_excuse_another_result(world):
    judge = Judge(world)
    cell = next(one for one in cells(world, "chunk pack") if one.command == "pull fresh")
    assert any(reason.holds(cell, world) for reason in REASONS)
    judge._honest["pull fresh", "final"] = judge.honest("pull fresh", "known")
    with pytest.raises(AttackSucceeded, match="in spite of"):
        judge._excuse(cell, judge.honest("verify"))
