"""The cases of merging, on devices with real folders.

What has to be shown beside something else of its name is not shown yet: there the devices refuse, and touch nothing.
"""

from __future__ import annotations

import shutil
from contextlib import suppress

import pytest

from e2esync.errors import Diverged
from tests.engine.world import Dev, World
from tests.merge.cases import CASES, names, run


class Real:
    """Drives devices of a world."""

    def __init__(self, world: World, devices: list[str]) -> None:
        self.devices: dict[str, Dev] = {name: world.device(name) for name in devices}

    def put(self, device: str, path: str, content: int) -> None:
        target = self.devices[device].root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"%d" % content)

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


BESIDE = {name for name, case in CASES.items() if "!" in case.steps + case.outcome or "~" in case.outcome}
REFUSED = BESIDE | {
    "file becomes a directory, edit",
    "both removed what is not there",
}
"""What comes to two contents of one file, or two things of one name."""


@pytest.mark.parametrize("name", sorted(CASES.keys() - REFUSED))
def test_case(world, name):
    run(CASES[name], Real(world, names(CASES[name])))


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_not_shown_yet_is_refused(world, name):
    driver = Real(world, names(CASES[name]))
    with pytest.raises(Diverged):
        run(CASES[name], driver)
    for device in driver.devices.values():
        before = device.tree()
        with suppress(Diverged):
            device.pull()
        assert device.tree() == before
