"""The recovery words on their way to a person, and back."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from e2esync.cli.ask import Asker
from e2esync.cli.output import tell
from e2esync.errors import UsageError

if TYPE_CHECKING:
    from e2esync.crypto.secrets import Entropy

_ASKED = 3  # words that are typed back
_TRIES = 3
_COLUMNS = 4


class WordsOnTerminal:
    """Shows new words once, and sees that they were written down."""

    def __init__(self, ask: Asker) -> None:
        self._ask = ask

    def __call__(self, words: tuple[str, ...]) -> None:
        """Show the words; return once some of them were typed back.

        Raises:
            UsageError: There is no terminal, or they were not typed back; nothing was made yet.
        """
        if not self._ask.may_ask:
            raise UsageError(
                "the recovery words have to reach you",
                why="there is no terminal to show them on (or --no-input)",
                fix="give --recovery-file FILE; they are written to it",
            )
        tell("These 24 words are the only way back to your files if every device is lost.")
        tell("They are shown once. Write them on paper, in this order:\n")
        for start in range(0, len(words), _COLUMNS):
            numbered = enumerate(words[start : start + _COLUMNS], start + 1)
            tell("   ".join(f"{number:2} {word:9}" for number, word in numbered))
        tell()
        if not self._ask.yes:
            self._test(words)

    def _test(self, words: tuple[str, ...]) -> None:
        positions = sorted(secrets.SystemRandom().sample(range(len(words)), _ASKED))
        for position in positions:
            for _ in range(_TRIES):
                if self._ask.line(f"Type word {position + 1}: ").strip().lower() == words[position]:
                    break
                tell("That is another word.")
            else:
                raise UsageError(
                    "the words were not typed back",
                    why="nothing was made yet; the words that were shown count for nothing",
                    fix="run the same command again: it shows new words",
                )


def read_words(ask: Asker, file: Path | None, *, typed: bool) -> Entropy | None:
    """Return what the recovery words spell; None if neither a file nor typing was asked for."""
    return required_words(ask, file) if file is not None or typed else None


def required_words(ask: Asker, file: Path | None) -> Entropy:
    """Return what the recovery words spell: of a file, or typed.

    Raises:
        WordsError: They are mistyped.
        UsageError: The file cannot be read.
    """
    from e2esync.crypto.recovery import from_words

    if file is not None:
        try:
            return from_words(file.expanduser().read_text("utf-8"))
        except OSError as error:
            raise UsageError(
                "the recovery file cannot be read",
                why=f"{file}: {error.strerror}",
                fix="name the file with your recovery words with --recovery-file",
            ) from error
        except UnicodeDecodeError:
            raise UsageError(
                f"{file} holds no recovery words", why="it is not text", fix="name the right file"
            ) from None
    return from_words(ask.words())
