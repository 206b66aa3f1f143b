"""Questions to a person. Every one has a flag, and without a terminal the flag is what is named."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence

from e2esync.cli.output import tell
from e2esync.errors import E2ESyncError, UsageError


class Declined(E2ESyncError):
    """The person said no, and nothing was changed."""

    exit_code = 0
    code = "declined"


class Asker:
    """Asks on the terminal."""

    def __init__(self, *, may_ask: bool, yes: bool) -> None:
        self.may_ask = may_ask
        self.yes = yes

    def confirm(self, question: str) -> None:
        """Return if the answer is yes.

        Raises:
            UsageError: There is nobody to ask.
            Declined: The answer is no.
        """
        if self.yes:
            return
        self._need("--yes", question)
        if self.line(f"{question} [y/N] ").strip().lower() not in {"y", "yes"}:
            raise Declined("nothing was changed", why="you said no", fix="run the command again and answer y")

    def choose(self, question: str, choices: Sequence[str], *, flag: str) -> int:
        """Return the position of what was chosen.

        Raises:
            UsageError: There is nobody to ask, or the answer is none of the choices.
        """
        self._need(flag, f"{question}: {', '.join(choices)}")
        for number, choice in enumerate(choices, 1):
            tell(f"  {number}  {choice}")
        answer = self.line(f"{question}: ").strip()
        if answer.isdigit() and 1 <= int(answer) <= len(choices):
            return int(answer) - 1
        raise UsageError(f"{answer!r} is none of the choices", why="a number is expected", fix=flag)

    def line(self, prompt: str) -> str:
        """Return one typed line; the prompt goes to stderr, since stdout is data."""
        tell(prompt, end="")
        text = sys.stdin.readline()
        if not text:
            raise KeyboardInterrupt
        return text.rstrip("\n")

    def secret(self, prompt: str) -> str:
        """Return a typed line that is not shown."""
        return getpass.getpass(prompt, stream=sys.stderr)

    def words(self) -> str:
        """Return recovery words, typed on one line or several; an empty line ends them."""
        self._need("--recovery-file", "the recovery words have to be typed")
        tell("Type your 24 recovery words, then Enter:")
        typed: list[str] = []
        while len(typed) < 24:
            words = self.line("> ").split()
            if not words:
                break
            typed += words
        return " ".join(typed)

    def _need(self, flag: str, question: str) -> None:
        if not self.may_ask:
            raise UsageError(
                "this needs an answer, and there is nobody to ask",
                why=f"{question} (no terminal, or --no-input)",
                fix=f"give {flag}",
            )
