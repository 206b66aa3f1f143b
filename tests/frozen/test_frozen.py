"""Every version reads what every version before it has written."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from e2esync.crypto.recovery import from_words
from e2esync.engine.restore_offline import decrypt_offline
from tests.frozen.make import HERE, described
from tests.long.rig import READER

VAULTS = sorted(path.parent for path in HERE.glob("*/expect.json"))


def test_there_is_a_vault_of_each_state():
    assert [vault.name for vault in VAULTS] == ["v1"]


@pytest.mark.parametrize("vault", VAULTS, ids=lambda vault: vault.name)
@pytest.mark.case(99)
def test_a_frozen_vault_is_read_as_it_was_written(vault: Path, tmp_path: Path):
    (report,) = decrypt_offline(
        vault / "store", tmp_path / "out", from_words((vault / "words.txt").read_text())
    )
    assert described(Path(report["directory"])) == json.loads((vault / "expect.json").read_text())


@pytest.mark.parametrize("vault", VAULTS, ids=lambda vault: vault.name)
def test_the_second_reader_reads_it_too(vault: Path, tmp_path: Path):
    command = [
        sys.executable,
        READER,
        vault / "store",
        tmp_path / "out",
        "--recovery-file",
        vault / "words.txt",
    ]
    subprocess.run([*map(str, command), "--deep"], check=True)
    (found,) = (tmp_path / "out").iterdir()
    assert described(found) == json.loads((vault / "expect.json").read_text())
