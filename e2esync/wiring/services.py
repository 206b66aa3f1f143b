"""The file by which the system's service manager runs the daemon: a systemd user unit, a launchd agent or a task of Windows.

Values in, text out: nothing is written here, and no manager is asked.
"""

from __future__ import annotations

import hashlib
import plistlib
import re
import shlex
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from e2esync.errors import UsageError
from e2esync.wiring.home import VARIABLE, Home

MARK = "Written by e2esync, which replaces this file as long as this line is in it."  # no --: XML forbids it
ABOUT = "Keeps folders in sync by e2esync"
WATCHDOG = 60  # seconds without a ping after which the daemon is ended and begun anew
AGAIN = 30  # seconds until it is begun anew
STOP = 120  # seconds that a round may take to end; as long as `e2esync stop` waits
HOPELESS = (2, 8)  # exit codes after which another run ends alike: a configuration that nobody reads
_PLAIN = re.compile(r"[\w/.,:=@%+-]+")
_TASK = "http://schemas.microsoft.com/windows/2004/02/mit/task"
_PLACES = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
_PASSPHRASE = "E2ESYNC_PASSPHRASE_"  # noqa: S105  how the names of variables begin


@dataclass(frozen=True, slots=True)
class Service:
    """What is to run."""

    program: str  # the interpreter, absolute
    options: Sequence[str]  # of `start`
    environment: Mapping[str, str]
    name: str

    @property
    def arguments(self) -> list[str]:
        """What the interpreter is given."""
        return ["-m", "e2esync", "start", "--foreground", "--no-input", *self.options]


@dataclass(frozen=True, slots=True)
class File:
    """A file for a service manager, and the commands that belong to it."""

    manager: str
    path: Path
    content: bytes
    start: Sequence[str]
    undo: Sequence[str]
    restart: Sequence[str]  # after a change
    is_enough: bool = False  # to be there, for the next login
    hint: str = ""


def service(home: Home, environ: Mapping[str, str], program: str, options: Sequence[str]) -> Service:
    """Return what is to run for a home; each value of E2ESYNC_HOME has a service of its own.

    Raises:
        UsageError: A name holds what no such file can say.
    """
    if home.is_explicit:
        root = home.config.parent
        name = f"e2esync-{hashlib.sha256(bytes(root)).hexdigest()[:8]}"
        environment = {VARIABLE: str(root)}
    else:
        name = "e2esync"
        environment = {each: environ[each] for each in _PLACES if environ.get(each)}
    if passphrase := environ.get(_PASSPHRASE + "FILE"):
        environment[_PASSPHRASE + "FILE"] = str(Path(passphrase).expanduser().absolute())
    if not program:
        raise UsageError("the service cannot be described", why="Python does not say where it lies")
    for text in (program, *options, *environment.values()):
        if not _can_stand(text):
            raise UsageError(
                f"{text!r} cannot stand in the file of a service",
                why="it is not UTF-8, or holds a control character",
                fix="use a directory with another name",
            )
    return Service(program, options, environment, name)


def left_out(environ: Mapping[str, str]) -> list[str]:
    """Return the names of variables that a daemon begun from here has, and the service has not: they may be secrets."""
    return sorted(
        name
        for name in environ
        if name.startswith("AWS_")
        or (name.startswith(_PASSPHRASE) and name != _PASSPHRASE + "FILE" and environ[name])
    )


def is_ours(content: bytes) -> bool:
    """Return whether a file was written by us."""
    return any(MARK.encode(encoding) in content for encoding in ("utf-8", "utf-16-le", "utf-16-be"))


def _can_stand(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return all(
        character >= " " and not "\x7f" <= character <= "\x9f" and character not in "\ufffe\uffff"
        for character in text
    )


# systemd


def unit(service: Service, environ: Mapping[str, str], user: Path) -> File:
    """Return the unit for the user's systemd."""
    given = environ.get("XDG_CONFIG_HOME", "")
    above = Path(given) if PurePosixPath(given).is_absolute() else user / ".config"
    name = f"{service.name}.service"
    path = above / "systemd" / "user" / name
    again = "systemctl --user daemon-reload"
    return File(
        "systemd",
        path,
        _unit_text(service).encode(),
        start=(again, f"systemctl --user enable --now {name}"),
        undo=(f"systemctl --user disable --now {name}", f"rm {shlex.quote(str(path))}", again),
        restart=(again, f"systemctl --user enable {name}", f"systemctl --user restart {name}"),
        hint="It runs while you are logged in; with `loginctl enable-linger`, also when you are not.",
    )


def _unit_text(service: Service) -> str:
    words = [*_runnable(service.program), *service.arguments]
    literal = ":" if any("$" in word for word in words) else ""  # no variables; systemd 244 and newer
    environment = [
        f"Environment={quoted(f'{name}={value}')}\n" for name, value in service.environment.items()
    ]
    return f"""\
# {MARK}
[Unit]
Description={ABOUT}

[Service]
Type=notify
ExecStart={literal}{" ".join(quoted(word) for word in words)}
{"".join(environment)}WorkingDirectory=/
WatchdogSec={WATCHDOG}
Restart=on-failure
RestartSec={AGAIN}
RestartPreventExitStatus={" ".join(map(str, HOPELESS))}
TimeoutStopSec={STOP}
# What the watchdog ends would else leave a copy of its memory, and the keys in it.
LimitCORE=0

[Install]
WantedBy=default.target
"""


def _runnable(program: str) -> list[str]:
    """Return the words that run a program: systemd takes none with a quote or backslash in its name, but `env` does.

    Raises:
        UsageError: Neither takes it.
    """
    if not any(character in program for character in "'\"\\"):
        return [program]
    if "=" in program:
        raise UsageError(
            f"systemd cannot run {program}",
            why="a quote or backslash and = are in its name",
            fix="put e2esync into a directory with another name",
        )
    return ["/usr/bin/env", program]


def quoted(word: str) -> str:
    """Return a word as systemd reads it back: in quotes where it needs them, and with no specifier in it."""
    text = word.replace("%", "%%")
    if _PLAIN.fullmatch(word):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# launchd


def agent(service: Service, _environ: Mapping[str, str], user: Path) -> File:
    """Return the agent for launchd; it cannot be told which exit codes are hopeless, and waits between two runs."""
    values = {
        "Label": service.name,
        "ProgramArguments": [service.program, *service.arguments],
        "EnvironmentVariables": dict(service.environment),
        "WorkingDirectory": "/",
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": AGAIN,
        "ExitTimeOut": STOP,
        "ProcessType": "Background",
        "HardResourceLimits": {"Core": 0},
    }
    path = user / "Library" / "LaunchAgents" / f"{service.name}.plist"
    head, end, body = plistlib.dumps(values, sort_keys=False).partition(b"<plist ")
    where = shlex.quote(str(path))
    start, stop = (
        f"launchctl bootstrap gui/$(id -u) {where}",
        f"launchctl bootout gui/$(id -u)/{service.name}",
    )
    return File(
        "launchd",
        path,
        head + f"<!-- {MARK} -->\n".encode() + end + body,
        start=(start,),
        undo=(stop, f"rm {where}"),
        restart=(stop, start),
        is_enough=True,
    )


# Windows


def task(service: Service, data: Path) -> File:
    """Return the task for the scheduler of Windows."""
    name, path = service.name, data / f"{service.name}.xml"
    create = f'schtasks /Create /TN {name} /XML "{path}"'
    run, end = f"schtasks /Run /TN {name}", f"schtasks /End /TN {name}"
    return File(
        "Task Scheduler",
        path,
        _task_bytes(service),
        start=(create, run),
        undo=(end, f"schtasks /Delete /TN {name} /F", f'del "{path}"'),
        restart=(end, f"{create} /F", run),
    )


def _task_bytes(service: Service) -> bytes:
    root = ET.Element("Task", {"version": "1.2", "xmlns": _TASK})
    _add(root, "RegistrationInfo", Description=f"{ABOUT}. {MARK}")
    _add(ET.SubElement(root, "Triggers"), "LogonTrigger", Enabled="true")
    principals = ET.SubElement(root, "Principals")
    _add(principals, "Principal", LogonType="InteractiveToken", RunLevel="LeastPrivilege").set("id", "Author")
    settings = _add(
        root,
        "Settings",
        MultipleInstancesPolicy="IgnoreNew",
        DisallowStartIfOnBatteries="false",
        StopIfGoingOnBatteries="false",
        ExecutionTimeLimit="PT0S",  # without end
    )
    _add(settings, "RestartOnFailure", Interval="PT1M", Count="255")
    actions = ET.SubElement(root, "Actions", {"Context": "Author"})
    _add(
        actions, "Exec", Command=service.program, Arguments=subprocess.list2cmdline(_task_arguments(service))
    )
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="utf-16")
    return content


def _task_arguments(service: Service) -> list[str]:
    """Return the arguments; a task has no environment of its own, so Python sets it before it goes on."""
    if not service.environment:
        return service.arguments
    values = repr(dict(service.environment)).replace("%", r"\x25")  # %NAME% would be replaced
    code = (
        f"import os, runpy; os.environ.update({values}); "
        "runpy.run_module('e2esync', run_name='__main__', alter_sys=True)"
    )
    _module, _name, *rest = service.arguments
    return ["-c", code, *rest]


def _add(above: ET.Element, tag: str, **texts: str) -> ET.Element:
    element = ET.SubElement(above, tag)
    for name, text in texts.items():
        ET.SubElement(element, name).text = text
    return element


def file_for(platform: str, service: Service, environ: Mapping[str, str], user: Path, data: Path) -> File:
    """Return the file for a platform, as `sys.platform` names it; `data` is where the program's own files lie.

    Raises:
        UsageError: No service manager of it is known.
    """
    known: dict[str, Callable[[], File]] = {
        "linux": lambda: unit(service, environ, user),
        "darwin": lambda: agent(service, environ, user),
        "win32": lambda: task(service, data),
    }
    if platform not in known:
        raise UsageError(
            f"the services of this system ({platform}) are not known",
            why="systemd, launchd and the Task Scheduler are",
            fix="let it run `e2esync start --foreground --no-input`",
        )
    return known[platform]()
