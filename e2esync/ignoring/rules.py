"""One file of rules: its lines, and what the last that matches says of a path below it.

`pathspec` turns each line into a pattern. Which pattern decides is told here: the last that matches
the path itself. `GitIgnoreSpec` would also count those that match a directory above, which git asks
about that directory only; with rules in several directories the two come apart.
"""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from e2esync.errors import E2ESyncError

if TYPE_CHECKING:
    from pathspec.pattern import RegexPattern

RULES_FILE = b".e2esyncignore"
MAX_SIZE = 1 << 20  # bytes of one file of rules
MAX_RULES = 10_000  # in one file: each may be asked about every path

# What operating systems strew about by themselves, of which each makes its own: nobody wants these on
# another device, and nobody would think of writing a rule before they are there. All else may be
# somebody's work (a `.part`, a `.swp` that holds the only copy), so it is for people to decide:
# `e2esync ignore defaults` offers it.
BUILT_IN = (b".DS_Store", b"Thumbs.db", b"desktop.ini")

DEFAULTS = """\
# what editors, offices and browsers leave beside a file while they work on it
~$*
.~lock.*#
*.swp
*.swo
4913
.#*
\\#*#
*~
*.sb-????????-??????
*.part
*.partial
*.crdownload
*.download
.fuse_hidden*
.nfs????????????????????????
.Trash-*/
"""


class BadRules(E2ESyncError):
    """A file of rules that cannot be understood: what it would say is unknown."""

    code = "bad-ignore-rules"

    def __init__(self, reason: str) -> None:
        super().__init__("a file of ignore rules cannot be used", why=reason)
        self.reason = reason


class Rule(NamedTuple):
    """A line that decides."""

    line: int  # from 1; 0: built in
    text: str
    is_ignoring: bool


class Rules:
    """The rules of one file, which hold for all that is below its directory."""

    def __init__(self, content: bytes) -> None:
        """Understand a file.

        Raises:
            BadRules: It is too large, not UTF-8, or a line is no pattern.
        """
        self._patterns = [
            (number, line, pattern)
            for number, line in enumerate(_lines(content), 1)
            if (pattern := _pattern(number, line)) is not None
        ]
        if len(self._patterns) > MAX_RULES:
            raise BadRules(f"there are more than {MAX_RULES} rules in it")
        self._patterns.reverse()

    def about(self, path: str, *, is_directory: bool) -> Rule | None:
        """Return the rule that decides about a path relative to the file's directory; None if none does."""
        asked = path + "/" if is_directory else path
        for number, line, pattern in self._patterns:
            found = pattern.match_file(asked if line.rstrip().endswith("/") else path)
            # The one group of such a pattern is the slash behind what it names: a directory above, or the path.
            if found is not None and all(end in {-1, len(path) + 1} for _, end in found.match.regs[1:]):
                return Rule(number, line, bool(pattern.include))
        return None

    @cached_property
    def is_empty(self) -> bool:
        """Return whether it says nothing of any path."""
        return not self._patterns


def _lines(content: bytes) -> list[str]:
    if len(content) > MAX_SIZE:
        raise BadRules(f"it is larger than {MAX_SIZE >> 20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRules("it is not UTF-8") from None
    return [line.removesuffix("\r") for line in text.split("\n")]


def _pattern(number: int, line: str) -> RegexPattern | None:
    """Return the pattern of a line; None if it says nothing."""
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # most folders have no rules

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # `[[:alpha:]]` would be read as another set of letters
            pattern = GitIgnoreSpecPattern(_spelled_out(line))
    except (ValueError, Warning, RecursionError, OverflowError):
        raise BadRules(f"line {number} is no pattern: {line[:80]}") from None
    if pattern.include is None and line.strip() and not line.startswith("#") and line.strip() != "/":
        raise BadRules(f"line {number} is no pattern: {line[:80]}")
    return pattern if pattern.include is not None else None


def _spelled_out(line: str) -> str:
    """Return a line so that its pattern names directories by themselves, not also by what is in them."""
    text = line.rstrip(" ")
    if text.endswith("**/"):
        return text + "?*/"
    return text[:-2] + "?*/" if text in {"*/", "!*/"} else line
