"""Where attacks are fought: a world over a hostile store, oracles, and the pattern of a row.

A row of the threat model is one function that attacks and lets oracles judge. `row` makes tests of it: one
with the client as it is, which every oracle has to pass, and one for each weakness, in which the
same attack has to succeed. So a row that asserts nothing fails the suite.

    from tests.attacks.arena import Arena, row
    from e2esync.format.names import Kind

    @row("C1", shows=["G2"], weaknesses=["signatures", ("seals", "chunk ids", "content hash")])
    def test_a_flipped_byte_of_any_object_is_refused(arena: Arena):
        arena.pair()                              # laptop and desk, in sync, with some files
        for key in arena.keys(Kind.CARD, Kind.HEAD, Kind.PACK):
            for position in (0, -1, …):
                arena.store.flip(key, position)
                arena.newcomer_refuses()          # DET + NOCH for a device from the words
                arena.store.honest()

and with memory, which also checks that trust does not advance and that the next honest pull works:

    @row("R1", shows=["G5"], weaknesses=["trust memory"])
    def test_a_head_of_yesterday_is_refused(arena):
        laptop, desk = arena.pair()
        then = arena.store.now
        arena.edit(laptop); laptop.push(); desk.pull()
        arena.store.replay(arena.head_of(laptop), then)
        arena.refuses(desk)                       # DET + NOCH + NOST, the store honest again, a pull that works

Rules of the pattern:
* a weakness is a name in `arena_defences.DEFENCES`, or a tuple of names that are off together (defences
  overlap: an attack that only one of three stops says so with three). Add your own there.
* an arena makes everything when first asked, so inside of `weakened`.
* the attack may take more fixtures, and parameters by `@pytest.mark.parametrize` under `@row`.
* a weakened client that crashes proves nothing: `ClientCrashed` is not accepted as success.
* for a command that is refused otherwise, name the kinds: `arena.refuses(desk, kinds=(Fork, Rollback))`.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Container, Iterable, Sequence
from functools import cached_property, wraps
from pathlib import Path
from typing import Any

import pytest

from e2esync.adapters.stores.memory import MemoryStore
from e2esync.engine.fetch import TRUSTED
from e2esync.engine.join import find_vaults, kept_identity, look_at
from e2esync.engine.members import open_membership
from e2esync.errors import E2ESyncError, IntegrityError
from e2esync.format import names
from e2esync.format.ownrecord import VaultNote
from e2esync.vault import trust
from e2esync.vault.heads import open_head
from e2esync.vault.keyring import open_keyring
from e2esync.vault.ownrecord import seal_own_record
from moto_fixtures.hostile import HostileStore
from tests.attacks.arena_defences import DEFENCES, Patch, weakened
from tests.attacks.arena_oracles import (
    AttackSucceeded,
    ClientCrashed,
    all_of,
    bnd,
    det,
    noch,
    noch_but,
    nolk,
    nost,
    refused_content,
    same,
    same_view,
    trust_of,
    unchanged,
)
from tests.engine.world import Dev, Keys, World

CANARY = b"canary-that-sings-in-the-arena-9c41"


class _Nobody:
    """A device that keeps nothing yet."""

    def kept_identity(self):
        return None


class Arena:
    """A world whose store is hostile; each device has a view of its own name. Made when first asked for."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._attempts = 0

    @cached_property
    def store(self) -> HostileStore:
        return HostileStore(MemoryStore())

    @cached_property
    def world(self) -> World:
        return World(self.home, self.store)

    def device(self, name: str) -> Dev:
        """A device that has just joined, with an empty folder."""
        return self.world.device(name, store=self.store.view(name))

    def pair(self) -> tuple[Dev, Dev]:
        """Two devices in sync, each of which has written."""
        laptop, desk = self.device("laptop"), self.device("desk")
        self.fill(laptop)
        laptop.push()
        desk.pull()
        (desk.root / "by the desk").write_bytes(CANARY + b" of the desk")
        desk.push()
        laptop.pull()
        assert laptop.tree() == desk.tree()
        return laptop, desk

    def fill(self, dev: Dev) -> None:
        """Put something of each kind into a folder; nothing that compresses away."""
        (dev.root / "docs" / "deep").mkdir(parents=True)
        (dev.root / "docs" / "deep" / "notes").write_bytes(CANARY * 3)
        (dev.root / "plain").write_bytes(CANARY)
        (dev.root / "empty").write_bytes(b"")
        (dev.root / "link").symlink_to("plain")

    def edit(self, dev: Dev, name: str = "plain", content: bytes = CANARY + b" edited") -> None:
        """Change a file."""
        (dev.root / name).write_bytes(content)

    def keys(self, *kinds: names.Kind) -> list[str]:
        """The keys of all objects of these kinds (none: of all)."""
        parsed = ((key, names.parse(key)) for key in self.store.shown())
        return [key for key, name in parsed if name is not None and (not kinds or name.kind in kinds)]

    def head_of(self, dev: Dev) -> str:
        """The key of a device's head."""
        return names.head(self.world.keys.vault_id, dev.device.id)

    def newcomer(self, name: str = "newcomer") -> Dev:
        """A device from the words alone; it reads what `join` reads."""
        store, world = self.store.view(name), self.world
        kept = kept_identity(store, _Nobody(), world.entropy)  # type: ignore[arg-type]
        (candidate, *_) = [
            one for one in find_vaults(store, kept) if one.vault == world.keys.vault_id
        ] or find_vaults(store, kept)
        found = look_at(store, kept, candidate)
        membership = open_membership(candidate.vault, found.membership)
        keyring = open_keyring(membership, kept.identity)
        keys = Keys(kept.identity, membership, keyring, candidate.vault)
        dev = world.device(name, keys=keys, store=store)
        dev.vault.state.set(TRUSTED, trust.recall(candidate.notes).encode())  # as a join leaves it
        return dev

    def note(self, dev: Dev, revision: int = 1) -> None:
        """Write the own record of a device: it has seen every head that is shown (floors, format §3.6)."""
        keys, heads = self.world.keys, []
        for key in self.keys(names.Kind.HEAD):
            head = open_head(
                self.store.body(key),
                key.rpartition("/")[2],
                vault_id=keys.vault_id,
                membership=keys.membership,
                keyring=keys.keyring,
            )
            heads.append((head.device, head.sequence, head.hash))
        public = keys.identity.public
        seen = VaultNote(
            keys.vault_id, public.fingerprint, "Sync", "memory:", keys.membership.tip, tuple(sorted(heads))
        )
        content = seal_own_record(
            dev.device, public, revision=revision, device_name=dev.name, user_name="Ann", vaults=[seen]
        )
        self.store.put(names.own_record(public.fingerprint, dev.device.id), content)

    # --- verdicts: several oracles at once ----------------------------------------------------------

    def refuses(
        self,
        dev: Dev,
        command: Callable[[], object] | None = None,
        *,
        kinds: Iterable[type[E2ESyncError]] = (IntegrityError,),
        recovers: bool = True,
    ) -> E2ESyncError:
        """DET, NOCH and NOST for a command (by default: pull) of a device; return the error.

        Afterwards the store is honest, and an honest pull has worked (unless `recovers` is false:
        then the lies stand, and trust is not looked at).
        """
        before, disk = trust_of(dev), all_of(dev)
        error = det(command or dev.pull, *kinds)
        self._unharmed(dev, error, disk)
        if recovers:
            after = trust_of(dev)
            self.store.honest()
            dev.restart()
            self.pulls(dev)
            nost(before, after, trust_of(dev))
        return error

    def pulls(self, dev: Dev) -> None:
        """See that a pull works, and leaves nothing out."""
        try:
            pulled = dev.pull()
        except E2ESyncError as error:
            raise AttackSucceeded(f"an honest pull fails after the attack: {error!r}") from error
        if pulled.failed or pulled.skipped:
            raise AttackSucceeded(f"an honest pull leaves out {pulled.failed or pulled.skipped}")

    def newcomer_refuses(self, *kinds: type[E2ESyncError], signed: Container[bytes] = ()) -> E2ESyncError:
        """DET and NOCH for a device that reads everything from the words on; it is gone afterwards.

        `signed`: paths of good files that a forger has signed.
        """
        self._attempts += 1
        name = f"newcomer {self._attempts}"
        known = len(self.world.devices)

        def join_and_pull() -> dict[bytes, tuple]:
            dev = self.newcomer(name)
            dev.pull()
            return dev.tree()

        try:
            error = det(join_and_pull, *kinds)
            for dev in self.world.devices[known:]:
                self._unharmed(dev, error, None, signed=signed)
            return error
        finally:
            for dev in self.world.devices[known:]:
                self.drop(dev)

    def _unharmed(
        self, dev: Dev, error: E2ESyncError, disk: dict[bytes, tuple] | None, *, signed: Container[bytes] = ()
    ) -> None:
        """NOCH: the disk is as it was (None: empty); where contents of files are refused, that is theirs."""
        if refused_content(error):
            others = [other for other in self.world.devices if other is not dev]
            honest = {path: thing for other in others for path, thing in other.tree().items()}
            own = {path: thing for path, thing in dev.tree().items() if path in signed}
            noch_but(dev, error, disk or {}, honest | own)
        elif disk is not None:
            unchanged(dev, disk)
        elif dev.tree():
            raise AttackSucceeded(f"a refused pull has made {sorted(dev.tree())[:5]}")

    def drop(self, dev: Dev) -> None:
        """Take a device and all that it has out of the world."""
        self.world.devices.remove(dev)
        dev.close()
        shutil.rmtree(dev.home)

    def close(self) -> None:
        if "world" in vars(self):
            self.world.close()


Weakness = str | Sequence[str]


def row(
    row_id: str, *, shows: Sequence[str] = (), weaknesses: Sequence[Weakness]
) -> Callable[[Callable[..., object]], Callable[..., None]]:
    """Make tests of an attack: the client as it is withstands it, and each weakened one does not.

    `weaknesses` may be empty only where no function of the product stands between attack and success.
    """
    options: list[tuple[str, ...]] = [(), *((w,) if isinstance(w, str) else tuple(w) for w in weaknesses)]

    def make(attack: Callable[..., object]) -> Callable[..., None]:
        @wraps(attack)
        def test(weakness: tuple[str, ...], **fixtures: Any) -> None:
            if not weakness:
                attack(**fixtures)
                return
            with weakened(*weakness), pytest.raises(AttackSucceeded) as found:
                attack(**fixtures)
            assert not isinstance(found.value, ClientCrashed), f"a crash proves nothing: {found.value}"

        given = inspect.signature(attack)
        first = inspect.Parameter("weakness", inspect.Parameter.KEYWORD_ONLY)
        test.__signature__ = given.replace(  # type: ignore[attr-defined]
            parameters=[*given.parameters.values(), first]
        )
        ids = ["withstood", *("without " + " and ".join(names) for names in options[1:])]
        marked = pytest.mark.parametrize("weakness", options, ids=ids)(test)
        marked = pytest.mark.row(row_id)(marked)
        return pytest.mark.shows(*shows)(marked) if shows else marked

    return make


__all__ = [
    "CANARY",
    "DEFENCES",
    "Arena",
    "AttackSucceeded",
    "ClientCrashed",
    "Patch",
    "all_of",
    "bnd",
    "det",
    "noch",
    "nolk",
    "nost",
    "row",
    "same",
    "same_view",
    "trust_of",
    "weakened",
]
