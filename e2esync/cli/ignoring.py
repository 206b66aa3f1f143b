"""`ignore check`, `ignore add` and `ignore defaults`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from e2esync.cli import options as o
from e2esync.cli.opening import place_of
from e2esync.cli.output import escape, path_values
from e2esync.cli.session import Session, folder_of
from e2esync.errors import UsageError
from e2esync.model.amounts import counted

if TYPE_CHECKING:
    from e2esync.engine.notes import FolderNote
    from e2esync.wiring.ignorerules import Answer

ignore = typer.Typer(add_completion=False, help="Say what is not synced.")

Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder", envvar="E2ESYNC_FOLDER", help="The folder that gets the rules; else the one you are in."
    ),
]


@ignore.callback()
def _ignore() -> None:
    """Say what is not synced."""


@ignore.command("check")
def check(
    *,
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Paths in synced folders.")],
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Say of each path whether it is ignored, and by which rule. It need not be there; `x/` is a directory."""
    from e2esync.wiring.ignorerules import check as check_paths

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    local = session.device()
    answers: list[tuple[FolderNote, Answer]] = []
    for path in paths:
        note, relative = place_of(session, local, Path(path))
        answers += [(note, answer) for answer in check_paths(note, [(relative, path.endswith("/"))])]
    session.out.document("ignore-check", paths=[_values(*each) for each in answers])
    for _, answer in answers:
        session.out.data(_sentence(answer))


def _values(note: FolderNote, answer: Answer) -> dict[str, Any]:
    rule = None
    if answer.pattern is not None:
        file = os.fsdecode(answer.file) if answer.file is not None else None
        rule = {"file": file, "line": answer.line or None, "pattern": answer.pattern}
    return {
        **path_values(answer.path),
        "folder": str(note.path),
        "ignored": answer.is_ignored,
        "rule": rule,
    }


def _sentence(answer: Answer) -> str:
    name = escape(os.fsdecode(answer.path)) or "."
    if answer.pattern is None:
        return f"{name}: synced, no rule names it"
    where = f"{escape(os.fsdecode(answer.file))}:{answer.line}" if answer.file is not None else "built in"
    return f"{name}: {'ignored' if answer.is_ignored else 'synced'} ({where}: {escape(answer.pattern)})"


@ignore.command("add")
def add(
    *,
    patterns: Annotated[list[str], typer.Argument(metavar="PATTERN", help="Rules as in .gitignore.")],
    folder: Folder = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Append rules to the .e2esyncignore in the folder's root. What they name stays where it is, here and in the vault."""
    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    _see_that_they_are_rules(patterns)
    note = _folder(session, folder)
    added = _added(note, patterns)
    session.out.document("ignore-add", folder=str(note.path), added=added)
    session.out.data(_told(note, added))


@ignore.command("defaults")
def defaults(
    *,
    add: Annotated[
        bool, typer.Option("--add", envvar="E2ESYNC_ADD", help="Append them to the folder's rules.")
    ] = False,
    folder: Folder = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Show a set of rules to start with; --add appends them to the .e2esyncignore in the folder's root."""
    from e2esync.ignoring.rules import BUILT_IN, DEFAULTS

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    lines = DEFAULTS.splitlines()
    note = _folder(session, folder) if add else None
    added = _added(note, lines) if note is not None else []
    session.out.document(
        "ignore-defaults",
        rules=[line for line in lines if not line.startswith("#")],
        built_in=[name.decode() for name in BUILT_IN],
        added=[line for line in added if not line.startswith("#")],
    )
    for text in [_told(note, added)] if note is not None else lines:
        session.out.data(text)


def _folder(session: Session, path: Path | None) -> FolderNote:
    """Return the folder that is meant: the one named, the one that we are in, or the only one."""
    notes = session.folders(session.device(), [path] if path is not None else None)
    if len(notes) == 1:
        return notes[0]
    try:
        return folder_of(notes, Path.cwd())
    except UsageError:
        raise UsageError(
            "it is not clear which folder gets the rules",
            why=f"{counted(len(notes), 'folder')} are synced on this device, and you are in none of them",
            fix="name it with --folder FOLDER",
        ) from None


def _see_that_they_are_rules(patterns: list[str]) -> None:
    from e2esync.ignoring.rules import BadRules, Rules

    for pattern in patterns:
        try:
            is_one = "\n" not in pattern and not Rules(pattern.encode()).is_empty
        except (BadRules, UnicodeEncodeError):
            is_one = False
        if not is_one:
            raise UsageError(
                f"{escape(pattern)!r} is no rule",
                why="it says nothing in the syntax of .gitignore",
                fix="e2esync help ignore",
            )


def _added(note: FolderNote, lines: list[str]) -> list[str]:
    from e2esync.wiring.ignorerules import add as add_lines

    return add_lines(note, lines)


def _told(note: FolderNote, added: list[str]) -> str:
    name = escape(str(note.path / ".e2esyncignore"))
    return f"{counted(len(added), 'line')} added to {name}." if added else f"{name} has them already."
