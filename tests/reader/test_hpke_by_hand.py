"""HPKE of the format, from the SHA3 and HMAC up: what `0x647A` is, should no library know it any more.

The KEM is X-Wing (draft-connolly-cfrg-xwing-kem) with its two secret keys given apart; the key schedule is that of
RFC 9180 §5.1 in base mode.
"""

import hashlib
import hmac
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VECTOR = Path(__file__).resolve().parent.parent / "vectors" / "cases" / "unwrap.json"
SUITE = b"HPKE" + bytes.fromhex("647a00010002")  # KEM, HKDF-SHA256, AES-256-GCM


def decapsulate(seed, enc):
    kem, dh = MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:])
    by_kem = kem.decapsulate(enc[:1088])
    by_dh = dh.exchange(X25519PublicKey.from_public_bytes(enc[1088:]))
    public = dh.public_key().public_bytes_raw()
    return hashlib.sha3_256(by_kem + by_dh + enc[1088:] + public + rb"\.//^" + b"\\").digest()


def extract(salt, label, secret):
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + SUITE + label + secret, "sha256")


def expand(key, label, info, length):
    message = length.to_bytes(2, "big") + b"HPKE-v1" + SUITE + label + info
    return hmac.digest(key, message + b"\1", "sha256")[:length]


def test_a_wrap_opens_by_hand():
    vector = json.loads(VECTOR.read_text())
    seed, context, wrapped = (
        bytes.fromhex(vector["inputs"][name]) for name in ("seed", "context", "wrapped")
    )
    info = b"e2esync/1 " + vector["inputs"]["purpose"].encode() + b"\0" + context
    schedule = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(decapsulate(seed, wrapped[:1120]), b"secret", b"")
    key, nonce = expand(secret, b"key", schedule, 32), expand(secret, b"base_nonce", schedule, 12)
    assert AESGCM(key).decrypt(nonce, wrapped[1120:], b"").hex() == vector["expect"]
