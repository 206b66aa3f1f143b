"""One folder, kept in sync by one thread: it waits for what its schedule says, and does one round after the other."""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from e2esync.daemon.holding import Holding
from e2esync.daemon.ports import Ground, Order, Reading, Times
from e2esync.daemon.rate import Rate
from e2esync.daemon.schedule import Job, Kind, Outcome, Pace, Schedule, Touch
from e2esync.daemon.standing import FolderStanding, State, Trouble, Work, lasting, state_of, trouble_of
from e2esync.daemon.turn import Turn
from e2esync.engine.glance import differs, emptied, file_sizes, large
from e2esync.engine.heartbeat import is_behind
from e2esync.engine.pull import pull
from e2esync.engine.push import push
from e2esync.engine.seen import note_sync
from e2esync.engine.sync import sync
from e2esync.engine.vault import Progress, Summary, SyncedFolder
from e2esync.errors import Busy, IntegrityError, SafetyStop, UsageError

log = logging.getLogger(__name__)

COMMANDS = {"push": push, "pull": pull, "sync": sync}


class Keeper:
    """Keeps one folder in sync. All methods but those of its thread may be called from any thread."""

    def __init__(
        self,
        ground: Ground,
        *,
        pace: Pace,
        jitter: Callable[[], float],
        times: Times,
        report: Callable[[], None],
    ) -> None:
        self.ground = ground
        self._times, self._report = times, report
        self._schedule = Schedule(pace, jitter)
        self._change = threading.Condition()
        self._orders: deque[Order | Reading] = deque()
        self._is_ending = False
        self._is_let_go = False  # was told to end, which its thread may have done since
        self._is_idle = False
        self._turns = 0
        self._life: tuple[object, float] | None = (
            None  # the last signs of life, and since when there are no others
        )
        self._lent = 0  # how many commands work on the folder by themselves, or wait for it
        self._is_away = False  # it is closed, and stays so as long as it is lent
        self._is_owed = False  # it was lent: what is due is done first, before it is lent again
        self._held = Holding(ground, self._show)
        self._trouble: Trouble | None = None
        self._work: Work | None = None
        self._reported = 0.0
        self._rate = Rate()
        self._turn = Turn(0.0, 0)
        self._progress: Progress | None = None  # of an order
        self.rounds = 0
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    # from any thread

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end_soon(self) -> None:
        """End, breaking off the round that is on its way, but not what a command wants."""
        with self._change:
            self._is_ending = self._is_let_go = True
            self._change.notify_all()

    def end(self) -> None:
        """End as `end_soon` does, and wait for that."""
        self.end_soon()
        self._thread.join()

    def pause(self) -> None:
        """Do nothing by itself until `resume`, not even what is on its way."""
        with self._change:
            self._schedule.pause()
            self._change.notify_all()
        self._report()

    def resume(self) -> None:
        """Go on, at once."""
        with self._change:
            self._schedule.resume(self._times.steady())
            self._change.notify_all()
        self._report()

    def retry(self) -> None:
        """Go on at once with what failed: somebody has seen to it."""
        with self._change:
            self._schedule.retry(self._times.steady())
            self._change.notify_all()

    def touched(self, path: bytes, /) -> None:
        """Hear of an event; of the root itself there is nothing to sync."""
        if not path:
            return
        with self._change:
            self._schedule.touch(path, self._times.steady())
            self._change.notify_all()

    def lost(self, reason: str, /) -> None:
        """Hear that events were lost."""
        log.warning("events were lost: %s", reason)
        with self._change:
            self._schedule.lose(self._times.steady())
            self._change.notify_all()

    def order(self, order: Order | Reading) -> None:
        """Do next what a command wants."""
        with self._change:
            if self._is_ending:
                order.done.set_exception(Busy("the daemon is about to end"))
                return
            self._orders.append(order)
            self._change.notify_all()

    def make_way(self) -> None:
        """Let go of the folder until `take_back`, once the round on its way is done or had its turn; return when it is free."""
        with self._change:
            self._lent += 1
            self._change.notify_all()
            self._change.wait_for(lambda: self._is_away or not self._thread.is_alive())

    def take_back(self) -> None:
        """Go on with the folder, once nobody has it any more."""
        with self._change:
            self._lent -= 1
            if not self._lent:
                self._is_away, self._is_owed = False, True
            self._change.notify_all()

    def is_well(self) -> bool:
        """Return whether it waits or shows signs of life in what it does; to be asked now and then, by one thread.

        Takes no lock, so that it answers also where somebody holds one for ever.
        """
        if not self._thread.is_alive():
            return self._is_let_go or self._thread.ident is None
        now = self._times.awake()
        signs = (self._turns, self._work, self.ground.traffic())
        if self._is_idle or self._life is None or self._life[0] != signs:
            self._life = signs, now
        return now - self._life[1] < HANGS

    @property
    def standing(self) -> FolderStanding:
        """How the folder stands."""
        with self._change:
            waiting, work, trouble = self._schedule.waiting, self._work, self._trouble
            state = state_of(
                self._held.survey,
                is_paused=self._schedule.paused,
                is_working=work is not None,
                waiting=waiting,
                trouble=trouble,
            )
            survey = replace(self._held.survey, pending_up=waiting)
            return FolderStanding(state, survey, waiting, trouble, work, self._held.watch_trouble)

    # the thread

    def _run(self) -> None:
        try:
            while (todo := self._next()) is not None:
                if isinstance(todo, Job):
                    self._round(todo)
                elif isinstance(todo, Order):
                    self._obey(todo)
                else:
                    self._read(todo)
                    continue
                self._report()
        finally:
            self._held.close()
            self._held.unwatch()
            with self._change:
                self._is_ending = True
                self._change.notify_all()
                for order in self._orders:
                    order.done.set_exception(Busy("the daemon has ended"))

    def _next(self) -> Order | Reading | Job | None:
        """Wait for what is to be done; None to end."""
        self._turns += 1
        self._is_idle = True
        try:
            return self._wait()
        finally:
            self._is_idle = False

    def _wait(self) -> Order | Reading | Job | None:
        with self._change:
            while True:
                if self._is_ending:
                    return None
                self._is_away = self._lent > 0 and not self._is_owed
                if self._is_away:
                    self._held.close()
                    self._change.notify_all()
                    self._change.wait()
                    continue
                if self._orders:
                    return self._orders.popleft()
                if self._schedule.paused:
                    self._held.close()  # so that the disk of the folder can be unmounted
                now = self._times.steady()
                job, was_owed, self._is_owed = self._schedule.next(now), self._is_owed, False
                if job is not None:
                    return job
                if was_owed and self._lent:
                    continue
                wakes = self._schedule.wakes_at()
                before = self._times.awake()
                self._times.wait(self._change, None if wakes is None else max(wakes - now, 0.0) + 0.001)
                if self._times.steady() - now > self._times.awake() - before + SLEPT:
                    self._schedule.lose(self._times.steady())  # events of the time asleep are maybe lost

    def _round(self, job: Job) -> None:
        with self._change:
            taken = self._schedule.take(job)
        began, aside = self._times.steady(), None
        self._turn = Turn(began, self.ground.traffic().up)
        summary: Summary | None = None
        try:
            self._held.open()
            if job.kind is Kind.WHOLE and not self._held.is_watched:
                self._held.watch(self)  # before everything is looked at: what happens meanwhile is told of
            job = self._narrowed(job, taken)
            try:
                summary = self._held.work(lambda vault: self._do(vault, job))
            except IntegrityError as error:  # one device's word was set aside; all else was done
                if error.done is None:
                    raise
                summary, aside = error.done, error
            self._held.note_bad(summary or Summary(), None if job.kind is Kind.WHOLE else job.within or ())
            self._note(has_asked=summary is not None)
            behind = is_behind(self._held.open())
        except Exception as error:  # noqa: BLE001  whatever it is, the thread goes on, and `status` says it
            self._failed(job, taken, error)
            return
        finally:
            with self._change:
                self._work = None
        with self._change:
            now = self._times.steady()
            outcome = Outcome(
                summary is not None, is_news(summary), behind, not self._held.is_watched, now - began
            )
            again = [item["path"].encode() for item in summary.skipped] if summary is not None else []
            if summary is not None:
                self._trouble = trouble_of(aside, self._times.wall()) if aside is not None else None
            self._schedule.succeed(job, now, outcome, again=again)
            self.rounds += 1

    def _do(self, vault: SyncedFolder, job: Job) -> Summary | None:
        """Do a round; return None where nothing differs, so that the store was not asked."""
        if job.kind is Kind.POLL:
            return pull(vault)
        if job.kind is Kind.TOUCHED and job.within is not None and not differs(vault, job.within):
            return None
        self._show("looking", 0, None)
        return sync(vault, within=job.within, beat=job.kind is Kind.BEAT)

    def _narrowed(self, job: Job, taken: dict[bytes, Touch]) -> Job:
        """Leave out files that have just become empty, once, and large ones where there are others."""
        if job.kind is not Kind.TOUCHED or job.within is None:
            return job
        vault = self._held.open()
        sizes = file_sizes(vault, job.within)
        empty, slow = emptied(vault, sizes), large(sizes)
        with self._change:
            now = self._times.steady()
            held = {path for path in empty if self._schedule.hold(path, taken[path], now)}
            deferred = slow - held if job.within - held - slow else set()
            for path in deferred:
                self._schedule.defer(path, taken[path])
        for path in held | deferred:
            del taken[path]
        return job._replace(within=job.within - held - deferred)

    def _obey(self, order: Order) -> None:
        """Do what a command wants; what goes wrong is its to say."""
        if not order.done.set_running_or_notify_cancel():
            return
        self._progress, before = order.progress, self.ground.traffic()
        try:
            summary = self._held.work(
                lambda vault: COMMANDS[order.command](
                    replace(vault, accepted=order.accepted), dry_run=order.dry_run
                ),
                may_renew=not order.dry_run,
            )
            self._note(has_asked=True)
        except BaseException as error:  # noqa: BLE001  it is handed to who waits for it
            self._held.close()
            order.traffic = self.ground.traffic().since(before)
            order.done.set_exception(error)
        else:
            order.traffic = self.ground.traffic().since(before)
            order.done.set_result(summary)
        finally:
            self._progress = None
            with self._change:
                self._work = None
                self._schedule.retry(self._times.steady())

    def _read(self, reading: Reading) -> None:
        """Tell what somebody wants to know; what goes wrong is theirs to say."""
        if not reading.done.set_running_or_notify_cancel():
            return
        try:
            found = reading.look(self._held.open())
        except BaseException as error:  # noqa: BLE001  it is handed to who waits for it
            reading.done.set_exception(error)
        else:
            reading.done.set_result(found)
        finally:
            with self._change:
                self._work = None

    def _note(self, *, has_asked: bool) -> None:
        """Note how the folder stands; `has_asked`: the store was."""
        if has_asked:
            note_sync(self._held.open())
        self._held.look()

    # what went wrong

    def _failed(self, job: Job, taken: dict[bytes, Touch], error: Exception) -> None:
        self._held.close()
        for touch in taken.values() if isinstance(error, GaveWay) else ():
            touch.is_large = True
        if job.kind is Kind.WHOLE and isinstance(error, SafetyStop):
            self._held.unwatch()  # what was there is maybe not the folder: once that is back, nothing would be told
        now = self._times.wall()
        trouble = trouble_of(error, now)
        if trouble is not None and trouble.state is State.ERROR:  # without its text, in which names may stand
            trace = "".join(traceback.format_tb(error.__traceback__))
            log.error("a round failed: %s\n%s", type(error).__name__, trace)
        elif trouble is not None:
            log.warning("a round failed: %s", trouble.need.code)
        with self._change:
            self._trouble = lasting(self._trouble, trouble)
            self._schedule.fail(job, self._times.steady(), taken, soon=trouble is None)

    def _show(self, stage: str, done: int, total: int | None) -> None:
        now = self._times.steady()
        is_time = now - self._reported >= TELLS
        with self._change:
            if self._gives_way():
                raise GaveWay("the round was broken off", why="what it has sent need not be sent again")
            before = self._work
            is_new = before is None or before.stage != stage
            since = self._times.wall() if before is None or is_new else before.since
            if is_new:
                self._rate = Rate()
            if is_new or is_time:
                self._rate.note(now, done)
            self._work = Work(stage, done, total, since, self._rate.value)
        if is_time:
            self._reported = now
            self._report()
            self._end_turn(now, is_sending=stage == "push" and done != total)
        if self._progress is not None:
            self._progress(stage, done, total)

    def _gives_way(self) -> bool:
        """Return whether the round is to be broken off here, as a failing store could do: it goes on another time."""
        is_own = self._progress is None  # what a command wants is done
        return is_own and (self._is_ending or self._schedule.paused)

    def _end_turn(self, now: float, *, is_sending: bool) -> None:
        """Break a round off that sends for long, if a command waits or something else was saved: that goes first."""
        if self._progress is None and is_sending and self._turn.is_over(now, self.ground.traffic().up):
            with self._change:
                has_order = any(isinstance(each, Order) for each in self._orders)
                waits = has_order or self._lent > 0 or self._schedule.has_small(now)
            if waits:
                raise GaveWay("something else goes first", why="what was sent need not be sent again")


class GaveWay(Busy):
    """A round was broken off: somebody wants the folder, or something else to be done, or nothing."""


HANGS = 3 * 3600.0  # seconds: a file of a terabyte may be read for so long, and nothing is told meanwhile
TELLS = 1.0  # seconds between two words on how far a round is
SLEPT = 5.0  # seconds by which the clocks differ after the machine has slept


def is_news(summary: Summary | None) -> bool:
    """Return whether a round did anything."""
    return summary is not None and any(
        (
            summary.uploaded_files,
            summary.downloaded_files,
            summary.moved,
            summary.deleted_local,
            summary.deleted_remote,
        )
    )


def check_command(command: str) -> None:
    """Refuse an order that is none.

    Raises:
        UsageError: It is none.
    """
    if command not in COMMANDS:
        raise UsageError("the daemon does not know this command")
