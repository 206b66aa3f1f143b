"""A hostile writer: a device with real keys that signs whatever tree it is told.

Everything around the tree is as the format wants it (certificate, signatures, seals, index, head), so that
nothing but the rules for trees stands between what is forged here and the disk of an honest device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from itertools import groupby
from typing import Any

from e2esync.crypto.asymmetric import object_hash
from e2esync.engine.faults import proof_of
from e2esync.format import names
from e2esync.format.cbor import decode, encode
from e2esync.format.history import NO_HISTORY, append
from e2esync.format.index import Group, Row
from e2esync.model.store import ObjectInfo
from e2esync.tree import pages
from e2esync.tree.codec import decode_entries, encode_entries
from e2esync.tree.keys import ROOT, Kind, birthplace, kind_of, node_key
from e2esync.tree.lists import ListRoot, Reference
from e2esync.tree.pagecodec import page_value
from e2esync.tree.pages import Draw, Item, Page, Root
from e2esync.tree.values import (
    Attributes,
    Content,
    DirectoryContent,
    Dot,
    Entry,
    FileContent,
    Place,
    SymlinkContent,
    VaultContent,
    WrappedKey,
)
from e2esync.vault import heads
from e2esync.vault.cipher import BlobKind, VaultCipher
from e2esync.vault.device import create_device
from e2esync.vault.heads import ContextMap, Head, open_head
from e2esync.vault.indexes import seal_index
from e2esync.vault.packs import ClosedPack, PackBuilder
from moto_fixtures.hostile import HostileStore
from tests.engine.world import Dev, Keys

Cut = Callable[[Iterable[Item], int, Draw], Iterator[list[Item]]]

NOW_NS = 1_700_000_000_000_000_000
SAVED = 1_700_000_000  # seconds


class Planted:
    """The hostile store as a forger writes to it: what is put is a lie, which `honest()` takes back."""

    def __init__(self, store: HostileStore) -> None:
        self.store = store

    def put(self, key: str, body: bytes) -> None:
        self.store.inject(key, body)

    def get(self, key: str) -> bytes:
        return self.store.body(key)

    def delete(self, key: str) -> None:
        self.store.view("").delete([key])

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self.store.listing("", prefix)


class Forger:
    """One hostile device of an identity of the vault, with the history of what it has published."""

    def __init__(
        self,
        keys: Keys,
        store: HostileStore,
        name: str = "mallory",
        *,
        tells: bool = True,
        proves: bool = True,
    ) -> None:
        self.keys, self.store, self.name = keys, Planted(store), name
        self.tells = tells  # whether it stores its snapshots, as it should
        self.proves = proves  # whether it stores what proves the snapshots that it names, as it should
        self.device = create_device(keys.identity)
        self.cipher = VaultCipher(keys.vault_id, keys.keyring)
        self.sequence, self.time = 0, SAVED
        self._hash: bytes | None = None
        self._history = NO_HISTORY
        self._context: ContextMap = {}
        self._indexes: tuple[bytes, ...] = ()
        self._chunks, self._pages = [PackBuilder()], [PackBuilder()]
        self._added: set[bytes] = set()
        self._drawn = 0

    @property
    def context(self) -> ContextMap:
        """The context of the newest snapshot."""
        return self._context

    @property
    def hash(self) -> bytes:
        """The hash of the newest snapshot."""
        assert self._hash is not None
        return self._hash

    # --- values that are as they should be, to be spoilt by the caller -----------------------------

    def dot(self) -> Dot:
        """Return the next dot of the snapshot that is being made."""
        self._drawn += 1
        return Dot(self.sequence + 1, self.device.id, self._drawn)

    def entry(
        self, content: Content, mode: int | None = None, *, place: tuple[bytes, bytes] | None = None
    ) -> Entry:
        """Return an entry of this device; `place` is parent and name where it does not stand at its birthplace."""
        attributes = () if mode is None else (Attributes(self.dot(), mode),)
        places = () if place is None else (Place(self.dot(), *place),)
        return Entry(self.device.id, self.sequence + 1, (), places, (content,), attributes)

    def text(self, content: bytes) -> FileContent:
        """Return a file's content of one chunk, which is stored."""
        key, reference = self.chunk(content)
        return FileContent(
            self.dot(),
            len(content),
            self.cipher.content_hash(content),
            NOW_NS,
            (key,),
            (reference,),
            self.name,
            SAVED,
        )

    def chunk(self, content: bytes) -> tuple[WrappedKey, Reference]:
        """Store a chunk; return its key and a reference to it."""
        key, cipher = self.cipher.new_file_key()
        chunk_id = cipher.chunk_id(content)
        self._add(self._chunks, chunk_id, cipher.seal(content), is_chunk=True)
        return key, Reference(0, chunk_id, len(content))

    def listed(self, content: FileContent, root: ListRoot, **changes: Any) -> FileContent:
        """Return a content whose references stand in a list."""
        return content._replace(chunks=root, **changes)

    def file(
        self,
        name: bytes,
        content: bytes = b"planted",
        *,
        parent: bytes = ROOT,
        mode: int = 0o644,
        place: tuple[bytes, bytes] | None = None,
    ) -> Item:
        """Return the node of a file."""
        return item(node_key(parent, name, Kind.FILE), [self.entry(self.text(content), mode, place=place)])

    def directory(
        self,
        name: bytes,
        *,
        parent: bytes = ROOT,
        mode: int = 0o755,
        here: bool = True,
        place: tuple[bytes, bytes] | None = None,
    ) -> tuple[Item, bytes]:
        """Return the node of a directory, and its number."""
        key = node_key(parent, name, Kind.DIRECTORY)
        entry = self.entry(DirectoryContent(self.dot(), here), mode, place=place)
        return item(key, [entry]), self.cipher.directory_number(key)

    def symlink(
        self, name: bytes, target: bytes, *, parent: bytes = ROOT, place: tuple[bytes, bytes] | None = None
    ) -> Item:
        """Return the node of a symbolic link."""
        content = SymlinkContent(self.dot(), target, NOW_NS)
        return item(node_key(parent, name, Kind.SYMLINK), [self.entry(content, place=place)])

    def mount(self, name: bytes, vault: bytes) -> Item:
        """Return the node of a mounted vault."""
        return item(node_key(ROOT, name, Kind.VAULT), [self.entry(VaultContent(self.dot(), vault))])

    # --- pages ------------------------------------------------------------------------------------

    def page(self, level: int, items: Sequence[Item]) -> bytes:
        """Store a page of the tree with these very items; return its id."""
        return self.body(BlobKind.TREE_PAGE, encode(page_value(Page(level, list(items)))))

    def list_page(self, level: int, items: Sequence[Sequence[object]]) -> bytes:
        """Store a page of a chunk list with these very items; return its id."""
        return self.body(BlobKind.CHUNK_LIST, encode([level, *map(list, items)]))

    def body(self, kind: BlobKind, body: bytes, *, sealed: bytes | None = None) -> bytes:
        """Store a page of these bytes; return its id. `sealed` stands in for what would be made of them."""
        page_id = self.cipher.page_id(kind, body)
        self._add(self._pages, page_id, sealed or self.cipher.seal_page(kind, body), is_chunk=False)
        return page_id

    def blob(self, blob_id: bytes, sealed: bytes) -> None:
        """Store sealed bytes under an id that is none of a page."""
        self._add(self._pages, blob_id, sealed, is_chunk=False)

    def tree(self, nodes: Iterable[Item], *, cut: Cut = pages.cut) -> Root | None:
        """Store the pages of a tree of these nodes, in the order of their keys; return its root."""
        items = sorted(nodes)
        for level in range(pages.MAX_LEVEL + 1):
            made = [list(page) for page in cut(items, level, self.cipher.draw)]
            items = [(page[-1][0], self.page(level, page)) for page in made]
            if len(items) <= 1:
                return Root(items[0][1], level) if items else None
        raise AssertionError("a tree of more levels than the format allows")

    # --- publishing -------------------------------------------------------------------------------

    def publish(
        self, nodes: Iterable[Item], *, cut: Cut = pages.cut, context: ContextMap | None = None
    ) -> None:
        """Publish a tree of these nodes, over everything that the store shows or what it is told to have seen."""
        self.publish_root(self.tree(nodes, cut=cut), context=context)

    def publish_root(self, root: Root | None, *, context: ContextMap | None = None) -> None:
        """Publish whatever hangs under this root."""
        context = self.everything() if context is None else context
        snapshot = heads.make_snapshot(
            self.device,
            self.keys.vault_id,
            sequence=self.sequence + 1,
            previous=self._hash,
            root=root,
            context=context,
            previous_context=self._context,
            tip=self.keys.keyring.tip,
            epoch=self.keys.keyring.current,
            time=self.time,
        )
        if self._hash is not None:
            self._history, _ = append(self._history, self._hash, lambda _: bytes(32))
        snapshot_id = self.cipher.snapshot_id(snapshot.hash)
        sealed = self.cipher.seal_page(BlobKind.SNAPSHOT, snapshot.record)
        if self.tells:
            self._add(self._pages, snapshot_id, sealed, is_chunk=False)
        if self.proves and context:
            self._prove(context)
        self._indexes = (*self._indexes, self._store_index())
        self.sequence, self._hash, self._context, self._drawn = self.sequence + 1, snapshot.hash, context, 0
        self._put_head(snapshot)

    def lose_index(self) -> None:
        """Let the newest index that the head lists be none."""
        self.store.delete(names.index(self.keys.vault_id, self._indexes[-1]))

    def everything(self) -> ContextMap:
        """Return a context that covers every other head in the store."""
        context = dict(self._context)
        for head in self.others():
            for device, point in {**head.context, head.device: (head.sequence, head.hash)}.items():
                if device != self.device.id:
                    context[device] = max(context.get(device, (0, b"")), point)
        return context

    def others(self) -> Iterator[Head]:
        """Yield every other head in the store."""
        keys = self.keys
        for info in self.store.list(names.heads_prefix(keys.vault_id)):
            name = names.parse(info.key)
            if name is None or name.kind is not names.Kind.HEAD or name.id == self.device.id:
                continue
            yield open_head(
                self.store.get(info.key),
                info.key.rpartition("/")[2],
                vault_id=keys.vault_id,
                membership=keys.membership,
                keyring=keys.keyring,
            )

    def _prove(self, context: ContextMap) -> None:
        """Store what proves the snapshots that it names and the store shows."""
        named = {digest for _, digest in context.values()}
        for head in self.others():
            if head.hash in named:
                sealed = self.cipher.seal_page(BlobKind.PROOF, proof_of(head).encode())
                self._add(self._pages, self.cipher.proof_id(head.hash), sealed, is_chunk=False)

    def twin(self) -> Forger:
        """Return the same device once more: what the two publish from now on are two histories of it."""
        other = copy(self)
        other.time += 1
        other._chunks, other._pages, other._added = [PackBuilder()], [PackBuilder()], set()
        return other

    def list_indexes_of(self, other: Forger) -> None:
        """List what another lists from now on, too: what it has stored can be found."""
        self._indexes = tuple(dict.fromkeys((*self._indexes, *other._indexes)))

    def _put_head(self, snapshot: heads.SignedSnapshot) -> None:
        head = heads.make_head(
            self.device,
            self.keys.keyring,
            self.keys.vault_id,
            snapshot=snapshot,
            context=self._context,
            history=self._history,
            revision=self.sequence,
            live_indexes=self._indexes,
            names=(self.name, "Mallory"),
        )
        self.store.put(names.head(self.keys.vault_id, self.device.id), head)

    def _store_index(self) -> bytes:
        groups: list[Group] = []
        for builder in (*self._chunks, *self._pages):
            if builder.size:
                pack = builder.close(full=False)
                self.store.put(names.pack(self.keys.vault_id, pack.id), pack.body)
                groups += _groups(pack)
        self._chunks, self._pages = [PackBuilder()], [PackBuilder()]
        return self.put_index(groups)

    def put_index(self, groups: list[Group]) -> bytes:
        """Store an index of these groups; return its id."""
        keyring = self.keys.keyring
        content = seal_index(
            groups, vault_id=self.keys.vault_id, record=keyring.tip[1], key=keyring.current_key
        )
        self.store.put(names.index(self.keys.vault_id, object_hash(content)), content)
        return object_hash(content)

    def _add(self, packs: list[PackBuilder], blob_id: bytes, sealed: bytes, *, is_chunk: bool) -> None:
        if blob_id in self._added:
            return
        self._added.add(blob_id)
        if not packs[-1].fits(sealed):
            packs.append(PackBuilder())
        packs[-1].add(blob_id, sealed, is_chunk=is_chunk, epoch=self.cipher.epoch)


def item(key: bytes, entries: Sequence[Entry]) -> Item:
    """Return a node with these entries, encoded without a look at what they say."""
    return key, encode(encode_entries(entries))


def nodes_of(dev: Dev) -> dict[bytes, bytes]:
    """Return the tree that a device holds: values by keys."""
    return dict(dev.vault.state.items(0))


def changed(nodes: dict[bytes, bytes], name: bytes, change: Callable[[Entry], Entry]) -> dict[bytes, bytes]:
    """Return a tree in which the one entry of the node that was born under a name is another."""
    (key,) = [key for key in nodes if birthplace(key).name == name]
    (entry,) = decode_entries(decode(nodes[key]), kind_of(key))
    return {**nodes, key: item(key, [change(entry)])[1]}


def raw(node: Item, change: Callable[[Any], object]) -> Item:
    """Return a node after `change` has had its decoded value (format §6.2) in hand."""
    value = decode(node[1])
    change(value)
    return node[0], encode(value)


def _groups(pack: ClosedPack) -> list[Group]:
    return [
        Group(pack.id, is_chunk, epoch, tuple(Row(blob.id[:16], blob.offset, blob.length) for blob in blobs))
        for (is_chunk, epoch), blobs in groupby(pack.blobs, key=lambda blob: (blob.is_chunk, blob.epoch))
    ]
