"""How far a transfer is told to be: never further than it is, and at its end all of it."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from e2esync.engine.pull import pull
from e2esync.engine.push import push
from tests.engine.world import objects

MIB = 1 << 20


def watched(dev, work) -> list[tuple[int, int, int]]:
    """Work; return what was told, and how much was in the store each time."""
    told = []

    def progress(_stage, done, total):
        stored = sum(map(len, objects(dev.store).values()))
        told.append((done, total, stored))

    work(replace(dev.vault, progress=progress))
    return told


def test_what_waits_to_be_sent_is_not_done(world):
    laptop = world.device("laptop")
    (laptop.root / "film").write_bytes(Random(1).randbytes(40 * MIB))
    (laptop.root / "note").write_bytes(b"note")
    told = watched(laptop, push)
    dones = [done for done, _, _ in told]
    assert dones == sorted(dones)
    assert all(done <= stored for done, _, stored in told)
    assert {total for _, total, _ in told} == {40 * MIB + 4}
    assert dones[-1] == 40 * MIB + 4
    assert len(set(dones)) >= 3  # packs of 16 MiB


def test_what_need_not_be_sent_is_done_once_it_is_read(world):
    laptop = world.device("laptop")
    content = Random(1).randbytes(20 * MIB)
    (laptop.root / "film").write_bytes(content)
    laptop.push()
    (laptop.root / "copy").write_bytes(content)
    (laptop.root / "twice").write_bytes(content)
    before = sum(map(len, objects(laptop.store).values()))
    told = watched(laptop, push)
    assert told[-1][:2] == (40 * MIB, 40 * MIB)
    assert told[-2][2] - before < MIB
    assert len(told) > 10  # within the files, too


def test_of_a_large_file_it_is_told_how_much_of_it_has_come(world):
    laptop, desk = world.device("laptop"), world.device("desk")
    (laptop.root / "film").write_bytes(Random(1).randbytes(20 * MIB))
    (laptop.root / "note").write_bytes(b"note")
    laptop.push()
    told = watched(desk, pull)
    dones = [done for done, _, _ in told]
    assert dones == sorted(dones)
    assert {total for _, total, _ in told} == {20 * MIB + 4}
    assert dones[-1] == 20 * MIB + 4
    assert len(set(dones)) > 10
