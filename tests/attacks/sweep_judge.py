"""The verdict on one cell: refused in the right way, or without effect for a reason of `sweep_reasons`.

An outcome without effect is not taken on trust: the result has to equal the honest one (or, where a whole
store is shown as it was and nobody could know better, the honest one of that time), and a reason has
to say why this verb on this class may go unnoticed by this command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random

from e2esync.errors import E2ESyncError, IntegrityError, NoVault, StoreRefused, TemporaryError
from tests.attacks.arena_oracles import AttackSucceeded, ClientCrashed
from tests.attacks.sweep_commands import (
    COMMANDS,
    FROM_FILES,
    HAVE_MEMORY,
    ReaderRefused,
    Result,
)
from tests.attacks.sweep_reasons import REASONS, REMEMBERS_KNOWN, Cell
from tests.attacks.sweep_verbs import FEW, NOT_IN_FILES, Target, lies
from tests.attacks.sweep_world import SweepWorld, classes


def _moment(cell: Cell) -> str:
    """Return the time of the honest store that a cell without effect may also show."""
    if cell.command in HAVE_MEMORY:
        return "known" if cell.command in REMEMBERS_KNOWN and cell.lie.how == "known" else "final"
    return cell.lie.how if cell.lie.verb in {"replay_all", "fork"} else "final"


def kinds_of(cell: Cell) -> tuple[type[E2ESyncError], ...]:
    """Return the errors with which a cell may end: exit code 6, but for these."""
    kinds: tuple[type[E2ESyncError], ...] = (IntegrityError,)
    if cell.lie.verb == "error":
        kinds += (TemporaryError,)
    if cell.lie.verb == "redirect":
        kinds += (StoreRefused,)
    if cell.command not in HAVE_MEMORY and cell.target.sort in {"card", "genesis"}:
        kinds += (NoVault,)  # nothing there belongs to these words: it was taken away
    return kinds


def _is_right(cell: Cell, error: E2ESyncError) -> bool:
    kinds = kinds_of(cell)
    if isinstance(error, ReaderRefused):
        return error.exit_code in {kind.exit_code for kind in kinds}
    return isinstance(error, kinds)


class Judge:
    """Runs cells over one world."""

    def __init__(self, world: SweepWorld) -> None:
        self._world = world
        self._honest: dict[tuple[str, str], Result] = {}
        self.reasons: set[str] = set()  # that were given

    def verdict(self, cell: Cell) -> str:
        """Return "refused", or the reason for which a cell is without effect.

        Raises:
            AttackSucceeded: It is neither.
        """
        site = self._world.site()
        try:
            cell.lie.tell(site.store)
            result = COMMANDS[cell.command](site)
        except E2ESyncError as error:
            if not _is_right(cell, error):
                raise AttackSucceeded(f"{cell} ends with {error!r}") from error
            return "refused"
        except AttackSucceeded as error:
            raise AttackSucceeded(f"{cell}: {error}") from error
        except Exception as error:
            raise ClientCrashed(f"{cell} crashes: {error!r}") from error
        finally:
            site.end()
        return self._excuse(cell, result)

    def _excuse(self, cell: Cell, result: Result) -> str:
        reason = next((one.why for one in REASONS if one.holds(cell, self._world)), None)
        if reason is None:
            same = "the honest result" if result == self.honest(cell.command) else "another result"
            raise AttackSucceeded(f"{cell} is not noticed: {same}")
        moment = _moment(cell)
        if result not in (self.honest(cell.command), self.honest(cell.command, moment)):
            raise AttackSucceeded(f"{cell} has an effect, in spite of this: {reason}")
        self.reasons.add(reason)
        return reason

    def honest(self, command: str, moment: str = "final") -> Result:
        """Return what a command makes of the honest store as it was at a time."""
        if (command, moment) not in self._honest:
            site = self._world.site()
            if moment != "final":
                site.store.replay_all(getattr(self._world.moments, moment))
            try:
                self._honest[command, moment] = COMMANDS[command](site)
            finally:
                site.end()
        return self._honest[command, moment]


def cells(world: SweepWorld, sort: str, *, samples: int = FEW, most: int = 0) -> Iterator[Cell]:
    """Yield the cells of one class, over at most so many of its objects (0: all), the newest first."""
    found = classes(world.store.shown(), world.sorts)
    strangers = [keys[0] for name, keys in found.items() if name != sort]
    chosen = sorted(found[sort], key=lambda key: world.written[key], reverse=True)
    for key in chosen[: most or None]:
        target = Target(key, sort, [other for other in found[sort] if other != key], strangers)
        for lie in lies(world, target, samples=samples):
            for command in COMMANDS:
                if command not in FROM_FILES or lie.verb not in NOT_IN_FILES:
                    yield Cell(command, target, lie)


def sampled(found: Iterable[Cell], most: Mapping[str, int], *, seed: str) -> list[Cell]:
    """Return at most so many forms of each verb for each command; no verb is left out."""
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in found:
        groups.setdefault((cell.command, cell.lie.verb, cell.target.key), []).append(cell)
    random = Random(seed)
    return [
        cell
        for (command, _, _), forms in groups.items()
        for cell in random.sample(forms, min(most[command], len(forms)))
    ]
