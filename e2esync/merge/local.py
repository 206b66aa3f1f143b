"""Turn what happened on a disk into writes of the tree: the table of local writes (format §6.10).

| on the disk                         | in the tree                                                    |
|-------------------------------------|----------------------------------------------------------------|
| content changed                     | `contents − shown + new`; what was not shown yet stays beside   |
| moved                               | one new place, contents as they are                            |
| new                                 | the node that the view shows there and the disk has not, else a birth |
| as the view has it already          | a row, no write                                                |
| gone                                | `contents − shown`; if nothing is left, the node goes          |
| a directory gone                    | its content is `gone`                                          |
| one of several contents touched     | the conflict is settled: each becomes a file of its own        |
| anything written below what is gone | those directories are here again                               |

Rows say what a thing on the disk shows by our own hand. Whoever calls has compared them with the disk.
The state before the writes stays what names are looked up in: `Known.sight` and `Known.stand_of` do not
move with the writes, `Known.entries` does. Rows and things stand where the disk has them; a name that it has
for another, an alias, is never written: `Known.told` says which the tree has.
"""

from __future__ import annotations

from itertools import count
from typing import NamedTuple, Protocol

from e2esync.merge.arrange import Sight
from e2esync.merge.fold import Folded, fold, place_of
from e2esync.merge.join import Entries
from e2esync.merge.naming import Tag
from e2esync.merge.restate import Meant, restate
from e2esync.merge.standing import ORPHANS, Stand, is_here
from e2esync.merge.write import Writer
from e2esync.tree.keys import ROOT, Kind, kind_of, node_key
from e2esync.tree.values import Attributes, Content, DirectoryContent, Dot, Place, value


class Row(NamedTuple):
    """What a thing on the disk shows, by our own hand."""

    node: bytes  # key
    stand: Stand  # where it was put
    dots: frozenset[Dot]  # of the contents that it shows
    value: bytes  # content hash of a file, target of a symlink
    mode: int | None
    is_first: bool  # of the contents of its node


class Thing(NamedTuple):
    """What stands on the disk."""

    stand: Stand  # by the number of the directory as settled here
    kind: Kind
    value: bytes  # content hash of a file, target of a symlink
    mode: int | None


class Act(NamedTuple):
    """What became of a row."""

    row: Row
    thing: Thing | None  # None: it is gone

    @property
    def is_moved(self) -> bool:
        """Whether it stands elsewhere."""
        return self.thing is not None and self.thing.stand != self.row.stand

    @property
    def is_edited(self) -> bool:
        """Whether it has another content."""
        return self.thing is not None and self.thing.value != self.row.value

    @property
    def has_other_mode(self) -> bool:
        """Whether it has other permission bits."""
        return self.thing is not None and self.thing.mode != self.row.mode

    @property
    def is_touched(self) -> bool:
        """Whether anything is not as our own hand left it."""
        return self.thing is None or self.is_moved or self.is_edited or self.has_other_mode


class Known(Protocol):
    """What the device knows of tree and disk, and where it notes what is written."""

    def entries(self, key: bytes) -> Entries:
        """Return the entries of a node, after the writes so far."""
        ...

    def sight(self, stand: Stand) -> Sight | None:
        """Return what the view shows at a place."""
        ...

    def sight_like(self, stand: Stand) -> Sight | None:
        """Return what the view shows at a place, or under another name that the disk takes for the same."""
        ...

    def told(self, stand: Stand) -> Stand:
        """Return what the tree calls a place of the disk: an alias is the name for which it stands."""
        ...

    def stand_of(self, key: bytes) -> Stand | None:
        """Return where a node of the tree stands, seen or not."""
        ...

    def acts(self, key: bytes) -> list[Act]:
        """Return the rows of a node, with what became of each."""
        ...

    def is_dead(self, key: bytes) -> bool:
        """Return whether this device made or saw its deletion, and others may not have."""
        ...

    def directory(self, number: bytes) -> tuple[bytes, Stand] | None:
        """Return which node has this number, and where it stands: on the disk, or in the view."""
        ...

    def content(self, thing: Thing, like: Content | None, dot: Dot) -> Content:
        """Return the content of a thing under a dot, stored. `like`: what the tree has of the same value."""
        ...

    def was_stored(self, thing: Thing) -> bool:
        """Return whether the content of a thing that is new was stored, whatever the tree has of the same value."""
        ...

    def put(self, key: bytes, entries: Entries) -> None:
        """Note the new entries of a node; none: it is gone."""
        ...

    def put_row(self, row: Row, instead: Row | None) -> None:
        """Note what a thing shows now, instead of what its row said."""
        ...

    def drop_row(self, row: Row) -> None:
        """Note that a thing is gone."""
        ...


class LocalWrites:
    """The writes of one scan: directories from above, then what has rows, then what is new, then directories gone."""

    def __init__(self, known: Known, writer: Writer, tag: Tag) -> None:
        self._known, self._writer, self._tag = known, writer, tag
        self._orphanage = tag(ORPHANS)
        self._above: set[bytes] = set()  # numbers of the directories that something was written in
        self._adopted: set[tuple[bytes, bytes]] = set()  # nodes and values that got a row by this scan

    # directories

    def directory(self, row: Row | None, thing: Thing) -> bytes:
        """Write a directory that is not as its row says, or has none; return its number."""
        key = row.node if row is not None else self._new_directory(thing)
        self._adopted.add((key, b""))
        if key != ORPHANS:
            self._put(key, self._meant_directory(key, row, thing))
        self._known.put_row(Row(key, thing.stand, frozenset(), b"", thing.mode, is_first=True), row)
        return self._tag(key)

    def _new_directory(self, thing: Thing) -> bytes:
        sight = self._known.sight_like(thing.stand)
        if sight is not None and kind_of(sight.node) is Kind.DIRECTORY and not self._is_elsewhere(sight.node):
            return sight.node
        return self._birth(thing.stand, Kind.DIRECTORY)

    def _meant_directory(self, key: bytes, row: Row | None, thing: Thing) -> Meant:
        now = self._now(key)
        if now is None:
            places = frozenset[Place]() if row is None else self._place(thing.stand)
            return Meant(places, self._here(), self._mode(thing.mode))
        if row is None and is_here(now):
            return Meant(now.places, now.contents, now.attributes)
        if row is None:
            return Meant(now.places, self._here(), self._mode(thing.mode))
        meant = Meant(now.places, now.contents, now.attributes)
        if row.stand != thing.stand and self._known.stand_of(key) != self._known.told(thing.stand):
            meant = meant._replace(places=self._place(thing.stand))
        if row.mode != thing.mode:
            meant = meant._replace(attributes=self._mode(thing.mode))
        return meant

    def directory_gone(self, row: Row) -> None:
        """Write that a directory is gone, if it is nowhere else; what was below it is told for itself."""
        now = self._now(row.node)
        if now is not None and is_here(now) and (row.node, b"") not in self._adopted:
            gone = frozenset[Content]({DirectoryContent(self._writer.dot(), here=False)})
            self._put(row.node, Meant(now.places, gone, now.attributes))
        self._known.drop_row(row)

    # files and symlinks that have rows

    def settle(self, key: bytes) -> None:
        """Write what became of all that a disk shows of one node."""
        acts = [self._adopt(act) for act in self._known.acts(key)]
        if not any(act.is_touched for act in acts):
            return
        first = max(acts, key=lambda act: (act.row.is_first, sorted(act.row.dots)))
        others = [act for act in acts if act is not first]
        now = self._now(key)
        likes = [_like(now, act.thing) for act in others]
        if now is not None:
            now = _without(now, frozenset(dot for act in others for dot in act.row.dots))
        if first.thing is None:
            self._take(key, now, first.row, is_settled=bool(others))
        else:
            self._change(key, now, first, first.thing, is_settled=bool(others))
        for act, like in zip(others, likes, strict=True):
            if act.thing is None:
                self._known.drop_row(act.row)
            else:
                self._add(self._birth(act.thing.stand, act.thing.kind), act.thing, like, act.row)

    def _adopt(self, act: Act) -> Act:
        """Return an act without what the view has already: others did the same, or it was applied before a crash."""
        thing, row = act.thing, act.row
        if thing is None or not (act.is_moved or act.is_edited):
            return act
        sight = self._known.sight(thing.stand)
        if sight is None or sight.node != row.node or value(sight.content) != thing.value:
            return act
        if len(self._present(row.node)) > 1:
            return act
        now = self._now(row.node)
        if act.is_edited and now is not None and row.dots & {content.dot for content in now.contents}:
            return act
        adopted = Row(row.node, thing.stand, sight.dots, thing.value, row.mode, sight.is_first)
        self._known.put_row(adopted, row)
        return Act(adopted, thing)

    def _take(self, key: bytes, now: Folded | None, row: Row, *, is_settled: bool) -> None:
        """Take away the content that is gone; what was not shown stays, and is a later word if a conflict ends."""
        if now is not None:
            left = _without(now, row.dots).contents
            if is_settled and left != now.contents:
                ordered = sorted(left, key=lambda content: content.dot)
                left = frozenset(content._replace(dot=self._writer.dot()) for content in ordered)
            self._put(key, Meant(now.places, left, now.attributes))
        self._known.drop_row(row)

    def _change(self, key: bytes, now: Folded | None, act: Act, thing: Thing, *, is_settled: bool) -> None:
        """Write what was moved, edited or given another mode, or all of it, if nothing is left of the node."""
        row, dots = act.row, act.row.dots
        if now is None or not now.contents:
            if act.is_touched or is_settled:
                content = self._known.content(thing, None, self._writer.dot())
                anew = Meant(self._place(thing.stand), frozenset({content}), self._mode(thing.mode))
                self._put(key, anew)
                dots = frozenset({content.dot})
        else:
            places, contents, attributes = now.places, now.contents, now.attributes
            if act.is_edited:
                content = self._known.content(thing, _like(now, thing), self._writer.dot())
                contents = _without(now, dots).contents | {content}
                dots = frozenset({content.dot})
            if act.is_moved or (act.is_touched and thing.stand.parent == self._orphanage):
                places = self._place(thing.stand)
            if act.has_other_mode:
                attributes = self._mode(thing.mode)
            self._put(key, Meant(places, contents, attributes))
        self._known.put_row(Row(key, thing.stand, dots, thing.value, thing.mode, is_first=True), row)

    # what has no row

    def new(self, thing: Thing) -> None:
        """Write a file or symlink that the disk did not have."""
        sight = self._unseen(thing)
        if sight is None:
            self._add(self._birth(thing.stand, thing.kind), thing, None, None)
        elif value(sight.content) == thing.value and self._known.was_stored(thing):
            self._say_again(sight.node, thing)
        elif value(sight.content) == thing.value:
            self._adopted.add((sight.node, thing.value))
            row = Row(sight.node, thing.stand, sight.dots, thing.value, thing.mode, sight.is_first)
            self._known.put_row(row, None)
        else:
            self._add(sight.node, thing, None, None)

    def _say_again(self, key: bytes, thing: Thing) -> None:
        """Write a content that the tree has, in a form that cannot be had, as this device has stored it."""
        now = fold(self._known.entries(key))
        content = self._known.content(thing, _like(now, thing), self._writer.dot())
        left = frozenset(each for each in now.contents if value(each) != thing.value)
        self._put(key, Meant(now.places, left | {content}, now.attributes))
        self._adopted.add((key, thing.value))
        row = Row(key, thing.stand, frozenset({content.dot}), thing.value, thing.mode, is_first=True)
        self._known.put_row(row, None)

    def _unseen(self, thing: Thing) -> Sight | None:
        """Return what the view shows there, if this disk does not have it already."""
        sight = self._known.sight_like(thing.stand)
        if sight is None or kind_of(sight.node) is not thing.kind:
            return None
        shown, present = value(sight.content), self._present(sight.node)
        if present and shown != thing.value:
            return None
        if (sight.node, shown) in self._adopted or any(act.row.value == shown for act in present):
            return None
        return sight

    def _add(self, key: bytes, thing: Thing, like: Content | None, row: Row | None) -> None:
        """Add a content to a node: it is born, or the content stands beside what it has."""
        now = self._now(key)
        content = self._known.content(thing, like or _like(now, thing), self._writer.dot())
        if now is None:
            self._put(key, Meant(contents=frozenset({content}), attributes=self._mode(thing.mode)))
        else:
            self._put(key, Meant(now.places, now.contents | {content}, now.attributes))
        dots = frozenset({content.dot})
        self._known.put_row(Row(key, thing.stand, dots, thing.value, thing.mode, is_first=True), row)

    def _birth(self, stand: Stand, kind: Kind) -> bytes:
        """Return the first birthplace of a name that nothing else has, or had and others may not know it."""
        parent, name = self._target(stand)
        for n in count():
            key = node_key(parent, name, kind, n)
            entries = self._known.entries(key)
            if not entries:
                if kind is Kind.DIRECTORY or not self._known.is_dead(key):
                    return key
            elif self._stays(key, stand, entries) and not (
                kind is Kind.DIRECTORY and self._is_elsewhere(key)
            ):
                return key
        raise AssertionError("unreachable")

    def _stays(self, key: bytes, stand: Stand, entries: Entries) -> bool:
        """Return whether a node stands at a place, and was not moved away from there just now."""
        before = self._known.stand_of(key)
        if before is None:  # born by this scan
            return place_of(key, fold(entries))[1:] == self._target(stand)
        return before == self._known.told(stand) and not any(act.is_moved for act in self._known.acts(key))

    def _is_elsewhere(self, key: bytes) -> bool:
        """Return whether something on the disk is that directory already: another one is not the same."""
        return (key, b"") in self._adopted or bool(self._present(key))

    # at the end

    def finish(self) -> None:
        """Make here again every directory that something was written below."""
        above = self._above
        while above:
            number = above.pop()
            found = self._known.directory(number) if number not in {ROOT, self._orphanage} else None
            if found is None:
                continue
            key, stand = found
            now = self._now(key)
            if now is None:
                self._put(key, Meant(self._place(stand), self._here()))
            elif not is_here(now):
                self._put(key, Meant(now.places, self._here(), now.attributes))

    # parts

    def _now(self, key: bytes) -> Folded | None:
        entries = self._known.entries(key)
        return fold(entries) if entries else None

    def _put(self, key: bytes, meant: Meant) -> None:
        entries = self._known.entries(key)
        if entries and fold(entries)[:3] == meant:
            return
        self._known.put(key, restate(key, entries, meant, self._writer))
        if meant.contents and (kind_of(key) is not Kind.DIRECTORY or is_here(Folded(*meant, {}))):
            self._above.add(place_of(key, Folded(*meant, {})).parent)

    def _present(self, key: bytes) -> list[Act]:
        return [act for act in self._known.acts(key) if act.thing is not None]

    def _target(self, stand: Stand) -> Stand:
        """Return where a node is put: what is written among the orphans goes to the root."""
        told = self._known.told(stand)
        return Stand(ROOT, told.name) if told.parent == self._orphanage else told

    def _place(self, stand: Stand) -> frozenset[Place]:
        return frozenset({Place(self._writer.dot(), *self._target(stand))})

    def _here(self) -> frozenset[Content]:
        return frozenset({DirectoryContent(self._writer.dot(), here=True)})

    def _mode(self, mode: int | None) -> frozenset[Attributes]:
        return frozenset() if mode is None else frozenset({Attributes(self._writer.dot(), mode)})


def _without(folded: Folded, dots: frozenset[Dot]) -> Folded:
    """Return a node without what was shown of it."""
    left = frozenset(content for content in folded.contents if content.dot not in dots)
    return folded._replace(contents=left)


def _like(now: Folded | None, thing: Thing | None) -> Content | None:
    """Return what the tree has of the same value."""
    if now is None or thing is None:
        return None
    return next((content for content in now.contents if value(content) == thing.value), None)
