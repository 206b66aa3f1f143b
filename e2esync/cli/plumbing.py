"""The command `debug`: what is of use to those who look after machines."""

from __future__ import annotations

import typer

from e2esync.adapters.control import Control
from e2esync.cli import options as o
from e2esync.cli.session import Session

debug = typer.Typer(help="Plumbing.", no_args_is_help=True)


@debug.callback()
def _plumbing() -> None:
    """Plumbing: for those who look after machines."""


@debug.command()
def metrics(
    json: o.Json = False, no_input: o.NoInput = False, yes: o.Yes = False, plain: o.Plain = False
) -> None:
    """Print how the daemon's folders stand, in the text format of Prometheus."""
    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    text = Control(session.home.socket).text("/metrics")
    session.out.document("metrics", text=text)
    session.out.data(text.rstrip("\n"))
