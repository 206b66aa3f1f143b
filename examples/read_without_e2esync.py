#!/usr/bin/env python3
"""Turn a copied e2esync store and the 24 recovery words into files, without e2esync.

This is the second reader. It was written from `docs/format.md` alone, imports nothing of e2esync, and stands
in the order in which a person with only that text would work: words, keys, card, own records, genesis, members,
epoch keys, heads, indexes, pages, what the devices wrote joined and folded, files. `§` names a section of that text.

    python examples/read_without_e2esync.py STORE_COPY DEST --recovery-file WORDS [--vault ID] [--deep]

It also checks a log that `e2esync log --export` wrote, with neither store nor words (§13):

    python examples/read_without_e2esync.py check-log FILE --fingerprint OWNER [--content FILE]

It needs Python 3.11 and `pip install "cryptography>=50" blake3 zstandard`, and `docs/wordlist-english.txt`.
Nothing appears in DEST before everything is verified. Exit codes: 0 done, 1 the disk, 2 mistyped words or
arguments, 5 the words open no vault here, 6 something in the store is damaged, missing, older than something else
in it, or of a newer format.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import heapq
import json
import os
import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count, groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

KIB, MIB = 2**10, 2**20
WORDLIST = Path(__file__).resolve().parent.parent / "docs" / "wordlist-english.txt"


class Stop(Exception):
    """The end of the run, with the sentence to print and the code to exit with."""

    code = 1


class Mistyped(Stop):
    """The words are no recovery words (§3.1)."""

    code = 2


class NoVault(Stop):
    """The words are well formed, but open nothing in this store."""

    code = 5


class Bad(Stop):
    """Something in the store does not verify."""

    code = 6


def want(holds: bool, rule: str) -> None:  # noqa: FBT001
    """Raise `Bad` with the rule that was broken."""
    if not holds:
        raise Bad(rule)


# --- §1.2 functions -------------------------------------------------------------------------------


def label(purpose: str) -> bytes:
    """Return L(purpose) (§1.1)."""
    return b"e2esync/1 " + purpose.encode("ascii") + b"\0"


def u8(number: int) -> bytes:
    """One byte."""
    return number.to_bytes(1, "big")


def u64(number: int) -> bytes:
    """Eight bytes, the highest first."""
    return number.to_bytes(8, "big")


def derive(key: bytes, purpose: str, length: int = 32) -> bytes:
    """HKDF-Expand with the key as PRK (§1.2)."""
    return HKDFExpand(SHA256(), length, label(purpose)).derive(key)


def digest(purpose: str, payload: bytes) -> bytes:
    """`hash(purpose, payload)` (§1.2)."""
    return hashlib.sha256(label(purpose) + payload).digest()


def keyed_id(key: bytes, purpose: str, content: bytes) -> bytes:
    """`id(key, purpose, data)` (§1.2)."""
    return blake3(content, key=derive(key, purpose)).digest()


P25519 = 2**255 - 19
Y_OF_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SMALL_ORDER = {
    0,
    1,
    P25519 - 1,
    P25519,
    P25519 + 1,
    Y_OF_ORDER_8,
    P25519 - Y_OF_ORDER_8,
}  # y, as it may be written


def verify(public: bytes, purpose: str, payload: bytes, signature: bytes) -> None:
    """Check an Ed25519 signature over `message(purpose, payload)` (§1.2)."""
    want(
        int.from_bytes(public, "little") % 2**255 not in SMALL_ORDER,
        f"a signature ({purpose}) under a key of small order",
    )
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, label(purpose) + payload)
    except (InvalidSignature, ValueError) as e:
        raise Bad(f"a signature ({purpose}) does not hold") from e


def unseal(key: bytes, purpose: str, context: bytes, sealed: bytes) -> bytes:
    """Open what `seal` made (§1.2)."""
    want(len(sealed) >= 28, f"a sealed {purpose} is too short")
    try:
        return AESGCM(derive(key, purpose)).decrypt(sealed[:12], sealed[12:], label(purpose) + context)
    except InvalidTag as e:
        raise Bad(f"a {purpose} does not open") from e


HPKE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True)
class HpkeKey:
    """An HPKE key from its seed of 96 bytes, with its public half of 1216 (§1)."""

    secret: MLKEM768X25519PrivateKey = field(repr=False)
    public: bytes

    @classmethod
    def from_seed(cls, seed: bytes) -> HpkeKey:
        """`d ‖ z` of ML-KEM-768 (64), then the X25519 private key (32) (§1)."""
        kem, dh = (
            MLKEM768PrivateKey.from_seed_bytes(seed[:64]),
            X25519PrivateKey.from_private_bytes(seed[64:]),
        )
        public = kem.public_key().public_bytes_raw() + dh.public_key().public_bytes_raw()
        return cls(MLKEM768X25519PrivateKey(kem, dh), public)

    def unwrap(self, purpose: str, context: bytes, wrapped: bytes) -> bytes:
        """Open what `wrap` made for this key (§1.2)."""
        try:
            return HPKE.decrypt(wrapped, self.secret, info=label(purpose) + context)
        except (InvalidTag, ValueError) as e:
            raise Bad(f"a {purpose} does not open") from e

    def unwrap_from(self, wraps: list[tuple[bytes, bytes]], purpose: str, context: bytes) -> bytes:
        """Open the one wrap that names this key in a sorted array of `[SHA256(recipient), wrap]`."""
        names = [name for name, _ in wraps]
        want(names == sorted(set(names)), f"the recipients of a {purpose} are not sorted")
        for name, wrapped in wraps:
            if name == hashlib.sha256(self.public).digest():
                return self.unwrap(purpose, context, wrapped)
        raise Bad(f"a {purpose} is missing for this key")


# --- §1.3 padding ---------------------------------------------------------------------------------


def padme(n: int) -> int:
    """Return the length to which `n` is padded (§1.3)."""
    if n < 2:
        return n
    e = n.bit_length() - 1
    mask = (1 << (e - e.bit_length())) - 1  # s = floor(log2 e) + 1 is the bit length of e
    return (n + mask) & ~mask


def unpad(padded: bytes, stored: Callable[[int], int], least: int = 0) -> bytes:
    """Return the body of a padded body; `stored(z)` is the length of the whole object with z zeros less (§1.3)."""
    want(len(padded) >= 4, "a padded body is too short")
    length = int.from_bytes(padded[:4], "big")
    zeros = len(padded) - 4 - length
    want(zeros >= 0 and not any(padded[4 + length :]), "the padding is not zeros")
    want(max(least, padme(stored(zeros))) == stored(0), "the padding has the wrong length")
    return padded[4 : 4 + length]


# --- §1.4 CBOR: one value, one encoding -----------------------------------------------------------


def encode(value: Any) -> bytes:  # noqa: ANN401
    """Encode in the core deterministic encoding; maps have small unsigned keys (§1.4)."""
    match value:
        case None | bool():
            return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            text = value.encode()
            return _head(3, len(text)) + text
        case list() | tuple():
            return _head(4, len(value)) + b"".join(encode(item) for item in value)
        case dict():
            return _head(5, len(value)) + b"".join(encode(k) + encode(value[k]) for k in sorted(value))
        case _:
            raise TypeError(type(value))


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return u8(major << 5 | argument)
    power = next(p for p in range(4) if argument < 1 << (8 << p))
    return u8(major << 5 | 24 + power) + argument.to_bytes(1 << power, "big")


def decode(encoded: bytes, what: str) -> Any:  # noqa: ANN401
    """Decode one value with exactly the one encoding that it has (§1.4). Arrays come as lists."""
    want(len(encoded) <= 2**20 or _count(encoded) <= len(encoded) // 8, f"{what}: too many items")
    try:
        value, end = _item(encoded, 0, 16)
    except (IndexError, UnicodeDecodeError, OverflowError) as e:
        raise Bad(f"{what}: not CBOR") from e
    want(end == len(encoded), f"{what}: bytes behind the CBOR value")
    return value


def _count(data: bytes) -> int:
    """Count the heads of items, whatever they come to (§1.4)."""
    at = count = 0
    while at < len(data):
        major, low = data[at] >> 5, data[at] & 31
        width = 1 << (low - 24) if low >= 24 else 0
        argument = int.from_bytes(data[at + 1 : at + 1 + width], "big") if width else low
        at += 1 + width + (argument if major in (2, 3) else 0)
        count += 1
    return count


def _item(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    major, low = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        want(low in (20, 21, 22), "CBOR: a float or an unknown simple value")
        return (False, True, None)[low - 20], at
    want(low < 28 and major != 6, "CBOR: a tag, or an indefinite length")
    argument = low
    if low >= 24:
        width = 1 << (low - 24)
        argument, at = int.from_bytes(data[at : at + width], "big"), at + width
        want(argument >= (24 if width == 1 else 1 << (4 * width)), "CBOR: a head that is not the shortest")
    if major < 2:
        return (argument if major == 0 else -1 - argument), at
    want(argument <= len(data) - at, "CBOR: cut off")
    if major < 4:
        part = data[at : at + argument]
        return (part if major == 2 else part.decode()), at + argument
    want(depth > 0, "CBOR: nested too deep")
    return _container(data, at, argument, depth - 1, is_map=major == 5)


def _container(data: bytes, at: int, count: int, depth: int, *, is_map: bool) -> tuple[Any, int]:
    if not is_map:
        items = []
        for _ in range(count):
            value, at = _item(data, at, depth)
            items.append(value)
        return items, at
    entries: dict[int, Any] = {}
    last = -1
    for _ in range(count):
        key, at = _item(data, at, depth)
        want(type(key) is int and key > last, "CBOR: map keys are not ascending integers")
        last = key
        entries[key], at = _item(data, at, depth)
    return entries, at


@dataclass(frozen=True, slots=True)
class Either:
    """A shape that may be one of two."""

    one: Any
    other: Any


NATURAL = range(2**64)
SEQUENCE = range(1, 2**48)  # §8.1
VERSION = range(1, 2)


def check(value: Any, shape: Any, what: str) -> None:  # noqa: ANN401
    """Check a decoded value against a shape.

    A number n is n bytes; a range is an integer in it; a list is an array of its one shape; a tuple is an array of
    exactly these; a dict is a map of exactly these keys; None, and the types bytes, str and bool are themselves.
    """
    if isinstance(shape, dict) and type(value) is dict:
        if set(value) - set(shape) or (shape.get(1) is VERSION and value.get(1, 1) != 1):
            raise Bad(f"{what}: a newer format; a newer reader is needed")
        want(set(value) == set(shape), f"{what}: a key is missing")
        for key, inner in shape.items():
            check(value[key], inner, f"{what}, {key}")
        return
    want(_fits(value, shape, what), f"{what}: not as the format has it")


def _fits(value: Any, shape: Any, what: str) -> bool:  # noqa: ANN401
    match shape:
        case dict():
            return False  # a map that is one goes through `check`
        case Either():
            return _fits(value, shape.one, what) or _fits(value, shape.other, what)
        case None | type():
            return value is None if shape is None else type(value) is shape
        case int():
            return type(value) is bytes and len(value) == shape
        case range():
            return type(value) is int and value in shape
        case list():
            return type(value) is list and all(_fits(item, shape[0], what) for item in value)
        case tuple():
            return (
                type(value) is list
                and len(value) == len(shape)
                and all(map(_fits, value, shape, [what] * len(shape)))
            )
        case _:
            raise TypeError(shape)


def open_record(encoded: bytes, what: str) -> tuple[bytes, bytes]:
    """Return payload and signature of a signed record; the caller verifies the one by the other (§1.2)."""
    record = decode(encoded, what)
    check(record, (bytes, 64), what)
    return record[0], record[1]


# --- §2 names of objects --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Store:
    """A copied store: keys are paths below `root`. Nothing in it is believed."""

    root: Path

    def read(self, key: str, most: int) -> bytes:
        """Return an object, refused if it has more than `most` bytes (§2)."""
        try:
            with (self.root / key).open("rb") as f:
                content = f.read(most + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as e:
            raise Bad(f"{key} is missing") from e
        want(len(content) <= most, f"{key} is too large")
        return content

    def names(self, folder: str, pattern: str) -> list[re.Match[str]]:
        """Return the names in a folder that match; others are no business of this format (§2)."""
        path = self.root / folder
        names = sorted(p.name for p in path.iterdir()) if path.is_dir() else []
        return [m for name in names if (m := re.fullmatch(pattern, name))]


HEX16, HEX32 = "[0-9a-f]{32}", "[0-9a-f]{64}"
NUMBERED = f"([1-9][0-9]{{0,18}})-({HEX32})"


# --- §3 keys: from the words to the identity ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Words:
    """What the recovery words are by themselves."""

    root_public: bytes
    recovery: HpkeKey
    fingerprint: bytes


@cache
def wordlist() -> dict[str, int]:
    """Return the words and their places."""
    return {word: i for i, word in enumerate(WORDLIST.read_text(encoding="utf-8").split())}


def entropy_of(text: str) -> bytes:
    """Return the 32 bytes that 24 words stand for: 24 × 11 bits are 256 and a checksum of 8 (§3.1)."""
    words = " ".join(line for line in text.splitlines() if not line.lstrip().startswith("#")).lower().split()
    if len(words) != 24:
        raise Mistyped(f"there are 24 recovery words, not {len(words)}")
    number = 0
    for place, word in enumerate(words, 1):
        if word not in wordlist():
            raise Mistyped(f"word {place} is not in the list of recovery words")
        number = number << 11 | wordlist()[word]
    entropy, checksum = (number >> 8).to_bytes(32, "big"), number & 255
    if hashlib.sha256(entropy).digest()[0] != checksum:
        raise Mistyped("the recovery words do not fit together: one is wrong, or two are swapped")
    return entropy


def keys_of_words(entropy: bytes) -> Words:
    """Derive the root signing key and the recovery key, and hash their public halves (§3.1, §3.2)."""
    root = (
        Ed25519PrivateKey.from_private_bytes(derive(entropy, "root signing")).public_key().public_bytes_raw()
    )
    recovery = HpkeKey.from_seed(derive(entropy, "recovery hpke", 96))
    return Words(root, recovery, fingerprint(root, recovery.public))


def fingerprint(root_public: bytes, recovery_public: bytes) -> bytes:
    """Name a person (§3.2)."""
    return digest("fingerprint", root_public + recovery_public)


def safety_number(print_: bytes) -> str:
    """Return what two people compare: 40 digits in eight groups (§3.2)."""
    digits = f"{int.from_bytes(print_, 'big') % 10**40:040d}"
    return " ".join(digits[i : i + 5] for i in range(0, 40, 5))


@dataclass(frozen=True, slots=True)
class Card:
    """The valid card of a person (§3.3)."""

    fingerprint: bytes
    number: int
    hash: bytes
    hpke_public: bytes
    signing_public: bytes


CARD = {1: VERSION, 2: 32, 3: 1216, 4: NATURAL, 5: 1216, 6: 32, 7: Either(None, 32)}
CARD_KEYS = {1: VERSION, 2: 32, 3: NATURAL, 4: 32, 5: [(32, 1264)]}
CERTIFICATE = {1: VERSION, 2: 32, 3: NATURAL, 4: 32, 5: 32, 6: 1216}
DOT = (16, SEQUENCE, 32)  # device, sequence, snapshot hash
OWN = {
    1: VERSION,
    2: 32,
    3: 16,
    4: NATURAL,
    5: str,
    6: str,
    7: [(32, 32, str, str, (NATURAL, 32), [DOT])],
    8: (),
}


def parse_card(encoded: bytes, print_: bytes, number: int, hash_: bytes) -> Card:
    """Accept a card under its name, or refuse it (§3.3)."""
    payload, signature = open_record(encoded, "a card")
    card = decode(
        payload, "a card"
    )  # the key that signs is inside, and is held against the fingerprint below
    check(card, CARD, "a card")
    want(fingerprint(card[2], card[3]) == print_, "a card is not of the person it is filed under")
    verify(card[2], "card", payload, signature)
    want((card[4], digest("card", payload)) == (number, hash_), "a card is not the one that its name says")
    want(number == 1 and card[7] is None, "a card with a number other than 1: a newer format")
    return Card(print_, number, hash_, card[5], card[6])


def load_card(store: Store, print_: bytes) -> Card:
    """Return the one card of a person (§3.3)."""
    folder = f"people/{print_.hex()}"
    cards = [
        parse_card(store.read(f"{folder}/{m[0]}", 16 * KIB), print_, int(m[1]), bytes.fromhex(m[2]))
        for m in store.names(folder, "card-" + NUMBERED)
    ]
    want(len(cards) == 1, f"{folder} has {len(cards)} cards instead of one")
    return cards[0]


def open_card_keys(store: Store, words: Words, card: Card) -> HpkeKey:
    """Open the identity's HPKE key with the recovery key (§3.4). Every keys object there must be good."""
    folder, opened = f"people/{card.fingerprint.hex()}", []
    for m in store.names(folder, "keys-" + NUMBERED):
        payload, signature = open_record(store.read(f"{folder}/{m[0]}", 256 * KIB), "card keys")
        verify(words.root_public, "card keys", payload, signature)
        keys = decode(payload, "card keys")
        check(keys, CARD_KEYS, "card keys")
        want(
            [keys[2], keys[3], keys[4]] == [card.fingerprint, card.number, card.hash],
            "card keys of another card",
        )
        want(
            (m[1], m[2]) == (str(keys[3]), digest("card keys", payload).hex()),
            f"{m[0]} is not what its name says",
        )
        context = card.fingerprint + u64(card.number) + card.hash
        secret = words.recovery.unwrap_from(keys[5], "card keys wrap", context)
        want(len(secret) == 128, "card keys have a wrong length")
        identity = HpkeKey.from_seed(secret[:96])
        signing = Ed25519PrivateKey.from_private_bytes(secret[96:]).public_key().public_bytes_raw()
        want(
            (identity.public, signing) == (card.hpke_public, card.signing_public),
            "card keys do not fit the card",
        )
        opened.append(identity)
    want(bool(opened), f"{folder} has a card, but no card keys")
    return opened[0]


@dataclass(frozen=True, slots=True)
class Device:
    """What a good certificate says (§3.5)."""

    id: bytes
    signing_public: bytes


def check_certificate(certificate: Any, card: Card) -> Device:  # noqa: ANN401
    """Accept a certificate by the card that it names (§3.5)."""
    check(certificate, (bytes, 64, 64), "a certificate")
    payload, by_identity, by_device = certificate
    verify(card.signing_public, "device certificate", payload, by_identity)
    terms = decode(payload, "a certificate")
    check(terms, CERTIFICATE, "a certificate")
    want(
        (terms[2], terms[3], terms[4]) == (card.fingerprint, card.number, card.hash),
        "a certificate of another card",
    )
    verify(terms[5], "device acceptance", payload, by_device)
    return Device(digest("device", terms[5])[:16], terms[5])


@dataclass(frozen=True, slots=True)
class Known:
    """What one own record says of a vault: a floor below which the store must not have gone back (§3.6)."""

    vault: bytes
    owner: bytes
    name: str
    members: tuple[int, bytes]
    heads: list[tuple[bytes, int, bytes]]


def read_own_records(store: Store, card: Card, identity: HpkeKey) -> list[Known]:
    """Return what the own records of all devices say of vaults, the newest writing first (§3.6)."""
    folder, rows = f"people/{card.fingerprint.hex()}", []
    for m in store.names(folder, f"own-({HEX16})"):
        own = _open_own(store.read(f"{folder}/{m[0]}", 4 * MIB), bytes.fromhex(m[1]), card, identity)
        rows += [(own[4], own[3], Known(v[0], v[1], v[2], (v[4][0], v[4][1]), v[5])) for v in own[7]]
    return [known for *_, known in sorted(rows, key=lambda row: row[:2], reverse=True)]


def _open_own(stored: bytes, device: bytes, card: Card, identity: HpkeKey) -> dict[int, Any]:
    wraps, sealed = check_pair(decode(stored, "an own record"))
    about = card.fingerprint + device
    key = identity.unwrap_from(wraps, "own record wrap", about)
    want(len(key) == 32, "an own record's key has a wrong length")
    padded = unseal(key, "own record seal", about + encode(wraps), sealed)
    body = decode(unpad(padded, lambda z: len(encode([wraps, sealed[: len(sealed) - z]]))), "an own record")
    check(body, ((bytes, 64, 64), bytes, 64), "an own record")
    writer = check_certificate(body[0], card)
    verify(writer.signing_public, "own record", body[1], body[2])
    own: dict[int, Any] = decode(body[1], "an own record")
    check(own, OWN, "an own record")
    want(
        (own[2], own[3]) == (card.fingerprint, device) and writer.id == device,
        "an own record of another device",
    )
    return own


def check_pair(value: Any) -> tuple[list[tuple[bytes, bytes]], bytes]:  # noqa: ANN401
    """Return wraps and sealed part of an own record."""
    check(value, ([(32, 1168)], bytes), "an own record")
    return value[0], value[1]


def refuse_retired(store: Store, card: Card) -> None:
    """Stop where a device was removed: version 1 writes no such record, and this reader applies no cut (§3.7)."""
    folder = f"people/{card.fingerprint.hex()}"
    for m in store.names(folder, f"retired-{HEX16}"):
        payload, signature = open_record(store.read(f"{folder}/{m[0]}", 16 * KIB), "a retired device")
        verify(card.signing_public, "retired", payload, signature)
        raise Bad(f"{folder}/{m[0]}: a removed device: a newer format")


# --- §4 vaults: genesis, members, epoch keys ------------------------------------------------------

GENESIS = {1: VERSION, 2: 32, 3: 32, 4: 32}
OWNER, WRITER = 0, 1
MEMBERS = {
    1: VERSION,
    2: 32,
    3: range(1, 2**63),
    4: [32],
    5: [(32, NATURAL, 32, range(3), 1168)],
    6: Either(None, 32),
    7: (32, 32),
    8: bytes,
    9: [DOT],
}
SECRETS = {1: 32, 2: [(32, 32)], 3: [(32, str)]}


@dataclass(slots=True)
class Vault:
    """A vault whose chain is accepted and whose keys are open."""

    store: Store
    id: bytes
    records: dict[bytes, dict[int, Any]]  # every accepted membership record, by hash
    epoch_of: dict[bytes, bytes]  # record -> epoch
    tip: bytes
    keys: dict[bytes, bytes] = field(default_factory=dict, repr=False)  # epoch -> epoch key
    secret: bytes = field(default=b"", repr=False)
    cards: dict[bytes, Card] = field(default_factory=dict)  # of members, where there is no store (§13)

    @property
    def folder(self) -> str:
        """The prefix of this vault's objects."""
        return f"vaults/{self.id.hex()}"

    def key_of(self, record: bytes) -> bytes:
        """Return the key of the epoch of an accepted membership record."""
        want(record in self.records, "something was written under a membership record that is not accepted")
        return self.keys[self.epoch_of[record]]


def read_genesis(store: Store, vault: bytes, owner: Card) -> None:
    """Accept the birth of a vault by its owner (§4.1)."""
    accept_genesis(store.read(f"vaults/{vault.hex()}/genesis", 16 * KIB), vault, owner)


def accept_genesis(encoded: bytes, vault: bytes, owner: Card) -> None:
    """Accept a genesis as that of a vault of this owner (§4.1)."""
    payload, signature = open_record(encoded, "a genesis")
    want(digest("genesis", payload) == vault, f"the genesis of vault {vault.hex()} is that of another vault")
    verify(owner.signing_public, "genesis", payload, signature)
    genesis = decode(payload, "a genesis")
    check(genesis, GENESIS, "a genesis")
    want((genesis[2], genesis[3]) == (owner.fingerprint, owner.hash), "a genesis by another card")


def owner_of(store: Store, vault: bytes) -> bytes | None:
    """Return the owner that a genesis claims, unverified; None where there is no genesis."""
    key = f"vaults/{vault.hex()}/genesis"
    if not (store.root / key).is_file():
        return None
    genesis = decode(open_record(store.read(key, 16 * KIB), "a genesis")[0], "a genesis")
    check(genesis, GENESIS, "a genesis")
    return bytes(genesis[2])


def open_vault(store: Store, vault_id: bytes, owner: Card, me: Card, identity: HpkeKey) -> Vault:
    """Walk the chain of membership records from n = 1 and open the keys of every epoch (§4.3)."""
    read_genesis(store, vault_id, owner)
    vault = Vault(store, vault_id, {}, {}, b"")
    folder = f"{vault.folder}/members"
    for m in sorted(store.names(folder, NUMBERED), key=lambda m: (int(m[1]), m[2])):
        _accept_record(vault, store.read(f"{folder}/{m[0]}", 4 * MIB), int(m[1]), bytes.fromhex(m[2]), owner)
    tips = set(vault.records) - {parent for record in vault.records.values() for parent in record[4]}
    want(bool(tips), f"vault {vault_id.hex()} has no membership record")
    want(len(tips) == 1, "the chain of membership records is split")
    (vault.tip,) = tips
    _open_epochs(vault, me, identity)
    return vault


def _accept_record(vault: Vault, stored: bytes, n: int, hash_: bytes, owner: Card) -> None:
    payload, signature = open_record(stored, "a membership record")
    verify(owner.signing_public, "members", payload, signature)
    record = decode(payload, "a membership record")
    check(record, MEMBERS, "a membership record")
    before = record[4]
    want(
        (record[3], digest("members", payload)) == (n, hash_), "a membership record is not what its name says"
    )
    want(record[2] == vault.id, "a membership record of another vault")
    want(len(set(before)) == len(before) and len(before) in ((0,) if n == 1 else (1, 2)), "§4.2, field 4")
    want(all(parent in vault.records for parent in before), "a membership record is missing in the chain")
    want(
        n == 1 + max((vault.records[parent][3] for parent in before), default=0),
        "a membership record skips a number",
    )
    names = [member[0] for member in record[5]]
    want(names == sorted(set(names)), "members are not sorted")
    owners = [member[:3] for member in record[5] if member[3] == OWNER]
    want(owners == [[owner.fingerprint, owner.number, owner.hash]], "a vault has one owner, who made it")
    want(record[6] is None or record[6] in {vault.epoch_of[parent] for parent in before}, "a wrong epoch")
    want(all(vault.records[parent][7][1] == record[7][1] for parent in before), "the vault secret changed")
    vault.records[hash_], vault.epoch_of[hash_] = record, record[6] or hash_


def chain_context(vault: Vault, record: dict[int, Any]) -> bytes:
    """Return C (§4.2)."""
    return vault.id + u64(record[3]) + b"".join(record[4])


def _open_epochs(vault: Vault, me: Card, identity: HpkeKey) -> None:
    tip = vault.records[vault.tip]
    mine = [member for member in tip[5] if member[0] == me.fingerprint]
    want(
        len(mine) == 1 and mine[0][1:3] == [me.number, me.hash],
        f"this identity is no member of vault {vault.id.hex()} any more",
    )
    context = chain_context(vault, tip) + me.fingerprint + me.hash
    newest = identity.unwrap("epoch wrap", context, mine[0][4])
    _take_key(vault, tip, newest)
    todo, epochs = [vault.tip], {vault.epoch_of[vault.tip]: newest}
    while todo:  # the tip, then the records that opened the older epochs
        record = vault.records[hash_ := todo.pop()]
        for epoch, key in _open_secrets(vault, record, epochs[vault.epoch_of[hash_]])[2]:
            want(epoch in vault.records and vault.epoch_of[epoch] == epoch, "a key of an unknown epoch")
            _take_key(vault, vault.records[epoch], key)
            if epoch not in epochs:
                epochs[epoch] = key
                todo.append(epoch)
    vault.keys = epochs
    want(set(epochs) == set(vault.epoch_of.values()), "the key of an older epoch is missing")
    for hash_, record in vault.records.items():
        _take_key(vault, record, epochs[vault.epoch_of[hash_]])
        want(
            _open_secrets(vault, record, epochs[vault.epoch_of[hash_]])[1] == vault.secret,
            "the vault secret changed",
        )


def _take_key(vault: Vault, record: dict[int, Any], key: bytes) -> None:
    want(
        len(key) == 32 and derive(key, "check") == record[7][0],
        f"an epoch key of vault {vault.id.hex()} is wrong",
    )


def _open_secrets(vault: Vault, record: dict[int, Any], key: bytes) -> dict[int, Any]:
    plain = unseal(key, "members seal", chain_context(vault, record), record[8])
    secrets: dict[int, Any] = decode(plain, "members' secrets")
    check(secrets, SECRETS, "members' secrets")
    want(derive(secrets[1], "check") == record[7][1], "the vault secret is wrong")
    vault.secret = vault.secret or secrets[1]
    return secrets


# --- §8.1–8.4 heads -------------------------------------------------------------------------------

SNAPSHOT = {
    1: VERSION,
    2: 32,
    3: 16,
    4: SEQUENCE,
    5: Either(None, 32),
    6: Either(None, (32, range(13))),
    7: (bool, [DOT]),
    8: 32,
    9: (NATURAL, 32),
    10: 32,
    11: NATURAL,
}
HEAD = {
    1: VERSION,
    2: 32,
    3: bytes,
    4: NATURAL,
    5: bytes,
    6: [DOT],
    7: [[32]],
    8: [32],
    9: (str, str),
    10: 32,
    11: [32],
}

Seen = dict[bytes, int]  # device -> the newest sequence of it that was taken in


@dataclass(slots=True)
class Head:
    """An accepted head: its snapshot, what it covers, and where its blobs are indexed."""

    device: Device
    card: bytes
    hash: bytes  # of the snapshot
    snapshot: dict[int, Any]
    context: dict[bytes, tuple[int, bytes]]  # device -> sequence, snapshot hash
    history: list[list[bytes]]
    indexes: list[bytes]
    names: tuple[str, str] = ("", "")  # of the device and its user

    @property
    def sequence(self) -> int:
        """The sequence of the snapshot."""
        return int(self.snapshot[4])

    @property
    def seen(self) -> Seen:
        """The context of this head's tree (§6.7)."""
        return {device: sequence for device, (sequence, _) in self.context.items()} | {
            self.device.id: self.sequence
        }

    def covers(self, device: bytes, sequence: int) -> bool:
        """Say whether a dot is inside what this head's device had seen or written (§8.5)."""
        own = self.sequence if device == self.device.id else 0
        return sequence <= max(own, self.context.get(device, (0, b""))[0])


def read_heads(vault: Vault) -> list[Head]:
    """Accept every head of a vault (§8.4)."""
    folder = f"{vault.folder}/heads"
    return [
        _accept_head(vault, bytes.fromhex(m[0]), vault.store.read(f"{folder}/{m[0]}", 4 * MIB))
        for m in vault.store.names(folder, HEX16)
    ]


def _accept_head(vault: Vault, device: bytes, stored: bytes) -> Head:
    record_hash, sealed = stored[:32], stored[32:]
    plain = unseal(vault.key_of(record_hash), "head seal", vault.id + record_hash + device, sealed)
    return accept_head_record(vault, device, record_hash, unpad(plain, lambda z: len(stored) - z))


def accept_head_record(vault: Vault, device: bytes, record_hash: bytes, encoded: bytes) -> Head:
    """Accept the signed record of a head, written under a membership record (§8.4)."""
    payload, signature = open_record(encoded, "a head")
    head = decode(payload, "a head")  # the certificate with the key that signs is inside
    check(head, HEAD, "a head")
    writer, card = _writer_of(vault, head[3], record_hash)
    want(writer.id == device, "a head of another device")
    verify(writer.signing_public, "head", payload, signature)
    want(head[2] == vault.id, "a head of another vault")
    want(
        head[10] == hashlib.sha256().digest(),
        "a head knows of removed devices: a newer format, or they are hidden",
    )
    hash_, snapshot = open_snapshot(vault, writer, head[5])
    record = vault.records[record_hash]
    want(snapshot[9] == [record[3], record_hash], "head and snapshot name two membership records")
    want(snapshot[10] == vault.epoch_of[record_hash], "head and snapshot name two epochs")
    _check_context(snapshot, head[6], device)
    context = {d: (sequence, seen) for d, sequence, seen in head[6]}
    return Head(writer, card, hash_, snapshot, context, head[7], head[8], (head[9][0], head[9][1]))


def _writer_of(vault: Vault, encoded: bytes, record_hash: bytes) -> tuple[Device, bytes]:
    """Accept a certificate of a member with a writing role by that record; return the device and its person."""
    certificate, terms = _claimed_certificate(encoded)
    member = [m for m in vault.records[record_hash][5] if m[:3] == [terms[2], terms[3], terms[4]]]
    want(len(member) == 1 and member[0][3] in (OWNER, WRITER), "a head by somebody who may not write")
    now = [m for m in vault.records[vault.tip][5] if m[0] == terms[2] and m[3] in (OWNER, WRITER)]
    want(len(now) == 1, "a head by somebody who may not write any more: a newer format")
    card = vault.cards[terms[2]] if terms[2] in vault.cards else load_card(vault.store, terms[2])
    return check_certificate(certificate, card), terms[2]


def _claimed_certificate(encoded: bytes) -> tuple[Any, dict[int, Any]]:
    certificate = decode(encoded, "a certificate")
    check(certificate, (bytes, 64, 64), "a certificate")
    terms = decode(certificate[0], "a certificate")
    check(terms, CERTIFICATE, "a certificate")
    return certificate, terms


def person_of(encoded: bytes) -> bytes:
    """Return whose device a certificate is, as it says itself."""
    print_: bytes = _claimed_certificate(encoded)[1][2]
    return print_


def open_snapshot(vault: Vault, writer: Device, encoded: bytes) -> tuple[bytes, dict[int, Any]]:
    """Return a snapshot of this device in this vault, and its hash (§8.1)."""
    payload, signature = open_record(encoded, "a snapshot")
    verify(writer.signing_public, "snapshot", payload, signature)
    snapshot = decode(payload, "a snapshot")
    check(snapshot, SNAPSHOT, "a snapshot")
    want((snapshot[2], snapshot[3]) == (vault.id, writer.id), "a snapshot of another vault or device")
    want((snapshot[5] is None) == (snapshot[4] == 1), "a snapshot does not name the one before it")
    want(snapshot[7][0] == (snapshot[4] % 64 == 1), "a snapshot's context is whole at 1, 65, 129, …")
    return digest("snapshot", payload), snapshot


def _check_context(snapshot: dict[int, Any], context: list[Any], device: bytes) -> None:
    whole, part = snapshot[7]
    devices = [dot[0] for dot in context]
    want(devices == sorted(set(devices)) and device not in devices, "a context is not sorted")
    want(hashlib.sha256(encode(context)).digest() == snapshot[8], "head and snapshot have two contexts")
    want(
        part == context if whole else part == [dot for dot in context if dot in part], "a snapshot's context"
    )


def read_history(head: Head, blobs: Blobs) -> list[bytes]:
    """Return the hashes of all earlier snapshots of a head's device, in order (§8.2)."""
    levels = head.history
    check_levels(head)
    hashes: list[bytes] = []
    for level in range(len(levels) - 1, -1, -1):
        items = levels[level]
        for below in range(level, 0, -1):
            items = [item for page in items for item in _history_page(blobs, page, below - 1)]
        hashes += items
    want(
        (hashes[-1] if hashes else None) == head.snapshot[5], "a history does not end in the snapshot before"
    )
    return hashes


def check_levels(head: Head) -> None:
    """Check that a history covers what it should (§8.2)."""
    levels = head.history
    want(bool(levels) and (len(levels) == 1 or bool(levels[-1])), "a history's levels")
    want(all(len(level) < 128 for level in levels), "a history was not folded")
    want(
        sum(len(items) * 64**level for level, items in enumerate(levels)) == head.sequence - 1,
        "a history's length",
    )


def _history_page(blobs: Blobs | LogFile | Given, page: bytes, level: int) -> list[bytes]:
    body = decode(blobs.page(HISTORY, page), "a history page")
    check(body, [Either(32, range(level, level + 1))], "a history page")
    want(len(body) == 65 and body[0] == level and level not in body[1:], "a history page")
    return list(body[1:])


def hash_at(pages: Blobs | LogFile | Given, head: Head, sequence: int) -> bytes:
    """Return the hash of a snapshot of a head's device (§8.2)."""
    if sequence == head.sequence:
        return head.hash
    want(0 < sequence < head.sequence, "a push that the head of its device does not know")
    level, offset = len(head.history) - 1, sequence - 1
    while offset >= 64**level * len(head.history[level]):
        offset -= 64**level * len(head.history[level])
        level -= 1
    item: bytes = head.history[level][offset // 64**level]
    while level:
        offset %= 64**level
        level -= 1
        item = _history_page(pages, item, level)[offset // 64**level]
    return item


def hold_against(head: Head, hashes: list[bytes], sequence: int, seen: bytes, who: str) -> None:
    """Refuse a head that is older than, or another than, what somebody saw of its device (§8.4)."""
    want(sequence <= head.sequence, f"the head of device {head.device.id.hex()} is older than {who} saw it")
    now = head.hash if sequence == head.sequence else hashes[sequence - 1]
    want(sequence > 0 and now == seen, f"device {head.device.id.hex()} has another history than {who} saw")


def set_aside(vault: Vault, heads: list[Head], blobs: Blobs, claims: list[Any]) -> set[bytes]:
    """Return the devices that are proven to have signed two histories; read the indexes of what was joined of them (§8.4)."""
    by_device = {head.device.id: head for head in heads}
    faulty: set[bytes] = set()
    indexes: set[bytes] = set()
    for head in heads:
        for proof in blobs.proofs(head.device.id):
            with suppress(Bad):
                check_fault(vault, head.device, proof, lambda body: blob_id(vault.secret, HISTORY, body))
                faulty.add(head.device.id)
                indexes.update(proof[2])
    for (device, sequence, seen), _ in claims:
        if device not in by_device or sequence < 1:
            continue
        head = by_device[device]
        if device not in faulty and _says(head, blobs, sequence) in (None, seen):
            continue
        for proof in blobs.proofs(seen):
            with suppress(Bad):
                open_joined(vault, head.device, proof, sequence, seen)
                faulty.add(device)
                indexes.update(proof[2])
    for index in sorted(indexes.difference(*(head.indexes for head in heads))):
        with suppress(Bad):  # nobody vouches for them
            blobs.add_index(index)
    return faulty


def _says(head: Head, blobs: Blobs, sequence: int) -> bytes | None:
    """Return the hash that a head has for a snapshot of its device; None if that is later."""
    if sequence >= head.sequence:
        return head.hash if sequence == head.sequence else None
    return read_history(head, blobs)[sequence - 1]


def open_proof(body: bytes) -> list[Any]:
    """Return what a proof holds: snapshots, a head with pages of its history, indexes, a context; nothing of it is verified (§8.4)."""
    proof: list[Any] = decode(body, "a proof")
    check(proof, PROOF_SHAPE, "a proof")
    snapshots, head, indexes, context = proof
    want(len(snapshots) == 1 or (len(snapshots) == len("12") and not head), "a proof's snapshots")
    want(indexes == sorted(set(indexes)) and len(indexes) <= PROOF_INDEXES, "a proof's indexes")
    want((context is None) == (bool(head) or len(snapshots) != 1), "a proof's context")
    return proof


def open_joined(
    vault: Vault, device: Device, proof: list[Any], sequence: int, seen: bytes
) -> list[tuple[bytes, int, bytes]]:
    """Return what a snapshot had seen that its device has signed, as a proof of it has it (§8.4)."""
    (encoded, *_), _, _, context = proof
    hash_, snapshot = open_snapshot(vault, device, encoded)
    want((hash_, snapshot[4]) == (seen, sequence), "a proof of another snapshot")
    want(context is not None, "a proof that does not say what was seen")
    _check_context(snapshot, context, device.id)
    return [(each, number, digest_) for each, number, digest_ in context]


def check_fault(vault: Vault, device: Device, proof: list[Any], page_id: Callable[[bytes], bytes]) -> None:
    """Check that a device has signed two histories (§8.4)."""
    snapshots, head, _, _ = proof
    named = [(snapshot[4], hash_) for hash_, snapshot in (open_snapshot(vault, device, s) for s in snapshots)]
    if head:
        named.append((named[0][0], _named_by(vault, device, head, named[0][0], page_id)))
    want(len(named) == len(set(named)) == len("12"), "a proof that proves nothing")
    want(named[0][0] == named[1][0], "a proof of two sequences")


def _named_by(
    vault: Vault, device: Device, proven: list[bytes], sequence: int, page_id: Callable[[bytes], bytes]
) -> bytes:
    """Return the hash that a signed head has for an earlier snapshot; pages of its history come behind it."""
    payload, signature = open_record(proven[0], "a head")
    verify(device.signing_public, "head", payload, signature)
    head = decode(payload, "a head")
    check(head, HEAD, "a head")
    want(head[2] == vault.id, "a head of another vault")
    hash_, snapshot = open_snapshot(vault, device, head[5])
    said = Head(device, b"", hash_, snapshot, {}, head[7], [])
    check_levels(said)
    want(sequence < said.sequence, "a head that does not speak of an earlier snapshot")
    pages = Given([(page_id(body), body) for body in proven[1:]])
    found = hash_at(pages, said, sequence)
    want(not pages.left, "a proof with a page too many")
    return found


@dataclass(slots=True)
class Given:
    """Pages of a history that come with it, in the order in which they are asked for."""

    left: list[tuple[bytes, bytes]]

    def page(self, _kind: int, id_: bytes) -> bytes:
        """Return the body of the next page."""
        want(bool(self.left) and self.left[0][0] == id_, "a page of a history is missing")
        return self.left.pop(0)[1]


def good_heads(vault: Vault, heads: list[Head], blobs: Blobs, known: list[Known]) -> list[Head]:
    """Return the heads but those of devices at fault, after each was held against all that speaks of it (§8.4)."""
    claims = [(dot, f"device {head.device.id.hex()}") for head in heads for dot in _dots(head)]
    claims += [(dot, "an own record") for own in known if own.vault == vault.id for dot in own.heads]
    faulty = set_aside(vault, heads, blobs, claims)
    for device in sorted(faulty):
        sys.stderr.write(
            f"warning: the device {device.hex()} has signed two histories; its newest head is set aside\n"
        )
    heads = [head for head in heads if head.device.id not in faulty]
    histories = {head.device.id: (head, read_history(head, blobs)) for head in heads}
    for (device, sequence, seen), who in claims:
        if device in faulty or any(who == f"device {each.hex()}" for each in faulty):
            continue
        want(device in histories, f"the head of device {device.hex()}, which {who} saw, is missing")
        hold_against(*histories[device], sequence, seen, who)
    for own in known:
        n, record = own.members
        want(
            own.vault != vault.id or vault.records.get(record, {}).get(3) == n,
            "the membership record went back",
        )
    return [head for head in heads if _has_seen_enough(vault, head, heads, blobs)]


def _has_seen_enough(vault: Vault, head: Head, heads: list[Head], blobs: Blobs) -> bool:
    """Return whether a head has seen all that the snapshots had seen which it names, and all of these are proven (§8.5)."""
    others = {other.device.id: other for other in heads}
    for device, sequence, hash_ in _dots(head):
        if device not in others:
            continue  # at fault
        seen = _seen_by(vault, others[device], sequence, hash_, blobs)
        own = {head.device.id: head.sequence - 1}
        covered = own | {each: number for each, number, _ in _dots(head)}
        if seen is None or any(covered.get(d, 0) < number for d, number, _ in seen if d in others):
            sys.stderr.write(
                f"warning: the device {head.device.id.hex()} has not seen what it must have; its newest head is set aside\n"
            )
            return False
    return True


def _seen_by(
    vault: Vault, of: Head, sequence: int, hash_: bytes, blobs: Blobs
) -> list[tuple[bytes, int, bytes]] | None:
    """Return what a snapshot of a device had seen; None if nobody has stored a proof of it."""
    if of.hash == hash_:
        return _dots(of)
    for proof in blobs.proofs(hash_):
        with suppress(Bad):
            return open_joined(vault, of.device, proof, sequence, hash_)
    want(not blobs.has_proof(hash_), "a proof of a snapshot is not there, or not good")
    return None


def newest_heads(heads: list[Head]) -> list[Head]:
    """Return the heads that no other covers.

    What a head covers it has taken in, so that joining that as well would change nothing (§6.7).
    """
    newest = [a for a in heads if not any(a is not b and b.covers(a.device.id, a.sequence) for b in heads)]
    want(bool(newest) or not heads, "heads that cover each other in a circle")
    return newest


def _dots(head: Head) -> list[tuple[bytes, int, bytes]]:
    return [(device, sequence, seen) for device, (sequence, seen) in head.context.items()]


# --- §5 packs and indexes -------------------------------------------------------------------------

CHUNK, TREE, LIST, SNAPSHOT_BLOB, HISTORY, PROOF = range(6)
PACK_MOST, CHUNK_MOST, BODY_MOST = 2**24, 2**21, MIB
INDEX_LEAST = 4096
PROOF_MOST, PROOF_INDEXES = 9 * MIB, 1024
PROOF_SHAPE = ([bytes], [bytes], [32], Either(None, [DOT]))
GROUP = (32, range(PACK_MOST), range(2), NATURAL, bytes, bytes)
INDEX = (VERSION, [32], [GROUP])
TABLES = """
CREATE TABLE rows (prefix BLOB, chunk INT, pack BLOB, start INT, length INT, epoch BLOB, source BLOB);
"""
DOWN = """
CREATE VIEW down (number, depth) AS  -- the directories that can be reached from the root
WITH RECURSIVE way (number, depth) AS (
    VALUES (zeroblob(16), 0) UNION ALL
    SELECT nodes.number, depth + 1 FROM way CROSS JOIN nodes ON nodes.parent = way.number WHERE kind = 1
)
SELECT number, depth FROM way;
"""
TREE_TABLES = {
    "nodes": "key BLOB, parent BLOB, name BLOB, kind INT, number BLOB, here INT, contents BLOB, mode INT, "
    "sequence INT, device BLOB, j INT, walk INT",  # the dot of the place, NULL at the birthplace
    "shown": "path BLOB, key BLOB, kind INT, number BLOB, content BLOB, mode INT",
}


def open_tables(path: Path) -> sqlite3.Connection:
    """Return tables on disk for what grows with the vault, so that memory does not."""
    tables = sqlite3.connect(path, isolation_level=None)
    tables.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;" + TABLES + DOWN)
    return tables


@dataclass(slots=True)
class Blobs:
    """The blobs of a vault, found by the indexes that accepted heads list (§5.3)."""

    vault: Vault
    tables: sqlite3.Connection

    def add_index(self, id_: bytes) -> None:
        """Take in the claims of an index."""
        stored = self.vault.store.read(f"{self.vault.folder}/index/{id_.hex()}", 64 * MIB)
        want(hashlib.sha256(stored).digest() == id_, "an index is not what its name says")
        record = stored[:32]
        plain = unseal(self.vault.key_of(record), "index seal", self.vault.id + record, stored[32:])
        index = decode(unpad(plain, lambda z: len(stored) - z, INDEX_LEAST), "an index")
        if type(index) is list and index and index[0] != 1:
            raise Bad("an index: a newer format; a newer reader is needed")
        check(index, INDEX, "an index")
        _, epochs, groups = index
        want(all(epoch in self.vault.keys for epoch in epochs), "an index speaks of an unknown epoch")
        want([g[:2] for g in groups] == sorted(g[:2] for g in groups), "an index is not sorted")
        for group in groups:
            self._add_group(id_, epochs, *group)

    def _add_group(self, index: bytes, epochs: list[bytes], *group: Any) -> None:  # noqa: ANN401
        pack, start, kind, epoch, prefixes, lengths = group
        count = len(lengths) // 4
        want(len(lengths) == 4 * count > 0 and len(prefixes) == 16 * count, "an index group's rows")
        want(epoch < len(epochs), "an index group's epoch")
        for i in range(count):
            length = int.from_bytes(lengths[4 * i : 4 * i + 4], "big")
            want(length > 28 and start + length <= PACK_MOST, "an index row is out of range")
            row = (prefixes[16 * i : 16 * i + 16], kind == 0, pack, start, length, epochs[epoch], index)
            self.tables.execute("INSERT INTO rows VALUES (?,?,?,?,?,?,?)", row)
            start += length

    def pack_path(self, pack: bytes) -> Path:
        """Return where a pack lies (§2)."""
        return self.vault.store.root / self.vault.folder / "packs" / pack.hex()[:2] / pack.hex()

    def _claims(self, id_: bytes, *, chunk: bool) -> Iterator[tuple[bytes, bytes]]:
        """Yield what each row of this prefix points to, with its epoch."""
        query = "SELECT pack, start, length, epoch FROM rows WHERE prefix = ? AND chunk = ?"
        for pack, start, length, epoch in self.tables.execute(query, (id_[:16], chunk)).fetchall():
            try:
                with self.pack_path(pack).open("rb", buffering=0) as f:
                    f.seek(start)
                    sealed = f.read(length)
            except FileNotFoundError:
                continue
            if len(sealed) == length:
                yield sealed, epoch

    def _first(self, id_: bytes, what: str, *, chunk: bool, opened: Callable[[bytes, bytes], bytes]) -> bytes:
        problem = Bad(f"{what} {id_.hex()} is missing")
        for sealed, epoch in self._claims(id_, chunk=chunk):
            try:
                return opened(sealed, epoch)
            except Bad as e:
                problem = Bad(f"{what} {id_.hex()}: {e}")
        raise problem

    def page(self, kind: int, id_: bytes) -> bytes:
        """Return the body of a page or snapshot (§5.2)."""

        def opened(sealed: bytes, epoch: bytes) -> bytes:
            body = unpack(
                unseal(self.vault.keys[epoch], "page seal", self.vault.id + u8(kind), sealed), BODY_MOST
            )
            want(blob_id(self.vault.secret, kind, body) == id_, "another blob")
            return body

        return self._first(id_, "page", chunk=False, opened=opened)

    def proofs(self, of: bytes) -> Iterator[list[Any]]:
        """Yield the proofs that are stored of a snapshot, by its hash, or of a fault, by its device (§8.4)."""
        id_ = keyed_id(self.vault.secret, "proof id", of)
        for sealed, epoch in self._claims(id_, chunk=False):
            with suppress(Bad):  # what does not open proves nothing
                plain = unseal(self.vault.keys[epoch], "page seal", self.vault.id + u8(PROOF), sealed)
                yield open_proof(unpack(plain, PROOF_MOST))

    def has_proof(self, of: bytes) -> bool:
        """Say whether an index names a proof, wherever that is."""
        query = "SELECT 1 FROM rows WHERE prefix = ? AND chunk = 0"
        id_ = keyed_id(self.vault.secret, "proof id", of)
        return self.tables.execute(query, (id_[:16],)).fetchone() is not None

    def chunk(self, key: bytes, id_: bytes, length: int) -> bytes:
        """Return a chunk (§5.2, §7)."""

        def opened(sealed: bytes, _: bytes) -> bytes:
            body = unpack(unseal(key, "chunk seal", self.vault.id, sealed), length)
            want(len(body) == length and keyed_id(key, "chunk id", body) == id_, "another chunk")
            return body

        return self._first(id_, "chunk", chunk=True, opened=opened)

    def check_deep(self, indexes: Iterable[bytes]) -> None:
        """Hash every pack that one of these indexes names, filler and all (§5.1)."""
        ends: dict[bytes, int] = {}
        query = "SELECT pack, max(start + length) FROM rows WHERE source = ? GROUP BY pack"
        for index in sorted(set(indexes)):
            for pack, end in self.tables.execute(query, (index,)):
                ends[pack] = max(end, ends.get(pack, 0))
        for pack, end in ends.items():
            key = str(self.pack_path(pack).relative_to(self.vault.store.root))
            stored = self.vault.store.read(key, PACK_MOST)
            want(hashlib.sha256(stored).digest() == pack, f"{key} is not what its name says")
            want(end <= len(stored), f"{key} is shorter than an index says")


def blob_id(secret: bytes, kind: int, body: bytes) -> bytes:
    """Return the id that a blob of kind 1–4 has by its content (§5.2)."""
    if kind == SNAPSHOT_BLOB:
        return keyed_id(secret, "snapshot id", digest("snapshot", open_record(body, "a snapshot")[0]))
    return keyed_id(secret, "page id", u8(kind) + body)


def unpack(plain: bytes, most: int) -> bytes:
    """Undo `u8 method ‖ data`: as it is, or one zstd frame that states a size of at most `most` (§5.2)."""
    method, content = plain[:1], plain[1:]
    if method == b"\0":
        want(len(content) <= most, "a body is too large")
        return content
    want(method == b"\1", "an unknown method: a newer format")
    want(content[:4] == b"\x28\xb5\x2f\xfd", "no zstd frame")
    try:
        frame = zstandard.get_frame_parameters(content)
        want(0 < frame.content_size <= most, "a frame states a wrong size, or none")
        want(frame.window_size <= 8 * MIB and frame.dict_id == 0, "a frame's window or dictionary")
        body = zstandard.ZstdDecompressor(max_window_size=8 * MIB).decompress(content, allow_extra_data=False)
    except zstandard.ZstdError as e:
        raise Bad("a zstd frame is broken") from e
    want(len(body) == frame.content_size, "a frame holds another size than it states")
    return body


# --- §6.5, §6.6 pages: the cut --------------------------------------------------------------------

PAGE_MOST, MEAN, LEVELS_MOST, LIST_WEIGHT = 24576, 8192, 12, 48


@dataclass(slots=True)
class Cutter:
    """The rule that cuts one level of a tree or a chunk list (§6.5)."""

    cut_key: bytes = field(repr=False)  # derive(vault secret, "page cut")
    level: int
    weight: int = 0
    count: int = 0
    due: bool = False

    def starts_page(self, key: bytes, weight: int) -> bool:
        """Say whether the rule cuts before this item, and take the item in."""
        cut = self.count > 0 and (self.due or self.weight + weight > PAGE_MOST)
        if cut:
            self.weight = self.count = 0
        self.weight, self.count = self.weight + weight, self.count + 1
        draw = int.from_bytes(blake3(u8(self.level) + key, key=self.cut_key).digest()[:8], "big")
        self.due = self.weight >= PAGE_MOST or (self.count >= 2 and draw < (weight << 64) // MEAN)
        return cut


@dataclass(slots=True)
class Levels:
    """One walk over all pages of one tree or one chunk list, from left to right."""

    cut_key: bytes = field(repr=False)
    cutters: dict[int, Cutter] = field(default_factory=dict)

    def check_page(self, level: int, items: Iterable[tuple[bytes, int]]) -> None:
        """Check that a page is cut off from the one before it, and not cut itself (§6.5)."""
        first_of_level = level not in self.cutters
        cutter = self.cutters.setdefault(level, Cutter(self.cut_key, level))
        for place, (key, weight) in enumerate(items):
            starts = cutter.starts_page(key, weight)
            want(starts == (place == 0 and not first_of_level), "a page is not cut where the rule cuts")


def walk_tree(blobs: Blobs, root: bytes, level: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield every node's key and encoded value, in order (§6.5)."""
    levels, before = Levels(derive(blobs.vault.secret, "page cut")), [b""]
    for place, item in enumerate(_walk_page(blobs, levels, root, level, None)):
        want(place == 0 or before[0] < item[0], "keys do not ascend")
        before[0] = item[0]
        yield item


def read_tree_page(encoded: bytes, level: int) -> tuple[list[bytes], list[bytes]]:
    """Return the keys and values of a page of a tree (§6.5)."""
    body = decode(encoded, "a tree page")
    want(type(body) is list and len(body) % 2 == 1 and len(body) > 1, "a tree page")
    keys, values = body[1::2], body[2::2]
    check(keys, [bytes], "a tree page")
    check(values, [bytes if level == 0 else 32], "a tree page")
    want(type(body[0]) is int and body[0] == level, "a tree page of another level")
    want(all(a < b for a, b in pairwise(keys)), "keys do not ascend")
    return keys, values


def value_in(pages: Blobs | LogFile, root: Sequence[Any] | None, key: bytes) -> bytes | None:
    """Return the value of a node in a tree, of which only the way to it is read."""
    if root is None:
        return None
    page, level = root
    while level:
        keys, values = read_tree_page(pages.page(TREE, page), level)
        below = next((page for last, page in zip(keys, values, strict=True) if last >= key), None)
        if below is None:
            return None
        page, level = below, level - 1
    return dict(zip(*read_tree_page(pages.page(TREE, page), 0), strict=True)).get(key)


def _walk_page(
    blobs: Blobs, levels: Levels, id_: bytes, level: int, last: bytes | None
) -> Iterator[tuple[bytes, bytes]]:
    keys, values = read_tree_page(blobs.page(TREE, id_), level)
    want(last in (None, keys[-1]), "a tree page does not end where its parent says")
    want(last is not None or level == 0 or len(keys) > 1, "the root is not the lowest level with one page")
    levels.check_page(level, ((k, len(k) + len(v) + 8) for k, v in zip(keys, values, strict=True)))
    for key, value in zip(keys, values, strict=True):
        if level == 0:
            yield key, value
        else:
            yield from _walk_page(blobs, levels, value, level - 1, key)


Reference = tuple[int, bytes, int]  # position of the data key, id of the chunk, length
LIST_LEAF, LIST_INNER = (NATURAL, 32, range(1, CHUNK_MOST + 1)), (32, range(1, 2**48), range(1, 2**63))


def references_of(blobs: Blobs, chunks: list[Any], size: int) -> Iterator[Reference]:
    """Yield the chunks of a file in order; what they add up to is checked at the end (§6.3, §6.6)."""
    if not chunks or type(chunks[0]) is int:
        flat = [chunks[i : i + 3] for i in range(0, len(chunks), 3)]
        check(flat, [LIST_LEAF], "chunks")
        want(len(flat) <= 64 and sum(length for *_, length in flat) == size, "chunks do not add up")
        yield from ((key, id_, length) for key, id_, length in flat)
        return
    check(chunks, (32, range(LEVELS_MOST + 1), range(65, 2**62)), "chunks")
    want(chunks[2] <= size <= chunks[2] << 21, "a chunk list cannot have the size of its file")
    levels = Levels(derive(blobs.vault.secret, "page cut"))
    yield from _walk_list(blobs, levels, chunks[0], chunks[1], (chunks[2], size), is_root=True)


def _walk_list(
    blobs: Blobs, levels: Levels, id_: bytes, level: int, sums: tuple[int, int], *, is_root: bool
) -> Iterator[Reference]:
    body = decode(blobs.page(LIST, id_), "a chunk list")
    want(type(body) is list and len(body) > 1 and body[0] == level and type(body[0]) is int, "a chunk list")
    items = body[1:]
    check(items, [LIST_INNER if level else LIST_LEAF], "a chunk list")
    counts = [item[1] if level else 1 for item in items]
    want((sum(counts), sum(item[2] for item in items)) == sums, "a chunk list does not add up")
    want(not is_root or level == 0 or len(items) > 1, "the root is not the lowest level with one page")
    levels.check_page(level, ((item[0 if level else 1], LIST_WEIGHT) for item in items))
    for item in items:
        if level == 0:
            yield item[0], item[1], item[2]
        else:
            yield from _walk_list(blobs, levels, item[0], level - 1, (item[1], item[2]), is_root=False)


# --- §6.1–6.4 nodes and their values --------------------------------------------------------------

VAULT_NODE, DIRECTORY, FILE, SYMLINK = range(4)
ROOT = bytes(16)
TIME = range(-(2**63), 2**63)
VALUE_DOT = (NATURAL, SEQUENCE, range(2**62))
FILE_CONTENT = (*VALUE_DOT, range(2**62), 32, TIME, [(NATURAL, NATURAL, 40)], list, str, TIME)
CONTENTS = {
    VAULT_NODE: (*VALUE_DOT, 32),
    DIRECTORY: (*VALUE_DOT, bool),
    FILE: FILE_CONTENT,
    SYMLINK: (*VALUE_DOT, bytes, TIME),
}
ENTRY = (
    [16],
    [32],
    SEQUENCE,
    [(NATURAL, SEQUENCE)],
    [(*VALUE_DOT, 16, bytes)],
    list,
    [(*VALUE_DOT, range(0o1000))],
)


def directory_number(secret: bytes, key: bytes) -> bytes:
    """Name a directory that is not the root (§6.1)."""
    return keyed_id(secret, "directory number", key)[:16]


def check_name(name: bytes) -> bytes:
    """Accept one name of a path (§6.1)."""
    want(
        0 < len(name) < 256 and name not in (b".", b"..") and not set(name) & set(b"/\0"),
        "a name in the tree",
    )
    return name


def split_key(key: bytes) -> tuple[bytes, bytes, int]:
    """Return parent number, name and kind of a node's key (§6.1)."""
    want(len(key) >= 16 + 1 + 6 and key[-6] == 0 and key[-5] <= SYMLINK, "a key in the tree")
    return key[:16], check_name(key[16:-6]), key[-5]


Covers = Callable[[bytes, int], bool]


def parse_value(kind: int, value: bytes, covers: Covers) -> list[list[Any]]:
    """Return the entries of a node, each checked in all that §6.2 and §8.5 say; `covers`: what dots may be there."""
    entries = decode(value, "a node")
    want(type(entries) is list and bool(entries), "a node without entries")
    for entry in entries:
        _check_entry(kind, entry, covers)
    writers = [entry[0][0] for entry in entries]
    want(writers == sorted(set(writers)), "the entries of a node are not sorted")
    return list(entries)


def _check_entry(kind: int, entry: Any, covers: Covers) -> None:  # noqa: ANN401
    check(entry, ENTRY, "a node")
    devices, epochs, sequence, past, places, contents, attributes = entry
    check(contents, [CONTENTS[kind]], "a node's content")
    want(bool(devices) and devices[1:] == sorted(set(devices) - {devices[0]}), "a node's devices")
    want([d for d, _ in past] == sorted({d for d, _ in past} - {0}), "a node's past")
    covered = dict(past) | {0: sequence}
    dots = [value[:3] for values in (places, contents, attributes) for value in values]
    used = {d for d, *_ in dots} | set(covered)
    want(used == set(range(len(devices))), "a node's devices")
    want(
        all(covers(devices[d], s) for d, s in covered.items()),
        "a node is outside its snapshot's context",
    )
    want(all(s <= covered.get(d, 0) for d, s, _ in dots), "a value is outside its node's past")
    told = slice(4, 5) if kind == FILE else slice(3, 4)
    for values, what in ((places, slice(3, 5)), (contents, told), (attributes, slice(3, 4))):
        order = [(devices[value[0]], value[1], value[2], *value[what]) for value in values]
        want(order == sorted(set(order)), "a node's values are not sorted")
    want(bool(contents), "a node without content")
    want(not attributes or kind in (DIRECTORY, FILE), "attributes of a node that has none")
    for place in places:
        check_name(place[4])
    _check_contents(kind, epochs, contents)


def _check_contents(kind: int, epochs: list[bytes], contents: list[Any]) -> None:
    if kind == SYMLINK:
        want(all(0 < len(c[3]) < 4096 and 0 not in c[3] for c in contents), "a symlink's target")
    spoken = (
        {position for c in contents for born, under, _ in c[6] for position in (born, under)}
        if kind == FILE
        else set()
    )
    want(epochs == sorted(set(epochs)) and spoken == set(range(len(epochs))), "a node's epochs")
    for c in contents if kind == FILE else ():
        chunks = c[7]
        want(len(c[6]) <= 64, "a file lists too many data keys")
        if chunks and type(chunks[0]) is int:
            keys, lengths = chunks[::3], chunks[2::3]
            want(len(chunks) % 3 == 0 and len(chunks) <= 192 and all(type(k) is int for k in keys), "chunks")
            check(lengths, [LIST_LEAF[2]], "chunks")
        want(bool(chunks) == (c[3] > 0), "an empty file has no chunks, and no other")


# --- §6.7 joining ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an entry: what it tells, and for a content the form in which it does."""

    device: bytes
    sequence: int
    j: int
    told: Any  # parent and name, content hash, target, `here`, vault id or bits
    # of a file: keys, chunks, size, mtime, device name, saved; of a symlink: mtime
    form: tuple[Any, ...] = ()

    @property
    def dot(self) -> tuple[int, bytes, int]:
        """What values are compared by (§6.8)."""
        return self.sequence, self.device, self.j

    @property
    def place(self) -> tuple[Any, ...]:
        """Where it stands among the values of an entry (§6.2)."""
        return self.device, self.sequence, self.j, self.told

    @property
    def rank(self) -> tuple[Any, ...]:
        """Order the forms of one value: chunks begin with an integer or with bytes, and integers come first (§6.8)."""
        if len(self.form) < 2:
            return self.form
        keys, chunks, *more = self.form
        return (keys, [(type(part) is bytes, part) for part in chunks], *more)


Fields = tuple[list[Value], list[Value], list[Value]]  # places, contents, attributes


@dataclass(frozen=True, slots=True)
class Entry:
    """What one device wrote of a node, with devices and epochs by name."""

    device: bytes
    past: Seen  # with the entry's own dot
    fields: Fields

    def covers(self, value: Value) -> bool:
        """Say whether the dot of a value is in this entry's past."""
        return value.sequence <= self.past.get(value.device, 0)


def open_entry(kind: int, entry: list[Any]) -> Entry:
    """Name the devices and epochs of an entry (§6.2)."""
    devices, epochs, sequence, past, places, contents, attributes = entry

    def value(flat: list[Any], told: Any, *form: Any) -> Value:  # noqa: ANN401
        return Value(devices[flat[0]], flat[1], flat[2], told, form)

    def content(c: list[Any]) -> Value:
        if kind != FILE:
            return value(c, c[3], *c[4:])
        keys = [[epochs[born], epochs[under], wrapped] for born, under, wrapped in c[6]]
        return value(c, c[4], keys, c[7], c[3], c[5], c[8], c[9])

    fields = (
        [value(p, (p[3], p[4])) for p in places],
        [content(c) for c in contents],
        [value(a, a[3]) for a in attributes],
    )
    return Entry(devices[0], {devices[d]: s for d, s in past} | {devices[0]: sequence}, fields)


def close_entry(kind: int, entry: Entry) -> list[Any]:
    """Undo `open_entry`."""
    values = [value for field_ in entry.fields for value in field_]
    used = set(entry.past) | {value.device for value in values}
    devices = [entry.device, *sorted(used - {entry.device})]
    keys = [key for c in entry.fields[1] for key in c.form[0]] if kind == FILE else []
    epochs = sorted({epoch for born, under, _ in keys for epoch in (born, under)})

    def dot(value: Value) -> list[Any]:
        return [devices.index(value.device), value.sequence, value.j]

    def content(c: Value) -> list[Any]:
        if kind != FILE:
            return [*dot(c), c.told, *c.form]
        keys, chunks, size, mtime, name, saved = c.form
        known = [[epochs.index(born), epochs.index(under), wrapped] for born, under, wrapped in keys]
        return [*dot(c), size, c.told, mtime, known, chunks, name, saved]

    past = [[devices.index(d), s] for d, s in entry.past.items() if d != entry.device]
    places, contents, attributes = entry.fields
    return [
        devices,
        epochs,
        entry.past[entry.device],
        sorted(past),
        [[*dot(p), *p.told] for p in places],
        [content(c) for c in contents],
        [[*dot(a), a.told] for a in attributes],
    ]


def best_forms(values: Iterable[Value]) -> list[Value]:
    """Return values in the order of §6.2, of each the highest form (§6.8)."""
    found: dict[tuple[Any, ...], Value] = {}
    for value in values:
        found[value.place] = max(found.get(value.place, value), value, key=lambda v: v.rank)
    return [found[place] for place in sorted(found)]


def newer(one: Seen, other: Seen) -> Seen:
    """Return for each device the higher sequence."""
    return {device: max(one.get(device, 0), other.get(device, 0)) for device in one.keys() | other.keys()}


def join_twins(kind: int, one: list[Any], other: list[Any]) -> list[Any]:
    """Make one of two entries under one dot, of which no honest device writes the second (§6.7)."""
    if one == other:
        return one
    a, b = open_entry(kind, one), open_entry(kind, other)
    places, contents, attributes = (best_forms([*x, *y]) for x, y in zip(a.fields, b.fields, strict=True))
    return close_entry(kind, Entry(a.device, newer(a.past, b.past), (places, contents, attributes)))


Entries = list[list[Any]]  # of one node, as `decode` gives them


def join_node(kind: int, one: Entries, other: Entries, seen_by_one: Seen, seen_by_other: Seen) -> Entries:
    """Join what two trees hold of a node: what both have, and what one has and the other has not seen (§6.7)."""
    ours, theirs = ({(entry[0][0], entry[2]): entry for entry in side} for side in (one, other))
    joined = []
    for dot in sorted(ours.keys() | theirs.keys()):
        device, sequence = dot
        if dot in ours and dot in theirs:
            joined.append(join_twins(kind, ours[dot], theirs[dot]))
        elif dot in ours and sequence > seen_by_other.get(device, 0):
            joined.append(ours[dot])
        elif dot in theirs and sequence > seen_by_one.get(device, 0):
            joined.append(theirs[dot])
    return joined


def join_trees(
    trees: Sequence[tuple[Iterable[tuple[bytes, bytes]], Seen]],
) -> Iterator[tuple[bytes, Entries]]:
    """Yield the nodes of all trees joined, each tree given in the order of its keys, with its context."""

    def numbered(n: int, nodes: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, int, bytes]]:
        return ((key, n, value) for key, value in nodes)

    before: list[Seen] = [{}]  # what is seen by all trees up to each
    for _, seen in trees:
        before.append(newer(before[-1], seen))
    nodes = heapq.merge(*(numbered(n, tree) for n, (tree, _) in enumerate(trees)))
    for key, group in groupby(nodes, key=itemgetter(0)):
        values = {n: decode(value, "a node") for _, n, value in group}
        entries: Entries = []
        for n, (_, seen) in enumerate(trees):
            entries = join_node(key[-5], entries, values.get(n, []), before[n], seen)
        if entries:
            yield key, entries


# --- §6.8 folding ---------------------------------------------------------------------------------


def fold(entries: list[Entry]) -> Fields:
    """Return what the entries of a node come to: places, contents, attributes (§6.8)."""
    places, contents, attributes = (_fold_field(entries, which) for which in range(3))
    return places, contents, attributes


def _fold_field(entries: list[Entry], which: int) -> list[Value]:
    """Drop each value that an entry covers and does not have; if none would stay, all do."""
    held = [{value.dot for value in entry.fields[which]} for entry in entries]
    values = best_forms(value for entry in entries for value in entry.fields[which])
    staying = [
        value
        for value in values
        if all(value.dot in dots or not e.covers(value) for e, dots in zip(entries, held, strict=True))
    ]
    return staying or values


def standing(key: bytes, places: list[Value]) -> tuple[bytes, bytes, Value | None]:
    """Return the parent and name under which a node stands, and the place that says so (§6.8)."""
    parent, name, _ = split_key(key)
    if not places:
        return parent, name, None
    place = max(places, key=lambda p: (p.dot, p.told))
    return *place.told, place


# --- §6.9 the view: what a node shows -------------------------------------------------------------

MTIME_AT = {FILE: 4, SYMLINK: 1}  # in `[told, *form, *dot]`


def shown_contents(kind: int, contents: list[Value]) -> list[Value]:
    """Return the contents that are shown, the first one first (§6.9)."""
    if kind == DIRECTORY:
        return [max(contents, key=lambda c: (c.told, c.dot))]
    if kind == VAULT_NODE:
        return [max(contents, key=lambda c: (c.dot, c.told))]
    mtime = MTIME_AT[kind] - 1
    contents = sorted(contents, key=lambda c: (c.form[mtime], c.dot, c.told), reverse=True)
    if kind == FILE:
        contents = [c for c in contents if c.form[2] > 0] or contents
    firsts: dict[bytes, Value] = {}
    for c in contents:
        firsts.setdefault(c.told, c)
    return list(firsts.values())


def shown_mode(kind: int, attributes: list[Value]) -> int | None:
    """Return the permission bits (§6.2, §6.9)."""
    if kind not in (DIRECTORY, FILE):
        return None
    if attributes:
        return int(max(attributes, key=lambda a: (a.dot, a.told)).told)
    return 0o755 if kind == DIRECTORY else 0o644


def who_wrote(kind: int, content: list[Any]) -> str:
    """Return the part of a conflict copy's name that says by whom and when (§6.9)."""
    if kind != FILE:
        return ""
    *_, device, saved = content[:7]
    device = re.sub("[^A-Za-z0-9]+", "-", device)[:32].strip("-") or "device"
    moment = datetime.fromtimestamp(min(max(saved, 0), LAST_SECOND), UTC)
    return f"{device}, {moment:%Y-%m-%d %H-%M} "


LAST_SECOND = 253_402_300_799  # of the year 9999


def cut_name(name: bytes, most: int) -> bytes:
    """Cut a name to so many bytes at most, not inside of a character of UTF-8."""
    if len(name) <= most:
        return name
    for start in range(most - 1, max(most - 4, -1), -1):
        for end in range(most + 1, min(start + 4, len(name)) + 1):
            try:
                inside = len(name[start:end].decode()) == 1
            except UnicodeDecodeError:
                continue
            if inside:
                return name[:start]
    return name[: max(most, 0)]


def beside(name: bytes, who: str, digits: str) -> bytes:
    """Return the name of what stands beside something of this name (§6.9)."""
    mark = f" (conflict, {who}{digits})".encode("ascii")
    dot = name.rfind(b".")
    stem, extension = (name[:dot], name[dot:]) if dot > 0 else (name, b"")
    kept = cut_name(stem, 255 - len(mark) - len(extension))
    if not kept:
        kept, extension = cut_name(name, 255 - len(mark)), b""
    return kept + mark + extension


def names_beside(name: bytes, who: str, number: bytes) -> Iterator[bytes]:
    """Yield the names to try, one after another (§6.9)."""
    digits = number.hex()[:32]
    for tried in (digits[:8], digits[:16], digits):
        yield beside(name, who, tried)
    for n in count(2):
        yield beside(name, who, f"{digits} {n}")


# --- §6.9 the view: the tree, in tables -----------------------------------------------------------


def read_trees(blobs: Blobs, heads: list[Head]) -> None:
    """Read the whole tree of each head, and leave the joined tree of all in the table of nodes (§6.7, §8.5)."""
    tables, secret = blobs.tables, blobs.vault.secret
    make_table(tables, "nodes")
    for head in heads:
        fill_nodes(tables, secret, _checked_nodes(blobs, head))
        settle_places(tables, secret)
    if len(heads) > 1:
        trees = [(_walk_head(blobs, head), head.seen) for head in heads]
        fill_nodes(tables, secret, join_trees(trees))
        settle_places(tables, secret)


def make_table(tables: sqlite3.Connection, name: str) -> None:
    """Make a table of the tree, empty."""
    tables.execute(f"DROP TABLE IF EXISTS {name}")
    tables.execute(f"CREATE TABLE {name} ({TREE_TABLES[name]})")


def _walk_head(blobs: Blobs, head: Head) -> Iterator[tuple[bytes, bytes]]:
    return walk_tree(blobs, *head.snapshot[6]) if head.snapshot[6] else iter(())


def _checked_nodes(blobs: Blobs, head: Head) -> Iterator[tuple[bytes, Entries]]:
    """Yield the nodes of a head's tree, each checked (§8.5)."""
    for key, value in _walk_head(blobs, head):
        yield key, parse_value(split_key(key)[2], value, head.covers)


def fill_nodes(tables: sqlite3.Connection, secret: bytes, nodes: Iterable[tuple[bytes, Entries]]) -> None:
    """Put what each node comes to into the table of nodes (§6.8)."""
    make_table(tables, "nodes")
    for key, entries in nodes:
        kind = key[-5]
        places, contents, attributes = fold([open_entry(kind, entry) for entry in entries])
        parent, name, place = standing(key, places)
        shown = shown_contents(kind, contents)
        add_node(
            tables,
            secret,
            (key, parent, name),
            here=kind != DIRECTORY or shown[0].told,
            shown=encode([[c.told, *c.form, *c.dot] for c in shown]),
            more=(shown_mode(kind, attributes), *(place.dot if place else (None, None, None))),
        )
    tables.execute("CREATE INDEX by_parent ON nodes (parent, name)")
    tables.execute("CREATE INDEX by_number ON nodes (number)")


def add_node(
    tables: sqlite3.Connection,
    secret: bytes,
    where: tuple[bytes, bytes, bytes],
    *,
    here: bool,
    shown: bytes,
    more: tuple[Any, ...],
) -> None:
    """Put one node into its table; `where`: key, parent and name, `more`: its mode, and its place's dot."""
    kind = where[0][-5]
    number = directory_number(secret, where[0]) if kind == DIRECTORY else None
    row = (*where, kind, number, here, shown, *more)
    tables.execute("INSERT INTO nodes VALUES (?,?,?,?,?,?,?,?,?,?,?,NULL)", row)


RECOVERED = ROOT + b"Recovered" + b"\0" + u8(DIRECTORY) + (2**32 - 1).to_bytes(4, "big")


def settle_places(tables: sqlite3.Connection, secret: bytes) -> None:
    """Let every node stand where a way leads to from the root, and refuse too long a way (§6.9, §8.5)."""
    number = directory_number(secret, RECOVERED)
    orphans = """UPDATE nodes SET parent = ? WHERE parent != ? AND parent NOT IN
        (SELECT number FROM nodes WHERE kind = 1)"""
    if tables.execute(orphans, (number, ROOT)).rowcount:
        there = tables.execute("SELECT 1 FROM nodes WHERE number = ?", (number,)).fetchone()
        where, mode = (RECOVERED, ROOT, b"Recovered"), shown_mode(DIRECTORY, [])
        if not there:
            shown, more = encode([[False]]), (mode, None, None, None)
            add_node(tables, secret, where, here=False, shown=shown, more=more)
    _open_cycles(tables)
    deepest = "SELECT max(depth) + 1 FROM down CROSS JOIN nodes ON nodes.parent = down.number"
    (depth,) = tables.execute(deepest).fetchone()
    want((depth or 0) <= 1024, "a path deeper than 1024 names")


def _open_cycles(tables: sqlite3.Connection) -> None:
    """In each cycle of directories let the one whose place has the lowest dot stand in the root (§6.9)."""
    cut_off = "SELECT number FROM nodes WHERE kind = 1 AND number NOT IN (SELECT number FROM down)"
    step = "SELECT parent, walk, sequence, device, j, key FROM nodes WHERE number = ?"
    for walk, (start,) in enumerate(tables.execute(cut_off).fetchall(), 1):
        way: list[tuple[Any, ...]] = []
        number = start
        at = tables.execute(step, (number,)).fetchone()
        while at and at[1] is None:
            way.append((*at[2:], number))
            tables.execute("UPDATE nodes SET walk = ? WHERE number = ?", (walk, number))
            number = at[0]
            at = tables.execute(step, (number,)).fetchone()
        if at and at[1] == walk:
            cycle = way[[other[-1] for other in way].index(number) :]
            lowest = min(
                cycle, key=lambda member: (member[0] is not None, *member)
            )  # a birthplace is the lowest
            tables.execute("UPDATE nodes SET parent = ? WHERE number = ?", (ROOT, lowest[-1]))


def show_tree(tables: sqlite3.Connection, secret: bytes) -> None:
    """Say what stands where: paths, and the content at each (§6.9)."""
    revive = (
        """UPDATE nodes SET here = 1 WHERE NOT here AND number IN (SELECT parent FROM nodes WHERE here)"""
    )
    while tables.execute(revive).rowcount:
        pass  # a removed directory is seen as long as something below it is
    make_table(tables, "shown")
    tables.execute("CREATE INDEX by_path ON shown (path)")
    _show_directory(tables, secret, ROOT, b"")
    after = "SELECT rowid, number, path FROM shown WHERE rowid > ? AND kind = 1 ORDER BY rowid LIMIT 1"
    last = 0
    while found := tables.execute(after, (last,)).fetchone():
        last, number, path = found
        _show_directory(tables, secret, number, path + b"/")


def _show_directory(tables: sqlite3.Connection, secret: bytes, parent: bytes, path: bytes) -> None:
    """Give names to all that stands in one directory; `path` is what they come after (§6.9)."""
    query = """SELECT name, key, kind, number, contents, mode FROM nodes WHERE parent = ? AND here
        ORDER BY name, key = ?, min(kind, 2), key"""
    nodes = tables.execute(query, (parent, RECOVERED))
    for name, group in groupby(nodes, key=itemgetter(0)):
        for place, (_, key, kind, number, row, mode) in enumerate(group):
            for n, content in enumerate(decode(row, "a row")):
                shown = name
                if place or n:
                    told = number_beside(secret, key, content, is_first=n == 0)
                    tried = names_beside(name, who_wrote(kind, content), told)
                    shown = next(name_ for name_ in tried if not _is_taken(tables, parent, path, name_))
                values = (path + shown, key, kind, number, encode(content), mode)
                tables.execute("INSERT INTO shown VALUES (?,?,?,?,?,?)", values)


def number_beside(secret: bytes, key: bytes, content: list[Any], *, is_first: bool) -> bytes:
    """Return what the digits of a name beside another are of (§6.9)."""
    if is_first:
        return directory_number(secret, key)
    told = content[0]
    return directory_number(secret, told) if key[-5] == SYMLINK else bytes(told)


def _is_taken(tables: sqlite3.Connection, parent: bytes, path: bytes, name: bytes) -> bool:
    """Say whether a name in a directory is a real one, or was given to something already (§6.9)."""
    real = "SELECT 1 FROM nodes WHERE parent = ? AND name = ? AND here"
    given = "SELECT 1 FROM shown WHERE path = ?"
    found = (
        tables.execute(real, (parent, name)).fetchone() or tables.execute(given, (path + name,)).fetchone()
    )
    return found is not None


# --- §7 files -------------------------------------------------------------------------------------


def data_keys(vault: Vault, keys: list[Any]) -> list[bytes]:
    """Unwrap the data keys that a file lists (§6.4)."""
    opened = []
    for born, under, wrapped in keys:
        want(born in vault.keys and under in vault.keys, "a file speaks of an unknown epoch")
        try:
            opened.append(aes_key_unwrap(derive(vault.keys[under], "data key wrap"), wrapped))
        except InvalidUnwrap as e:
            raise Bad("a data key does not open") from e
    return opened


def write_file(blobs: Blobs, heads: list[Head], path: bytes, key: bytes, content: list[Any]) -> None:
    """Write one file: as the tree has it, or where that fails as the device of its dot has signed it (§7)."""
    try:
        write_form(blobs, path, content)
    except Bad as e:
        os.unlink(path)  # noqa: PTH108
        try:
            write_form(blobs, path, signed_form(blobs, heads, key, content))
        except Bad:
            raise e from None


def signed_form(blobs: Blobs, heads: list[Head], key: bytes, content: list[Any]) -> list[Any]:
    """Return a content of a file as the device of its dot has written it, by that snapshot's signature (§7)."""
    content_hash, dot = content[0], tuple(content[7:])
    sequence, device, _ = dot
    head = next((head for head in heads if head.device.id == device), None)
    if head is None:
        raise Bad("a content of a device without a head")
    hash_ = hash_at(blobs, head, sequence)
    body = blobs.page(SNAPSHOT_BLOB, keyed_id(blobs.vault.secret, "snapshot id", hash_))
    found, snapshot = open_snapshot(blobs.vault, head.device, body)
    want((found, snapshot[4]) == (hash_, sequence), "the snapshots of a device")
    value = value_in(blobs, snapshot[6], key)
    entries = parse_value(FILE, value, lambda _device, _sequence: True) if value is not None else []
    own = [open_entry(FILE, entry) for entry in entries if entry[0][0] == device]
    for c in (c for entry in own for c in entry.fields[1]):
        if (c.dot, c.told) == (dot, content_hash):
            return [c.told, *c.form]
    raise Bad("a content that the device of its dot has not written")


def write_form(blobs: Blobs, path: bytes, content: list[Any]) -> None:
    """Write one form of a file and compare its content hash (§7)."""
    content_hash, keys, chunks, size, *_ = content
    whole = blake3(key=derive(blobs.vault.secret, "content hash"))
    with new_file(path) as f:
        opened = data_keys(blobs.vault, keys)
        for key, id_, length in references_of(blobs, chunks, size):
            want(key < len(opened), "a chunk under a key that the file does not list")
            chunk = blobs.chunk(opened[key], id_, length)
            whole.update(chunk)
            f.write(chunk)
    want(whole.digest() == content_hash, f"{printable(path)}: another content than its hash")


def new_file(path: bytes) -> BinaryIO:
    """Open a file that must not be there, for a tree whose disk may not tell `a` from `A`."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb")


def printable(name: bytes) -> str:
    """Make a name fit for a terminal."""
    return ascii(os.fsdecode(name))


def write_tree(blobs: Blobs, heads: list[Head], root: bytes) -> None:
    """Write directories, then files, then symlinks: nothing is ever written through a symlink."""
    query = "SELECT path, key, content FROM shown WHERE kind = ? ORDER BY path"
    os.mkdir(root, 0o700)  # noqa: PTH102 - names are bytes here, and pathlib has only text
    for kind in (DIRECTORY, FILE, SYMLINK, VAULT_NODE):
        for path, key, row in blobs.tables.execute(query, (kind,)):
            content = decode(row, "a row")
            place = root + b"/" + path
            match kind:
                case 1:
                    os.mkdir(place, 0o700)  # noqa: PTH102
                case 2:
                    write_file(blobs, heads, place, key, content)
                case 3:
                    os.symlink(content[0], place)  # noqa: PTH211
                case _:
                    sys.stderr.write(f"note: {printable(path)} stands for the vault {content[0].hex()}\n")


def finish_tree(tables: sqlite3.Connection, root: bytes) -> None:
    """Set times and permissions, the deepest first, when nothing more is written."""
    query = "SELECT path, kind, content, mode FROM shown WHERE kind != 0 ORDER BY path DESC"
    for path, kind, row, mode in tables.execute(query):
        place = root + b"/" + path
        if kind != SYMLINK:
            os.chmod(place, mode)  # noqa: PTH101
        if kind != DIRECTORY:
            mtime = decode(row, "a row")[MTIME_AT[kind]]
            os.utime(place, ns=(mtime, mtime), follow_symlinks=False)


# --- §13 the exported log -------------------------------------------------------------------------

LINE_MOST = 2**23
CHANGED_MOST = 100  # versions that are named for a content
CONTEXTS_KEPT = 1024
LINES: dict[str, dict[str, Any]] = {
    "e2esync log": {
        "version": VERSION,
        "vault": str,
        "keys": dict,
        "since": NATURAL,
        "device": Either(None, str),
    },
    "card": {"record": str},
    "genesis": {"record": str},
    "members": {"record": str},
    "head": {"record": str},
    "fault": {"certificate": str, "snapshots": [str], "head": [str]},
    "page": {"kind": NATURAL, "body": str},
    "snapshot": {"record": str},
    "directory": {"key": str},
    "push": {"device": str, "sequence": SEQUENCE, "hash": str, "told": bool, "whole": bool},
    "end": {"pushes": NATURAL, "told": NATURAL, "changes": NATURAL},
}
STAGES = {
    name: stage for stage, name in enumerate(["e2esync log", "card", "genesis", "members", "head", "fault"])
}
BODY_STAGE, END_STAGE = 6, 7
LOG_TABLES = """
CREATE TABLE pages (id BLOB PRIMARY KEY, body BLOB);
CREATE TABLE snapshots (hash BLOB PRIMARY KEY, payload BLOB);
CREATE TABLE directories (number BLOB PRIMARY KEY, key BLOB);
"""
KIND_NAMES = {VAULT_NODE: "vault", DIRECTORY: "directory", FILE: "file", SYMLINK: "symlink"}


class Absent(Bad):
    """Something that is needed is not in the file."""


class Span(tuple[bytes, bytes, bytes | None]):
    """A page, and the range of keys that the page above gives it: id, after, last (None: the root's)."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Old:
    """A tree that a push began with (§13.3)."""

    root: tuple[bytes, int] | None
    seen: Seen | None  # its context and its own sequence, if known


@dataclass(frozen=True, slots=True)
class LoggedPush:
    """A push that can be told (§13.3)."""

    head: Head
    snapshot: dict[int, Any]
    olds: list[Old]
    whole: bool

    @property
    def dot(self) -> tuple[bytes, int]:
        """Device and sequence."""
        return self.head.device.id, self.snapshot[4]


@dataclass(slots=True)
class LogFile:
    """An exported log as far as it was read; what it proves lies in tables on disk."""

    tables: sqlite3.Connection
    owner_is: Callable[[bytes], bool]
    content: bytes | None = None  # hash that is looked for
    stage: int = -1
    vault: Vault = field(default_factory=lambda: Vault(Store(Path()), b"", {}, {}, b""))
    owner: Card | None = None
    keys: dict[str, bytes] = field(default_factory=dict, repr=False)
    since: int = 0
    only: str | None = None
    heads: dict[bytes, Head] = field(default_factory=dict)
    faulty: list[bytes] = field(default_factory=list)  # devices that have signed two histories
    chosen: list[bytes] = field(default_factory=list)  # devices whose pushes are listed
    is_started: bool = False
    following: dict[bytes, int] = field(default_factory=dict)  # device -> the sequence that is listed next
    contexts: dict[tuple[bytes, int], dict[bytes, tuple[int, bytes]]] = field(default_factory=dict)
    expected: Iterator[bytes] = field(default_factory=lambda: iter(()))  # changes that are still to come
    pushes: int = 0
    told: int = 0
    changes: int = 0
    parts: int = 0  # told, but not whole
    found: list[dict[str, Any]] = field(default_factory=list)  # changes with the content that is looked for

    # what was read

    def page(self, kind: int, id_: bytes) -> bytes:
        """Return the body of a page."""
        row = self.tables.execute("SELECT body FROM pages WHERE id = ?", (id_,)).fetchone()
        if row is None:
            raise Absent(f"a page (kind {kind}) that is needed is not in the file before this line")
        return bytes(row[0])

    def items(self, span: Span, level: int) -> list[tuple[bytes, bytes]]:
        """Return the items of a page of a tree, seen to stand in its range."""
        id_, after, last = span
        keys, values = read_tree_page(self.page(TREE, id_), level)
        want(keys[0] > after and last in (None, keys[-1]), "a tree page does not stand where it should")
        return list(zip(keys, values, strict=True))

    def value(self, root: tuple[bytes, int] | None, key: bytes) -> bytes | None:
        """Return the value of a node in a tree."""
        return value_in(self, root, key)

    def directory(self, number: bytes) -> bytes | None:
        """Return which directory has a number."""
        row = self.tables.execute("SELECT key FROM directories WHERE number = ?", (number,)).fetchone()
        return bytes(row[0]) if row else None

    def hash_at(self, device: bytes, sequence: int) -> bytes:
        """Return the hash of a snapshot, by the head of its device."""
        return hash_at(self, self.heads[device], sequence)

    def snapshot(self, device: bytes, sequence: int) -> dict[int, Any] | None:
        """Return a snapshot, if it is in the file."""
        if sequence == self.heads[device].sequence:
            return self.heads[device].snapshot
        query = "SELECT payload FROM snapshots WHERE hash = ?"
        row = self.tables.execute(query, (self.hash_at(device, sequence),)).fetchone()
        found: dict[int, Any] | None = decode(bytes(row[0]), "a snapshot") if row else None
        return found

    def context(self, device: bytes, sequence: int) -> dict[bytes, tuple[int, bytes]] | None:
        """Return the context of a snapshot, if it is known (§13.3)."""
        if sequence == 0:
            return {}
        if sequence == self.heads[device].sequence:
            return self.heads[device].context
        if (device, sequence) in self.contexts:
            return self.contexts[device, sequence]
        snapshot = self.snapshot(device, sequence)
        if snapshot is None:
            return None
        whole, points = snapshot[7]
        before = {} if whole else self.context(device, sequence - 1)
        if before is None:
            return None
        context = before | {d: (s, hash_) for d, s, hash_ in points}
        if hashlib.sha256(encode([[d, *context[d]] for d in sorted(context)])).digest() != snapshot[8]:
            return None
        if len(self.contexts) >= CONTEXTS_KEPT:
            self.contexts.clear()
        self.contexts[device, sequence] = context
        return context

    # lines

    def take(self, line: bytes) -> None:
        """Take in the next line, and refuse it if it is not good."""
        if self.stage == BODY_STAGE and line.startswith(b'{"type":"change",'):
            self._take_change(line)
            return
        self._no_more_changes()
        fields = parse_line(line)
        type_ = fields.pop("type")
        self._enter(STAGES.get(type_, END_STAGE if type_ == "end" else BODY_STAGE))
        takers: dict[str, Callable[[dict[str, Any]], None]] = {
            "e2esync log": self._begin,
            "card": lambda told: self._take_card(from_base64(told["record"])),
            "genesis": lambda told: accept_genesis(from_base64(told["record"]), self.vault.id, self._owner()),
            "members": lambda told: self._take_members(from_base64(told["record"])),
            "head": lambda told: self._take_head(from_base64(told["record"])),
            "fault": self._take_fault,
            "page": lambda told: self._take_page(told["kind"], from_base64(told["body"])),
            "snapshot": lambda told: self._take_snapshot(from_base64(told["record"])),
            "directory": lambda told: self._take_directory(from_base64(told["key"])),
            "push": self._take_push,
            "end": self._finish,
        }
        takers[type_](fields)

    def _enter(self, stage: int) -> None:
        """See that lines come in their order: one of the first kind, of the genesis, and at the end."""
        once = (STAGES["e2esync log"], STAGES["genesis"], END_STAGE)
        want(stage > self.stage or (stage == self.stage and stage not in once), "a line that is out of order")
        for passed in range(self.stage + 1, stage):
            want(passed in (STAGES["head"], STAGES["fault"], BODY_STAGE), "a line is missing before this one")
        if self.stage < STAGES["head"] <= stage:
            self._close_members()
        if self.stage < BODY_STAGE <= stage:
            self._choose_devices()
        self.stage = stage

    def _begin(self, fields: dict[str, Any]) -> None:
        self.vault.id = from_hex(fields["vault"], 32)
        self.since, self.only = fields["since"], fields["device"]
        names = list(fields["keys"])
        want(names in (list(LOG_KEYS[:2]), list(LOG_KEYS)), "other keys than a log discloses")
        self.keys = {name: from_hex(key, 32) for name, key in fields["keys"].items()}
        if self.content is not None and "content hash" not in self.keys:
            raise Mistyped("this log was exported without the key of content hashes")

    def _owner(self) -> Card:
        want(self.owner is not None, "the owner's card is missing")
        assert self.owner is not None  # noqa: S101 - for the type checker
        return self.owner

    def _take_card(self, encoded: bytes) -> None:
        payload, _ = open_record(encoded, "a card")
        claimed = decode(payload, "a card")
        check(claimed, CARD, "a card")
        print_ = fingerprint(claimed[2], claimed[3])
        card = parse_card(encoded, print_, claimed[4], digest("card", payload))
        if self.owner is None:
            want(self.owner_is(print_), "the vault belongs to somebody else than the fingerprint says")
            self.owner = card
        want(print_ not in self.vault.cards, "a card that was there already")
        self.vault.cards[print_] = card

    def _take_members(self, encoded: bytes) -> None:
        payload, _ = open_record(encoded, "a membership record")
        claimed = decode(payload, "a membership record")
        check(claimed, MEMBERS, "a membership record")
        hash_ = digest("members", payload)
        want(hash_ not in self.vault.records, "a membership record that was there already")
        _accept_record(self.vault, encoded, claimed[3], hash_, self._owner())
        opener = self.vault.records[self.vault.epoch_of[hash_]]
        want(opener[7][0] == claimed[7][0], "the key of an epoch changed")

    def _close_members(self) -> None:
        records = self.vault.records
        tips = set(records) - {parent for record in records.values() for parent in record[4]}
        want(len(tips) == 1, "the chain of membership records is split, or not there")
        (self.vault.tip,) = tips

    def _take_head(self, encoded: bytes) -> None:
        claimed = decode(open_record(encoded, "a head")[0], "a head")
        check(claimed, HEAD, "a head")
        snapshot = self._claimed_snapshot(claimed[5])
        want(person_of(claimed[3]) in self.vault.cards, "the card of a member is missing")
        want(snapshot[9][1] in self.vault.records, "a head by a membership record that is not in the file")
        head = accept_head_record(self.vault, snapshot[3], snapshot[9][1], encoded)
        check_levels(head)
        before = head.history[0][-1] if head.history[0] else None
        want(before == head.snapshot[5], "a history does not end in the snapshot before")
        want(head.device.id not in self.heads, "two heads of one device")
        self.heads[head.device.id] = head

    def _claimed_snapshot(self, encoded: bytes) -> dict[int, Any]:
        snapshot: dict[int, Any] = decode(open_record(encoded, "a snapshot")[0], "a snapshot")
        check(snapshot, SNAPSHOT, "a snapshot")
        return snapshot

    def _take_fault(self, fields: dict[str, Any]) -> None:
        snapshots, head = ([from_base64(part) for part in fields[name]] for name in ("snapshots", "head"))
        proof = open_proof(encode([snapshots, head, [], None]))
        record = self._claimed_snapshot(snapshots[0])[9][1]
        want(record in self.vault.records, "a snapshot by a membership record that is not in the file")
        encoded = from_base64(fields["certificate"])
        want(person_of(encoded) in self.vault.cards, "the card of a member is missing")
        device, _ = _writer_of(self.vault, encoded, record)
        check_fault(self.vault, device, proof, self._history_page_id)
        want(not self.faulty or max(self.faulty) < device.id, "devices at fault that are not sorted")
        self.faulty.append(device.id)

    def _history_page_id(self, body: bytes) -> bytes:
        return bytes(blake3(u8(HISTORY) + body, key=self.keys["page id"]).digest())

    def _choose_devices(self) -> None:
        chosen = [head for head in self.heads.values() if self.only in (None, head.names[0])]
        want(self.only is None or bool(chosen), "there is no device of the name whose pushes are listed")
        self.chosen = [head.device.id for head in chosen]

    def _start(self) -> None:
        """Find out with which push the list of each device begins: after the newest that is older than all that is listed."""
        if not self.is_started:
            self.is_started = True
            self.following = {device: self._first(device) for device in self.chosen}

    def _first(self, device: bytes) -> int:
        for sequence in range(self.heads[device].sequence, 0, -1) if self.since else ():
            snapshot = self.snapshot(device, sequence)
            if snapshot is not None and snapshot[11] < self.since:
                return sequence + 1
        return 1

    def _take_page(self, kind: int, body: bytes) -> None:
        want(kind in (TREE, HISTORY), "a page of another kind")
        self._insert("pages", blake3(u8(kind) + body, key=self.keys["page id"]).digest(), body)

    def _take_directory(self, key: bytes) -> None:
        want(split_key(key)[2] == DIRECTORY, "a directory that is none")
        self._insert("directories", blake3(key, key=self.keys["directory number"]).digest()[:16], key)

    def _take_snapshot(self, encoded: bytes) -> None:
        device = self._claimed_snapshot(encoded)[3]
        want(device in self.heads, "a snapshot of a device without a head")
        hash_, snapshot = open_snapshot(self.vault, self.heads[device].device, encoded)
        want(
            self.hash_at(device, snapshot[4]) == hash_, "a snapshot that is not in the history of its device"
        )
        self._insert("snapshots", hash_, open_record(encoded, "a snapshot")[0])

    def _insert(self, table: str, name: bytes, content: bytes) -> None:
        done = self.tables.execute(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", (name, content))  # noqa: S608
        want(done.rowcount == 1, "a line that was there already")

    def _take_push(self, fields: dict[str, Any]) -> None:
        self._start()
        device, sequence = from_hex(fields["device"], 16), fields["sequence"]
        want(device in self.following, "a push of a device that is not listed")
        want(sequence == self.following[device], "a push is missing, or not in order")
        want(from_hex(fields["hash"], 32) == self.hash_at(device, sequence), "a push with another hash")
        snapshot = self.snapshot(device, sequence)
        if snapshot is not None:
            self._check_order(snapshot)
            before = self.hash_at(device, sequence - 1) if sequence > 1 else None
            want(snapshot[5] == before, "a snapshot names another one before it than the head of its device")
            want(snapshot[11] >= self.since, "a push that is older than all that is listed")
        self.following[device] = sequence + 1
        self.pushes += 1
        push = self._push(self.heads[device], snapshot)
        if not fields["told"]:
            want(not fields["whole"], "a push is whole that cannot be told")
            want(push is None or not can_be_told(self, push), "a push is not told, though all of it is there")
            return
        if push is None:
            raise Absent("the snapshot of a push, or the one before it, is not in the file before this line")
        want(fields["whole"] == push.whole, "a push is whole, or is not")
        self.told += 1
        self.parts += not push.whole
        self.expected = tell_push(self, push)

    def _check_order(self, snapshot: dict[int, Any]) -> None:
        for device, sequence, hash_ in snapshot[7][1]:
            last = self.heads[device].sequence if device in self.following else 0
            if last and self.following[device] <= sequence <= last:
                want(self.hash_at(device, sequence) != hash_, "a push stands before one that it had seen")

    def _push(self, head: Head, snapshot: dict[int, Any] | None) -> LoggedPush | None:
        """Return a push with what it began with, if that is in the file (§13.3)."""
        if snapshot is None:
            return None
        device, sequence = head.device.id, snapshot[4]
        if sequence > 1 and self.snapshot(device, sequence - 1) is None:
            return None
        before = self.context(device, sequence - 1) or {}
        points = [point for point in snapshot[7][1] if before.get(point[0]) != (point[1], point[2])]
        there = [(d, s) for d, s, hash_ in points if self._is_there(d, s, hash_)]
        olds = [self._old(*name) for name in ([(device, sequence - 1)] if sequence > 1 else []) + there]
        whole = len(there) == len(points) and (len(olds) < 2 or all(old.seen is not None for old in olds))
        return LoggedPush(head, snapshot, olds or [Old(None, {})], whole)

    def _is_there(self, device: bytes, sequence: int, hash_: bytes) -> bool:
        known = device in self.heads and sequence <= self.heads[device].sequence
        return (
            known and self.hash_at(device, sequence) == hash_ and self.snapshot(device, sequence) is not None
        )

    def _old(self, device: bytes, sequence: int) -> Old:
        snapshot, context = self.snapshot(device, sequence), self.context(device, sequence)
        root = (snapshot[6][0], snapshot[6][1]) if snapshot is not None and snapshot[6] else None
        if context is None:
            return Old(root, None)
        return Old(root, {d: s for d, (s, _) in context.items()} | {device: sequence})

    def _take_change(self, line: bytes) -> None:
        expected = next(self.expected, None)
        want(expected is not None, "a change that the push did not make")
        want(line == expected, "a change that is not what the trees say, or not in its place")
        self.changes += 1
        if self.content is not None:
            fields = json.loads(line)
            if fields["hash"] == self.content.hex() and len(self.found) < CHANGED_MOST:
                self.found.append(fields)

    def _no_more_changes(self) -> None:
        want(next(self.expected, None) is None, "a change is missing before this line")

    def _finish(self, fields: dict[str, Any]) -> None:
        self._start()
        for device, following in self.following.items():
            want(following == self.heads[device].sequence + 1, "the newest push of a device is missing")
        good = [head for head in self.heads.values() if head.device.id not in self.faulty]
        for head in good:
            for device, sequence, hash_ in _dots(head):
                if device in self.faulty:
                    continue
                want(device in self.heads, "a device that another has seen has no head in the file")
                want(sequence <= self.heads[device].sequence, "a head is older than another device saw it")
                want(self.hash_at(device, sequence) == hash_, "a device has another history than another saw")
        want(
            fields == {"pushes": self.pushes, "told": self.told, "changes": self.changes},
            "the counts at the end",
        )


LOG_KEYS = ("page id", "directory number", "content hash")


def parse_line(line: bytes) -> dict[str, Any]:
    """Return the fields of a line that has its one form (§13.1)."""
    try:
        fields = json.loads(line)
        want(dumps(fields) == line, "a line is not written as it should be, or is cut off")
    except (ValueError, RecursionError) as e:
        raise Bad("a line is no JSON") from e
    want(type(fields) is dict and type(fields.get("type")) is str, "a line without a type")
    want(fields["type"] in LINES, "a line of an unknown type: a newer format")
    shape = LINES[fields["type"]]
    want(list(fields) == ["type", *shape], "a line has other fields than it should")
    if fields["type"] == "e2esync log":
        want(fields["version"] == 1, "a newer format; a newer reader is needed")
    for name, inner in shape.items():
        want(_fits_line(fields[name], inner), f"{name}: not as the format has it")
    return dict(fields)


def _fits_line(value: Any, shape: Any) -> bool:  # noqa: ANN401
    if shape is dict:
        return type(value) is dict and all(type(each) is str for each in value.values())
    return _fits(value, shape, "a line")


def dumps(fields: Any) -> bytes:  # noqa: ANN401
    """Write a line in its one form (§13.1)."""
    return json.dumps(fields, separators=(",", ":")).encode("ascii") + b"\n"


def from_hex(text: str, size: int) -> bytes:
    """Return bytes from hex."""
    want(re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text) is not None, "hex digits are not as they should be")
    return bytes.fromhex(text)


def from_base64(text: str) -> bytes:
    """Return bytes from base64, which has one form."""
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError as e:
        raise Bad("base64 is not as it should be") from e
    want(to_base64(content) == text, "base64 is not as it should be")
    return content


def to_base64(content: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(content).decode("ascii")


# --- §13.3 what a push did ------------------------------------------------------------------------


def differing(
    log: LogFile, roots: list[tuple[bytes, int] | None]
) -> Iterator[tuple[bytes, list[bytes | None]]]:
    """Yield the nodes that are not the same in all trees, with their values; pages that all have are not looked at."""
    fronts: list[list[Span]] = [[] for _ in roots]
    for level in range(LEVELS_MOST, -1, -1):
        for front, root in zip(fronts, roots, strict=True):
            if root is not None and root[1] == level:
                front.append(Span((root[0], b"", None)))
        everywhere = set.intersection(*({span[0] for span in front} for front in fronts))
        fronts = [[span for span in front if span[0] not in everywhere] for front in fronts]
        if level:
            fronts = [
                [below for span in front for below in _spans_below(log, span, level)] for front in fronts
            ]
    trees = [_numbered(log, n, front) for n, front in enumerate(fronts)]
    for key, group in groupby(heapq.merge(*trees), key=itemgetter(0)):
        values: list[bytes | None] = [None] * len(roots)
        for _, n, value in group:
            values[n] = value
        if any(value != values[0] for value in values):
            yield key, values


def _spans_below(log: LogFile, span: Span, level: int) -> Iterator[Span]:
    after = span[1]
    for last, page in log.items(span, level):
        yield Span((page, after, last))
        after = last


def _numbered(log: LogFile, n: int, spans: list[Span]) -> Iterator[tuple[bytes, int, bytes]]:
    for span in spans:
        for key, value in log.items(span, 0):
            yield key, n, value


def can_be_told(log: LogFile, push: LoggedPush) -> bool:
    """Say whether the file has all pages from which a push is told."""
    try:
        for _ in tell_push(log, push):
            pass
    except Absent:
        return False
    return True


def tell_push(log: LogFile, push: LoggedPush) -> Iterator[bytes]:
    """Yield the lines of the changes of a push (§13.3)."""
    root = push.snapshot[6]
    roots = [(root[0], root[1]) if root else None, *(old.root for old in push.olds)]
    for key, (now, *before) in differing(log, roots):
        kind = split_key(key)[2]
        for change, path, content, origin in _changes_of(log, push, key, now, before):
            yield _change_line(push, (key, kind), change, path, content, origin)


Told = tuple[str, bytes, Value | None, bytes | None]  # change, path, content, origin


def _changes_of(
    log: LogFile, push: LoggedPush, key: bytes, now: bytes | None, before: list[bytes | None]
) -> Iterator[Told]:
    """Yield what a push did to a node."""
    kind = key[-5]
    was, entries = _together(push, key, before), _entries(key, now)
    if not entries:
        contents = _folded(kind, was)[1] if was else []
        if was and not (kind == DIRECTORY and not any(c.told for c in contents)):
            yield "deleted", _path_before(log, push, key, was), shown_contents(kind, contents)[0], None
        return
    first = shown_contents(kind, _folded(kind, entries)[1])[0]
    own = [open_entry(kind, entry) for entry in entries if (entry[0][0], entry[2]) == push.dot]
    if not own:
        if push.whole and entries != was:
            yield "settled", _path_now(log, push, key, entries), first, None
        return
    places, contents, attributes = (
        [value for value in field_ if (value.device, value.sequence) == push.dot] for field_ in own[0].fields
    )
    path = _path_now(log, push, key, entries)
    if kind == DIRECTORY and not all(c.told for c in contents):
        yield "deleted", path, None, None
        return
    origin = _path_before(log, push, key, was) if was and places else path
    if origin != path:
        yield "moved", path, contents[0] if contents else first, origin
    for content in contents:
        yield "changed" if was or len(own[0].past) > 1 else "added", path, content, None
    if not contents and origin == path:
        yield "mode" if attributes else "settled", path, first, None


def _entries(key: bytes, value: bytes | None) -> Entries:
    return parse_value(key[-5], value, lambda _device, _sequence: True) if value is not None else []


def _folded(kind: int, entries: Entries) -> Fields:
    return fold([open_entry(kind, entry) for entry in entries])


def _together(push: LoggedPush, key: bytes, values: list[bytes | None]) -> Entries:
    """Return what a node was: the join of what the trees have, or what the first of them has (§13.3)."""
    sides = [_entries(key, value) for value in values]
    seen = [old.seen for old in push.olds if old.seen is not None]
    if not push.whole or len(seen) < len(sides):
        return next((side for side in sides if side), [])
    entries, known = sides[0], seen[0]
    for side, its in zip(sides[1:], seen[1:], strict=True):
        if entries != side:
            entries = join_node(key[-5], entries, side, known, its)
        known = newer(known, its)
    return entries


def _path_now(log: LogFile, push: LoggedPush, key: bytes, entries: Entries) -> bytes:
    root = push.snapshot[6]
    return _path(
        log, key, entries, lambda above: _entries(above, log.value(root and (root[0], root[1]), above))
    )


def _path_before(log: LogFile, push: LoggedPush, key: bytes, was: Entries) -> bytes:
    def was_of(above: bytes) -> Entries:
        return _together(push, above, [log.value(old.root, above) for old in push.olds])

    return _path(log, key, was, was_of)


def _path(log: LogFile, key: bytes, entries: Entries, entries_of: Callable[[bytes], Entries]) -> bytes:
    """Return the path of a node by its places (§13.3)."""
    names: list[bytes] = []
    passed = {key}
    while entries and len(names) < 1024:
        parent, name, _ = standing(key, _folded(key[-5], entries)[0])
        names.append(name)
        if parent == ROOT:
            return b"/".join(reversed(names))
        above = log.directory(parent)
        if above is None or above in passed:
            break
        passed.add(above)
        key, entries = above, entries_of(above)
    return b"/".join([b"?", *reversed(names)])


def _change_line(
    push: LoggedPush,
    node: tuple[bytes, int],
    change: str,
    path: bytes,
    content: Value | None,
    origin: bytes | None,
) -> bytes:
    """Write the line of a change (§13.4)."""
    key, kind = node
    device, sequence = push.dot
    named = key
    if content is not None:
        told = (b"here" if content.told else b"") if kind == DIRECTORY else content.told
        named = key + content.device + u64(content.sequence) + u64(content.j) + told
    file = content if kind == FILE else None
    moment = datetime.fromtimestamp(min(push.snapshot[11], LAST_SECOND), UTC)
    return dumps(
        {
            "type": "change",
            "change": change,
            "time": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "device": device.hex(),
            "device_name": push.head.names[0],
            "person": push.head.names[1],
            "sequence": sequence,
            "kind": KIND_NAMES[kind],
            **_text_or_base64("path", path),
            **_text_or_base64("from", origin),
            "size": file.form[2] if file else None,
            "hash": file.told.hex() if file else None,
            **_text_or_base64("target", content.told if content and kind == SYMLINK else None),
            "version": f"{device.hex()[:8]}-{sequence}-{hashlib.sha256(named).hexdigest()[:8]}",
            "node": to_base64(key),
        }
    )


def _text_or_base64(name: str, told: bytes | None) -> dict[str, str | None]:
    try:
        return {name: told.decode() if told is not None else None, f"{name}_b64": None}
    except UnicodeDecodeError:
        return {name: None, f"{name}_b64": to_base64(told or b"")}


# --- §13 the command ------------------------------------------------------------------------------


def check_log(arguments: list[str]) -> None:
    """Check an exported log, and say what it proves."""
    parser = argparse.ArgumentParser(
        prog="read_without_e2esync.py check-log",
        description="Check what `e2esync log --export` wrote (format §13).",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the exported log")
    parser.add_argument(
        "--fingerprint",
        required=True,
        metavar="F",
        help="fingerprint or safety number of the vault's owner, from elsewhere than the file",
    )
    parser.add_argument("--content", type=Path, metavar="FILE", help="say which versions had this content")
    given = parser.parse_args(arguments[1:])
    with tempfile.TemporaryDirectory() as folder:
        tables = sqlite3.connect(Path(folder) / "log.tables", isolation_level=None)
        try:
            tables.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;" + LOG_TABLES)
            log = LogFile(tables, owner_of_text(given.fingerprint))
            read_log(log, given.file, given.content)
        finally:
            tables.close()
    sys.stdout.write("".join(f"{sentence}\n" for sentence in said_of(log, given.content)))


def owner_of_text(text: str) -> Callable[[bytes], bool]:
    """Return what says whether a fingerprint is the one that was given, whole or as a safety number (§3.2)."""
    given = re.sub(r"[\s-]", "", text).lower()
    if re.fullmatch(HEX32, given):
        return lambda print_: print_.hex() == given
    if re.fullmatch("[0-9]{40}", given):
        return lambda print_: safety_number(print_).replace(" ", "") == given
    raise Mistyped("a fingerprint has 64 hex digits, a safety number 40 digits")


def read_log(log: LogFile, path: Path, content: Path | None) -> None:
    """Check all lines of a file, and name the first that is not good."""
    if content is not None:
        log.content = b""  # it is asked for; the key comes with the first line
    with path.open("rb") as f:
        number = 0
        while line := f.readline(LINE_MOST + 1):
            number += 1
            try:
                want(len(line) <= LINE_MOST, "a line that is too long")
                log.take(line)
                if number == 1 and content is not None:
                    log.content = hash_of_file(log.keys["content hash"], content)
            except Bad as e:
                raise Bad(f"line {number}: {e}") from e
    want(log.stage == END_STAGE, f"line {number + 1}: the file is cut off")


def hash_of_file(key: bytes, path: Path) -> bytes:
    """Return the content hash of a file on this disk (§6.2)."""
    whole = blake3(key=key)
    with path.open("rb") as f:
        while part := f.read(MIB):
            whole.update(part)
    return whole.digest()


def said_of(log: LogFile, content: Path | None) -> Iterator[str]:
    """Yield what was proven, and what was not (§13.5)."""
    names = ", ".join(sorted(ascii(head.names[0]) for head in log.heads.values())) or "none"
    yield f"The log of the vault {log.vault.id.hex()} holds together; every line was checked."
    yield f"Proven: {log.changes} changes in {log.told} pushes, each signed by the device that made it. Devices: {names}."
    begin = datetime.fromtimestamp(min(log.since, LAST_SECOND), UTC)
    span = f"since {begin:%Y-%m-%dT%H:%M:%SZ}" if log.since else "from the first push on"
    whose = f" of the devices called {log.only!a}" if log.only is not None else ""
    yield f"Complete: all pushes{whose} {span}, as far as the devices in the file have seen each other; nothing is left out in between."
    for device in log.faulty:
        name = f"{log.heads[device].names[0]!a} ({device.hex()})" if device in log.heads else device.hex()
        yield f"At fault: the device {name} has signed two histories, which is proven; of its own pushes those of one are listed at most, as far as they were joined."
    if log.pushes > log.told:
        yield f"Not told: {log.pushes - log.told} more pushes, which were signed, but what they did is not in the file: pruned, or left out."
    if log.parts:
        yield f"In part: of {log.parts} pushes not all is there that they had taken in; what they deleted may be another device's deletion."
    yield "Times are those of the devices' clocks. Not proven: that nothing newer exists, who sat at a device, or what it calls itself."
    if content is not None:
        yield (
            f"{str(content)!a} is the content of {len(log.found)} changes:"
            if log.found
            else (f"{str(content)!a} is the content of no change in this log.")
        )
    for change in log.found:
        path = ascii(change["path"] if change["path"] is not None else change["path_b64"])
        told = f"{change['time']} {change['device_name']!a} {change['change']} {path}"
        yield f"  {told} (version {change['version']})"


# --- the whole ------------------------------------------------------------------------------------


def check_all_snapshots(vault: Vault, heads: list[Head], blobs: Blobs) -> None:
    """Open every earlier snapshot of every device: each names the one before it (§8.1, §8.2)."""
    for head in heads:
        before = None
        for sequence, hash_ in enumerate([*read_history(head, blobs), head.hash], 1):
            body = blobs.page(SNAPSHOT_BLOB, keyed_id(vault.secret, "snapshot id", hash_))
            found, snapshot = open_snapshot(vault, head.device, body)
            want((found, snapshot[4], snapshot[5]) == (hash_, sequence, before), "the snapshots of a device")
            before = hash_


def read_vault(vault: Vault, known: list[Known], stage: Path, *, deep: bool) -> sqlite3.Connection:
    """Verify one vault and write it to `stage/tree/<vault id>`."""
    tables = open_tables(stage / f"{vault.id.hex()}.tables")
    blobs, heads = Blobs(vault, tables), read_heads(vault)
    for index in sorted({index for head in heads for index in head.indexes}):
        blobs.add_index(index)
    tables.execute("CREATE INDEX by_prefix ON rows (prefix)")
    good = good_heads(vault, heads, blobs, known)
    read_trees(blobs, newest_heads(good))
    show_tree(tables, vault.secret)
    if deep:
        tables.execute("CREATE INDEX by_source ON rows (source)")
        blobs.check_deep(index for head in good for index in head.indexes)
        check_all_snapshots(vault, good, blobs)
    write_tree(blobs, heads, os.fsencode(stage / "tree" / vault.id.hex()))
    return tables


def choose_vaults(store: Store, me: Card, known: list[Known], only: str | None) -> dict[bytes, Card]:
    """Return the vaults of this identity with the cards of their owners.

    Anybody who can write into the store can make a vault and name this identity a member of it. So a vault counts
    only if this identity owns it, or if one of its own records names it.
    """
    named = {(k.vault, k.owner) for k in known}
    chosen = {}
    for m in store.names("vaults", HEX32):
        vault = bytes.fromhex(m[0])
        owner = owner_of(store, vault)
        if owner is not None and (owner == me.fingerprint or (vault, owner) in named):
            chosen[vault] = me if owner == me.fingerprint else load_card(store, owner)
    for vault in {vault for vault, _ in named} - set(chosen):
        sys.stderr.write(
            f"warning: the own records name the vault {vault.hex()}, which is not in this copy\n"
        )
    chosen = {vault: owner for vault, owner in chosen.items() if only is None or vault.hex().startswith(only)}
    if not chosen:
        raise NoVault("these words open no vault in this store")
    return chosen


def directory_names(vaults: Iterable[bytes], known: list[Known]) -> dict[bytes, str]:
    """Name each vault's directory: by an own record, made safe, or by its id's first 16 digits."""
    names: dict[bytes, str] = {}
    for vault in vaults:
        given = next((k.name for k in known if k.vault == vault), "")
        name = re.sub(r"[^\w .-]", "_", given).strip(" .")[:80] or vault.hex()[:16]
        taken = name.casefold() in {other.casefold() for other in names.values()}
        names[vault] = f"{name} {vault.hex()[:16]}" if taken else name
    return names


def read_store(store: Store, words: Words, stage: Path, only: str | None, *, deep: bool) -> list[str]:
    """Turn everything that the words open into `stage/tree`, and return the names of its directories."""
    if not store.names(f"people/{words.fingerprint.hex()}", "card-.*"):
        raise NoVault("these words open nothing in this store")
    me = load_card(store, words.fingerprint)
    want(me.fingerprint == words.fingerprint, "a card of somebody else")
    identity = open_card_keys(store, words, me)
    refuse_retired(store, me)
    known = read_own_records(store, me, identity)
    owners = choose_vaults(store, me, known, only)
    (stage / "tree").mkdir()
    done = [
        (vault, read_vault(open_vault(store, vault, owner, me, identity), known, stage, deep=deep))
        for vault, owner in owners.items()
    ]
    names = directory_names(owners, known)
    for vault, tables in done:
        place = stage / "tree" / vault.hex()
        finish_tree(tables, os.fsencode(place))
        tables.close()
        place.rename(stage / "tree" / names[vault])
    return list(names.values())


def run(arguments: argparse.Namespace) -> None:
    """Read, verify and stage everything beside DEST; then one rename shows it."""
    dest: Path = arguments.dest
    if dest.is_symlink() or (dest.exists() and (not dest.is_dir() or any(dest.iterdir()))):
        raise Mistyped(f"{dest} is there already, and not empty")
    words = keys_of_words(entropy_of(arguments.recovery_file.read_text(encoding="utf-8")))
    stage = Path(tempfile.mkdtemp(prefix=f".{dest.name}-", dir=dest.absolute().parent))
    try:
        names = read_store(Store(arguments.store), words, stage, arguments.vault, deep=arguments.deep)
        (stage / "tree").rename(dest)
    finally:
        remove(stage)
    sys.stdout.write("".join(f"{dest / name}\n" for name in names))


def remove(stage: Path) -> None:
    """Remove a directory and what is in it, also where its permissions forbid that."""
    for folder, below, _ in os.walk(stage):
        for path in (Path(folder, name) for name in below):
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(stage)


def main(argv: list[str] | None = None) -> int:
    """Parse the command line; return the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    return guarded(check_log if arguments[:1] == ["check-log"] else read_files, arguments)


def guarded(command: Callable[[list[str]], None], arguments: list[str]) -> int:
    """Run a command; return the exit code."""
    try:
        command(arguments)
    except Stop as e:
        sys.stderr.write(f"error: {e}\n")
        return e.code
    except (OSError, sqlite3.Error) as e:
        sys.stderr.write(f"error: {e}\n")
        return 1
    return 0


def read_files(arguments: list[str]) -> None:
    """Turn a store and words into files."""
    parser = argparse.ArgumentParser(
        description="Turn a copied e2esync store and its recovery words into files."
    )
    parser.add_argument(
        "store", type=Path, metavar="STORE_COPY", help="a directory with the object keys as paths"
    )
    parser.add_argument("dest", type=Path, metavar="DEST", help="a directory that is not there yet, or empty")
    parser.add_argument(
        "--recovery-file", type=Path, required=True, metavar="F", help="the 24 words; # comments"
    )
    parser.add_argument("--vault", metavar="ID", help="only the vault whose id begins so")
    parser.add_argument(
        "--deep", action="store_true", help="hash every pack whole; open every earlier snapshot"
    )
    run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
