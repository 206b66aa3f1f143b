"""Where a device keeps its files, what its configuration may hold, and where its passphrase comes from."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from e2esync.adapters.keystore import Kind
from e2esync.engine.notes import Dedup, FolderNote, StoreAddress
from e2esync.errors import Locked, NewerFormat, UsageError
from e2esync.wiring import config
from e2esync.wiring.config import Config
from e2esync.wiring.home import at, find_home
from e2esync.wiring.localdevice import HomeDevice
from e2esync.wiring.passphrase import passphrase_source

NOTE = FolderNote(
    bytes(32), "Grüße", Path("/home/a/Sync"), StoreAddress("s3://b/p", region="eu"), bytes(16), Dedup.FILE
)


def test_one_variable_puts_everything_into_one_directory(tmp_path):
    home = find_home({"E2ESYNC_HOME": str(tmp_path / "x")})
    assert home == at(tmp_path / "x")
    assert home.is_explicit
    places = (
        home.config,
        home.keys,
        home.state,
        home.data,
        home.cache,
        home.default_store,
        home.vault(bytes(32)),
    )
    assert all((tmp_path / "x") in (place, *place.parents) for place in places)


def test_without_it_the_platform_says_where(tmp_path, monkeypatch):
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    home = find_home({})
    assert home.config == tmp_path / "CONFIG" / "e2esync" / "config.toml"
    assert home.state == tmp_path / "STATE" / "e2esync"
    assert not home.is_explicit


def test_the_directories_are_closed_to_others(tmp_path):
    home = at(tmp_path / "x")
    home.make()
    assert stat.S_IMODE(home.state.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.keys.stat().st_mode) == 0o700


def test_what_is_saved_is_what_is_loaded(tmp_path):
    said = Config("laptop", "Alice", (NOTE,))
    config.save(tmp_path / "config.toml", said)
    assert config.load(tmp_path / "config.toml") == said
    assert stat.S_IMODE((tmp_path / "config.toml").stat().st_mode) == 0o600


def test_a_configuration_that_is_not_there_is_empty(tmp_path):
    assert config.load(tmp_path / "config.toml") == Config()


def test_comments_that_a_person_wrote_are_kept(tmp_path):
    path = tmp_path / "config.toml"
    config.save(path, Config("laptop", "Alice"))
    path.write_text("# my own\n" + path.read_text())
    config.save(path, Config("laptop", "Alice", (NOTE,)))
    assert path.read_text().startswith("# my own\n")
    assert config.load(path).folders == (NOTE,)


def test_a_folder_takes_the_place_of_what_was_said_of_its_vault(tmp_path):
    said = Config(folders=(NOTE,)).with_folder(NOTE)
    assert said.folders == (NOTE,)
    assert said.without_folder(NOTE.vault).folders == ()


def test_a_newer_configuration_is_refused_and_not_written_over(tmp_path):
    (tmp_path / "config.toml").write_text("version = 2\n")
    with pytest.raises(NewerFormat):
        config.load(tmp_path / "config.toml")


@pytest.mark.parametrize(
    "line",
    ['vault = "zz"', 'vault = "00"', "path = 3", 'dedup = "all"', 's3 = { secret_key = "x" }', "name = []"],
)
def test_a_folder_that_is_not_as_it_should_be_is_refused(tmp_path, line):
    path = tmp_path / "config.toml"
    config.save(path, Config("laptop", "Alice", (NOTE,)))
    key = line.partition(" ")[0]
    kept = [one for one in path.read_text().splitlines() if not one.startswith(f"{key} =")]
    path.write_text(
        "\n".join([*kept[: kept.index("[[folders]]") + 1], line, *kept[kept.index("[[folders]]") + 1 :]])
    )
    with pytest.raises(UsageError, match="damaged"):
        config.load(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_directory_that_cannot_be_written_is_said_so(tmp_path):
    (tmp_path / "x").mkdir(mode=0o500)
    with pytest.raises(UsageError):
        config.save(tmp_path / "x" / "config.toml", Config())


def test_the_passphrase_is_asked_for_once(tmp_path):
    asked = []

    def prompt() -> str:
        asked.append(1)
        return "correct horse"

    source = passphrase_source({}, prompt)
    assert source is not None
    assert (source(), source(), len(asked)) == ("correct horse", "correct horse", 1)
    assert passphrase_source({}, None) is None


def test_the_passphrase_comes_from_a_file_or_a_command(tmp_path):
    (tmp_path / "p").write_text("from a file\n")
    by_file = passphrase_source({"E2ESYNC_PASSPHRASE_FILE": str(tmp_path / "p")}, None)
    command = f"{sys.executable} -c \"print('from a command')\""
    by_command = passphrase_source({"E2ESYNC_PASSPHRASE_COMMAND": command}, None)
    assert by_file is not None
    assert by_command is not None
    assert (by_file(), by_command()) == ("from a file", "from a command")


@pytest.mark.parametrize(
    "environ", [{"E2ESYNC_PASSPHRASE_FILE": "/nowhere"}, {"E2ESYNC_PASSPHRASE_COMMAND": "false"}]
)
def test_a_passphrase_that_cannot_be_had_is_locked(environ):
    source = passphrase_source(environ, None)
    assert source is not None
    with pytest.raises(Locked):
        source()


def test_keys_under_a_passphrase_are_opened_by_it_in_the_next_process(tmp_path):
    from e2esync.adapters.stores.memory import MemoryStore
    from e2esync.engine.setup import ensure_identity

    del MemoryStore
    first = HomeDevice(at(tmp_path / "h"), kind=Kind.PASSPHRASE, ask=lambda: "correct horse")
    kept = ensure_identity(first, tmp_path / "words")
    again = HomeDevice(at(tmp_path / "h"), ask=lambda: "correct horse").kept_identity()
    assert again is not None
    assert again.identity.public == kept.identity.public
    with pytest.raises(Exception, match="passphrase"):
        HomeDevice(at(tmp_path / "h"), ask=lambda: "wrong").kept_identity()


def test_boto3_is_not_loaded_for_a_directory(tmp_path):
    import subprocess

    code = (
        "import sys\nfrom e2esync.cli.main import main\n"
        f"main(['setup', {str(tmp_path / 's')!r}, {str(tmp_path / 'f')!r}, '--recovery-file', {str(tmp_path / 'w')!r}])\n"
        "main(['push']); main(['status'])\n"
        "assert not {'boto3', 'botocore', 'keyring', 'platformdirs'} & set(sys.modules), sorted(sys.modules)\n"
    )
    env = {**os.environ, "E2ESYNC_HOME": str(tmp_path / "h")}
    assert subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True).stderr == ""
