"""Devices in one process: a disk with inodes, rows, a joined tree; everything that decides is the product's.

A disk is `path → Thing on it`, a path a tuple of names, a content a number that stands for bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from e2esync.format.cbor import decode, encode
from e2esync.merge.arrange import Sight
from e2esync.merge.join import EMPTY, NO_ENTRIES, Entries, State, join
from e2esync.merge.local import Act, LocalWrites, Row, Thing
from e2esync.merge.standing import Stand, folded, standing
from e2esync.merge.tombstones import droppable
from e2esync.merge.whole import View, path_of, view
from e2esync.merge.write import Writer
from e2esync.tree.codec import decode_entries, encode_entries
from e2esync.tree.keys import ROOT, Kind, kind_of
from e2esync.tree.lists import Reference
from e2esync.tree.values import Content, Dot, FileContent, WrappedKey

Path = tuple[bytes, ...]
EMPTY_FILE = 0
ELSEWHERE = b"elsewhere".ljust(16)  # a directory whose number is not settled yet


def tag(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


class OnDisk(NamedTuple):
    inode: int
    kind: Kind
    content: int  # of a file
    mode: int


@dataclass
class Known:
    """A row with the path at which the thing stood."""

    row: Row
    path: Path


def value_of(content: int) -> bytes:
    return content.to_bytes(4, "big") * 8


def number_of(value: bytes) -> int:
    return int.from_bytes(value[:4], "big")


def make_content(number: int, dot: Dot, device: Device) -> FileContent:
    mtime = number * 7919 % 3 if device.hints else 0  # says nothing of the order
    keys = () if number == EMPTY_FILE else (WrappedKey(bytes(32), bytes(32), bytes(40)),)
    chunks = () if number == EMPTY_FILE else (Reference(0, value_of(number), 1),)
    return FileContent(dot, len(chunks), value_of(number), mtime, keys, chunks, device.name, number)


class World:
    """What all devices share: that no dot ever means two things."""

    def __init__(self) -> None:
        self.meaning: dict[tuple[str, Dot], object] = {}

    def note(self, device: bytes, sequence: int, entries: Entries) -> None:
        for entry in entries:
            for field, values in (
                ("place", entry.places),
                ("content", entry.contents),
                ("mode", entry.attributes),
            ):
                for each in values:
                    if each.dot.device == device and each.dot.sequence == sequence:
                        meant = self.meaning.setdefault((field, each.dot), each)
                        assert meant == each, "a dot was used for two values"


class Device:
    """One device with one folder."""

    hints = True

    def __init__(self, name: str, world: World) -> None:
        self.name, self.id, self.world = name, name.encode() * 16, world
        self.state = EMPTY
        self.disk: dict[Path, OnDisk] = {}
        self.rows: dict[int, Known] = {}  # by inode
        self.dead: set[bytes] = set()
        self.peers: tuple[bytes, ...] = ()
        self.known_heads: dict[bytes, Mapping[bytes, int]] = {}
        self.dropped = 0
        self.settled: set[int] = set()  # contents that stood beside others and were made files of their own
        self._inodes = 0

    def inode(self) -> int:
        self._inodes += 1
        return self._inodes

    # scanning

    def scan(self) -> bool:
        """Write what happened on the disk into the tree; return whether anything was."""
        sequence = self.state.context.get(self.id, 0) + 1
        scan = _Scan(self, sequence)
        wrote = scan.run()
        self.rows = scan.rows
        if self.peers and all(peer in self.known_heads for peer in self.peers):
            for key in droppable(scan.tree, [self.known_heads[peer] for peer in self.peers], tag):
                if key not in scan.written:
                    del scan.tree[key]
                    self.dropped += 1
                    wrote = True
        if wrote:
            self.state = State(scan.tree, {**self.state.context, self.id: sequence})
        return wrote

    def content(self, thing: Thing, like: Content | None, dot: Dot) -> Content:
        if like is not None:
            return like._replace(dot=dot)
        return make_content(number_of(thing.value), dot, self)

    def head(self) -> State:
        return self.state

    def pull(self, head: State, sender: bytes | None = None) -> None:
        before = self.state.tree
        self.state = join(self.state, head)
        self.dead |= before.keys() - self.state.tree.keys()
        if sender is not None:
            self.known_heads[sender] = head.context

    # applying

    def view(self) -> View:
        return view(self.state.tree, tag)

    def by_path(self, seen: View) -> dict[Path, tuple[Stand, Sight]]:
        numbers = {tag(s.node): stand for stand, s in seen.items() if kind_of(s.node) is Kind.DIRECTORY}
        return {tuple(path_of(stand, numbers).split(b"/")): (stand, s) for stand, s in seen.items()}

    def apply(self) -> None:
        """Make the disk what the view says; things keep their inodes where they can."""
        wanted = self.by_path(self.view())
        old: dict[object, int] = {}
        for inode, known in self.rows.items():
            old.setdefault((known.row.node, known.row.value), inode)
            old.setdefault(known.row.node, inode)
        used: set[int] = set()
        disk, rows = {}, {}
        for path in sorted(wanted, key=_depth):
            stand, sight = wanted[path]
            content = _content(sight)
            kept = old.get((sight.node, _row(stand, sight).value), old.get(sight.node))
            inode = self.inode() if kept is None or kept in used else kept
            used.add(inode)
            disk[path] = OnDisk(inode, kind_of(sight.node), content, _mode(sight))
            rows[inode] = Known(_row(stand, sight), path)
        self.disk, self.rows = disk, rows

    def apply_partly(self, random: Random, share: float) -> None:
        """Take some of the steps of an apply, as if it was cut off, or a part could not be done."""
        wanted = self.by_path(self.view())
        directories = {
            path: self.rows[thing.inode].row.node
            for path, thing in self.disk.items()
            if thing.kind is Kind.DIRECTORY
        }
        for path in sorted(wanted, key=_depth):
            stand, sight = wanted[path]
            if random.random() > share:
                continue
            if path[:-1] and tag(directories.get(path[:-1], b"")) != stand.parent:
                continue
            if kind_of(sight.node) is Kind.DIRECTORY:
                if path not in self.disk and sight.node not in directories.values():
                    self._place(path, self.inode(), stand, sight)
                    directories[path] = sight.node
            else:
                self._apply_file(path, stand, sight, random, wanted)
        self._remove_some(random, share, wanted)

    def _apply_file(
        self,
        path: Path,
        stand: Stand,
        sight: Sight,
        random: Random,
        wanted: Mapping[Path, tuple[Stand, Sight]],
    ) -> None:
        content = _content(sight)
        everywhere = {_content(other) for _, other in wanted.values()}
        if path not in self.disk:
            same = [inode for inode, known in self.rows.items() if known.row.node == sight.node]
            if same and random.random() < 0.5:
                inode = same[0]
                old = self.disk[self.rows[inode].path].content
                if old != content and old in everywhere:
                    return
                del self.disk[self.rows[inode].path]
                self._place(path, inode, stand, sight)
            elif not same or value_of(content) not in {self.rows[inode].row.value for inode in same}:
                self._place(path, self.inode(), stand, sight)
            return
        thing = self.disk[path]
        if thing.kind is not Kind.FILE or self.rows[thing.inode].row.node != sight.node:
            return
        others = {k.row.value for inode, k in self.rows.items() if inode != thing.inode}
        if thing.content != content and thing.content in everywhere and value_of(thing.content) not in others:
            return
        self._place(path, thing.inode, stand, sight)

    def _remove_some(self, random: Random, share: float, wanted: Mapping[Path, tuple[Stand, Sight]]) -> None:
        shown = {sight.node for _, sight in wanted.values()}
        for inode, known in list(self.rows.items()):
            if (
                kind_of(known.row.node) is Kind.FILE
                and known.row.node not in self.state.tree
                and random.random() < share
            ):
                del self.disk[known.path], self.rows[inode]
        for path in sorted(self.disk, key=_depth, reverse=True):
            thing = self.disk[path]
            if thing.kind is not Kind.DIRECTORY or self.rows[thing.inode].row.node in shown:
                continue
            if not any(other[:-1] == path for other in self.disk) and random.random() < share:
                del self.disk[path], self.rows[thing.inode]

    def _place(self, path: Path, inode: int, stand: Stand, sight: Sight) -> None:
        self.disk[path] = OnDisk(inode, kind_of(sight.node), _content(sight), _mode(sight))
        self.rows[inode] = Known(_row(stand, sight), path)

    def lose_rows(self, head: State) -> None:
        """Lose what is known of the disk; take back what the view of a head shows at the same place."""
        self.rows, self.dead = {}, set()
        wanted = self.by_path(view(head.tree, tag))
        found: dict[Path, bytes] = {(): ROOT}
        for path in sorted(self.disk, key=_depth):
            thing = self.disk[path]
            stand, sight = wanted.get(path, (None, None))
            if stand is None or sight is None or found.get(path[:-1]) != stand.parent:
                continue
            if kind_of(sight.node) is thing.kind and _content(sight) == thing.content:
                self.rows[thing.inode] = Known(_row(stand, sight)._replace(mode=thing.mode), path)
                if thing.kind is Kind.DIRECTORY:
                    found[path] = tag(sight.node)


def _depth(path: Path) -> tuple[int, Path]:
    return len(path), path


def _content(sight: Sight) -> int:
    return number_of(sight.content.hash) if isinstance(sight.content, FileContent) else 0


def _mode(sight: Sight) -> int:
    return sight.mode or 0


def _row(stand: Stand, sight: Sight) -> Row:
    is_file = kind_of(sight.node) is Kind.FILE
    value = value_of(_content(sight)) if is_file else b""
    return Row(sight.node, stand, sight.dots if is_file else frozenset(), value, sight.mode, sight.is_first)


class _Scan:
    """One scan: `merge.local.Known`, in memory."""

    def __init__(self, device: Device, sequence: int) -> None:
        self.device, self.sequence = device, sequence
        self.tree: dict[bytes, Entries] = dict(device.state.tree)
        self.rows: dict[int, Known] = {}
        self.written: set[bytes] = set()
        self._view = device.view()
        self._stands = standing(folded(device.state.tree), tag)
        self._at = {thing.inode: path for path, thing in device.disk.items()}
        self._heirs = self._find_heirs()
        self._heir_of = {new: old for old, new in self._heirs.items()}
        self._numbers: dict[Path, bytes] = {(): ROOT}
        self._directories: dict[bytes, tuple[bytes, Stand]] = {}
        self._of_node: dict[bytes, list[int]] = {}
        for inode, known in device.rows.items():
            self._of_node.setdefault(known.row.node, []).append(inode)
        self._current = 0  # inode of what is told just now
        self._inode_of = {id(known.row): self._heirs.get(i, i) for i, known in device.rows.items()}
        self._local = LocalWrites(self, Writer(device.id, sequence), tag)

    def _find_heirs(self) -> dict[int, int]:
        """Return for what is gone the inode of what stands in its place: a save by delete and create."""
        rows = self.device.rows
        gone = {known.path: inode for inode, known in rows.items() if inode not in self._at}
        heirs = {}
        for path, thing in self.device.disk.items():
            inode = gone.get(path)
            if thing.inode in rows or inode is None or thing.kind is not kind_of(rows[inode].row.node):
                continue
            heirs[inode] = thing.inode
        return heirs

    def run(self) -> bool:
        device, known = self.device, self.device.rows
        by_depth = sorted(device.disk.items(), key=lambda item: _depth(item[0]))
        for path, thing in by_depth:
            if thing.kind is Kind.DIRECTORY:
                self._directory(path, thing)
        touched = {
            key
            for key in self._of_node
            if kind_of(key) is Kind.FILE and any(a.is_touched for a in self.acts(key))
        }
        for inode, one in known.items():
            if kind_of(one.row.node) is Kind.FILE and one.row.node not in touched:
                here = self._heirs.get(inode, inode)
                self.rows[here] = Known(one.row, self._at[here])
        for key in sorted(touched):
            self._local.settle(key)
        for path, thing in by_depth:
            if thing.kind is Kind.FILE and thing.inode not in known and thing.inode not in self._heir_of:
                self._current = thing.inode
                self._local.new(self._thing(path, thing))
        for inode, one in known.items():
            if kind_of(one.row.node) is Kind.DIRECTORY and self._heirs.get(inode, inode) not in self._at:
                self._local.directory_gone(one.row)
        self._local.finish()
        return bool(self.written)

    def _directory(self, path: Path, thing: OnDisk) -> None:
        known = self.device.rows.get(self._heir_of.get(thing.inode, thing.inode))
        here = Thing(Stand(self._numbers[path[:-1]], path[-1]), Kind.DIRECTORY, b"", thing.mode)
        self._current = thing.inode
        row = known.row if known is not None else None
        if row is not None and (row.stand, row.mode) == (here.stand, here.mode):
            number = tag(row.node)
            self.rows[thing.inode] = Known(row, path)
        else:
            number = self._local.directory(row, here)
        self._numbers[path] = number
        self._directories[number] = self.rows[thing.inode].row.node, here.stand

    def _thing(self, path: Path, thing: OnDisk) -> Thing:
        value = value_of(thing.content) if thing.kind is Kind.FILE else b""
        return Thing(Stand(self._numbers.get(path[:-1], ELSEWHERE), path[-1]), thing.kind, value, thing.mode)

    # merge.local.Known

    def entries(self, key: bytes) -> Entries:
        return self.tree.get(key, NO_ENTRIES)

    def sight(self, stand: Stand) -> Sight | None:
        return self._view.get(stand)

    def sight_like(self, stand: Stand) -> Sight | None:
        return self.sight(stand)

    def told(self, stand: Stand) -> Stand:
        return stand

    def stand_of(self, key: bytes) -> Stand | None:
        return self._stands.get(key)

    def acts(self, key: bytes) -> list[Act]:
        acts = []
        for inode in self._of_node.get(key, ()):
            known = self.device.rows[inode]
            path = self._at.get(self._heirs.get(inode, inode))
            if path is None:
                acts.append(Act(known.row, None))
                continue
            thing = self._thing(path, self.device.disk[path])
            if thing.kind is Kind.DIRECTORY and path == known.path:
                thing = thing._replace(stand=known.row.stand)
            acts.append(Act(known.row, thing))
        return acts

    def was_stored(self, thing: Thing) -> bool:
        del thing  # every form of the tree can be had here
        return False

    def is_dead(self, key: bytes) -> bool:
        return key in self.device.dead

    def directory(self, number: bytes) -> tuple[bytes, Stand] | None:
        found = self._directories.get(number)
        if found is None:
            for key, stand in self._stands.items():
                if tag(key) == number and kind_of(key) is Kind.DIRECTORY:
                    return key, stand
        return found

    def content(self, thing: Thing, like: Content | None, dot: Dot) -> Content:
        return self.device.content(thing, like, dot)

    def put(self, key: bytes, entries: Entries) -> None:
        assert entries or key in self.tree, "a node that is not there was removed"
        self.written.add(key)
        if not entries:
            del self.tree[key]
            self.device.dead.add(key)
            return
        coded = decode_entries(decode(encode(encode_entries(tuple(entries)))), kind_of(key))
        assert frozenset(coded) == entries, "entries that the format does not allow"
        self.device.world.note(self.device.id, self.sequence, entries)
        self.tree[key] = entries

    def put_row(self, row: Row, instead: Row | None) -> None:
        inode = self._current if instead is None else self._inode_of[id(instead)]
        if instead is not None and instead.node != row.node:
            self.device.settled.add(number_of(row.value))
        self._inode_of[id(row)] = inode
        self.rows[inode] = Known(row, self._at[inode])

    def drop_row(self, row: Row) -> None:
        assert self._inode_of[id(row)] not in self._at, "the row of a thing that is there was dropped"
