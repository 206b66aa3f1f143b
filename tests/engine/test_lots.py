"""What is too much for one go comes in lots: whatever breaks it off takes one of them along, and no more."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from e2esync.engine import coming
from e2esync.engine.pull import pull
from e2esync.errors import Busy, StoreUnavailable
from tests.engine.histories import NEVER, History, Kinds
from tests.engine.world import objects

SIZE = 50_000  # bytes of a file
KINDS = {
    "plain": Kinds(),
    "killed": Kinds(killed=0.4),
    "disturbed": Kinds(disturbed=0.5),
    "power lost": Kinds(power=0.4),
    "long": Kinds(length=3, killed=0.15, disturbed=0.15, power=0.15),
}


@pytest.fixture
def tiny_lots(monkeypatch):
    monkeypatch.setattr(coming, "LOT", 3 * SIZE)
    monkeypatch.setattr(coming, "LOTS", 1 << 60)


def films(dev, *numbers: int) -> None:
    for number in numbers:
        (dev.root / f"film {number:02}").write_bytes(Random(number).randbytes(SIZE))


def broken_off(dev, error: Exception, after: int) -> None:
    """Pull, until so many bytes of files have come."""

    def progress(stage, done, _total):
        if stage == "pull" and done >= after:
            raise error

    with pytest.raises(type(error)):
        pull(replace(dev.vault, progress=progress))


def shown(dev) -> set[str]:
    return {path.name for path in dev.root.iterdir() if not path.name.startswith(".")}


@pytest.mark.usefixtures("tiny_lots")
@pytest.mark.parametrize("error", [StoreUnavailable("the line is cut"), Busy("somebody wants the folder")])
def test_what_came_before_it_was_broken_off_stays_and_only_the_rest_is_fetched(pair, error):
    laptop, desk = pair
    films(laptop, *range(20))
    laptop.push()
    broken_off(desk, error, 14 * SIZE)
    assert len(shown(desk)) == 13  # the fourteenth was on its way
    assert desk.pull().downloaded_files == 7
    assert len(shown(desk)) == 20
    for name in shown(desk):
        assert (desk.root / name).read_bytes() == (laptop.root / name).read_bytes()
    assert desk.count(desk.sync).requests["PUT"] == 0


@pytest.mark.usefixtures("tiny_lots")
def test_what_moves_and_what_goes_waits_until_everything_is_there(pair):
    laptop, desk = pair
    films(laptop, 1, 2)
    (laptop.root / "old").mkdir()
    (laptop.root / "old" / "kept").write_bytes(b"kept")
    laptop.push()
    desk.pull()
    (laptop.root / "film 01").unlink()
    (laptop.root / "old").rename(laptop.root / "new")
    films(laptop, *range(3, 20))
    (laptop.root / "new" / "late").write_bytes(b"late")
    laptop.push()
    broken_off(desk, StoreUnavailable("the line is cut"), 14 * SIZE)
    assert {"film 01", "film 02", "old"} <= shown(desk)
    assert "new" not in shown(desk)
    assert len(shown(desk)) == 3 + 13
    desk.pull()
    assert shown(desk) == shown(laptop)
    assert (desk.root / "new" / "late").read_bytes() == b"late"


def test_what_fits_into_one_go_comes_as_a_whole_or_not_at_all(pair):
    laptop, desk = pair
    films(laptop, *range(20))
    laptop.push()
    broken_off(desk, StoreUnavailable("the line is cut"), 14 * SIZE)
    assert shown(desk) == set()
    desk.pull()
    assert shown(desk) == shown(laptop)


@pytest.mark.usefixtures("tiny_lots")
def test_what_was_left_half_done_is_published_as_nothing(pair):
    laptop, desk = pair
    films(laptop, *range(20))
    (laptop.root / "closed").mkdir()
    (laptop.root / "closed" / "a").write_bytes(b"a")
    laptop.push()
    (laptop.root / "closed").chmod(0o500)
    laptop.push()
    broken_off(desk, StoreUnavailable("the line is cut"), 14 * SIZE)
    before = objects(desk.store).keys()
    assert desk.push().uploaded_files == 0
    assert laptop.pull().deleted_local == 0
    assert desk.pull().failed == []
    assert shown(desk) == shown(laptop)
    assert (desk.root / "closed").stat().st_mode & 0o777 == 0o500
    laptop.pull()
    assert len(shown(laptop)) == 21
    assert before <= objects(desk.store).keys()


@pytest.mark.parametrize("kind", KINDS)
def test_in_lots_of_one_file_all_devices_come_to_the_same_and_nothing_is_lost(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(coming, "LOT", 1)
    monkeypatch.setattr(coming, "LOTS", 1 << 60)
    for seed in range(900, 912):
        history = History(tmp_path / str(seed), seed, KINDS[kind])
        found = history.live()
        assert not found.keys() & NEVER, "\n".join([f"seed {seed}: {found}", *history.trace])
