"""How long work goes on: a bar on a terminal, plain lines elsewhere, nothing for what takes less than a second."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

from e2esync.cli.output import Output
from e2esync.model.amounts import size_text

_QUIET = 1.0  # seconds
_BETWEEN = 5.0  # seconds between two plain lines
_REDRAW = 0.1  # seconds


class Bar:
    """Hears about the stages of a command; usable as an engine's `Progress`."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._began = time.monotonic()
        self._next = self._began + _QUIET
        self._rich: Any = None
        self._tasks: dict[str, Any] = {}

    def __call__(self, stage: str, done: int, total: int | None, /) -> None:
        """Show how far `stage` is, in bytes or items."""
        now = time.monotonic()
        if now < self._next:
            return
        if self._out.shows_bars:
            self._next = now + _REDRAW
            self._draw(stage, done, total)
        else:
            self._next = now + _BETWEEN
            self._out.note(f"{stage}: {_amount(stage, done, total)}")

    def _draw(self, stage: str, done: int, total: int | None) -> None:
        if self._rich is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            self._rich = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[amount]}"),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._rich.start()
        if stage not in self._tasks:
            self._tasks[stage] = self._rich.add_task(stage, total=total, amount="")
        self._rich.update(self._tasks[stage], completed=done, total=total, amount=_amount(stage, done, total))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rich is not None:
            self._rich.stop()


def _amount(stage: str, done: int, total: int | None) -> str:
    show = str if stage in {"compare", "export", "pages", "verify"} else size_text
    return show(done) if total is None else f"{show(done)} of {show(total)}"
