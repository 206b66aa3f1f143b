"""`verify`: what the store holds is what was written, for every class of object; `--deep`: every byte.

Nothing local is believed: records, heads, indexes, pages are read anew. The folder is not touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from e2esync.adapters.catalogue import Location
from e2esync.adapters.state import Step
from e2esync.crypto.asymmetric import object_hash
from e2esync.engine import ownhead
from e2esync.engine.blobs import BlobReader
from e2esync.engine.check import check_value
from e2esync.engine.doubt import doubt_at_once
from e2esync.engine.download import NO_KEY, NOT_SIGNED
from e2esync.engine.fetch import accept_heads, read_head, read_index, refuse_aside
from e2esync.engine.honest import HonestForms
from e2esync.engine.marks import read_marks
from e2esync.engine.members import fetch_membership
from e2esync.engine.own import Listed, list_heads
from e2esync.engine.people import check_people
from e2esync.engine.plan import pack_key, unpack_key
from e2esync.engine.shown import decoded
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import BadObject, MissingObject, Rollback
from e2esync.format import names
from e2esync.format.cbor import encode
from e2esync.model.store import ObjectNotFound
from e2esync.tree.codec import encode_entries
from e2esync.tree.compare import compare
from e2esync.tree.keys import Kind, kind_of
from e2esync.tree.lists import Reference
from e2esync.tree.pages import Root
from e2esync.tree.stored import StoredTree
from e2esync.tree.values import FileContent, WrappedKey
from e2esync.vault.heads import Head
from e2esync.vault.identity import Identity

BATCH = 1000
NO_PACK = "a pack that an index names is not in the store"


@dataclass
class VerifyReport:
    """What was looked at."""

    records: int = 0  # cards, keys, own records, genesis, membership records
    heads: int = 0
    snapshots: int = 0
    indexes: int = 0
    packs: int = 0
    pruned: int = 0  # packs that are gone, as a prune mark says
    pages: int = 0
    files: int = 0
    chunks: int = 0
    bytes: int = 0  # that were read of packs


def verify(vault: SyncedFolder, identity: Identity, *, deep: bool) -> VerifyReport:
    """Check everything that the heads in the store lead to.

    Raises:
        IntegrityError: Something is not what was written, or not there.
    """
    return _Verifier(vault, identity).run(deep=deep)


class _NoTree:
    """A tree without nodes, to compare with: then every page is read."""

    def items(self, _level: int, *, after: bytes, last: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        del after, last
        return iter(())

    def page_id(self, _level: int, _last: bytes) -> bytes | None:
        return None

    def page_before(self, _level: int, _last: bytes) -> bytes:
        return b""


class _Verifier:
    def __init__(self, vault: SyncedFolder, identity: Identity) -> None:
        self._vault = vault
        self._identity = identity
        self._reader = BlobReader(vault)
        self._honest = HonestForms(vault, ())
        self._again: set[bytes] = set()  # nodes that were looked at again, since a chunk does not open
        self._report = VerifyReport()
        self._ours: set[bytes] = set()  # packs that our own head leads to
        self._live: set[bytes] = set()  # packs that live indexes name, and that were not pruned
        self._pruned: set[bytes] = set()

    def run(self, *, deep: bool) -> VerifyReport:
        report, vault = self._report, self._vault
        report.records = check_people(vault.store, self._identity)
        kept = fetch_membership(vault.store, vault.vault_id, vault.membership.owner)
        report.records += 1 + len(kept.members)
        listed = list_heads(vault)
        self._check_own_head(listed)
        gone = read_marks(vault, listed.marks).gone
        heads = [read_head(vault, device) for device in sorted(listed.heads)]
        report.heads = len(heads)
        others = [head for head in heads if head.device != vault.device.id]
        self._honest = HonestForms(vault, heads)
        refuse_aside(others, accept_heads(vault, others))
        packs = self._check_indexes(heads)
        self._check_packs(packs, gone)
        packs -= self._pruned
        self._live = packs
        vault.state.clear_steps()
        roots = {head.root for head in heads if head.root is not None}
        for head in heads:
            self._check_snapshot(head)
        for root in sorted(roots):
            self._check_tree(Root(*root), heads, deep=deep)
        if deep:
            for done, pack in enumerate(sorted(packs), 1):
                self._check_pack(pack, roots)
                vault.progress("verify", done, len(packs))
        return report

    def _check_own_head(self, listed: Listed) -> None:
        """See that our own head stands as we put it: others would take its absence for a rollback."""
        ours = self._vault.state.get(ownhead.HEAD)
        if ours is None:
            return
        if self._vault.device.id not in listed.heads:
            raise MissingObject(
                "the head of this device is not in the store", fix="e2esync push puts it there again"
            )
        if read_head(self._vault, self._vault.device.id).content != ours:
            raise Rollback(
                "the head of this device in the store is not the one that it put there",
                fix="e2esync push puts it there again",
            )

    def _check_indexes(self, heads: list[Head]) -> set[bytes]:
        """Read every live index anew; return the packs that they name."""
        packs: set[bytes] = set()
        me = self._vault.device.id
        ours = {index_id for head in heads if head.device == me for index_id in head.live_indexes}
        for index_id in sorted({index_id for head in heads for index_id in head.live_indexes}):
            try:
                groups = list(read_index(self._vault, index_id))
            except MissingObject as error:
                raise self._missing(error.what, is_ours=index_id in ours) from None
            packs |= {group.pack for group in groups}
            if index_id in ours:
                self._ours |= {group.pack for group in groups}
            if not self._vault.catalogue.is_loaded(index_id):
                self._vault.catalogue.load(index_id, groups, now=self._vault.clock.now())
            self._report.indexes += 1
        return packs

    def _check_packs(self, packs: set[bytes], gone: frozenset[bytes]) -> None:
        """See that every pack is listed; one that the list leaves out is asked for by name.

        It may have been pruned: then nothing that a head leads to may be in it alone.
        """
        vault = self._vault
        missing = {names.pack(vault.vault_id, pack): pack for pack in packs}
        for info in vault.store.list(names.packs_prefix(vault.vault_id)):
            missing.pop(info.key, None)
        for key, pack in sorted(missing.items()):
            if vault.store.head(key) is not None:
                continue
            if pack not in gone:
                raise self._missing(NO_PACK, is_ours=pack in self._ours)
            self._pruned.add(pack)
        self._report.packs, self._report.pruned = len(packs - self._pruned), len(self._pruned)

    def _missing(self, what: str, *, is_ours: bool) -> MissingObject:
        """Return the error for an object that is not in the store; what is our own, our next push looks after."""
        if not is_ours:
            return MissingObject(what)
        doubt_at_once(self._vault)
        return MissingObject(what, fix="e2esync push sends again what this device has stored there")

    def _check_snapshot(self, head: Head) -> None:
        snapshot_id = self._vault.cipher.snapshot_id(head.hash)
        record = self._reader.snapshot(snapshot_id)
        if record != head.snapshot_record:
            raise BadObject("a snapshot in a pack is not the one in its head")
        self._report.snapshots += 1

    def _check_tree(self, root: Root, heads: list[Head], *, deep: bool) -> None:
        """Read a tree whole; put aside the chunks of its files for the deep look."""
        covered: dict[bytes, int] = {}
        for head in heads:
            points = {device: sequence for device, (sequence, _) in head.context.items()} | {
                head.device: head.sequence
            }
            covered = {
                key: max(points.get(key, 0), covered.get(key, 0)) for key in points.keys() | covered.keys()
            }
        for key, value in compare(_NoTree(), root, get=self._page):
            assert value is not None
            entries = check_value(key, value, covered)
            if encode(encode_entries(entries)) != value:
                raise BadObject("a value of the tree is not in its one encoding")
            self._report.files += kind_of(key) is Kind.FILE
            for content in (content for entry in entries for content in entry.contents):
                if isinstance(content, FileContent):
                    self._check_content(key, content, deep=deep)

    def _page(self, page_id: bytes, level: int) -> list[tuple[bytes, bytes]]:
        self._report.pages += 1
        self._vault.progress("pages", self._report.pages, None)
        return self._reader.tree_page(page_id, level)

    def _check_content(self, node: bytes, content: FileContent, *, deep: bool) -> None:
        """See that a file can be read: as the tree has it, or else as the content's device has signed it."""
        try:
            self._check_form(node, content, deep=deep)
        except (BadObject, MissingObject):
            other = self._honest.find(node, content)
            if other is None:
                raise
            self._check_form(node, other, deep=deep)

    def _check_form(self, node: bytes, content: FileContent, *, deep: bool) -> None:
        size, steps = 0, []
        for reference in self._reader.iterate(content):
            if not 0 <= reference.key < len(content.keys):
                raise BadObject(NO_KEY)
            found = self._vault.catalogue.find(reference.id)
            places = [place for place in found if self._is_live(place.pack)]
            if not places:
                raise MissingObject("a part of a file is in no index of the store")
            size += reference.length
            self._report.chunks += 1
            if deep:
                steps.append(_step(node, reference, places[0], content.keys[reference.key]))
                if len(steps) >= BATCH:
                    self._vault.state.add_steps(steps)
                    steps = []
        if size != content.size:
            raise BadObject("the parts of a file do not add up")
        self._vault.state.add_steps(steps)

    def _is_live(self, pack: bytes) -> bool:
        """Return whether others find what is in a pack: here a row is known for longer than an index names it."""
        return pack in self._live

    def _check_pack(self, pack: bytes, roots: set[tuple[bytes, int]]) -> None:
        """Read a pack whole: its bytes have the name that they should, and each chunk opens."""
        key = names.pack(self._vault.vault_id, pack)
        try:
            content = self._vault.store.get(key, length=names.Kind.PACK.most_bytes + 1)
        except ObjectNotFound:
            raise self._missing(NO_PACK, is_ours=pack in self._ours) from None
        if object_hash(content) != pack:
            raise BadObject("a pack is not what was stored")
        self._report.bytes += len(content)
        for step in self._vault.state.steps_in(pack):
            key_bytes, start, length = step.key or b"", step.start or 0, step.length or 0
            try:
                cipher = self._vault.cipher.file_key(unpack_key(key_bytes))
                cipher.open(Reference(0, step.chunk or b"", step.size), content[start : start + length])
            except BadObject as error:
                if step.thing not in self._again and not self._is_good_otherwise(step.thing, roots):
                    raise error from None
                self._again.add(step.thing)

    def _is_good_otherwise(self, node: bytes, roots: set[tuple[bytes, int]]) -> bool:
        """Return whether what does not open of a node is a form that its device has not signed, and its own is good.

        Raises:
            IntegrityError: A content can be read in no form.
        """
        is_other = False
        for root in roots:
            value = StoredTree(Root(*root), self._reader.tree_page).value(node)
            contents = (each for entry in decoded(node, value) for each in entry.contents)
            for content in (each for each in contents if isinstance(each, FileContent)):
                try:
                    self._read(content)
                except (BadObject, MissingObject):
                    other = self._honest.find(node, content)
                    if other is None:
                        raise
                    self._check_form(node, other, deep=False)
                    self._read(other)
                    is_other = True
        return is_other

    def _read(self, content: FileContent) -> None:
        hasher = self._vault.cipher.content_hasher()
        for reference in self._reader.iterate(content):
            if not 0 <= reference.key < len(content.keys):
                raise BadObject(NO_KEY)
            hasher.update(self._reader.chunk(content.keys[reference.key], reference))
        if hasher.digest() != content.hash:
            raise BadObject(NOT_SIGNED)


def _step(node: bytes, reference: Reference, place: Location, key: WrappedKey) -> Step:
    return Step(
        node, b"", b"", 0, b"", False, b"", 0, reference.length,  # noqa: FBT003  where it is put does not matter
        place.pack, place.start, place.length, reference.id, pack_key(key),
    )  # fmt: skip
