"""`prune`: let go of what no version needs any more, in two phases with marks (format §9).

A run reads all present heads, notes what they and the kept past lead to (`reach`), and then:

1. where no mark of ours stands, copies what is needed out of packs of which the smaller part is
   (`repack`), and marks the packs of which nothing is needed that is not elsewhere;
2. where one has stood for the grace time, and the newest head of every device that is not away names
   just this mark, says in the next mark that they are gone, and deletes those that may go still.

The mark of before is believed in nothing but which packs were announced, and when. Each step may be
the last one: the next run goes on. Any device can prune; several may at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

from e2esync.adapters.catalogue import GONE
from e2esync.adapters.reach import Partly, ReachRows
from e2esync.engine.fetch import accept_heads, fetch, own_heads, read_heads, read_index, refuse_aside
from e2esync.engine.marks import HEEDED, Marks, read_marks
from e2esync.engine.own import Listed, list_heads, see_own_head
from e2esync.engine.ownmark import own_mark, put_mark
from e2esync.engine.push import begin
from e2esync.engine.reach import note_needed
from e2esync.engine.repack import can_publish, repack
from e2esync.engine.vault import SyncedFolder
from e2esync.format import names
from e2esync.format.cbor import decode_exact, encode
from e2esync.format.index import Group
from e2esync.merge.retention import DAY, Rules
from e2esync.vault.heads import Head

GRACE = 30 * DAY  # seconds between mark and deletion
LEAST_GRACE, MOST_GRACE = DAY, 45 * DAY
AWAY = 30 * DAY  # seconds without a new snapshot: such a device is not waited for
UNLISTED = 30 * DAY  # seconds that no index names a pack: whose push was cut off has come back by then
LATEST = HEEDED - 5 * DAY  # seconds: afterwards others may borrow again, and clocks differ
LEAST_BYTES = 256 << 10  # what is less is not worth a mark, which every device answers
MOST = 45_000  # packs that are announced, or remembered as gone, at once: a mark has 4 MiB at most

_HEADS = "heads when pruning"
_UNLISTED = "packs that no index names"


@dataclass
class PruneReport:
    """What was done, and what it waits for."""

    marked: int = 0  # packs that stand to go
    marked_bytes: int = 0
    deleted: int = 0  # packs
    deleted_bytes: int = 0
    copied: int = 0  # packs of which the needed part was stored anew, so that they may go
    copied_bytes: int = 0  # of that part
    due: int | None = None  # from when on they may go, seconds since 1970
    waits_for: list[str] = field(default_factory=list)  # devices that have not seen the mark


def prune(vault: SyncedFolder, rules: Rules, *, grace: int = GRACE, dry_run: bool = False) -> PruneReport:
    """Mark what nothing needs under these rules, or delete what was marked; `dry_run` only says so.

    `grace` in seconds. Without a rule nothing is unneeded, and a mark of ours is taken back.

    Raises:
        IntegrityError: A head, or what it leads to, does not verify or is not there; nothing was deleted.
        StateBehind: The local state was restored, copied or lost: `engine.renew`.
        StoreUnavailable, StoreRefused, NoAccess: The store; the next run goes on.
    """
    run = _Run(vault, begin(vault), rules, grace=grace, dry_run=dry_run)
    report = PruneReport()
    if run.repacks(report):
        run = _Run(vault, see_own_head(vault), rules, grace=grace, dry_run=dry_run)
    return run.finish(report)


class _Run:
    def __init__(
        self, vault: SyncedFolder, listed: Listed, rules: Rules, *, grace: int, dry_run: bool
    ) -> None:
        self._vault, self._listed, self._grace, self._dry_run = vault, listed, grace, dry_run
        fetch(vault, listed)
        others = read_heads(vault, listed)
        refuse_aside(others, accept_heads(vault, others))
        self._heads = own_heads(vault, others)
        self._marks: Marks = read_marks(vault, listed.marks)
        self._own = own_mark(vault, listed, put=not dry_run)
        self._rows: ReachRows = vault.catalogue.reach()
        self._now = vault.clock.now()
        self._age = self._now - self._own.since
        self._waits = (
            [] if self._own.hash is None else _waits_for(vault, self._heads, self._own.hash, self._now)
        )
        self._unneeded: list[bytes] = []
        self._unlisted: set[bytes] = set()
        self._partly: list[Partly] = []
        self._has_looked = not rules.keeps_all
        if self._has_looked:
            self._read_packs()
            note_needed(vault, self._heads, rules, self._rows, gone=self._marks.gone.union(self._own.gone))
            self._find_unneeded()

    def _read_packs(self) -> None:
        """Take in what every live index says, read anew for that, and which packs there are."""
        vault, rows = self._vault, self._rows
        own = {index for head in self._heads if head.device == vault.device.id for index in head.live_indexes}
        with rows.transaction():
            for index in sorted({one for head in self._heads for one in head.live_indexes}):
                groups = self._noted(read_index(vault, index), ours=index in own)
                vault.catalogue.load(index, groups, now=self._now)
            for info in vault.store.list(names.packs_prefix(vault.vault_id)):
                name = names.parse(info.key)
                if name is not None and name.id is not None:
                    rows.add_stored([(name.id, info.size)])

    def _noted(self, groups: Iterable[Group], *, ours: bool) -> Iterator[Group]:
        for group in groups:
            yield group  # the catalogue takes it in
            self._rows.add_live(group, ours=ours)

    def _find_unneeded(self) -> None:
        """Find the packs that may go, of which what is needed is nowhere, or elsewhere too."""
        rows, own = self._rows, self._own
        rows.add_leaving(self._marks.gone.union(own.gone))
        rows.add_leaving(own.packs if self._is_current else ())
        self._partly = list(islice(rows.partly(), MOST))
        self._unlisted = set(self._long_unlisted())
        self._unneeded = list(islice(chain(rows.unneeded(), sorted(self._unlisted)), MOST))
        self._unneeded += self._replaced()

    def _long_unlisted(self) -> list[bytes]:
        """Return the packs that no index has named for long; none where one of them may hold what is needed."""
        state, now = self._vault.state, self._now
        kept = state.get(_UNLISTED)
        before = {bytes(pack): since for pack, since in decode_exact(kept)} if kept is not None else {}
        seen = [(pack, min(before.get(pack, now), now)) for pack in islice(self._rows.unlisted(), MOST)]
        with state.transaction():
            state.set(_UNLISTED, encode(seen) if seen else None)
        found = [pack for pack, since in seen if now - since >= UNLISTED]
        return found if found and self._rows.is_all_placed() else []

    def _replaced(self) -> Iterator[bytes]:
        """Yield packs of which all that is needed is in others, which are not among them."""
        for one in self._partly:
            if self._rows.is_replaced(one.id):
                self._rows.add_leaving([one.id])
                yield one.id

    @property
    def _is_current(self) -> bool:
        """Whether our mark is neither too old nor of the future."""
        return bool(self._own.packs) and 0 <= self._age <= LATEST

    @property
    def _is_ripe(self) -> bool:
        return self._is_current and self._age >= self._grace and not self._waits

    def repacks(self, report: PruneReport) -> bool:
        """Copy what is needed out of packs of which the smaller part is; return whether these may be marked then.

        Not while a mark stands and waits, and not for little.
        """
        replaced = set(self._unneeded)
        chosen = [one for one in self._partly if one.id not in replaced]
        freed = sum(one.size - one.needed for one in chosen)
        stands = self._is_current and not self._is_ripe
        if stands or not chosen or freed < LEAST_BYTES or not can_publish(self._vault, self._marks):
            return False
        report.copied, report.copied_bytes = len(chosen), sum(one.needed for one in chosen)
        if self._dry_run:
            self._unneeded += [one.id for one in chosen]
            return False
        return repack(self._vault, self._rows, chosen)

    def finish(self, report: PruneReport) -> PruneReport:
        """Decide and do the next step."""
        own, is_ripe = self._own, self._is_ripe
        going: list[bytes] = []
        if is_ripe:
            going = [pack for pack in own.packs if self._may_go(pack)][: MOST - len(own.gone)]
        going += [pack for pack in own.gone if self._may_go(pack)]  # their deletion was cut off
        gone = self._still_gone(going, is_seen=not self._waits) if self._has_looked else own.gone
        if self._is_current and not is_ripe and not going and self._unneeded:
            packs, since = own.packs, own.since  # it stands, and waits
        else:
            packs, since = self._worth_a_mark(going), self._now
        if going and not self._is_quiet():
            going, packs, gone, since = [], own.packs, own.gone, own.since  # somebody wrote: next time
        if not self._dry_run:
            self._do(going, packs, gone, since)
        self._tell(report, going, packs, since)
        return report

    def _worth_a_mark(self, going: list[bytes]) -> tuple[bytes, ...]:
        packs = tuple(sorted(set(self._unneeded).difference(going)))[:MOST]
        return packs if sum(self._rows.size(pack) or 0 for pack in packs) >= LEAST_BYTES else ()

    def _may_go(self, pack: bytes) -> bool:
        rows = self._rows
        if rows.size(pack) is None:
            return False
        return rows.is_unneeded(pack) or rows.is_replaced(pack) or pack in self._unlisted

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
            put_mark(vault, packs, gone, since)
        if going:
            vault.catalogue.forget_known(going)
            vault.catalogue.set_state(going, GONE)
            vault.store.delete([names.pack(vault.vault_id, pack) for pack in going])
            vault.catalogue.cache.drop(going)

    def _tell(self, report: PruneReport, going: list[bytes], packs: tuple[bytes, ...], since: int) -> None:
        rows = self._rows
        report.deleted, report.deleted_bytes = len(going), sum(rows.size(pack) or 0 for pack in going)
        report.marked, report.marked_bytes = len(packs), sum(rows.size(pack) or 0 for pack in packs)
        if packs:
            report.due = since + self._grace
            kept = self._own.hash if (packs, since) == (self._own.packs, self._own.since) else b""
            report.waits_for = _waits_for(self._vault, self._heads, kept or b"", self._now)


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
