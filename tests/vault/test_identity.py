"""From the words to the identity, and what stands in between."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2esync.crypto import recovery
from e2esync.crypto.asymmetric import HpkeKey, SigningKey, object_hash, record_hash, wrap
from e2esync.crypto.labels import Purpose
from e2esync.errors import BadObject, Fork, MissingObject, NewerFormat, NoVault
from e2esync.format import cbor, names
from e2esync.format.card import Card, CardKeys
from e2esync.format.certificate import Certificate, SignedCertificate
from e2esync.format.ownrecord import VaultNote
from e2esync.format.signed import SignedRecord
from e2esync.vault.device import create_device, load_device, verify_certificate
from e2esync.vault.identity import Identity, PublicIdentity, create_identity, load_identity, open_identity
from e2esync.vault.ownrecord import open_own_record, seal_own_record
from tests.vault.people import ANN, ANN_OBJECTS, BOB, ENTROPY, EVE, ID, LAPTOP, flipped, resigned

CARD_KEY, KEYS_KEY = ANN_OBJECTS
ROOT = recovery.root_key(ENTROPY)
FP = ANN.public.fingerprint


def with_card(record, number=1):
    hash_ = record_hash(Purpose.CARD, SignedRecord.decode(record).payload)
    return {names.card(FP, number, hash_): record}


def with_keys(record):
    hash_ = record_hash(Purpose.CARD_KEYS, SignedRecord.decode(record).payload)
    return {CARD_KEY: ANN_OBJECTS[CARD_KEY], names.card_keys(FP, 1, hash_): record}


def card_with(changes):
    payload = cbor.encode(cbor.decode(SignedRecord.decode(ANN_OBJECTS[CARD_KEY]).payload) | changes)
    return resigned(b"", ROOT, Purpose.CARD, payload)


def keys_with(**changes):
    fields: dict[str, Any] = {"fingerprint": FP, "number": 1, "card": ANN.public.card_hash} | changes
    fields.setdefault("wraps", CardKeys.decode(SignedRecord.decode(ANN_OBJECTS[KEYS_KEY]).payload).wraps)
    return resigned(b"", ROOT, Purpose.CARD_KEYS, CardKeys(**fields).encode())


def wrapped(secret):
    key = ANN.public.recovery
    context = FP + (1).to_bytes(8, "big") + ANN.public.card_hash
    return ((object_hash(key), wrap(key, Purpose.CARD_KEYS_WRAP, secret, context=context)),)


def test_the_words_open_the_identity_that_they_made():
    opened = open_identity(ENTROPY, ANN_OBJECTS)
    assert opened.public == ANN.public
    assert opened.hpke.reveal() == ANN.hpke.reveal()
    assert opened.signing.reveal() == ANN.signing.reveal()


def test_the_card_is_written_before_its_keys():
    assert [key.split("/")[2].split("-")[0] for key in ANN_OBJECTS] == ["card", "keys"]


def test_all_else_under_people_is_ignored():
    others = create_identity(recovery.generate())[1] | {f"people/{FP.hex()}/notes": b"x", "elsewhere": b""}
    assert open_identity(ENTROPY, ANN_OBJECTS | others).public == ANN.public


def test_other_words_find_no_vault():
    with pytest.raises(NoVault):
        open_identity(recovery.generate(), ANN_OBJECTS)
    with pytest.raises(NoVault):
        open_identity(ENTROPY, {})


def test_a_card_without_its_keys_is_incomplete():
    with pytest.raises(MissingObject):
        open_identity(ENTROPY, {CARD_KEY: ANN_OBJECTS[CARD_KEY]})


def test_two_cards_of_one_number_are_a_fork():
    other = card_with({6: BOB.public.signing})
    with pytest.raises(Fork):
        open_identity(ENTROPY, ANN_OBJECTS | with_card(other))


def test_a_second_card_is_a_newer_format():
    with pytest.raises(NewerFormat):
        open_identity(ENTROPY, ANN_OBJECTS | with_card(card_with({4: 2, 7: bytes(32)}), 2))


CARD_RECORD = ANN_OBJECTS[CARD_KEY]
BAD_CARDS = {
    "signed by another key": with_card(resigned(CARD_RECORD, EVE.signing, Purpose.CARD)),
    "signed for another purpose": with_card(resigned(CARD_RECORD, ROOT, Purpose.CARD_KEYS)),
    "of another recovery key": with_card(card_with({3: BOB.public.recovery})),
    "under another number": {names.card(FP, 2, ANN.public.card_hash): CARD_RECORD},
    "under another hash": {names.card(FP, 1, bytes(32)): CARD_RECORD},
    "of another person": {names.card(FP, 1, BOB.public.card_hash): BOB.public.record},
    "with a trailing byte": {CARD_KEY: CARD_RECORD + b"\0"},
    "empty": {CARD_KEY: b""},
}


@pytest.mark.parametrize("objects", BAD_CARDS.values(), ids=BAD_CARDS)
def test_a_bad_card_is_refused(objects):
    with pytest.raises(BadObject):
        open_identity(ENTROPY, ANN_OBJECTS | objects)


KEYS_RECORD = ANN_OBJECTS[KEYS_KEY]
SECRET = ANN.hpke.reveal() + ANN.signing.reveal()
BAD_KEYS = {
    "signed by the identity": with_keys(resigned(KEYS_RECORD, ANN.signing, Purpose.CARD_KEYS)),
    "signed for another purpose": with_keys(resigned(KEYS_RECORD, ROOT, Purpose.CARD)),
    "of another person": with_keys(keys_with(fingerprint=BOB.public.fingerprint)),
    "of another number": with_keys(keys_with(number=2)),
    "of another card": with_keys(keys_with(card=bytes(32))),
    "not for the recovery key": with_keys(keys_with(wraps=((bytes(32), wrapped(SECRET)[0][1]),))),
    "with other keys inside": with_keys(keys_with(wraps=wrapped(BOB.hpke.reveal() + BOB.signing.reveal()))),
    "with one other key inside": with_keys(
        keys_with(wraps=wrapped(ANN.hpke.reveal() + BOB.signing.reveal()))
    ),
    "under another hash": {CARD_KEY: CARD_RECORD, names.card_keys(FP, 1, bytes(32)): KEYS_RECORD},
}


@pytest.mark.parametrize("objects", BAD_KEYS.values(), ids=BAD_KEYS)
def test_bad_card_keys_are_refused(objects):
    with pytest.raises(BadObject):
        open_identity(ENTROPY, objects)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_flipped_byte_is_refused(data):
    key = data.draw(st.sampled_from([CARD_KEY, KEYS_KEY]))
    position = data.draw(st.integers(0, len(ANN_OBJECTS[key]) - 1))
    bad = flipped(ANN_OBJECTS[key], position, data.draw(st.integers(1, 255)))
    with pytest.raises(BadObject):
        open_identity(ENTROPY, ANN_OBJECTS | {key: bad})


def test_a_kept_identity_comes_back():
    kept = load_identity(ANN.reveal())
    assert kept.public == ANN.public
    assert kept.signing.reveal() == ANN.signing.reveal()


@pytest.mark.parametrize("part", ["card", "hpke", "signing"])
def test_a_kept_identity_with_a_strange_part_is_refused(part):
    with pytest.raises(BadObject):
        load_identity(ANN.reveal() | {part: BOB.reveal()[part]})
    with pytest.raises(BadObject):
        load_identity({name: value for name, value in ANN.reveal().items() if name != part})


def test_nothing_shows_its_secrets():
    shown = repr(ANN) + repr(LAPTOP)
    for secret in (*ANN.reveal().values(), *LAPTOP.reveal().values()):
        assert secret.hex() not in shown
    assert repr(ANN.hpke.reveal()) not in shown
    assert repr(LAPTOP.signing.reveal()) not in shown


def test_identities_are_their_cards():
    assert PublicIdentity.of_card(ANN.public.record) == ANN.public != BOB.public
    assert len(ANN.public.safety_number) == 47


# --- devices


def test_a_kept_device_comes_back():
    kept = load_device(LAPTOP.reveal())
    assert (kept.id, kept.certificate) == (LAPTOP.id, LAPTOP.certificate)


@pytest.mark.parametrize("part", ["certificate", "hpke", "signing"])
def test_a_kept_device_with_a_strange_part_is_refused(part):
    with pytest.raises(BadObject):
        load_device(LAPTOP.reveal() | {part: create_device(ANN).reveal()[part]})
    with pytest.raises(BadObject):
        load_device({name: value for name, value in LAPTOP.reveal().items() if name != part})


def certificate_with(by_identity=ANN.signing, by_device=LAPTOP.signing, **changes):
    said = Certificate.decode(SignedCertificate.decode(LAPTOP.certificate).payload)
    fields = {name: getattr(said, name) for name in Certificate.__slots__} | changes
    payload = Certificate(**fields).encode()
    return SignedCertificate(
        payload,
        by_identity.sign(Purpose.DEVICE_CERTIFICATE, payload),
        by_device.sign(Purpose.DEVICE_ACCEPTANCE, payload),
    )


def test_a_certificate_holds_for_the_person_who_gave_it():
    said = verify_certificate(SignedCertificate.decode(LAPTOP.certificate), ANN.public)
    assert said.signing == LAPTOP.signing.public
    assert certificate_with() == SignedCertificate.decode(LAPTOP.certificate)


GOOD = certificate_with()
BAD_CERTIFICATES = {
    "by another identity": certificate_with(by_identity=EVE.signing),
    "by another device": certificate_with(by_device=EVE.signing),
    "for another person": certificate_with(fingerprint=EVE.public.fingerprint),
    "for another card number": certificate_with(card_number=2),
    "for another card": certificate_with(card=EVE.public.card_hash),
    "with the device's signature for both": SignedCertificate(GOOD.payload, GOOD.by_device, GOOD.by_device),
    "with the identity's signature for both": SignedCertificate(
        GOOD.payload, GOOD.by_identity, GOOD.by_identity
    ),
}


@pytest.mark.parametrize("certificate", BAD_CERTIFICATES.values(), ids=BAD_CERTIFICATES)
def test_a_bad_certificate_is_refused(certificate):
    with pytest.raises(BadObject):
        verify_certificate(certificate, ANN.public)


# --- own records

NOTE = VaultNote(ID, FP, "Sync", "file:///store", (1, bytes(32)), ((LAPTOP.id, 3, bytes(32)),))


def own_record(device=LAPTOP, identity=ANN.public):
    return seal_own_record(device, identity, revision=3, device_name="laptop", user_name="Ann", vaults=[NOTE])


OWN = own_record()


@pytest.mark.parametrize("key", [ANN.hpke, recovery.recovery_key(ENTROPY)], ids=["identity", "words"])
def test_an_own_record_opens_with_the_identity_and_with_the_words(key):
    read = open_own_record(OWN, LAPTOP.id.hex(), identity=ANN.public, key=key)
    assert (read.revision, read.device_name, read.user_name, read.vaults) == (3, "laptop", "Ann", (NOTE,))


def test_an_own_record_opens_with_no_other_key():
    with pytest.raises(BadObject):
        open_own_record(OWN, LAPTOP.id.hex(), identity=ANN.public, key=EVE.hpke)


def test_an_own_record_under_another_device_is_refused():
    with pytest.raises(BadObject):
        open_own_record(OWN, bytes(16).hex(), identity=ANN.public, key=ANN.hpke)


def test_a_device_of_another_person_makes_no_own_record():
    with pytest.raises(BadObject):
        open_own_record(
            own_record(create_device(EVE)), create_device(EVE).id.hex(), identity=ANN.public, key=ANN.hpke
        )
    stranger = create_device(EVE)
    with pytest.raises(BadObject):
        open_own_record(own_record(stranger), stranger.id.hex(), identity=ANN.public, key=ANN.hpke)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_flipped_byte_of_an_own_record_is_refused(data):
    bad = flipped(OWN, data.draw(st.integers(0, len(OWN) - 1)), data.draw(st.integers(1, 255)))
    with pytest.raises(BadObject):
        open_own_record(bad, LAPTOP.id.hex(), identity=ANN.public, key=ANN.hpke)


def test_generated_identities_are_complete():
    one = Identity.generate()
    assert load_identity(one.reveal()).public == one.public
    assert isinstance(BOB.hpke, HpkeKey)
    assert isinstance(BOB.signing, SigningKey)
    assert Card.decode(SignedRecord.decode(BOB.public.record).payload).number == 1
