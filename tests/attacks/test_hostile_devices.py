"""R10, H1, H5, H10: a device with real keys that says what it never wrote, what others took back, or what nobody can read.

It signs whatever it likes. What honest devices hold in the end is one tree, and nothing honest is lost from it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from e2esync.adapters.stores.directory import DirectoryStore
from e2esync.crypto import recovery
from e2esync.crypto.asymmetric import object_hash, record_hash
from e2esync.crypto.labels import Purpose
from e2esync.engine import merge
from e2esync.engine.broken import BrokenTree, BrokenWord, TwoHistories
from e2esync.engine.download import Downloader
from e2esync.engine.faults import load_faults
from e2esync.engine.fetch import fetch, own_heads, read_head, read_index
from e2esync.engine.fold import FAN
from e2esync.engine.history import events
from e2esync.engine.join import find_vaults, look_at
from e2esync.engine.members import open_membership
from e2esync.engine.own import list_heads
from e2esync.engine.ownmark import own_mark
from e2esync.engine.prune import LEAST_BYTES, _Run, prune
from e2esync.engine.push import begin
from e2esync.engine.pushes import Pushes
from e2esync.engine.restore_offline import decrypt_offline
from e2esync.engine.verify import verify
from e2esync.errors import Fork, IntegrityError, MissingObject, Rollback, StateBehind
from e2esync.format import names
from e2esync.format.cbor import decode
from e2esync.format.signed import SignedRecord
from e2esync.format.snapshot import Snapshot
from e2esync.merge.fold import fold
from e2esync.merge.retention import DAY, Rules
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import ROOT, Kind, node_key
from e2esync.tree.lists import ListRoot
from e2esync.tree.values import Entry, FileContent
from e2esync.vault.cipher import BlobKind
from e2esync.vault.heads import make_snapshot
from e2esync.vault.keyring import open_keyring
from e2esync.vault.trust import Trusted
from e2esync.wiring.home import at
from e2esync.wiring.localdevice import HomeDevice
from examples import read_without_e2esync as reader
from moto_fixtures.hostile import HostileStore
from tests.attacks.arena import CANARY, Arena, AttackSucceeded, det, row, trust_of
from tests.attacks.arena_defences import DEFENCES, Patch, always, skipped
from tests.attacks.forge_tree import Forger, changed, item, nodes_of, raw
from tests.cli.conftest import no_settings, run
from tests.engine.test_other_readers import read_by_the_other
from tests.engine.world import Dev, Keys
from tests.engine.world import tree as tree_of

__all__ = ["no_settings", "run"]  # fixtures of the command line


def _absence_deletes(original):
    """Joining that takes what the other side lacks for deleted there."""

    def join_entries(one, seen_by_one, other, seen_by_other):
        return original(one, seen_by_one, other, seen_by_one | seen_by_other if not other else seen_by_other)

    return join_entries


def _all_or_nothing(_original):
    """Joining that ends with the first head that cannot be joined."""

    def join_all(vault, chosen):
        for head in chosen:
            merge.join(vault, head)
        return {}

    return join_all


def _nobody(_original):
    return lambda *_arguments: {}


def _any_snapshot(_original):
    """Opening of snapshots whoever signed them."""

    def open_snapshot(record, **_who):
        payload = SignedRecord.decode(record).payload
        return Snapshot.decode(payload), record_hash(Purpose.SNAPSHOT, payload)

    return open_snapshot


def _whole_or_nothing(original):
    """A download that ends the command with the first content that fails."""

    def stage(self, step, fetched):
        if isinstance(fetched, IntegrityError):
            raise fetched
        original(self, step, fetched)

    return stage


DEFENCES.update(
    {
        "what was seen stays": (Patch("e2esync.engine.merge", "_goes_on", always(True)),),
        "only what was seen goes": (Patch("e2esync.merge.join", "join_entries", _absence_deletes),),
        "together": (Patch("e2esync.vault.trust", "check_together", skipped),),
        "what its device signed": (Patch("e2esync.engine.honest:HonestForms", "find", always(None)),),
        "faults found": (Patch("e2esync.engine.faults", "find_faults", _nobody),),
        "faults told": (Patch("e2esync.engine.faults", "find_told", always(None)),),
        "proofs stored": (Patch("e2esync.engine.faults", "store_proofs", skipped),),
        "proofs kept": (Patch("e2esync.engine.reach:_Walk", "_proofs", skipped),),
        "claims proven": (Patch("e2esync.vault.heads", "open_snapshot", _any_snapshot),),
        "set aside": (Patch("e2esync.engine.fetch", "_join_good", _all_or_nothing),),
        "one bad file": (Patch("e2esync.engine.apply:_Applier", "_stage", _whole_or_nothing),),
        "seen enough": (Patch("e2esync.engine.claims", "check_seen", always({})),),
        "proofs kept here": (Patch("e2esync.engine.faults", "keep_proof", skipped),),
        "one verdict": (Patch("e2esync.engine.merge", "_check_kept", skipped),),
    }
)


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


@row("H5", weaknesses=[("what was seen stays", "what its device signed")])
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


def dead_key(_forger: Forger, content: FileContent) -> FileContent:
    """A data key that does not open, and is higher than every other."""
    return content._replace(keys=tuple(key._replace(wrapped=b"\xff" * 40) for key in content.keys))


def dead_reference(_forger: Forger, content: FileContent) -> FileContent:
    """A chunk that is nowhere, with an id that is higher than every other."""
    assert not isinstance(content.chunks, ListRoot)
    *before, last = content.chunks
    return content._replace(chunks=(*before, last._replace(id=b"\xff" * 32)))


def other_bytes(forger: Forger, content: FileContent) -> FileContent:
    """A chunk that is there and opens, with other bytes than the content hash says."""
    while True:
        key, reference = forger.chunk(b"?" * content.size)
        if (key,) > content.keys:
            return content._replace(keys=(key,), chunks=(reference,))


def list_of_nothing(_forger: Forger, content: FileContent) -> FileContent:
    """A list of chunks that is nowhere; a list is higher than references."""
    size = max(content.size, 65)
    return content._replace(size=size, chunks=ListRoot(b"\xff" * 32, 0, 65))


def no_file(_size: int, _sparse: bool):
    raise AssertionError("a stream writes no file")


def copy_of_the_store(arena: Arena, folder: Path) -> tuple[Path, Path]:
    """What `decrypt --offline` and the second reader are given: the store on a disk, and a file of words."""
    for key in arena.store.shown():
        (folder / "copy" / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / "copy" / key).write_bytes(arena.store.body(key))
    (folder / "words").write_text(" ".join(recovery.to_words(arena.world.entropy)))
    return folder / "copy", folder / "words"


def file_in(dev: Dev, name: bytes) -> tuple[bytes, FileContent]:
    """A file of the root as the tree of a device has it: key of its node, and content."""
    node = node_key(ROOT, name, Kind.FILE)
    (content,) = fold(decode_entries(decode(nodes_of(dev)[node]), Kind.FILE)).contents
    assert isinstance(content, FileContent)
    return node, content


def winning(arena: Arena, make: Callable[[Forger, FileContent], FileContent]) -> tuple[Dev, Dev, FileContent]:
    """Let a forged form of the laptop's file stand in every tree; return two devices, and the content as it was."""
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    _, honest = file_in(laptop, b"plain")

    def forged(entry: Entry) -> Entry:
        return entry._replace(contents=(make(forger, honest),))

    forger.publish(changed(nodes_of(laptop), b"plain", forged).items())
    alike(laptop, desk)
    for dev in (desk, laptop):  # now nobody's newest snapshot has what was there before
        arena.edit(dev, f"more of {dev.name}", b"more")
        dev.push()
    alike(laptop, desk)
    for dev in (desk, laptop):
        shown = file_in(dev, b"plain")[1]
        assert (shown.dot, shown.hash) == (honest.dot, honest.hash)
        assert (shown.keys, shown.chunks) != (honest.keys, honest.chunks)
    return laptop, desk, honest


WINNING = pytest.mark.parametrize("make", [dead_key, dead_reference, other_bytes, list_of_nothing])


@row("H5", weaknesses=["what its device signed"])
@WINNING
def test_a_form_that_wins_and_is_dead_hides_no_honest_bytes(arena: Arena, make):
    """The reader goes to the snapshot in which the content's device has signed it (format §7)."""
    laptop, desk, _ = winning(arena, make)
    newcomer = arena.newcomer()
    try:
        newcomer.pull()
    except IntegrityError as error:
        raise AttackSucceeded(f"a file of an honest device cannot be read any more: {error!r}") from error
    if newcomer.tree()[b"plain"][1] != CANARY:
        raise AttackSucceeded("another content is read")
    for dev in (laptop, desk, newcomer):
        verify(dev.vault, dev.keys.identity, deep=True)


@row("H5", weaknesses=["what its device signed"])
@WINNING
def test_decrypting_a_copy_of_the_store_finds_the_honest_bytes_too(arena: Arena, make):
    laptop, _, _ = winning(arena, make)
    arena.note(laptop)
    copy, _ = copy_of_the_store(arena, arena.home / "other")
    try:
        (done,) = decrypt_offline(copy, arena.home / "out", arena.world.entropy)
    except IntegrityError as error:
        raise AttackSucceeded(f"a file of an honest device cannot be read any more: {error!r}") from error
    if Path(done["directory"], "plain").read_bytes() != CANARY:
        raise AttackSucceeded("another content is read")


@row("H5", weaknesses=["what its device signed"])
@pytest.mark.parametrize("make", [dead_key, dead_reference, list_of_nothing])
def test_verify_finds_a_file_good_that_can_be_read_in_its_devices_own_form(arena: Arena, make):
    laptop, _, _ = winning(arena, make)
    try:
        verify(laptop.vault, laptop.keys.identity, deep=True)
    except IntegrityError as error:
        raise AttackSucceeded(f"the honest form is not looked for: {error!r}") from error


@pytest.mark.row("H5")
@pytest.mark.parametrize("make", [dead_key, dead_reference, list_of_nothing])
def test_a_file_that_is_new_here_and_equal_to_a_dead_form_is_stored(arena: Arena, make):
    """Who has the content need not read it, but the form in the tree must be one that can be had."""
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    dead = make(forger, forger.text(b"what both have"))
    forger.publish([item(node_key(ROOT, b"both", Kind.FILE), [forger.entry(dead, 0o644)])], context={})
    det(desk.pull)
    arena.edit(desk, "both", b"what both have")
    desk.push()
    for dev in (laptop, arena.newcomer()):
        try:
            dev.pull()
        except IntegrityError as error:
            raise AttackSucceeded(f"what a device has and publishes cannot be read: {error!r}") from error
        assert dev.tree()[b"both"][1] == b"what both have"
    assert desk.count(desk.push).requests["PUT"] == 0


@pytest.mark.row("H5")
def test_a_file_that_is_new_here_and_equal_to_a_good_form_is_not_sent(arena: Arena):
    laptop, desk = arena.pair()
    large = random.Random(3).randbytes(300_000)
    arena.edit(laptop, "both", large)
    laptop.push()
    fetch(desk.vault, list_heads(desk.vault))
    arena.edit(desk, "both", large)
    assert desk.count(desk.push).requests["PUT"] == 0


@pytest.mark.row("H5")
@pytest.mark.row("H9")
@pytest.mark.parametrize("make", [dead_key, dead_reference, list_of_nothing])
def test_what_readers_go_back_to_is_not_pruned(arena: Arena, make):
    laptop, _, honest = winning(arena, make)
    run = _Run(laptop.vault, begin(laptop.vault), Rules(keep_days=0), grace=DAY, dry_run=True)
    assert not isinstance(honest.chunks, ListRoot)
    for reference in honest.chunks:
        if not run._rows.is_needed(reference.id):
            raise AttackSucceeded("what a present tree needs may go")
    pushes = Pushes(laptop.vault)
    signed = pushes.hash_of(honest.dot.device, honest.dot.sequence)
    snapshot = pushes.snapshot(honest.dot.device, honest.dot.sequence)
    assert snapshot is not None
    assert snapshot.root is not None
    assert run._rows.is_needed(laptop.vault.cipher.snapshot_id(signed))
    assert run._rows.is_needed(snapshot.root[0])


@pytest.mark.row("H5")
@WINNING
def test_the_second_reader_finds_the_honest_bytes_too(arena: Arena, make):
    laptop, _, _ = winning(arena, make)
    copy, words = copy_of_the_store(arena, arena.home / "other")
    assert reader.main([str(copy), str(arena.home / "out"), "--recovery-file", str(words), "--deep"]) == 0
    (only,) = (arena.home / "out").iterdir()
    assert tree_of(only)[b"plain"] == laptop.tree()[b"plain"]


@pytest.mark.row("H5")
def test_a_stream_goes_on_in_the_honest_form_where_the_forged_one_breaks_off(arena: Arena):
    """Its first chunk is the honest one: that was handed out already."""
    laptop, _ = arena.pair()
    whole = random.Random(1).randbytes(5 << 20)
    arena.edit(laptop, "large", whole)
    laptop.push()
    node, content = file_in(laptop, b"large")
    forged = dead_reference(Forger(arena.world.keys, arena.store), content)
    given = list(Downloader(laptop.vault, no_file).chunks(node, forged))
    assert len(given) > 1
    assert b"".join(given) == whole


@pytest.mark.row("H5")
@WINNING
def test_who_settles_a_conflict_signs_no_dead_form_as_its_own(arena: Arena, make):
    """What stays gets a dot of the device that settles it, so that device is whom readers go back to."""
    laptop, desk = arena.pair()
    for dev in (laptop, desk):
        arena.edit(dev, "plain", b"by " + dev.name.encode())
    laptop.push()
    desk.push()
    alike(laptop, desk)
    node = node_key(ROOT, b"plain", Kind.FILE)
    forger = Forger(arena.world.keys, arena.store)

    def forged(entry: Entry) -> Entry:
        files = [each for each in entry.contents if isinstance(each, FileContent)]
        dead = [make(forger, each) if each.dot.device == laptop.device.id else each for each in files]
        return entry._replace(contents=tuple(dead))

    nodes = nodes_of(laptop)
    entries = decode_entries(decode(nodes[node]), Kind.FILE)
    forger.publish({**nodes, node: item(node, [forged(entry) for entry in entries])[1]}.items())
    alike(laptop, desk)
    (by_desk,) = [path for path, thing in desk.tree().items() if thing[1] == b"by desk"]
    (desk.root / by_desk.decode()).unlink()
    desk.push()
    shown = alike(laptop, desk, arena.newcomer())
    assert b"by laptop" in contents(shown)
    assert b"by desk" not in contents(shown)


@pytest.mark.row("H5")
@pytest.mark.parametrize("command", ["pull", "verify"])
@pytest.mark.parametrize("verb", ["lose", "zero"])
def test_where_the_honest_form_is_not_to_be_read_either_it_is_an_error_as_ever(arena: Arena, verb, command):
    laptop, _, honest = winning(arena, dead_reference)
    assert not isinstance(honest.chunks, ListRoot)
    (reference,) = honest.chunks
    (place,) = laptop.vault.catalogue.find(reference.id)
    getattr(arena.store, verb)(names.pack(arena.world.keys.vault_id, place.pack))
    if command == "pull":
        arena.newcomer_refuses(IntegrityError)
    else:
        det(lambda: verify(laptop.vault, laptop.keys.identity, deep=True), IntegrityError)


@pytest.mark.row("H5")
def test_what_a_device_itself_signed_and_nobody_can_read_is_an_error(arena: Arena):
    laptop, _ = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    content = dead_reference(forger, forger.text(b"its own"))
    dead = item(node_key(ROOT, b"dead", Kind.FILE), [forger.entry(content, 0o644)])
    forger.publish([*nodes_of(laptop).items(), dead])
    arena.refuses(laptop, kinds=(MissingObject,), recovers=False)
    arena.newcomer_refuses(MissingObject)
    det(lambda: verify(laptop.vault, laptop.keys.identity, deep=True), MissingObject)


@row("H5", shows=["G2"], weaknesses=["one bad file"])
def test_one_content_that_nobody_can_read_stops_no_other(arena: Arena):
    """Not in a pull, and not where all is read from a copy of the store."""
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    content = dead_reference(forger, forger.text(b"its own"))
    forger.publish(
        [item(node_key(ROOT, b"dead", Kind.FILE), [forger.entry(content, 0o644)]), forger.file(b"good")],
        context={},
    )
    arena.edit(desk, "later")
    desk.push()
    error = det(laptop.pull)
    if laptop.tree().keys() != {*desk.tree(), b"good"}:
        raise AttackSucceeded("a dead file of one device keeps others away")
    assert [item["path"] for item in error.done.failed] == ["dead"]  # type: ignore[attr-defined]
    arena.note(laptop)
    copy, _ = copy_of_the_store(arena, arena.home / "other")
    error = det(lambda: decrypt_offline(copy, arena.home / "out", arena.world.entropy))
    (done,) = error.done  # type: ignore[attr-defined]
    assert [item["path"] for item in done["failed"]] == ["dead"]
    assert tree_of(Path(done["directory"])) == laptop.tree()


# --- H1, H7: one broken word ----------------------------------------------------------------------


def broken(forger: Forger) -> None:
    """Publish a tree that is well signed, and breaks the rules."""
    forger.publish([raw(forger.file(b"broken"), lambda value: value[0].__setitem__(5, []))])


def others_go_on(arena: Arena, *devices: Dev) -> None:
    """See that each of these gets what the others publish, and says that something is wrong."""
    for dev in devices:
        (dev.root / f"by {dev.name}").write_bytes(CANARY + dev.name.encode())
        try:
            dev.push()
        except IntegrityError as refused:
            raise AttackSucceeded(f"{dev.name} cannot publish: {refused!r}") from refused
    for dev in devices:
        for command in (dev.pull, dev.sync):
            error = det(command, BrokenTree)
            if "mallory" not in error.what:
                raise AttackSucceeded(f"it is not said whose word is set aside: {error.what}")
        for other in devices:
            if f"by {other.name}".encode() not in dev.tree():
                raise AttackSucceeded(f"{dev.name} does not get what {other.name} publishes")
    if devices[0].tree() != devices[-1].tree():
        raise AttackSucceeded("two honest devices differ")


@pytest.mark.row("H7")
@row("H1", shows=["G2"], weaknesses=["set aside"])
def test_a_broken_tree_is_set_aside_and_the_others_go_on(arena: Arena):
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    broken(forger)
    phone = arena.device("phone")  # which has seen nothing yet, and publishes at once
    others_go_on(arena, laptop, desk, phone)
    trusted = trust_of(laptop)["trusted"]
    assert isinstance(trusted, bytes)
    if forger.device.id in Trusted.decode(trusted).heads:
        raise AttackSucceeded("what was set aside is trusted")
    forger.publish([*nodes_of(laptop).items(), forger.file(b"good", b"again")])
    if alike(laptop, desk, phone, arena.newcomer())[b"good"][1] != b"again":
        raise AttackSucceeded("its next good word does not count")


@row("H1", shows=["G2"], weaknesses=["set aside"])
def test_what_a_device_published_before_its_broken_tree_stays(arena: Arena):
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish([*nodes_of(laptop).items(), forger.file(b"before", b"good")])
    laptop.pull()
    broken(forger)
    others_go_on(arena, laptop, desk)
    for dev in (laptop, desk):
        if dev.tree().get(b"before", ())[1:2] != (b"good",):
            raise AttackSucceeded("what it published before is lost")


def all_say_the_same(arena: Arena, *devices: Dev) -> None:
    """See that a head is set aside by those who hold its tree already and by who does not."""
    for dev in (*devices, arena.newcomer()):
        error = det(dev.pull, BrokenTree)
        if "has not seen" not in error.what:
            raise AttackSucceeded(f"{dev.name} says something else of it: {error.what}")


@row("H1", shows=["G2"], weaknesses=["one verdict"])
def test_a_write_that_its_head_has_not_seen_is_refused_by_those_who_have_it_too(arena: Arena):
    """Each page of the tree is one that honest devices have: they need not read it to join it."""
    laptop, desk = arena.pair()
    context = {dev.device.id: others_seen(arena, dev) for dev in (laptop, desk)}
    arena.edit(laptop)
    laptop.push()
    desk.pull()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish(nodes_of(laptop).items(), context=context)
    all_say_the_same(arena, laptop, desk)


@row("H1", shows=["G2"], weaknesses=["one verdict"])
def test_a_device_that_takes_back_what_it_has_seen_is_refused_by_those_who_have_its_tree(arena: Arena):
    """Its own entry covers what the laptop wrote; the context of its next head does not."""
    laptop, desk = arena.pair()
    context = {dev.device.id: others_seen(arena, dev) for dev in (laptop, desk)}
    arena.edit(laptop)
    laptop.push()
    forger = Forger(arena.world.keys, arena.store)
    entry = forger.entry(forger.text(b"over it"))
    entry = entry._replace(past=((laptop.device.id, others_seen(arena, laptop)[0]),))
    node = item(node_key(ROOT, b"over it", Kind.FILE), [entry])
    forger.publish([*nodes_of(laptop).items(), node])
    alike(laptop, desk)
    forger.publish([node], context=context)
    all_say_the_same(arena, laptop, desk)


@pytest.mark.row("H1")
def test_what_a_head_has_not_seen_and_does_not_have_is_no_fault_of_it(arena: Arena):
    """An honest device goes on from what it has, whatever the others wrote meanwhile."""
    laptop, desk = arena.pair()
    phone = one_that_has_not_seen(arena)
    for dev in (laptop, desk):
        arena.edit(dev, f"by {dev.name}", CANARY)
        dev.push()
    phone.push()
    alike(laptop, desk, phone, arena.newcomer())


@pytest.mark.row("H1")
def test_while_a_head_is_set_aside_nothing_is_pruned_and_the_history_is_told(arena: Arena):
    laptop, desk = arena.pair()
    broken(Forger(arena.world.keys, arena.store))
    others_go_on(arena, laptop, desk)
    det(lambda: prune(laptop.vault, Rules(keep_days=0)), BrokenTree)
    assert not arena.keys(names.Kind.PRUNE_MARK)
    assert {event.path for event in events(laptop.vault)} >= {b"by desk", b"by laptop", b"plain"}
    det(lambda: verify(laptop.vault, laptop.keys.identity, deep=False), IntegrityError)


@pytest.mark.row("H1")
def test_what_the_store_damaged_or_holds_back_still_stops_everything(arena: Arena):
    """Whose doing it is does not show then; an honest device's newest word may be in it."""
    laptop, desk = arena.pair()
    for verb in (arena.store.zero, arena.store.lose):
        arena.edit(laptop, content=verb.__name__.encode())
        laptop.push()
        for pack in arena.keys(names.Kind.PACK):
            verb(pack)
        error = arena.refuses(desk)
        assert not isinstance(error, BrokenTree)


@pytest.mark.row("H1")
@pytest.mark.parametrize("command", ["pull", "sync"])
def test_a_command_tells_what_it_did_and_whose_word_was_set_aside(run, monkeypatch, tmp_path, command):
    store, words = tmp_path / "store", ("--recovery-file", tmp_path / "w")
    assert run("setup", store, tmp_path / "A", *words).code == 0
    (tmp_path / "A" / "x").write_bytes(CANARY)
    assert run("push", tmp_path / "A").code == 0
    assert run("join", store, tmp_path / "B", *words, home=tmp_path / "h2").code == 0
    kept = HomeDevice(at(tmp_path / "h2")).kept_identity()
    assert kept is not None
    opened = DirectoryStore(store)
    (candidate,) = find_vaults(opened, kept)
    membership = open_membership(candidate.vault, look_at(opened, kept, candidate).membership)
    keys = Keys(kept.identity, membership, open_keyring(membership, kept.identity), candidate.vault)
    forger = Forger(keys, HostileStore(opened))
    forger.store = opened  # type: ignore[assignment] # where no lie is taken back
    broken(forger)
    done = run(command, tmp_path / "B", "--json", home=tmp_path / "h2")
    assert done.code == 6
    assert "mallory" in done.err
    assert (tmp_path / "B" / "x").read_bytes() == CANARY
    (summary,) = [line for line in map(json.loads, done.out.splitlines()) if line.get("type") == "summary"]
    assert summary["downloaded_files"] == 1


# --- H1, H10: what a device says that it has seen -------------------------------------------------


def others_seen(arena: Arena, dev: Dev) -> tuple[int, bytes]:
    """Sequence and hash of the newest snapshot of a device."""
    head = read_head(dev.vault, dev.device.id)
    return head.sequence, head.hash


@row("H10", weaknesses=["only what was seen goes"])
def test_who_has_not_seen_a_device_takes_nothing_of_it(arena: Arena):
    """The tree has nothing but a file of its own; it has seen the laptop, which had not seen the desk."""
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish([forger.file(b"alone", b"alone")], context={laptop.device.id: others_seen(arena, laptop)})
    first = alike(laptop)
    arena.edit(desk, "more", b"more")
    desk.push()
    shown = alike(desk, laptop, arena.newcomer())
    for tree in (first, shown):
        if not {b"by the desk", b"alone"} <= tree.keys():
            raise AttackSucceeded(f"what was never seen is gone: {sorted(tree)}")


def nobody_takes_it(*devices: Dev) -> None:
    """See that what the forger has published last is set aside by each of these, and all else taken in."""
    for dev in devices:
        error = det(dev.pull, BrokenWord)
        if "mallory" not in error.what or "a snapshot" not in error.what:
            raise AttackSucceeded(f"it is not said whose word is set aside: {error.what}")
        if b"alone" in dev.tree():
            raise AttackSucceeded(f"{dev.name} has taken in what has not seen enough")


@row("H10", shows=["G2"], weaknesses=["seen enough"])
@pytest.mark.parametrize("later", ["", "desk", "laptop", "desk laptop"])
def test_who_has_seen_a_device_but_not_what_that_had_seen_is_set_aside(arena: Arena, later):
    """It claims the desk's word, and not the laptop's, which that had seen; `later`: who publishes more before anybody looks."""
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish([forger.file(b"alone", b"alone")], context={desk.device.id: others_seen(arena, desk)})
    for dev in (laptop, desk):
        if dev.name in later:
            arena.edit(dev, f"by {dev.name}", CANARY)
            dev.push()
    nobody_takes_it(laptop, desk, arena.newcomer())
    det(lambda: verify(laptop.vault, laptop.keys.identity, deep=False), IntegrityError)
    det(lambda: prune(laptop.vault, Rules(keep_days=0)), BrokenWord)
    forger.publish([*nodes_of(laptop).items(), forger.file(b"alone", b"alone")])
    assert b"alone" in alike(laptop, desk, arena.newcomer())


@row("H10", weaknesses=["seen enough"])
def test_who_takes_back_what_it_had_seen_is_set_aside_though_it_names_nothing_new(arena: Arena):
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish(nodes_of(laptop).items())
    alike(laptop, desk)
    point = others_seen(arena, desk)
    forger._context = {}
    forger.publish([forger.file(b"alone", b"alone")], context={desk.device.id: point})
    nobody_takes_it(laptop, desk, arena.newcomer())


@row("H10", weaknesses=["seen enough"])
def test_who_names_a_snapshot_and_does_not_prove_it_is_set_aside_until_somebody_does(arena: Arena):
    """Who has nothing to hold it against cannot know what that snapshot had seen."""
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store, proves=False)
    arena.edit(desk, "more", b"more")
    desk.push()
    forger.publish([*nodes_of(laptop).items(), forger.file(b"alone", b"alone")])
    arena.edit(desk, "more", b"still more")
    desk.push()
    nobody_takes_it(arena.newcomer())


@row("H10", weaknesses=["proofs kept here"])
def test_who_takes_in_a_word_that_names_one_set_aside_can_prove_that_later(arena: Arena):
    """Honest devices get it from another forger, which stores no proof of it, and it is gone from the store soon."""
    laptop, desk = arena.pair()
    broken_one = Forger(arena.world.keys, arena.store, "eve")
    broken(broken_one)
    forger = Forger(arena.world.keys, arena.store, proves=False)
    forger.publish([*nodes_of(laptop).items(), forger.file(b"alone", b"alone")])
    det(laptop.pull, BrokenTree)
    broken(broken_one)
    det(laptop.pull, BrokenTree)
    arena.edit(laptop, "more", CANARY)
    laptop.push()
    broken_one.publish(nodes_of(laptop).items())
    for dev in (desk, arena.newcomer()):
        try:
            dev.pull()
        except BrokenWord as error:
            raise AttackSucceeded(f"{dev.name} does not take in what an honest device publishes") from error
        assert not dev.differs(laptop.tree())


@row("H10", shows=["G6"], weaknesses=["contexts"])
@pytest.mark.parametrize("claim", ["in advance", "another one", "of nobody"])
def test_nobody_can_claim_to_have_seen_what_was_never_written(arena: Arena, claim):
    """It would swallow what the desk writes later."""
    laptop, desk = arena.pair()
    arena.edit(desk, "more", b"more")
    desk.push()
    laptop.pull()
    forger = Forger(arena.world.keys, arena.store)
    sequence, digest = others_seen(arena, desk)
    claims = {
        "in advance": {desk.device.id: (sequence + 1, bytes(32))},
        "another one": {desk.device.id: (sequence - 1, bytes(32))},
        "of nobody": {desk.device.id: (sequence, digest), bytes(16): (1, bytes(32))},
    }
    forger.publish(nodes_of(laptop).items(), context=claims[claim])
    arena.refuses(laptop, kinds=(Rollback, Fork))


# --- H1: two histories of one device --------------------------------------------------------------

SHOWN_TO = ("laptop", "desk")


def fork(
    arena: Arena, laptop: Dev, desk: Dev, *, for_laptop: int = 1, for_desk: int = 1, tells: bool = True
) -> tuple[Forger, Forger]:
    """Let each of two devices join another history of a third, of so many pushes; the store shows the desk's then."""
    forger = Forger(arena.world.keys, arena.store, tells=tells)
    forger.publish([*nodes_of(laptop).items(), forger.file(b"before", b"in both")])
    alike(laptop, desk)
    other = forger.twin()
    for n in range(for_laptop):
        forger.publish([*nodes_of(laptop).items(), forger.file(b"for the laptop", b"%d" % n)])
    laptop.pull()
    for n in range(for_desk):
        other.publish([*nodes_of(desk).items(), other.file(b"for the desk", b"%d" % n)])
    desk.pull()
    return forger, other


def write(*devices: Dev) -> None:
    """Let devices publish something of their own on top of what they have joined."""
    for dev in devices:
        (dev.root / f"by {dev.name}").write_bytes(CANARY + dev.name.encode())
        dev.push()


def sets_aside(*commands: Callable[[], object]) -> None:
    """See that each of these commands says who is at fault, and of what."""
    for command in commands:
        error = det(command, TwoHistories)
        if "mallory" not in error.what or "two histories" not in error.what:
            raise AttackSucceeded(f"it is not said who is at fault: {error.what}")


def end_alike(arena: Arena, *devices: Dev) -> dict[bytes, tuple]:
    """See that devices come to one tree, with all that each has written, and then to rest; return it."""
    for _ in range(3):
        sets_aside(*(dev.sync for dev in devices))
    shown = devices[0].tree()
    for dev in devices:
        if found := dev.differs(shown):
            raise AttackSucceeded(f"{devices[0].name} and {dev.name} differ: {found}")
    missing = {b"plain", b"by the desk", b"docs/deep/notes", b"before"} - shown.keys()
    missing |= {f"by {name}".encode() for name in SHOWN_TO} - shown.keys()
    if missing:
        raise AttackSucceeded(f"what honest devices wrote is gone: {missing}")
    if read_by_the_other(arena.world, arena.home / f"read {len(arena.world.devices)}", "--deep") != shown:
        raise AttackSucceeded("the second reader has another tree")
    for _ in range(2):
        puts = [dev.count(lambda dev=dev: sets_aside(dev.sync)).requests["PUT"] for dev in devices]  # type: ignore[misc]
        if any(puts):
            raise AttackSucceeded("nothing happens any more, and they go on writing")
    return shown


@row("H1", shows=["G6"], weaknesses=["faults found", "proofs stored"])
@pytest.mark.parametrize(("for_laptop", "for_desk"), [(1, 1), (3, 3), (2, 5), (70, 70)])
def test_who_signs_two_histories_is_set_aside_and_nobody_else(arena: Arena, for_laptop, for_desk):
    """Each of the honest has taken in one of the two, and publishes on top of it."""
    laptop, desk = arena.pair()
    fork(arena, laptop, desk, for_laptop=for_laptop, for_desk=for_desk)
    write(laptop, desk)
    sets_aside(laptop.pull, desk.pull)
    newcomer = arena.newcomer()
    end_alike(arena, laptop, desk, newcomer, arena.newcomer("another"))


@row("H1", shows=["G6"], weaknesses=["faults found"])
def test_who_signs_two_histories_hides_it_behind_no_broken_index(arena: Arena):
    laptop, desk = arena.pair()
    _, other = fork(arena, laptop, desk)
    noise = bytes(4096)
    other.store.put(names.index(arena.world.keys.vault_id, object_hash(noise)), noise)
    other._indexes += (object_hash(noise),)
    other.publish([other.file(b"later", b"later")])
    write(laptop, desk)
    sets_aside(laptop.pull, desk.pull, laptop.sync, desk.sync, arena.newcomer().pull)


@row("H1", shows=["G6"], weaknesses=["faults found"])
def test_who_signs_two_histories_hides_it_behind_no_broken_page_of_one(arena: Arena):
    """The laptop does not find what it has accepted; it finds what the two others have."""
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish([*nodes_of(laptop).items(), forger.file(b"before", b"in both")])
    laptop.pull()
    page = forger.body(BlobKind.HISTORY, b"no page")
    forger.sequence, forger._history = 128, (tuple([bytes(32)] * 63), (page,))
    other, phone = forger.twin(), arena.device("phone")
    for one, dev in ((forger, desk), (other, phone)):
        one.body(BlobKind.HISTORY, b"no page")
        one.publish([*nodes_of(laptop).items(), one.file(b"for one", dev.name.encode())])
        dev.pull()
    write(desk, phone)
    sets_aside(laptop.pull, desk.pull, phone.pull)


@row("H1", shows=["G6"], weaknesses=["faults found"])
def test_one_who_goes_back_to_the_shorter_of_its_histories_is_set_aside(arena: Arena):
    """What the laptop has joined is longer: its signed history is what contradicts the head that it is shown."""
    laptop, desk = arena.pair()
    fork(arena, laptop, desk, for_laptop=3, for_desk=1)
    sets_aside(laptop.pull)
    write(laptop, desk)
    end_alike(arena, laptop, desk, arena.newcomer())


@row("H1", shows=["G6"], weaknesses=["faults found"])
@pytest.mark.parametrize(("for_laptop", "for_desk"), [(1, 1), (1, 3), (2, 5), (70, 70)])
def test_one_who_keeps_its_snapshots_to_itself_is_set_aside_all_the_same(arena: Arena, for_laptop, for_desk):
    """There are not two snapshots to be had of any sequence: the histories in its heads have to do."""
    laptop, desk = arena.pair()
    fork(arena, laptop, desk, for_laptop=for_laptop, for_desk=for_desk, tells=False)
    write(laptop, desk)
    sets_aside(laptop.pull, desk.pull)
    end_alike(arena, laptop, desk, arena.newcomer(), arena.newcomer("another"))


@row("H1", shows=["G6"], weaknesses=["faults found", "faults told"])
def test_one_who_goes_back_and_keeps_its_snapshots_to_itself_is_shown_to_the_others_by_its_longer_head(
    arena: Arena,
):
    """Only the laptop has joined that head. To the desk the store alone seems to have gone back."""
    laptop, desk = arena.pair()
    fork(arena, laptop, desk, for_laptop=3, for_desk=1, tells=False)
    write(laptop, desk)
    sets_aside(laptop.pull, laptop.sync, desk.pull)
    end_alike(arena, laptop, desk, arena.newcomer(), arena.newcomer("another"))


def goes_on(arena: Arena, *, is_named: bool) -> None:
    """Let the device write on after its fault was found, on the branch that all heads have come to name or the other."""
    laptop, desk = arena.pair()
    phone = one_that_has_not_seen(arena)
    branches = sorted(fork(arena, laptop, desk), key=lambda forger: forger.hash)
    write(laptop, desk)
    end_alike(arena, laptop, desk)
    for dev in (laptop, desk):
        arena.edit(dev, f"more by {dev.name}", CANARY)
        dev.push()
    chosen = branches[is_named]
    for _ in range(3):
        chosen.publish([*nodes_of(laptop).items(), chosen.file(b"later", b"later")])
    shown = end_alike(arena, laptop, desk, phone, arena.newcomer())
    if b"later" in shown or b"of the phone" not in shown:
        raise AttackSucceeded("its later words count")


@row("H1", shows=["G6"], weaknesses=["faults found", "faults told"])
def test_what_it_writes_later_counts_for_nobody_though_heads_contradict_each_other_no_more(arena: Arena):
    """Who comes new is told by the others."""
    goes_on(arena, is_named=True)


@row("H1", shows=["G6"], weaknesses=["faults found"])
def test_what_it_writes_later_counts_on_its_other_branch_as_little(arena: Arena):
    goes_on(arena, is_named=False)


@row("H1", shows=["G6"], weaknesses=["faults found"])
def test_who_remembers_one_history_and_never_named_it_tells_the_others(arena: Arena):
    """Only the laptop's memory contradicts what the store shows: it stores what it has of the proof."""
    laptop, desk = arena.pair()
    write(laptop, desk)
    alike(laptop, desk)
    fork(arena, laptop, desk)
    sets_aside(laptop.sync)
    end_alike(arena, laptop, desk, arena.newcomer())


def in_the_name_of(forger: Forger, dev: Dev, sequence: int) -> bytes:
    """Store a snapshot of another device that it never signed, with the forger's next push; return its hash."""
    keys = forger.keys
    snapshot = make_snapshot(
        SimpleNamespace(id=dev.device.id, signing=forger.device.signing),  # type: ignore[arg-type]
        keys.vault_id,
        sequence=sequence,
        previous=None if sequence == 1 else bytes(32),
        root=None,
        context={},
        previous_context={},
        tip=keys.keyring.tip,
        epoch=keys.keyring.current,
        time=0,
    )
    sealed = forger.cipher.seal_page(BlobKind.SNAPSHOT, snapshot.record)
    forger.blob(forger.cipher.snapshot_id(snapshot.hash), sealed)
    return snapshot.hash


@row("H1", shows=["G6"], weaknesses=["claims proven"])
def test_nobody_is_put_at_fault_by_a_claim_without_a_signature(arena: Arena):
    """Another device names what the desk has never signed, and says that a pack of its own holds it."""
    laptop, desk = arena.pair()
    arena.edit(desk, "more", b"more")
    desk.push()
    laptop.pull()
    forger = Forger(arena.world.keys, arena.store)
    sequence, _ = others_seen(arena, desk)
    made_up = in_the_name_of(forger, desk, sequence - 1)
    forger.publish(nodes_of(laptop).items(), context={desk.device.id: (sequence - 1, made_up)})
    error = arena.refuses(laptop, kinds=(Fork,))
    assert not isinstance(error, StateBehind)
    arena.pulls(desk)


@row("H1", shows=["G5"], weaknesses=[("trust memory", "contexts")])
def test_an_older_head_of_one_history_is_the_stores_doing_and_nobodys_fault(arena: Arena):
    laptop, desk = arena.pair()
    then = arena.store.body(arena.head_of(desk))
    arena.edit(desk, "more", b"more")
    desk.push()
    laptop.pull()
    arena.store.inject(arena.head_of(desk), then)
    arena.refuses(laptop, kinds=(Rollback,))
    assert not load_faults(laptop.vault.state)


@row("H1", weaknesses=["faults found"])
def test_what_an_honest_device_wrote_into_a_directory_of_one_history_only_is_not_lost(arena: Arena):
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish([*nodes_of(laptop).items(), forger.file(b"before", b"in both")])
    alike(laptop, desk)
    other = forger.twin()
    directory, number = forger.directory(b"theirs")
    forger.publish([*nodes_of(laptop).items(), directory, forger.file(b"planted", parent=number)])
    laptop.pull()
    (laptop.root / "theirs" / "honest").write_bytes(b"honest")
    other.publish([*nodes_of(desk).items(), other.file(b"for the desk", b"other")])
    desk.pull()
    write(laptop, desk)
    if b"honest" not in contents(end_alike(arena, laptop, desk, arena.newcomer())):
        raise AttackSucceeded("what an honest device wrote is gone")


@row("H1", weaknesses=["proofs stored"])
def test_what_proves_a_fault_stays_when_packs_and_indexes_are_folded(arena: Arena):
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish([*nodes_of(laptop).items(), forger.file(b"before", b"in both")])
    alike(laptop, desk)
    other = forger.twin()
    forger.publish([*nodes_of(laptop).items(), forger.file(b"for the laptop", b"one")])
    laptop.pull()
    write(laptop)
    proof = laptop.vault.cipher.proof_id(forger.hash)
    first = list(laptop.vault.catalogue.find(proof))
    for n in range(FAN + 1):
        arena.edit(laptop, "more", b"%d" % n)
        laptop.push()
    if not first:
        raise AttackSucceeded("what was joined is not proven")
    assert not {place.pack for place in first} & packs_of(laptop)
    other.publish([*nodes_of(desk).items(), other.file(b"for the desk", b"other")])
    sets_aside(desk.pull)
    write(desk)
    end_alike(arena, laptop, desk, arena.newcomer())


def packs_of(dev: Dev) -> set[bytes]:
    """Return the packs that the live indexes of a device name."""
    live = own_heads(dev.vault, [])[-1].live_indexes
    return {group.pack for index_id in live for group in read_index(dev.vault, index_id)}


@row("H1", weaknesses=["faults found"])
def test_what_a_device_at_fault_names_and_nobody_has_stops_nobody(arena: Arena):
    """Its index is not there: of any other device that would be an error, and maybe the store's doing."""
    laptop, desk = arena.pair()
    _, other = fork(arena, laptop, desk)
    write(laptop, desk)
    end_alike(arena, laptop, desk)
    other.publish([*nodes_of(desk).items(), other.file(b"later", b"later")])
    other.lose_index()
    arena.edit(laptop, "more", CANARY)
    sets_aside(laptop.sync, desk.sync)
    assert not desk.differs(laptop.tree())


@row("H1", weaknesses=["proofs kept"])
def test_pruning_does_not_take_what_proves_a_fault_that_nobody_knows_of_yet(arena: Arena):
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish([*nodes_of(laptop).items(), forger.file(b"before", b"in both")])
    alike(laptop, desk)
    other = forger.twin()
    forger.publish([*nodes_of(laptop).items(), forger.file(b"for the laptop", b"one")])
    laptop.pull()
    (laptop.root / "big").write_bytes(os.urandom(LEAST_BYTES))
    laptop.push()  # the proof is in a pack of which nothing is needed soon
    (laptop.root / "big").unlink()
    write(laptop)
    rules = Rules(keep_days=0)
    assert prune(laptop.vault, rules).marked
    proof = laptop.vault.cipher.proof_id(forger.hash)
    marked = own_mark(laptop.vault, list_heads(laptop.vault), put=False).packs
    if {place.pack for place in laptop.vault.catalogue.find(proof)} & set(marked):
        raise AttackSucceeded("what proves a fault is about to go")
    laptop.sync()
    laptop.clock.advance(31 * DAY)  # nobody is waited for who has said nothing since
    assert prune(laptop.vault, rules).deleted
    other.publish([*nodes_of(desk).items(), other.file(b"for the desk", b"other")])
    sets_aside(desk.pull)
    write(desk)
    end_alike(arena, laptop, desk, arena.newcomer())


@pytest.mark.row("H1")
@pytest.mark.case(115)
def test_a_device_and_its_copy_that_write_at_the_same_time_go_on_as_two_and_nothing_is_lost(arena: Arena):
    """It is an honest key that has signed two histories. Each of the two was joined by somebody."""
    laptop, desk = arena.pair()
    phone = one_that_has_not_seen(arena)
    before, home = arena.store.body(arena.head_of(laptop)), arena.home / "copy"
    laptop.close()
    shutil.copytree(laptop.home, home, symlinks=True)
    laptop.restart()
    write(laptop)
    phone.pull()
    phone.push()
    arena.store.inject(arena.head_of(laptop), before)  # as the copy's listing has it
    copy = Dev("copy", home, laptop.keys, laptop.device, laptop.store, laptop.clock)
    write(copy)
    det(desk.sync, TwoHistories)
    for dev in (laptop, copy):
        det(dev.sync, StateBehind)
        dev.renew()
    everybody = (laptop, copy, desk, phone)
    for dev in everybody * 3:
        error = det(dev.sync, TwoHistories)
        assert "laptop" in error.what or "copy" in error.what
    for dev in everybody:
        assert not dev.differs(laptop.tree())
    assert {b"by laptop", b"by copy", b"of the phone", b"by the desk", b"plain"} <= laptop.tree().keys()
