"""Two devices of one process over a `FaultyStore`: no network, no processes, no time."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from e2esync.adapters.stores.memory import MemoryStore
from e2esync.errors import StoreUnavailable
from e2esync.format import names
from moto_fixtures.faulty import FaultyStore, nothing
from tests.engine.world import World

CHANGED = 400_000  # bytes of the change, which do not compress


class Pair:
    """Two devices in step over a store that can have a bad day; the first has made a change."""

    head_kind = names.Kind.HEAD

    def __init__(self, home: Path) -> None:
        self.store = FaultyStore(MemoryStore())
        self.world = World(home, self.store)
        self.a, self.b = self.world.device("laptop"), self.world.device("desk")
        chance = random.Random(1)
        for name, size in (("small", 10), ("medium", 5000), ("large", 300_000)):
            (self.a.root / name).write_bytes(chance.randbytes(size))
        self.a.push()
        self.b.pull()
        self.old = self.a.tree()
        (self.a.root / "small").write_bytes(b"edited")
        (self.a.root / "new").write_bytes(chance.randbytes(CHANGED))
        self.new = self.a.tree()
        self.packs = self.stored_packs()

    def stored_packs(self) -> int:
        """How many bytes of packs there are."""
        return sum(len(self.store.get(key)) for key in self.world.keys_of(names.Kind.PACK))

    def bad(self, script, act: Callable[[], object]) -> bool:
        """Do something while the store follows a script; return whether it came to its end."""
        self.store.calls.clear()
        self.store.script = script
        try:
            act()
        except StoreUnavailable:
            return False
        finally:
            self.store.script = nothing
        return True

    def a_stranger_sees(self) -> dict:
        """The folder of a device that reads everything from the store; it is gone again."""
        late = self.world.fresh("late")
        late.pull()
        found = late.tree()
        late.close()
        self.world.devices.remove(late)
        shutil.rmtree(late.home)
        return found
