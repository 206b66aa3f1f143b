"""Everything that is printed goes through here: data to stdout, all else to stderr.

Names come from disks and from other people: what is not printable is shown escaped, so that no
file name can move the cursor, change colours or reverse the text on a terminal.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import unicodedata
from collections.abc import Iterable
from typing import TextIO

from e2esync.errors import E2ESyncError

SCHEMA = 1
_UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, direction marks, surrogates, line separators


def escape(text: str) -> str:
    """Return `text` so that a terminal shows it and does nothing else."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in _UNPRINTABLE else c for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as the file system decodes it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def path_values(path: bytes) -> dict[str, str]:
    """Return a path for JSON: lossy, and in base64 too where it is not UTF-8."""
    try:
        return {"path": path.decode()}
    except UnicodeDecodeError:
        import base64

        return {"path": path.decode(errors="replace"), "path_b64": base64.b64encode(path).decode()}


LAST_SECOND = 253_402_300_799  # of the year 9999


def time_text(seconds: float | None) -> str | None:
    """Return a time in RFC 3339, UTC; what a clock says before 1970 or after 9999, as its nearest."""
    if seconds is None:
        return None
    from datetime import UTC, datetime

    return datetime.fromtimestamp(min(max(seconds, 0), LAST_SECOND), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Output:
    """One command's voice."""

    def __init__(
        self,
        *,
        is_json: bool,
        is_plain: bool = False,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.is_json = is_json
        self.is_plain = is_plain
        self._out = stdout or sys.stdout
        self._err = stderr or sys.stderr

    @property
    def shows_bars(self) -> bool:
        """Whether stderr is a terminal that can redraw a line."""
        return not self.is_plain and self._err.isatty() and os.environ.get("TERM") != "dumb"

    def data(self, text: str = "") -> None:
        """Print a line of the answer for people."""
        if not self.is_json:
            self._print(self._out, text)

    def document(self, kind: str, **values: object) -> None:
        """Print the answer as one JSON document."""
        if self.is_json:
            self._json({"schema": SCHEMA, "kind": kind, **values})

    def line(self, type_: str, **values: object) -> None:
        """Print one line of an answer in JSON lines."""
        if self.is_json:
            self._json({"schema": SCHEMA, "type": type_, **values})

    def note(self, text: str = "") -> None:
        """Tell something that is not data."""
        self._print(self._err, text)

    def warn(self, text: str) -> None:
        """Tell something that should be seen."""
        self._print(self._err, f"warning: {text}")

    def error(self, error: E2ESyncError) -> None:
        """Print what happened, why, and what mends it."""
        what, why, fix = lines_of(error)
        self._print(self._err, f"error: {what}")
        self._print(self._err, f"why:   {why}")
        self._print(self._err, f"fix:   {fix}")
        if self.is_json:
            values = {"code": error.code, "exit": error.exit_code, "error": what, "why": why, "fix": fix}
            self._json({"schema": SCHEMA, "kind": "error", **values})

    def trace(self) -> None:
        """Print the traceback of the exception that is being handled."""
        traceback.print_exc(file=self._err)

    def _json(self, values: dict[str, object]) -> None:
        self._print(self._out, json.dumps(values, default=str))

    def _print(self, stream: TextIO, text: str) -> None:
        try:
            print(text, file=stream, flush=True)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def lines_of(error: E2ESyncError) -> tuple[str, str, str]:
    """Return the three lines of an error, none of them empty, each one line."""
    described = (type(error).__doc__ or "").strip().partition("\n")[0]
    why = error.why or described or "the command could not be carried out"
    fix = error.fix or "e2esync doctor"
    return _one_line(error.what), _one_line(why), _one_line(fix)


def _one_line(text: str) -> str:
    return escape("; ".join(part.strip() for part in text.splitlines() if part.strip()))


def tell(text: str = "", *, end: str = "\n") -> None:
    """Write to stderr what is neither data nor an error: a question, or words to be written down."""
    sys.stderr.write(text + end)
    sys.stderr.flush()


def columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return rows as aligned lines."""
    table = [tuple(row) for row in rows]
    if not table:
        return []
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
