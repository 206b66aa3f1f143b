"""The schedule as a table: what is done when, told by a clock that is a number."""

from __future__ import annotations

from itertools import pairwise

import pytest

from e2esync.daemon import schedule as s
from e2esync.daemon.schedule import Job, Kind, Outcome, Pace, Schedule

NOW = 1000.0


def made(**pace: float) -> Schedule:
    """A schedule whose first look at everything is done."""
    schedule = Schedule(Pace(**pace), jitter=lambda: 0.5)
    done(schedule, Job(Kind.WHOLE), NOW)
    return schedule


def done(schedule: Schedule, job: Job, now: float, *, again=(), **outcome) -> None:
    schedule.take(job)
    schedule.succeed(job, now, Outcome(**outcome), again=again)


def failed(schedule: Schedule, now: float, *, soon: bool = False) -> None:
    job = schedule.next(now)
    assert job is not None
    schedule.fail(job, now, schedule.take(job), soon=soon)


# one row for each state and each thing that can happen: what is done next, and when


def resting() -> Schedule:
    return made()


def settling() -> Schedule:
    schedule = made()
    schedule.touch(b"a", NOW + 1)
    return schedule


def held() -> Schedule:
    schedule = made()
    schedule.touch(b"a", NOW)
    job = schedule.next(NOW + s.SETTLE)
    assert job == Job(Kind.TOUCHED, frozenset([b"a"]))
    assert schedule.hold(b"a", schedule.take(job)[b"a"], NOW + s.SETTLE)
    return schedule


def overflowed() -> Schedule:
    schedule = made()
    schedule.lose(NOW + 1)
    return schedule


def failing() -> Schedule:
    schedule = settling()
    failed(schedule, NOW + 3)
    return schedule


def paused() -> Schedule:
    schedule = settling()
    schedule.pause()
    return schedule


def behind() -> Schedule:
    schedule = Schedule(Pace(), jitter=lambda: 0.5)
    done(schedule, Job(Kind.WHOLE), NOW, is_news=True, is_behind=True)
    return schedule


def nothing(_: Schedule) -> None:
    """Time goes by."""


def touched(schedule: Schedule) -> None:
    schedule.touch(b"b", NOW + 4)


def lost(schedule: Schedule) -> None:
    schedule.lose(NOW + 4)


def stopped(schedule: Schedule) -> None:
    schedule.pause()


def resumed(schedule: Schedule) -> None:
    schedule.resume(NOW + 4)


A, B, AB = frozenset([b"a"]), frozenset([b"b"]), frozenset([b"a", b"b"])
WHOLE, POLL = Job(Kind.WHOLE), Job(Kind.POLL)
POLLED = NOW + s.POLL * s.SLOWER  # when the store is asked, if nothing else is done
RETRIED = NOW + 3 + s.RETRY

TABLE = {
    (resting, nothing): (POLLED, POLL),
    (resting, touched): (NOW + 4 + s.SETTLE, Job(Kind.TOUCHED, B)),
    (resting, lost): (NOW + 4 + s.SETTLE, WHOLE),
    (resting, stopped): None,
    (resting, resumed): (NOW + 4, WHOLE),
    (settling, nothing): (NOW + 1 + s.SETTLE, Job(Kind.TOUCHED, A)),
    (settling, touched): (NOW + 4 + s.SETTLE, Job(Kind.TOUCHED, AB)),
    (settling, lost): (NOW + 4 + s.SETTLE, WHOLE),
    (settling, stopped): None,
    (settling, resumed): (NOW + 4, Job(Kind.TOUCHED, A)),
    (held, nothing): (POLLED, POLL),
    (held, touched): (NOW + 4 + s.SETTLE, Job(Kind.TOUCHED, B)),
    (held, lost): (NOW + 4 + s.SETTLE, WHOLE),
    (held, stopped): None,
    (held, resumed): (NOW + s.SETTLE + s.HOLD, Job(Kind.TOUCHED, A)),
    (overflowed, nothing): (NOW + 1 + s.SETTLE, WHOLE),
    (overflowed, touched): (NOW + 4 + s.SETTLE, WHOLE),
    (overflowed, lost): (NOW + 4 + s.SETTLE, WHOLE),
    (overflowed, stopped): None,
    (overflowed, resumed): (NOW + 1 + s.SETTLE, WHOLE),
    (failing, nothing): (RETRIED, Job(Kind.TOUCHED, A)),
    (failing, touched): (RETRIED, Job(Kind.TOUCHED, AB)),
    (failing, lost): (RETRIED, WHOLE),
    (failing, stopped): None,
    (failing, resumed): (NOW + 4, Job(Kind.TOUCHED, A)),
    (paused, nothing): None,
    (paused, touched): None,
    (paused, lost): None,
    (paused, stopped): None,
    (paused, resumed): (NOW + 4, Job(Kind.TOUCHED, A)),
    (behind, nothing): (NOW + s.POLL, POLL),
    (behind, touched): (NOW + 4 + s.SETTLE, Job(Kind.TOUCHED, B)),
    (behind, lost): (NOW + 4 + s.SETTLE, WHOLE),
    (behind, stopped): None,
    (behind, resumed): (NOW + 4, WHOLE),
}
STATES = (resting, settling, held, overflowed, failing, paused, behind)
EVENTS = (nothing, touched, lost, stopped, resumed)


def test_the_table_has_a_row_for_each_state_and_event():
    assert TABLE.keys() == {(state, event) for state in STATES for event in EVENTS}


@pytest.mark.parametrize(("state", "event"), TABLE, ids=lambda part: part.__name__)
def test_what_is_done_next(state, event):
    schedule, expected = state(), TABLE[state, event]
    event(schedule)
    if expected is None:
        assert schedule.wakes_at() is None
        assert schedule.next(NOW + 10 * s.WHOLE) is None
        return
    when, job = expected
    begun = NOW + 4 if event is not nothing else NOW + 3
    assert schedule.next(max(when, begun)) == job
    if when > begun:
        assert schedule.next(when - 0.01) in (None, POLL)
        woken = schedule.wakes_at()
        assert woken is not None
        assert woken <= when


# what does not fit into a table


@pytest.mark.case(15)
def test_what_never_rests_is_taken_after_a_while_and_again():
    schedule, now, taken = made(poll=1e6), NOW, []
    while now < NOW + 100:
        schedule.touch(b"log", now)
        if (job := schedule.next(now)) is not None:
            taken.append(now)
            done(schedule, job, now)
        now += 1
    assert len(taken) == 3
    assert taken[0] == NOW + s.PATIENCE


def test_what_is_large_waits_for_what_is_not_and_goes_then():
    schedule = made(poll=1e6)
    for path in (b"film", b"a"):
        schedule.touch(path, NOW)
    job = schedule.next(NOW + s.SETTLE)
    assert job == Job(Kind.TOUCHED, frozenset([b"film", b"a"]))
    touches = schedule.take(job)
    schedule.defer(b"film", touches[b"film"])
    assert not schedule.has_small(NOW + s.SETTLE)
    schedule.touch(b"b", NOW + 3)
    assert schedule.has_small(NOW + 3 + s.SETTLE)
    assert schedule.next(NOW + 3 + s.SETTLE) == Job(Kind.TOUCHED, B)
    done(schedule, Job(Kind.TOUCHED, B), NOW + 6)
    assert schedule.next(NOW + 6) == Job(Kind.TOUCHED, frozenset([b"film"]))


def test_a_look_at_everything_waits_for_what_is_being_saved_and_not_for_ever():
    schedule = made(poll=1e6)
    now = schedule.whole_at
    schedule.touch(b"a", now - 1)
    assert schedule.next(now) is None
    job = schedule.next(now - 1 + s.SETTLE)
    assert job == Job(Kind.TOUCHED, A)
    done(schedule, job, now + 2)
    assert schedule.next(now + 2) == WHOLE
    schedule.touch(b"log", now)
    while schedule.next(now) != WHOLE:
        schedule.touch(b"log", now)
        now += 1
    assert now == schedule.whole_at + s.PATIENCE


@pytest.mark.case(80)
def test_a_burst_is_one_job():
    schedule, now = made(), NOW
    for number in range(1000):
        now += 0.01
        schedule.touch(b"%d" % number, now)
        assert schedule.next(now) in (None, POLL)
    job = schedule.next(now + s.SETTLE)
    assert job is not None
    assert job.within is not None
    assert len(job.within) == 1000


@pytest.mark.case(80)
def test_of_too_many_paths_none_is_remembered_and_everything_is_looked_at():
    schedule = made()
    for number in range(s.MANY + 1):
        schedule.touch(b"%d" % number, NOW)
    assert schedule.waiting == 0
    assert schedule.next(NOW + s.SETTLE) == WHOLE


def test_a_path_is_held_once_and_then_taken_though_it_is_still_empty():
    schedule = held()
    job = schedule.next(NOW + s.SETTLE + s.HOLD)
    assert job == Job(Kind.TOUCHED, A)
    touch = schedule.take(job)[b"a"]
    assert not schedule.hold(b"a", touch, NOW + 20)


def test_a_path_that_is_written_while_it_is_held_waits_no_longer_than_the_hold():
    schedule = held()
    schedule.touch(b"a", NOW + 5)
    assert schedule.next(NOW + s.SETTLE + s.HOLD) == Job(Kind.TOUCHED, A)


def test_with_no_patience_at_all_a_path_is_taken_at_once():
    schedule = made(settle=0)
    schedule.touch(b"a", NOW + 1)
    assert schedule.next(NOW + 1) == Job(Kind.TOUCHED, A)


def test_what_was_touched_while_a_job_is_done_is_a_job_of_its_own():
    schedule = settling()
    job = schedule.next(NOW + 3)
    assert job is not None
    schedule.take(job)
    schedule.touch(b"a", NOW + 4)
    schedule.succeed(job, NOW + 5, Outcome(is_news=True))
    assert schedule.next(NOW + 4 + s.SETTLE) == Job(Kind.TOUCHED, A)


@pytest.mark.case(73)
def test_where_events_are_lost_again_and_again_everything_is_looked_at_after_a_while_and_again():
    schedule, now, taken = made(poll=1e6), NOW, []
    while now < NOW + 100:
        schedule.lose(now) if now % 2 else schedule.touch(b"a", now)
        if (job := schedule.next(now)) is not None:
            assert job == WHOLE
            taken.append(now)
            done(schedule, job, now)
        now += 1
    assert [later - earlier for earlier, later in pairwise([NOW + 1, *taken])] == [
        s.PATIENCE,
        s.PATIENCE + 2,
        s.PATIENCE + 2,
    ]


@pytest.mark.case(73)
def test_events_that_are_lost_while_everything_is_looked_at_make_it_look_again():
    schedule = overflowed()
    job = schedule.next(NOW + 3)
    assert job == WHOLE
    schedule.take(job)
    schedule.lose(NOW + 4)
    schedule.succeed(job, NOW + 10, Outcome(is_news=True))
    assert schedule.next(NOW + 10) == WHOLE
    done(schedule, WHOLE, NOW + 11)
    assert schedule.whole_at == NOW + 11 + s.WHOLE


def test_what_was_in_the_way_is_looked_at_again_but_not_at_once():
    schedule = made(poll=1e6)
    done(schedule, POLL, NOW, again=[b"a"])
    assert schedule.next(NOW + s.SETTLE) is None
    assert schedule.next(NOW + s.HOLD) == Job(Kind.TOUCHED, A)


def test_the_store_is_asked_less_and_less_until_something_happens():
    schedule, now, between = made(), NOW, []
    for _ in range(20):
        woken = schedule.wakes_at()
        assert woken is not None
        between.append(woken - now)
        now = woken
        assert schedule.next(now) == POLL
        done(schedule, POLL, now)
    assert between == sorted(between)
    assert between[-1] == s.POLL_IDLE
    done(schedule, POLL, now, is_news=True)
    assert schedule.next(now + s.POLL) == POLL


@pytest.mark.case(76)
def test_a_look_by_the_clock_takes_a_small_part_of_the_time():
    for took, wait in ((0.01, s.BY_CLOCK), (60.0, 60.0 * s.BUDGET)):
        schedule = made(poll=1e6)
        done(schedule, WHOLE, NOW, is_blind=True, took=took)
        assert schedule.whole_at == NOW + wait


def test_looks_that_ask_nobody_do_not_put_off_what_is_due_with_the_store():
    schedule, polled = made(), POLLED
    for second in range(1, 6):
        schedule.touch(b"ignored", NOW + second)
        done(schedule, Job(Kind.TOUCHED, frozenset([b"ignored"])), NOW + second, has_asked=False)
    assert schedule.poll_at == polled
    failed(schedule, polled)
    retried = schedule.retry_at
    done(schedule, Job(Kind.TOUCHED, A), polled + 1, has_asked=False)
    assert (schedule.retry_at, schedule.failures) == (retried, 1)


def test_an_idle_hour_is_few_requests():
    schedule, now, count = made(), NOW, 0
    while now < NOW + 3600:
        woken = schedule.wakes_at()
        assert woken is not None
        now = woken
        job = schedule.next(now)
        assert job is not None
        done(schedule, job, now)
        count += 1
    assert count <= 70


def test_a_fixed_pace_stays():
    schedule, now = made(poll=0.5), NOW
    for _ in range(5):
        now += 0.5
        assert schedule.next(now) == POLL
        done(schedule, POLL, now)


def test_failures_are_tried_again_later_and_later_and_never_given_up():
    schedule, now, waits = made(), NOW + 100, []
    schedule.lose(NOW)
    for _ in range(30):
        failed(schedule, now)
        assert schedule.retry_at is not None
        waits.append(schedule.retry_at - now)
        now = schedule.retry_at
    assert waits[:3] == [s.RETRY, 2 * s.RETRY, 4 * s.RETRY]
    assert waits[-1] == s.RETRY_MOST
    assert schedule.next(now) == WHOLE


def test_who_only_waits_for_another_process_tries_again_in_a_moment():
    schedule = settling()
    failed(schedule, NOW + 3, soon=True)
    assert schedule.next(NOW + 4) == Job(Kind.TOUCHED, A)
    assert schedule.failures == 0


def test_what_was_joined_is_published_within_an_hour_and_once():
    schedule = behind()
    beat_at = schedule.beat_at
    assert beat_at is not None
    assert NOW + s.BEAT / 2 <= beat_at <= NOW + s.BEAT
    done(schedule, WHOLE, beat_at - 1, is_behind=True)
    done(schedule, POLL, beat_at - 1, is_behind=True)
    assert schedule.beat_at == beat_at
    assert schedule.next(beat_at) == Job(Kind.BEAT, frozenset())
    done(schedule, Job(Kind.BEAT, frozenset()), beat_at)
    assert schedule.beat_at == beat_at + s.BEAT_DAILY


def test_who_has_nothing_to_say_says_so_once_a_day():
    schedule = made()
    assert schedule.beat_at == NOW + s.BEAT_DAILY
    done(schedule, POLL, NOW + 5)
    assert schedule.beat_at == NOW + s.BEAT_DAILY
    done(schedule, Job(Kind.TOUCHED, A), NOW + 10, is_news=True)
    assert schedule.beat_at == NOW + 10 + s.BEAT_DAILY


def test_everything_is_looked_at_about_once_an_hour():
    for chance, expected in (([0.0], 0.75), ([1.0], 1.25)):
        schedule = Schedule(Pace(), jitter=chance.pop)
        done(schedule, WHOLE, NOW)
        assert schedule.whole_at == NOW + expected * s.WHOLE
