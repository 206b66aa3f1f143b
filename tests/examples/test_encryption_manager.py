"""The first example, run for real."""

import base64
import string

import pytest

import e2esync
from e2esync.errors import BadObject
from examples.encryption_manager import EncryptionManager

TEXTS = ["", "a", "meet at noon", "zwölf Boxkämpfer\n\t\0", "🗝️" * 1000, "x" * 100_000]


@pytest.fixture(scope="module")
def manager() -> EncryptionManager:
    return EncryptionManager()


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{len(text)} characters")
def test_what_is_encrypted_is_decrypted(manager, text):
    assert manager.decrypt(manager.encrypt(text)) == text


def test_the_sealed_text_is_url_safe_and_does_not_hold_the_plaintext(manager):
    encrypted = manager.encrypt("meet at noon")
    assert set(encrypted) <= set(string.ascii_letters + string.digits + "-_=")
    assert "noon" not in encrypted


def test_the_same_text_never_looks_the_same_twice(manager):
    assert manager.encrypt("meet at noon") != manager.encrypt("meet at noon")


def test_two_managers_of_one_identity_read_each_other():
    identity = e2esync.Identity.generate()
    assert EncryptionManager(identity).decrypt(EncryptionManager(identity).encrypt("hello")) == "hello"


def test_another_user_can_not_decrypt(manager):
    with pytest.raises(BadObject):
        EncryptionManager().decrypt(manager.encrypt("meet at noon"))


def test_who_knows_only_the_public_key_can_not_plant_a_text():
    identity = e2esync.Identity.generate()
    planted = e2esync.seal(b"planted", [identity.public], sender=e2esync.Identity.generate())
    with pytest.raises(BadObject):
        EncryptionManager(identity).decrypt(base64.urlsafe_b64encode(planted).decode())


@pytest.mark.parametrize("damage", ["", "=", "A", "not base64!", "ü", "AAAA", "\n", "-" * 4000])
def test_what_is_no_sealed_text_is_refused(manager, damage):
    with pytest.raises(BadObject):
        manager.decrypt(damage)


def test_one_changed_character_anywhere_is_refused(manager):
    encrypted = manager.encrypt("meet at noon")
    step = max(1, len(encrypted) // 200)
    positions = {*range(20), *range(0, len(encrypted), step), *range(len(encrypted) - 20, len(encrypted))}
    for position in sorted(positions):
        other = "A" if encrypted[position] != "A" else "B"
        with pytest.raises(BadObject):
            manager.decrypt(encrypted[:position] + other + encrypted[position + 1 :])


def test_a_cut_or_lengthened_text_is_refused(manager):
    encrypted = manager.encrypt("meet at noon")
    for damaged in (
        encrypted[:-1],
        encrypted[:-4],
        encrypted[4:],
        encrypted + "AAAA",
        encrypted * 2,
        f" {encrypted}",
    ):
        with pytest.raises(BadObject):
            manager.decrypt(damaged)


def test_a_lone_surrogate_is_refused_before_anything_is_sealed(manager):
    with pytest.raises(UnicodeEncodeError):
        manager.encrypt("\ud800")
