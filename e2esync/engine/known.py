"""What this device knows of tree and disk while it writes: `merge.local.Known` over the state.

The tree stays as it was until all is written: what is written is put aside, and so are the rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from e2esync.adapters.files import Fingerprint
from e2esync.adapters.state import DiskRow, Found, Incoming
from e2esync.engine.going import Going
from e2esync.engine.had import can_be_had
from e2esync.engine.plan import settle_all
from e2esync.engine.reading import ChangedWhileRead, Likely, Read, Reader
from e2esync.engine.scan import LETTERS
from e2esync.engine.shown import decoded, digest_of, dots_bytes, dots_of, encoded, entries_of, shown_at
from e2esync.engine.takeover import incoming, take_over
from e2esync.engine.vault import Summary, SyncedFolder
from e2esync.merge.aliases import PLAIN, real_name
from e2esync.merge.arrange import Sight
from e2esync.merge.fold import fold
from e2esync.merge.join import NO_ENTRIES, Entries
from e2esync.merge.local import Act, Row, Thing
from e2esync.merge.standing import ORPHANS, Stand
from e2esync.tree.keys import ROOT, Kind, kind_of
from e2esync.tree.values import Content, Dot, FileContent, value

BATCH = 1000
UNSETTLED = b"not settled yet.."[:16]  # number of a directory of which it is not known yet which it is


class Source(NamedTuple):
    """What a row or thing is made of."""

    old: DiskRow | None = None
    found: Found | None = None
    read: Read | None = None


class KnownHere:
    """Tree, rows and what a scan found; notes what is written, for use inside one transaction."""

    def __init__(self, vault: SyncedFolder, reader: Reader, summary: Summary, going: Going) -> None:
        self._vault, self._state, self._reader, self._summary = vault, vault.state, reader, summary
        self.is_blank = self._state.is_blank()
        self._numbers: dict[int, bytes] = {}  # of found directories
        self._directories: dict[bytes, tuple[bytes, Stand, bytes]] = {}  # number → node, stand, path
        self._pending: dict[bytes, Entries] = {}  # written, and not put aside yet
        self._rows: list[DiskRow] = []
        self._old_rows: list[tuple[bytes, bytes]] = []
        self._acts: tuple[bytes, list[Act]] = (b"", [])  # of the node that is being settled
        self._of_row: dict[int, Source] = {}  # by the identity of rows of acts
        self._of_stand: dict[Stand, Source] = {}  # of what is being written
        self._left: list[bytes] = []  # nodes that may have more rows than they show, or less, or elsewhere
        self._orphanage = vault.cipher.directory_number(ORPHANS)
        self._naming = vault.state.naming()
        self._likes: tuple[bytes, dict[bytes, list[bytes]]] = (
            b"",
            {},
        )  # of one directory: folded → names of the tree
        self._first: bytes | None = None
        self._going = going
        self.edited = self.deleted = 0  # files that got another content, or went

    # merge.local.Known

    def entries(self, key: bytes) -> Entries:
        """Return the entries of a node, after the writes so far."""
        if key in self._pending:
            return self._pending[key]
        if self.is_blank:
            return NO_ENTRIES
        written = self._state.incoming(key)
        return decoded(key, written[0]) if written is not None else entries_of(self._state, key)

    def sight(self, stand: Stand) -> Sight | None:
        """Return what the view showed at a place before."""
        found = None if self.is_blank else shown_at(self._state, *stand)
        if found is None:
            return None
        key, shown = found
        return Sight(key, shown.content, shown.dots, shown.mode, shown.is_first)

    def sight_like(self, stand: Stand) -> Sight | None:
        """Return what the view showed at a place before, or under another name that the disk takes for the same.

        What has an alias may be there under its own name still, if this device has lost its state.
        """
        sight = self.sight(stand)
        if sight is not None or self.is_blank or self._naming == PLAIN:
            return sight
        alias = self._state.alias_of(*stand)
        if alias is not None:
            return self.sight(stand._replace(name=alias))
        if self._likes[0] != stand.parent:
            self._likes = stand.parent, {}
            for name in self._state.names_in(stand.parent):
                self._likes[1].setdefault(self._naming.folded(name), []).append(name)
        like = self._likes[1].get(self._naming.folded(stand.name), ())
        sights = (self.sight(stand._replace(name=name)) for name in like)
        return next((sight for sight in sights if sight is not None and not self._is_ignored(sight)), None)

    def _is_ignored(self, sight: Sight) -> bool:
        """Return whether something is not on this disk since rules have it ignored: what comes there is not that."""
        thing = sight.node if sight.is_first else sight.node + digest_of(sight.content)
        return self._state.is_ignored(thing)

    def told(self, stand: Stand) -> Stand:
        """Return what the tree calls a place of the disk: an alias is the name for which it stands."""
        if self._naming == PLAIN:
            return stand
        told = self._state.alias_at(*stand)
        if told is None and self.sight(stand) is None:  # one from elsewhere, or that is none any more
            told = real_name(stand.name, self._vault.cipher.directory_number)
        return stand if told is None else stand._replace(name=told)

    def stand_of(self, key: bytes) -> Stand | None:
        """Return where a node of the tree stood before, seen or not."""
        if self.is_blank or self._state.node(key) is None:
            return None
        return Stand(*self._state.stand(key))

    def acts(self, key: bytes) -> list[Act]:
        """Return the rows of a node, with what became of each; contents count as edited only while it is settled."""
        if key == self._acts[0]:
            return self._acts[1]
        return [] if self.is_blank else [act for act, _ in self._look_at(key)]

    def is_dead(self, key: bytes) -> bool:
        """Return whether this device made or saw its deletion, and others may not have."""
        if self.is_blank:
            return False
        return self._state.is_dead(key) or (self._state.node(key) is not None and not self.entries(key))

    def directory(self, number: bytes) -> tuple[bytes, Stand] | None:
        """Return which node has this number, and where it stands: on the disk, or in the view."""
        if number in self._directories:
            return self._directories[number][:2]
        row = self._state.directory_row(number)
        if row is not None:
            return row.node, Stand(row.parent, row.name)
        key = self._state.directory_node(number)
        return (key, Stand(*self._state.stand(key))) if key is not None else None

    def content(self, thing: Thing, like: Content | None, dot: Dot) -> Content:
        """Return the content of a thing under a dot, stored: as it was stored here, where that was done."""
        source = self._of_stand[thing.stand]
        stored = source.read.stored if source.read is not None else None
        if isinstance(like, FileContent) and stored is not None and stored.hash == like.hash:
            return like._replace(dot=dot, size=stored.size, keys=stored.keys, chunks=stored.chunks)
        if like is not None:
            return like._replace(dot=dot)
        read = self._stored(thing, source, ())
        self._summary.uploaded_files += 1
        mtime = source.found.mtime if source.found is not None else source.old.mtime if source.old else 0
        return self._reader.content(read, dot, mtime)

    def put(self, key: bytes, entries: Entries) -> None:
        """Note the new entries of a node; none: it is gone."""
        if not self.is_blank:
            self._count(key, entries)
        self._pending[key] = entries
        if len(self._pending) >= BATCH:
            self._flush()

    def put_row(self, row: Row, instead: Row | None) -> None:
        """Note what a thing shows now, instead of what its row said."""
        source = self._of_row[id(instead)] if instead is not None else self._of_stand[row.stand]
        self._of_row[id(row)] = source
        if source.old is not None:
            place = source.old.parent, source.old.name
            self._old_rows.append(place)
            self._summary.moved += place != row.stand and instead is not None and instead.stand != row.stand
        disk_row = self._disk_row(row, source)
        if disk_row.number is not None and source.found is not None:
            self._numbers[source.found.num] = disk_row.number
            self._directories[disk_row.number] = row.node, row.stand, source.found.path
        if instead is None and not self.is_blank and self._state.rows_of(row.node):
            self._left.append(row.node)  # maybe it stands elsewhere too, with the same content
        if row.stand.parent == self._orphanage:
            self._left.append(row.node)  # what is written there is put into the root
        if self._naming != PLAIN and (instead is None or instead.stand != row.stand):
            self._left.append(row.node)  # maybe it has to stand under an alias, or be spelled otherwise
        self._rows.append(disk_row)

    def drop_row(self, row: Row) -> None:
        """Note that a thing is gone."""
        self._old_rows.append(row.stand)
        if self.entries(row.node):
            self._left.append(row.node)

    # what is written

    def _count(self, key: bytes, entries: Entries) -> None:
        """Count what a guard wants to know."""
        if kind_of(key) is Kind.DIRECTORY:
            return
        before = self.entries(key)
        if before and not entries:
            self.deleted += 1
            self._summary.deleted_remote += 1
        elif before:
            old = {value(content) for content in fold(before).contents}
            new = {value(content) for content in fold(entries).contents}
            self.edited += not new <= old
            self._summary.deleted_remote += new < old and self._has_gone(key)  # one of several

    def _has_gone(self, key: bytes) -> bool:
        """Return whether a thing of the node that is being settled is gone; else each becomes a file of its own."""
        return self._acts[0] == key and any(act.thing is None for act in self._acts[1])

    def _flush(self) -> None:
        if self.is_blank:
            self._first = self._first or next(iter(self._pending), None)
            nodes = [(key, encoded(entries) or b"") for key, entries in self._pending.items()]
            self._state.put_nodes(nodes)
            number = self._vault.cipher.directory_number
            self._state.put_directories(
                [(number(key), key) for key in self._pending if kind_of(key) is Kind.DIRECTORY]
            )
            self._state.put_rows(self._rows)
        else:
            self._state.add_incoming(map(self._incoming, self._pending.items()))
            self._state.put_rows_aside(self._old_rows, self._rows)
        self._pending, self._rows, self._old_rows = {}, [], []

    def _incoming(self, item: tuple[bytes, Entries]) -> Incoming:
        return incoming(self._vault, *item, encoded(item[1]))

    def finish(self) -> list[bytes]:
        """Make it the state; return the keys that changed, or of a tree that was blank only one."""
        self._flush()
        if self.is_blank:
            return [self._first] if self._first is not None else []
        take_over(self._vault, is_on_disk=True)
        self._state.take_rows_over()
        self._state.add_due(self._left)  # maybe they come again: others wrote them too, or in them
        settle_all(self._state, [*self._left, *self._state.due_with_new_rows()])
        return list(self._state.incoming_keys())

    # what is on the disk

    def begin(self) -> None:
        """Forget what an earlier scan wrote."""
        self._state.clear_incoming()

    def stand(self, found: Found) -> Stand:
        """Return where a found thing stands."""
        parent = found.parent
        if parent is None:
            parent = self._numbers.get(found.parent_num or 0, UNSETTLED)
        return Stand(parent, found.path.rpartition(b"/")[2])

    def look(self, found: Found, old: DiskRow | None) -> tuple[Row | None, Thing]:
        """Return what is written next: the row of a directory, and what it is now."""
        row = as_row(old) if old is not None else None
        thing = Thing(self.stand(found), Kind(found.kind), b"", found.mode)
        source = Source(old, found)
        self._of_row, self._of_stand = {id(row): source} if row is not None else {}, {thing.stand: source}
        return row, thing

    def read_new(self, found: Found) -> Thing:
        """Return a file or symlink that has no row, read, as what is written next."""
        stand, kind = self.stand(found), Kind(found.kind)
        sight = self.sight_like(stand)
        known = [sight.content] if sight is not None and can_be_had(self._vault, sight.content) else []
        read = self._reader.read(found.path, kind, found.size, _likely(known))
        self._going.done(found.size)
        self._of_row, self._of_stand = {}, {stand: Source(None, found, read)}
        mode = (read.fingerprint or found).mode if kind is Kind.FILE else None
        return Thing(stand, kind, read.value, mode)

    def was_stored(self, thing: Thing) -> bool:
        """Return whether the content of a thing was stored by this scan."""
        read = self._of_stand[thing.stand].read
        return read is not None and read.stored is not None

    def read_node(self, key: bytes) -> None:
        """Read what became of the rows of a node, as what is written next; all that may have to be stored is.

        Raises:
            ChangedWhileRead, Unreadable: A file; nothing was written of the node.
        """
        now = fold(entries) if (entries := self.entries(key)) else None
        contents = tuple(now.contents) if now is not None else ()
        self._of_row, self._of_stand, acts = {}, {}, []
        looked = [self._read_act(act, source, contents) for act, source in self._look_at(key)]
        has_write = any(act.is_touched for act, _ in looked)
        for act, source in looked:
            whole = source
            # what gets a dot of ours is stored by us: the form in the tree may be one that nobody can read
            is_anew = len(looked) > 1 or act.is_edited
            if act.thing is not None and has_write and (is_anew or not _has(contents, act.thing.value)):
                whole = source._replace(read=self._stored(act.thing, source, contents))
            if act.thing is not None:
                self._of_stand[act.thing.stand] = whole
            self._of_row[id(act.row)] = whole
            acts.append(act)
        self._acts = key, acts
        for act in acts:
            if act.thing is not None and not act.is_touched and self._of_row[id(act.row)].found is not None:
                self.put_row(act.row, act.row)  # other times, or another inode

    def _look_at(self, key: bytes) -> list[tuple[Act, Source]]:
        looked = []
        for old in self._state.rows_of(key):
            row, found = as_row(old), self._state.found_of(old.parent, old.name)
            if found is not None:
                kind = Kind(found.kind)
                thing = Thing(self.stand(found), kind, row.value, _mode(kind, found.mode))
                looked.append((Act(row, thing), Source(old, found)))
            elif self._state.is_gone(old.parent, old.name):
                looked.append((Act(row, None), Source(old)))
            else:
                looked.append((Act(row, Thing(row.stand, kind_of(key), row.value, row.mode)), Source(old)))
        return looked

    def _read_act(self, act: Act, source: Source, contents: tuple[Content, ...]) -> tuple[Act, Source]:
        """Return an act with the value that its thing has now."""
        found, thing, old = source.found, act.thing, source.old
        if found is None or thing is None or old is None:
            return act, source
        likely = [*_likely(contents), Likely(old.size, old.hash)]
        read = self._reader.read(found.path, thing.kind, found.size, likely)
        self._going.done(found.size)
        mode = read.fingerprint.mode if read.fingerprint is not None else thing.mode
        return Act(act.row, thing._replace(value=read.value, mode=mode)), source._replace(read=read)

    def _stored(self, thing: Thing, source: Source, contents: Iterable[Content]) -> Read:
        """Return what a thing has, stored: the tree does not have it."""
        if source.read is not None and (source.read.stored is not None or thing.kind is Kind.SYMLINK):
            return source.read
        path = source.found.path if source.found is not None else self._path(thing.stand)
        size = source.found.size if source.found is not None else source.old.size if source.old else 0
        if thing.kind is Kind.SYMLINK:
            read = self._reader.read(path, thing.kind, 0, ())
        else:
            read = self._reader.store(path, size, _likely(contents))
        if read.value != thing.value:
            raise ChangedWhileRead(path, "it changes while it is read")
        return read

    def _path(self, stand: Stand) -> bytes:
        """Return where a thing stands that was found as it was: directories above it may have moved."""
        names = [stand.name]
        parent = stand.parent
        while parent != ROOT:
            if parent in self._directories:
                names.append(self._directories[parent][2])
                break
            row = self._state.directory_row(parent)
            assert row is not None
            names.append(row.name)
            parent = row.parent
        return b"/".join(reversed(names))

    def _disk_row(self, row: Row, source: Source) -> DiskRow:
        dots = dots_bytes(row.dots)
        if source.found is None:
            assert source.old is not None
            return source.old._replace(node=row.node, shown=dots, is_first=row.is_first, hash=row.value)
        found, kind = source.found, kind_of(row.node)
        seen = source.read.fingerprint if source.read is not None else None
        fingerprint = seen or Fingerprint(
            LETTERS[kind], found.size, found.mtime, found.ctime, found.inode, found.mode
        )
        is_directory = kind is Kind.DIRECTORY
        return DiskRow(
            *row.stand,
            row.node,
            kind,
            *fingerprint[1:],
            self._vault.folder.birth_ns(found.path) if is_directory else None,
            self._vault.clock.now_ns(),
            dots,
            row.is_first,
            row.value,
            self._vault.cipher.directory_number(row.node) if is_directory else None,
        )


def as_row(row: DiskRow) -> Row:
    """Return a row as merging knows it."""
    mode = _mode(Kind(row.kind), row.mode)
    return Row(row.node, Stand(row.parent, row.name), dots_of(row.shown), row.hash, mode, bool(row.is_first))


def _mode(kind: Kind, mode: int) -> int | None:
    return None if kind is Kind.SYMLINK else mode


def _has(contents: tuple[Content, ...], digest: bytes) -> bool:
    return any(value(content) == digest for content in contents)


def _likely(contents: Iterable[Content]) -> list[Likely]:
    return [
        Likely(content.size, content.hash, content.keys)
        for content in contents
        if isinstance(content, FileContent)
    ]
