"""`inspect PATH`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from e2esync.cli import options as o
from e2esync.cli.opening import place_of
from e2esync.cli.output import escape, path_values, time_text
from e2esync.cli.session import Session
from e2esync.model.amounts import counted, size_text

if TYPE_CHECKING:
    from e2esync.engine.inspect import FileReport


def inspect(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file in a synced folder.")],
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Show how a file is stored, and which public keys open it."""
    from e2esync.wiring.filereport import inspect_file

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    local = session.device()
    note, relative = place_of(session, local, path)
    report = inspect_file(local, note, relative)
    session.out.document(
        "file",
        **path_values(relative),
        folder=str(note.path),
        type=report.kind.name.lower(),
        size=report.size,
        saved=time_text(report.saved),
        device=report.device,
        chunks=report.chunks,
        packs=[pack.hex() for pack in report.packs],
        data_keys=[{"born": key.born.hex(), "wrapped_under": key.under.hex()} for key in report.keys],
        vault_key=report.epoch.hex(),
        recipients=[
            {
                "safety_number": one.safety_number,
                "role": one.role.name.lower(),
                "public_key": one.public_key.hex(),
                "card": one.card_number,
            }
            for one in report.recipients
        ],
    )
    for text in _sentences(escape(os.fsdecode(relative)), report):
        session.out.data(text)


def _sentences(name: str, report: FileReport) -> list[str]:
    """Return the chain from the stored bytes to people's keys."""
    lines = [f"{name}: {report.kind.name.lower()}, {size_text(report.size)}"]
    if report.saved is not None:
        lines.append(f"saved {time_text(report.saved)} on {escape(report.device)!r}")
    where = f" in {counted(len(report.packs), 'pack')}" if report.packs else ""
    lines.append(
        f"stored as {counted(report.chunks, 'sealed piece')}{where}; name and times are sealed in the tree"
    )
    lines += [
        f"data key: its own, random; wrapped under the vault key {key.under.hex()[:12]}"
        for key in report.keys
    ]
    lines.append(f"vault key {report.epoch.hex()[:12]} is wrapped to the public keys of:")
    lines += [
        f"  {one.role.name.lower():7} {one.safety_number}  (key {one.public_key.hex()[:12]}, card {one.card_number})"
        for one in report.recipients
    ]
    return lines
