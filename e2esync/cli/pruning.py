"""`prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from e2esync.cli import options as o
from e2esync.cli.daily import Folders
from e2esync.cli.opening import opened
from e2esync.cli.output import escape, time_text
from e2esync.cli.places import s3_settings
from e2esync.cli.session import Session
from e2esync.merge.retention import MOST, Rules
from e2esync.model.amounts import counted, size_text

if TYPE_CHECKING:
    from e2esync.engine.notes import FolderNote
    from e2esync.engine.prune import PruneReport

DAY = 86_400  # seconds


def _number(name: str, text: str, low: int, high: int) -> typer.models.OptionInfo:
    variable = "E2ESYNC_" + name.removeprefix("--").replace("-", "_").upper()
    info: typer.models.OptionInfo = typer.Option(
        name, envvar=variable, min=low, max=high, metavar="N", help=text, show_default=False
    )
    return info


def prune(
    *,
    folders: Folders = None,
    keep_days: Annotated[
        int | None, _number("--keep-days", "Keep everything of the last N days.", 0, MOST)
    ] = None,
    keep_versions: Annotated[
        int | None, _number("--keep-versions", "Keep N older versions of each file.", 0, MOST)
    ] = None,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", envvar="E2ESYNC_KEEP_ALL", help="Keep everything: forget the rules.")
    ] = False,
    grace: Annotated[int, _number("--grace", "Days between mark and deletion: 30 if not given.", 1, 45)] = 30,
    dry_run: o.DryRun = False,
    endpoint_url: o.EndpointUrl = None,
    profile: o.Profile = None,
    region: o.Region = None,
    addressing_style: o.AddressingStyle = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Let go of old versions: mark what no kept version needs, and delete it in a later run.

    The rules are remembered for the folder. Without one, nothing is ever deleted.
    """
    from e2esync.adapters.stores.counting import Traffic
    from e2esync.engine.prune import prune as engine_prune
    from e2esync.wiring.pruning import chosen_rules

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    local = session.device()
    settings = s3_settings(endpoint_url, profile, region, addressing_style)
    chosen = [
        (note, chosen_rules(note, keep_days, keep_versions, keep_all=keep_all))
        for note in session.folders(local, folders)
    ]
    traffic = Traffic()
    done: list[tuple[FolderNote, Rules, PruneReport]] = []
    for note, rules in chosen:
        if not dry_run:
            local.set_rules(note, rules)
        with opened(session, local, note, settings, traffic=traffic) as vault:
            report = engine_prune(vault, rules, grace=grace * DAY, dry_run=dry_run)
        done.append((note, rules, report))
    session.out.document("prune", dry_run=dry_run, folders=[_values(*one) for one in done])
    for note, rules, report in done:
        for line in _sentences(rules, report, dry_run=dry_run):
            session.out.data(f"{escape(str(note.path))}: {line}")


def _values(note: FolderNote, rules: Rules, report: PruneReport) -> dict[str, Any]:
    return {
        "folder": str(note.path),
        "keep_days": rules.keep_days,
        "keep_versions": rules.keep_versions,
        "marked_packs": report.marked,
        "marked_bytes": report.marked_bytes,
        "deleted_packs": report.deleted,
        "deleted_bytes": report.deleted_bytes,
        "copied_packs": report.copied,
        "copied_bytes": report.copied_bytes,
        "due": time_text(report.due),
        "waits_for": report.waits_for,
    }


def _sentences(rules: Rules, report: PruneReport, *, dry_run: bool) -> list[str]:
    """Return what was done, for people."""
    lines = []
    if report.deleted:
        verb = "would delete" if dry_run else "deleted"
        lines.append(f"{verb} {size_text(report.deleted_bytes)} ({counted(report.deleted, 'pack')})")
    if report.copied:
        verb = "would copy" if dry_run else "copied"
        lines.append(
            f"{verb} {size_text(report.copied_bytes)} that is needed out of {counted(report.copied, 'pack')}"
        )
    if report.marked:
        verb = "would stand" if dry_run else "stands"
        lines.append(
            f"{size_text(report.marked_bytes)} ({counted(report.marked, 'pack')}) {verb} to go:"
            f" run e2esync prune again after {time_text(report.due)}"
        )
        if report.waits_for:
            lines.append("waits for a sync of " + ", ".join(map(escape, report.waits_for)))
    if rules.keeps_all:
        lines.append("everything is kept")
    return lines or ["nothing to let go of"]


__all__ = ["prune"]
