"""Rows K1, K3, K6 to K8: keys of somebody else in the place of ours, or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from e2esync.crypto.asymmetric import HpkeKey, SigningKey
from e2esync.crypto.labels import Purpose
from e2esync.engine.join import find_vaults, kept_identity
from e2esync.errors import E2ESyncError, IntegrityError, NoVault
from e2esync.format import names
from e2esync.format.certificate import Certificate, SignedCertificate
from e2esync.format.members import Role
from e2esync.format.names import Kind
from e2esync.vault.device import Device, create_device, device_id
from e2esync.vault.identity import Identity, PublicIdentity
from e2esync.vault.keyring import MemberKeys, next_record, open_keyring
from e2esync.vault.membership import Membership
from tests.attacks import forge_switches  # noqa: F401 - adds defences that can be switched off
from tests.attacks.arena import CANARY, Arena, AttackSucceeded, det, nolk, row, same
from tests.attacks.forge_keys import PLANTED, Mallory, gone, kind_of, noted, opened, show
from tests.attacks.forge_tree import Forger
from tests.engine.people import device_in, entropy_of, join_up, set_up
from tests.engine.world import Dev, Keys


@pytest.fixture
def mallory(tmp_path):
    made = Mallory(tmp_path / "mallory")
    yield made
    made.close()


def public(arena: Arena) -> PublicIdentity:
    return arena.world.keys.identity.public


def nothing_leaks(arena: Arena, dev: Dev, mallory: Mallory, content: bytes = CANARY * 2) -> None:
    """NOLK: what a device pushes now, Mallory's keys do not open."""
    (dev.root / "secret").write_bytes(content)
    dev.push()
    nolk(arena.store, [CANARY, content], opened(mallory.identity.hpke, arena.store))


# --- K1: own-key substitution -------------------------------------------------------------------


@row("K1", shows=["G2", "G9"], weaknesses=["signatures"])
def test_a_double_of_ones_own_card_with_a_vault_of_its_own_is_refused(arena, mallory):
    laptop, _ = arena.pair()
    double = mallory.double(public(arena))
    _, vault = mallory.vault_of(double)
    hers = {double.public.key: double.public.record, **mallory.card_keys(double.public)}
    show(arena.store, {**gone(arena.store), **hers, **vault})
    arena.newcomer_refuses()
    arena.store.honest()
    nothing_leaks(arena, laptop, mallory)


@row("K1", shows=["G2", "G9"], weaknesses=[("signatures", "key pairs")])
def test_secret_halves_that_are_not_those_of_the_card_are_refused(arena, mallory):
    laptop, _ = arena.pair()
    ann = public(arena)
    keys, chain = mallory.chain_of(arena.world.keys.vault_id, ann, wrap_to=mallory.identity.public.hpke)
    replaced = gone(arena.store, Kind.CARD_KEYS, Kind.MEMBERS, Kind.HEAD)
    show(arena.store, {**replaced, **mallory.card_keys(ann), **chain, **mallory.published(keys)})
    arena.newcomer_refuses()
    arena.store.honest()
    nothing_leaks(arena, laptop, mallory)


@row("K1", shows=["G2", "G9"], weaknesses=["signatures"])
def test_an_own_record_of_a_device_that_nobody_certified_is_refused(arena, mallory):
    arena.pair()
    show(arena.store, mallory.own_record(public(arena)))
    arena.newcomer_refuses()


@row("K1", shows=["G2"], weaknesses=["all card keys"])
def test_card_keys_beside_ones_own_are_refused_wherever_their_name_stands(arena, mallory):
    arena.pair()
    (key,) = arena.keys(Kind.CARD_KEYS)
    ann = public(arena)
    first, last = [
        next(hers for hers in iter(lambda: mallory.card_keys(ann), None) if (min(hers) > key) is behind)
        for behind in (False, True)
    ]
    show(arena.store, first)
    arena.newcomer_refuses()
    arena.store.honest()
    show(arena.store, last)
    arena.newcomer_refuses()


# --- K3: injection through public keys ------------------------------------------------------------


@row("K3", shows=["G2", "G3"], weaknesses=["signatures"])
def test_a_whole_vault_that_is_wrapped_to_ones_public_key_is_refused_in_the_place_of_ones_own(arena, mallory):
    _laptop, desk = arena.pair()
    ann = public(arena)
    keys, chain = mallory.chain_of(arena.world.keys.vault_id, ann, wrap_to=ann.hpke)
    show(arena.store, {**gone(arena.store, Kind.MEMBERS, Kind.HEAD), **chain, **mallory.published(keys)})
    arena.newcomer_refuses()
    arena.refuses(desk)
    assert not (desk.root / "planted").exists()


@row("K3", shows=["G2", "G3"], weaknesses=["bad heads"])
def test_a_head_with_packs_of_an_outsider_beside_honest_ones_is_refused(arena, mallory):
    _, desk = arena.pair()
    ann = public(arena)
    keys, _ = mallory.chain_of(arena.world.keys.vault_id, ann, wrap_to=ann.hpke)
    show(arena.store, mallory.published(keys))
    arena.newcomer_refuses()
    arena.refuses(desk)


@row("K3", shows=["G3"], weaknesses=["listed indexes"])
def test_an_index_and_packs_that_no_head_lists_have_no_effect(arena, mallory):
    _laptop, desk = arena.pair()
    keys, _ = mallory.chain_of(arena.world.keys.vault_id, public(arena), wrap_to=public(arena).hpke)
    honest = arena.newcomer("honest")
    arena.pulls(honest)
    hers = {key: body for key, body in mallory.published(keys).items() if "/heads/" not in key}
    assert {kind_of(key) for key in hers} == {Kind.INDEX, Kind.PACK}
    show(arena.store, hers)
    attacked = arena.newcomer("attacked")
    arena.pulls(attacked)
    assert attacked.tree() == honest.tree() == desk.tree()
    same({client: requests_of(arena, client) for client in ("honest", "attacked")})


def requests_of(arena: Arena, client: str):
    return [request for request in arena.store.requests if request.client == client]


def candidates(arena: Arena) -> set[bytes]:
    """The vaults that a device offers to join from the words."""
    store = arena.store.view("looking")
    kept = kept_identity(store, NoHome(), arena.world.entropy)  # type: ignore[arg-type]
    return {one.vault for one in find_vaults(store, kept)}


class NoHome:
    """A device that keeps nothing yet."""

    def kept_identity(self):
        return None


@row("K3", shows=["G3"], weaknesses=["own vaults only"])
def test_a_vault_of_somebody_else_that_counts_one_among_its_members_is_not_offered(arena, mallory):
    arena.pair()
    vault_id, vault = mallory.shared_vault(public(arena))
    show(arena.store, vault)
    if candidates(arena) != {arena.world.keys.vault_id}:
        raise AttackSucceeded("a vault is offered that its owner never shared")
    assert names.genesis(vault_id) in arena.keys(Kind.GENESIS)


# --- K6 and K7: keys or a whole store that are not there ----------------------------------------------


KEY_OBJECTS = (Kind.CARD, Kind.CARD_KEYS, Kind.OWN_RECORD, Kind.GENESIS, Kind.MEMBERS)
BORN_ONCE = (Kind.CARD, Kind.CARD_KEYS, Kind.GENESIS, Kind.MEMBERS)


class Home:
    """A person with real homes at a hostile store: what `setup`, `join` and their like do."""

    def __init__(self, arena: Arena, tmp_path: Path) -> None:
        self.arena, self.path = arena, tmp_path
        view = arena.store.view("laptop")
        self.note = set_up(view, tmp_path / "laptop", tmp_path / "Sync", tmp_path / "words")  # type: ignore[arg-type]

    def join(self, name: str) -> None:
        entropy = entropy_of(self.path / "words")
        join_up(self.arena.store.view(name), self.path / name, self.path / f"folder {name}", entropy)  # type: ignore[arg-type]

    def refuses_to_join(self, name: str, *kinds: type[E2ESyncError]) -> None:
        """DET, and nothing was written: not to the store, and no keys to the disk."""
        det(lambda: self.join(name), *kinds)
        self.wrote_nothing(name)
        if device_in(self.path / name).has_keys:
            raise AttackSucceeded("a device that could not join has made keys")

    def wrote_nothing(self, client: str) -> None:
        for request in self.arena.store.requests:
            if request.client == client and request.verb in {"PUT", "DELETE"}:
                raise AttackSucceeded(f"{client} has written {request.key}")


def made_anew(arena: Arena, since: int) -> None:
    """Nothing that is born once is born again."""
    for version in arena.store.versions:
        name = names.parse(version.key)
        if version.time > since and name is not None and name.kind in BORN_ONCE:
            raise AttackSucceeded(f"{version.key} was made anew")


@row("K6", shows=["G9"], weaknesses=["missing is an error"])
def test_keys_that_are_gone_or_empty_are_never_made_anew_by_a_device_that_joins(arena, tmp_path):
    home = Home(arena, tmp_path)
    since = arena.store.now
    for number, kind in enumerate(KEY_OBJECTS):
        if kind is not Kind.OWN_RECORD:  # the store may hide one; then the vault has no name
            arena.store.lose(*arena.keys(kind))
            home.refuses_to_join(f"gone {number}", NoVault, IntegrityError)
            arena.store.honest()
        for key in arena.keys(kind):
            arena.store.inject(key, b"")
        home.refuses_to_join(f"empty {number}", NoVault, IntegrityError)
        arena.store.honest()
    made_anew(arena, since)


@row("K6", shows=["G9"], weaknesses=["old keys"])
def test_a_device_whose_keys_the_store_has_lost_pushes_under_those_that_it_holds(arena, mallory):
    laptop, desk = arena.pair()
    noted(arena.world, laptop)
    since = arena.store.now
    for kind in KEY_OBJECTS:
        for body in (None, b""):
            show(arena.store, dict.fromkeys(arena.keys(kind), body))
            laptop.restart()
            nothing_leaks(arena, laptop, mallory, CANARY + f"{kind.name} {body!r}".encode())
            made_anew(arena, since)
            arena.store.honest()
    arena.pulls(desk)
    assert desk.tree() == laptop.tree()


@row("K7", shows=["G8"], weaknesses=["trust memory"])
def test_a_device_that_knows_better_refuses_an_emptied_store(arena, mallory):
    laptop, _desk = arena.pair()
    show(arena.store, gone(arena.store))
    arena.refuses(laptop)
    show(arena.store, gone(arena.store))
    since = arena.store.now
    nothing_leaks(arena, laptop, mallory)
    made_anew(arena, since)


@row("K7", shows=["G3", "G8"], weaknesses=["trust memory"])
def test_a_device_that_knows_better_refuses_a_store_of_somebody_else(arena, mallory):
    laptop, _desk = arena.pair()
    _, vault = mallory.shared_vault(public(arena))
    show(arena.store, {**gone(arena.store), **vault})
    arena.refuses(laptop)


@row("K7", shows=["G3"], weaknesses=["missing is an error", ("own vaults only", "owner's card")])
def test_a_new_device_takes_neither_an_empty_store_nor_one_of_somebody_else_for_its_own(
    arena, mallory, tmp_path
):
    home = Home(arena, tmp_path)
    arena.store.lose(*arena.keys())
    home.refuses_to_join("empty", NoVault)
    arena.store.honest()
    kept = device_in(tmp_path / "laptop").kept_identity()
    assert kept is not None
    _, vault = mallory.shared_vault(kept.identity.public)
    show(arena.store, {**gone(arena.store, Kind.GENESIS, Kind.OWN_RECORD, Kind.MEMBERS), **vault})
    home.refuses_to_join("foreign", NoVault)


# --- K8: devices that nobody approved -------------------------------------------------------------------


def with_reader(arena: Arena) -> tuple[Identity, Keys]:
    """Let Bob read the vault; return him, and what he holds: every key but Ann's."""
    world, bob = arena.world, Identity.generate()
    ann = world.keys.identity
    members = [MemberKeys(ann.public, Role.OWNER, "Ann"), MemberKeys(bob.public, Role.READER, "Bob")]
    record = next_record(world.keys.membership, ann, world.keys.keyring, members=members, new_epoch=False)
    arena.store.put(record.key, record.content)
    vault_id = world.keys.vault_id
    stored = {key: arena.store.body(key) for key in arena.keys(Kind.GENESIS, Kind.MEMBERS)}
    membership = Membership.load(vault_id, stored[names.genesis(vault_id)], stored, [ann.public, bob.public])
    world.keys = Keys(ann, membership, open_keyring(membership, ann), vault_id)
    return bob, Keys(bob, membership, open_keyring(membership, bob), vault_id)


def certified(of: PublicIdentity, by: SigningKey, *, accepted: SigningKey | None = None) -> Device:
    """Return a device that claims to be `of`, with a certificate that `by` signed (None of them hers)."""
    signing, hpke = SigningKey.generate(), HpkeKey.generate()
    said = Certificate(of.fingerprint, of.number, of.card_hash, signing.public, hpke.public).encode()
    certificate = SignedCertificate(
        said,
        by.sign(Purpose.DEVICE_CERTIFICATE, said),
        (accepted or signing).sign(Purpose.DEVICE_ACCEPTANCE, said),
    )
    return Device(device_id(signing.public), signing, hpke, certificate.encode())


STRANGERS = {
    "certified by itself": lambda ann, bob, mallory: certified(ann.public, SigningKey.generate()),
    "certified by another member": lambda ann, bob, mallory: certified(ann.public, bob.signing),
    "certified by a stranger": lambda ann, bob, mallory: certified(ann.public, mallory.identity.signing),
    "certified for another card": lambda ann, bob, mallory: certified(
        replace(ann.public, card_hash=bytes(32)), ann.signing
    ),
    "certified for a later card": lambda ann, bob, mallory: certified(
        replace(ann.public, number=2), ann.signing
    ),
    "not accepted by itself": lambda ann, bob, mallory: certified(
        ann.public, ann.signing, accepted=bob.signing
    ),
    "of a stranger": lambda ann, bob, mallory: create_device(mallory.identity),
    "of a reader": lambda ann, bob, mallory: create_device(bob),
}
"""Devices for which no certificate of Ann's speaks; Bob, who reads, has lent the keys of the vault."""


@row("K8", shows=["G2", "G3"], weaknesses=["writers"])
@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_device_is_refused_that_no_writer_has_certified_under_the_card_of_the_member(
    arena, mallory, stranger
):
    bob, keys = with_reader(arena)
    _, desk = arena.pair()
    forger = Forger(keys, arena.store)
    forger.device = STRANGERS[stranger](arena.world.keys.identity, bob, mallory)
    forger.publish([forger.file(b"planted", PLANTED)])
    arena.newcomer_refuses()
    arena.refuses(desk)


@row("K8", shows=["G2", "G3"], weaknesses=["certificates"])
@pytest.mark.parametrize(
    "stranger",
    [
        "certified by itself",
        "certified by another member",
        "certified by a stranger",
        "not accepted by itself",
    ],
)
def test_a_certificate_counts_only_with_both_signatures(arena, mallory, stranger):
    bob, keys = with_reader(arena)
    _, desk = arena.pair()
    forger = Forger(keys, arena.store)
    forger.device = STRANGERS[stranger](arena.world.keys.identity, bob, mallory)
    forger.publish([forger.file(b"planted", PLANTED)])
    arena.refuses(desk)
