"""Devices with homes, folders and one directory store, made by the commands as people make them."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

import e2esync
from e2esync.cli.main import main


@dataclass(frozen=True)
class Device:
    """A device: its home and its synced folder."""

    home: Path
    folder: Path
    store: Path

    def open(self, **more) -> e2esync.Vault:
        return e2esync.open_vault(self.folder, home=self.home, **more)

    def push(self) -> e2esync.Summary:
        with self.open() as vault:
            return vault.push()

    def pull(self) -> e2esync.Summary:
        with self.open() as vault:
            return vault.pull()

    def write(self, path: str, content: bytes) -> bytes:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(content)
        return content


def forget_settings(environment: pytest.MonkeyPatch) -> None:
    """Forget what the environment of the test run says."""
    for name in list(os.environ):
        if name.startswith(("E2ESYNC_", "AWS_")):
            environment.delenv(name)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch, tmp_path):
    forget_settings(monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)


def command(home: Path, *arguments: object) -> None:
    """Run a command of the device that lives in `home`."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("E2ESYNC_HOME", str(home))
        assert main([str(argument) for argument in arguments]) == 0


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Two devices of one vault in which nothing was pushed yet; copied for each test."""
    root = tmp_path_factory.mktemp("made")
    words = root / "words"
    with pytest.MonkeyPatch.context() as environment:
        forget_settings(environment)
        command(root / "laptop", "setup", root / "store", root / "A", "--recovery-file", words, "--no-input")
        command(root / "desk", "join", root / "store", root / "B", "--recovery-file", words, "--no-input")
    return root


@pytest.fixture
def pair(made, tmp_path) -> tuple[Device, Device]:
    """The device that made the vault, and one that joined it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True, symlinks=True)
    for home in ("laptop", "desk"):
        config = tmp_path / home / "config.toml"
        config.write_text(config.read_text().replace(str(made), str(tmp_path)))
    store = tmp_path / "store"
    return Device(tmp_path / "laptop", tmp_path / "A", store), Device(
        tmp_path / "desk", tmp_path / "B", store
    )


@pytest.fixture
def laptop(pair) -> Device:
    return pair[0]


@pytest.fixture
def desk(pair) -> Device:
    return pair[1]
