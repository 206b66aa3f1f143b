"""The cases of merging, on devices with real folders."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.engine.world import Dev, World
from tests.merge.cases import CASES, names, run


class Real:
    """Drives devices of a world."""

    def __init__(self, world: World, devices: list[str]) -> None:
        self.devices: dict[str, Dev] = world.in_order(devices)

    def put(self, device: str, path: str, content: int) -> None:
        target = self.devices[device].root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"%d" % content)
        os.utime(target, (0, 0))  # which content keeps the name is said by who wrote it, not by when

    def move(self, device: str, old: str, new: str) -> None:
        root = self.devices[device].root
        (root / old).rename(root / new)

    def remove(self, device: str, path: str) -> None:
        target = self.devices[device].root / path
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink()

    def scan(self, device: str) -> None:
        self.devices[device].push()

    def lose(self, device: str) -> None:
        state = self.devices[device].vault.state
        with state.transaction():
            state.forget_rows()

    def sync(self, *devices: str) -> None:
        made = [self.devices[name] for name in devices or self.devices]
        for _ in range(2):
            for device in made:
                device.push()
            for device in made:
                pulled = device.pull()
                assert (pulled.skipped, pulled.failed) == ([], []), device.name
        for device in made:
            assert device.count(device.push).requests["PUT"] == 0, f"{device.name} has something to say still"

    def tree(self, device: str) -> dict[str, int | None]:
        found = self.devices[device].tree()
        return {path.decode(): int(thing[1]) if thing[0] == "file" else None for path, thing in found.items()}


@pytest.mark.parametrize("name", CASES)
def test_case(world, name):
    run(CASES[name], Real(world, names(CASES[name])))
