"""Opening a vault of this device: which folder, one at a time, and nothing left behind."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import threading

import pytest

import e2esync
from e2esync import errors
from tests.library.conftest import command


def descriptors() -> list[str]:
    """What this process holds open."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            continue  # the descriptor of the listing itself
    return sorted(found)


def test_a_push_and_a_pull_carry_a_file_and_count_it(laptop, desk):
    laptop.write("notes/today.txt", b"meet at noon")
    assert laptop.push().uploaded_files == 1
    summary = desk.pull()
    assert isinstance(summary, e2esync.Summary)
    assert (summary.downloaded_files, summary.failed) == (1, [])
    assert (desk.folder / "notes" / "today.txt").read_bytes() == b"meet at noon"


def test_a_pull_does_not_publish_and_a_push_does_not_apply(laptop, desk):
    laptop.write("a", b"a")
    laptop.push()
    desk.write("b", b"b")
    desk.pull()
    laptop.pull()
    assert not (laptop.folder / "b").exists()
    desk.push()
    laptop.push()
    assert not (laptop.folder / "b").exists()


def test_status_knows_of_a_push_by_the_library(laptop, capsys):
    def last_sync():
        capsys.readouterr()
        command(laptop.home, "status", "--json")
        return json.loads(capsys.readouterr().out.splitlines()[-1])["folders"][0]["last_sync"]

    assert last_sync() is None
    laptop.push()
    assert last_sync() is not None


def test_the_home_is_found_as_the_command_line_finds_it(laptop, monkeypatch):
    monkeypatch.setenv("E2ESYNC_HOME", str(laptop.home))
    with e2esync.open_vault(str(laptop.folder)) as vault:
        assert vault.folder == laptop.folder
        assert len(vault.id) == 32


def test_the_folder_may_be_named_through_a_link_or_relative_or_by_the_user(laptop, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(laptop.folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (tmp_path / "link", "A", "~/A"):
        e2esync.open_vault(name, home=laptop.home).close()


def test_two_vaults_of_one_folder_are_busy_and_the_first_goes_on(laptop):
    laptop.write("a", b"a")
    with laptop.open() as first:
        with pytest.raises(errors.Busy):
            laptop.open()
        assert first.push().uploaded_files == 1
    laptop.open().close()


@pytest.mark.parametrize("name", ["elsewhere", "A/below", "."])
def test_a_folder_that_is_not_synced_here_is_no_vault(laptop, tmp_path, name):
    with pytest.raises(errors.NoVault, match="not a synced folder") as caught:
        e2esync.open_vault(tmp_path / name, home=laptop.home)
    assert str(laptop.folder) in caught.value.why


def test_a_home_without_folders_is_no_vault_and_nothing_is_made(laptop, tmp_path):
    with pytest.raises(errors.NoVault):
        e2esync.open_vault(laptop.folder, home=tmp_path / "empty")
    assert not (tmp_path / "empty").exists()


def test_a_folder_that_is_missing_is_a_safety_stop_and_the_lock_is_given_back(laptop):
    moved = laptop.folder.with_name("moved")
    laptop.folder.rename(moved)
    with pytest.raises(errors.SafetyStop):
        laptop.open()
    moved.rename(laptop.folder)
    laptop.open().close()


def test_a_home_whose_keys_are_gone_is_no_access(laptop):
    (laptop.home / "keys").unlink()
    with pytest.raises(errors.NoAccess):
        laptop.open()


def test_keys_under_a_passphrase_are_opened_by_the_caller(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("correct horse")
    home, folder = tmp_path / "home", tmp_path / "F"
    monkeypatch.setenv("E2ESYNC_PASSPHRASE_FILE", str(tmp_path / "secret"))
    arguments = ("--recovery-file", tmp_path / "words", "--no-input", "--key-store", "passphrase")
    command(home, "setup", tmp_path / "S", folder, *arguments)
    monkeypatch.delenv("E2ESYNC_PASSPHRASE_FILE")
    with pytest.raises(errors.Locked):
        e2esync.open_vault(folder, home=home)
    asked = []

    def ask() -> str:
        asked.append(1)
        return "correct horse"

    with e2esync.open_vault(folder, home=home, ask_passphrase=ask) as vault:
        assert vault.push().failed == []
    assert asked == [1]


def test_nothing_is_left_open(laptop, desk):
    laptop.write("large", os.urandom(3 << 20))
    laptop.push()
    desk.pull()
    before, threads = descriptors(), threading.active_count()
    with desk.open() as vault:
        vault.pull()
        list(vault.list())
        vault.open("large").read(1)  # neither read to the end nor closed
        listed = vault.list()
        next(listed)
    assert (descriptors(), threading.active_count()) == (before, threads)
    with pytest.raises(errors.NoVault):
        e2esync.open_vault(desk.folder / "x", home=desk.home)
    shutil.rmtree(desk.folder)
    with pytest.raises(errors.SafetyStop):
        desk.open()
    assert (descriptors(), threading.active_count()) == (before, threads)


def test_an_error_inside_the_with_closes_the_vault(laptop):
    with pytest.raises(ZeroDivisionError), laptop.open():
        raise ZeroDivisionError
    laptop.open().close()


def test_a_closed_vault_refuses_everything_but_another_close(laptop):
    vault = laptop.open()
    vault.close()
    vault.close()
    for use in (vault.push, vault.pull, vault.list, lambda: vault.open("a")):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_a_stream_keeps_its_vault_open_and_lets_it_go(laptop):
    laptop.write("a", b"content")
    laptop.push()
    stream = laptop.open().open("a")
    gc.collect()
    with pytest.raises(errors.Busy):
        laptop.open()
    assert stream.read() == b"content"
    stream.close()
    del stream
    gc.collect()
    laptop.open().close()


@pytest.mark.parametrize("name", ["open_vault", "Vault", "Entry", "Kind", "Summary"])
def test_a_name_of_the_package_is_loaded_when_it_is_used(name, run_python):
    assert run_python(f"import e2esync; e2esync.{name}; print(e2esync.{name}.__name__)") == name


def test_opening_loads_no_boto3_for_a_directory_and_never_the_command_line(laptop, run_python):
    done = run_python(
        "import e2esync, sys\n"
        f"with e2esync.open_vault({str(laptop.folder)!r}, home={str(laptop.home)!r}) as vault: vault.push()\n"
        "print({'boto3', 'typer', 'rich', 'e2esync.cli'} & set(sys.modules))"
    )
    assert done == "set()"


@pytest.fixture
def run_python():
    def run(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
