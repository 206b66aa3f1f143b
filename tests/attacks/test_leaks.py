"""L1-L8, L10: what sizes, ranges, names and repetitions tell whoever runs the store."""

from __future__ import annotations

import base64
import hashlib
import io
import random
from collections.abc import Callable, Iterable

import blake3
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from e2esync.chunking.cutter import Cutter
from e2esync.crypto.secrets import SEAL_OVERHEAD
from e2esync.format import names, padding
from e2esync.format.cbor import encode
from e2esync.tree.keys import ROOT, Kind, node_key
from e2esync.tree.pagecodec import page_value
from e2esync.tree.pages import Item, Page
from e2esync.vault.cipher import BlobKind, VaultCipher
from e2esync.vault.compression import Compressor
from moto_fixtures.hostile_record import Request
from tests.attacks import forge_defences  # noqa: F401 - adds defences that can be switched off
from tests.attacks.arena import Arena, AttackSucceeded, row, same_view
from tests.attacks.forge_tree import Forger
from tests.engine.world import Dev

CANDIDATES = 40
ALIGNMENT = 64 << 10  # bytes
Fill = Callable[[Dev], None]


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that do not compress, the same every time."""
    return random.Random(seed).randbytes(size)


def letters(size: int, seed: int = 1) -> bytes:
    """Text that compresses to half, the same every time."""
    return noise(size // 2, seed).hex().encode()


# --- L1, L10: where a known file is cut ----------------------------------------------------------


def lengths(content: bytes, seed: int) -> list[int]:
    """How a client with this seed cuts a content."""
    return [len(chunk) for chunk in Cutter(seed).cut(io.BytesIO(content))]


def padded(content: bytes, cut: Iterable[int]) -> int:
    """The size of the pack of these chunks, padded as the client under attack pads, weakened or not."""
    compress, start, total = Compressor().compress, 0, 0
    for length in cut:
        total += len(compress(content[start : start + length])) + SEAL_OVERHEAD
        start += length
    return padding.padme(total)


def periodic(size: int) -> bytes:
    """A file over a small alphabet, in cycles that do not repeat: made to be cut in a telling way."""
    pieces, chance = [bytes([n]) * 48 for n in (0, 255)], random.Random(3)
    made = b"".join(chance.choice(pieces) + chance.randbytes(400) for _ in range(size // 448 + 1))
    return made[:size]


@row("L1", shows=["G13"], weaknesses=["padding"])
@pytest.mark.parametrize(
    "content",
    [noise(3 << 20), noise(5_300_000, 2), pytest.param(periodic(3_200_000), marks=pytest.mark.row("L10"))],
    ids=["random", "larger", "periodic"],
)
def test_the_size_of_a_known_file_does_not_tell_how_it_is_cut(arena: Arena, content):
    """The store knows the file and tries seeds: none may be less likely than the true one after all that it sees."""
    laptop = arena.device("laptop")
    (laptop.root / "known").write_bytes(content)
    laptop.push()
    seen = max(len(arena.store.body(key)) for key in arena.keys(names.Kind.PACK))
    true = lengths(content, laptop.vault.cipher.chunker_seed)
    others = [lengths(content, seed) for seed in range(1, CANDIDATES)]
    assert len({len(cut) for cut in others}) > 1, "the file is cut the same way under every seed"
    assert padded(content, true) == seen, "the test does not predict what the client stores"
    possible = [cut for cut in others if padded(content, cut) == seen]
    if len(possible) < len(others):
        raise AttackSucceeded(f"the size excludes {len(others) - len(possible)} of {len(others)} seeds")


def file_worlds(tmp_path, *fills: Fill) -> list[Arena]:
    """One arena for each way to fill a folder: pushed by one device, pulled by another."""
    made = []
    for n, fill in enumerate(fills):
        arena = Arena(tmp_path / f"world {n}")
        made.append(arena)
        laptop, desk = arena.device("laptop"), arena.device("desk")
        fill(laptop)
        laptop.push()
        desk.pull()
        arena.close()
    return made


def of_file(content: bytes) -> Fill:
    def fill(dev: Dev) -> None:
        (dev.root / "file").write_bytes(content)

    return fill


def reads(arena: Arena) -> list[Request]:
    return [one for one in arena.store.requests if one.verb == "GET" and "/packs/" in one.key]


@row("L1", shows=["G13"], weaknesses=["alignment"])
def test_what_is_read_of_a_pack_never_begins_or_ends_at_a_chunk(tmp_path):
    (arena,) = file_worlds(tmp_path, of_file(noise(20 << 20)))
    asked = [(one.start, one.length or 0) for one in reads(arena)]
    assert len(asked) > 3
    if any(start % ALIGNMENT or length % ALIGNMENT for start, length in asked):
        raise AttackSucceeded("a range that is read is not aligned")


def ranges(arena: Arena, key: str) -> list[tuple[int, int]]:
    return sorted((one.start, one.start + (one.length or 0)) for one in reads(arena) if one.key == key)


@row("L1", shows=["G13"], weaknesses=["alignment"])
def test_two_downloads_of_files_of_one_size_ask_for_the_same_ranges(tmp_path):
    arenas = file_worlds(tmp_path, *(of_file(noise(12 << 20, seed)) for seed in range(6)))
    asked = {tuple(sorted((r.start, r.length) for r in reads(arena))) for arena in arenas}
    if len(asked) > 1:
        raise AttackSucceeded("where a file is cut into chunks shows in the ranges")


@row("L1", shows=["G13"], weaknesses=["alignment"])
def test_the_ranges_of_a_download_over_several_packs_tell_no_more_than_their_sizes(tmp_path):
    (arena,) = file_worlds(tmp_path, of_file(noise(26 << 20)))
    sizes = {key: len(arena.store.body(key)) for key in arena.keys(names.Kind.PACK)}
    of_chunks = {key: size for key, size in sizes.items() if size > 1 << 20}
    assert len(of_chunks) == 2
    for key, size in of_chunks.items():
        end = -(-size // (256 << 10)) * (256 << 10)
        if ranges(arena, key) != [(0, 8 << 20), (8 << 20, end)]:
            raise AttackSucceeded(f"of a pack of {size} bytes these ranges are read: {ranges(arena, key)}")


@row("L1", shows=["G13"], weaknesses=["floor"])
def test_the_size_of_an_index_does_not_tell_into_how_many_chunks_a_file_was_cut(tmp_path):
    arenas = file_worlds(tmp_path, *(of_file(noise(3 << 20, seed)) for seed in range(12)))
    sizes = {len(arena.store.body(arena.keys(names.Kind.INDEX)[0])) for arena in arenas}
    if len(sizes) > 1:
        raise AttackSucceeded(f"indexes of {sorted(sizes)} bytes")


# --- L2, L8: two worlds of one padded size -------------------------------------------------------


@row("L2", shows=["G1", "G13"], weaknesses=["padding"])
def test_two_files_of_one_padding_class_look_the_same(tmp_path):
    one, other = file_worlds(tmp_path, of_file(noise(100_300, 1)), of_file(noise(100_700, 2)))
    same_view(one.store.requests, other.store.requests)


def flat(dev: Dev) -> None:
    """Sixty files side by side, and four directories with nothing in them."""
    for n in range(60):
        (dev.root / f"file-{n:04}").write_bytes(noise(2330, n))
    for n in range(4):
        (dev.root / f"dir--{n:04}").mkdir()


def nested(dev: Dev) -> None:
    """The same numbers and padded lengths, in a chain of directories, with other times, modes and contents."""
    here = dev.root
    for n in range(4):
        here = here / f"name-{n:04}"
        here.mkdir(mode=0o700)
        for m in range(15):
            (here / f"data-{m:04}").write_bytes(noise(2330 + m, 1000 + 20 * n + m))
            (here / f"data-{m:04}").chmod(0o600)


@row("L8", shows=["G1"], weaknesses=["padding"])
def test_two_trees_of_the_same_totals_look_the_same(tmp_path):
    one, other = file_worlds(tmp_path, flat, nested)
    packs = [
        sorted(len(arena.store.body(key)) for key in arena.keys(names.Kind.PACK)) for arena in (one, other)
    ]
    if packs[0] != packs[1]:
        raise AttackSucceeded(f"packs of {packs[0]} and of {packs[1]} bytes")
    assert len(one.store.shown()) == len(other.store.shown())


# --- L3, L4: guesses -----------------------------------------------------------------------------

TEMPLATE = b"Dear Ms Roe, the code of your safe is %04d. Keep this letter in a safe place. Yours, the bank.\n"


def tokens(guess: bytes, known: Iterable[bytes]) -> list[bytes]:
    """What whoever has a guess but no key can compute of it and look for: hashes, keyed by all that is public."""
    plain = [
        hashlib.new(name, guess).digest()
        for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b")
    ]
    plain += [
        blake3.blake3(guess).digest(),
        blake3.blake3(b"\x00" + guess).digest(),
        hashlib.sha256(plain[2]).digest(),
    ]
    keyed = [blake3.blake3(guess, key=key).digest() for key in known]
    keyed += [hashlib.sha256(key + guess).digest() for key in known]
    convergent = [
        AESGCM(key[:32]).encrypt(nonce, guess, None)
        for key in (plain[2], plain[6])
        for nonce in (bytes(12), plain[2][:12])
    ]
    texts = [digest.hex().encode() for digest in plain] + [base64.b64encode(digest)[:20] for digest in plain]
    return [guess, *plain, *keyed, *convergent, *texts]


def pieces(arena: Arena) -> set[bytes]:
    """Every run of 16 bytes that was ever stored."""
    bodies = [v.body for v in arena.store.versions if v.body] + [v.key.encode() for v in arena.store.versions]
    return {body[at : at + 16] for body in bodies for at in range(len(body) - 15)}


@row("L3", shows=["G1", "G13"], weaknesses=["random keys"])
@pytest.mark.parametrize("secret", [TEMPLATE % 4711], ids=["a letter with a code (L4)"])
def test_no_guess_can_be_confirmed(arena: Arena, secret):
    laptop = arena.device("laptop")
    arena.fill(laptop)
    (laptop.root / "letter").write_bytes(secret)
    laptop.push()
    keys = arena.world.keys
    known = [keys.vault_id, keys.identity.public.fingerprint, keys.keyring.current, bytes(32)]
    stored = pieces(arena)
    for code in range(4200, 5200):
        guess = TEMPLATE % code
        found = [token for token in tokens(guess, known) if len(token) >= 16 and token[:16] in stored]
        if found:
            raise AttackSucceeded(f"the guess {code} is confirmed by {len(found)} tokens")


@row("L3", shows=["G13"], weaknesses=[])
def test_a_candidate_that_stands_in_the_store_changes_nothing_of_a_push(tmp_path):
    """The store holds the very file, sealed by a stranger, before the victim stores it."""
    traces = []
    for n, candidate in enumerate((TEMPLATE * 400, noise(len(TEMPLATE) * 400))):
        arena = Arena(tmp_path / str(n))
        stranger = Arena(tmp_path / f"{n} of a stranger")
        theirs, laptop = stranger.device("theirs"), arena.device("laptop")
        (theirs.root / "candidate").write_bytes(candidate)
        theirs.push()
        for key in stranger.store.shown():
            arena.store.inject(key, stranger.store.body(key))
        start = len(arena.store.requests)
        (laptop.root / "file").write_bytes(TEMPLATE * 400)
        with laptop.using(within_files=True):  # what one account has stored, another may not refer to
            laptop.push()
        traces.append(arena.store.requests[start:])
        arena.close()
        stranger.close()
    same_view(*traces)


# --- L5, L6: guesses beside the secret -----------------------------------------------------------


def push_beside(tmp_path, secret: bytes, guesses: list[bytes]) -> list[list[Request]]:
    """The requests of a push of each guess, dropped into a folder that has the secret, in a world of its own."""
    traces = []
    for n, guess in enumerate(guesses):
        arena = Arena(tmp_path / f"guess {n}")
        laptop = arena.device("laptop")
        with laptop.using(within_files=True):  # --dedup file
            (laptop.root / "secret").write_bytes(secret)
            laptop.push()
            start = len(arena.store.requests)
            (laptop.root / "dropped").write_bytes(guess)
            laptop.push()
        traces.append(arena.store.requests[start:])
        arena.close()
    return traces


@row("L5", shows=["G13"], weaknesses=["dedup within files"])
def test_with_dedup_file_a_right_guess_is_stored_like_a_wrong_one(tmp_path):
    secret = noise(40_300, 1)
    same_view(*push_beside(tmp_path, secret, [secret, noise(40_300, 2)]))


@row("L6", shows=["G1"], weaknesses=["compression apart"])
def test_chosen_data_beside_a_secret_compresses_no_better_when_it_is_right(tmp_path):
    secret = letters(80_000, 1)
    right, wrong = b"guess: " + secret, b"guess: " + letters(80_000, 2)
    same_view(*push_beside(tmp_path, secret, [right, wrong]))


def page_sizes(arena: Arena, *nodes: tuple[Item, Item]) -> list[int]:
    """How long a page is, sealed, in which these pairs of nodes stand."""
    cipher = VaultCipher(arena.world.keys.vault_id, arena.world.keys.keyring)
    bodies = (encode(page_value(Page(0, sorted(pair)))) for pair in nodes)
    return [len(cipher.seal_page(BlobKind.TREE_PAGE, body)) for body in bodies]


IN_PAGES = "names and hashes of different files are compressed together, in one page of the tree"


@pytest.mark.row("L6")
def test_a_chosen_name_beside_a_secret_name_compresses_no_better_when_it_is_right(arena):
    """Whoever may name one file in a folder tries out what others are called, by the size of the pack of pages."""
    forger = Forger(arena.world.keys, arena.store)
    name = b"purchase of Initech by Globex, first draft.docx"
    secret, dropped = forger.file(name), forger.file(b"x")
    right, wrong = (
        (node_key(ROOT, b"x " + guess, Kind.FILE), dropped[1])
        for guess in (name, letters(2 * len(name))[: len(name)])
    )
    of_right, of_wrong = page_sizes(arena, (secret, right), (secret, wrong))
    assert of_right == of_wrong


@pytest.mark.row("L5")
def test_with_dedup_file_two_equal_contents_in_one_page_compress_no_better(arena):
    forger = Forger(arena.world.keys, arena.store)
    secret, right, wrong = (
        forger.file(name, content)
        for name, content in ((b"s", b"guess 1"), (b"r", b"guess 1"), (b"w", b"guess 2"))
    )
    of_right, of_wrong = page_sizes(arena, (secret, right), (secret, wrong))
    assert of_right == of_wrong


# --- L7 ------------------------------------------------------------------------------------------


@row("L7", shows=["G1"], weaknesses=["sealed chunks only"])
def test_no_hash_that_needs_no_key_of_a_file_or_of_a_chunk_is_in_the_store(arena: Arena):
    laptop = arena.device("laptop")
    contents = [noise(2_500_000, 7), letters(3000, 8), b"a short canary of 32 characters.", bytes(4096)]
    for n, content in enumerate(contents):
        (laptop.root / f"canary {n}").write_bytes(content)
    laptop.push()
    (laptop.root / "canary 0").rename(laptop.root / "moved")
    laptop.push()
    cut = Cutter(laptop.vault.cipher.chunker_seed)
    parts = [bytes(chunk) for content in contents for chunk in cut.cut(io.BytesIO(content))]
    small = [v.body for v in arena.store.versions if v.body and len(v.body) < 1 << 20]
    large = [v.body for v in arena.store.versions if v.body and len(v.body) >= 1 << 20]
    for part in [*contents, *parts, *(path.name.encode() for path in laptop.root.iterdir())]:
        for token in tokens(part, [])[1:]:
            if len(token) < 64 and any(token in body for body in small + large):
                raise AttackSucceeded("a hash of a canary is in the store")
