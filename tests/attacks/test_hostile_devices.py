"""R10, H1, H5, H10: a device with real keys that says what it never wrote, what others took back, or what nobody can read.

It signs whatever it likes. What honest devices hold in the end is one tree, and nothing honest is lost from it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from e2esync.adapters.stores.directory import DirectoryStore
from e2esync.crypto import recovery
from e2esync.engine import merge
from e2esync.engine.download import Downloader
from e2esync.engine.fetch import read_head
from e2esync.engine.history import events
from e2esync.engine.join import find_vaults, look_at
from e2esync.engine.members import open_membership
from e2esync.engine.merge import BrokenTree
from e2esync.engine.prune import prune
from e2esync.engine.restore_offline import decrypt_offline
from e2esync.engine.verify import verify
from e2esync.errors import Fork, IntegrityError, MissingObject, Rollback
from e2esync.format import names
from e2esync.format.cbor import decode
from e2esync.merge.fold import fold
from e2esync.merge.retention import Rules
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import ROOT, Kind, node_key
from e2esync.tree.lists import ListRoot
from e2esync.tree.values import Entry, FileContent
from e2esync.vault.keyring import open_keyring
from e2esync.vault.trust import Trusted
from e2esync.wiring.home import at
from e2esync.wiring.localdevice import HomeDevice
from examples import read_without_e2esync as reader
from moto_fixtures.hostile import HostileStore
from tests.attacks.arena import CANARY, Arena, AttackSucceeded, det, noch, row, trust_of
from tests.attacks.arena_defences import DEFENCES, Patch, always, skipped
from tests.attacks.forge_tree import Forger, changed, item, nodes_of, raw
from tests.cli.conftest import no_settings, run
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


DEFENCES.update(
    {
        "what was seen stays": (Patch("e2esync.engine.merge", "_goes_on", always(True)),),
        "only what was seen goes": (Patch("e2esync.merge.join", "join_entries", _absence_deletes),),
        "together": (Patch("e2esync.vault.trust", "check_together", skipped),),
        "what its device signed": (Patch("e2esync.engine.honest:HonestForms", "find", always(None)),),
        "set aside": (Patch("e2esync.engine.fetch", "_join_good", _all_or_nothing),),
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
    forger = Forger(arena.world.keys, arena.store)
    forger.publish(nodes_of(laptop).items(), context={desk.device.id: others_seen(arena, desk)})
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
def test_who_has_seen_a_device_but_not_what_that_had_seen_takes_nothing_of_the_rest(arena: Arena):
    """The tree has nothing but a file of its own; it claims the desk's word, which claims the laptop's."""
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish([forger.file(b"alone", b"alone")], context={desk.device.id: others_seen(arena, desk)})
    first = alike(laptop)
    arena.edit(desk, "more", b"more")
    desk.push()
    shown = alike(desk, laptop, arena.newcomer())
    for tree in (first, shown):
        if not {b"plain", b"docs/deep/notes", b"alone"} <= tree.keys():
            raise AttackSucceeded(f"what was never seen is gone: {sorted(tree)}")


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


@row("H1", shows=["G6"], weaknesses=[("contexts", "together", "trust memory")])
def test_two_words_of_one_sequence_are_found_out_and_nothing_is_lost(arena: Arena):
    """Each of the honest has taken in one of the two, and publishes on top of it."""
    laptop, desk = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    forger.publish(nodes_of(laptop).items())
    alike(laptop, desk)
    other = forger.twin()
    forger.publish([*nodes_of(laptop).items(), forger.file(b"for the laptop", b"one")])
    laptop.pull()
    other.publish([*nodes_of(desk).items(), other.file(b"for the desk", b"other")])
    desk.pull()
    for dev in (laptop, desk):
        arena.edit(dev, f"by {dev.name}", CANARY)
        dev.push()
    with noch(laptop, desk):
        det(laptop.pull, Fork)
        det(desk.pull, Fork)
