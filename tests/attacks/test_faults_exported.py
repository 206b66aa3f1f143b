"""The log of a vault in which a device has signed two histories: a third party sees who is at fault, and all that is proven."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from e2esync.crypto.labels import Purpose
from e2esync.engine.history import events
from e2esync.errors import IntegrityError
from e2esync.format.signed import SignedRecord
from e2esync.vault.records import sign_record
from tests.attacks.arena import Arena, det
from tests.attacks.test_hostile_devices import end_alike, fork, sets_aside, write
from tests.engine.test_export import exported, is_good, listed, logged, owner_of, written
from tests.engine.world import Dev

Line = dict[str, Any]


def split(arena: Arena, *, tells: bool = True, for_laptop: int = 1, for_desk: int = 1) -> tuple[Dev, Dev]:
    """Let two devices join another history of a third each, and find that out."""
    laptop, desk = arena.pair()
    fork(arena, laptop, desk, tells=tells, for_laptop=for_laptop, for_desk=for_desk)
    write(laptop, desk)
    sets_aside(laptop.pull, desk.pull)
    return laptop, desk


def of_type(lines: list[bytes], kind: str) -> list[int]:
    return [at for at, line in enumerate(lines) if json.loads(line)["type"] == kind]


@pytest.mark.row("H1")
@pytest.mark.parametrize(("for_laptop", "for_desk", "tells"), [(1, 1, True), (2, 5, False), (70, 70, True)])
def test_whoever_exports_the_log_proves_who_is_at_fault(
    arena: Arena, tmp_path, capsys, for_laptop, for_desk, tells
):
    laptop, desk = split(arena, tells=tells, for_laptop=for_laptop, for_desk=for_desk)
    devices = [laptop, desk]
    for _ in range(2):
        for dev in devices:
            lines = exported(dev)
            assert is_good(lines, owner_of(dev), tmp_path)
            assert listed(lines) == logged(dev)
            assert {"by laptop", "by desk"} & {path for _, _, path in listed(lines)}
            assert "two histories, which is proven" in capsys.readouterr().out
            last = max(event.time for event in events(dev.vault))
            assert is_good(exported(dev, since=last), owner_of(dev), tmp_path)
            assert is_good(exported(dev, device="desk"), owner_of(dev), tmp_path)
        devices.append(arena.newcomer())
        end_alike(arena, *devices)
        capsys.readouterr()


@pytest.mark.row("H1")
def test_without_the_proof_it_is_refused_and_no_line_of_it_stands_there_twice(arena: Arena, tmp_path):
    for dev in split(arena):
        lines = exported(dev)
        (at,) = of_type(lines, "fault")
        without = [*lines[:at], *lines[at + 1 :]]
        assert not is_good(without, owner_of(dev), tmp_path)
        assert not is_good([*lines[:at], lines[at], *lines[at:]], owner_of(dev), tmp_path)
        assert not is_good([*without[: at - 1], lines[at], *without[at - 1 :]], owner_of(dev), tmp_path)
        assert not is_good([*without[:-1], lines[at], without[-1]], owner_of(dev), tmp_path)


def altered(parts: list[str]) -> Iterator[list[str]]:
    """Other lists in the place of one of records."""
    yield [*parts, *parts]
    yield parts[:-1]
    yield [*parts, "AAAA"]
    for at, part in enumerate(parts):
        for offset in (0, 9, len(part) // 2, len(part) - 5):
            other = "A" if part[offset] != "A" else "B"
            yield [*parts[:at], part[:offset] + other + part[offset + 1 :], *parts[at + 1 :]]


@pytest.mark.row("H1")
@pytest.mark.parametrize("tells", [True, False])
def test_nothing_of_the_proof_can_be_altered(arena: Arena, tmp_path, tells):
    _, desk = split(arena, tells=tells, for_laptop=1, for_desk=3)
    lines = exported(desk)
    (at,) = of_type(lines, "fault")
    told = json.loads(lines[at])
    assert bool(told["head"]) is not tells
    forged = [told | {"certificate": other[0]} for other in altered([told["certificate"]]) if len(other) == 1]
    forged += [told | {name: other} for name in ("snapshots", "head") for other in altered(told[name])]
    forged += [told | {"snapshots": None}, told | {"head": [1]}]
    for other in (other for other in forged if other != told):
        assert not is_good([*lines[:at], written(other), *lines[at + 1 :]], owner_of(desk), tmp_path), other


@pytest.mark.row("H1")
def test_nobody_else_is_put_at_fault_by_it(arena: Arena, tmp_path):
    """Two snapshots of one history, and one that another device has signed in its name."""
    laptop, desk = split(arena)
    arena.edit(desk, "more", b"more")
    det(desk.sync, IntegrityError)
    lines = exported(desk)
    (at,) = of_type(lines, "fault")
    told = json.loads(lines[at])
    certificates, snapshots = of_desk(lines, desk)
    signed = SignedRecord.decode(base64.b64decode(snapshots[-1]))
    by_another, _ = sign_record(laptop.device.signing, Purpose.SNAPSHOT, signed.payload + b"\0")
    for pair in (
        snapshots[:2],
        snapshots[:1] * 2,
        [snapshots[0], *told["snapshots"][:1]],
        [snapshots[-1], base64.b64encode(by_another).decode()],
    ):
        for certificate in (certificates, told["certificate"]):
            fault = told | {"snapshots": pair, "certificate": certificate}
            forged = [*lines[:at], *sorted([written(fault), lines[at]]), *lines[at + 1 :]]
            assert not is_good(forged, owner_of(desk), tmp_path)
            assert not is_good([*lines[:at], written(fault), *lines[at + 1 :]], owner_of(desk), tmp_path)


def of_desk(lines: list[bytes], desk: Dev) -> tuple[str, list[str]]:
    """Return certificate and snapshots of an honest device, as they stand in an export."""
    snapshots = [
        told["record"]
        for told in (json.loads(lines[at]) for at in of_type(lines, "snapshot"))
        if desk.device.id in base64.b64decode(told["record"])[:120]
    ]
    assert len(snapshots) > 1
    return base64.b64encode(desk.device.certificate).decode(), snapshots


@pytest.mark.row("H1")
def test_a_device_that_went_on_as_another_has_what_it_wrote_before_in_its_log(arena: Arena, tmp_path):
    """Its copy has signed in its name. What it wrote itself is proven by its last head, which it has kept."""
    laptop, desk = arena.pair()
    before, home = arena.store.body(arena.head_of(laptop)), arena.home / "copy"
    laptop.close()
    shutil.copytree(laptop.home, home, symlinks=True)
    laptop.restart()
    write(laptop)
    desk.pull()
    write(desk)
    arena.store.inject(arena.head_of(laptop), before)
    copy = Dev("copy", home, laptop.keys, laptop.device, laptop.store, laptop.clock)
    write(copy)
    for dev in (laptop, copy):
        det(dev.sync, IntegrityError)
        dev.renew()
    for dev in (laptop, copy, desk) * 3:
        det(dev.sync, IntegrityError)
    for dev in (laptop, copy, desk):
        lines = exported(dev)
        assert is_good(lines, owner_of(dev), tmp_path)
        assert listed(lines) == logged(dev)
    assert "by laptop" in {path for _, _, path in listed(exported(laptop))}
