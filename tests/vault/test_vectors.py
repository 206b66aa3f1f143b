"""Each vector of tests/vectors that speaks of keys, records or heads comes out as it says."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from e2esync.crypto import recovery
from e2esync.crypto.asymmetric import HpkeKey, SigningKey, record_hash, verify
from e2esync.crypto.labels import Purpose, label
from e2esync.crypto.secrets import EpochKey, Identifier, KeyWrapper, Sealer, SecretKey, VaultSecret, derive
from e2esync.errors import BadObject, MissingObject, NewerFormat, WordsError
from e2esync.format import cbor, history, names
from e2esync.format.certificate import SignedCertificate
from e2esync.format.members import Member, Members, Role
from e2esync.format.padding import pad, padme, unpad
from e2esync.vault import heads
from e2esync.vault.cardfile import import_card
from e2esync.vault.cipher import MAX_PROOF, BlobKind
from e2esync.vault.compression import Compressor
from e2esync.vault.device import device_id, verify_certificate
from e2esync.vault.faults import Proof, check_fault, check_snapshot
from e2esync.vault.identity import Identity, PublicIdentity, open_identity
from e2esync.vault.keyring import Keyring, open_keyring
from e2esync.vault.membership import AcceptedRecord, Membership, open_genesis
from e2esync.vault.message import unseal
from e2esync.vault.ownrecord import open_own_record

CASES = Path(__file__).resolve().parent.parent / "vectors" / "cases"
TEXTS = {"purpose", "words", "text", "rule"}
REFUSALS = (BadObject, NewerFormat, WordsError, MissingObject)


def words(i):
    entropy = recovery.from_words(i["words"])
    root, key = recovery.root_key(entropy), recovery.recovery_key(entropy)
    fingerprint = recovery.fingerprint(root.public, key.public)
    return {
        "entropy": entropy.reveal(),
        "root private": root.reveal(),
        "root public": root.public,
        "recovery seed": key.reveal(),
        "recovery public": key.public,
        "fingerprint": fingerprint,
        "safety number": recovery.safety_number(fingerprint),
    }


def card(i):
    read = PublicIdentity.of_card(i["record"])
    if read.key != names.card(i["fingerprint"], i["n"], i["hash"]):
        raise BadObject("a card of another name")
    return {"hash": read.card_hash, "hpke": read.hpke, "signing": read.signing}


def card_keys(i):
    person = PublicIdentity.of_card(i["card"])
    key = names.card_keys(person.fingerprint, 1, i["hash"])
    opened = open_identity(recovery.from_words(i["words"]), {person.key: i["card"], key: i["record"]})
    return {"seed": opened.hpke.reveal(), "signing": opened.signing.reveal()}


def certificate(i):
    person = PublicIdentity.of_card(i["card"])
    return device_id(verify_certificate(SignedCertificate.decode(i["certificate"]), person).signing)


def own_record(i):
    person = PublicIdentity.of_card(i["card"])
    read = open_own_record(i["object"], i["device"].hex(), identity=person, key=HpkeKey(i["seed"]))
    return {
        "name": read.device_name,
        "user": read.user_name,
        "vaults": [note.parts() for note in read.vaults],
    }


def genesis(i):
    owner = PublicIdentity.of_card(i["card"])
    open_genesis(i["vault"], i["record"], {owner.card_hash: owner})
    return True


def members(i):
    owner = PublicIdentity.of_card(i["card"])
    key = names.members(i["vault"], i["n"], i["hash"])
    membership = Membership.load(i["vault"], i["genesis"], {key: i["record"]}, [owner])
    keyring = open_keyring(membership, Identity(owner, HpkeKey(i["seed"]), SigningKey(bytes(32))))
    return {
        "epoch": keyring.current,
        "epoch key": keyring.current_key.reveal(),
        "vault secret": keyring.vault_secret.reveal(),
    }


def snapshot(i):
    read, hash_ = heads.open_snapshot(
        i["record"], signer=i["signing public"], vault_id=i["vault"], device=i["device"]
    )
    context = tuple(
        (bytes.fromhex(device), sequence, bytes.fromhex(h)) for device, sequence, h in i["context"]
    )
    heads.check_context(read, context)
    return {"hash": hash_, "sequence": read.sequence}


def proof(i):
    sealer = Sealer(EpochKey(i["epoch key"]), Purpose.PAGE_SEAL)
    plain = sealer.unseal(i["sealed"], context=i["vault"] + bytes([BlobKind.PROOF]))
    found = Proof.decode(Compressor().decompress(plain, size=None, most=MAX_PROOF))
    ids = Identifier(VaultSecret(i["secret"]), Purpose.PAGE_ID)
    who = {"signer": i["signing public"], "vault_id": i["vault"], "device": i["device"]}
    if i["of"] == i["device"]:
        check_fault(found, page_id=lambda body: ids.of(bytes([BlobKind.HISTORY]) + body), **who)
    else:
        check_snapshot(found, (i["sequence"], i["of"]), **who)
    proofs = Identifier(VaultSecret(i["secret"]), Purpose.PROOF_ID)
    return {"id": proofs.of(i["of"]), "indexes": found.indexes}


def history_of(i):
    ids = Identifier(VaultSecret(i["secret"]), Purpose.PAGE_ID)
    levels, pages = history.NO_HISTORY, []
    for sequence in range(1, i["count"] + 1):
        levels, new = history.append(
            levels, sha256(sequence.to_bytes(8, "big")).digest(), lambda b: ids.of(b"\4" + b)
        )
        pages += [ids.of(b"\4" + body) for body in new]
    return {"levels": levels, "pages": pages}


def head(i):
    person = PublicIdentity.of_card(i["card"])
    member = Member(i["fingerprint"], 1, i["card hash"], Role.OWNER, b"")
    said = Members(i["vault"], 1, (), (member,), None, b"", b"", b"", ())
    record = AcceptedRecord(i["record"], said, i["epoch"])
    membership = Membership(
        i["vault"], person, {i["record"]: record}, record.name, {person.card_hash: person}
    )
    epochs = {i["epoch"]: EpochKey(i["epoch key"])}
    keyring = Keyring(VaultSecret(bytes(32)), epochs, i["epoch"], record.name, {})
    read = heads.open_head(
        i["object"], i["device"].hex(), vault_id=i["vault"], membership=membership, keyring=keyring
    )
    return {"snapshot": read.hash, "indexes": read.live_indexes}


def message(i):
    recipient = HpkeKey(i["seed"])
    person = PublicIdentity(b"", b"", 1, b"", b"", recipient.public, b"")
    opened = unseal(i["object"], Identity(person, recipient, SigningKey(bytes(32))))
    return {"sender": opened.sender.fingerprint, "content": opened.data}


def card_file(i):
    person, name = import_card(i["text"])
    return {"fingerprint": person.fingerprint, "name": name}


def value(i):
    cbor.decode_exact(i["encoded"])
    return True


def seal(i):
    return Sealer(SecretKey(i["key"]), Purpose(i["purpose"])).unseal(i["sealed"], context=i["context"])


def check_signature(i):
    verify(i["public"], Purpose(i["purpose"]), i["payload"], i["signature"])
    return True


OPERATIONS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "label": lambda i: label(Purpose(i["purpose"])),
    "derive": lambda i: derive(SecretKey(i["key"]), Purpose(i["purpose"]), i["length"]),
    "hash": lambda i: record_hash(Purpose(i["purpose"]), i["payload"]),
    "id": lambda i: Identifier(SecretKey(i["key"]), Purpose(i["purpose"])).of(i["data"]),
    "unseal": seal,
    "verify": check_signature,
    "padme": lambda i: [padme(n) for n in i["lengths"]],
    "pad": lambda i: pad(i["body"], overhead=i["around"]),
    "unpad": lambda i: unpad(i["padded"], overhead=i["around"]),
    "cbor": value,
    "words": words,
    "hpke public": lambda i: HpkeKey(i["seed"]).public,
    "unwrap": lambda i: HpkeKey(i["seed"]).unwrap(Purpose(i["purpose"]), i["wrapped"], context=i["context"]),
    "device id": lambda i: device_id(i["public"]),
    "data key": lambda i: KeyWrapper(EpochKey(i["epoch key"])).unwrap(i["wrapped"]).reveal(),
    "card": card,
    "card keys": card_keys,
    "certificate": certificate,
    "own record": own_record,
    "genesis": genesis,
    "members": members,
    "snapshot": snapshot,
    "proof": proof,
    "history": history_of,
    "head": head,
    "message": message,
    "card file": card_file,
}


def vectors() -> list[Any]:
    read = [(path.stem, json.loads(path.read_text())) for path in sorted(CASES.glob("*.json"))]
    return [pytest.param(vector, id=name) for name, vector in read if vector["operation"] in OPERATIONS]


def plain(found: Any) -> Any:
    match found:
        case bytes():
            return found.hex()
        case list() | tuple():
            return [plain(item) for item in found]
        case dict():
            return {key: plain(inner) for key, inner in found.items()}
        case _:
            return found


@pytest.mark.parametrize("vector", vectors())
def test_the_vector_comes_out_as_it_says(vector):
    inputs = {
        key: bytes.fromhex(given) if isinstance(given, str) and key not in TEXTS else given
        for key, given in vector["inputs"].items()
    }
    operation = OPERATIONS[vector["operation"]]
    if vector["expect"] == "refused":
        with pytest.raises(REFUSALS):
            operation(inputs)
    else:
        assert plain(operation(inputs)) == vector["expect"]
