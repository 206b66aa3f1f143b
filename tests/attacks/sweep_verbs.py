"""Each verb of the adversary on one object: what it does, in as many forms as are sampled.

`NOT_IN_FILES` are verbs that a copied store, which is only files, cannot be told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import NamedTuple

from e2esync.format import names
from e2esync.format.names import Kind
from moto_fixtures.hostile import HostileStore
from tests.attacks.sweep_world import PACKS, SweepWorld

VERBS = (
    "flip", "trunc", "extend", "zero", "swap", "copy", "delete", "replay", "replay_all", "fork", "hide",
    "inject", "lie_in_list", "edit_headers", "endless", "slow", "error", "redirect",
)  # fmt: skip
NOT_IN_FILES = {"lie_in_list", "edit_headers", "slow", "error", "redirect"}
FEW, MANY = 3, 24  # positions of flips


class Lie(NamedTuple):
    """One form of a verb."""

    verb: str
    how: str
    tell: Callable[[HostileStore], None]


class Target(NamedTuple):
    """The object that is lied about."""

    key: str
    sort: str  # its class
    others: list[str]  # more of its class
    strangers: list[str]  # one of each other class


def lies(world: SweepWorld, target: Target, *, samples: int = FEW) -> Iterator[Lie]:
    """Yield every verb on an object, in a few forms each."""
    key = target.key
    yield from _damages(target, len(world.store.body(key)), samples)
    yield from _exchanges(world, target)
    yield from _times(world, key)
    yield from _additions(world, target)
    yield Lie("delete", "", lambda store: store.lose(key))
    yield Lie("hide", "", lambda store: store.hide(key))
    yield Lie("lie_in_list", "left out", lambda store: store.lie_in_list(leave_out=[key]))
    ghost = _another_name(key)
    yield Lie("lie_in_list", "a ghost", lambda store: store.lie_in_list(show={ghost: 100}))
    yield Lie("edit_headers", "size and etag", lambda store: store.edit_headers(key, etag="x", size=7))
    yield Lie("endless", "", lambda store: store.endless(key))
    yield Lie("slow", "", lambda store: store.slow(key, 3600))
    yield Lie("error", "", lambda store: store.error(key))
    yield Lie("redirect", "", lambda store: store.redirect(key))


def _damages(target: Target, size: int, samples: int) -> Iterator[Lie]:
    key, random = target.key, Random(target.sort)
    for position in sorted({0, size - 1, *random.sample(range(size), min(samples, size))}):
        mask = 1 << random.randrange(8)
        yield Lie("flip", f"at {position}", partial(HostileStore.flip, key=key, position=position, mask=mask))
    for length in sorted({0, 31, size // 2, size - 1} if samples > FEW else {0, size // 2, size - 1}):
        yield Lie("trunc", f"to {length}", partial(HostileStore.trunc, key=key, length=length))
    for more in (b"\0", b"\xff" * 17):
        yield Lie("extend", f"by {len(more)}", partial(HostileStore.extend, key=key, more=more))
    yield Lie("zero", "all", lambda store: store.zero(key))
    start = random.randrange(size) // 16 * 16
    yield Lie("zero", f"16 at {start}", lambda store: store.zero(key, start, 16))


def _exchanges(world: SweepWorld, target: Target) -> Iterator[Lie]:
    key = target.key
    for other in (*target.others[:1], *target.strangers[:1]):
        yield Lie("swap", f"with {_short(other)}", partial(HostileStore.swap, one=key, other=other))
    for other in (*target.others[:1], *target.strangers):
        yield Lie("copy", f"of {_short(other)}", partial(HostileStore.copy, source=other, target=key))
    there = _another_name(key)
    yield Lie("copy", "under another name", lambda store: store.copy(key, there))


def _times(world: SweepWorld, key: str) -> Iterator[Lie]:
    for name in ("early", "known"):
        then: int = getattr(world.moments, name)
        yield Lie("replay", name, partial(HostileStore.replay, key=key, moment=then))
        yield Lie("replay_all", name, partial(HostileStore.replay_all, moment=then))
        yield Lie("fork", name, partial(_fork, moment=then))


def _fork(store: HostileStore, moment: int) -> None:
    """Everybody who reads here went another way at a time: others' later writes are never shown."""
    readers = ("desk", "newcomer", "join", "")
    store.replay_all(moment)
    store.fork(*readers[:-1])


def _additions(world: SweepWorld, target: Target) -> Iterator[Lie]:
    key, there = target.key, _another_name(target.key)
    yield Lie("inject", "garbage under a new name", lambda store: store.inject(there, b"garbage" * 40))
    yield Lie("inject", "nothing", lambda store: store.inject(key, b""))
    for name, body in _forgeries(world, key):
        yield Lie(
            "inject", f"a forgery, {name}", partial(HostileStore.inject, key=_at(name, key, there), body=body)
        )


def _at(name: str, key: str, there: str) -> str:
    return key if name.startswith("over") else there if name.startswith("beside") else name


def _forgeries(world: SweepWorld, key: str) -> Iterator[tuple[str, bytes]]:
    """Yield the adversary's own objects of a class: over the victim's, and where their names say."""
    wanted = names.parse(key)
    assert wanted is not None
    vault, mallory = world.keys.vault_id, world.mallory
    everything = {**world.planted.objects, **world.planted.under(vault)}
    if wanted.kind is Kind.MEMBERS:
        everything |= [mallory.members_record(vault, mallory.cards())]
    if wanted.kind is Kind.OWN_RECORD:
        everything |= [mallory.own_record(mallory.cards()[0])]
    for name, body in sorted(everything.items()):
        parsed = names.parse(name)
        if parsed is not None and parsed.kind is wanted.kind:
            yield name, body
    own = next((body for name, body in everything.items() if _kind(name) is wanted.kind), None)
    if own is not None:
        yield "over the victim's", own


def _kind(key: str) -> Kind | None:
    name = names.parse(key)
    return name.kind if name else None


def _another_name(key: str) -> str:
    """Return the name of an object of the same kind that is not there; it sorts behind those that are."""
    name = names.parse(key)
    assert name is not None
    last, owner = b"\xff" * 32, name.owner
    made = {
        Kind.CARD: lambda: names.card(owner, 1, last),
        Kind.CARD_KEYS: lambda: names.card_keys(owner, 1, last),
        Kind.OWN_RECORD: lambda: names.own_record(owner, last[:16]),
        Kind.GENESIS: lambda: names.genesis(last),
        Kind.MEMBERS: lambda: names.members(owner, (name.number or 0) + 1, last),
        Kind.HEAD: lambda: names.head(owner, last[:16]),
        Kind.PRUNE_MARK: lambda: names.prune_mark(owner, last[:16]),
        Kind.INDEX: lambda: names.index(owner, last),
        Kind.PACK: lambda: names.pack(owner, last),
    }
    return made[name.kind]()


def _short(key: str) -> str:
    name = names.parse(key)
    return name.kind.name.lower() if name else key


__all__ = ["FEW", "MANY", "NOT_IN_FILES", "PACKS", "VERBS", "Lie", "Target", "lies"]
