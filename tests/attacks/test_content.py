"""Rows C1 to C10: what a store can do with sealed contents, however well it knows where they lie."""

from __future__ import annotations

import random
from functools import partial
from itertools import permutations, product
from typing import Any

import boto3
import pytest

from e2esync.adapters.stores.memory import MemoryStore
from e2esync.adapters.stores.s3 import S3Store
from e2esync.errors import E2ESyncError, IntegrityError, NewerFormat
from e2esync.format.names import Kind
from e2esync.format.sealedmessage import SEGMENT_SIZE, SealedMessage
from e2esync.vault import message
from e2esync.vault.identity import Identity
from e2esync.vault.keyring import create_vault
from moto_fixtures.hostile_record import Request
from tests.attacks import forge_switches  # noqa: F401 - adds defences that can be switched off
from tests.attacks.arena import CANARY, Arena, AttackSucceeded, det, row, same, weakened
from tests.attacks.forge_blobs import PIECE, SEALED, Spot, arranged, noise, pushed, put
from tests.attacks.forge_keys import Mallory, gone, kind_of, noted, show
from tests.attacks.forge_nonces import Log, SealedUnder, forever_rewritten
from tests.attacks.forge_twins import one_chunk_two_files, two_members, two_pages
from tests.engine.world import Dev, Keys, objects

UNVERIFIED = ("seals", "methods", "chunk ids", "content hash")  # layers, each of which refuses alone
UNNAMED = ("chunk ids", "content hash")  # for chunks that were sealed under the same key
FOUR = noise(4 * PIECE, "four")


def four_chunks(arena: Arena) -> tuple[Dev, Dev, list[Spot]]:
    """A device that has pushed a file of four chunks, all of one length, and one that has not read it yet."""
    writer, reader = arena.device("laptop"), arena.device("desk")
    spots = pushed(arena, writer, {"four": FOUR})
    assert [spot.length for spot in spots] == [PIECE + SEALED] * 4
    return writer, reader, spots


def refused(arena: Arena, reader: Dev) -> None:
    """DET and NOCH; then the store is honest again."""
    arena.refuses(reader, recovers=False)
    arena.store.honest()


def unharmed(arena: Arena, reader: Dev, writer: Dev) -> None:
    """After all that was refused, an honest pull shows what was written."""
    arena.pulls(reader)
    assert reader.tree() == writer.tree()


def same_or_refused(arena: Arena, tree: dict[bytes, tuple]) -> None:
    """A device from the words sees this very tree, or refuses."""
    shown, known = tree, len(arena.world.devices)
    try:
        dev = arena.newcomer()
        dev.pull()
        shown = dev.tree()
    except (IntegrityError, NewerFormat):
        pass
    for dev in arena.world.devices[known:]:
        arena.drop(dev)
    if shown != tree:
        raise AttackSucceeded("a device shows another tree than was written")


# --- C1: a flipped bit ----------------------------------------------------------------------------------

RECORDS = [Kind.CARD, Kind.CARD_KEYS, Kind.OWN_RECORD, Kind.GENESIS, Kind.MEMBERS, Kind.HEAD, Kind.INDEX]
SAMPLES = 8  # bytes of each object


@row("C1", shows=["G2"], weaknesses=[("signatures", "seals")])
def test_a_flipped_byte_of_any_record_is_refused(arena):
    laptop, _desk = arena.pair()
    noted(arena.world, laptop)
    for key in arena.keys(*RECORDS):
        size = len(arena.store.body(key))
        for position in {0, size - 1, *random.Random(size).sample(range(size), SAMPLES)}:
            arena.store.flip(key, position, 1 << position % 8)
            arena.newcomer_refuses(IntegrityError, NewerFormat)
            arena.store.honest()


@row("C1", shows=["G2", "G4"], weaknesses=[UNVERIFIED])
def test_a_flipped_byte_of_a_chunk_is_refused(arena):
    writer, reader, spots = four_chunks(arena)
    for spot in spots:
        for position in (0, 11, 12, 13, spot.length // 2, spot.length - 16, spot.length - 1):
            arena.store.flip(spot.key, spot.start + position, 1 << position % 8)
            refused(arena, reader)
    unharmed(arena, reader, writer)


@row("C1", shows=["G2", "G4"], weaknesses=[UNVERIFIED])
def test_a_flipped_byte_anywhere_in_a_pack_is_refused_or_changes_nothing(arena):
    laptop, _desk = arena.pair()
    for key in arena.keys(Kind.PACK):
        size = len(arena.store.body(key))
        for position in range(0, size, max(1, size // SAMPLES)):
            arena.store.flip(key, position)
            same_or_refused(arena, laptop.tree())
            arena.store.honest()


# --- C2: chunks in another order --------------------------------------------------------------------------

TWICE = [(0, 0, 2, 3), (0, 1, 1, 3), (0, 1, 2, 0), (3, 1, 2, 3), (1, 1, 1, 1), (0, 0, 3, 3)]


def rearranged(arena: Arena) -> None:
    writer, reader, spots = four_chunks(arena)
    orders = [order for order in permutations(range(4)) if order != (0, 1, 2, 3)]
    assert len(orders) == 23
    for order in (*orders, *TWICE):
        put(arena.store, arranged(arena.store, spots, order))
        refused(arena, reader)
    unharmed(arena, reader, writer)


@row("C2", shows=["G4"], weaknesses=[UNNAMED])
def test_four_chunks_are_refused_in_every_other_order_and_where_one_stands_twice(arena):
    rearranged(arena)


@pytest.mark.row("C2")
@pytest.mark.parametrize("off", UNNAMED)
def test_the_id_of_a_chunk_and_the_hash_of_the_whole_each_refuse_another_order_alone(arena, off):
    with weakened(off):
        rearranged(arena)


@row("C2", shows=["G4"], weaknesses=[("chunk ids", "missing chunks")])
def test_a_chunk_that_is_left_out_so_that_the_next_moves_up_is_refused(arena):
    writer, reader, spots = four_chunks(arena)
    body = arena.store.body(spots[0].key)
    for spot in spots:
        arena.store.inject(spot.key, body[: spot.start] + body[spot.start + spot.length :])
        refused(arena, reader)
    unharmed(arena, reader, writer)


# --- C3: cut off or gone on --------------------------------------------------------------------------------


@row("C3", shows=["G4"], weaknesses=["missing chunks"])
def test_a_file_that_ends_at_or_near_the_end_of_a_chunk_is_refused(arena):
    writer, reader, spots = four_chunks(arena)
    for spot in spots:
        for length in (spot.start, spot.start + 12, spot.start + 28, spot.start + spot.length - 1):
            arena.store.trunc(spot.key, length)
            refused(arena, reader)
    unharmed(arena, reader, writer)


@row("C3", shows=["G4"], weaknesses=["nothing after"])
def test_what_follows_the_end_of_an_object_is_refused_and_behind_a_pack_never_read(arena):
    laptop, _desk = arena.pair()
    noted(arena.world, laptop)
    for key in arena.store.shown():
        for more in (b"\0", arena.store.body(key)[-64:], arena.store.body(key)):
            arena.store.extend(key, more)
            if key in arena.keys(Kind.PACK):
                same_or_refused(arena, laptop.tree())
            else:
                arena.newcomer_refuses(IntegrityError, NewerFormat)
            arena.store.honest()


def resealed(segments: list[bytes], header: bytes) -> bytes:
    return SealedMessage(header, b"".join(segments)).encode()


@row("C3", shows=["G4"], weaknesses=["segments"])
def test_segments_of_a_sealed_message_are_refused_in_every_other_order_and_number(arena):
    ann = Identity.generate()
    whole = SealedMessage.decode(message.seal(noise(2 * SEGMENT_SIZE + 99, "m"), [ann.public], sender=ann))
    size = SEGMENT_SIZE + 28
    segments = [whole.body[start : start + size] for start in range(0, len(whole.body), size)]
    assert len(segments) == 3
    orders = [order for length in range(5) for order in product(range(3), repeat=length)]
    for order in orders:
        if order != (0, 1, 2) and len(set(order)) >= min(2, len(order)):
            sealed = resealed([segments[n] for n in order], whole.header)
            det(partial(message.unseal, sealed, ann))
    assert len(message.unseal(whole.encode(), ann).data) == 2 * SEGMENT_SIZE + 99


# --- C4: zeros ---------------------------------------------------------------------------------------------


@row("C4", shows=["G2", "G4"], weaknesses=[("holes", "content hash"), UNVERIFIED])
def test_zeros_in_the_place_of_a_chunk_are_no_hole(arena):
    writer, reader, spots = four_chunks(arena)
    for spot in spots:
        arena.store.zero(spot.key, spot.start, spot.length)
        refused(arena, reader)
    end = spots[-1].start + spots[-1].length
    for block in (512, 4096, 65536):
        for start in range(0, end - block, end // 4 // block * block or block):
            arena.store.zero(spots[0].key, start, block)
            refused(arena, reader)
    unharmed(arena, reader, writer)


# --- C5 and C6: from one place to another --------------------------------------------------------------------

SPLICES = [UNVERIFIED, ("data keys", *UNNAMED)]


def exchanged(arena: Arena, one: Spot, other: Spot) -> None:
    """Two sealed chunks of one length in each other's place are refused, and so is either twice."""
    assert one.length == other.length
    bodies = arranged(arena.store, [one, other], (1, 0))
    for changed in (bodies, {one: bodies[one]}, {other: bodies[other]}):
        put(arena.store, changed)
        arena.newcomer_refuses()
        arena.store.honest()


@row("C5", shows=["G4"], weaknesses=SPLICES)
def test_a_chunk_of_another_file_at_the_same_place_is_refused(arena):
    writer, reader, ours = four_chunks(arena)
    others = pushed(arena, writer, {"other": noise(4 * PIECE, "other")})
    for one, other in zip(ours, others, strict=True):
        exchanged(arena, one, other)
    unharmed(arena, reader, writer)


@row("C5", shows=["G4"], weaknesses=SPLICES)
def test_a_chunk_of_an_earlier_version_at_the_same_place_is_refused(arena):
    writer, reader, first = four_chunks(arena)
    second = pushed(arena, writer, {"four": noise(4 * PIECE, "second")})
    for old, new in zip(first, second, strict=True):
        put(arena.store, {new: old.of(arena.store.body(old.key))})
        refused(arena, reader)
    unharmed(arena, reader, writer)


@row("C6", shows=["G4"], weaknesses=SPLICES)
@pytest.mark.parametrize(
    "paths", [("a", "b"), ("one/a", "two/a"), ("a", "one/two/b")], ids=["siblings", "cousins", "far"]
)
def test_two_files_of_one_size_in_each_others_place_are_refused(arena, paths):
    writer, reader = arena.device("laptop"), arena.device("desk")
    spots = [pushed(arena, writer, {path: noise(1000, path)})[0] for path in paths]
    exchanged(arena, *spots)
    unharmed(arena, reader, writer)


@row("C6", shows=["G4"], weaknesses=["index ids"])
def test_two_objects_of_one_kind_in_each_others_place_are_refused(arena):
    _laptop, desk = arena.pair()
    for kind in (Kind.INDEX, Kind.HEAD, Kind.PACK):
        one, other = arena.keys(kind)[:2]
        arena.store.swap(one, other)
        arena.newcomer_refuses()
        arena.store.honest()
    arena.pulls(desk)


IN_VAULTS = {Kind.GENESIS, Kind.MEMBERS, Kind.HEAD, Kind.INDEX, Kind.PACK}


def replaced(arena: Arena, other: dict[str, bytes], vault_id: bytes) -> None:
    """Objects of another vault are refused under the names of ours: kind by kind, and all of them."""
    ours = arena.world.keys.vault_id.hex()
    other = {key.replace(vault_id.hex(), ours): body for key, body in other.items()}
    show(arena.store, gone(arena.store, Kind.MEMBERS, Kind.HEAD))
    show(arena.store, {key: body for key, body in other.items() if kind_of(key) is Kind.MEMBERS})
    arena.newcomer_refuses()  # whoever knows nothing yet must not take it for an empty vault
    arena.store.honest()
    noted(arena.world, arena.world.devices[0])
    for kinds in (*({kind} for kind in IN_VAULTS), IN_VAULTS, IN_VAULTS - {Kind.GENESIS}):
        show(arena.store, gone(arena.store, *kinds))
        show(arena.store, {key: body for key, body in other.items() if kind_of(key) in kinds})
        arena.newcomer_refuses()
        arena.store.honest()


@row("C6", shows=["G4"], weaknesses=["vault of records"])
def test_objects_of_another_vault_of_ones_own_are_refused(arena):
    arena.pair()
    made = create_vault(arena.world.keys.identity, "Ann")
    keys = Keys(arena.world.keys.identity, made.membership, made.keyring, made.vault_id)
    dev = arena.world.device("elsewhere", keys=keys, store=MemoryStore())
    (dev.root / "planted").write_bytes(CANARY)
    dev.push()
    born = {made.genesis_key: made.genesis, made.members_key: made.members}
    replaced(arena, {**born, **objects(dev.store)}, made.vault_id)


@row("C6", shows=["G4"], weaknesses=[("vault of records", "owner of records", "signatures")])
def test_objects_of_a_vault_of_somebody_else_are_refused(arena, tmp_path):
    arena.pair()
    mallory = Mallory(tmp_path / "mallory")
    try:
        vault_id, vault = mallory.shared_vault(arena.world.keys.identity.public)
        replaced(arena, {**vault, **mallory.published(mallory.world.keys)}, vault_id)
    finally:
        mallory.close()


# --- C7: one ciphertext, two plaintexts ----------------------------------------------------------------------


@row("C7", shows=["G12"], weaknesses=[UNNAMED])
def test_a_chunk_that_opens_under_two_keys_is_never_two_contents_of_one_name(arena):
    one_chunk_two_files(arena)
    arena.newcomer_refuses(signed={b"for one reader"})


@row("C7", shows=["G12"], weaknesses=["page ids"])
def test_a_page_that_opens_in_two_epochs_is_never_two_pages_of_one_name(arena):
    cipher, kind, page_id, epochs, sealed = two_pages(arena.world.keys)
    assert cipher.open_page(kind, page_id, epochs[0], sealed)
    det(lambda: cipher.open_page(kind, page_id, epochs[1], sealed))


@row("C7", shows=["G12"], weaknesses=["committed keys"])
def test_two_members_to_whom_the_owner_wraps_different_keys_do_not_both_believe(arena):
    ann, bob = two_members(arena.world.keys)
    ann()
    det(bob)


# --- C8: a nonce twice -----------------------------------------------------------------------------------------

REWRITES = 1000


@row("C8", shows=["G1"], weaknesses=["random nonces"])
def test_no_nonce_is_used_twice_with_a_key_whatever_is_killed_cloned_or_played_back(arena):
    log = Log()
    with SealedUnder(log):
        forever_rewritten(arena, REWRITES)
    assert log.sealed > REWRITES
    if log.repeated:
        raise AttackSucceeded(f"{log.repeated} seals repeat key and nonce")


# --- C9: before all is verified ----------------------------------------------------------------------------------


@row("C9", shows=["G2"], weaknesses=[UNVERIFIED, "discard"])
def test_a_file_whose_last_chunk_is_bad_leaves_the_old_one_and_nothing_else(arena):
    writer, reader, _ = four_chunks(arena)
    arena.pulls(reader)
    second = pushed(arena, writer, {"four": noise(4 * PIECE, "second")})
    arena.store.flip(second[-1].key, second[-1].start + second[-1].length - 1)
    arena.refuses(reader)
    assert (reader.root / "four").read_bytes() == noise(4 * PIECE, "second")


# --- C10: beside what is signed ------------------------------------------------------------------------------------


def beside(arena: Arena) -> list[str]:
    """Keys near ours that nobody of us has written."""
    vault = f"vaults/{arena.world.keys.vault_id.hex()}/"
    ours = [arena.keys(kind)[0] for kind in (Kind.CARD, Kind.MEMBERS, Kind.HEAD, Kind.PACK, Kind.INDEX)]
    return [
        *(f"{key}{more}" for key in ours for more in (".old", ".meta", "-2", "0")),
        *(
            f"{vault}{name}"
            for name in ("thumbnails/1", "heads/readme", "config", "members/2", "genesis.bak")
        ),
        *(f"people/{name}" for name in ("picture", f"{'ab' * 32}/name", f"{'ab' * 32}/card-1")),
        *("config", "e2esync.toml", "index.html"),
    ]


def joined_unharmed(arena: Arena, name: str, tree: dict[bytes, tuple]) -> list[Request]:
    """A new device sees this tree; return what it asked for."""
    try:
        dev = arena.newcomer(name)
        arena.pulls(dev)
    except E2ESyncError as error:
        raise AttackSucceeded(f"what is not ours stands in the way: {error!r}") from error
    if dev.tree() != tree:
        raise AttackSucceeded("another tree is shown")
    return [request for request in arena.store.requests if request.client == name]


@row("C10", shows=["G2"], weaknesses=["exact names"])
def test_objects_beside_ours_have_no_effect_and_are_never_read(arena):
    laptop, desk = arena.pair()
    traces = {"alone": joined_unharmed(arena, "alone", desk.tree())}
    for key in beside(arena):
        arena.store.inject(key, arena.store.body(arena.keys(Kind.HEAD)[0]))
    traces["beside"] = joined_unharmed(arena, "beside", desk.tree())
    same(traces)
    arena.pulls(laptop)
    laptop.push()


@row("C10", shows=["G2"], weaknesses=["true sizes"])
def test_other_sizes_and_etags_of_our_objects_have_no_effect_on_what_is_shown(arena):
    laptop, desk = arena.pair()
    arena.edit(laptop, content=CANARY * 4)
    laptop.push()
    for key in arena.store.shown():
        arena.store.edit_headers(key, etag=f'"{key[-8:]}"', size=7)
    arena.pulls(desk)
    if desk.tree() != laptop.tree():
        raise AttackSucceeded("what the store says beside an object has an effect")


BESIDE: dict[str, Any] = {
    "Metadata": {"mode": "06777", "size": "7", "mtime": "0", "version": "0"},
    "ContentType": "application/x-sh",
    "ContentEncoding": "gzip",
    "ContentDisposition": "attachment; filename=../../x",
    "CacheControl": "max-age=31536000",
    "Tagging": "mode=06777&plaintext=true",
}


@pytest.mark.server
@row("C10", shows=["G2"], weaknesses=["ignored metadata"])
def test_metadata_headers_and_tags_of_a_bucket_have_no_effect(
    arena, moto_server, bucket, prefix, monkeypatch
):
    laptop, _desk = arena.pair()
    for name, value in moto_server.env().items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    for key in arena.store.shown():
        client.put_object(Bucket=bucket, Key=f"{prefix}/{key}", Body=arena.store.body(key), **BESIDE)
    client.close()
    store = S3Store(bucket, prefix)
    reader = arena.world.device("reader", store=store)
    arena.pulls(reader)
    store.close()
    if reader.tree() != laptop.tree():
        raise AttackSucceeded("what stands beside an object has an effect")
