"""A second writer: what docs/format.md says, in the direction of writing, with nothing of e2esync.

It serves the test vectors, so nothing in it is random: nonces come from a seeded `Chance`, and HPKE wraps, which
no caller can seed, are made once and then kept in `wraps.json`. Never seal anything real with it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from examples import read_without_e2esync as r

HERE = Path(__file__).resolve().parent
WRAPS = HERE / "wraps.json"


class Chance:
    """Bytes that look random and are the same in every run."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.count = 0

    def __call__(self, length: int) -> bytes:
        parts: list[bytes] = []
        while sum(map(len, parts)) < length:
            self.count += 1
            parts.append(hashlib.sha256(f"{self.seed} {self.count}".encode()).digest())
        return b"".join(parts)[:length]


# --- §1.2, §1.3 ---


def public_of(private: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def sign(private: bytes, purpose: str, payload: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).sign(r.label(purpose) + payload)


def record(private: bytes, purpose: str, payload: bytes) -> bytes:
    """A signed record."""
    return r.encode([payload, sign(private, purpose, payload)])


def seal(key: bytes, purpose: str, context: bytes, plaintext: bytes, *, nonce: bytes) -> bytes:
    return nonce + AESGCM(r.derive(key, purpose)).encrypt(nonce, plaintext, r.label(purpose) + context)


def wrap(public: bytes, purpose: str, context: bytes, plaintext: bytes) -> bytes:
    """An HPKE wrap: the one that was made for these inputs when they were first used."""
    kept = json.loads(WRAPS.read_text()) if WRAPS.exists() else {}
    inputs = b"".join(
        len(part).to_bytes(4, "big") + part for part in (public, purpose.encode(), context, plaintext)
    )
    name = hashlib.sha256(inputs).hexdigest()
    if name not in kept:
        kem, dh = (
            MLKEM768PublicKey.from_public_bytes(public[:1184]),
            X25519PublicKey.from_public_bytes(public[1184:]),
        )
        made = r.HPKE.encrypt(plaintext, MLKEM768X25519PublicKey(kem, dh), info=r.label(purpose) + context)
        kept[name] = made.hex()
        WRAPS.write_text(json.dumps(kept, indent=0, sort_keys=True) + "\n")
    return bytes.fromhex(kept[name])


INDEX_LEAST = 4096  # §5.3


def pad(body: bytes, around: int, least: int = 0) -> bytes:
    """A padded body in an object that has `around` more bytes than it, and `least` bytes at least."""
    plain = 4 + len(body) + around
    return len(body).to_bytes(4, "big") + body + bytes(max(least, r.padme(plain)) - plain)


def sealed_object(
    key: bytes, purpose: str, start: bytes, context: bytes, body: bytes, *, nonce: bytes, least: int = 0
) -> bytes:
    """`R ‖ seal(…)` of heads and indexes (§5.3, §8.3)."""
    return start + seal(key, purpose, context, pad(body, len(start) + 28, least), nonce=nonce)


# --- §3 ---


class Person:
    """An identity with all its secrets."""

    def __init__(self, entropy: bytes, chance: Chance) -> None:
        self.entropy = entropy
        self.root = r.derive(entropy, "root signing")
        self.recovery = r.HpkeKey.from_seed(r.derive(entropy, "recovery hpke", 96))
        self.fingerprint = r.fingerprint(public_of(self.root), self.recovery.public)
        self.seed, self.signing = chance(96), chance(32)
        self.hpke = r.HpkeKey.from_seed(self.seed)
        self.card_payload = r.encode(self.card_map())
        self.card_hash = r.digest("card", self.card_payload)
        self.card = record(self.root, "card", self.card_payload)

    def card_map(self) -> dict[int, Any]:
        keys = (self.hpke.public, public_of(self.signing))
        return {1: 1, 2: public_of(self.root), 3: self.recovery.public, 4: 1, 5: keys[0], 6: keys[1], 7: None}

    def card_keys(self, change: dict[int, Any] | None = None, *, secret: bytes = b"") -> tuple[bytes, bytes]:
        """The record and its hash (§3.4); the arguments make it wrong."""
        context = self.fingerprint + r.u64(1) + self.card_hash
        wrapped = wrap(self.recovery.public, "card keys wrap", context, secret or self.seed + self.signing)
        recipients = [[hashlib.sha256(self.recovery.public).digest(), wrapped]]
        fields = {1: 1, 2: self.fingerprint, 3: 1, 4: self.card_hash, 5: recipients}
        payload = r.encode(fields | (change or {}))
        return record(self.root, "card keys", payload), r.digest("card keys", payload)


class Machine:
    """A device of a person; `change` makes its certificate wrong."""

    def __init__(
        self, owner: Person, name: str, chance: Chance, change: dict[int, Any] | None = None
    ) -> None:
        self.owner, self.name = owner, name
        self.signing, self.hpke = chance(32), r.HpkeKey.from_seed(chance(96))
        self.id = r.digest("device", public_of(self.signing))[:16]
        keys = {5: public_of(self.signing), 6: self.hpke.public}
        terms = {1: 1, 2: owner.fingerprint, 3: 1, 4: owner.card_hash, **keys}
        payload = r.encode(terms | (change or {}))
        by_device = sign(self.signing, "device acceptance", payload)
        self.certificate = [payload, sign(owner.signing, "device certificate", payload), by_device]

    def own_record(self, vaults: list[Any], *, key: bytes, nonce: bytes, slot: bytes = b"") -> bytes:
        """§3.6; `slot` is another device, under whose name it is stored."""
        about = self.owner.fingerprint + (slot or self.id)
        print_ = self.owner.fingerprint
        payload = r.encode({1: 1, 2: print_, 3: self.id, 4: 1, 5: self.name, 6: "Ada", 7: vaults, 8: []})
        recipients = sorted(
            [hashlib.sha256(public).digest(), wrap(public, "own record wrap", about, key)]
            for public in (self.owner.hpke.public, self.owner.recovery.public)
        )
        body = r.encode([self.certificate, payload, sign(self.signing, "own record", payload)])
        plain = len(r.encode([recipients, bytes(32 + len(body))]))
        padded = len(body).to_bytes(4, "big") + body + bytes(r.padme(plain) - plain)
        sealed = seal(key, "own record seal", about + r.encode(recipients), padded, nonce=nonce)
        stored = r.encode([recipients, sealed])
        assert len(stored) == r.padme(plain)
        return stored


# --- §6.5, §6.6 ---

Page = tuple[bytes, bytes]  # id, body


def cut(secret: bytes, level: int, items: Iterable[tuple[bytes, int, Any]]) -> Iterator[list[Any]]:
    """Cut `(key, weight, what)` of one level into pages, straight from the two rules."""
    page: list[Any] = []
    total = 0
    for key, weight, what in items:
        if page and total + weight > 24576:
            yield page
            page, total = [], 0
        page.append(what)
        total += weight
        draw = int.from_bytes(r.keyed_id(secret, "page cut", r.u8(level) + key)[:8], "big")
        if total >= 24576 or (len(page) >= 2 and draw < weight * 2**64 // 8192):
            yield page
            page, total = [], 0
    if page:
        yield page


def tree_pages(secret: bytes, nodes: list[tuple[bytes, bytes]]) -> tuple[list[Any] | None, list[list[Page]]]:
    """The root `[page id, level]` and the pages of each level, from below."""
    levels: list[list[Page]] = []
    items = sorted(nodes)
    while items and (not levels or len(levels[-1]) > 1):
        level, pages, above = len(levels), [], []
        for page in cut(secret, level, [(k, len(k) + len(v) + 8, (k, v)) for k, v in items]):
            body = r.encode([level, *(part for item in page for part in item)])
            id_ = r.blob_id(secret, r.TREE, body)
            pages.append((id_, body))
            above.append((page[-1][0], id_))
        levels.append(pages)
        items = above
    return ([levels[-1][0][0], len(levels) - 1] if levels else None), levels


def list_pages(secret: bytes, references: list[list[Any]]) -> tuple[list[Any], list[list[Page]]]:
    """The chunk list `[page id, level, count]` and the pages of each level, from below."""
    levels: list[list[Page]] = []
    items = references
    while not levels or len(levels[-1]) > 1:
        level, pages, above = len(levels), [], []
        for page in cut(secret, level, [(item[0 if level else 1], 48, item) for item in items]):
            body = r.encode([level, *page])
            id_ = r.blob_id(secret, r.LIST, body)
            pages.append((id_, body))
            count = sum(item[1] for item in page) if level else len(page)
            above.append([id_, count, sum(item[2] for item in page)])
        levels.append(pages)
        items = above
    return [levels[-1][0][0], len(levels) - 1, len(references)], levels


# --- §8.2 ---


def fold(secret: bytes, hashes: list[bytes]) -> tuple[list[list[bytes]], list[Page]]:
    """The history of these snapshots, and the pages made on the way."""
    levels: list[list[bytes]] = [[]]
    pages = []
    for hash_ in hashes:
        levels[0].append(hash_)
        level = 0
        while len(levels[level]) == 128:
            body = r.encode([level, *levels[level][:64]])
            id_ = r.blob_id(secret, r.HISTORY, body)
            pages.append((id_, body))
            del levels[level][:64]
            level += 1
            if level == len(levels):
                levels.append([])
            levels[level].append(id_)
    return levels, pages


# --- §5.2 ---


def frame(body: bytes) -> bytes:
    """One zstd frame by hand: single segment, size of four bytes, and RLE or raw blocks. The same for ever."""
    header = b"\x28\xb5\x2f\xfd\xa0" + len(body).to_bytes(4, "little")
    blocks = [body[i : i + 2**17] for i in range(0, len(body), 2**17)] or [b""]
    out = [header]
    for place, block in enumerate(blocks):
        last = place == len(blocks) - 1
        rle = len(set(block)) == 1
        out.append((len(block) << 3 | rle << 1 | last).to_bytes(3, "little") + (block[:1] if rle else block))
    return b"".join(out)


def wrap_data_key(epoch_key: bytes, data_key: bytes) -> bytes:
    """§6.4."""
    return aes_key_wrap(r.derive(epoch_key, "data key wrap"), data_key)
