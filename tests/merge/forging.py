"""Histories in which one device forges within the rules: it has keys of its own, and signs what it likes.

What cannot be demanded: who may write may delete and overwrite what it has seen. That is an ordinary write, and comes
back from history. And whoever sees a content can write references that lead to nothing under a dot of its own.

What is demanded of a history, however the device forges:

- **diverged**: never do honest devices show different things once all have synced. Nobody is split off: **stopped** is an
  honest device that joins nothing any more, **refused** an honest head that another honest device does not join.
- **lost**: a content that an honest device wrote stands in the tree at the end, under its dot, unless an honest device
  took it away, or the forger took it from what it had *truly seen*: by a snapshot that counts, joined with what that names
  and what it had signed before. What it only claims to have seen, as it was never signed or is named without all that
  this had seen, counts as unseen here; and what it only spoils under an honest dot, as not taken.
- **unrecorded**: what an honest device published is in the history that honest devices keep, with references that lead to it.
- **unreadable**: what stood on the disk of an honest device when it wrote it, and stands in the tree under its dot, can
  be read: by its form there, or by that in the snapshot of its dot's own device.
- **two verdicts**: never does a snapshot count for one honest device and not for another.
- **believed**: nothing is told as written by an honest device that it did not write: it is named for what its own snapshot
  holds, and for nothing else.
- **not quiet**: when nothing happens any more, nobody writes: neither the scan of an honest device nor a heartbeat.

Counted is what a forger can do to those it writes for: contents made up that stand in the tree (**made up**), those of them
that stand under the dot of an honest device (**passed off**), what it took away and is in history (**taken away**), and of
that what it first took into an entry of its own, and then said something else under the same dot, or in another branch
(**contradicted**).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import reduce
from random import Random
from typing import NamedTuple

from e2esync.merge.arrange import Sight
from e2esync.merge.fold import Folded, fold
from e2esync.merge.join import EMPTY, NO_ENTRIES, Entries, State, join
from e2esync.merge.local import Thing
from e2esync.merge.standing import Stand
from e2esync.merge.vector import Vector, covers, union
from e2esync.merge.whole import View
from e2esync.tree.keys import Kind, kind_of
from e2esync.tree.values import Content, Dot, FileContent, value
from tests.merge.court import ALL, Court, Rules, Signed, is_dead
from tests.merge.devices import Device, Path, World, make_content, number_of
from tests.merge.forger import BEGINNINGS, MADE_UP, Forger
from tests.merge.histories import Saved, _apply, _use

NEVER = (
    "believed",
    "diverged",
    "lost",
    "not quiet",
    "refused",
    "stopped",
    "two verdicts",
    "unreadable",
    "unrecorded",
)
COUNTED = ("forged", "set aside", "forked", "made up", "passed off", "taken away", "contradicted")


class Value(NamedTuple):
    """What an honest device wrote: a value is its dot and its content hash."""

    key: bytes
    dot: Dot
    hash: bytes


def values(key: bytes, entries: Entries) -> set[Value]:
    """Return the contents that a file comes to."""
    if not entries or kind_of(key) is not Kind.FILE:
        return set()
    return {Value(key, each.dot, value(each)) for each in fold(entries).contents}


class Honest(Device):
    """A device that signs what it writes, and joins what counts, of all that it is shown at once."""

    def __init__(self, name: str, world: World, court: Court) -> None:
        super().__init__(name, world)
        self.court = court
        self.points: dict[bytes, tuple[int, bytes]] = {}
        self.newest: Signed | None = None
        self.wrote: set[Value] = set()
        self.stored: set[Value] = set()  # of these, what stood on its disk
        self.took_away: set[Value] = set()
        self.had: set[int] = set()  # contents of which the bytes were on its disk
        self.verdicts: dict[bytes, str] = {}
        self.stopped = False
        self.is_heartbeat_due = False

    def scan(self) -> bool:
        before = self.state.tree
        self._note_disk()
        wrote = super().scan()
        if wrote:
            after = self.state.tree
            for key in before.keys() | after.keys():
                old, new = before.get(key, NO_ENTRIES), after.get(key, NO_ENTRIES)
                if old != new:
                    was, now = values(key, old), values(key, new)
                    self.took_away |= was - now
                    self.wrote |= {each for each in now - was if each.dot.device == self.id}
            here = {thing.content for thing in self.disk.values()}
            self.stored |= {each for each in self.wrote if number_of(each.hash) in here}
            self._sign()
        return wrote

    def beat(self) -> bool:
        """Publish what was joined, if it carried writes; a heartbeat calls for none."""
        if not self.is_heartbeat_due:
            return False
        sequence = self.state.context.get(self.id, 0) + 1
        self.state = State(self.state.tree, {**self.state.context, self.id: sequence})
        self._sign(is_heartbeat=True)
        return True

    def _sign(self, *, is_heartbeat: bool = False) -> None:
        self.is_heartbeat_due = False
        sequence = self.state.context[self.id]
        digest = b"%b %d" % (self.id, sequence)
        self.newest = self.court.sign(
            Signed(self.id, sequence, digest, dict(self.points), self.state.tree, self.newest, is_heartbeat)
        )

    def content(self, thing: Thing, like: Content | None, dot: Dot) -> Content:
        """Return a content under a dot; what the tree says of it is taken only if it can be read."""
        if like is not None and is_dead(like) and self.court.rules.forms:
            return make_content(number_of(thing.value), dot, self)
        return super().content(thing, like, dot)

    # applying

    def by_path(self, seen: View) -> dict[Path, tuple[Stand, Sight]]:
        """Return what stands where on a disk: what cannot be read is not put there."""
        self._note_disk()
        return {path: found for path, found in super().by_path(seen).items() if self._can_read(found[1])}

    def _note_disk(self) -> None:
        self.had |= {thing.content for thing in self.disk.values()}

    def _can_read(self, sight: Sight) -> bool:
        content = sight.content
        if not isinstance(content, FileContent) or number_of(content.hash) in self.had:
            return True
        forms = [each for each in fold(self.state.tree[sight.node]).contents if value(each) == content.hash]
        return any(
            not is_dead(each)
            or (self.court.rules.forms and self.court.stored(sight.node, each.dot, content.hash))
            for each in forms
        )

    # joining

    def fetch(self, heads: list[Signed]) -> None:
        """Join the newest snapshot that counts of every other device, with all that it names."""
        if self.stopped:
            return
        heads = [head for head in heads if head.device != self.id]
        chosen = [found for head in heads if (found := self._counting(head, heads)) is not None]
        self.stopped = not self.court.rules.set_aside and len(chosen) < len(heads)
        before = dict(self.points)
        for head in [] if self.stopped else sorted(chosen, key=_most_seen):
            known = before if self.court.rules.joined else self.points
            if known.get(head.device, (0, b""))[0] < head.sequence:
                self._join(head)

    def _counting(self, head: Signed, heads: list[Signed]) -> Signed | None:
        shown = {each.device: each for each in heads}
        for each in head.chain() if self.court.rules.set_aside else [head]:
            self.verdicts[each.hash] = self.court.fault(each, self.state.tree)
            if not self.verdicts[each.hash] and self._is_of_one_history(each, shown):
                return each
        return None

    def _is_of_one_history(self, head: Signed, shown: dict[bytes, Signed]) -> bool:
        """Return whether what a head names is what is shown here: a fork would stop this device, if it stopped any."""
        if self.court.rules.forks:
            return True
        return all(
            point in {each.point for each in shown[device].chain()}
            for device, point in head.points.items()
            if device in shown and device != self.id
        )

    def _join(self, head: Signed) -> None:
        covers_all = all(covers(head.state.context, *each) for each in self.state.context.items())
        if covers_all and not self.court.rules.compared:
            self.state = head.state
            self.known_heads[head.device] = head.state.context
        elif self.court.rules.by_dot:
            self.pull(head.state, head.device)
        else:
            self.state = _plain_join(self.state, head.state)
            self.known_heads[head.device] = head.state.context
        for device, point in [*head.points.items(), (head.device, head.point)]:
            if device != self.id:
                self.points[device] = max(self.points.get(device, point), point)
        self.is_heartbeat_due |= not head.is_heartbeat


def _most_seen(head: Signed) -> int:
    return -sum(head.state.context.values())


def _plain_join(one: State, other: State) -> State:
    """Join by entries as they are: of two under one dot none is held by both."""
    tree = {}
    for key in one.tree.keys() | other.tree.keys():
        mine, theirs = one.tree.get(key, NO_ENTRIES), other.tree.get(key, NO_ENTRIES)
        kept = (mine & theirs) | _unseen(mine - theirs, other.context) | _unseen(theirs - mine, one.context)
        devices = {entry.device: entry for entry in sorted(kept)}  # at most one of each
        if devices:
            tree[key] = frozenset(devices.values())
    return State(tree, union((one.context, other.context)))


def _unseen(entries: Entries, context: Vector) -> Entries:
    return frozenset(each for each in entries if not covers(context, each.device, each.sequence))


class History:
    """One history, told by its seed."""

    def __init__(self, seed: int, rules: Rules = ALL, *, length: int = 1) -> None:
        self.random, self.court, self.saved = Random(seed), Court(rules), Saved()
        names = list("ABCDE"[: self.random.randint(3, 5)])
        self.forger = Forger(names.pop(self.random.randrange(len(names))), self.random, self.court)
        self.forger.habit = self.random.choice(BEGINNINGS)
        world = World()
        self.devices = [Honest(name, world, self.court) for name in names]
        for device in self.devices:
            device.peers = (*(each.id for each in self.devices if each is not device), self.forger.id)
        self.heads: dict[bytes, Signed] = {}
        self.steps = self.random.randint(10, 60) * length

    def live(self) -> Counter[str]:
        """Live it; return what came of it: names of `NEVER` and `COUNTED`."""
        for _ in range(self.steps):
            self.step()
        return self.end()

    def step(self) -> None:
        device, chance = self.random.choice(self.devices), self.random.random()
        if chance < 0.4:
            for _ in range(self.random.randint(1, 3)):
                _use(self.random, device, self.saved)
        elif chance < 0.55:
            self._publish(device)
        elif chance < 0.75:
            device.scan()
            device.fetch(self.shown_to(device))
            if self.random.random() < 0.8:
                _apply(self.random, device)
            if self.random.random() < 0.3:
                device.beat()
        elif chance < 0.78:
            self.forger.fork(device.id)
        else:
            self.forger.forge(self.heads)

    def _publish(self, device: Honest) -> None:
        device.scan()
        if self.random.random() < 0.8:
            self._put(device)

    def shown_to(self, device: Honest) -> list[Signed]:
        """Return the heads that the store shows to a device."""
        head = self.forger.head_for(device.id)
        return [*self.heads.values(), *([head] if head is not None else [])]

    def _round(self) -> bool:
        """Let every honest device do all that it does; return whether anybody wrote."""
        before = len(self.court.signed)
        for device in self.devices:
            device.scan()
            device.fetch(self.shown_to(device))
            device.apply()
            device.scan()
            device.beat()
            self._put(device)
        return len(self.court.signed) > before

    def _put(self, device: Honest) -> None:
        if device.newest is not None:
            self.heads[device.id] = device.newest

    def end(self) -> Counter[str]:
        """Let everything go round, and look."""
        for device in self.devices:
            self._put(device)
        for _ in range(2 * len(self.devices) + 3):
            if not self._round():
                break
        found: Counter[str] = Counter()
        views = [device.view() for device in self.devices]
        found["diverged"] = sum(view != views[0] for view in views)
        found["stopped"] = sum(device.stopped for device in self.devices)
        found["refused"] = sum(bool(self.court.fault(head)) for head in self.heads.values())
        found["two verdicts"] = len({(h, v) for d in self.devices for h, v in d.verdicts.items()})
        found["two verdicts"] -= len({h for d in self.devices for h in d.verdicts})
        self._look_at_contents(found)
        found["not quiet"] = sum(self._round() for _ in range(2))
        found["forged"] = sum(branch.sequence for branch in self.forger.branches if branch is not None)
        found["set aside"], found["forked"] = self.forger.refused, len(self.forger.shown)
        return +found

    def _look_at_contents(self, found: Counter[str]) -> None:
        tree = {key: fold(entries) for key, entries in self.devices[0].state.tree.items()}
        there = {each for key, entries in self.devices[0].state.tree.items() for each in values(key, entries)}
        wrote = set[Value]().union(*(device.wrote for device in self.devices))
        took_away = set[Value]().union(*(device.took_away for device in self.devices))
        gone = wrote - took_away - there
        taken = {each for each in gone if self._was_taken(each)}
        contradicted = {each for each in gone - taken if self._was_taken_by_contradiction(each)}
        found["lost"] = len(gone - taken - contradicted)
        found["taken away"], found["contradicted"] = len(taken), len(contradicted)
        kept = self._kept()
        stored = set[Value]().union(*(device.stored for device in self.devices))
        found["unrecorded"] = sum(each.hash not in kept for each in stored)
        found["unrecorded"] += len(self._saved() - {number_of(each) for each in kept})
        found["made up"] = sum(number_of(each.hash) >= MADE_UP for each in there)
        for each, content in _contents(tree):
            if each.dot.device == self.forger.id:
                continue
            if each not in wrote:
                found["passed off"] += 1
                found["believed"] += not self.court.rules.authors
            elif each in stored and is_dead(content):
                found["unreadable"] += not (self.court.rules.forms and self.court.stored(*each))

    def _was_taken(self, each: Value) -> bool:
        """Return whether a snapshot of the forger takes a content away from what it had truly seen."""
        return any(
            each in _values_in(seen, each.key) - _values_in(join(seen, signed.state), each.key)
            for signed in self._forged()
            for seen in [self._seen_before(signed)]
        )

    def _seen_before(self, signed: Signed) -> State:
        """Return what the forger had truly seen when it signed a snapshot: by its context, and by what it had signed before."""
        counting = set(self._forged())
        before = [each for each in signed.chain() if each is signed or each in counting]
        named = [one for each in before for one in self.court.named(each).values()]
        return reduce(join, (each.state for each in (*named, *before[1:])), EMPTY)

    def _was_taken_by_contradiction(self, each: Value) -> bool:
        """Return whether it was taken into an entry of the forger's own, of which another of its snapshots says something else."""
        forged = self._forged()
        if len({one.hash for one in forged}) > len({one.sequence for one in forged}):
            return any(self._own_entries(each, one)[0] for one in forged)  # another branch does not have it
        holding = set[int]().union(*(self._own_entries(each, one)[0] for one in forged))
        lacking = set[int]().union(*(self._own_entries(each, one)[1] for one in forged))
        return bool(holding & lacking)

    def _own_entries(self, each: Value, signed: Signed) -> tuple[set[int], set[int]]:
        """Return the sequences of the forger's own entries of a node that hold a content, and of those that do not."""
        own = [one for one in signed.tree.get(each.key, NO_ENTRIES) if one.device == self.forger.id]
        holding = {one.sequence for one in own if each in values(each.key, frozenset({one}))}
        return holding, {one.sequence for one in own} - holding

    def _forged(self) -> list[Signed]:
        """Return the snapshots of the forger that count."""
        signed = (each for each in self.court.signed.values() if each.device == self.forger.id)
        return [each for each in signed if not self.court.fault(each)]

    def _kept(self) -> set[bytes]:
        """Return the hashes of all contents that lead somewhere in a snapshot of an honest device."""
        return {
            content.hash
            for signed in self.court.signed.values()
            if signed.device != self.forger.id
            for entries in signed.tree.values()
            for entry in entries
            for content in entry.contents
            if isinstance(content, FileContent) and not is_dead(content)
        }

    def _saved(self) -> set[int]:
        """Return what users saved last and did not delete."""
        return self.saved.all - self.saved.replaced - self.saved.deleted


def _values_in(state: State, key: bytes) -> set[Value]:
    return values(key, state.tree.get(key, NO_ENTRIES))


def _contents(tree: dict[bytes, Folded]) -> Iterator[tuple[Value, Content]]:
    for key, folded in tree.items():
        if kind_of(key) is Kind.FILE:
            for content in folded.contents:
                yield Value(key, content.dot, value(content)), content


def live(seed: int, rules: Rules = ALL, *, length: int = 1) -> Counter[str]:
    """Live one history; return what came of it."""
    return History(seed, rules, length=length).live()
