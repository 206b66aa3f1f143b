"""O1, O2, O4: what the client asks of the store never depends on how opening failed, and bombs do not go off."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import zstandard

from e2esync.errors import E2ESyncError
from e2esync.format import names
from e2esync.format.cbor import decode
from e2esync.format.names import Kind
from e2esync.tree import keys
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import ROOT, node_key
from e2esync.tree.lists import ListRoot, Reference
from e2esync.tree.pages import Root
from e2esync.tree.values import FileContent
from e2esync.vault.cipher import BlobKind
from moto_fixtures.hostile_record import Request
from tests.attacks import forge_defences  # noqa: F401 - adds defences that can be switched off
from tests.attacks.arena import Arena, AttackSucceeded, bnd, det, row, same
from tests.attacks.forge_tree import Forger, item
from tests.engine.world import Dev

MEMORY = 40 << 20  # bytes of one refusal
BOMB = 320 << 20  # bytes that a small object claims to be
CROWD = 1_100_000  # items of one byte each
CONTENT = random.Random(5).randbytes(30_000)


# --- O1, O2 --------------------------------------------------------------------------------------


def stored(dev: Dev, name: bytes) -> tuple[FileContent, str, int, int]:
    """A file's content, and the key, start and length of its one sealed chunk."""
    value = dev.vault.state.node(node_key(ROOT, name, keys.Kind.FILE))
    assert value is not None
    content = decode_entries(decode(value), keys.Kind.FILE)[0].contents[0]
    assert isinstance(content, FileContent)
    assert not isinstance(content.chunks, ListRoot)
    (reference,) = content.chunks
    place = dev.vault.catalogue.find(reference.id)[0]
    return content, names.pack(dev.keys.vault_id, place.pack), place.start, place.length


def variants(dev: Dev, content: FileContent, sealed: bytes) -> dict[str, bytes]:
    """Sealed chunks of one length that fail at every check there is, from the tag to the last byte of the content."""
    cipher = dev.vault.cipher.file_key(content.keys[0])
    room, vault, chance = len(sealed) - 28, dev.keys.vault_id, random.Random(1)
    made = {}
    for n in range(20):
        at = [0, 11, 12, len(sealed) - 1, len(sealed) - 16][n] if n < 5 else chance.randrange(len(sealed))
        made[f"byte {at} flipped"] = sealed[:at] + bytes([sealed[at] ^ 1 << n % 8]) + sealed[at + 1 :]
    made |= {"zeros": bytes(len(sealed)), "noise": chance.randbytes(len(sealed)), "turned": sealed[::-1]}

    def resealed(data: bytes, context: bytes = vault) -> bytes:
        return cipher._sealer.seal(data.ljust(room, b"\0")[:room], context=context)

    frame = zstandard.ZstdCompressor(level=1).compress
    plain = b"\x00" + CONTENT
    made |= {
        "another content": resealed(b"\x00" + chance.randbytes(room - 1)),
        "the last byte": resealed(plain[:-1] + bytes([plain[-1] ^ 1])),
        "the first byte": resealed(b"\x00" + bytes([plain[1] ^ 1]) + plain[2:]),
        "an unknown method": resealed(b"\x02" + CONTENT),
        "a method beyond": resealed(b"\xff" + CONTENT),
        "no frame": resealed(b"\x01" + chance.randbytes(room - 1)),
        "a frame with more behind": resealed(b"\x01" + frame(CONTENT[:1000])),
        "a frame of zeros": resealed(b"\x01" + frame(bytes(len(CONTENT)))),
        "a frame that claims too much": resealed(b"\x01" + frame(bytes(1 << 22))),
        "a frame without its size": resealed(b"\x01" + _unsized(b"x" * 100)),
        "a frame that is cut": resealed(b"\x01" + frame(chance.randbytes(room))),
        "nothing": resealed(b"\x00"),
        "another vault": resealed(plain, bytes(32)),
        "no vault": resealed(plain, b""),
        "a page": resealed(plain, vault + b"\x01"),
        "another key": dev.vault.cipher.new_file_key()[1].seal(CONTENT),
        "another epoch": dev.vault.cipher._pages[dev.vault.cipher.epoch].seal(plain, context=vault),
    }
    assert {len(body) for body in made.values()} == {len(sealed)}
    return made


def _unsized(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1, write_content_size=False).compress(data)


def trace(arena: Arena, command: Callable[[], object]) -> list[Request]:
    start = len(arena.store.requests)
    det(command)
    return arena.store.requests[start:]


def forty_variants(arena: Arena) -> None:
    """Damage one chunk in forty ways; what the client asks, tries again and writes is the same each time."""
    laptop, desk = arena.pair()
    (laptop.root / "target").write_bytes(CONTENT)
    laptop.push()
    content, key, start, length = stored(laptop, b"target")
    body = arena.store.body(key)
    made = variants(laptop, content, body[start : start + length])
    assert len(made) >= 40
    first: dict[str, list[Request]] = {}
    again: dict[str, list[Request]] = {}
    for n, (name, sealed) in enumerate(made.items()):
        arena.store.inject(key, body[:start] + sealed + body[start + length :])
        if n % 6 == 0:  # as a device sees it for the first time
            newcomer = arena.newcomer(f"newcomer {n}")
            first[name] = trace(arena, newcomer.pull)
            arena.drop(newcomer)
        if n == 0:
            det(desk.pull)  # what it has to look at once
        again[name] = trace(arena, desk.pull)
        arena.store.honest()
    for traces in (first, again):
        same(traces)
        if any(request.verb in {"PUT", "DELETE"} for made in traces.values() for request in made):
            raise AttackSucceeded("a failed pull has written something")
    arena.pulls(desk)


test_forty_damaged_chunks_make_the_same_requests = row("O1", shows=["G15"], weaknesses=["silence"])(
    forty_variants
)
test_no_damage_is_tried_again_more_often = row("O2", shows=["G15"], weaknesses=["no second try"])(
    forty_variants
)


@row("O1", shows=["G15"], weaknesses=[])
@pytest.mark.parametrize("kind", [Kind.HEAD, Kind.INDEX])
def test_damaged_records_make_the_same_requests_wherever_they_are_damaged(arena: Arena, kind):
    laptop, _ = arena.pair()
    arena.edit(laptop)
    laptop.push()
    key = arena.head_of(laptop) if kind is Kind.HEAD else arena.keys(kind)[0]
    body = arena.store.body(key)
    traces = {}
    for at in (0, 31, 32, 43, 44, 60, len(body) // 2, len(body) - 17, len(body) - 1):
        arena.store.flip(key, at)
        start = len(arena.store.requests)
        arena.newcomer_refuses()
        traces[f"byte {at}"] = arena.store.requests[start:]
        arena.store.honest()
    same(traces)


# --- O4 ------------------------------------------------------------------------------------------


def bomb() -> bytes:
    """A few kilobytes that are very much more."""
    frame = zstandard.ZstdCompressor(level=19).compress(bytes(BOMB))
    assert len(frame) < 64 << 10
    return b"\x01" + frame


@row("O4", shows=["G17"], weaknesses=["stated sizes"])
@pytest.mark.parametrize("where", ["a chunk", "a page"])
def test_a_bomb_of_zstd_does_not_go_off(arena: Arena, where):
    laptop, _ = arena.pair()
    forger = Forger(arena.world.keys, arena.store)
    if where == "a page":
        sealed = forger.cipher._pages[forger.cipher.epoch].seal(
            bomb(), context=forger.cipher.vault_id + b"\x01"
        )
        forger.publish_root(Root(forger.body(BlobKind.TREE_PAGE, b"what it should be", sealed=sealed), 0))
    else:
        publish_chunk(forger, bomb())
    with bnd(arena.store, memory=MEMORY):
        arena.refuses(laptop, recovers=False)


def publish_chunk(forger: Forger, data: bytes) -> None:
    """Publish a file with a chunk that is sealed well, and opens to this."""
    key, cipher = forger.cipher.new_file_key()
    chunk_id = cipher.chunk_id(b"x")
    sealed = cipher._sealer.seal(data, context=forger.cipher.vault_id)
    forger._add(forger._chunks, chunk_id, sealed, is_chunk=True)
    content = forger.text(b"x")
    content = content._replace(keys=(key,), chunks=(Reference(0, chunk_id, 1),))
    forger.publish(
        [item(node_key(ROOT, b"bomb", keys.Kind.FILE), [forger.entry(content, 0o644)])], context={}
    )


@row("O4", shows=["G17"], weaknesses=["crowds"])
def test_a_bomb_of_arrays_does_not_go_off(arena: Arena):
    """A record that is nothing but empty arrays, where no signature was looked at yet."""
    arena.pair()
    fingerprint = arena.world.keys.identity.public.fingerprint.hex()
    crowd = b"\x9a" + CROWD.to_bytes(4, "big") + b"\x80" * CROWD
    for key in (arena.keys(Kind.MEMBERS)[0], f"people/{fingerprint}/own-{'0' * 32}"):
        arena.store.inject(key, crowd)
        with bnd(arena.store, memory=MEMORY):
            arena.newcomer_refuses()
        arena.store.honest()


PARSED = {
    "arrays in arrays": b"\x81" * 4000 + b"\x80",
    "a length without content": b"\x9b" + b"\xff" * 8,
    "bytes without end": b"\x5b" + b"\x7f" + b"\xff" * 7,
    "a map without end": b"\xbb" + b"\x00" * 4 + b"\xff" * 4,
    "indefinite": b"\x9f" * 1000,
    "a large number": b"\xc2\x5a\x00\x0f\x00\x00" + bytes(0xF0000),
    "tags in tags": b"\xc1" * 10_000 + b"\x00",
}


@row("O4", shows=["G17"], weaknesses=[])
@pytest.mark.parametrize("record", PARSED.values(), ids=PARSED)
def test_no_form_of_cbor_takes_memory_or_time(arena: Arena, record):
    arena.pair()
    for kind in (Kind.MEMBERS, Kind.GENESIS, Kind.CARD, Kind.CARD_KEYS):
        arena.store.inject(arena.keys(kind)[0], record)
        with bnd(arena.store, memory=MEMORY):
            arena.newcomer_refuses(E2ESyncError)
        arena.store.honest()
