"""Every parser takes every byte string: a value that keeps the rules, or the error that is named, and nothing else."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e2esync.format.cbor import encode
from e2esync.tree.codec import encode_entries
from e2esync.tree.keys import Kind
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import BY_NAME, TARGETS, found
from tests.tree.test_codec import devices, entries

each_target = pytest.mark.parametrize("target", [pytest.param(one, id=one.name) for one in TARGETS])
fixed = settings(
    max_examples=40, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
MUTATIONS = 200  # of each target, beside those of hypothesis, which takes longer for one

pytestmark = pytest.mark.row("N10")


def test_no_parser_is_missing_here():
    covered = {name for target in TARGETS for name in target.covers}
    assert found() == covered
    assert len(BY_NAME) == len(TARGETS)


@each_target
def test_a_seed_of_each_is_valid_and_comes_back(target):
    assert [seed for seed in target.seeds if target.run(seed) is not None]


@each_target
def test_bent_inputs_are_refused_or_keep_the_rules(target):
    @fixed
    @given(st.data())
    def run(data):
        target.run(mutated(target.seeds, lambda end: data.draw(st.integers(0, end - 1))))

    run()


@each_target
def test_many_bent_inputs_are_refused_or_keep_the_rules(target):
    chance = random.Random(target.name)
    for _ in range(MUTATIONS):
        target.run(mutated(target.seeds, chance.randrange))


@each_target
def test_any_bytes_are_refused_or_keep_the_rules(target):
    @fixed
    @given(st.binary(max_size=200))
    def run(data):
        target.run(data)

    run()


@pytest.mark.parametrize("kind", Kind)
def test_values_of_the_tree_come_back_as_they_were(kind):
    target = BY_NAME[f"value of a {kind.name.lower()}"]

    @fixed
    @given(st.data(), st.sets(devices, min_size=1))
    def run(data, writers):
        made = tuple(data.draw(entries(kind, device)) for device in sorted(writers))
        assert target.run(encode(encode_entries(made))) == made

    run()
