"""The command line as typer knows it, made of the one command that is asked for: loading all takes time."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import typer

from e2esync.cli.catalogue import BY_NAME, ENTRIES, Entry
from e2esync.errors import UsageError

_CONTEXT = {"help_option_names": ["-h", "--help"]}
_ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def invoke(arguments: list[str]) -> int:
    """Run the command that the arguments name; return its exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        arguments = ["help", *arguments[1:]]
    command = typer.main.get_command(build(arguments))
    result = command.main(args=arguments, prog_name="e2esync", standalone_mode=False)
    return result if isinstance(result, int) else 0


def build(arguments: list[str]) -> typer.Typer:
    """Return the application, with the command that is called, or with all if it is not known."""
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=False,
        pretty_exceptions_enable=False,
        context_settings=_CONTEXT,
        help="Keep folders the same on your devices through a store that cannot read them.",
    )
    app.callback()(_root)
    wanted = BY_NAME.get(arguments[0]) if arguments else None
    for entry in [wanted] if wanted is not None else ENTRIES:
        _add(app, entry)
    return app


def _root() -> None:
    """Keep folders the same on your devices through a store that cannot read them."""


def _add(app: typer.Typer, entry: Entry) -> None:
    if entry.home is None:
        app.command(entry.name, help=entry.text, context_settings=_ANYTHING)(_later(entry.name))
        return
    module, _, function = entry.home.partition(".")
    command: Any = getattr(import_module(f"e2esync.cli.{module}"), function)
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=entry.name, context_settings=_CONTEXT)
    else:
        app.command(entry.name, context_settings=_CONTEXT)(command)


def _later(name: str) -> Callable[[typer.Context], None]:
    def command(context: typer.Context) -> None:
        del context
        raise UsageError(
            f"`e2esync {name}` comes with a later version",
            why="this version has push, pull and what belongs to them",
            fix="e2esync help",
        )

    return command
