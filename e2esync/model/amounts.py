"""Amounts in words for people."""

from __future__ import annotations


def size_text(size: float) -> str:
    """Return a size in bytes for people."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def counted(count: int, thing: str, things: str | None = None) -> str:
    """Return a number of things for people."""
    return f"{count} {thing}" if count == 1 else f"{count} {things or thing + 's'}"


def remaining_text(seconds: float) -> str:
    """Return for people how long something will take yet: no more exactly than anybody knows."""
    if seconds < 60:
        return "less than a minute left"
    if seconds < 3600:
        return f"about {counted(round(seconds / 60), 'minute')} left"
    if seconds < 2 * 86_400:
        return f"about {counted(round(seconds / 3600), 'hour')} left"
    return f"about {counted(round(seconds / 86_400), 'day')} left"
