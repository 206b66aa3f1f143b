"""A device that forges: it signs what it likes with its own key, and whatever counts by the rules is believed.

It begins with some tree and some context, true or not, and spoils the tree: one function each of `MOVES`. Contents that
it makes up are numbers from a million on; references that lead to nothing have the key `DEAD`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from random import Random
from typing import TypeVar

from e2esync.merge.claims import Seen
from e2esync.merge.fold import Folded, fold, past_of
from e2esync.merge.join import EMPTY, Entries, join
from e2esync.merge.standing import ORPHANS
from e2esync.merge.vector import Vector, covers, union
from e2esync.merge.write import Writer
from e2esync.tree.keys import ROOT, Kind, kind_of, node_key
from e2esync.tree.lists import Reference
from e2esync.tree.values import (
    Attributes,
    Content,
    DirectoryContent,
    Dot,
    Entry,
    FileContent,
    Place,
    stored_order,
    value,
)
from tests.merge.court import ALIVE, DEAD, Court, Signed, sequences
from tests.merge.devices import tag, value_of

MADE_UP = 1_000_000
NAMES = [b"a", b"b", b"c", b"Recovered", b"a (conflict, A, 1970-01-01 00-00 00000001)"]
NOWHERE = b"nowhere".ljust(16)
LATEST = (1 << 63) - 1

_V = TypeVar("_V", Place, Content, Attributes)
Tree = dict[bytes, Entries]


@dataclass
class Draft:
    """A snapshot that is being made."""

    random: Random
    old: list[Mapping[bytes, Entries]]  # trees that it can read
    tree: Tree
    seen: Vector  # its context, itself included
    writer: Writer
    made_up: int

    @property
    def me(self) -> bytes:
        return self.writer.device

    def key(self, *kinds: Kind) -> bytes | None:
        keys = sorted(key for key in self.tree if kind_of(key) in kinds)
        return self.random.choice(keys) if keys else None

    def entry(self, key: bytes) -> Entry:
        return self.random.choice(sorted(self.tree[key]))

    def replace(self, key: bytes, old: Entry, new: Entry) -> None:
        self.tree[key] = self.tree[key] - {old} | {new}

    def own(self, key: bytes, meant: Folded, past: Vector) -> None:
        """Put one entry of its own in place of all there are."""
        cover = {device: sequence for device, sequence in past.items() if device != self.me}
        fields = _ordered(meant.places), _ordered(meant.contents), _ordered(meant.attributes)
        entry = Entry(self.me, self.writer.sequence, tuple(sorted(cover.items())), *fields)
        self.tree[key] = frozenset({entry})

    def now(self, key: bytes) -> Folded:
        return fold(self.tree[key])

    def content(self, dot: Dot, number: int | None = None) -> FileContent:
        number = self.made_up + self.random.randrange(3) if number is None else number
        mtime, chunks = self.random.choice([0, LATEST]), (Reference(0, value_of(number), 1),)
        return FileContent(dot, 1, value_of(number), mtime, (ALIVE,), chunks, "A", number)

    def others_dot(self) -> Dot:
        """Return a dot of somebody else that this draft may name."""
        device = self.random.choice(sorted(self.seen))
        return Dot(self.random.randint(1, self.seen[device]), device, self.random.choice([1, 2, 3, 77]))

    def older(self) -> Mapping[bytes, Entries]:
        """Return a tree that somebody has published."""
        return self.random.choice(self.old) if self.old else {}

    def number(self, key: bytes) -> bytes:
        """Return the number of a directory."""
        return tag(key)

    def parent(self) -> bytes:
        numbers = [self.number(key) for key in sorted(self.tree) if kind_of(key) is Kind.DIRECTORY]
        return self.random.choice([ROOT, NOWHERE, tag(ORPHANS), *numbers, *numbers])

    def name(self) -> bytes:
        return self.random.choice(NAMES[:3] * 3 + NAMES[3:])


Move = Callable[[Draft], None]
BEGINNINGS = (
    *["as it is"] * 3,
    "as it was",
    "what it has not joined",
    "not all that is named",
    "more than it says",
    "what is to come",
    "nothing",
)
"""What tree and what context a snapshot begins with."""


def delete_all(d: Draft) -> None:
    d.tree.clear()


def delete_some(d: Draft) -> None:
    share = d.random.random()
    for key in sorted(d.tree):
        if d.random.random() < share:
            del d.tree[key]


def delete_an_entry_of_several(d: Draft) -> None:
    keys = sorted(key for key, entries in d.tree.items() if len(entries) > 1)
    if keys:
        key = d.random.choice(keys)
        d.tree[key] -= {d.entry(key)}


def delete_a_directory_from_above_its_children(d: Draft) -> None:
    if key := d.key(Kind.DIRECTORY):
        del d.tree[key]


def overwrite(d: Draft) -> None:
    if key := d.key(Kind.FILE):
        content = d.content(d.writer.dot())
        d.own(key, d.now(key)._replace(contents=frozenset({content})), _some_of(d, d.now(key).past))


def empty_a_file(d: Draft) -> None:
    if key := d.key(Kind.FILE):
        content = FileContent(d.writer.dot(), 0, value_of(0), LATEST, (), (), "A", 0)
        d.own(key, d.now(key)._replace(contents=frozenset({content})), _some_of(d, d.now(key).past))


def restate_with_dead_references(d: Draft) -> None:
    if key := d.key(Kind.FILE):
        dead = frozenset(_dead(each) for each in d.now(key).contents)
        d.own(key, d.now(key)._replace(contents=dead), d.now(key).past)


def restate_anew_with_dead_references(d: Draft) -> None:
    if key := d.key(Kind.FILE):
        dead = frozenset(_dead(each)._replace(dot=d.writer.dot()) for each in sorted(d.now(key).contents))
        d.own(key, d.now(key)._replace(contents=dead), d.now(key).past)


def cover_more_than_was(d: Draft) -> None:
    if key := d.key(*Kind):
        entry = d.entry(key)
        past = {device: sequence for device, sequence in d.seen.items() if device != entry.device}
        d.replace(key, entry, entry._replace(past=tuple(sorted(past.items()))))


def cover_less_than_was(d: Draft) -> None:
    if key := d.key(*Kind):
        entry = d.entry(key)
        named = [each.dot for each in (*entry.places, *entry.contents, *entry.attributes)]
        past = union({dot.device: dot.sequence} for dot in named)
        past.pop(entry.device, None)
        d.replace(key, entry, entry._replace(past=tuple(sorted(past.items()))))


def pass_off_dead_references(d: Draft) -> None:
    _spoil_a_content(d, _dead)


def pass_off_another_content(d: Draft) -> None:
    _spoil_a_content(d, lambda content: d.content(content.dot))


def pass_off_one_more_content(d: Draft) -> None:
    _spoil_a_content(d, lambda content: d.content(content.dot._replace(j=77)), is_added=True)


def pass_off_a_content_beside_it(d: Draft) -> None:
    _spoil_a_content(d, lambda content: d.content(content.dot), is_added=True)


def pass_off_a_content_in_ones_own_entry(d: Draft) -> None:
    if key := d.key(Kind.FILE):
        forged = d.content(d.random.choice(sorted(d.now(key).contents)).dot)
        kept = d.now(key).contents if d.random.random() < 0.5 else frozenset[Content]()
        d.own(key, d.now(key)._replace(contents=_unique(kept | {forged})), _some_of(d, d.now(key).past))


def pass_off_an_entry(d: Draft) -> None:
    dot = d.others_dot()
    key = d.random.choice(
        [d.key(Kind.FILE) or b"", node_key(d.parent(), d.name(), Kind.FILE, d.random.randrange(3))]
    )
    if key:
        entry = Entry(dot.device, dot.sequence, (), (), (d.content(dot),), ())
        others = {each for each in d.tree.get(key, frozenset()) if each.device != dot.device}
        d.tree[key] = frozenset({entry, *others})


def use_ones_own_dot_again(d: Draft) -> None:
    key = d.key(Kind.FILE) or node_key(ROOT, d.name(), Kind.FILE)
    dot = Dot(d.random.randint(1, d.writer.sequence), d.me, 1)
    others = {each for each in d.tree.get(key, frozenset()) if each.device != d.me}
    d.tree[key] = frozenset({Entry(d.me, dot.sequence, (), (), (d.content(dot),), ()), *others})


def bring_back(d: Draft) -> None:
    """Put what stood in an older tree, of anybody, as it stood there."""
    old = d.older()
    for key in sorted(old):
        if d.random.random() < 0.5:
            d.tree[key] = old[key]


def write_deleted_contents_again(d: Draft) -> None:
    old = d.older()
    for key in sorted(old):
        if kind_of(key) is Kind.FILE and d.random.random() < 0.3:
            d.own(key, fold(old[key]), fold(old[key]).past)


def move(d: Draft) -> None:
    if key := d.key(*Kind):
        place = Place(d.writer.dot(), d.parent(), d.name())
        d.own(key, d.now(key)._replace(places=frozenset({place})), _some_of(d, d.now(key).past))


def pass_off_a_place(d: Draft) -> None:
    if key := d.key(*Kind):
        entry = d.entry(key)
        dots = [each.dot for each in (*entry.places, *entry.contents)]
        place = Place(d.random.choice(sorted(dots)), d.parent(), d.name())
        d.replace(key, entry, entry._replace(places=_ordered({*entry.places, place})))


def remove_all_directories(d: Draft) -> None:
    for key in sorted(d.tree):
        if kind_of(key) is Kind.DIRECTORY:
            gone = frozenset[Content]({DirectoryContent(d.writer.dot(), here=False)})
            d.own(key, d.now(key)._replace(contents=gone), d.now(key).past)


def pass_off_a_mode(d: Draft) -> None:
    if key := d.key(Kind.FILE, Kind.DIRECTORY):
        entry = d.entry(key)
        mode = Attributes(entry.contents[0].dot, 0o777)
        d.replace(key, entry, entry._replace(attributes=_ordered({*entry.attributes, mode})))


def make_a_file(d: Draft) -> None:
    key = node_key(d.parent(), d.name(), Kind.FILE, d.random.choice([0, 1, 7]))
    content = frozenset[Content]({d.content(d.writer.dot())})
    d.own(key, Folded(frozenset(), content, frozenset(), {}), {})


def make_a_directory(d: Draft) -> None:
    key = d.random.choice([ORPHANS, node_key(d.parent(), d.name(), Kind.DIRECTORY, d.random.choice([0, 1]))])
    place = (
        frozenset({Place(d.writer.dot(), d.parent(), d.name())}) if d.random.random() < 0.3 else frozenset()
    )
    here = frozenset[Content]({DirectoryContent(d.writer.dot(), here=d.random.random() < 0.8)})
    d.own(key, Folded(place, here, frozenset(), {}), _some_of(d, {}))


MOVES: tuple[Move, ...] = (
    delete_all,
    delete_some,
    delete_an_entry_of_several,
    delete_a_directory_from_above_its_children,
    overwrite,
    empty_a_file,
    restate_with_dead_references,
    restate_anew_with_dead_references,
    cover_more_than_was,
    cover_less_than_was,
    pass_off_dead_references,
    pass_off_another_content,
    pass_off_one_more_content,
    pass_off_a_content_beside_it,
    pass_off_a_content_in_ones_own_entry,
    pass_off_an_entry,
    use_ones_own_dot_again,
    bring_back,
    write_deleted_contents_again,
    move,
    pass_off_a_place,
    remove_all_directories,
    pass_off_a_mode,
    make_a_file,
    make_a_directory,
)


def _spoil_a_content(d: Draft, spoil: Callable[[FileContent], Content], *, is_added: bool = False) -> None:
    """Change a content where it stands: in the entry of whoever wrote that."""
    if key := d.key(Kind.FILE):
        entry = d.entry(key)
        old = d.random.choice(entry.contents)
        assert isinstance(old, FileContent)
        left = {*entry.contents} if is_added else {*entry.contents} - {old}
        d.replace(key, entry, entry._replace(contents=_ordered(_unique({*left, spoil(old)}))))


def _dead(content: Content) -> Content:
    return content._replace(keys=(DEAD,)) if isinstance(content, FileContent) and content.size else content


def _unique(contents: Iterable[Content]) -> frozenset[Content]:
    """Return each value once, as a field has it."""
    return frozenset({(each.dot, value(each)): each for each in sorted(contents)}.values())


def _ordered(values: Iterable[_V]) -> tuple[_V, ...]:
    return tuple(sorted(values, key=stored_order))


def _some_of(d: Draft, past: Vector) -> Vector:
    """Return what an own entry covers: what was there, all that the draft claims, or more than anybody wrote."""
    chance = d.random.random()
    if chance < 0.5:
        return past
    return d.seen if chance < 0.9 else {device: sequence + 5 for device, sequence in d.seen.items()}


@dataclass
class Forger:
    """The device, with what it has signed: a branch for each of those to whom it shows different things."""

    name: str
    random: Random
    court: Court
    branches: list[Signed | None] = field(default_factory=lambda: [None])
    shown: dict[bytes, int] = field(default_factory=dict)  # device → branch; the first for all others
    habit: str = "as it is"
    told: int = 0
    refused: int = 0

    @property
    def id(self) -> bytes:
        return self.name.encode() * 16

    def head_for(self, device: bytes) -> Signed | None:
        """Return the head that it shows to a device."""
        return self.branches[self.shown.get(device, 0)]

    def fork(self, device: bytes) -> None:
        """Show something else to a device from now on."""
        if device not in self.shown and self.branches[0] is not None:
            self.shown[device] = len(self.branches)
            self.branches.append(self.branches[0])

    def forge(self, heads: Mapping[bytes, Signed]) -> None:
        """Sign one more snapshot of some branch: one that counts, but for now and then."""
        branch = self.random.randrange(len(self.branches))
        held = self.random.choice([each.tree for each in heads.values()] or [{}])
        for _ in range(6):
            draft = self._draft(branch, heads)
            if not self.court.try_fault(draft, held) or self.random.random() < 0.05:
                break
        self.refused += self.court.try_fault(draft, held) != ""
        self.branches[branch] = self.court.sign(draft)

    def _draft(self, branch: int, heads: Mapping[bytes, Signed]) -> Signed:
        before = self.branches[branch]
        sequence = before.sequence + 1 if before is not None else 1
        old = [
            each for head in (*heads.values(), *self.branches) if head is not None for each in head.chain()
        ]
        tree, points = self._begin(before, heads, old)
        seen = sequences(points) | {self.id: sequence}
        self.told += 10
        draft = Draft(
            self.random,
            [each.tree for each in old],
            dict(tree),
            seen,
            Writer(self.id, sequence),
            MADE_UP + self.told,
        )
        for _ in range(self.random.randint(1, 4)):
            self.random.choice(MOVES)(draft)
        if self.court.rules.dots and self.court.rules.one_verdict and self.random.random() < 0.9:
            tidy(draft)
        digest = b"%b %d %d %d" % (self.id, sequence, branch, self.told)
        return Signed(self.id, sequence, digest, points, draft.tree, before)

    def _begin(
        self, before: Signed | None, heads: Mapping[bytes, Signed], published: list[Signed]
    ) -> tuple[Mapping[bytes, Entries], Seen]:
        """Return the tree and the context from which it goes out."""
        others = [head for head in heads.values() if head.device != self.id]
        known = [*others, *([before] if before is not None else [])]
        truth = reduce(join, (each.state for each in known), EMPTY)
        points = _taken_together(known, self.id)
        if not published:
            return truth.tree, points
        old = self.random.choice(published)
        stale = _taken_together([old], self.id)
        begin = self.habit if self.random.random() < 0.5 else self.random.choice(BEGINNINGS)
        return {
            "as it is": (truth.tree, points),
            "as it was": (old.tree, stale),
            "what it has not joined": (old.tree, points),
            "not all that is named": (
                truth.tree,
                {d: p for d, p in points.items() if self.random.random() < 0.5},
            ),
            "more than it says": (truth.tree, stale),
            "what is to come": (truth.tree, {d: (s + 9, h) for d, (s, h) in points.items()}),
            "nothing": ({}, {}),
        }[begin]


def _taken_together(known: Iterable[Signed], but: bytes) -> dict[bytes, tuple[int, bytes]]:
    points: dict[bytes, tuple[int, bytes]] = {}
    for each in known:
        for device, point in [*each.points.items(), (each.device, each.point)]:
            if device != but:
                points[device] = max(points.get(device, point), point)
    return points


def tidy(draft: Draft) -> None:
    """Leave out what the context does not cover: it would only be refused."""
    for key, entries in list(draft.tree.items()):
        kept = frozenset(
            each for each in entries if all(covers(draft.seen, *one) for one in past_of(each).items())
        )
        if kept:
            draft.tree[key] = kept
        else:
            del draft.tree[key]
