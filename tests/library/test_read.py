"""Reading one file of a vault as a stream: every byte verified, whatever the store does, in bounded memory."""

from __future__ import annotations

import io
import os
import random
import shutil
import tracemalloc
from pathlib import Path

import pytest

from e2esync import errors
from e2esync.engine import listing
from e2esync.format import names
from e2esync.format.cbor import decode, encode
from e2esync.library import _ContentStream
from e2esync.tree.codec import decode_entries, encode_entries
from e2esync.tree.keys import ROOT, Kind, node_key
from e2esync.tree.lists import INLINE, MAX_CHUNK, ListRoot

MIB = 1 << 20
LARGE = 48 * MIB  # more than 64 chunks of 512 KiB on average
SIZES = {"empty": 0, "one byte": 1, "one chunk": 100_000, "some chunks": 5 * MIB + 1}


def random_bytes(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def content_of(vault, path: bytes):
    """What the tree says of a file."""
    parts = vault._parts
    found = listing.find(parts.state, path)
    assert found is not None
    return found[1].content


def damage(device, vault, path: bytes, position: int) -> int:
    """Flip a bit of a chunk in the store; return where in the content that chunk begins."""
    parts, content = vault._parts, content_of(vault, path)
    chunks = list(content.chunks)
    chunk = chunks[position]
    for place in parts.catalogue.find(chunk.id):
        file = pack_file(device, parts, place.pack)
        body = bytearray(file.read_bytes())
        body[place.start + place.length // 2] ^= 1
        file.chmod(0o600)
        file.write_bytes(body)
    return sum(one.length for one in chunks[: position % len(chunks)])


def pack_file(device, parts, pack: bytes) -> Path:
    return device.store / names.pack(parts.vault_id, pack)


def read_until_error(stream) -> tuple[bytes, Exception]:
    """Read a little at a time; return what came, and the error that ended it."""
    came = bytearray()
    while True:
        try:
            piece = stream.read(10_000)
        except errors.IntegrityError as error:
            return bytes(came), error
        assert piece, "a damaged file looks as if it were whole"
        came += piece


@pytest.fixture
def stocked(pair):
    """Files of each size, pushed by one device and pulled by the other."""
    laptop, desk = pair
    for name, size in SIZES.items():
        laptop.write(name, random_bytes(size))
    laptop.push()
    desk.pull()
    return pair


@pytest.mark.parametrize("which", [0, 1], ids=["pushed", "joined"])
@pytest.mark.parametrize("name", SIZES)
def test_a_file_is_read_as_it_was_saved(stocked, which, name):
    with stocked[which].open() as vault, vault.open(name) as stream:
        assert stream.read() == random_bytes(SIZES[name])
        assert stream.read() == b""


def test_a_path_may_be_text_bytes_or_a_path(stocked):
    with stocked[1].open() as vault:
        for path in ("one byte", b"one byte", Path("one byte")):
            assert vault.open(path).read() == random_bytes(1)


def test_a_stream_serves_lines_copies_and_small_reads(laptop, tmp_path):
    lines = [b"%d\n" % n for n in range(300_000)]
    laptop.write("lines", b"".join(lines))
    laptop.push()
    with laptop.open() as vault:
        assert list(vault.open("lines")) == lines
        copied = io.BytesIO()
        shutil.copyfileobj(vault.open("lines"), copied)
        assert copied.getvalue() == b"".join(lines)
        stream = vault.open("lines")
        assert (stream.read(3), stream.read(1), stream.readline()) == (b"0\n1", b"\n", b"2\n")
        assert (stream.readable(), stream.writable(), stream.seekable()) == (True, False, False)


def test_two_streams_of_a_vault_are_read_in_turn_and_a_push_goes_between(stocked):
    laptop, _ = stocked
    size = SIZES["some chunks"]
    with laptop.open() as vault:
        one, other = vault.open("some chunks"), vault.open("some chunks")
        first = one.read(size // 2), other.read(size // 3)
        laptop.write("more", b"more")
        (laptop.folder / "some chunks").write_bytes(b"edited")
        assert vault.push().uploaded_files == 2
        assert first[0] + one.read() == first[1] + other.read() == random_bytes(size)
        assert vault.open("some chunks").read() == b"edited"


def test_the_content_comes_from_the_vault_and_not_from_the_folder(stocked):
    _, desk = stocked
    (desk.folder / "one chunk").write_bytes(b"edited here")
    (desk.folder / "some chunks").unlink()
    with desk.open() as vault:
        assert vault.open("one chunk").read() == random_bytes(SIZES["one chunk"])
        assert vault.open("some chunks").read() == random_bytes(SIZES["some chunks"])


def test_a_file_of_more_than_64_chunks_is_read_whole_without_holding_it(laptop, desk):
    content = laptop.write("large", random_bytes(LARGE))
    laptop.push()
    desk.pull()
    with desk.open() as vault:
        assert isinstance(content_of(vault, b"large").chunks, ListRoot)
        assert content_of(vault, b"large").chunks.references > INLINE
        stream, at = vault.open("large"), 0
        tracemalloc.start()
        try:
            while piece := stream.read(MIB):
                assert piece == content[at : at + len(piece)]
                at += len(piece)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert at == LARGE
        assert peak < LARGE  # bytes: ranges that are read ahead, and chunks
        for size in (LARGE + 1, LARGE - 1, LARGE - 10 * MIB):
            lie(vault, b"large", size=size)
            came, error = read_until_error(vault.open("large"))
            assert isinstance(error, errors.BadObject)
            assert len(came) < size  # nobody who counts takes it for whole


# what the store does to it


@pytest.mark.row("C1")
@pytest.mark.parametrize("position", [0, 2, -1])
@pytest.mark.parametrize("which", [0, 1], ids=["pushed", "joined"])
def test_no_byte_of_a_damaged_chunk_is_handed_out(stocked, which, position):
    device, content = stocked[which], random_bytes(SIZES["some chunks"])
    with device.open() as vault:
        begins = damage(device, vault, b"some chunks", position)
        stream = vault.open("some chunks")
        came, error = read_until_error(stream)
        assert isinstance(error, errors.BadObject)
        assert came == content[: len(came)]
        assert len(came) <= begins
        assert begins - len(came) <= MAX_CHUNK + 64 * 1024  # what came before it did come, but for one chunk
        with pytest.raises(ValueError, match="closed"):
            stream.read(1)


def test_reading_it_all_at_once_gives_the_error_and_nothing(stocked):
    _, desk = stocked
    with desk.open() as vault:
        damage(desk, vault, b"some chunks", -1)
        with pytest.raises(errors.BadObject):
            vault.open("some chunks").read()
        assert vault.open("one byte").read() == random_bytes(1)  # the others are as they were


def test_a_pack_that_is_gone_is_a_missing_object(stocked):
    _, desk = stocked
    with desk.open() as vault:
        for place in vault._parts.catalogue.find(content_of(vault, b"one chunk").chunks[0].id):
            pack_file(desk, vault._parts, place.pack).unlink()
        with pytest.raises(errors.MissingObject):
            vault.open("one chunk").read()


def lie(vault, path: bytes, **parts) -> None:
    """Put another word on a file into the tree of this device, all of whose chunks are genuine."""
    state, key = vault._parts.state, node_key(ROOT, path, Kind.FILE)
    (entry,) = decode_entries(decode(state.node(key)), Kind.FILE)
    changed = entry._replace(contents=(entry.contents[0]._replace(**parts),))
    state.put_nodes([(key, encode(encode_entries([changed])))])


@pytest.mark.parametrize("name", SIZES)
def test_the_last_chunk_is_handed_out_only_when_the_whole_is_what_was_signed(stocked, name):
    _, desk = stocked
    with desk.open() as vault:
        chunks = content_of(vault, name.encode()).chunks
        lie(vault, name.encode(), hash=bytes(32))
        came, error = read_until_error(vault.open(name))
    assert isinstance(error, errors.BadObject)
    assert len(came) <= SIZES[name] - (chunks[-1].length if chunks else 0)


def test_chunks_in_another_order_are_an_error(stocked):
    _, desk = stocked
    with desk.open() as vault:
        chunks = content_of(vault, b"some chunks").chunks
        lie(vault, b"some chunks", chunks=chunks[::-1])
        assert isinstance(read_until_error(vault.open("some chunks"))[1], errors.BadObject)


def test_an_empty_chunk_is_not_the_end():
    assert _ContentStream(chunk for chunk in (b"", b"a", b"", b"", b"bc", b"")).read() == b"abc"


# what is no file


@pytest.mark.parametrize(
    "path",
    ["", "/", "nothing", "dir", "dir/", "link", "dir/nothing", "file/x", "dirlink/file", "dir//file",
     "./file", "dir/../file", "/file", ".e2esync/vault", "a\0b"],
)  # fmt: skip
def test_what_is_no_file_of_the_vault_is_a_usage_error(laptop, path):
    laptop.write("file", b"1")
    laptop.write("dir/file", b"2")
    (laptop.folder / "link").symlink_to("file")
    (laptop.folder / "dirlink").symlink_to("dir")
    laptop.push()
    with laptop.open() as vault:
        assert vault.open("dir/file").read() == b"2"
        with pytest.raises(errors.UsageError, match="not a file of the vault"):
            vault.open(path)


# closing


def test_a_stream_ends_with_its_vault(stocked):
    laptop, _ = stocked
    vault = laptop.open()
    begun, fresh = vault.open("some chunks"), vault.open("one byte")
    begun.read(1)
    vault.close()
    for stream in (begun, fresh):
        with pytest.raises(ValueError, match="closed"):
            stream.read()


def test_a_stream_that_is_closed_early_leaves_the_vault_as_it_was(stocked):
    laptop, _ = stocked
    with laptop.open() as vault:
        with vault.open("some chunks") as stream:
            stream.read(1)
        assert stream.closed
        assert vault.open("some chunks").read() == random_bytes(SIZES["some chunks"])
        assert vault.push().failed == []


def test_names_that_are_not_utf8_are_opened_by_bytes_and_by_text(laptop):
    with open(os.fsencode(laptop.folder) + b"/caf\xe9", "wb") as file:
        file.write(b"raw")
    laptop.push()
    with laptop.open() as vault:
        assert vault.open(b"caf\xe9").read() == b"raw"
        assert vault.open(os.fsdecode(b"caf\xe9")).read() == b"raw"
