"""What the README shows in Python runs as it stands."""

import os
import re
from pathlib import Path

import pytest

from e2esync.cli.main import main

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def synced(tmp_path, monkeypatch):
    """A device as after `e2esync setup ~/Sync`, with a file in the folder, not pushed; returns the folder."""
    for name in list(os.environ):
        if name.startswith("E2ESYNC_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("E2ESYNC_HOME", str(tmp_path / "home"))
    assert main(["setup", str(tmp_path / "Sync"), "--recovery-file", str(tmp_path / "words")]) == 0
    (tmp_path / "Sync" / "notes").mkdir()
    (tmp_path / "Sync" / "notes" / "today.txt").write_bytes(b"meet at noon\nbring cake\n")
    return tmp_path / "Sync"


def run(block: str) -> dict[str, object]:
    """Run a block; return the names that it leaves behind."""
    left: dict[str, object] = {}
    exec(compile(block, str(README), "exec"), left)
    return left


def test_the_readme_shows_the_library():
    assert BLOCKS


@pytest.mark.parametrize("block", BLOCKS)
def test_the_block_runs(block, synced):
    run(block)


def test_the_open_vault_pushes_lists_and_reads_what_is_in_the_folder(synced, capsys):
    (block,) = [block for block in BLOCKS if "open_vault" in block]
    capsys.readouterr()
    assert run(block)["first_line"] == b"meet at noon\n"
    assert capsys.readouterr().out == "b'notes/today.txt' 24\n"
