"""Look whether the store has kept what it acknowledged, and put again what it has lost (threat R11).

One listing says what may be lost, a HEAD for each of these what is. Then, of what our own live
indexes name:

1. small packs and indexes are put again as they were, from the cache;
2. an index that is not there is replaced by one of the same packs, in a new head;
3. a pack that is not there is given up: files whose chunks were only there are read from the folder
   and sealed anew, pages of the tree that were only there are made again, in the same head.

Nothing is deleted. What is given up stays named by the live indexes of the state until the new head
is committed, so a look after a crash finds it again. Only a look that finds everything ends the doubt.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from e2esync.adapters.catalogue import LISTED
from e2esync.adapters.files import Unreadable
from e2esync.engine import ownhead
from e2esync.engine.blobs import BlobReader
from e2esync.engine.content import ContentStore
from e2esync.engine.doubt import note_look
from e2esync.engine.fetch import load_indexes, read_heads
from e2esync.engine.joined import load_seen
from e2esync.engine.marks import Marks
from e2esync.engine.narrow import narrow
from e2esync.engine.own import Listed
from e2esync.engine.ownindex import own_index
from e2esync.engine.places import Places
from e2esync.engine.publish import Relisted, publish_snapshot, publish_tree, put_pending_head
from e2esync.engine.reading import ChangedWhileRead, Reader
from e2esync.engine.shown import decoded, digest_of, dots_bytes, encoded, entries_of
from e2esync.engine.sweep import settle
from e2esync.engine.upload import Uploader
from e2esync.engine.vault import Summary, SyncedFolder, failure
from e2esync.engine.ways import row_path
from e2esync.errors import IntegrityError
from e2esync.format import names
from e2esync.merge.fold import fold
from e2esync.merge.restate import Meant, restate
from e2esync.merge.write import Writer
from e2esync.model.store import ObjectInfo
from e2esync.tree.keys import Kind, kind_of
from e2esync.tree.pages import Root
from e2esync.tree.values import Content, FileContent

Named = dict[bytes, set[bytes]]
"""The packs that each live index of our own names."""

LOST = "the store has lost its content, and it is not on this disk any more: it cannot be sent again"
LOST_BEFORE = (
    "the store has lost contents that are not in this folder any more as they were: they cannot be sent again"
)


def mend(vault: SyncedFolder, summary: Summary, *, marks: Marks, anew: bool = False) -> bool:
    """Look, and put again what is lost; return whether that took a new head.

    `anew`: something was in packs of others that are gone: all that the tree needs is looked through.
    What was pruned, as `marks` say, is named no more. What else cannot be put again is in `failed`.

    Raises:
        StoreUnavailable, StoreRefused, NoAccess: The store; the next push looks again.
    """
    named = _named(vault)
    missing = _missing(vault, named)
    lost = {
        object_id
        for object_id, key in missing.items()
        if object_id in marks.gone or not _put_again(vault, object_id, key)
    }
    if lost or anew:
        _publish_anew(vault, named, lost, summary, marks)
    note_look(vault, complete=not missing)
    if not put_pending_head(vault):
        return False
    for pack in lost:
        vault.catalogue.forget_pack(pack)
    return True


# the look


def _named(vault: SyncedFolder) -> Named:
    """Return what our live indexes name; those that the catalogue has lost are read again."""
    rows, live = vault.catalogue.folding, ownhead.load(vault.state).indexes
    for index in live:
        groups = None if rows.is_recorded(index.id) else own_index(vault, index.id)
        if groups is not None:
            vault.catalogue.load(index.id, groups, now=vault.clock.now())
            rows.record_index(index.id, {group.pack for group in groups})
    settle(vault, live)
    return {index.id: rows.named(index.id) for index in live}


def _missing(vault: SyncedFolder, named: Named) -> dict[bytes, str]:
    """Return id and key of what is not in the store. A listing is a hint: what it lacks is asked for by name."""
    wanted = {names.index(vault.vault_id, index): index for index in named}
    wanted |= {names.pack(vault.vault_id, pack): pack for packs in named.values() for pack in packs}
    for info in vault.store.list(names.vault_prefix(vault.vault_id)):
        wanted.pop(info.key, None)
    return {object_id: key for key, object_id in wanted.items() if vault.store.head(key) is None}


def _put_again(vault: SyncedFolder, object_id: bytes, key: str) -> bool:
    """Put an object as it was; return whether it is at hand."""
    content = vault.catalogue.cache.get(object_id)
    if content is None:
        return False
    vault.store.put(key, content)
    vault.catalogue.set_state([object_id], LISTED)  # of a pack, which folding may have given up meanwhile
    return True


# what is not at hand


def _publish_anew(
    vault: SyncedFolder, named: Named, lost: set[bytes], summary: Summary, marks: Marks
) -> None:
    """Make anew what was in the lost objects only; leave a head pending that leads to it."""
    relisted = _relisted(named, lost)
    vault.catalogue.lose_packs(lost & marks.gone)
    contents = _give_up(vault, relisted, lost)
    with vault.state.transaction():
        own = ownhead.load(vault.state)
        live = tuple(index for index in own.indexes if index.id not in relisted.indexes)
        ownhead.save(vault.state, replace(own, indexes=live))
        with Uploader(vault) as uploader:
            writer = Writer(vault.device.id, own.sequence + 1)
            _seal_anew(vault, Reader(vault, ContentStore(vault.cipher, uploader)), writer, summary)
            narrow(vault, writer, ())
            root = _whole_tree(vault, uploader)
            if any(uploader.known(content) is None for content in contents):
                summary.failed.append(failure(b".", LOST_BEFORE))
            publish_snapshot(vault, uploader, root, marks=marks.hashes, relisted=relisted)


def _whole_tree(vault: SyncedFolder, uploader: Uploader) -> Root | None:
    """Store the pages of the tree that are not held. Where none is known, it is cut from its start to its end."""
    vault.state.drop_levels(-1)
    first = [key for key, _ in islice(vault.state.items(0), 1)]
    return publish_tree(vault, uploader, first)


def _relisted(named: Named, lost: set[bytes]) -> Relisted:
    """Return which indexes give way: those that are lost or name what is lost."""
    indexes = {index for index, packs in named.items() if index in lost or packs & lost}
    packs = {pack for index in indexes for pack in named[index]} - lost
    return Relisted(frozenset(indexes), frozenset(packs))


def _give_up(vault: SyncedFolder, relisted: Relisted, lost: set[bytes]) -> list[bytes]:
    """Take nothing as held that is in lost packs only; return the hashes of such contents, as far as known."""
    rows = vault.catalogue.folding
    contents = vault.catalogue.lose_packs(lost)
    rows.keep_uncovered()
    for index in relisted.indexes:
        rows.record_index(index, ())  # also one whose rows are lost: it is not looked for any more
    seen = {device: ObjectInfo("", 0, etag) for device, etag in load_seen(vault.state).items()}
    with suppress(IntegrityError):  # of others: what they hold is maybe not known then, and sent again
        load_indexes(vault, read_heads(vault, Listed(seen)))
    return contents


def _seal_anew(vault: SyncedFolder, reader: Reader, writer: Writer, summary: Summary) -> None:
    """Store the files again of which a part is nowhere; those that are not on the disk as they were have failed."""
    places = Places(vault.state)
    for key in list(_incomplete(vault)):
        entries = entries_of(vault.state, key)
        now = fold(entries)
        try:
            contents = [_anew(vault, reader, writer, key, content) for content in sorted(now.contents)]
        except (Unreadable, ChangedWhileRead) as error:
            path = places.path_in_tree(vault.state.stand(key))
            summary.failed.append(failure(path, error.reason))
            continue
        meant = Meant(now.places, frozenset(contents), now.attributes)
        value = encoded(restate(key, entries, meant, writer))
        assert value is not None
        vault.state.put_nodes([(key, value)])
        summary.uploaded_files += 1


def _anew(vault: SyncedFolder, reader: Reader, writer: Writer, key: bytes, content: Content) -> Content:
    """Return a content as it is, or stored again from a file that has it.

    Raises:
        ChangedWhileRead: No file has it.
        Unreadable: It is not known whether the file has it.
    """
    if _is_complete(vault, BlobReader(vault), content):
        return content
    digest = digest_of(content)
    for row in vault.state.rows_of(key):
        path = row_path(vault.state, row) if row.hash == digest else None
        if path is None or vault.folder.stat(path) is None:
            continue
        read = reader.store(path, row.size, [])
        if read.value == digest:
            new = reader.content(read, writer.dot(), row.mtime)
            vault.state.put_rows([row._replace(shown=dots_bytes([new.dot]))])
            return new
    raise ChangedWhileRead(b"", LOST)


def _incomplete(vault: SyncedFolder) -> Iterator[bytes]:
    """Yield the keys of the files of the tree of which a chunk, or a page of the list of these, is nowhere."""
    reader = BlobReader(vault)
    for key, value in vault.state.items(0):
        if kind_of(key) is Kind.FILE:
            contents = (content for entry in decoded(key, value) for content in entry.contents)
            if not all(_is_complete(vault, reader, content) for content in contents):
                yield key


def _is_complete(vault: SyncedFolder, reader: BlobReader, content: Content) -> bool:
    if not isinstance(content, FileContent):
        return True
    try:
        return all(vault.catalogue.is_placed(reference.id) for reference in reader.iterate(content))
    except IntegrityError:
        return False
