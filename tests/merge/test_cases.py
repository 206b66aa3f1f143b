"""The cases, on devices in one process."""

from __future__ import annotations

import pytest

from e2esync.tree.keys import Kind
from tests.merge.cases import CASES, names, run
from tests.merge.devices import Device, OnDisk, World


class InProcess:
    """Drives devices of one process."""

    def __init__(self, devices: list[str]) -> None:
        world = World()
        self.devices = {name: Device(name, world) for name in devices}
        for device in self.devices.values():
            device.hints = False
            device.peers = tuple(other.id for other in self.devices.values() if other is not device)

    def put(self, device: str, path: str, content: int) -> None:
        here, where = self.devices[device], parts(path)
        for depth in range(1, len(where)):
            if where[:depth] not in here.disk:
                here.disk[where[:depth]] = OnDisk(here.inode(), Kind.DIRECTORY, 0, 0o755)
        inode = here.disk[where].inode if where in here.disk else here.inode()
        here.disk[where] = OnDisk(inode, Kind.FILE, content, 0o644)

    def move(self, device: str, old: str, new: str) -> None:
        here, start, end = self.devices[device], parts(old), parts(new)
        for path in [path for path in here.disk if path[: len(start)] == start]:
            here.disk[end + path[len(start) :]] = here.disk.pop(path)

    def remove(self, device: str, path: str) -> None:
        here, where = self.devices[device], parts(path)
        below = [each for each in here.disk if each[: len(where)] == where]
        assert below, f"{path} is not there"
        for each in below:
            del here.disk[each]

    def scan(self, device: str) -> None:
        self.devices[device].scan()

    def lose(self, device: str) -> None:
        self.devices[device].rows, self.devices[device].dead = {}, set()

    def sync(self, *devices: str) -> None:
        made = [self.devices[name] for name in devices or self.devices]
        for _ in range(2):
            for device in made:
                device.scan()
            heads = [(device.state, device.id) for device in made]
            for device in made:
                for head, sender in heads:
                    device.pull(head, sender if sender != device.id else None)
                device.apply()
        for device in made:
            dropped = device.dropped
            assert not device.scan() or device.dropped > dropped, f"{device.name} has still something to say"

    def tree(self, device: str) -> dict[str, int | None]:
        return {
            b"/".join(path).decode(): thing.content if thing.kind is Kind.FILE else None
            for path, thing in self.devices[device].disk.items()
        }


def parts(path: str) -> tuple[bytes, ...]:
    return tuple(part.encode() for part in path.split("/"))


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_case(case):
    run(case, InProcess(names(case)))
