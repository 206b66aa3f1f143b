"""Files for service managers, read back by what reads such files: what goes in comes out, whatever is in the names."""

from __future__ import annotations

import configparser
import os
import plistlib
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from e2esync.errors import UsageError
from e2esync.wiring.home import Home, at
from e2esync.wiring.services import (
    Service,
    agent,
    file_for,
    is_ours,
    left_out,
    quoted,
    service,
    task,
    unit,
)

PYTHON = "/opt/e2e/bin/python3"
USER = Path("/home/alice")
ODD = [
    "/a b",
    '/a"b',
    "/a'b",
    "/a\\b",
    "/a\\",
    "/100%",
    "/%h/%%",
    "/$HOME",
    "/a;b",
    "/ä",
    "/ ",
    "/a&<b>",
    "/a#b",
]
TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


def plain_home() -> Home:
    """A home in the directories of the platform."""
    there = USER / ".local"
    return Home(USER / ".config/e2esync/config.toml", there, there, there, there, is_explicit=False)


def made(root: str = "/srv/e2e", *options: str, program: str = PYTHON, **environ: str) -> Service:
    return service(at(Path(root)), environ, program, options)


def section(content: bytes) -> configparser.SectionProxy:
    """The section [Service] of a unit."""
    parser = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#",), strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(content.decode())
    assert parser.sections() == ["Unit", "Service", "Install"]
    return parser["Service"]


def words(line: str) -> list[str]:
    """What systemd makes of words without variables: in quotes it reads backslashes as a shell does."""
    return [word.replace("%%", "%") for word in shlex.split(line)]


def test_the_unit_is_told_when_it_is_ready_and_begun_anew_where_that_helps():
    told = section(unit(made("/srv/e2e", "--settle", "0.5", "--limit-up", "512000.0"), {}, USER).content)
    assert told["Type"] == "notify"
    assert int(told["WatchdogSec"]) > 0
    assert told["Restart"] == "on-failure"
    assert "2" in told["RestartPreventExitStatus"].split()
    assert told["WorkingDirectory"] == "/"
    assert told["LimitCORE"] == "0"
    assert words(told["ExecStart"]) == [
        PYTHON, "-m", "e2esync", "start", "--foreground", "--no-input", "--settle", "0.5", "--limit-up", "512000.0",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_the_unit_says_odd_names_so_that_they_are_read_back(name):
    told = section(unit(made(name, program=f"{name}/python"), {}, USER).content)
    program = next(word for word in words(told["ExecStart"].removeprefix(":")) if word != "/usr/bin/env")
    assert program == f"{name}/python"
    assert words(told["Environment"]) == [f"E2ESYNC_HOME={Path(name)}"]
    assert told["ExecStart"].startswith(":") == ("$" in name)  # which switches variables off


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("/usr/bin/python3", "/usr/bin/python3"),
        ("A=/b", "A=/b"),
        ("50%", "50%%"),
        ("a b", '"a b"'),
        ('a"b', '"a\\"b"'),
        ("a\\b", '"a\\\\b"'),
        ("a\\", '"a\\\\"'),
        ("a'b", '"a\'b"'),
        ("%n \\n", '"%%n \\\\n"'),
        (";", '";"'),
        ("", '""'),
    ],
)
def test_words_are_quoted_for_systemd(word, text):
    assert quoted(word) == text


@pytest.mark.parametrize("name", ["/a\nb", "/a\tb", "/a\x7f", "/a\x85b", "/a\udcff", "/a\ufffe"])
def test_a_name_that_no_such_file_can_say_is_refused(name):
    with pytest.raises(UsageError):
        made(name)
    with pytest.raises(UsageError):
        made(program=name)


def test_a_program_that_systemd_cannot_run_is_run_by_env_or_refused():
    told = section(unit(made(program="/home/o'hara/python"), {}, USER).content)
    assert words(told["ExecStart"])[:3] == ["/usr/bin/env", "/home/o'hara/python", "-m"]
    with pytest.raises(UsageError):
        unit(made(program="/o'hara=b/python"), {}, USER)


def test_a_python_that_does_not_know_where_it_lies_is_refused():
    with pytest.raises(UsageError):
        made(program="")


def test_each_home_has_a_service_of_its_own_and_always_the_same():
    names = {made(root).name for root in ("/srv/a", "/srv/b", "/srv/a/", "/srv/../srv/a")}
    assert len(names) == 3  # links are not followed, so the last may be another place
    plain = service(plain_home(), {}, PYTHON, ())
    assert (plain.name, plain.environment) == ("e2esync", {})
    assert unit(plain, {}, USER).path == USER / ".config/systemd/user/e2esync.service"


@pytest.mark.parametrize(
    ("given", "above"), [("/x/y", "/x/y"), ("", "/home/alice/.config"), ("x/y", "/home/alice/.config")]
)
def test_the_unit_lies_where_systemd_looks(given, above):
    file = unit(made(), {"XDG_CONFIG_HOME": given}, USER)
    assert file.path.parent == Path(above) / "systemd" / "user"


def test_what_says_where_things_lie_goes_along_and_no_secret_does():
    environ = {
        "XDG_DATA_HOME": "/data",
        "E2ESYNC_PASSPHRASE_FILE": "/run/pass",
        "E2ESYNC_PASSPHRASE_COMMAND": "echo hunter2",
        "AWS_SECRET_ACCESS_KEY": "hunter3",
        "PATH": "/bin",
    }
    plain = service(plain_home(), environ, PYTHON, ())
    assert plain.environment == {"XDG_DATA_HOME": "/data", "E2ESYNC_PASSPHRASE_FILE": "/run/pass"}
    assert made(**environ).environment == {
        "E2ESYNC_HOME": "/srv/e2e",
        "E2ESYNC_PASSPHRASE_FILE": "/run/pass",
    }
    assert left_out(environ) == ["AWS_SECRET_ACCESS_KEY", "E2ESYNC_PASSPHRASE_COMMAND"]


@pytest.mark.parametrize("name", ODD)
def test_the_agent_for_launchd_says_the_same(name):
    file = agent(made(name, "--poll", "3.0", program=f"{name}/python"), {}, USER)
    told = plistlib.loads(file.content)
    assert told["ProgramArguments"] == [
        f"{name}/python", "-m", "e2esync", "start", "--foreground", "--no-input", "--poll", "3.0",
    ]  # fmt: skip
    assert told["EnvironmentVariables"] == {"E2ESYNC_HOME": str(Path(name))}
    assert (told["RunAtLoad"], told["KeepAlive"]) == (True, {"SuccessfulExit": False})
    assert file.path == USER / "Library" / "LaunchAgents" / f"{told['Label']}.plist"


@pytest.mark.parametrize("name", [*ODD, "/%TEMP%"])
def test_the_task_for_windows_says_the_same(name, tmp_path):
    file = task(made(name, "--poll", "3.0", program=f"{name}/python"), tmp_path)
    assert file.content[:2] in (b"\xff\xfe", b"\xfe\xff")
    assert "utf-16" in file.content.decode("utf-16").partition("\n")[0]
    told = ET.fromstring(file.content)
    assert told.tag == TASK + "Task"
    assert [child.tag for child in told] == [
        TASK + tag for tag in ("RegistrationInfo", "Triggers", "Principals", "Settings", "Actions")
    ]
    assert told.findtext(f".//{TASK}Command") == f"{name}/python"
    arguments = told.findtext(f".//{TASK}Arguments") or ""
    assert arguments.endswith(" start --foreground --no-input --poll 3.0")
    assert "%" not in arguments  # a name between two of these is taken for a variable
    assert told.find(f".//{TASK}LogonTrigger") is not None
    assert told.findtext(f".//{TASK}ExecutionTimeLimit") == "PT0S"


def test_the_task_of_the_only_home_needs_no_detour(tmp_path):
    told = ET.fromstring(task(service(plain_home(), {}, PYTHON, ()), tmp_path).content)
    assert told.findtext(f".//{TASK}Arguments") == "-m e2esync start --foreground --no-input"


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_every_file_is_known_as_ours_and_names_the_commands_that_switch_it_on_and_off(platform, tmp_path):
    what = made()
    file = file_for(platform, what, {}, USER, tmp_path)
    assert is_ours(file.content)
    assert not is_ours(b"[Service]\nExecStart=/bin/true\n")
    assert any(what.name in command for command in file.start)
    assert any(what.name in command for command in file.restart)
    assert any(str(file.path) in command for command in file.undo)


def test_a_system_that_is_not_known_is_told_what_to_run():
    with pytest.raises(UsageError) as caught:
        file_for("plan9", made(), {}, USER, USER)
    assert "--foreground" in caught.value.fix


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not there")
@pytest.mark.parametrize("name", ["plain", "a b", "a'b", 'q"b', "s\\n", "100%", "%h", "d$HOME", "ä"])
def test_systemd_reads_the_unit_as_it_is_meant(name, tmp_path):
    program = tmp_path / name / "python"
    program.parent.mkdir()
    program.symlink_to(sys.executable)
    file = unit(made(str(tmp_path / name), "--settle", "1.0", program=str(program)), {}, tmp_path)
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(file.content)
    (tmp_path / "run").mkdir()
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(file.path)],
        env={**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
        | {"SYSTEMD_LOG_LEVEL": "debug"},  # it shows the unit as it was read
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    complaints = [line for line in done.stderr.splitlines() if f"{file.path}:" in line]
    assert complaints == []
    shown = [line.strip() for line in done.stdout.splitlines()]
    assert f"Environment: E2ESYNC_HOME={tmp_path / name}" in shown
    (line,) = (line for line in shown if line.startswith("Command Line: "))
    assert line.endswith(" -m e2esync start --foreground --no-input --settle 1.0")
    if name in ("plain", "ä", "100%", "%h"):  # others are shown in one way or another of quoting
        assert line.split()[2] == str(program)
