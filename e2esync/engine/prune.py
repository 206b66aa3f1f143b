"""`prune`: let go of what no version needs any more, in two phases with marks (format §9).

A run reads all present heads, notes what they and the kept past lead to (`reach`), and then:

1. where no mark of ours stands, marks the packs of which nothing is needed;
2. where one has stood for the grace time, and the newest head of every device that is not away names
   just this mark, says in the next mark that they are gone, and deletes those that are unneeded still.

The mark of before is believed in nothing but which packs were announced, and when. Each step may be
the last one: the next run goes on. Any device can prune; several may at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from e2esync.adapters.catalogue import GONE
from e2esync.adapters.reach import ReachRows
from e2esync.crypto.asymmetric import object_hash
from e2esync.engine.fetch import accept_heads, check_contexts, fetch, own_heads, read_heads, read_index
from e2esync.engine.marks import HEEDED, Marks, open_mark, read_marks
from e2esync.engine.own import Listed, list_heads, see_own_head
from e2esync.engine.publish import put_pending_head
from e2esync.engine.reach import note_needed
from e2esync.engine.vault import SyncedFolder
from e2esync.format import names
from e2esync.format.cbor import decode_exact, encode
from e2esync.merge.retention import DAY, Rules
from e2esync.vault.heads import Head
from e2esync.vault.prunemark import make_prune_mark

GRACE = 30 * DAY  # seconds between mark and deletion
LEAST_GRACE, MOST_GRACE = DAY, 45 * DAY
AWAY = 30 * DAY  # seconds without a new snapshot: such a device is not waited for
LATEST = HEEDED - 5 * DAY  # seconds: afterwards others may borrow again, and clocks differ
LEAST_BYTES = 256 << 10  # what is less is not worth a mark, which every device answers
MOST = 45_000  # packs that are announced, or remembered as gone, at once: a mark has 4 MiB at most

_MARK = "own mark"
_HEADS = "heads when pruning"


@dataclass
class PruneReport:
    """What was done, and what it waits for."""

    marked: int = 0  # packs that stand to go
    marked_bytes: int = 0
    deleted: int = 0  # packs
    deleted_bytes: int = 0
    due: int | None = None  # from when on they may go, seconds since 1970
    waits_for: list[str] = field(default_factory=list)  # devices that have not seen the mark


@dataclass(frozen=True, slots=True)
class _OwnMark:
    """Our mark as we put it last; without a hash there is none."""

    hash: bytes | None = None
    packs: tuple[bytes, ...] = ()
    gone: tuple[bytes, ...] = ()
    since: int = 0


def prune(vault: SyncedFolder, rules: Rules, *, grace: int = GRACE, dry_run: bool = False) -> PruneReport:
    """Mark what nothing needs under these rules, or delete what was marked; `dry_run` only says so.

    `grace` in seconds. Without a rule nothing is unneeded, and a mark of ours is taken back.

    Raises:
        IntegrityError: A head, or what it leads to, does not verify or is not there; nothing was deleted.
        StoreUnavailable, StoreRefused, NoAccess: The store; the next run goes on.
    """
    put_pending_head(vault)
    listed = see_own_head(vault)
    fetch(vault, listed)
    run = _Run(vault, listed, grace=grace, dry_run=dry_run)
    if not rules.keeps_all:
        run.find_unneeded(rules)
    return run.finish()


class _Run:
    def __init__(self, vault: SyncedFolder, listed: Listed, *, grace: int, dry_run: bool) -> None:
        self._vault, self._listed, self._grace, self._dry_run = vault, listed, grace, dry_run
        others = read_heads(vault, listed)
        accept_heads(vault, others)
        check_contexts(vault, others)
        self._heads = own_heads(vault, others)
        self._marks: Marks = read_marks(vault, listed.marks)
        self._own = _own_mark(vault, listed, put=not dry_run)
        self._rows: ReachRows = vault.catalogue.reach()
        self._now = vault.clock.now()
        self._unneeded: list[bytes] = []
        self._has_looked = False
        self._report = PruneReport()

    def find_unneeded(self, rules: Rules) -> None:
        """Find the packs of which nothing is needed; the rows of every live index are read anew for that."""
        vault, rows = self._vault, self._rows
        with rows.transaction():
            for index_id in sorted({one for head in self._heads for one in head.live_indexes}):
                groups = list(read_index(vault, index_id))
                vault.catalogue.load(index_id, groups, now=self._now)
                rows.add_live({group.pack for group in groups})
            for info in vault.store.list(names.packs_prefix(vault.vault_id)):
                name = names.parse(info.key)
                if name is not None and name.id is not None:
                    rows.add_stored([(name.id, info.size)])
        gone = self._marks.gone.union(self._own.gone)
        note_needed(vault, self._heads, rules, rows, gone=gone)
        self._unneeded = list(islice(rows.unneeded(), MOST))
        self._has_looked = True

    def finish(self) -> PruneReport:
        """Decide and do the next step."""
        own, age = self._own, self._now - self._own.since
        waits = [] if own.hash is None else _waits_for(self._vault, self._heads, own.hash, self._now)
        going: list[bytes] = []
        is_ripe = bool(own.packs) and self._grace <= age <= LATEST and not waits
        if is_ripe:
            going = [pack for pack in own.packs if self._may_go(pack)][: MOST - len(own.gone)]
        going += [pack for pack in own.gone if self._may_go(pack)]  # their deletion was cut off
        gone = self._still_gone(going, is_seen=not waits) if self._has_looked else own.gone
        if own.packs and not is_ripe and not going and 0 <= age <= LATEST and self._unneeded:
            packs, since = own.packs, own.since  # it stands, and waits
        else:
            packs, since = self._worth_a_mark(going), self._now
        if going and not self._is_quiet():
            going, packs, gone, since = [], own.packs, own.gone, own.since  # somebody wrote: next time
        if not self._dry_run:
            self._do(going, packs, gone, since)
        self._tell(going, packs, since)
        return self._report

    def _worth_a_mark(self, going: list[bytes]) -> tuple[bytes, ...]:
        packs = tuple(sorted(set(self._unneeded).difference(going)))
        return packs if sum(self._rows.size(pack) or 0 for pack in packs) >= LEAST_BYTES else ()

    def _may_go(self, pack: bytes) -> bool:
        return self._rows.size(pack) is not None and self._rows.is_unneeded(pack)

    def _still_gone(self, going: list[bytes], *, is_seen: bool) -> tuple[bytes, ...]:
        """Return the packs that have to be remembered as gone: while an index names them, or a device may not know."""
        rows, own = self._rows, self._own
        old = {pack for pack in own.gone if rows.size(pack) is None and (rows.is_live(pack) or not is_seen)}
        return tuple(sorted(old.union(going)))

    def _is_quiet(self) -> bool:
        """Return whether the heads are those that were read: one that was away may be back just now."""
        now = list_heads(self._vault)
        return {device: info.etag for device, info in now.heads.items()} == {
            device: info.etag for device, info in self._listed.heads.items()
        }

    def _do(self, going: list[bytes], packs: tuple[bytes, ...], gone: tuple[bytes, ...], since: int) -> None:
        """Say what goes before it goes."""
        vault, own = self._vault, self._own
        if (packs, gone) != (own.packs, own.gone):
            _put_mark(vault, packs, gone, since)
        if going:
            vault.catalogue.forget_known(going)
            vault.catalogue.set_state(going, GONE)
            vault.store.delete([names.pack(vault.vault_id, pack) for pack in going])
            vault.catalogue.cache.drop(going)

    def _tell(self, going: list[bytes], packs: tuple[bytes, ...], since: int) -> None:
        report, rows = self._report, self._rows
        report.deleted, report.deleted_bytes = len(going), sum(rows.size(pack) or 0 for pack in going)
        report.marked, report.marked_bytes = len(packs), sum(rows.size(pack) or 0 for pack in packs)
        if packs:
            report.due = since + self._grace
            kept = self._own.hash if (packs, since) == (self._own.packs, self._own.since) else b""
            report.waits_for = _waits_for(self._vault, self._heads, kept or b"", self._now)


# our own mark


def _own_mark(vault: SyncedFolder, listed: Listed, *, put: bool) -> _OwnMark:
    """Return our mark as we put it last, put again if the store shows another or none."""
    kept = vault.state.get(_MARK)
    info = listed.marks.get(vault.device.id)
    if kept is None:
        return _OwnMark()
    content, etag = decode_exact(kept)
    if put and (info is None or info.etag != etag):
        etag = vault.store.put(names.prune_mark(vault.vault_id, vault.device.id), content)
        _keep_mark(vault, content, etag)
    mark = open_mark(vault, vault.device.id, content)
    return _OwnMark(object_hash(content), mark.packs, mark.gone, mark.since)


def _put_mark(vault: SyncedFolder, packs: Iterable[bytes], gone: Iterable[bytes], since: int) -> None:
    """Put a mark in place of ours, or take ours back if it would say nothing. It is durable here before it is there."""
    packs, gone = tuple(packs), tuple(gone)
    key = names.prune_mark(vault.vault_id, vault.device.id)
    if not packs and not gone:
        vault.store.delete([key])
        _keep_mark(vault, None, "")
        return
    content = make_prune_mark(
        vault.device, vault.keyring, vault.vault_id, packs=packs, since=since, gone=gone
    )
    _keep_mark(vault, content, "")
    _keep_mark(vault, content, vault.store.put(key, content))


def _keep_mark(vault: SyncedFolder, content: bytes | None, etag: str) -> None:
    with vault.state.transaction():
        vault.state.set(_MARK, None if content is None else encode([content, etag]))


# the other devices


def _waits_for(vault: SyncedFolder, heads: Iterable[Head], mark: bytes, now: int) -> list[str]:
    """Return the names of the devices whose newest head does not name a mark, but of those that are away.

    That a device is away is known from its head having been the same here for long, not from what it says.
    """
    kept = vault.state.get(_HEADS)
    before = {bytes(digest): since for digest, since in decode_exact(kept)} if kept is not None else {}
    heads = list(heads)
    seen = {head.hash: min(before.get(head.hash, now), now) for head in heads}
    with vault.state.transaction():
        vault.state.set(_HEADS, encode(sorted([digest, since] for digest, since in seen.items())))
    return sorted(
        head.device_name for head in heads if mark not in head.prune_marks and now - seen[head.hash] < AWAY
    )
