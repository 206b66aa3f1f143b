"""Completion scripts, written out whole: completing starts no Python."""

from __future__ import annotations

from typing import Any

import typer

from e2esync.cli.app import build
from e2esync.cli.catalogue import ENTRIES
from e2esync.cli.topics import TOPICS


def script(shell: str) -> str:
    """Return the script for bash, zsh or fish."""
    command: Any = typer.main.get_command(build([]))
    options = {
        entry.name: sorted(_options(command.commands[entry.name]))
        for entry in ENTRIES
        if entry.home is not None
    }
    texts = {entry.name: entry.text for entry in ENTRIES}
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](options, texts)


def _options(command: typer.core.TyperCommand) -> set[str]:
    return {
        option for parameter in command.params for option in parameter.opts if option.startswith("--")
    } | {"--help"}


def _bash(options: dict[str, list[str]], _texts: dict[str, str]) -> str:
    cases = "\n".join(f"    {name}) words='{' '.join(found)}' ;;" for name, found in options.items())
    return f"""\
_e2esync() {{
  local words current=${{COMP_WORDS[COMP_CWORD]}}
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '{" ".join(options)}' -- "$current"))
    return
  fi
  [[ ${{COMP_WORDS[1]}} == help ]] && COMPREPLY=($(compgen -W '{" ".join(TOPICS)}' -- "$current")) && return
  case ${{COMP_WORDS[1]}} in
{cases}
  esac
  [[ $current == -* ]] && COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _e2esync e2esync"""


def _zsh(options: dict[str, list[str]], texts: dict[str, str]) -> str:
    commands = "\n".join(f"    '{name}:{_quoted(texts[name])}'" for name in options)
    cases = "\n".join(f"    {name}) compadd -- {' '.join(found)} ;;" for name, found in options.items())
    return f"""\
#compdef e2esync
_e2esync() {{
  local -a commands
  commands=(
{commands}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  if [[ $words[2] == help ]]; then
    compadd -- {" ".join(TOPICS)}
    return
  fi
  if [[ $PREFIX != -* ]]; then
    _files
    return
  fi
  case $words[2] in
{cases}
  esac
}}
compdef _e2esync e2esync"""


def _fish(options: dict[str, list[str]], texts: dict[str, str]) -> str:
    lines = []
    for name, found in options.items():
        lines.append(f"complete -c e2esync -n __fish_use_subcommand -a {name} -d '{_quoted(texts[name])}'")
        lines += [
            f"complete -c e2esync -n '__fish_seen_subcommand_from {name}' -l {option.removeprefix('--')}"
            for option in found
        ]
    lines.append(f"complete -c e2esync -n '__fish_seen_subcommand_from help' -a '{' '.join(TOPICS)}'")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return text.replace("'", "").replace(":", " ")
