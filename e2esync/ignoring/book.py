"""All rules that hold for a path: those of its directory and of each above, the nearest first.

A directory is whatever its owner calls it by: a path on the disk, or a number in the tree. What stands
in an ignored directory is ignored, whatever rules say below: nobody looks there.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from e2esync.ignoring.rules import BUILT_IN, RULES_FILE, Rule, Rules

D = TypeVar("D", bound=Hashable)


class Decision(NamedTuple, Generic[D]):
    """A rule that says of a path that it is ignored, or that it is not, and where that rule stands."""

    rule: Rule
    where: D | None  # directory of the file of rules; None: built in


class _Level(NamedTuple):
    """Rules, and where below them something stands."""

    rules: Rules
    where: object
    names: tuple[str, ...]


Above = Callable[[D], "tuple[D, bytes] | None"]  # which directory a directory stands in, and under which name
Read = Callable[[D], "Rules | None"]  # the rules in a directory, if it has any


class Book(Generic[D]):
    """Answers about one tree of directories; each file of rules is read once, when it is first needed."""

    def __init__(self, above: Above[D], read: Read[D]) -> None:
        self._above, self._read = above, read
        self._levels: dict[D, tuple[_Level, ...] | Decision[D]] = {}  # or what has the directory ignored

    def is_ignored(self, directory: D, name: bytes, *, is_directory: bool) -> bool:
        """Return whether what has this name in a directory is not synced.

        Raises whatever reading raises: then it is unknown.
        """
        decision = self.decision(directory, name, is_directory=is_directory)
        return decision is not None and decision.rule.is_ignoring

    def decision(self, directory: D, name: bytes, *, is_directory: bool) -> Decision[D] | None:
        """Return what decides about a thing; None if no rule names it: it is synced.

        A file of rules itself is ignored only with the directory that it stands in: it has to reach
        all devices, and one that is broken has to be seen to be mended.
        """
        if name == RULES_FILE:
            return self._of_directory(directory)
        levels = self._levels_in(directory)
        return levels if isinstance(levels, Decision) else _decide(levels, name, is_directory=is_directory)

    def has_rules(self, directory: D) -> bool:
        """Return whether the directory's own file of rules says anything; raises as `is_ignored`."""
        levels = self._levels_in(directory)
        return not isinstance(levels, Decision) and any(level.where == directory for level in levels)

    def _of_directory(self, directory: D) -> Decision[D] | None:
        above = self._above(directory)
        if above is None:
            return None
        parent, name = above
        levels = self._levels_in(parent)
        decision = levels if isinstance(levels, Decision) else _decide(levels, name, is_directory=True)
        return decision if decision is not None and decision.rule.is_ignoring else None

    def _levels_in(self, directory: D) -> tuple[_Level, ...] | Decision[D]:
        """Return the rules that hold in a directory, the nearest first; or what has it ignored."""
        todo: list[D] = []
        current: D | None = directory
        while current is not None and current not in self._levels:
            todo.append(current)
            above = self._above(current)
            current = above[0] if above is not None else None
        for each in reversed(todo):
            self._levels[each] = self._levels_of(each)
        return self._levels[directory]

    def _levels_of(self, directory: D) -> tuple[_Level, ...] | Decision[D]:
        above = self._above(directory)
        outer: tuple[_Level, ...] = ()
        if above is not None:
            parent, name = above
            levels = self._levels[parent]
            if isinstance(levels, Decision):
                return levels
            decision = _decide(levels, name, is_directory=True)
            if decision is not None and decision.rule.is_ignoring:
                return decision
            outer = tuple(level._replace(names=(*level.names, _text(name))) for level in levels)
        rules = self._read(directory)
        own = (_Level(rules, directory, ()),) if rules is not None and not rules.is_empty else ()
        return (*own, *outer)


def _decide(levels: tuple[_Level, ...], name: bytes, *, is_directory: bool) -> Decision | None:  # type: ignore[type-arg]
    for level in levels:
        rule = level.rules.about("/".join((*level.names, _text(name))), is_directory=is_directory)
        if rule is not None:
            return Decision(rule, level.where)
    return Decision(Rule(0, _text(name), is_ignoring=True), None) if name in BUILT_IN else None


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
