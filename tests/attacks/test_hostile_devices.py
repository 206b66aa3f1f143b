"""R10, H5: a device with real keys that says what it never saw, never wrote, or what others took back.

It signs whatever it likes. What honest devices hold in the end is one tree, and nothing honest is lost from it.
"""

from __future__ import annotations

from e2esync.tree.lists import ListRoot
from e2esync.tree.values import Entry, FileContent
from tests.attacks.arena import CANARY, Arena, AttackSucceeded, row
from tests.attacks.arena_defences import DEFENCES, Patch, always
from tests.attacks.forge_tree import Forger, changed, nodes_of
from tests.engine.world import Dev

DEFENCES["what was seen stays"] = (Patch("e2esync.engine.merge", "_goes_on", always(True)),)


def alike(*devices: Dev) -> dict[bytes, tuple]:
    """See that honest devices that have read the same show the same; return it."""
    for dev in devices:
        dev.pull()
    shown = devices[0].tree()
    for dev in devices[1:]:
        if found := dev.differs(shown):
            raise AttackSucceeded(f"{devices[0].name} and {dev.name} have read the same and differ: {found}")
    return shown


def contents(shown: dict[bytes, tuple]) -> set[bytes]:
    return {thing[1] for thing in shown.values() if thing[0] == "file"}


def one_that_has_not_seen(arena: Arena) -> Dev:
    """A device in step with the others, which has something of its own to publish."""
    phone = arena.device("phone")
    phone.pull()
    (phone.root / "of the phone").write_bytes(CANARY + b" of the phone")
    return phone


# --- R10: what was deleted ------------------------------------------------------------------------


@row("R10", shows=["G5"], weaknesses=["what was seen stays"])
def test_what_was_deleted_before_a_devices_eyes_it_cannot_put_back(arena: Arena):
    """The entry is the very one that its honest device has signed, in a tree that has seen the deletion."""
    laptop, desk = arena.pair()
    before = nodes_of(laptop)
    (laptop.root / "plain").unlink()
    laptop.push()
    desk.pull()
    phone = one_that_has_not_seen(arena)
    Forger(arena.world.keys, arena.store).publish(before.items())
    if b"plain" in alike(laptop, desk):
        raise AttackSucceeded("a deleted file is back")
    phone.push()
    if b"plain" in alike(laptop, desk, phone, arena.newcomer()):
        raise AttackSucceeded("a deleted file is back, where two wrote at the same time")


@row("R10", shows=["G5"], weaknesses=["what was seen stays"])
def test_a_version_that_was_replaced_does_not_come_back_in_its_place(arena: Arena):
    """Its device deletes the newer one, which it may: that is in the history, under its name."""
    laptop, desk = arena.pair()
    before = nodes_of(laptop)
    arena.edit(laptop, content=b"newer")
    laptop.push()
    desk.pull()
    Forger(arena.world.keys, arena.store).publish(before.items())
    if CANARY in contents(alike(laptop, desk)):
        raise AttackSucceeded("an older version is back")


# --- H5: under another's dot ----------------------------------------------------------------------


@row("H5", weaknesses=["what was seen stays"])
def test_a_content_passed_off_as_anothers_stands_beside_it(arena: Arena):
    laptop, desk = arena.pair()
    phone = one_that_has_not_seen(arena)
    forger = Forger(arena.world.keys, arena.store)

    def passed_off(entry: Entry) -> Entry:
        (content,) = entry.contents
        return entry._replace(contents=(forger.text(b"forged")._replace(dot=content.dot),))

    forger.publish(changed(nodes_of(laptop), b"plain", passed_off).items())
    shown = alike(laptop, desk)
    phone.push()
    if not {CANARY, b"forged"} <= contents(shown) & contents(alike(laptop, desk, phone, arena.newcomer())):
        raise AttackSucceeded("what another device wrote was replaced under its name")


@row("H5", weaknesses=["what was seen stays"])
def test_dead_references_under_anothers_dot_do_not_replace_living_ones(arena: Arena):
    """The form of a value with the higher keys counts (format §6.8): here that is the honest one."""
    laptop, desk = arena.pair()

    def dead(entry: Entry) -> Entry:
        (content,) = entry.contents
        assert isinstance(content, FileContent)
        assert not isinstance(content.chunks, ListRoot)
        (key,), (reference,) = content.keys, content.chunks
        return entry._replace(
            contents=(
                content._replace(
                    keys=(key._replace(wrapped=bytes(40)),), chunks=(reference._replace(id=bytes(32)),)
                ),
            )
        )

    Forger(arena.world.keys, arena.store).publish(changed(nodes_of(laptop), b"plain", dead).items())
    alike(laptop, desk)
    for honest in (desk, laptop):  # now nobody's own head has what was there before
        arena.edit(honest, f"more of {honest.name}", b"more")
        honest.push()
    newcomer = arena.newcomer()
    try:
        newcomer.pull()
    except Exception as error:
        raise AttackSucceeded(f"a file of an honest device cannot be read any more: {error!r}") from error
    if newcomer.tree()[b"plain"][1] != CANARY:
        raise AttackSucceeded("another content is read")
