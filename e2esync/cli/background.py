"""The commands of the daemon: start, stop, pause and resume, as typer sees them."""

from __future__ import annotations

from typing import Annotated

import typer

from e2esync.cli import daemon, installing
from e2esync.cli import options as o
from e2esync.cli.session import Session
from e2esync.errors import UsageError

PACE = "Pace"


def _pace(
    name: str, metavar: str, text: str, least: float | None = None, most: float | None = None
) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(
        name,
        envvar="E2ESYNC_" + name.removeprefix("--").replace("-", "_").upper(),
        metavar=metavar,
        min=least,
        max=most,
        help=text,
        rich_help_panel=PACE,
        show_default=False,
    )
    return info


def _rate(name: str, way: str) -> typer.models.OptionInfo:
    return _pace(name, "RATE", f"Bytes per second that may go {way}, such as 500k or 2M.")


SETTLE = "How long a file has to be quiet before it is taken; 2 if not given."
POLL = "How often the store is asked; if not given, every 5 seconds, and every 60 once all is quiet."
TRANSFERS = "How many requests are made at once; 16 if not given."

Seconds = Annotated[float | None, _pace("--settle", "SECONDS", SETTLE, 0, 3600)]
Poll = Annotated[float | None, _pace("--poll", "SECONDS", POLL, 0.1, 86_400)]
LimitUp = Annotated[str | None, _rate("--limit-up", "to the store")]
LimitDown = Annotated[str | None, _rate("--limit-down", "from the store")]
Transfers = Annotated[int | None, _pace("--transfers", "NUMBER", TRANSFERS, 1, 256)]
NoNotify = Annotated[
    bool,
    typer.Option(
        "--no-notify",
        envvar="E2ESYNC_NO_NOTIFY",
        help="Show no note on the desktop when something needs you.",
        show_default=False,
    ),
]
Foreground = Annotated[
    bool,
    typer.Option("--foreground", envvar="E2ESYNC_FOREGROUND", help="Run in this terminal, or as a service."),
]
Install = Annotated[
    bool,
    typer.Option(
        "--install",
        envvar="E2ESYNC_INSTALL",
        help="Write the file by which the system starts it at login (systemd, launchd, Task Scheduler), and say what to do with it.",
    ),
]


def start(
    *,
    foreground: Foreground = False,
    install: Install = False,
    settle: Seconds = None,
    poll: Poll = None,
    limit_up: LimitUp = None,
    limit_down: LimitDown = None,
    transfers: Transfers = None,
    no_notify: NoNotify = False,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Keep all folders in sync, in the background."""
    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    wanted = daemon.Wanted(
        settle,
        poll,
        daemon.rate(limit_up, "--limit-up"),
        daemon.rate(limit_down, "--limit-down"),
        transfers,
        no_notify,
    )
    if foreground and install:
        raise UsageError(
            "--foreground and --install do not go together", why="one runs it, the other only writes a file"
        )
    if install:
        installing.install(session, wanted.arguments())
    elif foreground:
        daemon.run(session, wanted)
    else:
        daemon.start(session, wanted)


def stop(
    json: o.Json = False, no_input: o.NoInput = False, yes: o.Yes = False, plain: o.Plain = False
) -> None:
    """End the daemon. What it was sending goes on when it runs again."""
    daemon.stop(Session(json=json, no_input=no_input, yes=yes, plain=plain))


def pause(
    json: o.Json = False, no_input: o.NoInput = False, yes: o.Yes = False, plain: o.Plain = False
) -> None:
    """Let the daemon do nothing by itself until `resume`."""
    daemon.pause(Session(json=json, no_input=no_input, yes=yes, plain=plain))


def resume(
    json: o.Json = False, no_input: o.NoInput = False, yes: o.Yes = False, plain: o.Plain = False
) -> None:
    """Let the daemon go on, at once."""
    daemon.resume(Session(json=json, no_input=no_input, yes=yes, plain=plain))
