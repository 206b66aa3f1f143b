"""The keys of objects in a store, built and parsed; and how large each object may be (format §2).

What does not parse is no business of ours, and ignored: a parser returns `None`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_HASH, _DEVICE, _NUMBER = "[0-9a-f]{64}", "[0-9a-f]{32}", "[1-9][0-9]{0,19}"
_U64_END = 2**64
KIB, MIB = 2**10, 2**20


class Kind(Enum):
    """The kinds of objects: pattern of the key, and most bytes."""

    CARD = (f"people/(?P<owner>{_HASH})/card-(?P<number>{_NUMBER})-(?P<id>{_HASH})", 16 * KIB)
    CARD_KEYS = (f"people/(?P<owner>{_HASH})/keys-(?P<number>{_NUMBER})-(?P<id>{_HASH})", 256 * KIB)
    OWN_RECORD = (f"people/(?P<owner>{_HASH})/own-(?P<id>{_DEVICE})", 4 * MIB)
    RETIRED = (f"people/(?P<owner>{_HASH})/retired-(?P<id>{_DEVICE})", 16 * KIB)
    GENESIS = (f"vaults/(?P<owner>{_HASH})/genesis", 16 * KIB)
    MEMBERS = (f"vaults/(?P<owner>{_HASH})/members/(?P<number>{_NUMBER})-(?P<id>{_HASH})", 4 * MIB)
    HEAD = (f"vaults/(?P<owner>{_HASH})/heads/(?P<id>{_DEVICE})", 4 * MIB)
    PRUNE_MARK = (f"vaults/(?P<owner>{_HASH})/heads/(?P<id>{_DEVICE})\\.prune", 4 * MIB)
    PACK = (
        f"vaults/(?P<owner>{_HASH})/packs/(?P<fan>[0-9a-f]{{2}})/(?P<id>(?P=fan)[0-9a-f]{{62}})",
        16 * MIB,
    )
    INDEX = (f"vaults/(?P<owner>{_HASH})/index/(?P<id>{_HASH})", 64 * MIB)

    def __init__(self, pattern: str, most_bytes: int) -> None:
        self.pattern = re.compile(pattern)
        self.most_bytes = most_bytes


@dataclass(frozen=True, slots=True)
class Name:
    """A key, taken apart."""

    kind: Kind
    owner: bytes  # fingerprint, or vault id
    number: int | None  # of cards, card keys and membership records
    id: bytes | None  # hash, device id or object id; `None` for a genesis


def parse(key: str) -> Name | None:
    """Return the parts of a key, or `None` if it is not one of ours."""
    for kind in Kind:
        if match := kind.pattern.fullmatch(key):
            parts = match.groupdict()
            number = int(parts["number"]) if "number" in parts else None
            if number is not None and number >= _U64_END:
                return None
            identifier = bytes.fromhex(parts["id"]) if "id" in parts else None
            return Name(kind, bytes.fromhex(parts["owner"]), number, identifier)
    return None


def card(fingerprint: bytes, number: int, card_hash: bytes) -> str:
    """Return the key of a card."""
    return f"{people(fingerprint)}card-{number}-{card_hash.hex()}"


def card_keys(fingerprint: bytes, number: int, keys_hash: bytes) -> str:
    """Return the key of card keys."""
    return f"{people(fingerprint)}keys-{number}-{keys_hash.hex()}"


def own_record(fingerprint: bytes, device: bytes) -> str:
    """Return the key of the own record of a device."""
    return f"{people(fingerprint)}own-{device.hex()}"


def retired(fingerprint: bytes, device: bytes) -> str:
    """Return the key of the record that ends a device."""
    return f"{people(fingerprint)}retired-{device.hex()}"


def people(fingerprint: bytes) -> str:
    """Return the prefix of all that belongs to one person."""
    return f"people/{fingerprint.hex()}/"


def vault_prefix(vault: bytes) -> str:
    """Return the prefix of all that belongs to one vault."""
    return f"vaults/{vault.hex()}/"


def genesis(vault: bytes) -> str:
    """Return the key of a vault's genesis."""
    return f"vaults/{vault.hex()}/genesis"


def members(vault: bytes, number: int, record_hash: bytes) -> str:
    """Return the key of a membership record."""
    return f"{members_prefix(vault)}{number}-{record_hash.hex()}"


def members_prefix(vault: bytes) -> str:
    """Return the prefix of a vault's membership records."""
    return f"vaults/{vault.hex()}/members/"


def head(vault: bytes, device: bytes) -> str:
    """Return the key of a device's head."""
    return f"{heads_prefix(vault)}{device.hex()}"


def prune_mark(vault: bytes, device: bytes) -> str:
    """Return the key of a device's prune mark."""
    return f"{heads_prefix(vault)}{device.hex()}.prune"


def heads_prefix(vault: bytes) -> str:
    """Return the prefix of a vault's heads and prune marks."""
    return f"vaults/{vault.hex()}/heads/"


def pack(vault: bytes, pack_id: bytes) -> str:
    """Return the key of a pack."""
    name = pack_id.hex()
    return f"vaults/{vault.hex()}/packs/{name[:2]}/{name}"


def packs_prefix(vault: bytes) -> str:
    """Return the prefix of a vault's packs."""
    return f"vaults/{vault.hex()}/packs/"


def index(vault: bytes, index_id: bytes) -> str:
    """Return the key of an index."""
    return f"vaults/{vault.hex()}/index/{index_id.hex()}"
