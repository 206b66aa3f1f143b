"""The group "daily": status, push, pull and sync, as typer sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from e2esync.cli import options as o
from e2esync.cli import rounds, standing
from e2esync.cli.places import s3_settings
from e2esync.cli.session import Session

Folders = Annotated[list[Path] | None, typer.Argument(metavar="FOLDER", help="All folders if none is named.")]


def status(
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again with each change; needs the daemon.")
    ] = False,
    short: Annotated[bool, typer.Option("--short", help="One word, for a prompt.")] = False,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Show how things stand, and what needs you (exit code 4)."""
    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    if watch:
        standing.watch(session)
    code = standing.show_short(session) if short else standing.show(session)
    if code:
        raise typer.Exit(code)


def push(
    *,
    folders: Folders = None,
    dry_run: o.DryRun = False,
    accept_risk: o.AcceptRisk = None,
    endpoint_url: o.EndpointUrl = None,
    profile: o.Profile = None,
    region: o.Region = None,
    addressing_style: o.AddressingStyle = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Store what changed in the folder, and publish it. Never touches your files."""
    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    settings = s3_settings(endpoint_url, profile, region, addressing_style)
    rounds.push(session, folders or (), dry_run=dry_run, settings=settings, accepted=accept_risk or ())


def pull(
    *,
    folders: Folders = None,
    dry_run: o.DryRun = False,
    accept_risk: o.AcceptRisk = None,
    endpoint_url: o.EndpointUrl = None,
    profile: o.Profile = None,
    region: o.Region = None,
    addressing_style: o.AddressingStyle = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Bring the folder to the newest state of the vault. Never publishes."""
    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    settings = s3_settings(endpoint_url, profile, region, addressing_style)
    rounds.pull(session, folders or (), dry_run=dry_run, settings=settings, accepted=accept_risk or ())


def sync(
    *,
    folders: Folders = None,
    dry_run: o.DryRun = False,
    accept_risk: o.AcceptRisk = None,
    endpoint_url: o.EndpointUrl = None,
    profile: o.Profile = None,
    region: o.Region = None,
    addressing_style: o.AddressingStyle = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Publish what changed in the folder, and bring it to the newest state: push and pull in one."""
    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    settings = s3_settings(endpoint_url, profile, region, addressing_style)
    rounds.sync(session, folders or (), dry_run=dry_run, settings=settings, accepted=accept_risk or ())
