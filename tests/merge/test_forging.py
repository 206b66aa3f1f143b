"""Random histories in which one device forges within the rules; and that each rule is needed."""

from __future__ import annotations

from collections import Counter

import pytest

from e2esync.errors import BadObject
from e2esync.merge.claims import check_claims
from tests.merge.court import RULES, without
from tests.merge.forging import NEVER, live

HISTORIES = 200

SHOWS = {
    "proof": ("lost", 1, 0),
    "closure": ("lost", 2, 40),
    "dots": ("lost", 1, 30),
    "joined": ("diverged", 1, 150),
    "compared": ("lost", 1, 80),
    "one_verdict": ("two verdicts", 1, 150),
    "set_aside": ("stopped", 1, 0),
    "forks": ("diverged", 1, 0),
    "orphans": ("refused", 1, 0),
    "by_dot": ("lost", 1, 0),
    "forms": ("unreadable", 1, 0),
    "authors": ("believed", 1, 0),
}
"""What comes of histories without a rule, how many times longer they are, and the seed from which it is looked for."""


def test_no_forgery_survives_no_honest_write_is_lost_and_nobody_is_split_off():
    came = Counter[str]()
    for seed in range(HISTORIES):
        found = live(seed)
        assert not found.keys() & set(NEVER), f"seed {seed}: {dict(found)}"
        came.update(set(found))
    assert came["forged"] > 0.9 * HISTORIES, came
    assert min(came[name] for name in ("forked", "made up", "passed off", "taken away", "set aside")) > 5, (
        came
    )


@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_it_shows(rule):
    name, length, first = SHOWS[rule]
    seeds = range(first, first + 2 * HISTORIES)
    assert any(live(seed, without(rule), length=length)[name] for seed in seeds)


@pytest.mark.parametrize("seed", range(10))
def test_the_same_seed_comes_to_the_same(seed):
    assert live(seed) == live(seed)


# --- what a snapshot may claim to have seen ---

A, B, M = (letter * 16 for letter in (b"A", b"B", b"M"))
SIGNED = {
    (A, 6, b"a6"): {},
    (A, 7, b"a7"): {},
    (B, 4, b"b4"): {A: (7, b"a7")},
    (B, 5, b"b5"): {A: (7, b"a7"), M: (2, b"m2")},
    (M, 2, b"m2"): {},
}


def claims(context, sequence=3):
    check_claims(
        M, sequence, context, {device: SIGNED.get((device, *point)) for device, point in context.items()}
    )


@pytest.mark.parametrize(
    "context",
    [{}, {A: (7, b"a7")}, {A: (7, b"a7"), B: (4, b"b4")}, {A: (7, b"a7"), B: (5, b"b5")}],
    ids=["nothing", "one", "with what that had seen", "who had seen the device itself"],
)
def test_what_was_signed_may_be_claimed_with_all_that_it_had_seen(context):
    claims(context)


@pytest.mark.parametrize(
    "context",
    [{A: (8, b"a8")}, {A: (7, b"other")}, {b"C" * 16: (1, b"c1")}, {A: (1 << 40, b"a7")}],
    ids=["to come", "another", "a device that nobody knows", "a sequence that is not the hash's"],
)
def test_what_was_never_signed_may_not_be_claimed(context):
    with pytest.raises(BadObject, match="never written"):
        claims(context)


@pytest.mark.parametrize("context", [{B: (4, b"b4")}, {A: (6, b"a6"), B: (4, b"b4")}])
def test_a_snapshot_may_not_be_claimed_without_what_it_had_seen(context):
    with pytest.raises(BadObject, match="not seen all"):
        claims(context)


def test_nobody_can_have_seen_what_the_device_itself_signs_later():
    with pytest.raises(BadObject, match="not seen all"):
        claims({A: (7, b"a7"), B: (5, b"b5")}, sequence=2)
