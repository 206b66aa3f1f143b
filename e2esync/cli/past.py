"""`log`, `history` and `restore`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from e2esync.cli import options as o
from e2esync.cli.exporting import Wanted, export_log, exported_folder
from e2esync.cli.following import change_row, change_values, follow_log, is_asked
from e2esync.cli.moments import moment
from e2esync.cli.opening import opened, place_of
from e2esync.cli.output import columns, escape, path_values, time_text
from e2esync.cli.places import s3_settings
from e2esync.cli.session import Session
from e2esync.errors import UsageError
from e2esync.model.amounts import counted, size_text

if TYPE_CHECKING:
    from e2esync.daemon.following import Change
    from e2esync.engine.notes import FolderNote
    from e2esync.engine.restore import Thing
    from e2esync.engine.vault import SyncedFolder

PathArgument = Annotated[
    Path, typer.Argument(metavar="PATH", help="A file or directory in a synced folder; it may be absent now.")
]


def log(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH]", help="A file or directory; all folders if none is named."),
    ] = None,
    *,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", envvar="E2ESYNC_SINCE", help="RFC 3339, or 2h, 3d."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option("--device", metavar="NAME", envvar="E2ESYNC_DEVICE", help="Of one device only."),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            envvar="E2ESYNC_FOLLOW",
            help="Go on with what comes, oldest first, while the daemon runs.",
        ),
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="FILE",
            envvar="E2ESYNC_EXPORT",
            help="Write it with its proofs, for somebody without your keys to check; - is stdout.",
        ),
    ] = None,
    prove_contents: Annotated[
        bool,
        typer.Option(
            "--prove-contents",
            help="In an export: let anybody who holds a file show that it is a version of this vault, or guess one.",
        ),
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
    """Tell what was changed, by whom and when, newest first.

    An export shows to whoever has the file the names, sizes and times of all that was in the vault
    around what changed; contents stay closed. `e2esync help format` says where its format is described.
    """
    from e2esync.daemon.following import Change
    from e2esync.engine.history import History

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    if follow:
        if export is not None or prove_contents:
            raise UsageError("--follow and an export do not go together", why="an export is of what was")
        follow_log(session, _places(session, path), since, device)
    settings = s3_settings(endpoint_url, profile, region, addressing_style)
    if export is not None:
        note = exported_folder(_places(session, path))
        with opened(session, session.device(), note, settings) as vault:
            begin = moment(since, vault.clock.now()) if since is not None else 0
            export_log(session.out, vault, export, Wanted(max(begin, 0), device, prove_contents))
        return
    if prove_contents:
        raise UsageError(
            "--prove-contents is for an export", fix="e2esync log --export FILE --prove-contents"
        )
    told: list[tuple[FolderNote, Change]] = []
    untold = 0
    for note, relative in _places(session, path):
        with opened(session, session.device(), note, settings) as vault:
            begin = moment(since, vault.clock.now()) if since is not None else 0
            past = History(vault)
            changes = [Change.of(event) for event in past.events(begin) if event.time >= begin]
            told += [(note, change) for change in changes if is_asked(change, relative, device)]
            untold += past.untold
    told.sort(key=lambda one: one[1].time, reverse=True)
    session.out.document("log", changes=[change_values(note, change) for note, change in told], untold=untold)
    for text in columns([change_row(change) for _, change in told]):
        session.out.data(text)
    if untold:
        session.out.note(
            f"{counted(untold, 'older snapshot')} cannot be told: what it held was pruned, or the store has lost it (e2esync verify)."
        )


def _places(session: Session, path: Path | None) -> list[tuple[FolderNote, bytes]]:
    if path is None:
        return [(note, b"") for note in session.folders(session.device(), None)]
    return [place_of(session, session.device(), path)]


def history(
    path: PathArgument,
    *,
    endpoint_url: o.EndpointUrl = None,
    profile: o.Profile = None,
    region: o.Region = None,
    addressing_style: o.AddressingStyle = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """List the versions of a file, newest first, wherever it stood."""
    from e2esync.daemon.following import Change
    from e2esync.engine.history import What, is_thing
    from e2esync.engine.restore import versions

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    note, relative = place_of(session, session.device(), path)
    with opened(
        session, session.device(), note, s3_settings(endpoint_url, profile, region, addressing_style)
    ) as vault:
        found = [event for event in versions(vault, relative) if is_thing(event)]
    if not found:
        raise UsageError(
            f"{escape(str(path))} has no versions",
            why="no file ever stood there, as far as this device has read",
            fix="e2esync log",
        )
    session.out.document(
        "history",
        **path_values(relative),
        folder=str(note.path),
        versions=[
            {
                "id": event.id,
                "time": time_text(event.time),
                "device": event.device_name,
                "person": event.person,
                "size": getattr(event.content, "size", 0),
                "deleted": event.what is What.DELETED,
                "change": str(event.what),
                "at": path_values(event.path)["path"],
            }
            for event in found
        ],
    )
    rows = [
        (*change_row(Change.of(event)), size_text(getattr(event.content, "size", 0)), event.id)
        for event in found
    ]
    for text in columns(rows):
        session.out.data(text)
    session.out.note("To bring one back: e2esync restore PATH --version ID")


def restore(
    path: PathArgument,
    *,
    version: Annotated[
        str | None, typer.Option("--version", metavar="ID", help="One that `history` lists.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", envvar="E2ESYNC_AT", help="As it was then.")
    ] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="What was deleted there last.")] = False,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DEST", envvar="E2ESYNC_TO", help="Not in place, but here.")
    ] = None,
    mine_to: Annotated[
        Path | None,
        typer.Option(
            "--mine-to", metavar="DIR", envvar="E2ESYNC_MINE_TO", help="Where unpublished files go."
        ),
    ] = None,
    endpoint_url: o.EndpointUrl = None,
    profile: o.Profile = None,
    region: o.Region = None,
    addressing_style: o.AddressingStyle = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Bring back a version of a file, what was deleted, or a whole directory as it was. Nothing is taken away."""
    from e2esync.engine.restore import put_elsewhere, put_into_folder

    if sum([version is not None, at is not None, deleted]) != 1:
        raise UsageError("say what to bring back", fix="--version ID, --at TIME or --deleted, one of them")
    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    note, relative = place_of(session, session.device(), path)
    with opened(
        session, session.device(), note, s3_settings(endpoint_url, profile, region, addressing_style)
    ) as vault:
        things = _wanted(vault, relative, version, at)
        if to is not None:
            written = put_elsewhere(vault, things, relative, Path(os.path.realpath(to.expanduser())))
        else:
            written = put_into_folder(vault, things, mine_to=mine_to)
    session.out.document(
        "restored", folder=str(note.path), files=written, to=str(to) if to is not None else None
    )
    session.out.data(f"{counted(written, 'file')} restored")
    if to is None:
        session.out.note("Next: e2esync push")


def _wanted(vault: SyncedFolder, path: bytes, version: str | None, at: str | None) -> list[Thing]:
    from e2esync.engine.restore import at_time, deleted, things_at
    from e2esync.engine.restore import version as find_version

    if version is not None:
        return [find_version(vault, path, version)]
    if at is not None:
        with at_time(vault, moment(at, vault.clock.now())) as then:
            return things_at(then, path)
    return deleted(vault, path)
