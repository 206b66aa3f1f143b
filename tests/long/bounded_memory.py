"""Large things pass in bounded memory: a 20 GiB sparse file, 100 000 files in one directory, a tree of a million entries.

python -m tests.long.bounded_memory [sparse|wide|tree]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from e2esync.adapters.state import FolderState
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import Identifier, VaultSecret
from e2esync.format.cbor import encode
from e2esync.merge.write import Writer
from e2esync.tree.codec import encode_entries
from e2esync.tree.compare import compare
from e2esync.tree.keys import Kind, node_key
from e2esync.tree.lists import Reference
from e2esync.tree.pagecodec import page_value
from e2esync.tree.pages import Item, Page, update
from e2esync.tree.values import FileContent, WrappedKey
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


def main(kinds: list[str]) -> None:
    """Run what is named, or all; each in its own process, since a peak is for life."""
    if kinds == ["tree"]:
        import resource

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
        subprocess.run([sys.executable, "-m", "tests.long.bounded_memory", "tree"], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
