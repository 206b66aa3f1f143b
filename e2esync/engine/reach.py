"""What the heads and the kept past lead to: every blob of it is noted, all else may be let go (format §9.2).

Nothing is taken for unneeded because it cannot be found. What pruning took before is known by name,
from indexes and marks; anything else that is missing ends the walk, and nothing is pruned then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import tee
from typing import TypeVar

from e2esync.adapters.reach import ReachRows, Thinned
from e2esync.crypto.asymmetric import object_hash
from e2esync.engine.blobs import BlobReader
from e2esync.engine.honest import HonestForms
from e2esync.engine.snapshots import Past, snapshots
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import BadObject, MissingObject
from e2esync.format.cbor import decode, encode
from e2esync.format.history import HistoryPage
from e2esync.format.snapshot import Root, Snapshot
from e2esync.merge.retention import Rules, in_window, is_among_last
from e2esync.tree.codec import decode_entries
from e2esync.tree.keys import kind_of
from e2esync.tree.lists import ListRoot
from e2esync.tree.pages import Item
from e2esync.tree.values import FileContent, SymlinkContent, value
from e2esync.vault.heads import Head

T = TypeVar("T")


def note_needed(
    vault: SyncedFolder, heads: Collection[Head], rules: Rules, rows: ReachRows, *, gone: Collection[bytes]
) -> None:
    """Note every blob that the present heads, and what the rules keep of the past, lead to.

    `heads` are all that are in the store, accepted, with their indexes loaded; `gone` the packs that
    marks say were pruned.

    Raises:
        IntegrityError: Something that should be there is not, or is not what it should be.
    """
    with rows.transaction():
        walk = _Walk(vault, HonestForms(vault, list(heads)), rules, rows, gone)
        for head in heads:
            walk.head(head)
        for head in heads:
            walk.past(head)
        if rules.keep_versions:
            for one in rows.thinned():
                walk.older(one)


class _Walk:
    def __init__(
        self, vault: SyncedFolder, honest: HonestForms, rules: Rules, rows: ReachRows, gone: Collection[bytes]
    ) -> None:
        self._vault, self._rules, self._rows, self._gone = vault, rules, rows, gone
        self._honest = honest
        self._reader = BlobReader(vault)
        self._now = vault.clock.now()
        self._pages = 0

    def head(self, head: Head) -> None:
        """Note the newest snapshot of a device, and all pages of its history; nothing of this may be missing."""
        self._rows.add(self._vault.cipher.snapshot_id(head.hash))
        self._proofs(head)
        self._whole(head.root, is_present=True)
        for level, items in enumerate(head.history):
            for item in items if level else ():
                self._history(item)

    def _proofs(self, head: Head) -> None:
        """Note what shows which words of others a device has seen, and who is at fault, where it is anywhere."""
        cipher = self._vault.cipher
        for name in (head.device, *(digest for _, digest in head.context.values())):
            blob_id = cipher.proof_id(name)
            if any(self._rows.is_live(place.pack) for place in self._vault.catalogue.find(blob_id)):
                self._rows.add(blob_id)

    def _history(self, page_id: bytes) -> None:
        self._rows.add(page_id)
        page = HistoryPage.decode(self._reader.history_page(page_id))
        for item in page.items if page.level else ():
            self._history(item)

    def past(self, head: Head) -> None:
        """Note the snapshots of a device that are young enough; put the others aside."""
        found, timed = tee(self._present(head))
        ages = in_window((one.time for _, one in timed), self._rules, now=self._now)
        for (past, snapshot), (time, is_kept) in zip(found, ages, strict=True):
            if is_kept:
                self._rows.add(self._vault.cipher.snapshot_id(past.hash))
                self._whole(snapshot.root)
            elif self._rules.keep_versions:
                page, level = snapshot.root or (None, 0)
                self._rows.add_thinned(Thinned(time, head.device, past.sequence, past.hash, page, level))
            else:
                break

    def _present(self, head: Head) -> Iterator[tuple[Past, Snapshot]]:
        """Yield the snapshots of a device that pruning did not take before."""
        for past in snapshots(self._vault, head, self._reader):
            if past.snapshot is not None:
                yield past, past.snapshot
            else:
                self._check_pruned(self._vault.cipher.snapshot_id(past.hash))

    # trees of which everything is kept

    def _whole(self, root: Root | None, *, is_present: bool = False) -> None:
        if root is not None:
            self._whole_page(*root, is_present=is_present)

    def _whole_page(self, page_id: bytes, level: int, *, is_present: bool) -> None:
        if not self._rows.add(page_id):
            return
        for key, item in self._page(page_id, level, is_present=is_present):
            if level:
                self._whole_page(item, level - 1, is_present=is_present)
                continue
            for content in _contents(key, item):
                self._rows.add_version(key, _version(content), older=False)
                if is_present and isinstance(content, FileContent):
                    self._present_chunks(key, content)
                else:
                    self._chunks(content)

    def _present_chunks(self, key: bytes, content: FileContent) -> None:
        """Note what a file leads to; where its form in the tree is seen to be dead, also what readers go back to (format §7)."""
        try:
            self._chunks(content, is_present=True)
            if self._seems_readable(content):
                return
        except (BadObject, MissingObject):
            if not self._signed_form(key, content):
                raise
        else:
            self._signed_form(key, content)

    def _seems_readable(self, content: FileContent) -> bool:
        """Return whether its data keys open and indexes name its chunks; nothing is read for that but its list."""
        try:
            for wrapped in content.keys:
                self._vault.cipher.file_key(wrapped)
            return all(self._vault.catalogue.find(each.id) for each in self._reader.iterate(content))
        except (BadObject, MissingObject):
            return False

    def _signed_form(self, key: bytes, content: FileContent) -> bool:
        """Note the form that the content's device has signed, and the way there; return whether there is another."""
        other = self._honest.find(key, content)
        if other is None:
            return False
        self._chunks(other, is_present=True)
        digest, root = self._honest.way_to(content)
        self._rows.add(self._vault.cipher.snapshot_id(digest))
        if root is not None:
            self._pages_only(*root)
        return True

    # trees of which a few versions are kept

    def older(self, one: Thinned) -> None:
        """Keep a snapshot that shows a version of a file which is among the last of those that are too old."""
        if one.page is None or not self._note_versions(one.page, one.level):
            return
        self._rows.add(self._vault.cipher.snapshot_id(one.hash))
        self._pages_only(one.page, one.level)

    def _note_versions(self, page_id: bytes, level: int) -> bool:
        """Note which versions are kept that are first met in this tree; return whether there are any."""
        if self._rows.is_needed(page_id) or not self._rows.look(page_id):
            return False
        found = False
        for key, item in self._page(page_id, level):
            if level:
                found |= self._note_versions(item, level - 1)
                continue
            for content in _contents(key, item):
                found |= self._note_version(key, content)
        return found

    def _note_version(self, key: bytes, content: FileContent | SymlinkContent) -> bool:
        version = _version(content)
        if self._rows.has_version(key, version) or not is_among_last(
            self._rows.count_older(key), self._rules
        ):
            return False
        self._rows.add_version(key, version, older=True)
        self._chunks(content)
        return True

    def _pages_only(self, page_id: bytes, level: int) -> None:
        if not self._rows.add(page_id) or not level:
            return
        for _, item in self._page(page_id, level):
            self._pages_only(item, level - 1)

    # blobs

    def _page(self, page_id: bytes, level: int, *, is_present: bool = False) -> list[Item]:
        self._pages += 1
        self._vault.progress("pages", self._pages, None)
        return self._or_pruned(page_id, lambda: self._reader.tree_page(page_id, level), is_present=is_present)

    def _chunks(self, content: FileContent | SymlinkContent, *, is_present: bool = False) -> None:
        if not isinstance(content, FileContent):
            return
        if isinstance(content.chunks, ListRoot):
            self._list(content.chunks.id, content.chunks.level, is_present=is_present)
        else:
            self._rows.add_all(reference.id for reference in content.chunks)

    def _list(self, page_id: bytes, level: int, *, is_present: bool) -> None:
        if not self._rows.add(page_id):
            return
        items = self._or_pruned(
            page_id, lambda: self._reader.list_page(page_id, level), is_present=is_present
        )
        if level == 0:
            self._rows.add_all(bytes(item[1]) for item in items if isinstance(item[1], bytes))
            return
        for item in items:
            if isinstance(item[0], bytes):
                self._list(item[0], level - 1, is_present=is_present)

    def _or_pruned(self, blob_id: bytes, read: Callable[[], list[T]], *, is_present: bool) -> list[T]:
        """Return what a page holds; nothing if it was pruned under narrower rules."""
        try:
            return read()
        except MissingObject:
            if is_present:
                raise
            self._check_pruned(blob_id)
            return []

    def _check_pruned(self, blob_id: bytes) -> None:
        """See that no live index names a blob, but in packs that were pruned.

        Raises:
            MissingObject: It should be there; maybe the store holds it back.
        """
        packs = {place.pack for place in self._vault.catalogue.find(blob_id)} - set(self._gone)
        if any(map(self._rows.is_live, packs)):
            raise MissingObject("a part of the vault's history is not in the store")
        self._rows.add_pruned(blob_id)


def _contents(key: bytes, item: bytes) -> Iterator[FileContent | SymlinkContent]:
    """Yield what a node of a tree has of versions."""
    for entry in decode_entries(decode(item), kind_of(key)):
        for content in entry.contents:
            if isinstance(content, FileContent | SymlinkContent):
                yield content


def _version(content: FileContent | SymlinkContent) -> bytes:
    """Return what tells a version from others of its node; two forms of one content lie in other chunks."""
    chunks: object = content.chunks if isinstance(content, FileContent) else None
    return object_hash(encode([content.dot, value(content), chunks]))
