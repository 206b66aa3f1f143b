"""Times as people type them: RFC 3339, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from e2esync.errors import UsageError

_AGO = re.compile(r"(\d+)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def moment(text: str, now: int) -> int:
    """Return a time in seconds since 1970; `now` likewise.

    Raises:
        UsageError: It is none.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return now - int(ago[1]) * _SECONDS[ago[2]]
    try:
        found = datetime.fromisoformat(text.strip())
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is not a time", fix="2026-11-23T14:02:00Z, or how long ago: 30m, 2h, 3d, 1w"
        ) from None
