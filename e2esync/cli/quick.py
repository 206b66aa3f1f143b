"""The commands that run every minute, without the parser, which takes longer to load than they to run.

Only the plainest spelling is understood: known flags and paths. Whatever else stands there, or is
set in the environment, is left to the parser; both ways end in the same functions.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

FLAGS = {
    "--json": "json",
    "--no-input": "no_input",
    "--yes": "yes",
    "--plain": "plain",
    "-n": "dry_run",
    "--dry-run": "dry_run",
}
_SWITCHES = ("json", "no_input", "yes", "plain")
_PARSED_ONLY = (
    "ENDPOINT_URL",
    "PROFILE",
    "REGION",
    "ADDRESSING_STYLE",
    *(name.upper() for name in FLAGS.values()),
)


class Call(NamedTuple):
    """A command, understood."""

    command: str
    flags: frozenset[str]
    paths: tuple[Path, ...]


def understand(arguments: list[str]) -> Call | None:
    """Return the call if it is one of the plain ones."""
    if not arguments or arguments[0] not in {"status", "push", "pull", "sync"}:
        return None
    if any(f"E2ESYNC_{name}" in os.environ for name in _PARSED_ONLY):
        return None
    command, *rest = arguments
    paths = tuple(Path(argument) for argument in rest if not argument.startswith("-"))
    flags = [argument for argument in rest if argument.startswith("-")]
    if any(flag not in FLAGS for flag in flags):
        return None
    meant = frozenset(FLAGS[flag] for flag in flags)
    if command == "status" and (paths or "dry_run" in meant):
        return None
    return Call(command, meant, paths)


def run(call: Call) -> int:
    """Run it; return the exit code."""
    from e2esync.cli.session import Session

    session = Session(**{name: name in call.flags for name in _SWITCHES})
    if call.command == "status":
        from e2esync.cli import standing

        return standing.show(session)
    from e2esync.cli import rounds

    work = {"push": rounds.push, "pull": rounds.pull, "sync": rounds.sync}[call.command]
    work(session, call.paths, dry_run="dry_run" in call.flags)
    return 0
