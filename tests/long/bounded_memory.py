"""Large things pass in bounded memory: a 20 GiB sparse file, 100 000 files in one directory, a tree of a million entries,
and a prune over a million chunks.

python -m tests.long.bounded_memory [sparse|wide|tree|prune]
"""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from e2esync.adapters.catalogue import STORED
from e2esync.adapters.state import FolderState
from e2esync.adapters.stores.directory import DirectoryStore
from e2esync.crypto.asymmetric import object_hash
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import Identifier, VaultSecret
from e2esync.engine.marks import read_marks
from e2esync.engine.own import list_heads
from e2esync.engine.prune import prune
from e2esync.engine.publish import publish_snapshot, publish_tree, put_pending_head
from e2esync.engine.upload import Uploader
from e2esync.engine.vault import SyncedFolder
from e2esync.format import names
from e2esync.format.cbor import encode
from e2esync.merge.retention import DAY, Rules
from e2esync.merge.write import Writer
from e2esync.tree.codec import encode_entries
from e2esync.tree.compare import compare
from e2esync.tree.keys import Kind, node_key
from e2esync.tree.lists import Reference
from e2esync.tree.pagecodec import page_value
from e2esync.tree.pages import Item, Page, update
from e2esync.tree.values import FileContent, WrappedKey
from e2esync.vault.packs import ClosedPack, PackedBlob
from tests.engine.world import Dev, World
from tests.engine.world import opened as reopened
from tests.long.rig import PROGRAM, Device, Place, tree
from tests.merge.writes import born

MOST = 250 << 20  # bytes resident


def peak_of(device: Device, *words: str) -> int:
    """Run a command and return its peak of resident memory, in bytes."""
    process = subprocess.Popen(
        [PROGRAM, *words, "--json", "--no-input"], env=device.environment(), stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, words
    return usage.ru_maxrss << 10


def round_trip(name: str, scratch: Path, one: Device) -> None:
    """Push on one device, pull on another, and hold both to the bound."""
    words = scratch / "words"
    two = Device(scratch / "home2", scratch / "two", one.place)
    for device, command in ((one, "push"), (two, "pull")):
        if device is two:
            two.join(words)
        began = time.monotonic()
        peak = peak_of(device, command)
        print(f"{name} {command}: {time.monotonic() - began:.1f} s, {peak >> 20} MB resident at most")
        assert peak <= MOST
    assert tree(one.folder) == tree(two.folder)


def sparse(scratch: Path, one: Device) -> None:
    """Push and pull a sparse file of 20 GiB."""
    with (one.folder / "sparse").open("wb") as file:
        file.truncate(20 << 30)
    round_trip("20 GiB sparse", scratch, one)
    blocks = (scratch / "two" / "sparse").stat().st_blocks * 512
    print(f"20 GiB sparse: {blocks} bytes on the other disk, {stored(one.place)} in the store")


def stored(at: Place) -> int:
    """Return the bytes of a directory store."""
    return sum(path.stat().st_size for path in Path(at.url).rglob("*") if path.is_file())


def wide(scratch: Path, one: Device) -> None:
    """Push and pull 100 000 files in one directory."""
    (one.folder / "wide").mkdir()
    for number in range(100_000):
        (one.folder / "wide" / f"file {number}").write_text(f"content {number}")
    round_trip("100 000 files", scratch, one)


def million(scratch: Path) -> None:
    """Build, store, load and compare a tree of a million entries."""
    secret = VaultSecret.generate()
    draw, page_id = Identifier(secret, Purpose.PAGE_CUT).of, Identifier(secret, Purpose.PAGE_ID).of
    pages = (scratch / "pages").open("w+b")
    where: dict[bytes, tuple[int, int]] = {}

    def emit(page: Page) -> bytes:
        body = encode(page_value(page))
        found = page_id(body)
        if found not in where:
            where[found] = (pages.seek(0, os.SEEK_END), len(body))
            pages.write(body)
        return found

    def get(found: bytes, level: int) -> list[Item]:
        from e2esync.format.cbor import decode
        from e2esync.tree.pagecodec import page_items

        start, length = where[found]
        pages.seek(start)
        return page_items(decode(pages.read(length)), level)

    one, two = FolderState(scratch / "one.db"), FolderState(scratch / "two.db")
    began = time.monotonic()
    with one.transaction():
        one.put_nodes(synthetic())
        root = update(one, [b"\x00"], draw=draw, emit=emit)
    print(f"built: {time.monotonic() - began:.1f} s, {len(where)} pages")
    with two.transaction():
        two.put_nodes((key, value) for key, value in compare(two, root, get=get) if value is not None)
        assert update(two, [b"\x00"], draw=draw, emit=emit) == root
    with two.transaction():
        key = next(iter(two.items(0, after=(50_000).to_bytes(16, "big"))))[0]
        two.drop_nodes([key])
        before = len(where)
        changed = update(two, [key], draw=draw, emit=emit)
    assert [name for name, _ in compare(one, changed, get=get)] == [key]
    print(
        f"loaded, changed one entry ({len(where) - before} new pages), compared: {time.monotonic() - began:.1f} s"
    )
    print(f"{two.count_nodes()} entries")


def synthetic():
    """Yield a million nodes, in a hundred thousand directories."""
    device, epoch, writer = b"d" * 16, b"e" * 32, Writer(b"d" * 16, 1)
    for number in range(1_000_000):
        parent = (number // 10).to_bytes(16, "big")
        unique = number.to_bytes(8, "big") * 4
        content = FileContent(
            writer.dot(), 1000, unique, 10**18, (WrappedKey(epoch, epoch, unique + device[:8]),),
            (Reference(0, unique, 1000),), "laptop", 10**9,
        )  # fmt: skip
        yield (
            node_key(parent, b"file %d" % number, Kind.FILE),
            encode(encode_entries([born(writer, content, 0o644)])),
        )


# a prune over a million chunks

FILES, CHUNKS, SEALED, IN_PACK = 100_000, 10, 64, 5_000  # chunks of a file, bytes of one, chunks of a pack


def pruned(scratch: Path) -> None:
    """Mark and delete what goes of a million chunks in one index; the world is built by a process of its own."""
    (scratch / "store").mkdir()
    world = World(scratch, DirectoryStore(scratch / "store"))
    dev = world.device("laptop")
    dev.close()
    if (builder := os.fork()) == 0:
        dev.vault = reopened(dev)
        _publish_files(dev)
        os._exit(0)
    assert os.waitpid(builder, 0)[1] == 0
    world.clock.advance(2 * DAY)
    dev.vault = reopened(dev)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    for step in ("marks", "deletes"):
        began = time.monotonic()
        report = prune(dev.vault, Rules(keep_days=0), grace=DAY)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        print(
            f"prune {step}: {time.monotonic() - began:.1f} s, {peak >> 20} MB resident at most, {before >> 20} before"
        )
        print(f"    {report}")
        publish(dev.vault, marks=read_marks(dev.vault, list_heads(dev.vault).marks).hashes)
        world.clock.advance(2 * DAY)
    assert report.deleted
    assert peak <= MOST


def publish(vault: SyncedFolder, *, marks: tuple[bytes, ...] = (), changed: Iterable[bytes] = ()) -> None:
    """Publish the tree of a state; what it names is stored."""
    with vault.state.transaction(), Uploader(vault) as uploader:
        publish_snapshot(vault, uploader, publish_tree(vault, uploader, changed), marks=marks)
    put_pending_head(vault)


def _publish_files(dev: Dev) -> None:
    """Publish files of ten chunks each, in packs; then take half of them away, or more, by packs."""
    vault, writer = dev.vault, Writer(dev.device.id, 1)
    for first in range(0, FILES * CHUNKS, IN_PACK):
        body = os.urandom(IN_PACK * SEALED)
        numbers = range(first, first + IN_PACK)
        epoch = vault.keyring.current
        blobs = [
            PackedBlob(_id(n), is_chunk=True, epoch=epoch, offset=(n - first) * SEALED, length=SEALED)
            for n in numbers
        ]
        pack = ClosedPack(object_hash(body), body, blobs)
        vault.catalogue.record_sending(pack, (), now=vault.clock.now(), state=STORED)
        vault.store.put(names.pack(vault.vault_id, pack.id), body)
    with vault.state.transaction():
        vault.state.put_nodes(_node(writer, number, vault.keyring.current) for number in range(FILES))
    publish(vault, changed=[b"\x00"])
    dev.clock.advance(DAY)
    gone = [_key(number) for number in range(FILES) if number % 10 < number * 11 // FILES]
    with vault.state.transaction():
        vault.state.drop_nodes(gone)
    publish(vault, changed=sorted(gone))


def _id(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def _key(number: int) -> bytes:
    return node_key((number // 100).to_bytes(16, "big"), b"file %d" % number, Kind.FILE)


def _node(writer: Writer, number: int, epoch: bytes) -> Item:
    chunks = tuple([Reference(0, _id(number * CHUNKS + n), SEALED - 29) for n in range(CHUNKS)])
    content = FileContent(
        writer.dot(), CHUNKS * (SEALED - 29), _id(-number), 10**18, (WrappedKey(epoch, epoch, b"k" * 40),),
        chunks, "laptop", 10**9,
    )  # fmt: skip
    return _key(number), encode(encode_entries([born(writer, content, 0o644)]))


def main(kinds: list[str]) -> None:
    """Run what is named, or all; each in its own process, since a peak is for life."""
    if kinds == ["prune"]:
        with tempfile.TemporaryDirectory() as directory:
            pruned(Path(directory))
        return
    if kinds == ["tree"]:
        with tempfile.TemporaryDirectory() as directory:
            million(Path(directory))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        print(f"a million entries: {peak >> 20} MB resident at most")
        assert peak <= MOST
        return
    for kind in kinds or ["sparse", "wide"]:
        with tempfile.TemporaryDirectory() as directory:
            scratch = Path(directory)
            one = Device(scratch / "home1", scratch / "one", Place(str(scratch / "store")))
            one.setup(scratch / "words")
            {"sparse": sparse, "wide": wide}[kind](scratch, one)
    if not kinds:
        for kind in ("tree", "prune"):
            subprocess.run([sys.executable, "-m", "tests.long.bounded_memory", kind], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
