"""What whoever runs the store learns without any key: derived from its objects and requests alone.

Every leaf of what stands in clear has an entry in `CLEAR`, by kind of object and by place: a feature of
people and vaults, or `NOISE`: keys, signatures, hashes and ciphertexts. What has none is a leak.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping

from e2esync.format import names
from e2esync.format.cbor import decode
from e2esync.format.names import Kind
from e2esync.format.padding import padme as _padme
from e2esync.vault.packs import PACK_SIZE
from moto_fixtures.hostile_record import Request

NOISE = ""
UNLISTED = "something that no list has"
SIZES, EXACT = "padded sizes", "exact sizes"
COUNTS, TIMES, COMING = "numbers of objects", "when a device reads and writes", "devices that come"
PEOPLE, DEVICES, CARDS, MEMBERS = (
    "fingerprints",
    "devices of a person",
    "cards of a person",
    "members of a vault",
)
ROLES, RECORDS, EPOCHS, GONE = "roles of members", "membership records", "epochs", "devices that go"

# Places are keys of maps and indexes of arrays, from the outside in; "*" is any index. A signed record's are
# those of its payload.
CLEAR: dict[Kind, dict[tuple[object, ...], str]] = {
    Kind.CARD: {(n,): CARDS if n == 4 else NOISE for n in range(1, 8)},
    Kind.CARD_KEYS: {
        (1,): NOISE,
        (2,): PEOPLE,
        (3,): CARDS,
        (4,): NOISE,
        (5, "*", 0): NOISE,
        (5, "*", 1): NOISE,
    },
    Kind.GENESIS: {(1,): NOISE, (2,): MEMBERS, (3,): NOISE, (4,): NOISE},
    Kind.MEMBERS: {
        (1,): NOISE,
        (2,): NOISE,
        (3,): RECORDS,
        (4, "*"): RECORDS,
        (5, "*", 0): MEMBERS,
        (5, "*", 1): CARDS,
        (5, "*", 2): NOISE,
        (5, "*", 3): ROLES,
        (5, "*", 4): NOISE,
        (6,): EPOCHS,
        (7, "*"): NOISE,
        (8,): NOISE,
        (9, "*", 0): GONE,
        (9, "*", 1): TIMES,
        (9, "*", 2): NOISE,
    },
    Kind.OWN_RECORD: {(0, "*", 0): NOISE, (0, "*", 1): NOISE, (1,): NOISE},
}
_RECORDS = {Kind.CARD, Kind.CARD_KEYS, Kind.GENESIS, Kind.MEMBERS}  # signed, not sealed
_OF_NAMES: dict[Kind, tuple[str, ...]] = {
    Kind.CARD: (PEOPLE, CARDS),
    Kind.CARD_KEYS: (PEOPLE, CARDS),
    Kind.OWN_RECORD: (PEOPLE, DEVICES, COMING),
    Kind.GENESIS: (MEMBERS,),
    Kind.MEMBERS: (RECORDS,),
    Kind.HEAD: (DEVICES, TIMES),
    Kind.INDEX: (COUNTS,),
    Kind.PACK: (COUNTS,),
}


def measured(bodies: Mapping[str, bytes], requests: Iterable[Request]) -> set[str]:
    """Return the features that a session shows to the store."""
    found = {TIMES for request in requests if request.verb in {"GET", "PUT"}}
    for key, body in bodies.items():
        name = names.parse(key)
        if name is None or name.kind not in _OF_NAMES:
            found.add(UNLISTED)
            continue
        found.update(_OF_NAMES[name.kind])
        found.update(_of_body(name.kind, body))
        if name.kind in {Kind.HEAD, Kind.INDEX, Kind.PACK, Kind.OWN_RECORD}:
            found.add(SIZES if len(body) in {PACK_SIZE, _padme(len(body))} else EXACT)
    return found - {NOISE}


def _of_body(kind: Kind, body: bytes) -> Iterator[str]:
    if kind not in CLEAR:  # sealed but for the record in whose epoch it opens
        yield EPOCHS if kind in {Kind.HEAD, Kind.INDEX} else NOISE
        yield _noise(body[32:])
        return
    value = decode(body)
    if kind in _RECORDS:
        yield _noise(value[1])
        value = decode(value[0])
    for place, leaf in _leaves(value, ()):
        feature = next((what for pattern, what in CLEAR[kind].items() if _fits(place, pattern)), UNLISTED)
        yield feature
        if feature == NOISE and isinstance(leaf, bytes):
            yield _noise(leaf)


def _leaves(value: object, place: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], object]]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, (*place, key))
    else:
        yield place, value


def _fits(place: tuple[object, ...], pattern: tuple[object, ...]) -> bool:
    return len(place) == len(pattern) and all(b in {"*", a} for a, b in zip(place, pattern, strict=True))


def _noise(data: bytes) -> str:
    """Whether bytes look random: what compresses is no key, no hash and no ciphertext."""
    return UNLISTED if len(zlib.compress(data, 9)) < len(data) * 0.98 else NOISE
