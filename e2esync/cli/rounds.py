"""What `push`, `pull` and `sync` have in common: every folder in turn, and one summary."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from e2esync.cli.handing import hand_over
from e2esync.cli.opening import opened
from e2esync.cli.output import Output, escape, path_values
from e2esync.cli.progress import Bar
from e2esync.cli.session import Session
from e2esync.errors import E2ESyncError, IntegrityError, PartlyFailed, StateBehind
from e2esync.model.amounts import counted, size_text

if TYPE_CHECKING:
    from e2esync.adapters.stores.counting import Counts, Traffic
    from e2esync.engine.notes import FolderNote
    from e2esync.engine.preview import Action
    from e2esync.engine.vault import Summary
    from e2esync.wiring.localdevice import HomeDevice

RENEWED = (
    "what this device knew was older than what it has published (a restored backup, a copied disk or lost state): "
    "it goes on as a new device, and nothing is lost"
)
NO_SETTINGS: Mapping[str, str | None] = {}


def push(
    session: Session,
    paths: Sequence[Path],
    *,
    dry_run: bool,
    settings: Mapping[str, str | None] = NO_SETTINGS,
    accepted: Collection[str] = (),
) -> None:
    """Push these folders, or all."""
    run_on_folders(session, paths, "push", dry_run=dry_run, settings=settings, accepted=accepted)


def pull(
    session: Session,
    paths: Sequence[Path],
    *,
    dry_run: bool,
    settings: Mapping[str, str | None] = NO_SETTINGS,
    accepted: Collection[str] = (),
) -> None:
    """Pull these folders, or all."""
    run_on_folders(session, paths, "pull", dry_run=dry_run, settings=settings, accepted=accepted)


def sync(
    session: Session,
    paths: Sequence[Path],
    *,
    dry_run: bool,
    settings: Mapping[str, str | None] = NO_SETTINGS,
    accepted: Collection[str] = (),
) -> None:
    """Push and pull these folders, or all."""
    run_on_folders(session, paths, "sync", dry_run=dry_run, settings=settings, accepted=accepted)


Work = Callable[..., Any]  # (vault, *, dry_run) -> Summary


def _work(command: str) -> Work:
    from importlib import import_module

    work: Work = getattr(import_module(f"e2esync.engine.{command}"), command)
    return work


def run_on_folders(
    session: Session,
    paths: Sequence[Path],
    command: str,
    *,
    dry_run: bool,
    settings: Mapping[str, str | None],
    accepted: Collection[str],
) -> None:
    """Do one thing with each folder and print one summary, also where it broke off."""
    from e2esync.adapters.stores.counting import Traffic

    local = session.device()
    notes = session.folders(local, paths)
    total = Total(Traffic())
    aside: IntegrityError | None = None
    try:
        for note in notes:
            try:
                summary = _run(
                    session,
                    local,
                    note,
                    command,
                    total.traffic,
                    dry_run=dry_run,
                    settings=settings,
                    accepted=accepted,
                )
            except IntegrityError as error:
                if error.done is None:
                    raise
                aside, summary = error, error.done
            total.add(summary, note)
    except (E2ESyncError, KeyboardInterrupt):
        if any(total.traffic.counts.requests.values()):
            total.print(session.out, broke_off=True)
        raise
    total.print(session.out)
    if aside is not None:
        raise aside
    if failed := total.values["failed"]:
        raise PartlyFailed(
            f"{len(failed)} of the files could not be handled",
            why="; ".join(f"{item['path']}: {item.get('reason', '')}" for item in failed[:3]),
            fix="mend what is named, then run the same command again; all other files are done",
        )


def _run(
    session: Session,
    local: HomeDevice,
    note: FolderNote,
    command: str,
    traffic: Traffic,
    *,
    dry_run: bool,
    settings: Mapping[str, str | None],
    accepted: Collection[str],
) -> Summary:
    """Let the daemon do it, if one runs, but not with settings for this command alone; else do it."""
    if not any(settings.values()):
        with Bar(session.out) as bar:
            handed = hand_over(
                session, note, command, dry_run=dry_run, accepted=accepted, traffic=traffic, progress=bar
            )
        if handed is not None:
            return handed
    return _do(
        session, local, note, _work(command), traffic, dry_run=dry_run, settings=settings, accepted=accepted
    )


def _do(
    session: Session,
    local: HomeDevice,
    note: FolderNote,
    work: Work,
    traffic: Traffic,
    *,
    dry_run: bool,
    settings: Mapping[str, str | None],
    accepted: Collection[str],
) -> Summary:
    from e2esync.engine.renew import renew
    from e2esync.engine.seen import note_sync

    with opened(session, local, note, settings, traffic=traffic, accepted=accepted) as vault:
        try:
            summary: Summary = work(vault, dry_run=dry_run)
        except StateBehind:
            if dry_run:
                raise
            vault = renew(vault, note, local)  # noqa: PLW2901  the same folder
            session.out.warn(RENEWED)
            summary = work(vault, dry_run=dry_run)
        if not dry_run:
            note_sync(vault)
        return summary


class Total:
    """The summaries of several folders as one."""

    def __init__(self, traffic: Traffic) -> None:
        import time

        self.traffic = traffic
        self._clock = time.monotonic
        self._began = time.monotonic()
        self._actions: list[dict[str, Any]] = []  # of a dry run
        self.values: dict[str, Any] = {
            "uploaded_files": 0,
            "downloaded_files": 0,
            "moved": 0,
            "deleted_local": 0,
            "deleted_remote": 0,
            "conflicts": 0,
            "skipped": [],
            "failed": [],
            "aliases": [],
        }

    def add(self, summary: Summary, note: FolderNote) -> None:
        """Add what was done in one folder."""
        self._actions += [_action(action, note) for action in summary.actions]
        for key, value in asdict(summary).items():
            if key not in self.values:
                continue
            listed = isinstance(value, list)
            self.values[key] += [{"folder": str(note.path), **item} for item in value] if listed else value

    def print(self, out: Output, *, broke_off: bool = False) -> None:
        """Print the summary; for people, of what broke off, only if it says something."""
        for action in self._actions:
            out.line("action", **action)
            source = f"{escape(action['from'])} -> " if action["from"] else ""
            out.data(f"would {action['action'].replace('-', ' ')}: {source}{escape(action['path'])}")
        counts = self.traffic.counts
        seconds = round(self._clock() - self._began, 3)
        out.line(
            "summary",
            **self.values,
            uploaded_bytes=counts.uploaded_bytes,
            downloaded_bytes=counts.downloaded_bytes,
            requests=dict(counts.requests),
            seconds=seconds,
        )
        if broke_off and not any(self.values.values()):
            return
        for text in _sentences(self.values, counts, seconds):
            out.data(text)


def _action(action: Action, note: FolderNote) -> dict[str, Any]:
    """Return a planned action as JSON has it."""
    source = path_values(action.origin)["path"] if action.origin is not None else None
    return {"action": action.action, **path_values(action.path), "from": source, "folder": str(note.path)}


def _sentences(values: dict[str, Any], counts: Counts, seconds: float) -> list[str]:
    """Return the summary for people."""
    told = {
        "uploaded_files": "uploaded",
        "downloaded_files": "downloaded",
        "moved": "moved",
        "deleted_local": "deleted here",
        "deleted_remote": "deleted in the vault",
        "conflicts": "in conflict",
    }
    parts = [f"{values[key]} {text}" for key, text in told.items() if values[key]]
    traffic = f"{size_text(counts.uploaded_bytes)} up, {size_text(counts.downloaded_bytes)} down"
    lines = [
        f"{', '.join(parts) or 'nothing changed'} ({traffic}, {counted(sum(counts.requests.values()), 'request')}, {seconds:.1f} s)"
    ]
    for key in ("skipped", "failed"):
        lines += [f"{key}: {escape(item['path'])}: {escape(item.get('reason', ''))}" for item in values[key]]
    return lines + [_alias_sentence(item) for item in values["aliases"]]


def _alias_sentence(item: dict[str, Any]) -> str:
    """Return for people what stands here under another name, and why."""
    name, path = escape(item["name"]), escape(item["path"])
    if item["beside"] is None:
        return f"{name} is shown here as {path}, as this disk refuses that name"
    return (
        f"{name} is shown here as {path}, as this disk takes {escape(item['beside'])} and {name} for one name"
    )
