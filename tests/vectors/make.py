"""Make the test vectors: one JSON file a scenario, from fixed seeds, with nothing of e2esync (docs/format.md).

    python -m tests.vectors.make

Each file has `description`, `section`, `operation`, `inputs` and `expect`: what comes out, or `"refused"`. Bytes
are in hex. `tests/vectors/README.md` says what each operation is.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2

from examples import read_without_e2esync as r
from tests.vectors import make_joined
from tests.vectors import writer as w
from tests.vectors.make_vault import words_of

HERE = Path(__file__).resolve().parent
CHANCE = w.Chance("test vectors")
VAULT, SECRET, EPOCH, EPOCH_KEY, DATA_KEY = (CHANCE(32) for _ in range(5))
NONCE = bytes(range(12))
ADA = w.Person(hashlib.sha256(b"Ada").digest(), w.Chance("Ada"))
BOB = w.Person(hashlib.sha256(b"Bob").digest(), w.Chance("Bob"))
LAPTOP = w.Machine(ADA, "laptop", w.Chance("laptop"))
REFUSED = "refused"
MADE: dict[str, str] = {}  # name -> text of the file


def plain(value: Any) -> Any:
    """Bytes to hex, all the way down."""
    match value:
        case bytes():
            return value.hex()
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {str(k): plain(v) for k, v in value.items()}
        case _:
            return value


def save(
    name: str, section: str, operation: str, description: str, inputs: dict[str, Any], expect: Any
) -> None:
    """Write one vector."""
    vector = {
        "description": description,
        "section": section,
        "operation": operation,
        "inputs": plain(inputs),
        "expect": plain(expect),
    }
    assert name not in MADE
    MADE[name] = json.dumps(vector, indent=1, ensure_ascii=False) + "\n"


# --- §1 ---


def functions() -> None:
    for purpose in ("root signing", "card"):
        save(
            f"label-{purpose.replace(' ', '-')}",
            "1.1",
            "label",
            f"L({purpose!r})",
            {"purpose": purpose},
            r.label(purpose),
        )
    for purpose, length in (("chunk seal", 32), ("recovery hpke", 96), ("chunker seed", 8)):
        inputs = {"key": DATA_KEY, "purpose": purpose, "length": length}
        made = r.derive(DATA_KEY, purpose, length)
        save(f"derive-{length}", "1.2", "derive", f"derive to {length} bytes", inputs, made)
    save(
        "hash",
        "1.2",
        "hash",
        "a purpose and a payload",
        {"purpose": "card", "payload": b"abc"},
        r.digest("card", b"abc"),
    )
    inputs = {"key": SECRET, "purpose": "page id", "data": b"\1abc"}
    save("id", "1.2", "id", "keyed BLAKE3", inputs, r.keyed_id(SECRET, "page id", b"\1abc"))
    sealed = w.seal(EPOCH_KEY, "index seal", VAULT, b"plaintext", nonce=NONCE)
    inputs = {
        "key": EPOCH_KEY,
        "purpose": "index seal",
        "context": VAULT,
        "nonce": NONCE,
        "plaintext": b"plaintext",
    }
    save("seal", "1.2", "seal", "seal with a given nonce", inputs, sealed)
    unseal: dict[str, Any] = {"key": EPOCH_KEY, "purpose": "index seal", "context": VAULT, "sealed": sealed}
    save("unseal", "1.2", "unseal", "the same, opened", unseal, b"plaintext")
    changes: dict[str, dict[str, Any]] = {
        "purpose": {"purpose": "page seal"},
        "context": {"context": EPOCH},
        "tag": {"sealed": sealed[:-1] + bytes([sealed[-1] ^ 1])},
        "short": {"sealed": sealed[:27]},
        "very-short": {"sealed": sealed[:5]},
    }
    for name, change in changes.items():
        save(f"unseal-bad-{name}", "1.2", "unseal", f"sealed otherwise: {name}", unseal | change, REFUSED)
    signature = w.sign(ADA.signing, "card file", b"abc")
    verify = {
        "public": w.public_of(ADA.signing),
        "purpose": "card file",
        "payload": b"abc",
        "signature": signature,
    }
    save("signature", "1.2", "verify", "a signature that holds", verify, True)
    save(
        "signature-bad-purpose", "1.2", "verify", "for another purpose", verify | {"purpose": "card"}, REFUSED
    )


def padding() -> None:
    lengths = [*range(20), 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 1000, 1023, 1024, 1025]
    lengths += [
        4095,
        4096,
        4097,
        65535,
        65536,
        65537,
        10**6,
        2**20 - 1,
        2**20,
        2**20 + 1,
        2**24 - 1,
        2**24,
        2**32 + 1,
    ]
    save(
        "padme",
        "1.3",
        "padme",
        "lengths and what they are padded to",
        {"lengths": lengths},
        [r.padme(n) for n in lengths],
    )
    body = bytes(range(100))
    good = w.pad(body, 60)
    save(
        "pad",
        "1.3",
        "pad",
        "a body of 100 in an object with 60 bytes around it",
        {"body": body, "around": 60},
        good,
    )
    save("unpad", "1.3", "unpad", "the same, opened", {"padded": good, "around": 60}, body)
    for name, bad in {
        "zeros": good[:-1] + b"\1",
        "more": good + bytes(4),
        "less": good[:-1],
        "length": (len(good) - 3).to_bytes(4, "big") + good[4:],
        "empty": b"\0\0\0",
    }.items():
        save(
            f"unpad-bad-{name}",
            "1.3",
            "unpad",
            f"a wrong padding: {name}",
            {"padded": bad, "around": 60},
            REFUSED,
        )


def cbor() -> None:
    value = {
        1: 1,
        2: b"ab",
        3: "ü",
        4: [None, True, False, -1, 23, 24, 255, 256, 65535, 65536, 2**32, 2**64 - 1, -(2**64)],
    }
    encoded = r.encode(value)
    assert encoded == cbor2.dumps(value, canonical=True)
    save("cbor", "1.4", "cbor", "the one encoding of a value of every kind", {"encoded": encoded}, True)
    nested = b"\x81" * 16 + b"\0"
    save("cbor-depth-16", "1.4", "cbor", "sixteen arrays in each other", {"encoded": nested}, True)
    bad = {
        "depth-17": b"\x81" + nested,
        "long-head": b"\x18\x17",
        "long-length": b"\x58\x01a",
        "indefinite": b"\x9f\x01\xff",
        "tag": b"\xc1\x00",
        "bignum": b"\xc2\x49\x01" + bytes(8),
        "float": b"\xfb" + bytes(8),
        "half-float": b"\xf9\x00\x00",
        "undefined": b"\xf7",
        "duplicate-key": b"\xa2\x01\x01\x01\x02",
        "key-order": b"\xa2\x02\x01\x01\x02",
        "text-key": b"\xa1\x61a\x01",
        "true-key": b"\xa2\x01\x01\xf5\x02",
        "not-utf8": b"\x61\xff",
        "trailing": b"\x01\x00",
        "cut-off": b"\x82\x01",
        "huge": b"\x9b\x7f" + b"\xff" * 7,
        "nothing": b"",
    }
    for name, encoded in bad.items():
        save(
            f"cbor-bad-{name}", "1.4", "cbor", f"not the one encoding: {name}", {"encoded": encoded}, REFUSED
        )


# --- §3 ---


def words() -> None:
    for name, entropy in {"zeros": bytes(32), "ada": ADA.entropy, "ones": b"\xff" * 32}.items():
        seed = r.derive(entropy, "recovery hpke", 96)
        recovery = r.HpkeKey.from_seed(seed).public
        root = r.derive(entropy, "root signing")
        print_ = r.fingerprint(w.public_of(root), recovery)
        expect = {
            "entropy": entropy,
            "root private": root,
            "root public": w.public_of(root),
            "recovery seed": seed,
            "recovery public": recovery,
            "fingerprint": print_,
            "safety number": r.safety_number(print_),
        }
        save(
            f"words-{name}",
            "3.1",
            "words",
            "24 words, and all that follows from them",
            {"words": words_of(entropy)},
            expect,
        )
    good = words_of(ADA.entropy).split()
    for name, bad in {
        "checksum": [*good[:-1], "abandon" if good[-1] != "abandon" else "zoo"],
        "swapped": [good[1], good[0], *good[2:]],
        "unknown": [*good[:5], "zzz", *good[6:]],
        "prefix": [good[0][:4] if len(good[0]) > 4 else good[0] + "x", *good[1:]],
        "23": good[:23],
        "25": [*good, good[0]],
        "none": [],
    }.items():
        save(f"words-bad-{name}", "3.1", "words", f"mistyped: {name}", {"words": " ".join(bad)}, REFUSED)


def hpke() -> None:
    context = VAULT + r.u64(1)
    wrapped = w.wrap(ADA.hpke.public, "epoch wrap", context, EPOCH_KEY)
    save("hpke-public", "1", "hpke public", "the public key of a seed", {"seed": ADA.seed}, ADA.hpke.public)
    unwrap: dict[str, Any] = {
        "seed": ADA.seed,
        "purpose": "epoch wrap",
        "context": context,
        "wrapped": wrapped,
    }
    save("unwrap", "1.2", "unwrap", "a wrap that was made once", unwrap, EPOCH_KEY)
    changes: dict[str, dict[str, Any]] = {
        "recipient": {"seed": BOB.seed},
        "purpose": {"purpose": "card keys wrap"},
        "context": {"context": context[:-1] + b"\2"},
        "kem": {"wrapped": bytes([wrapped[0] ^ 1]) + wrapped[1:]},
        "dh": {"wrapped": wrapped[:1100] + bytes([wrapped[1100] ^ 1]) + wrapped[1101:]},
        "low-order": {"wrapped": wrapped[:1088] + bytes(32) + wrapped[1120:]},
        "short": {"wrapped": wrapped[:-1]},
    }
    for name, change in changes.items():
        save(
            f"unwrap-bad-{name}",
            "1.2",
            "unwrap",
            f"a wrap that does not open: {name}",
            unwrap | change,
            REFUSED,
        )


def cards() -> None:
    public = w.public_of(LAPTOP.signing)
    save("device-id", "3.5", "device id", "the id of a device's signing key", {"public": public}, LAPTOP.id)

    def card(
        name: str,
        payload: bytes,
        expect: Any,
        *,
        n: int = 1,
        key: bytes = ADA.root,
        hash_: bytes = b"",
        tail: bytes = b"",
    ) -> None:
        record = w.record(key, "card", payload) + tail
        inputs = {
            "fingerprint": ADA.fingerprint,
            "n": n,
            "hash": hash_ or r.digest("card", payload),
            "record": record,
        }
        save(f"card{name}", "3.3", "card", f"a card{name.replace('-', ' ')}", inputs, expect)

    fields = ADA.card_map()
    good = ADA.card_payload
    card("", good, {"hash": ADA.card_hash, "hpke": ADA.hpke.public, "signing": w.public_of(ADA.signing)})
    card("-bad-version", r.encode(fields | {1: 2}), REFUSED)
    card("-bad-unknown-key", r.encode(fields | {8: 0}), REFUSED)
    card("-bad-missing-key", r.encode({k: v for k, v in fields.items() if k != 7}), REFUSED)
    card("-bad-signer", good, REFUSED, key=ADA.signing)
    card("-bad-hash", good, REFUSED, hash_=ADA.fingerprint)
    card("-bad-name-number", good, REFUSED, n=2)
    card("-bad-number-0", r.encode(fields | {4: 0}), REFUSED, n=0)
    card("-bad-number-2", r.encode(fields | {4: 2, 7: ADA.card_hash}), REFUSED, n=2)
    card("-bad-fingerprint", r.encode(BOB.card_map()), REFUSED, key=BOB.root)
    card("-bad-inherits", r.encode(fields | {7: ADA.card_hash}), REFUSED)
    card("-bad-version-true", r.encode(fields | {1: True}), REFUSED)
    card("-bad-short-key", r.encode(fields | {6: bytes(31)}), REFUSED)
    card("-bad-array", r.encode(list(fields.values())), REFUSED)
    card("-bad-no-cbor", b"\x5f", REFUSED)
    card("-bad-encoding", b"\xa7\x18\x01\x01" + good[3:], REFUSED)
    card("-bad-payload-tail", good + b"\0", REFUSED)
    card("-bad-record-tail", good, REFUSED, tail=b"\0")
    device_keys()


def device_keys() -> None:
    """What follows from a card: its secret halves, and devices."""
    record, hash_ = ADA.card_keys()
    inputs = {
        "words": words_of(ADA.entropy),
        "card": ADA.card,
        "card hash": ADA.card_hash,
        "hash": hash_,
        "record": record,
    }
    save(
        "card-keys",
        "3.4",
        "card keys",
        "the secret halves of a card",
        inputs,
        {"seed": ADA.seed, "signing": ADA.signing},
    )
    save(
        "card-keys-bad-hash",
        "3.4",
        "card keys",
        "under another name",
        inputs | {"hash": ADA.card_hash},
        REFUSED,
    )
    for name, (bad_record, bad_hash) in {
        "other-card": ADA.card_keys({4: BOB.card_hash}),
        "other-number": ADA.card_keys({3: 2}),
        "other-person": ADA.card_keys({2: BOB.fingerprint}),
        "other-hpke": ADA.card_keys(secret=BOB.seed + ADA.signing),
        "other-signing": ADA.card_keys(secret=ADA.seed + BOB.signing),
        "no-recipient": ADA.card_keys({5: []}),
        "unsorted": ADA.card_keys(
            {5: [[b"\xff" * 32, bytes(1264)], *r.decode(r.decode(record, "")[0], "")[5]]}
        ),
    }.items():
        bad = inputs | {"record": bad_record, "hash": bad_hash}
        save(f"card-keys-bad-{name}", "3.4", "card keys", f"not of this card: {name}", bad, REFUSED)
    certificate = LAPTOP.certificate
    inputs = {"fingerprint": ADA.fingerprint, "card": ADA.card, "card hash": ADA.card_hash}
    save(
        "certificate",
        "3.5",
        "certificate",
        "a device of Ada's",
        inputs | {"certificate": r.encode(certificate)},
        LAPTOP.id,
    )
    payload, by_identity, by_device = certificate
    for name, certificate_ in {
        "swapped": [payload, by_device, by_identity],
        "no-acceptance": [payload, by_identity, by_identity],
        "one-signature": [payload, by_identity],
        "other-identity": w.Machine(BOB, "laptop", w.Chance("laptop")).certificate,
        "other-card": w.Machine(ADA, "x", w.Chance("x"), {4: BOB.card_hash}).certificate,
        "other-number": w.Machine(ADA, "x", w.Chance("x"), {3: 2}).certificate,
        "version": w.Machine(ADA, "x", w.Chance("x"), {1: 2}).certificate,
        "accepted-for-another-purpose": [
            payload,
            by_identity,
            w.sign(LAPTOP.signing, "device certificate", payload),
        ],
    }.items():
        save(
            f"certificate-bad-{name}",
            "3.5",
            "certificate",
            f"no device of Ada's: {name}",
            inputs | {"certificate": r.encode(certificate_)},
            REFUSED,
        )
    vaults = [[VAULT, ADA.fingerprint, "photos", "s3://bucket", [1, EPOCH], [[LAPTOP.id, 3, SECRET]]]]
    own = LAPTOP.own_record(vaults, key=DATA_KEY, nonce=NONCE)
    inputs |= {"seed": ADA.seed, "device": LAPTOP.id, "object": own}
    save(
        "own-record",
        "3.6",
        "own record",
        "what a device keeps",
        inputs,
        {"name": "laptop", "user": "Ada", "vaults": vaults},
    )
    save(
        "own-record-bad-device",
        "3.6",
        "own record",
        "filed under another device",
        inputs | {"device": bytes(16)},
        REFUSED,
    )
    other = w.Machine(ADA, "tower", w.Chance("tower")).own_record(
        [], key=DATA_KEY, nonce=NONCE, slot=LAPTOP.id
    )
    bad = inputs | {"object": other}
    save("own-record-bad-writer", "3.6", "own record", "written by another device", bad, REFUSED)


# --- §4 ---


def members() -> None:
    payload = r.encode({1: 1, 2: ADA.fingerprint, 3: ADA.card_hash, 4: SECRET})
    inputs = {"fingerprint": ADA.fingerprint, "card": ADA.card, "card hash": ADA.card_hash}
    vault = r.digest("genesis", payload)
    genesis = w.record(ADA.signing, "genesis", payload)
    save(
        "genesis",
        "4.1",
        "genesis",
        "the birth of a vault",
        inputs | {"record": genesis, "vault": vault},
        True,
    )
    save(
        "genesis-bad-vault",
        "4.1",
        "genesis",
        "of another vault",
        inputs | {"record": genesis, "vault": VAULT},
        REFUSED,
    )
    forged = w.record(BOB.signing, "genesis", payload)
    save(
        "genesis-bad-signer",
        "4.1",
        "genesis",
        "by another",
        inputs | {"record": forged, "vault": vault},
        REFUSED,
    )
    for name, change in {
        "card": {3: BOB.card_hash},
        "owner": {2: BOB.fingerprint},
        "version": {1: 2},
    }.items():
        bad_payload = r.encode(r.decode(payload, "") | change)
        bad = {
            "record": w.record(ADA.signing, "genesis", bad_payload),
            "vault": r.digest("genesis", bad_payload),
        }
        save(f"genesis-bad-{name}", "4.1", "genesis", f"of another {name}", inputs | bad, REFUSED)
    context = vault + r.u64(1)
    wrapped = w.wrap(ADA.hpke.public, "epoch wrap", context + ADA.fingerprint + ADA.card_hash, EPOCH_KEY)
    secrets = r.encode({1: SECRET, 2: [], 3: [[ADA.fingerprint, "Ada"]]})
    fields: dict[int, Any] = {
        1: 1,
        2: vault,
        3: 1,
        4: [],
        5: [[ADA.fingerprint, 1, ADA.card_hash, 0, wrapped]],
        6: None,
        7: [r.derive(EPOCH_KEY, "check"), r.derive(SECRET, "check")],
        8: w.seal(EPOCH_KEY, "members seal", context, secrets, nonce=NONCE),
        9: [],
    }
    inputs |= {"genesis": genesis, "vault": vault, "seed": ADA.seed}

    def record(
        name: str, change: dict[int, Any], expect: Any, *, key: bytes = ADA.signing, n: int = 1
    ) -> None:
        payload = r.encode(fields | change)
        stored = {"n": n, "hash": r.digest("members", payload), "record": w.record(key, "members", payload)}
        save(
            f"members{name}",
            "4.2",
            "members",
            f"a chain of one record{name.replace('-', ' ')}",
            inputs | stored,
            expect,
        )

    hash_ = r.digest("members", r.encode(fields))
    record("", {}, {"epoch": hash_, "epoch key": EPOCH_KEY, "vault secret": SECRET})
    record("-bad-signer", {}, REFUSED, key=BOB.signing)
    record("-bad-vault", {2: VAULT}, REFUSED)
    record("-bad-name", {}, REFUSED, n=2)
    record("-bad-number", {3: 2}, REFUSED, n=2)
    record("-bad-before", {4: [EPOCH]}, REFUSED)
    record("-bad-no-owner", {5: [[ADA.fingerprint, 1, ADA.card_hash, 1, wrapped]]}, REFUSED)
    record("-bad-owner", {5: [[BOB.fingerprint, 1, BOB.card_hash, 0, wrapped]]}, REFUSED)
    record("-bad-epoch", {6: EPOCH}, REFUSED)
    record("-bad-epoch-check", {7: [bytes(32), fields[7][1]]}, REFUSED)
    record("-bad-secret-check", {7: [fields[7][0], bytes(32)]}, REFUSED)


# --- §5, §6 ---


def blobs() -> None:
    chunk = b"".join(b"line %d\n" % i for i in range(40))
    id_ = r.keyed_id(DATA_KEY, "chunk id", chunk)

    def case(
        name: str, plaintext: bytes, expect: Any, *, length: int = len(chunk), what: bytes = id_
    ) -> None:
        sealed = w.seal(DATA_KEY, "chunk seal", VAULT, plaintext, nonce=NONCE)
        inputs = {
            "data key": DATA_KEY,
            "vault": VAULT,
            "id": what,
            "length": length,
            "nonce": NONCE,
            "plaintext": plaintext,
            "sealed": sealed,
        }
        save(f"chunk-{name}", "5.2", "chunk", f"a sealed chunk: {name}", inputs, expect)

    frame = w.frame(chunk)
    zeros = bytes(2**21)
    case("raw", b"\0" + chunk, chunk)
    case("zstd", b"\1" + frame, chunk)
    zeros_id = r.keyed_id(DATA_KEY, "chunk id", zeros)
    case("zstd-zeros", b"\1" + w.frame(zeros), {"zeros": 2**21}, length=2**21, what=zeros_id)
    case("bad-length", b"\0" + chunk, REFUSED, length=len(chunk) + 1)
    case("bad-zstd-length", b"\1" + frame, REFUSED, length=len(chunk) - 1)
    case(
        "bad-zstd-states-more",
        b"\1" + frame[:5] + (len(chunk) + 1).to_bytes(4, "little") + frame[9:],
        REFUSED,
    )
    case("bad-zstd-trailing-frame", b"\1" + frame + w.frame(b""), REFUSED)
    case("bad-zstd-trailing-byte", b"\1" + frame + b"\0", REFUSED)
    case("bad-zstd-two-frames", b"\1" + w.frame(chunk[:9]) + w.frame(chunk[9:]), REFUSED)
    case("bad-zstd-skippable-first", b"\1" + b"\x50\x2a\x4d\x18" + bytes(4) + frame, REFUSED)
    case("bad-zstd-states-nothing", b"\1" + frame[:4] + b"\x00\x58" + frame[9:], REFUSED)
    case("bad-zstd-window", b"\1" + frame[:4] + b"\x80\x70" + frame[5:], REFUSED)  # 16 MiB
    case("bad-zstd-dictionary", b"\1" + frame[:4] + b"\xa1\x07" + frame[5:], REFUSED)
    case("bad-zstd-cut-off", b"\1" + frame[:-1], REFUSED)
    case("bad-method", b"\2" + chunk, REFUSED)
    case("bad-empty", b"", REFUSED)
    case("bad-id", b"\0" + chunk, REFUSED, what=EPOCH)
    wrapped = w.wrap_data_key(EPOCH_KEY, DATA_KEY)
    inputs = {"epoch key": EPOCH_KEY, "wrapped": wrapped}
    save("data-key", "6.4", "data key", "a data key, wrapped under an epoch", inputs, DATA_KEY)
    bad = inputs | {"wrapped": wrapped[:-1] + bytes([wrapped[-1] ^ 1])}
    save("data-key-bad", "6.4", "data key", "a wrapped data key with one bit turned", bad, REFUSED)
    for kind in (1, 2, 4):
        made = r.blob_id(SECRET, kind, b"body")
        save(
            f"page-id-{kind}",
            "5.2",
            "page id",
            f"the id of a page of kind {kind}",
            {"secret": SECRET, "kind": kind, "body": b"body"},
            made,
        )


def key(i: int, kind: int = r.FILE, parent: bytes = r.ROOT) -> bytes:
    return parent + f"name {i:05d}".encode() + b"\0" + r.u8(kind) + bytes(4)


def numbers() -> None:
    root_child = key(1, r.DIRECTORY)
    number = r.directory_number(SECRET, root_child)
    for name, of in {
        "at-root": root_child,
        "nested": key(2, r.DIRECTORY, number),
        "second": root_child[:-1] + b"\1",
    }.items():
        save(
            f"directory-{name}",
            "6.1",
            "directory number",
            f"a directory: {name}",
            {"secret": SECRET, "key": of},
            r.directory_number(SECRET, of),
        )
    bad = {
        "slash": r.ROOT + b"a/b\0\2" + bytes(4),
        "zero": r.ROOT + b"a\0b\0\2" + bytes(4),
        "dot": r.ROOT + b".\0\2" + bytes(4),
        "dots": r.ROOT + b"..\0\2" + bytes(4),
        "empty": r.ROOT + b"\0\2" + bytes(4),
        "long": r.ROOT + b"a" * 256 + b"\0\2" + bytes(4),
        "kind": r.ROOT + b"a\0\4" + bytes(4),
        "short": r.ROOT + b"a\0\2" + bytes(3),
    }
    for name, bad_key in bad.items():
        save(f"key-bad-{name}", "6.1", "node key", f"no key of a node: {name}", {"key": bad_key}, REFUSED)
    longest = r.ROOT + b"\xff" * 255 + b"\0\3" + b"\0\0\0\7"
    save(
        "key-longest",
        "6.1",
        "node key",
        "the longest name, of a symlink",
        {"key": longest},
        [r.ROOT, b"\xff" * 255, 3],
    )


def cuts() -> None:
    for level in (0, 1, 2, 12):
        items = [(key(i), 60 + (i * 7919) % 400) for i in range(300)]
        starts, at = [], 0
        for page in w.cut(SECRET, level, [(k, weight, None) for k, weight in items]):
            starts.append(at)
            at += len(page)
        save(
            f"cut-level-{level}",
            "6.5",
            "cut",
            "the positions that start a page",
            {"secret": SECRET, "level": level, "items": items},
            starts,
        )
    heavy = {
        "whole": [24576] * 3,
        "over": [24577, 10, 24577],
        "sum-over": [12288, 12288, 1, 24575, 2],
        "always": [8192] * 6,
        "one": [1],
        "none": [],
    }
    for name, weights in heavy.items():
        items = [(key(i), weight) for i, weight in enumerate(weights)]
        starts, at = [], 0
        for page in w.cut(SECRET, 0, [(k, weight, None) for k, weight in items]):
            starts.append(at)
            at += len(page)
        save(
            f"cut-heavy-{name}",
            "6.5",
            "cut",
            f"at the bound: {name}",
            {"secret": SECRET, "level": 0, "items": items},
            starts,
        )
    for name, count in {"none": 0, "one": 1, "two": 2, "500": 500, "5000": 5000}.items():
        nodes = [(key(i), hashlib.shake_128(b"%d" % i).digest(20 + i % 90)) for i in range(count)]
        root, levels = w.tree_pages(SECRET, nodes)
        ids = [[id_ for id_, _ in pages] for pages in levels]
        inputs = {
            "secret": SECRET,
            "count": count,
            "nodes": "node i: parent 0, name 'name %05d', file, 0; value SHAKE128('%d') of 20 + i % 90 bytes",
        }
        expect = {"root": root, "pages": ids if count <= 500 else [len(level) for level in ids]}
        save(
            f"tree-{name}",
            "6.5",
            "tree",
            f"a tree of {count} nodes with values that are no entries",
            inputs,
            expect,
        )


def cutting_id() -> bytes:
    """An id that cuts after itself at level 0: a list of it alone has two references a page, all the same page."""
    ids = (hashlib.sha256(b"id %d" % i).digest() for i in range(10_000))
    bound = 48 * 2**64 // 8192
    return next(
        i for i in ids if int.from_bytes(r.keyed_id(SECRET, "page cut", b"\0" + i)[:8], "big") < bound
    )


def lists() -> None:
    same: list[Any] = [[0, DATA_KEY, 2**21]]
    shapes: dict[str, list[Any]] = {
        "65": [[i % 2, hashlib.sha256(b"%d" % i).digest(), 1000 + i] for i in range(65)],
        "3000": [[0, hashlib.sha256(b"%d" % i).digest(), 1000 + i] for i in range(3000)],
        "all-the-same-3000": same * 3000,
        "all-the-same-cutting-65": [[0, cutting_id(), 7]] * 65,
    }
    for name, references in shapes.items():
        root, levels = w.list_pages(SECRET, references)
        shown = [[id_ for id_, _ in pages] for pages in levels]
        given = references if name == "65" else None
        inputs: dict[str, Any] = {"secret": SECRET, "count": len(references), "references": given}
        if name == "3000":
            inputs["rule"] = "reference i: [0, SHA256('%d' % i), 1000 + i]"
        elif not given:
            inputs["rule"] = f"every reference: 0, {references[0][1].hex()}, {references[0][2]}"
        save(
            f"list-{name}",
            "6.6",
            "chunk list",
            f"a chunk list: {name}",
            inputs,
            {"chunks": root, "pages": shown},
        )


# --- §5.3, §8 ---


def snapshots() -> None:
    context = [
        [hashlib.sha256(b"%d" % i).digest()[:16], i + 1, hashlib.sha256(b"s%d" % i).digest()]
        for i in range(4)
    ]
    context.sort()
    fields = {1: 1, 2: VAULT, 3: LAPTOP.id, 4: 1, 5: None, 6: [SECRET, 2], 7: [True, context]}
    fields |= {8: hashlib.sha256(r.encode(context)).digest(), 9: [1, EPOCH], 10: EPOCH, 11: 1_700_000_000}
    inputs = {
        "vault": VAULT,
        "device": LAPTOP.id,
        "signing public": w.public_of(LAPTOP.signing),
        "context": context,
    }

    def case(
        name: str, change: dict[int, Any], *, refused: bool = False, key_: bytes = LAPTOP.signing
    ) -> None:
        payload = r.encode(fields | change)
        record = w.record(key_, "snapshot", payload)
        expect = (
            REFUSED if refused else {"hash": r.digest("snapshot", payload), "sequence": (fields | change)[4]}
        )
        save(
            f"snapshot-{name}", "8.1", "snapshot", f"a snapshot: {name}", inputs | {"record": record}, expect
        )

    case("first", {})
    case("second", {4: 2, 5: EPOCH, 7: [False, context[1:3]]})
    case("second-nothing-new", {4: 2, 5: EPOCH, 7: [False, []], 6: None})
    case("65th", {4: 65, 5: EPOCH})
    case("last", {4: 2**48 - 1, 5: EPOCH, 7: [False, []]})
    case("bad-64th-whole", {4: 64, 5: EPOCH}, refused=True)
    case("bad-65th-part", {4: 65, 5: EPOCH, 7: [False, []]}, refused=True)
    case("bad-first-with-parent", {5: EPOCH}, refused=True)
    case("bad-second-without-parent", {4: 2, 7: [False, []]}, refused=True)
    case("bad-whole-is-not-all", {7: [True, context[1:]]}, refused=True)
    case("bad-part-is-not-in-it", {4: 2, 5: EPOCH, 7: [False, [[*context[0][:2], bytes(32)]]]}, refused=True)
    case("bad-context-hash", {8: EPOCH}, refused=True)
    case("bad-sequence-0", {4: 0}, refused=True)
    case("bad-sequence-2-48", {4: 2**48, 5: EPOCH, 7: [False, []]}, refused=True)
    case("bad-signer", {}, refused=True, key_=ADA.signing)
    case("bad-vault", {2: EPOCH}, refused=True)
    case("bad-device", {3: bytes(16)}, refused=True)
    case("bad-root-level", {6: [SECRET, 13]}, refused=True)
    for count in (0, 1, 127, 128, 129, 191, 192, 8255, 8256, 8257, 64 * 128 + 128):
        hashes = [hashlib.sha256(r.u64(i)).digest() for i in range(1, count + 1)]
        levels, pages = w.fold(SECRET, hashes)
        expect = {"levels": levels, "pages": [id_ for id_, _ in pages]}
        inputs_ = {"secret": SECRET, "count": count, "rule": "snapshot hash s is SHA256(u64 s), s from 1"}
        save(f"history-{count}", "8.2", "history", f"the history after {count} snapshots", inputs_, expect)


def objects() -> None:
    groups: list[Any] = [
        [bytes([1]) * 32, 0, 0, 0, bytes(range(32)), (100).to_bytes(4, "big") + (29).to_bytes(4, "big")],
        [bytes([1]) * 32, 129, 1, 0, bytes(range(16)), (50).to_bytes(4, "big")],
        [bytes([2]) * 32, 0, 1, 0, bytes(range(16)), (2**24).to_bytes(4, "big")],
    ]

    def index(
        name: str, body: Any, *, refused: bool = False, tail: bytes = b"", least: int = w.INDEX_LEAST
    ) -> None:
        about, encoded = VAULT + EPOCH, r.encode(body) + tail
        stored = w.sealed_object(EPOCH_KEY, "index seal", EPOCH, about, encoded, nonce=NONCE, least=least)
        inputs = {
            "vault": VAULT,
            "record": EPOCH,
            "epoch": EPOCH,
            "epoch key": EPOCH_KEY,
            "object": stored,
            "body": r.encode(body),
        }
        rows = [
            [g[4][16 * i : 16 * i + 16], g[2], g[0], g[1] + sum(lengths[:i]), lengths[i], EPOCH]
            for g in (() if refused else groups)
            for lengths in [[int.from_bytes(g[5][k : k + 4], "big") for k in range(0, len(g[5]), 4)]]
            for i in range(len(lengths))
        ]
        save(
            f"index-{name}",
            "5.3",
            "index",
            f"an index: {name}",
            inputs,
            REFUSED if refused else {"rows": rows},
        )

    index("good", [1, [EPOCH], groups])
    index("bad-version", [2, [EPOCH], groups], refused=True)
    index("bad-order", [1, [EPOCH], groups[::-1]], refused=True)
    index("bad-epoch", [1, [], groups], refused=True)
    index("bad-unknown-epoch", [1, [VAULT], groups], refused=True)
    index("bad-kind-class", [1, [EPOCH], [[*groups[0][:2], 2, *groups[0][3:]]]], refused=True)
    index("bad-rows", [1, [EPOCH], [[*groups[0][:5], groups[0][5][:4]]]], refused=True)
    index("bad-empty-group", [1, [EPOCH], [[*groups[0][:4], b"", b""]]], refused=True)
    index("bad-range", [1, [EPOCH], [[groups[0][0], 1, *groups[2][2:]]]], refused=True)
    index("bad-short-blob", [1, [EPOCH], [[*groups[1][:5], (28).to_bytes(4, "big")]]], refused=True)
    index("bad-tail", [1, [EPOCH], groups], refused=True, tail=b"\0")
    index("bad-short", [1, [EPOCH], groups], refused=True, least=0)
    index("bad-long", [1, [EPOCH], groups], refused=True, least=w.INDEX_LEAST + 128)
    heads()


def heads() -> None:
    payload = r.encode(
        {
            1: 1,
            2: VAULT,
            3: LAPTOP.id,
            4: 1,
            5: None,
            6: None,
            7: [True, []],
            8: hashlib.sha256(b"\x80").digest(),
            9: [1, EPOCH],
            10: EPOCH,
            11: 0,
        }
    )
    fields = {
        1: 1, 2: VAULT, 3: r.encode(LAPTOP.certificate), 4: 1, 5: w.record(LAPTOP.signing, "snapshot", payload),
        6: [], 7: [[]], 8: [SECRET], 9: ["laptop", "Ada"], 10: hashlib.sha256().digest(), 11: [],
    }  # fmt: skip
    base = {
        "vault": VAULT,
        "record": EPOCH,
        "epoch": EPOCH,
        "epoch key": EPOCH_KEY,
        "card": ADA.card,
        "card hash": ADA.card_hash,
        "fingerprint": ADA.fingerprint,
        "device": LAPTOP.id,
    }

    def case(
        name: str,
        change: dict[int, Any],
        expect: Any,
        *,
        key_: bytes = LAPTOP.signing,
        device: bytes = LAPTOP.id,
    ) -> None:
        body = w.record(key_, "head", r.encode(fields | change))
        about = VAULT + EPOCH + device
        stored = w.sealed_object(EPOCH_KEY, "head seal", EPOCH, about, body, nonce=NONCE)
        save(
            f"head-{name}",
            "8.3",
            "head",
            f"a head: {name}",
            base | {"device": device, "object": stored},
            expect,
        )

    case("first", {}, {"snapshot": r.digest("snapshot", payload), "indexes": [SECRET]})
    case("bad-signer", {}, REFUSED, key_=ADA.signing)
    case("bad-device", {}, REFUSED, device=bytes(16))
    case("bad-vault", {2: EPOCH}, REFUSED)
    case("bad-version", {1: 2}, REFUSED)
    case("bad-unknown-key", {12: 0}, REFUSED)
    case("bad-context", {6: [[bytes(16), 1, SECRET]]}, REFUSED)
    case("bad-history", {7: [[SECRET]]}, REFUSED)
    case("bad-history-without-levels", {7: []}, REFUSED)
    case("bad-history-empty-level", {7: [[], []]}, REFUSED)
    case("bad-removed-devices", {10: bytes(32)}, REFUSED)

    def around(name: str, change: dict[int, Any], context: list[Any]) -> None:
        """Save a bad head whose snapshot agrees with a bad context."""
        inner = {7: [True, context], 8: hashlib.sha256(r.encode(context)).digest()}
        made = w.record(LAPTOP.signing, "snapshot", r.encode(r.decode(payload, "") | inner | change))
        case(name, {5: made, 6: context}, REFUSED)

    low, high = [bytes(16), 1, SECRET], [b"\xff" * 16, 1, SECRET]
    around("bad-epoch", {10: VAULT}, [])
    around("bad-context-order", {}, [high, low])
    around("bad-context-twice", {}, [low, low])
    around("bad-context-own", {}, [[LAPTOP.id, 1, SECRET]])
    around("bad-history-length", {4: 2, 5: SECRET, 7: [False, []]}, [])
    case("bad-certificate", {3: r.encode(w.Machine(BOB, "x", w.Chance("laptop")).certificate)}, REFUSED)
    other = w.Machine(ADA, "tower", w.Chance("tower"))
    case("bad-other-certificate", {3: r.encode(other.certificate)}, REFUSED)
    tower = r.encode(r.decode(payload, "") | {3: other.id})
    case("bad-other-snapshot", {5: w.record(other.signing, "snapshot", tower)}, REFUSED)
    older = r.encode(r.decode(payload, "") | {9: [1, VAULT]})
    case("bad-record", {5: w.record(LAPTOP.signing, "snapshot", older)}, REFUSED)


def signed_snapshot(
    sequence: int, *, previous: bytes | None = None, key_: bytes = LAPTOP.signing, **change: Any
) -> tuple[bytes, bytes]:
    whole = sequence % 64 == 1
    payload = r.encode(
        {
            1: 1,
            2: change.get("vault", VAULT),
            3: change.get("device", LAPTOP.id),
            4: sequence,
            5: previous,
            6: None,
            7: [whole, change.get("context", [])],
            8: hashlib.sha256(r.encode(change.get("context", []))).digest(),
            9: [1, EPOCH],
            10: EPOCH,
            11: change.get("time", 0),
        }
    )
    return w.record(key_, "snapshot", payload), r.digest("snapshot", payload)


def signed_head(
    newest: int, *, key_: bytes = LAPTOP.signing, vault: bytes = VAULT, length: int | None = None
) -> tuple[bytes, list[bytes]]:
    hashes = [hashlib.sha256(r.u64(i)).digest() for i in range(1, (length or newest))]
    levels, pages = w.fold(SECRET, hashes)
    fields = {
        1: 1, 2: vault, 3: r.encode(LAPTOP.certificate), 4: newest,
        5: signed_snapshot(newest, previous=hashes[-1] if hashes else None)[0], 6: [], 7: levels, 8: [SECRET],
        9: ["laptop", "Ada"], 10: hashlib.sha256().digest(), 11: [],
    }  # fmt: skip
    return w.record(key_, "head", r.encode(fields)), [body for _, body in pages]


def proof(
    name: str,
    body: Any,
    of: bytes,
    *,
    sequence: int = 0,
    refused: bool = False,
    kind: int = r.PROOF,
    tail: bytes = b"",
) -> None:
    plaintext = b"\0" + r.encode(body) + tail
    inputs = {
        "epoch key": EPOCH_KEY,
        "vault": VAULT,
        "secret": SECRET,
        "device": LAPTOP.id,
        "signing public": w.public_of(LAPTOP.signing),
        "of": of,
        "sequence": sequence,
        "sealed": w.seal(EPOCH_KEY, "page seal", VAULT + r.u8(kind), plaintext, nonce=NONCE),
    }
    what = "a fault" if of == LAPTOP.id else "a snapshot"
    expect = REFUSED if refused else {"id": r.keyed_id(SECRET, "proof id", of), "indexes": body[2]}
    save(f"proof-{name}", "8.4", "proof", f"a proof of {what}: {name}", inputs, expect)


def proofs() -> None:
    """What proves that a device has signed two histories (§8.4)."""
    one, hash_ = signed_snapshot(1)
    other, _ = signed_snapshot(1, time=1)
    second, _ = signed_snapshot(2, previous=hash_)
    indexes = sorted([EPOCH, SECRET])
    proof("snapshot", [[one], [], indexes, []], hash_, sequence=1)
    proof("snapshot-no-indexes", [[one], [], [], []], hash_, sequence=1)
    proof("bad-snapshot-hash", [[other], [], [], []], hash_, sequence=1, refused=True)
    proof("bad-snapshot-sequence", [[one], [], [], []], hash_, sequence=2, refused=True)
    proof("bad-kind", [[one], [], [], []], hash_, sequence=1, refused=True, kind=r.SNAPSHOT_BLOB)
    proof("bad-tail", [[one], [], [], []], hash_, sequence=1, refused=True, tail=b"\0")
    proof("bad-indexes-order", [[one], [], indexes[::-1], []], hash_, sequence=1, refused=True)
    proof("bad-indexes-twice", [[one], [], [SECRET, SECRET], []], hash_, sequence=1, refused=True)
    many = [i.to_bytes(32, "big") for i in range(1025)]
    proof("bad-indexes-many", [[one], [], many, []], hash_, sequence=1, refused=True)
    proof("bad-no-snapshot", [[], [], [], []], hash_, sequence=1, refused=True)
    proof("bad-parts", [[one], [], []], hash_, sequence=1, refused=True)
    seen = [[bytes(16), 3, SECRET], [b"\xff" * 16, 1, EPOCH]]
    wide, its = signed_snapshot(1, context=seen)
    proof("snapshot-context", [[wide], [], [], seen], its, sequence=1)
    proof("bad-context-part", [[wide], [], [], seen[:1]], its, sequence=1, refused=True)
    proof("bad-context-order", [[wide], [], [], seen[::-1]], its, sequence=1, refused=True)
    proof("bad-context-none", [[wide], [], [], None], its, sequence=1, refused=True)
    proof("bad-context-other", [[one], [], [], seen], hash_, sequence=1, refused=True)
    own = [[LAPTOP.id, 1, SECRET]]
    itself, of_itself = signed_snapshot(1, context=own)
    proof("bad-context-own", [[itself], [], [], own], of_itself, sequence=1, refused=True)
    proof("bad-fault-context", [[one, other], [], [], []], LAPTOP.id, refused=True)
    proof("fault", [[one, other], [], [SECRET], None], LAPTOP.id)
    proof("fault-other-order", [[other, one], [], [], None], LAPTOP.id)
    proof("bad-fault-one-snapshot", [[one], [], [], []], LAPTOP.id, refused=True)
    proof("bad-fault-same-snapshot", [[one, one], [], [], None], LAPTOP.id, refused=True)
    proof("bad-fault-two-sequences", [[one, second], [], [], None], LAPTOP.id, refused=True)
    proof("bad-fault-three-snapshots", [[one, other, second], [], [], None], LAPTOP.id, refused=True)
    by_ada, _ = signed_snapshot(1, time=1, key_=ADA.signing)
    proof("bad-fault-signer", [[one, by_ada], [], [], None], LAPTOP.id, refused=True)
    proof(
        "bad-fault-vault", [[one, signed_snapshot(1, vault=EPOCH)[0]], [], [], None], LAPTOP.id, refused=True
    )
    proof(
        "bad-fault-device",
        [[one, signed_snapshot(1, device=bytes(16))[0]], [], [], None],
        LAPTOP.id,
        refused=True,
    )


def proofs_by_heads() -> None:
    """The same, where there is one snapshot, and a head that names another."""
    one, hash_ = signed_snapshot(1)
    other, _ = signed_snapshot(1, time=1)
    second, _ = signed_snapshot(2, previous=hash_)
    short, _ = signed_head(3)
    long, pages = signed_head(200)
    proof("fault-head", [[one], [short], [], None], LAPTOP.id)
    proof("fault-head-page", [[one], [long, pages[0]], [SECRET], None], LAPTOP.id)
    proof("bad-fault-head-no-page", [[one], [long], [], None], LAPTOP.id, refused=True)
    proof("bad-fault-head-other-page", [[one], [long, pages[1]], [], None], LAPTOP.id, refused=True)
    proof(
        "bad-fault-head-page-too-many", [[one], [long, pages[0], pages[0]], [], None], LAPTOP.id, refused=True
    )
    proof("bad-fault-head-two-snapshots", [[one, other], [short], [], None], LAPTOP.id, refused=True)
    third, _ = signed_snapshot(3, previous=EPOCH)
    proof("bad-fault-head-not-later", [[third], [short], [], None], LAPTOP.id, refused=True)
    proof(
        "bad-fault-head-signer",
        [[one], [signed_head(3, key_=ADA.signing)[0]], [], None],
        LAPTOP.id,
        refused=True,
    )
    proof(
        "bad-fault-head-vault", [[one], [signed_head(3, vault=EPOCH)[0]], [], None], LAPTOP.id, refused=True
    )
    proof("bad-fault-head-length", [[one], [signed_head(3, length=4)[0]], [], None], LAPTOP.id, refused=True)
    proof("bad-fault-head-is-snapshot", [[one], [second], [], None], LAPTOP.id, refused=True)
    agreed = r.encode([0, hash_, *(bytes([i]) * 32 for i in range(63))])
    levels = [[bytes([i]) * 32 for i in range(64)], [r.blob_id(SECRET, r.HISTORY, agreed)]]
    fields = r.decode(r.open_record(short, "")[0], "") | {
        5: signed_snapshot(129, previous=levels[0][-1])[0],
        7: levels,
    }
    names_it = w.record(LAPTOP.signing, "head", r.encode(fields))
    proof("bad-fault-head-names-it", [[one], [names_it, agreed], [], None], LAPTOP.id, refused=True)
    proof("fault-head-names-another", [[other], [names_it, agreed], [], None], LAPTOP.id)


# --- §11, §12 ---


def seal_message(
    content: bytes, k: bytes, *, filler: int = 0, last: bool = True, swap: bool = False
) -> bytes:
    """The body of a sealed message (§11); the arguments make it wrong."""
    plain_ = r.u64(len(content)) + content
    plain_ += bytes(r.padme(len(plain_)) - len(plain_) + filler)
    parts = [plain_[i : i + r.MIB] for i in range(0, len(plain_), r.MIB)]
    nonces = w.Chance("message nonces")
    order = list(range(len(parts)))
    sealed = [
        w.seal(k, "message seal", r.u64(i) + r.u8(last and i == len(parts) - 1), parts[i], nonce=nonces(12))
        for i in order
    ]
    return b"".join(reversed(sealed) if swap else sealed)


def message(
    body: bytes,
    k: bytes,
    change: dict[int, Any],
    *,
    key_: bytes = ADA.signing,
    magic: bytes = b"e2esync sealed 1\n",
) -> bytes:
    context = ADA.fingerprint + hashlib.sha256(body).digest()
    recipients = sorted(
        [hashlib.sha256(to.hpke.public).digest(), w.wrap(to.hpke.public, "message wrap", context, k)]
        for to in (ADA, BOB)
    )
    fields = {
        1: 1,
        2: ADA.card,
        3: recipients,
        4: r.derive(k, "message check"),
        5: hashlib.sha256(body).digest(),
    }
    header = w.record(key_, "message", r.encode(fields | change))
    return magic + len(header).to_bytes(4, "big") + header + body


def messages() -> None:
    k, text = DATA_KEY, b"the plan\n"
    body = seal_message(text, k)
    base = {"seed": BOB.seed}

    def case(name: str, stored: bytes, expect: Any) -> None:
        save(
            f"message-{name}", "11", "message", f"a sealed message: {name}", base | {"object": stored}, expect
        )

    case("short", message(body, k, {}), {"sender": ADA.fingerprint, "content": text})
    case("empty", message(seal_message(b"", k), k, {}), {"sender": ADA.fingerprint, "content": b""})
    case("bad-magic", message(body, k, {}, magic=b"e2esync sealed 2\n"), REFUSED)
    case("bad-signer", message(body, k, {}, key_=BOB.signing), REFUSED)
    case("bad-check", message(body, k, {4: bytes(32)}), REFUSED)
    case("bad-body-hash", message(body, k, {5: bytes(32)}), REFUSED)
    case("bad-version", message(body, k, {1: 2}), REFUSED)
    case("bad-trailing", message(body, k, {}) + b"\0", REFUSED)
    case("bad-padding", message(seal_message(text, k, filler=1), k, {}), REFUSED)
    case("bad-no-last", message(seal_message(text, k, last=False), k, {}), REFUSED)
    other = hashlib.sha256(b"nobody").digest()
    case("bad-not-for-bob", message(body, k, {3: [[other, bytes(1168)]]}), REFUSED)
    card_files()


def card_files() -> None:
    def text(change: dict[int, Any], key_: bytes = ADA.signing) -> str:
        record = w.record(key_, "card file", r.encode({1: 1, 2: ADA.card, 3: "Ada Lovelace"} | change))
        lines = base64.b64encode(record).decode()
        return "e2esync card 1\n" + "".join(lines[i : i + 76] + "\n" for i in range(0, len(lines), 76))

    good = text({})
    expect = {"fingerprint": ADA.fingerprint, "name": "Ada Lovelace"}
    for name, content, wanted in (
        ("good", good, expect),
        ("bad-first-line", good.replace("card 1", "card 2"), REFUSED),
        ("bad-signer", text({}, BOB.signing), REFUSED),
        ("bad-card", text({2: BOB.card}), REFUSED),
        ("bad-version", text({1: 2}), REFUSED),
        ("bad-base64", good[:200] + "!" + good[201:], REFUSED),
        ("bad-cut-off", good[:-80] + "\n", REFUSED),
    ):
        save(f"card-file-{name}", "12", "card file", f"a card file: {name}", {"text": content}, wanted)


def joined() -> None:
    make_joined.make(save)


ALL: tuple[Callable[[], None], ...] = (
    functions, padding, cbor, words, hpke, cards, members, blobs, numbers, cuts, lists, snapshots, objects, proofs, proofs_by_heads, messages,
    joined,
)  # fmt: skip


def make() -> dict[str, str]:
    """Return all vectors, made anew: name -> text of the file."""
    MADE.clear()
    for scenario in ALL:
        scenario()
    return dict(MADE)


if __name__ == "__main__":
    folder = HERE / "cases"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for made, text in make().items():
        (folder / f"{made}.json").write_text(text)
