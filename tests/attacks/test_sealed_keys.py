"""Rows K4, K5, K9, K10: what can be made of the bytes in which keys are stored."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from itertools import permutations
from unittest.mock import patch

import pytest

from e2esync.crypto import labels
from e2esync.crypto.asymmetric import WRAP_OVERHEAD, object_hash, verify, wrap
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import KEY_SIZE
from e2esync.errors import IntegrityError, NewerFormat
from e2esync.format import names
from e2esync.format.card import SECRET_SIZE
from e2esync.format.members import Role
from e2esync.format.names import Kind
from e2esync.format.ownrecord import OwnRecordObject
from e2esync.vault.cipher import BlobKind, VaultCipher
from e2esync.vault.identity import PublicIdentity
from e2esync.vault.keyring import MemberKeys, next_record
from e2esync.vault.prunemark import make_prune_mark
from tests.attacks import forge_switches  # noqa: F401 - adds defences that can be switched off
from tests.attacks.arena import Arena, AttackSucceeded, det, row, same
from tests.attacks.forge_hpke import LOW_ORDER, NOT_CANONICAL, SMALL_ORDER, wrap_classical, wrap_low_order
from tests.attacks.forge_keys import PLANTED, Mallory, noted, show, wraps_in
from tests.attacks.forge_labels import FAMILIES, NOT_USED, confused, uses
from tests.engine.world import Dev, objects


@pytest.fixture
def mallory(tmp_path):
    made = Mallory(tmp_path / "mallory")
    yield made
    made.close()


def public(arena: Arena) -> PublicIdentity:
    return arena.world.keys.identity.public


# --- K4: spliced wraps and ciphertexts --------------------------------------------------------------


SPLICED = [Kind.CARD, Kind.CARD_KEYS, Kind.OWN_RECORD, Kind.GENESIS, Kind.MEMBERS, Kind.HEAD]
SAMPLES = 40  # bytes of each object


@row("K4", shows=["G2", "G15"], weaknesses=[("signatures", "seals")])
@pytest.mark.parametrize("kind", SPLICED, ids=lambda kind: kind.name.lower())
def test_a_flipped_byte_of_whatever_holds_keys_is_refused_and_asks_the_store_for_nothing_else(arena, kind):
    laptop, _ = arena.pair()
    noted(arena.world, laptop)
    key = arena.keys(kind)[0]
    traces = {}
    size = len(arena.store.body(key))
    for position in sorted(random.Random(kind.name).sample(range(size), min(SAMPLES, size))):
        before = len(arena.store.requests)
        arena.store.flip(key, position, 1 << position % 8)
        arena.newcomer_refuses(IntegrityError, NewerFormat)
        traces[f"{kind.name} {position}"] = arena.store.requests[before:]
        arena.store.honest()
    same(traces)


@row("K4", shows=["G2"], weaknesses=[("signatures", "seals")])
@pytest.mark.parametrize("kind", SPLICED, ids=lambda kind: kind.name.lower())
def test_halves_of_two_good_objects_of_one_kind_are_refused_however_they_are_put_together(
    arena, mallory, kind
):
    laptop, desk = arena.pair()
    key = noted(arena.world, laptop)
    body = arena.store.body(key if kind is Kind.OWN_RECORD else arena.keys(kind)[0])
    key = key if kind is Kind.OWN_RECORD else arena.keys(kind)[0]
    for other in _others(arena, mallory, desk, kind):
        for spliced in _spliced(body, other) - {body, other}:
            arena.store.inject(key, spliced)
            arena.newcomer_refuses(IntegrityError, NewerFormat)
            arena.store.honest()


def _others(arena: Arena, mallory: Mallory, desk: Dev, kind: Kind) -> list[bytes]:
    """Good objects of the same kind: of another device, another person, and with the same content again."""
    mallory_dev = mallory.device(mallory.world.keys)
    (mallory_dev.root / "file").write_bytes(PLANTED)
    mallory_dev.push()
    hers = [
        body
        for key, body in {**objects(mallory.world.store), **objects(mallory_dev.store)}.items()
        if (name := names.parse(key)) is not None and name.kind is kind
    ]
    if kind is Kind.HEAD:
        return [*hers, *arena.store.history(arena.head_of(desk))]
    if kind is Kind.OWN_RECORD:
        return [*mallory.own_record(public(arena)).values(), arena.store.body(noted(arena.world, desk))]
    return hers


def _spliced(one: bytes, other: bytes) -> set[bytes]:
    """Both ways to put halves together, cut where frames, nonces, wraps, signatures and tags end, counted from each side."""
    found = set()
    for cut in (1, 32, 44, len(one) // 4, len(one) // 2):
        found |= {one[:cut] + other[cut:], other[:cut] + one[cut:]}
    for cut in (16, 64, 66, 1200):
        found |= {one[:-cut] + other[-cut:], other[:-cut] + one[-cut:]}
    return found


@row("K4", shows=["G15"], weaknesses=["silence on heads"])
def test_the_store_cannot_tell_which_check_of_a_head_has_failed(arena):
    laptop, desk = arena.pair()
    arena.edit(laptop)
    laptop.push()
    key = arena.head_of(laptop)
    body, traces = arena.store.body(key), {}
    forged = {"frame": (0, 1), "nonce": (33, 1), "middle": (len(body) // 2, 1), "tag": (len(body) - 1, 1)}
    for name, (position, mask) in forged.items():
        arena.store.flip(key, position, mask)
        before = len(arena.store.requests)
        arena.refuses(desk, recovers=False)
        traces[name] = arena.store.requests[before:]
        arena.store.honest()
    same(traces)


# --- K5: one key in two roles -------------------------------------------------------------------------


@row("K5", shows=["G2", "G4"], weaknesses=[("bad heads", "contexts", "trust memory")])
def test_no_object_is_taken_for_one_of_another_kind(arena):
    laptop, desk = arena.pair()
    noted(arena.world, laptop)
    world = arena.world
    mark = make_prune_mark(desk.device, world.keys.keyring, world.keys.vault_id, packs=[], since=1)
    arena.store.put(names.prune_mark(world.keys.vault_id, desk.device.id), mark)
    of_kind = {kind: arena.keys(kind)[0] for kind in Kind if kind is not Kind.RETIRED}
    of_kind[Kind.HEAD] = arena.head_of(laptop)
    moved = 0
    for source, target in permutations(of_kind, 2):
        if target is Kind.PRUNE_MARK:
            continue  # which packs another device means to delete is for writers to know (format §9)
        arena.store.copy(of_kind[source], of_kind[target])
        arena.newcomer_refuses(IntegrityError, NewerFormat)
        if target is Kind.HEAD:
            arena.refuses(desk, recovers=False)
        arena.store.honest()
        moved += 1
    assert moved == 8 * 8


@row("K5", shows=["G4"], weaknesses=["labels"])
def test_nothing_that_was_made_for_one_purpose_serves_another():
    for pair in confused():
        raise AttackSucceeded(pair)


@row("K5", shows=["G4"], weaknesses=["labels"])
def test_every_purpose_has_a_label_of_its_own():
    if len({labels.label(purpose) for purpose in Purpose}) != len(Purpose):
        raise AttackSucceeded("two purposes have one label")


@pytest.mark.row("K5")
def test_every_purpose_is_used_for_one_kind_of_thing():
    found = uses()
    assert {purpose: families for purpose, families in found.items() if len(families) != 1} == {}
    assert found.keys() == set(Purpose) - NOT_USED
    assert {family for families in found.values() for family in families} == set(FAMILIES)


@pytest.mark.row("K5")
def test_a_purpose_that_is_used_for_two_kinds_of_things_would_be_seen(tmp_path):
    (tmp_path / "bad.py").write_text("Sealer(key, Purpose.HEAD)\nsign_record(key, Purpose.HEAD, payload)\n")
    assert uses(tmp_path) == {Purpose.HEAD: {"seal", "record"}}


@row("K5", shows=["G4"], weaknesses=["aad"])
def test_a_page_of_one_kind_does_not_open_as_one_of_another(arena):
    world = arena.world
    cipher = VaultCipher(world.keys.vault_id, world.keys.keyring)
    pages = [kind for kind in BlobKind if kind not in (BlobKind.CHUNK, BlobKind.SNAPSHOT)]
    for one, other in permutations(pages, 2):
        sealed = cipher.seal_page(one, b"body")
        det(partial(cipher.open_page, other, cipher.page_id(other, b"body"), cipher.epoch, sealed))


# --- K9: keys and shares that are no good ---------------------------------------------------------------


@row("K9", shows=["G2", "G3"], weaknesses=[("low order", "signatures")])
@pytest.mark.parametrize("share", LOW_ORDER, ids=lambda share: share.hex()[:8])
def test_a_wrap_with_a_share_of_low_order_does_not_open(arena, mallory, share):
    arena.pair()
    with patch("e2esync.vault.ownrecord.wrap", partial(wrap_low_order, share=share)):
        show(arena.store, mallory.own_record(public(arena)))
    arena.newcomer_refuses()


@row("K9", shows=["G2"], weaknesses=[("low order", "signatures")])
def test_no_share_of_a_good_wrap_can_be_exchanged_for_a_bad_one(arena, mallory):
    laptop, _ = arena.pair()
    key = noted(arena.world, laptop)
    for share in (*LOW_ORDER, *NOT_CANONICAL):
        stored = OwnRecordObject.decode(arena.store.body(key))
        wraps = tuple((name, wrap[:1088] + share + wrap[1120:]) for name, wrap in stored.wraps)
        arena.store.inject(key, OwnRecordObject(wraps, stored.sealed).encode())
        arena.newcomer_refuses()
        arena.store.honest()
        with patch("e2esync.vault.ownrecord.wrap", partial(wrap_low_order, share=share)):
            show(arena.store, mallory.own_record(public(arena)))
        arena.newcomer_refuses()
        arena.store.honest()


BAD_RECIPIENTS = {
    **{f"low order {share.hex()[:8]}": (slice(1184, 1216), share) for share in LOW_ORDER},
    "not reduced": (slice(0, 3), b"\xff\xff\xff"),  # two coefficients beyond 3329
}


@row("K9", weaknesses=["good recipients"])
@pytest.mark.parametrize("bad", BAD_RECIPIENTS)
def test_nothing_is_wrapped_to_a_public_key_that_is_no_good(arena, mallory, bad):
    place, part = BAD_RECIPIENTS[bad]
    hpke = bytearray(mallory.identity.public.hpke)
    hpke[place] = part
    guest, keys = replace(mallory.identity.public, hpke=bytes(hpke)), arena.world.keys
    members = [MemberKeys(keys.identity.public, Role.OWNER, "Ann"), MemberKeys(guest, Role.WRITER, "Bob")]
    det(lambda: next_record(keys.membership, keys.identity, keys.keyring, members=members, new_epoch=True))


@row("K9", shows=["G2"], weaknesses=["small order"])
@pytest.mark.parametrize("sign", [0, 0x80], ids=["even", "odd"])
@pytest.mark.parametrize("point", SMALL_ORDER, ids=lambda point: point.hex()[:8])
def test_a_key_of_small_order_under_which_anybody_can_sign_verifies_nothing(point, sign):
    signer = point[:31] + bytes([point[31] | sign])
    for share in SMALL_ORDER:
        for more in (0, 0x80):
            signature = share[:31] + bytes([share[31] | more]) + bytes(32)
            for number in range(16):  # one of eight payloads suits, whatever the order of the key
                det(partial(verify, signer, Purpose.HEAD, bytes([number]), signature))


# --- K10: another suite, another recipient --------------------------------------------------------------


def reordered(arena: Arena, mallory: Mallory, dev: Dev, key: str) -> dict[str, bytes]:
    """An own record of ours with other wraps around what is sealed."""
    stored = OwnRecordObject.decode(arena.store.body(key))
    about, hers = public(arena).fingerprint + dev.device.id, mallory.identity.public.hpke
    added = (object_hash(hers), wrap(hers, Purpose.OWN_RECORD_WRAP, bytes(32), context=about))
    identity, _recovery = sorted(stored.wraps, key=lambda pair: pair[0] != object_hash(public(arena).hpke))
    changed = {"added": (*stored.wraps, added), "dropped": (identity,), "exchanged": (identity, added)}
    return {
        how: OwnRecordObject(tuple(sorted(wraps)), stored.sealed).encode() for how, wraps in changed.items()
    }


@row("K10", shows=["G11"], weaknesses=["bound wraps"])
@pytest.mark.parametrize("how", ["added", "dropped", "exchanged"])
def test_the_recipients_of_a_sealed_record_are_bound_to_it(arena, mallory, how):
    laptop, _ = arena.pair()
    key = noted(arena.world, laptop)
    arena.store.inject(key, reordered(arena, mallory, laptop, key)[how])
    arena.newcomer_refuses()


@row("K10", shows=["G11", "G14"], weaknesses=[("one suite", "signatures")])
def test_a_wrap_of_the_classical_half_alone_is_refused(arena, mallory):
    arena.pair()
    with patch("e2esync.vault.ownrecord.wrap", wrap_classical):
        show(arena.store, mallory.own_record(public(arena)))
    arena.newcomer_refuses()


@row("K10", shows=["G14"], weaknesses=["hybrid"])
def test_every_wrap_that_a_device_stores_has_both_halves(arena):
    laptop, _desk = arena.pair()
    noted(arena.world, laptop)
    found = 0
    for version in arena.store.versions:
        for wrapped in wraps_in(version):
            found += 1
            if len(wrapped) - WRAP_OVERHEAD not in (KEY_SIZE, SECRET_SIZE):
                raise AttackSucceeded(f"{version.key} has a wrap of another form")
    assert found == 4  # card keys; own record to identity and words; membership
