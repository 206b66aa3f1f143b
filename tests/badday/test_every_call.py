"""A store that fails at one call, each in turn: what stood before stands, and the same command mends it.

The process lives on, unlike in the tests of crashes: what it holds in memory has to be right as well.
"""

from collections.abc import Callable
from itertools import count

import pytest

from e2esync.errors import E2ESyncError
from moto_fixtures.faulty import Fault, at, nothing, sometimes
from tests.badday.pair import CHANGED, Pair


def every_call(pairs, fault: Fault, act: Callable[[Pair], object], check: Callable[[Pair], None]) -> int:
    """Let each call of `act` go wrong, in a pair of its own; return how many there were."""
    for number in count(1):
        pair = pairs()
        ended = pair.bad(at(number, fault), lambda pair=pair: act(pair))
        if len(pair.store.calls) < number:
            assert ended
            return number - 1
        check(pair)
    raise AssertionError


@pytest.mark.row("O7")
@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
@pytest.mark.case(100, 101)
def test_an_error_at_any_call_of_a_push_loses_nothing_and_is_mended_by_the_next(pairs, fault):
    def mended(pair: Pair) -> None:
        assert pair.a_stranger_sees() in (pair.old, pair.new)
        pair.a.push()
        pair.b.pull()
        assert pair.b.tree() == pair.a.tree() == pair.new == pair.a_stranger_sees()
        assert pair.stored_packs() - pair.packs < 1.3 * CHANGED  # what was stored is not stored twice

    assert every_call(pairs, fault, lambda pair: pair.a.push(), mended) >= 4


@pytest.mark.row("O7")
@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
def test_an_error_at_any_call_of_a_pull_leaves_each_file_old_or_new(pairs, fault):
    def pull(pair: Pair) -> None:
        script, pair.store.script = pair.store.script, nothing
        pair.a.push()
        pair.store.calls.clear()
        pair.store.script = script
        pair.b.pull()

    def mended(pair: Pair) -> None:
        found = pair.b.tree()
        assert all(thing in (pair.old.get(path), pair.new.get(path)) for path, thing in found.items())
        assert found.keys() >= pair.old.keys()
        pair.b.pull()
        assert pair.b.tree() == pair.a.tree() == pair.new

    assert every_call(pairs, fault, pull, mended) >= 4


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.case(101)
def test_a_day_on_which_a_third_of_all_calls_fail_ends_with_equal_folders(pairs, seed):
    pair, failures = pairs(), 0
    script = sometimes(0.3, [Fault.BEFORE, Fault.AFTER, Fault.WRONG, Fault.TRUNCATED], seed=seed)
    for turn in range(6):
        writer, reader = (pair.a, pair.b) if turn % 2 == 0 else (pair.b, pair.a)
        (writer.root / f"file {turn}").write_bytes(bytes([turn]) * 1000)
        failures += until_done(pair, script, writer.push)
        failures += until_done(pair, script, reader.pull)
        assert pair.a.tree() == pair.b.tree()
    assert failures > 5
    assert len(pair.a_stranger_sees()) == 4 + 6


def until_done(pair: Pair, script, command: Callable[[], object]) -> int:
    """Run a command again until it ends well; return how often it did not, which is 6 or 7."""
    for failures in range(60):
        try:
            if pair.bad(script, command):
                return failures
        except E2ESyncError as error:
            code = error.exit_code
        else:
            code = 7
        assert code in (6, 7)
    raise AssertionError("it never ended well")
