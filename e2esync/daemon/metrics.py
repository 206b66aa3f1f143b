"""How things stand, in the text format of Prometheus. Folders are told apart by the start of their vault's id, never by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from e2esync.daemon.standing import FolderStanding, State

_GAUGES: tuple[tuple[str, str, Callable[[FolderStanding], int]], ...] = (
    ("e2esync_files", "Files that this device and the vault have.", lambda one: one.survey.files),
    ("e2esync_bytes", "Their size.", lambda one: one.survey.bytes),
    ("e2esync_pending_up", "Paths that changed here and are not published.", lambda one: one.waiting),
    (
        "e2esync_pending_down",
        "Nodes that changed elsewhere and are not here.",
        lambda one: one.survey.pending_down,
    ),
    ("e2esync_conflicts", "Conflicts that nobody has settled.", lambda one: one.survey.conflicts),
    (
        "e2esync_last_sync_timestamp_seconds",
        "When folder and store were last in touch.",
        lambda one: one.survey.last_sync or 0,
    ),
)


def metrics(standings: Sequence[FolderStanding]) -> str:
    """Return all metrics."""
    lines = []
    for name, text, read in _GAUGES:
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        lines += [f'{name}{{vault="{_short(one)}"}} {read(one)}' for one in standings]
    lines += ["# HELP e2esync_state Whether a folder is in a state.", "# TYPE e2esync_state gauge"]
    lines += [
        f'e2esync_state{{vault="{_short(one)}",state="{state}"}} {int(one.state is state)}'
        for one in standings
        for state in State
    ]
    return "\n".join(lines) + "\n"


def _short(standing: FolderStanding) -> str:
    return standing.survey.note.vault.hex()[:8]
