"""Keys at work: what one key sealed opens under it, for its purpose, in its vault, as the blob that it is."""

from dataclasses import dataclass

import pytest

from e2esync.crypto.secrets import EpochKey, VaultSecret
from e2esync.errors import BadObject
from e2esync.tree.lists import Reference
from e2esync.tree.values import WrappedKey
from e2esync.vault.cipher import MAX_CHUNK, MAX_PAGE, BlobKind, VaultCipher
from tests.vault.people import flipped

VAULT, OTHER_VAULT = b"v" * 32, b"o" * 32
OLD, NEW, UNKNOWN = b"1" * 32, b"2" * 32, b"3" * 32
PAGES = [BlobKind.TREE_PAGE, BlobKind.CHUNK_LIST, BlobKind.HISTORY]


@dataclass
class Keys:
    vault_secret: VaultSecret
    epochs: dict[bytes, EpochKey]
    current: bytes


KEYS = Keys(VaultSecret.generate(), {OLD: EpochKey.generate(), NEW: EpochKey.generate()}, NEW)
CIPHER = VaultCipher(VAULT, KEYS)
OTHER = VaultCipher(OTHER_VAULT, KEYS)
CHUNK = b"a chunk of a file, " * 100


def sealed_chunk(chunk=CHUNK):
    wrapped, cipher = CIPHER.new_file_key()
    return wrapped, Reference(0, cipher.chunk_id(chunk), len(chunk)), cipher.seal(chunk)


@pytest.mark.parametrize("chunk", [b"x", CHUNK, bytes(MAX_CHUNK), bytes(range(256)) * 100])
def test_a_chunk_opens_by_its_wrapped_key_and_reference(chunk):
    wrapped, reference, sealed = sealed_chunk(chunk)
    assert CIPHER.file_key(wrapped).open(reference, sealed) == chunk
    assert VaultCipher(VAULT, KEYS).file_key(wrapped).open(reference, sealed) == chunk
    assert chunk not in sealed or len(chunk) < 4


def test_a_chunk_is_never_sealed_to_the_same_bytes_twice():
    _, cipher = CIPHER.new_file_key()
    assert cipher.seal(CHUNK) != cipher.seal(CHUNK)
    assert cipher.chunk_id(CHUNK) == cipher.chunk_id(CHUNK)


def test_the_id_of_a_chunk_depends_on_its_key():
    assert CIPHER.new_file_key()[1].chunk_id(CHUNK) != CIPHER.new_file_key()[1].chunk_id(CHUNK)


def test_new_keys_are_born_and_wrapped_in_the_current_epoch():
    wrapped, _ = CIPHER.new_file_key()
    assert (wrapped.born, wrapped.under) == (NEW, NEW)
    assert len(wrapped.wrapped) == 40


def test_a_chunk_that_was_changed_is_refused():
    wrapped, reference, sealed = sealed_chunk()
    key = CIPHER.file_key(wrapped)
    for position in range(0, len(sealed), 7):
        with pytest.raises(BadObject):
            key.open(reference, flipped(sealed, position))
    for wrong in (b"", sealed[:11], sealed[:28], sealed[:-1], sealed + b"\0", sealed[1:]):
        with pytest.raises(BadObject):
            key.open(reference, wrong)


def test_a_chunk_stands_for_no_other():
    _, cipher = CIPHER.new_file_key()
    one, other = cipher.seal(b"one chunk"), cipher.seal(b"two chunk")
    assert cipher.open(Reference(0, cipher.chunk_id(b"one chunk"), 9), one) == b"one chunk"
    with pytest.raises(BadObject):
        cipher.open(Reference(0, cipher.chunk_id(b"one chunk"), 9), other)


@pytest.mark.parametrize("length", [len(CHUNK) - 1, len(CHUNK) + 1, 0])
def test_a_chunk_of_another_length_than_its_reference_is_refused(length):
    wrapped, reference, sealed = sealed_chunk()
    with pytest.raises(BadObject):
        CIPHER.file_key(wrapped).open(reference._replace(length=length), sealed)


def test_a_chunk_does_not_open_in_another_vault_or_under_another_key():
    wrapped, reference, sealed = sealed_chunk()
    with pytest.raises(BadObject):
        OTHER.file_key(wrapped).open(reference, sealed)
    with pytest.raises(BadObject):
        CIPHER.file_key(CIPHER.new_file_key()[0]).open(reference, sealed)


@pytest.mark.parametrize(
    "change",
    [
        {"wrapped": bytes(40)},
        {"wrapped": b""},
        {"under": OLD},
        {"under": UNKNOWN},
        {"born": UNKNOWN},
    ],
)
def test_a_wrapped_key_that_does_not_open_is_refused(change):
    wrapped, reference, sealed = sealed_chunk()
    with pytest.raises(BadObject):
        CIPHER.file_key(wrapped._replace(**change)).open(reference, sealed)


def test_a_wrapped_key_with_a_flipped_bit_is_refused():
    wrapped, _, _ = sealed_chunk()
    for position in range(40):
        with pytest.raises(BadObject):
            CIPHER.file_key(wrapped._replace(wrapped=flipped(wrapped.wrapped, position)))


# --- pages ---


@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.parametrize("body", [b"", b"body", bytes(MAX_PAGE)])
def test_a_page_opens_by_its_id(kind, body):
    sealed = CIPHER.seal_page(kind, body)
    assert CIPHER.open_page(kind, CIPHER.page_id(kind, body), NEW, sealed) == body


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_that_was_changed_is_refused(kind):
    body = b"the body of a page" * 30
    sealed, named = CIPHER.seal_page(kind, body), CIPHER.page_id(kind, body)
    for position in range(0, len(sealed), 5):
        with pytest.raises(BadObject):
            CIPHER.open_page(kind, named, NEW, flipped(sealed, position))
    for wrong in (b"", sealed[:20], sealed[:-1], sealed + b"\0"):
        with pytest.raises(BadObject):
            CIPHER.open_page(kind, named, NEW, wrong)


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_stands_for_no_other(kind):
    sealed = CIPHER.seal_page(kind, b"one")
    with pytest.raises(BadObject):
        CIPHER.open_page(kind, CIPHER.page_id(kind, b"other"), NEW, sealed)


@pytest.mark.parametrize("sealed_as", BlobKind)
@pytest.mark.parametrize("opened_as", PAGES)
def test_a_blob_of_one_kind_is_none_of_another(sealed_as, opened_as):
    if sealed_as is opened_as:
        return
    sealed = CIPHER.seal_page(sealed_as, b"body")
    for named in (CIPHER.page_id(opened_as, b"body"), CIPHER.page_id(sealed_as, b"body")):
        with pytest.raises(BadObject):
            CIPHER.open_page(opened_as, named, NEW, sealed)


@pytest.mark.parametrize("epoch", [OLD, UNKNOWN, b""])
def test_a_page_does_not_open_under_another_epoch(epoch):
    sealed = CIPHER.seal_page(BlobKind.TREE_PAGE, b"body")
    with pytest.raises(BadObject):
        CIPHER.open_page(BlobKind.TREE_PAGE, CIPHER.page_id(BlobKind.TREE_PAGE, b"body"), epoch, sealed)


def test_a_page_of_an_older_epoch_still_opens():
    older = VaultCipher(VAULT, Keys(KEYS.vault_secret, {OLD: KEYS.epochs[OLD]}, OLD))
    sealed = older.seal_page(BlobKind.TREE_PAGE, b"body")
    named = older.page_id(BlobKind.TREE_PAGE, b"body")
    assert named == CIPHER.page_id(BlobKind.TREE_PAGE, b"body")
    assert CIPHER.open_page(BlobKind.TREE_PAGE, named, OLD, sealed) == b"body"


def test_a_page_does_not_open_in_another_vault():
    sealed = CIPHER.seal_page(BlobKind.TREE_PAGE, b"body")
    with pytest.raises(BadObject):
        OTHER.open_page(BlobKind.TREE_PAGE, OTHER.page_id(BlobKind.TREE_PAGE, b"body"), NEW, sealed)


def test_a_page_above_1_mib_is_refused():
    for body in (bytes(MAX_PAGE + 1), bytes(64 << 20)):
        sealed = CIPHER.seal_page(BlobKind.TREE_PAGE, body)
        with pytest.raises(BadObject):
            CIPHER.open_page(BlobKind.TREE_PAGE, CIPHER.page_id(BlobKind.TREE_PAGE, body), NEW, sealed)


def test_ids_of_different_purposes_never_meet():
    found = [
        CIPHER.content_hash(b"data"),
        CIPHER.page_id(BlobKind.TREE_PAGE, b"ata"),
        CIPHER.snapshot_id(b"data"),
        CIPHER.draw(b"data"),
        CIPHER.new_file_key()[1].chunk_id(b"data"),
        *(CIPHER.page_id(kind, b"data") for kind in PAGES),
    ]
    assert len(set(found)) == len(found)
    assert CIPHER.directory_number(b"data") not in {one[:16] for one in found}


def test_a_content_hashed_in_pieces_has_the_hash_of_the_whole():
    hasher = CIPHER.content_hasher()
    for start in range(0, len(CHUNK), 100):
        hasher.update(CHUNK[start : start + 100])
    assert hasher.digest() == CIPHER.content_hash(CHUNK)


def test_everything_but_nonces_follows_from_the_keys():
    again = VaultCipher(VAULT, KEYS)
    assert again.chunker_seed == CIPHER.chunker_seed
    assert again.content_hash(b"x") == CIPHER.content_hash(b"x")
    assert again.directory_number(b"x") == CIPHER.directory_number(b"x")
    assert isinstance(CIPHER.new_file_key()[0], WrappedKey)
