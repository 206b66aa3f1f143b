"""A device that dies at the k-th step: a call to the store, a commit, a change of the folder.

What the dead process would have done afterwards does not happen, in no thread of it. What it had
not committed is rolled back by closing its databases, as by a kill.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from e2esync.errors import StoreUnavailable
from tests.engine.world import Dev

_FOLDER = frozenset({
    "stage", "stage_link", "replace", "make_directory", "remove", "remove_directory", "move", "swap", "set_mode",
    "set_times", "bring_back", "barrier",
})  # fmt: skip
_STORE = frozenset({"put", "put_if_absent", "put_if_match", "get", "head", "list", "delete"})


class Killed(BaseException):
    """The process ends here."""


class Death:
    """Comes before step `at`, or right after it; 0: never."""

    def __init__(self, at: int = 0, *, after: bool = False) -> None:
        self.at, self.after = at, after
        self.steps: list[str] = []
        self.dead = False
        self._lock = threading.Lock()

    def step(self, what: str, act: Callable[[], object]) -> object:
        with self._lock:
            if self.dead:
                raise Killed(what)
            self.steps.append(what)
            mine = len(self.steps) == self.at
            self.dead = mine and not self.after
            if self.dead:
                raise Killed(what)
            done = act()
            self.dead = mine
            if self.dead:
                raise Killed(what)
            return done


class Meanwhile(Death):
    """Something else happens before step `at`, once, and the device goes on."""

    def __init__(self, at: int, happens: Callable[[], object]) -> None:
        super().__init__()
        self._when, self._happens = at, happens

    def step(self, what: str, act: Callable[[], object]) -> object:
        with self._lock:
            is_time = len(self.steps) + 1 == self._when
            self._when = 0 if is_time else self._when  # another thread may come here before the step is taken
        if is_time:
            self._happens()
        return super().step(what, act)


class CutOff(Death):
    """From step `at` on the store is out of reach."""

    def step(self, what: str, act: Callable[[], object]) -> object:
        at, self.at = self.at, 0
        try:
            if what.startswith("store.") and len(self.steps) + 1 >= at:
                raise StoreUnavailable("the network is gone")
            return super().step(what, act)
        finally:
            self.at = at


class _Steps:
    """Something of which each named call is a step."""

    def __init__(self, inner: object, death: Death, label: str, calls: frozenset[str]) -> None:
        self._inner, self._death, self._label, self._calls = inner, death, label, calls

    def __getattr__(self, name: str):
        found = getattr(self._inner, name)
        if name not in self._calls:
            return found
        return lambda *args, **kwargs: self._death.step(
            f"{self._label}.{name}", lambda: found(*args, **kwargs)
        )


class _Connection:
    """A connection to SQLite of which each commit is a step, also one by itself."""

    def __init__(self, inner, death: Death, label: str) -> None:
        self._inner, self._death, self._label = inner, death, label

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def execute(self, statement: str, *values):
        return self._run(statement, lambda: self._inner.execute(statement, *values))

    def executemany(self, statement: str, values):
        return self._run(statement, lambda: self._inner.executemany(statement, values))

    def _run(self, statement: str, act):
        verb = statement.split(maxsplit=1)[0]
        alone = verb in {"INSERT", "UPDATE", "DELETE"} and not self._inner.in_transaction
        temporary = any(
            f" {table}" in statement
            for table in ("found", "incoming", "step", "gone", "touched", "old_row", "new_row")
        )
        if verb == "COMMIT" or (alone and not temporary):
            return self._death.step(f"{self._label} commit", act)
        return act()


def run(dev: Dev, command: str, death: Death, *, folder_steps: frozenset[str] = _FOLDER) -> bool:
    """Run a command of a mortal device; return whether it came to its end. The next process may follow."""
    store = _Steps(dev.vault.store, death, "store", _STORE)
    folder = _Steps(dev.vault.folder, death, "folder", folder_steps)
    state, catalogue = dev.vault.state, dev.vault.catalogue
    whole = state._db, catalogue._db
    state._db = _Connection(whole[0], death, "state")  # type: ignore[assignment]
    catalogue._db = _Connection(whole[1], death, "catalogue")  # type: ignore[assignment]
    try:
        with dev.using(store=store, folder=folder):
            getattr(dev, command)()
    except Killed:
        return False
    finally:
        state._db, catalogue._db = whole
        dev.restart()
    return True
