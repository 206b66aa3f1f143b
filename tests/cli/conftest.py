"""A device at the command line: in this process where speed matters, in one of its own for the contract."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2esync.cli.main import main


@dataclass(frozen=True)
class Result:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> dict[str, Any]:
        """The last line of stdout, which is JSON."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def lines(self) -> list[str]:
        """The first words of stderr's lines."""
        return [line.partition(":")[0] for line in self.err.splitlines()]


Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch, tmp_path):
    """Forget what the environment of the test run says."""
    for name in list(os.environ):
        if name.startswith(("E2ESYNC_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("E2ESYNC_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys, monkeypatch) -> Run:
    """Run a command in this process, by default without a terminal."""

    def call(*arguments: object, home: Path | None = None) -> Result:
        if home is not None:
            monkeypatch.setenv("E2ESYNC_HOME", str(home))
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Result(code, printed.out, printed.err)

    return call


@pytest.fixture
def spawn() -> Run:
    """Run a command in a process of its own."""

    def call(*arguments: object, home: Path | None = None, **environ: str) -> Result:
        env = {**os.environ, **environ} | ({"E2ESYNC_HOME": str(home)} if home is not None else {})
        done = subprocess.run(
            [sys.executable, "-m", "e2esync", *map(str, arguments)],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def vault(run, tmp_path) -> Path:
    """A vault at `store`, its folder `Sync`, its words in `words`; returns the folder."""
    done = run(
        "setup", tmp_path / "store", tmp_path / "Sync", "--recovery-file", tmp_path / "words", "--json"
    )
    assert done.code == 0, done.err
    return tmp_path / "Sync"
