"""Turn what a scan found into entries of the tree: the table of local writes, row by row.

| on the disk                          | in the tree                                     |
|--------------------------------------|-------------------------------------------------|
| content changed                      | a new content in place of the one that was shown |
| moved                                | a new place; contents as they are                |
| new                                  | the node shown there without a row, else a birth |
| gone (seen twice)                    | the node goes; a directory gets the content gone |
| as the tree has it already           | a row, no write                                  |

A node whose disk side is due (the tree changed and the disk does not show it yet) is not written:
what is on the disk stays, and is listed.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from e2esync.adapters.files import ChangedLocally, Fingerprint, Unreadable
from e2esync.adapters.state import DiskRow, Found
from e2esync.chunking.cutter import MIN_SIZE
from e2esync.engine.content import Borrow, ContentStore, Stored
from e2esync.engine.cycles import loosen
from e2esync.engine.life import removed_above
from e2esync.engine.scan import Scan, below
from e2esync.engine.vault import Summary, SyncedFolder
from e2esync.errors import E2ESyncError
from e2esync.format.cbor import decode, encode
from e2esync.merge.fold import Folded, fold
from e2esync.merge.join import NO_ENTRIES, Entries
from e2esync.merge.restate import Meant, restate
from e2esync.merge.standing import is_here
from e2esync.merge.view import shown
from e2esync.merge.write import Writer
from e2esync.tree.codec import decode_entries, encode_entries
from e2esync.tree.keys import Kind, kind_of, node_key
from e2esync.tree.values import Attributes, Content, DirectoryContent, Dot, FileContent, Place, SymlinkContent

BATCH = 1000
BLOCK = 1 << 20  # bytes read at once
LETTERS: dict[Kind, Literal["f", "d", "l"]] = {Kind.DIRECTORY: "d", Kind.FILE: "f", Kind.SYMLINK: "l"}
READS = 3  # tries at a file that changes under the read


class ChangedWhileRead(E2ESyncError):
    """A file that did not hold still; it is left for the next time."""

    code = "changed-while-read"

    def __init__(self, path: bytes, reason: str) -> None:
        super().__init__(f"{path!r} could not be read: {reason}")
        self.path = path
        self.reason = reason


class _Node(NamedTuple):
    """What a found thing is in the tree."""

    key: bytes
    row: DiskRow | None  # as it was on the disk
    entries: Entries = NO_ENTRIES  # as it is in the tree

    @property
    def now(self) -> Folded | None:
        """What it comes to there."""
        return fold(self.entries) if self.entries else None


class LocalWriter:
    """Writes the changes of one scan into the state; for use inside one transaction of it."""

    def __init__(
        self,
        vault: SyncedFolder,
        writer: Writer,
        contents: ContentStore,
        summary: Summary,
        *,
        anew: bool = False,
    ) -> None:
        self._anew = anew  # a file that has its content still is stored again: the store has lost it
        self._vault, self._state, self._folder = vault, vault.state, vault.folder
        self._writer, self._contents, self._summary = writer, contents, summary
        self._numbers: dict[int, bytes] = {}  # of found directories
        self._skipped: set[int] = set()  # found directories that are not written, nor what is in them
        self._claimed: set[tuple[bytes, bytes]] = set()
        self._nodes: list[tuple[bytes, bytes]] = []
        self._rows: list[DiskRow] = []
        self._directories: list[tuple[bytes, bytes]] = []
        self._settled: list[bytes] = []
        self._below: set[bytes] = set()  # numbers of directories that something was written in
        self._left: set[bytes] = set()  # numbers of directories that something left
        self._has_moved_directories = False
        self._stale: list[DiskRow] = []  # rows of nodes that were found elsewhere
        self._remade: list[tuple[int, bytes, bytes]] = []  # found directory, its path, number of the node
        self._placed: set[tuple[bytes, bytes]] = set()  # where those were found
        self._moved_rows: list[tuple[DiskRow, DiskRow]] = []  # old, new: put when all is settled
        self._displaced: list[DiskRow] = []
        self._blank = self._state.is_blank()
        self._total, self._done = self._state.count_found()[1], 0
        self.changed: list[bytes] = []  # keys of nodes, in no order
        self.edited = self.deleted = 0  # files that got another content, or went

    def write(self, scan: Scan) -> None:
        """Write everything that the scan put aside."""
        self._claimed = scan.claimed
        for found in self._state.found():
            self._write_found(found)
            self._done += found.size if found.kind != Kind.DIRECTORY else 0
            self._vault.progress("push", self._done, self._total)
        gone = [row for remade in self._remade for row in self._gone_from(*remade)]
        for row in [*self._displaced, *gone, *(item.row for item in scan.gone)]:
            self._write_gone(row)
        self._flush()
        if self._has_moved_directories or self._state.loose():
            loosen(self._state)
        self._make_here_again()
        self._state.add_due(removed_above(self._state, self._left))
        self._state.drop_rows([row for row in self._stale if (row.parent, row.name) not in self._placed])
        self._state.drop_rows([old for old, _ in self._moved_rows])
        self._state.put_rows([new for _, new in self._moved_rows])
        self._summary.failed += [failure(path, reason) for path, reason in scan.failed]

    # one found thing

    def _write_found(self, found: Found) -> None:
        if found.parent_num in self._skipped:
            self._skipped.add(found.num)
            return
        parent = found.parent if found.parent is not None else self._numbers[found.parent_num or 0]
        name = found.path.rpartition(b"/")[2]
        try:
            node = self._settle(found, parent, name)
            if node is None:
                self._skip(found)
                return
            if found.kind == Kind.DIRECTORY:
                self._numbers[found.num] = number = self._vault.cipher.directory_number(node.key)
                self._directories.append((number, node.key))
                if found.claim_parent is None and node.row is not None:
                    self._remade.append((found.num, found.path, number))
            self._write_node(found, parent, name, node)
        except (Unreadable, ChangedWhileRead) as error:
            self._skipped.add(found.num)
            self._summary.failed.append(failure(found.path, error.reason))

    def _skip(self, found: Found) -> None:
        """Leave a thing as it is: it was changed here and in the tree."""
        self._skipped.add(found.num)
        self._summary.skipped.append(failure(found.path, "it was changed here and on another device"))

    def _settle(self, found: Found, parent: bytes, name: bytes) -> _Node | None:
        """Return which node this is, or None if it must not be written now."""
        if self._blank:
            return _Node(node_key(parent, name, Kind(found.kind)), None)
        here = self._state.row_at(parent, name)
        row = None
        if found.claim_parent is not None and found.claim_name is not None:
            row = self._state.row_at(found.claim_parent, found.claim_name)
        if here is not None and (row is None or row != here) and (parent, name) not in self._claimed:
            if row is None and here.kind == found.kind:
                row = here
            else:
                self._displaced.append(here)
        if row is not None:
            if self._state.is_due(row.node):
                return None
            return _Node(row.node, row, self._entries(row.node))
        return self._node_there(parent, name, Kind(found.kind)) or _Node(
            self._birth(parent, name, Kind(found.kind)), None
        )

    def _node_there(self, parent: bytes, name: bytes, kind: Kind) -> _Node | None:
        """Return the node that the tree shows at a place and the disk did not have, or not there."""
        born = node_key(parent, name, kind)
        for key in (born, *self._state.moved_to(parent, name)):
            if kind_of(key) is not kind or (key == born and self._state.is_moved(key)):
                continue
            if self._state.rows_of(key) and not self._state.is_due(key):
                continue  # it stands elsewhere; a row of what is due says nothing
            entries = self._entries(key)
            if entries:
                return _Node(key, None, entries)
        return None

    def _birth(self, parent: bytes, name: bytes, kind: Kind) -> bytes:
        """Return the first birthplace that no node has or had that others may still know."""
        for n in range(1 << 32):
            key = node_key(parent, name, kind, n)
            if self._state.node(key) is None and not self._state.is_dead(key):
                return key
        raise AssertionError("a name was born four billion times")

    def _write_node(self, found: Found, parent: bytes, name: bytes, node: _Node) -> None:
        """Bring the node's entry to what the disk shows, and put its row."""
        now = node.now
        content, fingerprint, digest = self._read(found, now)
        if content is not None and now is not None and node.row is None and found.kind != Kind.DIRECTORY:
            self._skip(found)
            return
        mode = None if found.kind == Kind.SYMLINK else fingerprint.mode
        self._summary.uploaded_files += content is not None and found.kind != Kind.DIRECTORY
        if now is None:
            meant = Meant(frozenset(), frozenset({content or self._missing()}), self._attributes(mode))
        else:
            meant = Meant(now.places, now.contents, now.attributes)
            stands = shown(node.key, node.entries)
            if node.row is not None and (node.row.parent, node.row.name) != (parent, name):
                meant = meant._replace(places=frozenset({Place(self._writer.dot(), parent, name)}))
                self._state.put_moved(node.key, parent, name)
                self._has_moved_directories |= found.kind == Kind.DIRECTORY
                self._summary.moved += 1
            if content is not None:
                meant = meant._replace(contents=frozenset({content}))
                self.edited += found.kind != Kind.DIRECTORY
            if mode is not None and (stands is None or (node.row is not None and stands.mode != mode)):
                meant = meant._replace(attributes=self._attributes(mode))
        if now is None or meant != now[:3]:
            if not self._blank:
                self._below.add(parent)
                self._left |= {node.row.parent} if node.row is not None else set()
            self._put_node(node.key, restate(node.key, node.entries, meant, self._writer))
        shown_dot = content.dot if content is not None else self._shown_dot(now)
        self._put_row(found, parent, name, node, shown_dot, fingerprint, digest)

    def _attributes(self, mode: int | None) -> frozenset[Attributes]:
        return frozenset() if mode is None else frozenset({Attributes(self._writer.dot(), mode)})

    def _shown_dot(self, now: Folded | None) -> Dot:
        assert now is not None
        return max(content.dot for content in now.contents)

    def _missing(self) -> Content:
        raise AssertionError("a new node without content")

    def _read(self, found: Found, now: Folded | None) -> tuple[Content | None, Fingerprint, bytes]:
        """Return the new content (None: as the tree has it), the stat that goes with it, and its hash."""
        current = max(now.contents, key=lambda content: content.dot) if now is not None else None
        match Kind(found.kind):
            case Kind.FILE:
                before = current if isinstance(current, FileContent) else None
                same = None if self._anew else self._same(found, before)
                if same is not None and before is not None:
                    return None, same, before.hash
                stored = self._store(found, self._borrow(before))
                if before is not None and before.hash == stored.hash and not self._anew:
                    return None, stored.fingerprint, stored.hash
                return self._file_content(stored), stored.fingerprint, stored.hash
            case Kind.SYMLINK:
                fingerprint = _fingerprint(found)
                target = self._folder.read_link(found.path)
                if isinstance(current, SymlinkContent) and current.target == target:
                    return None, fingerprint, target
                return SymlinkContent(self._writer.dot(), target, found.mtime), fingerprint, target
            case _:
                here = now is not None and is_here(now)
                return (
                    None if here else DirectoryContent(self._writer.dot(), here=True),
                    _fingerprint(found),
                    b"",
                )

    def _same(self, found: Found, before: FileContent | None) -> Fingerprint | None:
        """Return what a file is now if it still has its content: a file that was only touched sends nothing."""
        if before is None or before.size != found.size:
            return None
        hasher = self._vault.cipher.content_hasher()
        with self._folder.open_read(found.path) as file:
            while block := file.read(BLOCK):
                hasher.update(block)
            return file.fingerprint if hasher.digest() == before.hash and file.unchanged() else None

    def _borrow(self, before: FileContent | None) -> Borrow:
        """Return the keys whose chunks a file may refer to."""
        if not self._vault.within_files:
            return None
        return frozenset(before.keys) if before is not None else frozenset()

    def _store(self, found: Found, borrow: Borrow) -> Stored:
        for _ in range(READS):
            try:
                if found.size <= MIN_SIZE:
                    return self._contents.store_small(
                        *self._folder.read_small(found.path, MIN_SIZE), borrow=borrow
                    )
            except ChangedLocally:
                pass  # it may have grown: read it as any other
            with self._folder.open_read(found.path) as file:
                stored = self._contents.store(file, borrow=borrow)
            if stored is not None:
                return stored
        raise ChangedWhileRead(found.path, "it changes while it is read")

    def _file_content(self, stored: Stored) -> FileContent:
        return FileContent(
            self._writer.dot(),
            stored.size,
            stored.hash,
            stored.fingerprint.mtime_ns,
            stored.keys,
            stored.chunks,
            self._vault.names[0],
            stored.fingerprint.ctime_ns // 1_000_000_000,
        )

    # what is gone

    def _gone_from(self, num: int, path: bytes, number: bytes) -> list[DiskRow]:
        """Return what stood in a directory that another took the place of, and does not stand in that."""
        found = self._state.found_in(num)
        return [
            row
            for row in self._state.rows_in(number)
            if path + b"/" + row.name not in found and self._folder.stat(path + b"/" + row.name) is None
        ]

    def _write_gone(self, row: DiskRow) -> None:
        """Remove a node and all below it, but for what was moved out or is due."""
        self._flush()
        self._left.add(row.parent)
        for gone in list(below(self._state, row, but=self._is_elsewhere)):
            if gone.number is not None:
                entries = self._entries(gone.node)
                if entries:
                    now = fold(entries)
                    away = frozenset[Content]({DirectoryContent(self._writer.dot(), here=False)})
                    meant = Meant(now.places, away, now.attributes)
                    self._put_node(gone.node, restate(gone.node, entries, meant, self._writer))
            else:
                self._state.drop_nodes([gone.node])
                self._state.drop_moved(gone.node)
                self._state.add_dead([gone.node], self._writer.sequence)
                self.changed.append(gone.node)
                self._summary.deleted_remote += 1
                self.deleted += 1
            self._state.drop_rows([gone])

    def _make_here_again(self) -> None:
        """Write that the removed directories are here again in which something was written, and those above."""
        for key in removed_above(self._state, self._below):
            entries = self._entries(key)
            now, here = fold(entries), DirectoryContent(self._writer.dot(), here=True)
            meant = Meant(now.places, frozenset[Content]({here}), now.attributes)
            self._put_node(key, restate(key, entries, meant, self._writer))
        self._flush()

    def _is_elsewhere(self, row: DiskRow) -> bool:
        """Return whether a thing was found elsewhere, with all that is in it, or where it is is unknown."""
        return (row.parent, row.name) in self._claimed or self._state.is_due(row.node)

    # the state

    def _entries(self, key: bytes) -> Entries:
        value = self._state.node(key)
        return frozenset(decode_entries(decode(value), kind_of(key))) if value is not None else NO_ENTRIES

    def _put_node(self, key: bytes, entries: Entries) -> None:
        self._nodes.append((key, encode(encode_entries(tuple(entries)))))
        if not self._blank or not self.changed:
            self.changed.append(key)  # a blank tree is cut from its start, whatever changed
        if len(self._nodes) >= BATCH:
            self._flush()

    def _put_row(  # noqa: PLR0913, PLR0917  what a row is made of
        self,
        found: Found,
        parent: bytes,
        name: bytes,
        node: _Node,
        dot: Dot,
        fingerprint: Fingerprint,
        digest: bytes,
    ) -> None:
        row = DiskRow(
            parent,
            name,
            node.key,
            found.kind,
            *fingerprint[1:],
            self._folder.birth_ns(found.path) if found.kind == Kind.DIRECTORY else None,
            self._vault.clock.now_ns(),
            dot_bytes(dot),
            digest,
            self._numbers.get(found.num) if found.kind == Kind.DIRECTORY else None,
        )
        if not self._blank:
            self._settled.append(node.key)
        if node.row is None and node.entries:
            self._stale += self._state.rows_of(node.key)
            self._placed.add((parent, name))
        if node.row is not None and (node.row.parent, node.row.name) != (parent, name):
            self._moved_rows.append((node.row, row))
        elif (parent, name) in self._claimed:
            self._moved_rows.append((row, row))
        else:
            self._rows.append(row)

    def _flush(self) -> None:
        self._state.put_nodes(self._nodes)
        self._state.put_rows(self._rows)
        self._state.put_directories(self._directories)
        self._state.remove_due(self._settled)
        self._nodes, self._rows, self._directories, self._settled = [], [], [], []


def dot_bytes(dot: Dot) -> bytes:
    """Return a dot as rows keep it."""
    return dot.device + dot.sequence.to_bytes(8, "big") + dot.j.to_bytes(8, "big")


def _fingerprint(found: Found) -> Fingerprint:
    return Fingerprint(
        LETTERS[Kind(found.kind)], found.size, found.mtime, found.ctime, found.inode, found.mode
    )


def failure(path: bytes, reason: str) -> dict[str, str]:
    """Return a path and what is the matter with it, for the summary."""
    return {"path": path.decode("utf-8", "backslashreplace"), "reason": reason}
