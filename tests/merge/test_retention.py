"""What the rules keep: everything without one, nothing of now ever goes, and wider rules keep no less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2esync.merge.retention import DAY, MOST, Rules, in_window, is_among_last

NOW = 1_800_000_000
times = st.lists(st.integers(NOW - 100 * DAY, NOW + 10 * DAY), min_size=1)
days = st.integers(0, 120)


def kept(pushed, rules):
    return [is_kept for _, is_kept in in_window(pushed, rules, now=NOW)]


@given(times)
def test_without_a_rule_everything_is_kept(pushed):
    assert all(kept(pushed, Rules()))
    assert is_among_last(10**9, Rules())


@given(times, days)
def test_the_newest_is_kept_and_what_is_kept_comes_first(pushed, count):
    flags = kept(pushed, Rules(keep_days=count))
    assert flags[0]
    assert flags == sorted(flags, reverse=True)


@given(times, days)
def test_what_is_younger_is_kept_and_one_more(pushed, count):
    pushed = sorted((min(time, NOW) for time in pushed), reverse=True)
    young = sum(time > NOW - count * DAY for time in pushed)
    assert sum(kept(pushed, Rules(keep_days=count))) == min(young + 1, len(pushed))


@given(times, days, days)
def test_more_days_keep_no_less(pushed, one, other):
    few, many = (sum(kept(pushed, Rules(keep_days=count))) for count in sorted((one, other)))
    assert few <= many


@given(times, days)
def test_no_time_is_later_than_its_successors_or_now(pushed, count):
    told = [time for time, _ in in_window(pushed, Rules(keep_days=count), now=NOW)]
    assert told == sorted(told, reverse=True)
    assert told[0] <= NOW


@pytest.mark.parametrize(("versions", "expected"), [(None, 0), (0, 0), (1, 1), (3, 3)])
def test_so_many_older_versions_are_kept(versions, expected):
    rules = Rules(keep_days=1, keep_versions=versions)
    assert [is_among_last(older, rules) for older in range(5)] == [older < expected for older in range(5)]


@pytest.mark.parametrize("number", [-1, MOST + 1])
def test_a_rule_out_of_range_is_refused(number):
    with pytest.raises(ValueError, match="range"):
        Rules(keep_days=number)
    with pytest.raises(ValueError, match="range"):
        Rules(keep_versions=number)
