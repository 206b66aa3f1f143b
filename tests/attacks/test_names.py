"""N1-N6, N11: names and metadata: what the store does to them, and what can be read of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

from e2esync.cli.main import main
from e2esync.crypto import recovery
from e2esync.engine import ownhead
from e2esync.errors import BadObject, E2ESyncError
from e2esync.format import names
from e2esync.format.names import Kind
from e2esync.vault.identity import create_identity
from e2esync.vault.keyring import create_vault
from tests.attacks import forge_defences
from tests.attacks.arena import CANARY, Arena, AttackSucceeded, row
from tests.attacks.arena_oracles import noch_but, refused_content
from tests.attacks.forge_tree import Forger
from tests.engine.world import Dev

POISON = forge_defences.POISON


def gets(arena: Arena, expected: dict[bytes, tuple]) -> None:
    """See that a newcomer gets exactly this tree, or an error and nothing but files that are of it."""
    known = len(arena.world.devices)
    try:
        newcomer = arena.newcomer()
        newcomer.pull()
        found = newcomer.tree()
    except E2ESyncError as error:
        found = arena.world.devices[-1].tree() if len(arena.world.devices) > known else {}
        if refused_content(error):
            noch_but(arena.world.devices[-1], error, {}, expected)
            return
        expected = {}
    finally:
        for dev in arena.world.devices[known:]:
            arena.drop(dev)
    if found != expected:
        raise AttackSucceeded(f"a newcomer gets {sorted(found)[:5]}")


# --- N1 ------------------------------------------------------------------------------------------


def root_blob(dev: Dev):
    """Where the root page of a device's newest tree lies."""
    root = ownhead.load(dev.vault.state).root
    assert root is not None
    return dev.vault.catalogue.find(root.id)[0]


def trees_of_one_size(laptop: Dev):
    """Exchange what two names stand for until the new root page is as long as an old one; return both places."""
    seen = [root_blob(laptop)]
    for n in range(40):
        for name, text in zip(("plain", "other"), (b" one", b" two")[:: 2 * (n % 2) - 1], strict=True):
            (laptop.root / name).write_bytes(CANARY + text)
        laptop.push()
        now = root_blob(laptop)
        for old in seen[1 - len(seen) % 2 :: 2]:  # in which the names were the other way round
            if old.length == now.length:
                return old, now
        seen.append(now)
    raise AssertionError("no two pages of one length")


@row("N1", shows=["G4"], weaknesses=[("page ids", "page cut")])
def test_a_store_that_gives_files_each_others_names_is_refused(arena: Arena):
    laptop = arena.device("laptop")
    (laptop.root / "plain").write_bytes(CANARY + b" one")
    (laptop.root / "other").write_bytes(CANARY + b" two")
    laptop.push()
    old, now = trees_of_one_size(laptop)
    vault = arena.world.keys.vault_id
    source = arena.store.body(names.pack(vault, old.pack))[old.start : old.start + old.length]
    key = names.pack(vault, now.pack)
    body = arena.store.body(key)
    arena.store.inject(key, body[: now.start] + source + body[now.start + now.length :])
    arena.newcomer_refuses()


@row("N1", shows=["G4"], weaknesses=[])
def test_objects_that_the_store_moves_or_copies_are_refused_or_not_needed(arena: Arena):
    laptop, _ = arena.pair()
    arena.edit(laptop)
    laptop.push()
    expected = laptop.tree()
    for kind in (Kind.HEAD, Kind.INDEX, Kind.PACK):
        keys = arena.keys(kind)
        for one, other in combinations(keys[:4], 2):
            for move in (arena.store.swap, arena.store.copy):
                move(one, other)
                gets(arena, expected)
                arena.store.honest()
    for one, other in combinations(
        [arena.keys(kind)[0] for kind in (Kind.HEAD, Kind.INDEX, Kind.MEMBERS)], 2
    ):
        arena.store.swap(one, other)
        arena.newcomer_refuses()
        arena.store.honest()


# --- N3 ------------------------------------------------------------------------------------------


@row("N3", shows=["G4"], weaknesses=[("seals", "page ids", "page cut")])
def test_a_field_that_the_store_edits_inside_of_a_record_is_refused(arena: Arena):
    """The store knows the name of a file and where in its page that stands, and puts another in its place."""
    laptop = arena.device("laptop")
    (laptop.root / "invoice-paid").write_bytes(CANARY)
    laptop.push()
    place, cipher = root_blob(laptop), laptop.vault.cipher
    key = names.pack(arena.world.keys.vault_id, place.pack)
    body = arena.store.body(key)
    sealed = body[place.start : place.start + place.length]
    sealer = cipher._pages[place.epoch]
    plain = sealer.unseal(
        sealed, context=cipher.vault_id + b"\x01"
    )  # what the store is assumed to know of it
    at = plain.index(b"invoice-paid")
    mask = bytes(a ^ b for a, b in zip(b"invoice-paid", b"invoice-void", strict=True))
    edited = bytearray(body)
    for n, bits in enumerate(mask):
        edited[place.start + 12 + at + n] ^= bits
    arena.store.inject(key, bytes(edited))
    arena.newcomer_refuses()


@row("N3", shows=["G4"], weaknesses=[])
def test_sealed_parts_of_one_record_do_not_fit_into_another(arena: Arena):
    laptop, _ = arena.pair()
    (own,), (index, *_) = [arena.head_of(laptop)], arena.keys(Kind.INDEX)
    head, other = arena.store.body(own), arena.store.body(index)
    for key, body in (
        (own, head[:32] + other[32:]),
        (own, other[:44] + head[44:]),
        (own, head[:-16] + other[-16:]),
        (index, other[:32] + head[32:]),
    ):
        arena.store.inject(key, body)
        arena.newcomer_refuses()
        arena.store.honest()


# --- N4 ------------------------------------------------------------------------------------------


def sealed_by(arena: Arena, dev: Dev) -> set[bytes]:
    """All that a device has sealed, from everything that it ever stored; each begins with its nonce."""
    found = set()
    for version in arena.store.versions:
        name = names.parse(version.key)
        if version.client != dev.name or version.body is None or name is None:
            continue
        if name.kind in {Kind.HEAD, Kind.INDEX}:
            found.add(version.body[32:])
        if name.kind is Kind.PACK:
            groups = dev.vault.catalogue.groups([name.id or b""])
            found |= {version.body[r.offset : r.offset + r.length] for group in groups for r in group.rows}
    return found


@row("N4", shows=["G1"], weaknesses=["fresh nonces"])
def test_what_stands_in_the_store_gives_nothing_to_new_ciphertext(arena: Arena):
    """Old and poisoned objects stand where the client will write, while it writes the same two states again."""
    laptop, _ = arena.pair()
    own = arena.head_of(laptop)
    poisoned = arena.store.body(own)[:32] + POISON + bytes(500)
    for n in range(12):
        arena.edit(laptop, content=CANARY + (b" this", b" that")[n % 2])
        arena.store.inject(own, poisoned if n % 2 else arena.store.history(own)[0])
        laptop.push()
    sealed = sealed_by(arena, laptop)
    assert len(sealed) > 30
    found = Counter(one[:12] for one in sealed)
    again = [nonce for nonce, count in found.items() if count > 1 or nonce == POISON]
    if again:
        raise AttackSucceeded(f"{len(again)} nonces were used again, or taken from the store")
    arena.store.honest()


# --- N5 ------------------------------------------------------------------------------------------


def plant(arena: Arena, forger: Forger) -> None:
    """Publish a folder with a file in it; who pulls has to refuse."""
    folder, number = forger.directory(b"a gift")
    forger.publish([folder, forger.file(b"open me", b"planted", parent=number)])
    arena.newcomer_refuses()
    arena.store.honest()


@row("N5", shows=["G3"], weaknesses=["writers"])
def test_a_stranger_with_the_key_of_the_epoch_plants_no_folder(arena: Arena):
    arena.pair()
    stranger, _ = create_identity(recovery.generate())
    plant(arena, Forger(replace(arena.world.keys, identity=stranger), arena.store))


@row("N5", shows=["G3"], weaknesses=["certificates"])
def test_a_device_that_certifies_itself_plants_no_folder(arena: Arena):
    arena.pair()
    keys = arena.world.keys
    stranger, _ = create_identity(recovery.generate())
    posing = SimpleNamespace(public=keys.identity.public, signing=stranger.signing)
    plant(arena, Forger(replace(keys, identity=posing), arena.store))  # type: ignore[arg-type]


@row("N5", shows=["G3"], weaknesses=[])
def test_a_stranger_with_public_keys_only_plants_no_folder(arena: Arena):
    """A whole vault of the stranger's own, with every record, moved to where the victim's is."""
    arena.pair()
    stranger, _ = create_identity(recovery.generate())
    vault = create_vault(stranger, "Mallory")
    theirs = replace(arena.world.keys, identity=stranger, membership=vault.membership, keyring=vault.keyring)
    forger = Forger(theirs, arena.store)
    folder, number = forger.directory(b"a gift")
    nodes = [folder, forger.file(b"open me", b"planted", parent=number)]
    try:
        forger.publish(nodes)
    except BadObject:  # the victim's heads do not open for a stranger: nothing to be named in a context
        forger.everything = dict  # type: ignore[method-assign]
        forger.publish(nodes)
    arena.newcomer_refuses()
    _, record = vault.keyring.tip
    arena.store.inject(names.members(arena.world.keys.vault_id, 2, record), vault.members)
    arena.newcomer_refuses()


# --- N6 ------------------------------------------------------------------------------------------


def windows(arena: Arena) -> Counter[bytes]:
    """Every run of 16 bytes of what is sealed in a vault: heads, indexes and packs without what stands in clear."""
    found: Counter[bytes] = Counter()
    for key in arena.keys(Kind.HEAD, Kind.INDEX, Kind.PACK):
        body = arena.store.body(key)
        sealed = body if "/packs/" in key else body[32:]
        found.update({sealed[at : at + 16] for at in range(len(sealed) - 15)})
    return found


@row("N6", shows=["G1"], weaknesses=["chance"])
def test_equal_names_leave_nothing_equal_in_the_store(arena: Arena, tmp_path):
    other = Arena(tmp_path / "other vault")
    try:
        for one in (arena, other):
            laptop = one.device("laptop")
            for directory in ("first", "second"):
                (laptop.root / directory).mkdir()
                (laptop.root / directory / "the same name").write_bytes(CANARY)
                laptop.push()
        ours, theirs = windows(arena), windows(other)
        if max(ours.values()) > 1 or ours.keys() & theirs.keys():
            raise AttackSucceeded("two objects have something in common")
        if set(arena.keys(Kind.HEAD, Kind.INDEX, Kind.PACK)) & set(other.keys()):
            raise AttackSucceeded("two vaults have a name in common")
    finally:
        other.close()


# --- N11 -----------------------------------------------------------------------------------------

UNSEEN = ["\x1b[2Jcleared", "\u202egnp.exe", "two\nlines", "\x9b31m red", "\u2066iso\u2069", "\r back"]


@row("N11", weaknesses=["escapes"])
def test_no_name_does_anything_to_a_terminal(arena: Arena, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("E2ESYNC_HOME", str(tmp_path / "home"))
    sync, store = tmp_path / "Sync", tmp_path / "store"
    shown = run(capsys, "setup", store, sync, "--recovery-file", tmp_path / "words")
    for n, name in enumerate(UNSEEN):
        (sync / name).write_bytes(b"%d" % n)
    shown += run(capsys, "push", sync, "--dry-run") + run(capsys, "push", sync)
    for name in UNSEEN:
        shown += run(capsys, "inspect", sync / name)
        shown += run(capsys, "inspect", sync / (name + " that is not there"))
        (sync / name).unlink()
    shown += (
        run(capsys, "pull", sync, "--dry-run")
        + run(capsys, "status")
        + run(capsys, "push", sync, "--dry-run")
    )
    monkeypatch.setenv("E2ESYNC_HOME", str(tmp_path / "home \x1b[31m 2"))
    words = ("--recovery-file", tmp_path / "words")
    shown += run(capsys, "join", store, tmp_path / "to \u202e be", *words)
    shown += run(capsys, "pull", tmp_path / "to \u202e be", "--dry-run") + run(
        capsys, "pull", tmp_path / "to \u202e be"
    )
    found = [name for name in UNSEEN if name in shown]
    if found or {"\x1b", "\x9b", "\u202e", "\u2066", "\r"} & set(shown):
        raise AttackSucceeded(f"a terminal is sent {found}")
    assert all(text in shown for text in ("\\x1b[2Jcleared", "\\u202egnp.exe", "two\\x0alines"))


def run(capsys, *arguments: object) -> str:
    """Run a command in this process; return all that it prints."""
    capsys.readouterr()
    main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return printed.out + printed.err
