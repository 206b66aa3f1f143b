"""The oracles: each watches one thing, and raises `AttackSucceeded` when the adversary got it.

DET `det`, NOCH `noch`, NOST `nost`, NOLK `nolk`, BND `bnd`, SAME `same`, VIEW `same_view`.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import md5, sha1, sha256, sha512

import blake3

from e2esync.engine import ownhead
from e2esync.errors import E2ESyncError, IntegrityError
from moto_fixtures.hostile import HostileStore
from moto_fixtures.hostile_record import Request, view
from tests.engine.world import Dev, tree

TRUST = ("trusted", "context", "own head", "head")
LOCAL_STATE = (b"state.db", b"catalogue.")  # databases, and the cache of packs


class AttackSucceeded(AssertionError):
    """The adversary got what an oracle watches."""


class ClientCrashed(AttackSucceeded):
    """A command ended with something that is no error of ours. Of a weakened client it proves nothing."""


def det(command: Callable[[], object], *kinds: type[E2ESyncError]) -> E2ESyncError:
    """DET: the command ends with an error of one of these kinds (by default exit code 6); return it."""
    try:
        result = command()
    except E2ESyncError as error:
        if not isinstance(error, kinds or (IntegrityError,)):
            raise AttackSucceeded(f"the command ended with {type(error).__name__}: {error}") from error
        return error
    except Exception as error:
        raise ClientCrashed(f"the command crashed with {error!r}") from error
    raise AttackSucceeded(f"the command succeeded: {result!r}")


def all_of(dev: Dev) -> dict[bytes, tuple]:
    """Everything that a device has on the disk but for its own state; also temporary files and trash."""
    return {path: thing for path, thing in tree(dev.home).items() if not path.startswith(LOCAL_STATE)}


@contextmanager
def noch(*devices: Dev) -> Iterator[None]:
    """NOCH: nothing on the disks of these devices is another afterwards, and nothing partial is left."""
    before = [all_of(dev) for dev in devices]
    yield
    for dev, old in zip(devices, before, strict=True):
        unchanged(dev, old)


def unchanged(dev: Dev, old: Mapping[bytes, tuple]) -> None:
    """NOCH for a disk that was looked at before."""
    now = all_of(dev)
    paths = sorted(path for path in old.keys() | now.keys() if old.get(path) != now.get(path))
    if paths:
        raise AttackSucceeded(f"the disk of {dev.name} has changed: {paths[:5]}")


def refused_content(error: E2ESyncError) -> bool:
    """Return whether an error is of contents of files alone: everything else was done."""
    done = error.done if isinstance(error, IntegrityError) else None
    return done is not None and bool(done.failed)


def noch_but(
    dev: Dev, error: E2ESyncError, old: Mapping[bytes, tuple], honest: Mapping[bytes, tuple]
) -> None:
    """NOCH where contents of files are refused: theirs are as they were (`old`, see `all_of`), all else is honest."""
    failed = {item["path"].encode() for item in error.done.failed}  # type: ignore[attr-defined]
    before = {
        path.removeprefix(b"folder/"): thing for path, thing in old.items() if path.startswith(b"folder/")
    }
    now = dev.tree()
    for path in now.keys() | before.keys() | honest.keys():
        right = before if path in failed else honest
        if path.partition(b"/")[0] != b".e2esync" and now.get(path) != right.get(path):
            raise AttackSucceeded(f"what nobody wrote is on the disk of {dev.name}: {path!r}")
    if any(path.startswith(b"folder/.e2esync/tmp/") for path in all_of(dev)):
        raise AttackSucceeded(f"a part of a file is left on the disk of {dev.name}")


def trust_of(dev: Dev) -> dict[str, object]:
    """What a device trusts: accepted heads, joined context, own head. The ETag of a PUT is no trust."""
    found: dict[str, object] = {key: dev.vault.state.get(key) for key in TRUST}
    found["own head"] = replace(ownhead.load(dev.vault.state), etag="")
    return found


def nost(before: Mapping[str, object], after: Mapping[str, object], honest: Mapping[str, object]) -> None:
    """NOST: trust is as before, or as the honest store makes it: a head is kept when it is accepted,
    which is before the contents of files are read, and never takes over what the adversary made."""
    if after not in (before, honest):
        changed = [key for key in TRUST if after[key] not in (before[key], honest[key])] or ["a mixture"]
        raise AttackSucceeded(f"trust has advanced to what nobody wrote: {changed}")


def readable(content: bytes) -> list[bytes]:
    """What must not be found of a content: itself, its hashes in every common form."""
    digests = [
        *(algorithm(content).digest() for algorithm in (md5, sha1, sha256, sha512)),
        blake3.blake3(content).digest(),
    ]
    hexes = [form for digest in digests for form in (digest.hex().encode(), digest.hex().upper().encode())]
    return [content[:64], *digests, *hexes]


def nolk(store: HostileStore, canaries: Iterable[bytes], opened: Iterable[object] = ()) -> None:
    """NOLK: no canary nor a hash of it was ever stored or asked for, and the adversary opened nothing.

    `opened` is what `Adversary.opens` returns. Canaries are at least 8 bytes, or chance finds them.
    """
    secrets = [(canary, secret) for canary in canaries for secret in readable(canary)]
    assert all(len(secret) >= 8 for _, secret in secrets), "a canary that is too short"
    for version in store.versions:
        for canary, secret in secrets:
            if secret in (version.body or b"") or secret in version.key.encode():
                raise AttackSucceeded(f"{canary[:20]!r} is readable in {version.key}")
    for what in opened:
        raise AttackSucceeded(f"the adversary opens {what}")


@contextmanager
def bnd(
    store: HostileStore, *, requests: int | None = None, size: int | None = None, memory: int | None = None
) -> Iterator[None]:
    """BND: no more requests, bytes of answers, and bytes of memory at the peak than stated."""
    start = len(store.requests)
    if memory is not None:
        tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1] if memory is not None else 0
    finally:
        if memory is not None:
            tracemalloc.stop()
    made = store.requests[start:]
    got = sum(request.size for request in made if request.verb == "GET")
    for what, found, most in (
        ("requests", len(made), requests),
        ("bytes", got, size),
        ("memory", peak, memory),
    ):
        if most is not None and found > most:
            raise AttackSucceeded(f"{found} {what}, where {most} is the bound")


def sent(requests: Iterable[Request]) -> tuple[list[object], list[object]]:
    """What the store learns from requests: writes in their order, reads in any (several threads read)."""
    requests = list(requests)
    writes: list[object] = [(r.verb, r.key, r.size) for r in requests if r.verb in {"PUT", "DELETE"}]
    reads = [
        (r.verb, r.key, r.start, -1 if r.length is None else r.length)
        for r in requests
        if r.verb not in {"PUT", "DELETE"}
    ]
    return writes, [*sorted(reads)]


def same(traces: Mapping[str, Iterable[Request]]) -> None:
    """SAME: all of these runs asked the same of the store; the names say what was different in them."""
    (first, one), *others = [(name, sent(trace)) for name, trace in traces.items()]
    for name, other in others:
        if one != other:
            raise AttackSucceeded(f"the store can tell {name!r} from {first!r}")


def same_view(one: Iterable[Request], other: Iterable[Request]) -> None:
    """VIEW: two worlds look the same to the store: verbs, kinds, sizes, ranges, and what came again."""
    ours, theirs = view(one), view(other)
    if ours == theirs:
        return
    at = next((n for n, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), -1)
    found = f"{ours[at]} and {theirs[at]}" if at >= 0 else f"{len(ours)} and {len(theirs)} requests"
    raise AttackSucceeded(f"the store can tell these worlds apart, by {found}")
