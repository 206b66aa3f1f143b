"""`Vault.prune`: the rules of `e2esync prune`, which both remember, and nothing without one."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

import e2esync
from e2esync.wiring.home import at
from e2esync.wiring.localdevice import HomeDevice
from tests.library.conftest import Device, command

SIZE = 600_000


@pytest.fixture
def grown(laptop) -> Device:
    """A device that has pushed three versions of a file."""
    for _ in range(3):
        laptop.write("large", os.urandom(SIZE))
        laptop.push()
    return laptop


def remembered(device: Device) -> tuple[int | None, int | None]:
    rules = HomeDevice(at(device.home)).folders()[0].rules
    return rules.keep_days, rules.keep_versions


def objects(device: Device) -> list:
    return sorted(path for path in device.store.rglob("*") if path.is_file())


def test_what_no_version_needs_is_marked_and_the_rule_remembered(grown):
    with grown.open() as vault:
        report = vault.prune(keep_days=0)
        assert isinstance(report, e2esync.PruneReport)
        assert report.marked_bytes > 2 * SIZE
        assert (report.deleted, report.waits_for != [], report.due is not None) == (0, True, True)
        vault.push()
        assert vault.prune().waits_for == []
    assert remembered(grown) == (0, None)
    assert any(path.suffix == ".prune" for path in objects(grown))


def test_a_dry_run_says_the_same_and_changes_nothing(grown):
    before = objects(grown)
    with grown.open() as vault:
        dry = vault.prune(keep_days=0, dry_run=True)
    assert objects(grown) == before
    assert remembered(grown) == (None, None)
    with grown.open() as vault:
        assert replace(vault.prune(keep_days=0), due=dry.due) == dry


def test_commands_and_library_remember_the_same_rules(grown):
    command(grown.home, "prune", "--keep-days", 0, "--keep-versions", 1)
    with grown.open() as vault:
        report = vault.prune()
        assert SIZE < report.marked_bytes < 2 * SIZE
        assert vault.prune(keep_all=True).marked == 0
        assert not any(path.suffix == ".prune" for path in objects(grown))
        with pytest.raises(e2esync.errors.UsageError, match="no rule"):
            vault.prune()
    assert remembered(grown) == (None, None)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"keep_days": -1},
        {"keep_versions": 1_000_001},
        {"keep_days": 1, "keep_all": True},
        {"keep_days": 1, "grace_days": 0},
        {"keep_days": 1, "grace_days": 46},
    ],
)
def test_without_a_rule_or_with_a_bad_one_nothing_is_done(grown, asked):
    before = objects(grown)
    with grown.open() as vault, pytest.raises(e2esync.errors.UsageError):
        vault.prune(**asked)
    assert objects(grown) == before
    assert remembered(grown) == (None, None)


def test_a_listing_does_not_go_on_after_a_prune(grown):
    with grown.open() as vault:
        listing = vault.list()
        next(listing)
        vault.prune(keep_days=0)
        with pytest.raises(RuntimeError):
            next(listing)
    with pytest.raises(ValueError, match="closed"):
        vault.prune(keep_days=0)
