"""Pairs of devices in this process, and houses behind a faulty proxy: one for each server and session."""

import shutil
from collections.abc import Callable, Iterator

import pytest

from moto_fixtures.faulty_proxy import FaultProxy
from moto_fixtures.plugin import BUCKET
from tests.badday.house import House
from tests.badday.pair import Pair


@pytest.fixture
def pairs(tmp_path) -> Iterator[Callable[[], Pair]]:
    """A function that makes a pair; the one before is gone."""
    made: list[Pair] = []

    def make() -> Pair:
        while made:
            made.pop().world.close()
            shutil.rmtree(tmp_path / "w")
        made.append(Pair(tmp_path / "w"))
        return made[-1]

    yield make
    for pair in made:
        pair.world.close()


def _house(server, bucket, factory, name: str) -> Iterator[House]:
    with FaultProxy(server) as proxy:
        house = House(proxy, bucket, factory.mktemp(name), f"bad-days-{name}")
        yield house
        house.client.close()


@pytest.fixture(scope="session")
def seaweed_house(seaweed_server, tmp_path_factory) -> Iterator[House]:
    """A house whose store is on SeaweedFS."""
    yield from _house(seaweed_server, BUCKET, tmp_path_factory, "seaweed")


@pytest.fixture(scope="session")
def rclone_house(rclone_server, tmp_path_factory) -> Iterator[House]:
    """A house whose store is on rclone."""
    yield from _house(rclone_server, BUCKET, tmp_path_factory, "rclone")
