"""Rows P1 to P7: the passphrase of a device, and the recovery words of a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from e2esync.adapters.keystore import FILE_NAME, Kind, PassphraseKeys, open_keystore
from e2esync.adapters.stores.memory import MemoryStore
from e2esync.crypto import passphrase, recovery
from e2esync.crypto.secrets import Entropy
from e2esync.engine.notes import StoreAddress
from e2esync.engine.setup import NewFolder, setup
from e2esync.errors import BadObject, Locked
from e2esync.format import names
from e2esync.vault.identity import Identity
from e2esync.wiring.home import at
from e2esync.wiring.localdevice import HomeDevice
from moto_fixtures.hostile import HostileStore
from tests.attacks import forge_lenient, forge_switches  # noqa: F401 - adds defences that can be switched off
from tests.attacks.arena import Arena, AttackSucceeded, det, nolk, row
from tests.attacks.forge_keys import Mallory, gone, show
from tests.attacks.forge_passphrases import opens_under_two, watched, with_costs, with_salt
from tests.engine.people import CLOCK, entropy_of

PHRASE = "correct horse battery staple"
ANN = Identity.generate()
SECRETS = {"identity": ANN.reveal()}
CONTEXT = b"where it lies"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The keys of a device under a passphrase, by the real key derivation."""
    home = tmp_path_factory.mktemp("kept")
    PassphraseKeys(home, lambda: PHRASE).save(SECRETS)
    return home


def rewritten(home, change) -> PassphraseKeys:
    """Change what follows the first line of the file; return the key store that reads it."""
    line, _, sealed = (home / FILE_NAME).read_bytes().partition(b"\n")
    other = home / "rewritten"
    other.mkdir(exist_ok=True)
    (other / FILE_NAME).write_bytes(line + b"\n" + change(sealed))
    return PassphraseKeys(other, lambda: PHRASE)


def test_the_file_that_is_attacked_here_opens_as_it_is(kept):
    assert open_keystore(kept, ask=lambda: PHRASE).load() == SECRETS
    assert rewritten(kept, bytes).load() == SECRETS


# --- P1 and P2: costs -------------------------------------------------------------------------------

FLOOR, CEILING = passphrase.FLOOR, passphrase.CEILING
TOO_LITTLE = [
    {"passes": 1, "memory": 8, "lanes": 1},
    {"passes": FLOOR.passes - 1, "memory": FLOOR.memory, "lanes": FLOOR.lanes},
    {"passes": FLOOR.passes, "memory": FLOOR.memory - 1, "lanes": FLOOR.lanes},
    {"passes": FLOOR.passes, "memory": FLOOR.memory, "lanes": FLOOR.lanes - 1},
    {"passes": 0, "memory": 0, "lanes": 0},
]
TOO_MUCH = [
    {"passes": FLOOR.passes, "memory": 64 << 20, "lanes": FLOOR.lanes},  # 64 GiB
    {"passes": FLOOR.passes, "memory": 2**32 - 1, "lanes": FLOOR.lanes},
    {"passes": CEILING.passes + 1, "memory": FLOOR.memory, "lanes": FLOOR.lanes},
    {"passes": 2**32 - 1, "memory": FLOOR.memory, "lanes": FLOOR.lanes},
    {"passes": FLOOR.passes, "memory": FLOOR.memory, "lanes": 255},
    {"passes": FLOOR.passes, "memory": CEILING.memory + 1, "lanes": FLOOR.lanes},
]


def refused_before_anything_is_derived(home, costs) -> None:
    with watched() as seen:
        det(rewritten(home, lambda sealed: with_costs(sealed, **costs)).load, BadObject)
    if seen.keys:
        raise AttackSucceeded("the costs that the file names were paid")


@row("P1", weaknesses=["cost bounds"])
@pytest.mark.parametrize("costs", TOO_LITTLE, ids=str)
def test_costs_below_the_floor_are_refused_before_anything_is_derived(kept, costs):
    refused_before_anything_is_derived(kept, costs)


@row("P2", weaknesses=["cost bounds"])
@pytest.mark.parametrize("costs", TOO_MUCH, ids=str)
def test_costs_beyond_the_ceiling_are_refused_before_any_memory_is_taken(kept, costs):
    refused_before_anything_is_derived(kept, costs)


@row("P1", weaknesses=["passphrase tag"])
def test_costs_within_bounds_are_authenticated():
    with watched():
        sealed = passphrase.seal(PHRASE, b"keys", context=CONTEXT)
        dearer = with_costs(sealed, passes=FLOOR.passes + 1, memory=FLOOR.memory, lanes=FLOOR.lanes)
        det(lambda: passphrase.unseal(PHRASE, dearer, context=CONTEXT), Locked)


# --- P3: salts --------------------------------------------------------------------------------------


@row("P3", weaknesses=["passphrase tag"])
def test_another_salt_does_not_open():
    with watched():
        sealed = passphrase.seal(PHRASE, b"keys", context=CONTEXT)
        for salt in (bytes(16), b"\xff" * 16, bytes(reversed(sealed[10:26]))):
            det(partial(passphrase.unseal, PHRASE, with_salt(sealed, salt), context=CONTEXT), Locked)


@row("P3", weaknesses=["salt"])
def test_two_users_with_one_passphrase_have_nothing_in_common():
    with watched() as seen:
        blobs = [passphrase.seal(PHRASE, b"keys", context=CONTEXT) for _ in range(4)]
    salts = {blob[10:26] for blob in blobs}
    if len(set(seen.keys)) != len(blobs) or len(salts) != len(blobs) or len(min(salts)) < 16:
        raise AttackSucceeded("one guess tests the passphrases of two users")


# --- P4: what a store lets anybody guess --------------------------------------------------------------


def stored_by_a_setup(tmp_path) -> tuple[HostileStore, list[bytes], Entropy]:
    """Set up under a passphrase; return the store, the keys that were derived, and the words' entropy."""
    store = HostileStore(MemoryStore())
    local = HomeDevice(at(tmp_path / "home"), kind=Kind.PASSPHRASE, ask=lambda: PHRASE)
    local.set_device_name("laptop")
    request = NewFolder(tmp_path / "Sync", StoreAddress("s3://bucket/"), "Sync")
    with watched() as seen:
        setup(request, store, local, words=tmp_path / "words", clock=CLOCK)
    assert seen.keys
    return store, seen.keys, entropy_of(tmp_path / "words")


@row("P4", shows=["G1"], weaknesses=["hints"])
def test_nothing_that_hangs_on_a_passphrase_reaches_the_store(tmp_path):
    store, keys, entropy = stored_by_a_setup(tmp_path)
    words = [
        " ".join(recovery.to_words(entropy)[start:end]).encode() for start, end in ((0, 4), (0, 12), (0, 24))
    ]
    halves = [entropy.reveal()[:16], entropy.reveal()[16:], entropy.reveal()[:8], entropy.reveal()]
    nolk(store, [PHRASE.encode(), *keys, *words, *halves])


def names_of(entropy: Entropy) -> set[bytes]:
    """What stands in a store that a guess at the words can be compared with."""
    root, sealed_to = recovery.root_key(entropy), recovery.recovery_key(entropy)
    return {
        root.public,
        sealed_to.public,
        sealed_to.public[:1184],
        sealed_to.public[1184:],
        recovery.fingerprint(root.public, sealed_to.public),
    }


@row("P4", shows=["G1"], weaknesses=["all words"])
def test_recovery_words_that_are_nearly_right_cannot_be_told_from_any_others():
    """Whoever knows 31 of the 32 bytes still has to try every value of the last against the store."""
    entropy = recovery.generate()
    right, raw = names_of(entropy), entropy.reveal()
    assert len(raw) * 8 == 256
    for position in range(len(raw)):
        guess = bytearray(raw)
        guess[position] ^= 1
        if names_of(Entropy(bytes(guess))) & right:
            raise AttackSucceeded(f"byte {position} of the words can be guessed apart")


# --- P5: one blob for many passphrases ----------------------------------------------------------------


def told_apart(sealed: bytes, phrases: Iterable[str], home: Path) -> list[str]:
    """Passphrases of which the error says that they opened something."""
    (home / FILE_NAME).write_bytes(b"e2esync keys 1 passphrase\n" + sealed)
    stores = {phrase: PassphraseKeys(home, partial(str, phrase)) for phrase in phrases}
    return [
        phrase for phrase, store in stores.items() if type(det(store.load, Locked, BadObject)) is BadObject
    ]


@pytest.mark.row("P5")
def test_no_blob_tests_two_passphrases_at_once(tmp_path):
    phrases = ("first guess", "second guess")
    with watched():
        sealed = opens_under_two(phrases, context=b"e2esync keys 1 passphrase\n")
        assert len(told_apart(sealed, (*phrases, "another"), tmp_path)) <= 1


@row("P5", weaknesses=["passphrase tag"])
def test_a_blob_that_is_longer_or_shorter_fails_in_one_way(kept):
    with watched():
        sealed = passphrase.seal(PHRASE, b"keys", context=CONTEXT)
        for changed in (
            sealed[:26],
            sealed[:30],
            sealed[:38],
            sealed[:-1],
            sealed + b"\0",
            sealed[:25] + b"\1" + sealed[26:],
        ):
            det(partial(passphrase.unseal, PHRASE, changed, context=CONTEXT), Locked)
        det(lambda: passphrase.unseal(PHRASE, sealed, context=b"another place"), Locked)


# --- P6: the way back from the words ------------------------------------------------------------------


@row("P6", shows=["G2"], weaknesses=[("signatures", "key pairs")])
def test_what_the_words_open_is_only_what_their_own_key_has_signed(arena: Arena, tmp_path):
    arena.pair()
    ann, mallory = arena.world.keys.identity.public, Mallory(tmp_path / "mallory")
    hers = mallory.identity.public
    try:
        keys, chain = mallory.chain_of(arena.world.keys.vault_id, ann, wrap_to=hers.hpke)
        taken = gone(arena.store, names.Kind.CARD_KEYS, names.Kind.MEMBERS, names.Kind.HEAD)
        show(arena.store, {**taken, **mallory.card_keys(ann), **chain, **mallory.published(keys)})
        arena.newcomer_refuses()
        arena.store.honest()
        for card in (replace(ann, recovery=hers.recovery), hers):
            show(arena.store, {**gone(arena.store, names.Kind.CARD_KEYS), **mallory.card_keys(card)})
            arena.newcomer_refuses()
            arena.store.honest()
            (body,) = mallory.card_keys(card).values()
            arena.store.inject(arena.keys(names.Kind.CARD_KEYS)[0], body)
            arena.newcomer_refuses()
            arena.store.honest()
    finally:
        mallory.close()


@row("P6", shows=["G9"], weaknesses=["bound recovery key"])
def test_a_card_with_another_recovery_key_is_another_person(arena: Arena, tmp_path):
    arena.pair()
    mallory = Mallory(tmp_path / "mallory")
    try:
        ann, hers = arena.world.keys.identity.public, mallory.identity.public
        if recovery.fingerprint(hers.signing, ann.recovery) == recovery.fingerprint(
            hers.signing, hers.recovery
        ):
            raise AttackSucceeded("a person stays the same with another recovery key")
    finally:
        mallory.close()


# --- P7: after a change ----------------------------------------------------------------------------------


@row("P7", weaknesses=["passphrase"])
def test_an_old_passphrase_opens_the_old_file_and_nothing_new(tmp_path):
    with watched():
        old, new = PassphraseKeys(tmp_path, lambda: "old"), PassphraseKeys(tmp_path, lambda: "new")
        old.save(SECRETS)
        copy = (tmp_path / FILE_NAME).read_bytes()
        new.save({**SECRETS, "device 000000": {"signing": bytes(32)}})
        det(old.load, Locked)
        (tmp_path / FILE_NAME).write_bytes(copy)  # the copy that somebody made in time
        assert old.load() == SECRETS
        det(new.load, Locked)
