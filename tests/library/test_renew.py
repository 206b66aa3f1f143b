"""A state that was restored, copied or lost: the device goes on as a new one, nothing is reused and nothing lost."""

from __future__ import annotations

import shutil

import pytest

from e2esync.wiring.home import at
from e2esync.wiring.localdevice import HomeDevice
from tests.engine.world import tree
from tests.library.conftest import Device


def files(device: Device) -> dict[str, bytes]:
    return {path.decode(): thing[1] for path, thing in tree(device.folder).items() if thing[0] == "file"}


def ids(device: Device) -> tuple[bytes, list[bytes]]:
    """The id under which the folder is written, and all that this home has keys of."""
    local = HomeDevice(at(device.home))
    return local.folders()[0].device, [each.id for each in local.devices()]


def heads(device: Device) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in device.store.glob("vaults/*/heads/*")}


def sync(device: Device):
    with device.open() as vault:
        return vault.sync()


def round_of(*devices: Device) -> None:
    for _ in range(2):
        for device in devices:
            summary = sync(device)
            assert (summary.skipped, summary.failed) == ([], [])
    assert all(files(device) == files(devices[0]) for device in devices)


@pytest.fixture
def worked(pair):
    """Two devices; the laptop's state was kept once, and both went on."""
    laptop, desk = pair
    laptop.write("a", b"1")
    laptop.write("gone", b"x")
    round_of(laptop, desk)
    shutil.copytree(laptop.home, laptop.home.with_name("kept"))
    laptop.write("a", b"2")
    laptop.write("b", b"1")
    (laptop.folder / "gone").unlink()
    round_of(laptop, desk)
    return laptop, desk


def restore(laptop: Device) -> None:
    shutil.rmtree(laptop.home)
    shutil.copytree(laptop.home.with_name("kept"), laptop.home)


def lose(laptop: Device) -> None:
    for path in laptop.home.rglob("*.db*"):
        path.unlink()


@pytest.mark.parametrize("what", [restore, lose])
def test_it_goes_on_as_a_new_device_and_nothing_is_lost(worked, what):
    laptop, desk = worked
    what(laptop)
    old, _ = ids(laptop)
    before = heads(laptop)[old.hex()]
    laptop.write("a", b"3")
    desk.write("of desk", b"d")
    round_of(laptop, desk)
    # that the third `a` was made of the second is not known any more: both are there
    assert sorted(files(desk).values()) == [b"1", b"2", b"3", b"d"]
    assert {"a", "b", "of desk"} <= files(desk).keys()
    new, known = ids(laptop)
    assert new != old
    assert {old, new} <= set(known)
    assert heads(laptop)[old.hex()] == before


@pytest.mark.parametrize("what", [restore, lose])
def test_where_nothing_else_happened_it_is_silent(worked, what):
    laptop, desk = worked
    what(laptop)
    before = files(laptop)
    summary = sync(laptop)
    assert (summary.uploaded_files, summary.conflicts, summary.deleted_remote) == (0, 0, 0)
    round_of(laptop, desk)
    assert files(desk) == before
    assert len(heads(laptop)) <= 3


def test_a_dry_run_says_it_and_leaves_the_device_as_it_is(worked, monkeypatch, capsys):
    from e2esync.cli.main import main

    laptop, _ = worked
    restore(laptop)
    old = ids(laptop)
    monkeypatch.setenv("E2ESYNC_HOME", str(laptop.home))
    assert main(["sync", "--dry-run"]) == 6
    assert "older than what it has published" in capsys.readouterr().err
    assert ids(laptop) == old
    assert main(["sync"]) == 0
    assert "goes on as a new device" in capsys.readouterr().err


def test_of_a_disk_that_was_cloned_both_go_on(worked, tmp_path):
    laptop, desk = worked
    home, folder = tmp_path / "clone", tmp_path / "C"
    shutil.copytree(laptop.home, home)
    shutil.copytree(laptop.folder, folder)
    config = home / "config.toml"
    config.write_text(config.read_text().replace(str(laptop.folder), str(folder)))
    clone = Device(home, folder, laptop.store)
    laptop.write("a", b"of laptop")
    clone.write("a", b"of clone")
    clone.write("c", b"of clone, too")
    round_of(laptop, clone, desk)
    assert sorted(files(desk).values()) == [b"1", b"of clone", b"of clone, too", b"of laptop"]
    assert ids(laptop)[0] != ids(clone)[0]


def test_a_head_that_waits_in_a_clone_is_not_put_over_the_newer_one(worked, tmp_path, monkeypatch):
    """The disk was copied after a push that never reached the store; the original has gone on since."""
    from e2esync.adapters.stores.directory import DirectoryStore
    from e2esync.errors import StoreUnavailable

    laptop, desk = worked
    put = DirectoryStore.put

    def cut_off(self, key, body):
        if "/heads/" in key:
            raise StoreUnavailable("the network is gone")
        return put(self, key, body)

    laptop.write("waiting", b"w")
    with monkeypatch.context() as patched:
        patched.setattr(DirectoryStore, "put", cut_off)
        with pytest.raises(StoreUnavailable):
            laptop.push()
    shutil.copytree(laptop.home, laptop.home.with_name("waits"))
    laptop.write("more", b"m")
    round_of(laptop, desk)
    shutil.rmtree(laptop.home)
    laptop.home.with_name("waits").rename(laptop.home)
    laptop.write("a", b"4")
    round_of(laptop, desk)
    assert {b"w", b"m", b"4"} <= set(files(desk).values())
