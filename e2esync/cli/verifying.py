"""`verify [--deep]`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from e2esync.cli import options as o
from e2esync.cli.daily import Folders
from e2esync.cli.opening import opened
from e2esync.cli.output import escape
from e2esync.cli.places import s3_settings
from e2esync.cli.session import Session
from e2esync.model.amounts import counted, size_text

if TYPE_CHECKING:
    from e2esync.engine.verify import VerifyReport


def verify(
    *,
    folders: Folders = None,
    deep: Annotated[
        bool, typer.Option("--deep", envvar="E2ESYNC_DEEP", help="Read every byte.", show_default=False)
    ] = False,
    endpoint_url: o.EndpointUrl = None,
    profile: o.Profile = None,
    region: o.Region = None,
    addressing_style: o.AddressingStyle = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Check what the store holds: heads, chains, pages and presence of objects; with --deep every byte."""
    from e2esync.adapters.stores.counting import Traffic
    from e2esync.engine.verify import verify as engine_verify

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    local = session.device()
    settings = s3_settings(endpoint_url, profile, region, addressing_style)
    traffic = Traffic()
    verified: list[dict[str, Any]] = []
    for note in session.folders(local, folders):
        with opened(session, local, note, settings, traffic=traffic) as vault:
            report = engine_verify(vault, local.identity(), deep=deep)
        verified.append(_values(note.path, report))
    counts = traffic.counts
    session.out.document(
        "verify",
        deep=deep,
        folders=verified,
        requests=dict(counts.requests),
        downloaded_bytes=counts.downloaded_bytes,
    )
    for one in verified:
        told = ", ".join(f"{value} {key}" for key, value in one.items() if isinstance(value, int) and value)
        session.out.data(f"{escape(one['folder'])}: all good ({told})")
    session.out.data(
        f"read {size_text(counts.downloaded_bytes)} in {counted(sum(counts.requests.values()), 'request')}"
    )


def _values(path: Path, report: VerifyReport) -> dict[str, Any]:
    from dataclasses import asdict

    return {"folder": str(path), **asdict(report)}
