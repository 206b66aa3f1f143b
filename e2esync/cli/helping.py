"""`help`, `help TOPIC` and `completion`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from e2esync.cli import options as o
from e2esync.cli.catalogue import BY_NAME, ENTRIES, GROUPS
from e2esync.cli.output import Output, columns
from e2esync.cli.session import Session
from e2esync.cli.topics import TOPICS
from e2esync.errors import UsageError


def help_(
    topic: Annotated[str | None, typer.Argument(metavar="TOPIC", help="A topic, or a command.")] = None,
    all_: Annotated[
        bool, typer.Option("--all", envvar="E2ESYNC_ALL", help="All commands.", show_default=False)
    ] = False,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Show the commands, or a topic."""
    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    if topic is None:
        text = overview(everything=all_)
    elif topic in TOPICS:
        text = TOPICS[topic]
    elif topic in BY_NAME and BY_NAME[topic].home is not None:
        from e2esync.cli.app import invoke

        raise typer.Exit(invoke([topic, "--help"]))
    else:
        raise UsageError(
            f"there is no topic {topic!r}", why=f"topics: {', '.join(TOPICS)}", fix="e2esync help"
        )
    session.out.document("help", topic=topic, text=text)
    session.out.data(text.rstrip())


def overview(*, everything: bool) -> str:
    """Return the commands by group: the most used, or all."""
    lines = ["e2esync keeps a folder the same on your devices through a store that cannot read it.", ""]
    for group in GROUPS:
        shown = [entry for entry in ENTRIES if entry.group == group and (everything or entry.is_common)]
        lines.append(f"{group}:")
        lines += columns(
            (f"  {entry.name:12}", entry.text + ("" if entry.home else " (later version)")) for entry in shown
        )
        lines.append("")
    lines.append(
        "e2esync COMMAND --help shows the options" + ("" if everything else "; e2esync help --all the rest")
    )
    lines.append(f"e2esync help TOPIC: {', '.join(TOPICS)}")
    return "\n".join(lines)


class Shell(StrEnum):
    """Shells that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="For which shell.")]) -> None:
    """Print a completion script: e2esync completion bash > ~/.local/share/bash-completion/completions/e2esync."""
    from e2esync.cli.completing import script

    Output(is_json=False).data(script(shell.value))
