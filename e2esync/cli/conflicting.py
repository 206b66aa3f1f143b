"""`conflicts list`, `conflicts show PATH`, `conflicts resolve PATH`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from e2esync.cli import options as o
from e2esync.cli.handing import alone
from e2esync.cli.opening import place_of
from e2esync.cli.output import columns, escape, path_values, time_text
from e2esync.cli.session import Session
from e2esync.model.amounts import counted, size_text

if TYPE_CHECKING:
    from e2esync.engine.conflicts import Conflict, Version
    from e2esync.engine.notes import FolderNote

conflicts = typer.Typer(add_completion=False, help="What several devices changed at the same time.")

PathArgument = Annotated[
    Path, typer.Argument(metavar="PATH", help="A file that is in conflict, or its copy.")
]


@conflicts.callback(invoke_without_command=True)
def _default(context: typer.Context, *, json: o.Json = False, plain: o.Plain = False) -> None:
    """Show, list or settle what several devices changed at the same time."""
    if context.invoked_subcommand is None:
        list_(json=json, plain=plain)


@conflicts.command("list")
def list_(
    json: o.Json = False, no_input: o.NoInput = False, yes: o.Yes = False, plain: o.Plain = False
) -> None:
    """List what stands beside each other, in all folders."""
    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    found = list(_all(session))
    session.out.document(
        "conflicts",
        conflicts=[_values(note, conflict, copy) for note, conflict in found for copy in conflict.copies],
    )
    for note, conflict in found:
        session.out.data(escape(str(note.path / os.fsdecode(conflict.named.path))))
        for text in columns([_row(copy) for copy in conflict.copies]):
            session.out.data(f"  beside it: {text}")
    if found:
        session.out.note("To settle one: e2esync conflicts resolve PATH --keep this, other or both.")
    else:
        session.out.data("There are no conflicts.")


def _all(session: Session) -> Iterator[tuple[FolderNote, Conflict]]:
    from e2esync.engine.conflicts import conflicts as of_state
    from e2esync.wiring.build import known_folder

    local = session.device()
    for note in session.folders(local, None):
        with alone(session, note), known_folder(local, note) as (state, _):
            found = of_state(state)
        yield from ((note, conflict) for conflict in found)


def _values(note: FolderNote, conflict: Conflict, copy: Version) -> dict[str, Any]:
    return {
        **path_values(conflict.named.path),
        "copy": os.fsdecode(copy.path).encode(errors="replace").decode(),
        "folder": str(note.path),
        "device": copy.device or None,
        "time": time_text(copy.saved),
    }


def _row(version: Version) -> tuple[str, ...]:
    name = escape(os.fsdecode(version.path.rpartition(b"/")[2]))
    if version.saved is None:
        return (name, version.kind.name.lower(), "", "")
    who = f"by {escape(version.device)!r}" if version.device else ""
    return (name, size_text(version.size), f"saved {time_text(version.saved)}", who)


@conflicts.command()
def show(
    path: PathArgument,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Show what stands beside each other at PATH: who saved it, when and how large it is."""
    from e2esync.engine.conflicts import conflict_at
    from e2esync.wiring.build import known_folder

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    local = session.device()
    note, relative = place_of(session, local, path)
    with alone(session, note), known_folder(local, note) as (state, _):
        this, others = conflict_at(state, relative)
    session.out.document(
        "conflict", folder=str(note.path), versions=[_version_values(each) for each in (this, *others)]
    )
    for text in columns([_row(each) for each in (this, *others)]):
        session.out.data(text)
    session.out.note(
        f"To keep only {escape(path.name)}: e2esync conflicts resolve PATH --keep this; to keep all: --keep both."
    )


def _version_values(version: Version) -> dict[str, Any]:
    return {
        **path_values(version.path),
        "type": version.kind.name.lower(),
        "size": version.size,
        "device": version.device or None,
        "time": time_text(version.saved),
    }


@conflicts.command()
def resolve(
    path: PathArgument,
    keep: Annotated[
        str,
        typer.Option(
            "--keep",
            metavar="this|other|both",
            envvar="E2ESYNC_KEEP",
            help="this: what is at PATH; other: its one sibling; both: separate files.",
        ),
    ],
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Settle a conflict in the folder. What goes stays in the history of the vault."""
    from e2esync.engine.conflicts import Keep
    from e2esync.engine.conflicts import resolve as settle
    from e2esync.errors import UsageError
    from e2esync.wiring.build import known_folder

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    if keep not in set(Keep):
        raise UsageError(f"--keep {keep} is not known", fix="--keep this, --keep other or --keep both")
    local = session.device()
    note, relative = place_of(session, local, path)
    with alone(session, note), known_folder(local, note) as (state, folder):
        done = settle(state, folder, relative, Keep(keep))
    session.out.document(
        "resolved",
        folder=str(note.path),
        moved=[
            {**path_values(new), "from": path_values(old)["path"]} for old, new in done if new is not None
        ],
        removed=[path_values(old) for old, new in done if new is None],
    )
    for old, new in done:
        where = f"renamed to {escape(os.fsdecode(new))}" if new is not None else "removed"
        session.out.data(f"{escape(os.fsdecode(old))}: {where}")
    session.out.note(f"{counted(len(done), 'change')} in the folder. Next: e2esync sync")
