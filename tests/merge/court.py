"""What was signed, and which of it counts: the rules for contexts and whole trees (format §8.4, §8.5), each with a switch.

A verdict follows from signed bytes alone, so that it is the same on every device. What stands here of its own is only
what puts checks together: the product's `merge.claims` for contexts, its `engine.check` for every value of a tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from e2esync.engine.check import check_value
from e2esync.errors import BadObject
from e2esync.format.cbor import encode
from e2esync.merge.claims import Seen, check_claims
from e2esync.merge.join import Entries, State
from e2esync.tree.codec import MAX_SEQUENCE, encode_entries
from e2esync.tree.keys import ROOT, Kind, birthplace, kind_of
from e2esync.tree.values import Content, Dot, FileContent, WrappedKey, value
from tests.merge.devices import tag

ALIVE = WrappedKey(bytes(32), bytes(32), b"\x01" * 40)
DEAD = ALIVE._replace(wrapped=b"\xff" * 40)
"""The key of references that lead to nothing."""


@dataclass(frozen=True)
class Rules:
    """What holds; switched off, it has to show in what comes of the histories."""

    proof: bool = True  # a context names only what was signed
    closure: bool = True  # and with it all that this had seen
    dots: bool = True  # every dot and `past` of a tree lies in its context
    joined: bool = True  # what a head names is joined with it, and not taken for joined as it is named
    compared: bool = (
        True  # a tree whose context covers all that is here is joined like any other, not taken over
    )
    one_verdict: bool = True  # of what this device holds already, too
    set_aside: bool = True  # what fails is left out, and the newest before it stands in
    forks: bool = True  # a head that names the other of two snapshots of one sequence is joined
    orphans: bool = True  # a tree may hold what stands in no directory: the view has a place for it
    by_dot: bool = True  # two entries under one dot count as one that holds what both do
    forms: bool = True  # what cannot be read is read as the device of its dot has stored it
    authors: bool = True  # a device is named only for what its own snapshot holds


ALL = Rules()
RULES = tuple(ALL.__dataclass_fields__)


def without(rule: str) -> Rules:
    return replace(ALL, **{rule: False})


@dataclass(frozen=True, eq=False)
class Signed:
    """A snapshot."""

    device: bytes
    sequence: int
    hash: bytes
    points: Seen  # what it claims to have seen of others
    tree: Mapping[bytes, Entries]
    previous: Signed | None
    is_heartbeat: bool = False

    @property
    def point(self) -> tuple[int, bytes]:
        return self.sequence, self.hash

    @property
    def state(self) -> State:
        return State(self.tree, sequences(self.points) | {self.device: self.sequence})

    def chain(self) -> Iterator[Signed]:
        """Yield this and those before it."""
        here: Signed | None = self
        while here is not None:
            yield here
            here = here.previous


def sequences(points: Seen) -> dict[bytes, int]:
    return {device: sequence for device, (sequence, _) in points.items()}


def is_dead(content: Content) -> bool:
    """Return whether the references of a content lead to nothing."""
    return isinstance(content, FileContent) and DEAD in content.keys


class _Everything(dict[bytes, int]):
    def get(self, key: bytes, default: object = None) -> int:
        return MAX_SEQUENCE


@dataclass
class Court:
    """All that was ever signed, by hash: whoever names a snapshot keeps its signed bytes."""

    rules: Rules = ALL
    signed: dict[bytes, Signed] = field(default_factory=dict)
    _verdicts: dict[bytes, str] = field(default_factory=dict)

    def sign(self, snapshot: Signed) -> Signed:
        assert self.signed.setdefault(snapshot.hash, snapshot) is snapshot
        return snapshot

    def seen_by(self, device: bytes, sequence: int, digest: bytes) -> Seen | None:
        """Return the context of a snapshot, if there is such a one."""
        found = self.signed.get(digest)
        return (
            found.points
            if found is not None and (found.device, found.sequence) == (device, sequence)
            else None
        )

    def fault(self, snapshot: Signed, held: Mapping[bytes, Entries] | None = None) -> str:
        """Return why a snapshot does not count; empty if it does. `held`: the tree of who looks."""
        if not self.rules.one_verdict and held is not None:
            return self._fault(snapshot, _differing(snapshot, held))
        if snapshot.hash not in self._verdicts:
            self._verdicts[snapshot.hash] = self._fault(snapshot, snapshot.tree)
        return self._verdicts[snapshot.hash]

    def try_fault(self, snapshot: Signed, held: Mapping[bytes, Entries]) -> str:
        """Return why what is not signed yet would not count for somebody who holds this tree."""
        return self._fault(snapshot, snapshot.tree if self.rules.one_verdict else _differing(snapshot, held))

    def _fault(self, snapshot: Signed, looked_at: Mapping[bytes, Entries]) -> str:
        covered = snapshot.state.context if self.rules.dots else _Everything()
        try:
            seen = {device: self._seen_by(device, *point) for device, point in snapshot.points.items()}
            check_claims(snapshot.device, snapshot.sequence, snapshot.points, seen)
            for key, entries in looked_at.items():
                assert check_value(key, encode(encode_entries(tuple(entries))), covered)
        except BadObject as error:
            return str(error)
        if not self.rules.orphans and has_strays(snapshot.tree):
            return "something stands in no directory"
        return ""

    def _seen_by(self, device: bytes, sequence: int, digest: bytes) -> Seen | None:
        seen = self.seen_by(device, sequence, digest)
        if seen is None:
            return None if self.rules.proof else {}
        return seen if self.rules.closure else {}

    def stored(self, key: bytes, dot: Dot, digest: bytes) -> bool:
        """Return whether the snapshot of a dot's own device holds a content under it, with references that lead to it."""
        return any(
            (content.dot, value(content)) == (dot, digest) and not is_dead(content)
            for signed in self.signed.values()
            if (signed.device, signed.sequence) == (dot.device, dot.sequence)
            for entry in signed.tree.get(key, ())
            for content in entry.contents
        )

    def named(self, snapshot: Signed) -> dict[bytes, Signed]:
        """Return the snapshots that one can have seen: of those in its context, what was signed and is closed."""
        found = {d: self.signed[p[1]] for d, p in snapshot.points.items() if self.seen_by(d, *p) is not None}
        while True:
            have = {d: each.sequence for d, each in found.items()} | {snapshot.device: MAX_SEQUENCE}
            open_ends = [
                device
                for device, each in found.items()
                if any(have.get(d, 0) < s for d, s in sequences(each.points).items())
            ]
            if not open_ends:
                return found
            for device in open_ends:
                del found[device]


def _differing(snapshot: Signed, held: Mapping[bytes, Entries]) -> Mapping[bytes, Entries]:
    return {key: entries for key, entries in snapshot.tree.items() if held.get(key) != entries}


def has_strays(tree: Mapping[bytes, Entries]) -> bool:
    """Return whether an entry names a parent that is no directory of the tree."""
    known = {tag(key) for key in tree if kind_of(key) is Kind.DIRECTORY} | {ROOT}
    return any(
        parent not in known
        for key, entries in tree.items()
        for entry in entries
        for parent in ([place.parent for place in entry.places] or [birthplace(key).parent])
    )
