"""The cells of the sweep, and why one may be without effect; and those that are not as they should be yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.attacks.sweep_commands import HAVE_MEMORY, PULL_WITH_MEMORY, VERIFY
from tests.attacks.sweep_verbs import Lie, Target
from tests.attacks.sweep_world import PACKS, PEOPLE, SweepWorld


class Cell(NamedTuple):
    """One lie about one object, read by one command."""

    command: str
    target: Target
    lie: Lie

    def __str__(self) -> str:
        return f"{self.command}: {self.lie.verb} {self.lie.how} of {self.target.sort} {self.target.key[-12:]}"


class Reason(NamedTuple):
    """Why a cell may be without effect."""

    why: str
    holds: Callable[[Cell, SweepWorld], bool]


def _own_head(cell: Cell, world: SweepWorld) -> bool:
    return cell.command in {*PULL_WITH_MEMORY, "push"} and cell.target.key == world.desk_head


REMEMBERS_KNOWN = HAVE_MEMORY - {"pull up to date", "push"}  # and nothing later
OLDER = {"replay", "replay_all", "fork"}

REASONS = (
    Reason(
        "a head is not read again where its ETag says that it did not move",
        lambda cell, _: cell.command == "pull up to date" and cell.target.sort == "head"
        and cell.lie.verb in {"endless", "error", "redirect"},
    ),
    Reason(
        "what was joined is not read again",
        lambda cell, _: cell.command == "pull up to date" and cell.target.sort in {*PACKS, "index"},
    ),
    Reason("a waiting store is only slow", lambda cell, _: cell.lie.verb == "slow"),
    Reason("what headers say is never believed", lambda cell, _: cell.lie.verb == "edit_headers"),
    Reason(
        "a device that has joined keeps identity and membership itself",
        lambda cell, _: cell.command in PULL_WITH_MEMORY and cell.target.sort in {*PEOPLE, "genesis", "members"},
    ),
    Reason("a device puts its own head again", _own_head),
    Reason(
        "only a writer heeds prune marks",
        lambda cell, _: cell.target.sort == "prune mark" and cell.command not in {"push", *VERIFY},
    ),
    Reason(
        "a mark may be hidden: its device deletes nothing before all heads name it",
        lambda cell, _: cell.target.sort == "prune mark" and (_is_gone(cell) or cell.lie.verb in OLDER),
    ),
    Reason(
        "a push reads its own head and prune marks, no more",
        lambda cell, world: cell.command == "push" and cell.target.sort != "prune mark"
        and cell.target.key != world.desk_head,
    ),
    Reason(
        "the store can hide an own record, not make one; another says the same",
        lambda cell, _: cell.target.sort == "own record" and _is_gone(cell),
    ),
    Reason(
        "an older own record is a lower floor, and the heads are above it",
        lambda cell, _: cell.target.sort == "own record" and cell.lie.verb == "replay",
    ),
    Reason(
        "nobody asks for a pack or an index that nothing signed names",
        lambda cell, _: cell.target.sort in {*PACKS, "index"} and _is_beside(cell),
    ),
    Reason(
        "packs and indexes are asked for by name, never found in a list",
        lambda cell, _: cell.target.sort in {*PACKS, "index"} and cell.lie.verb == "lie_in_list",
    ),
    Reason(
        "what is listed and not there does not count among records",
        lambda cell, _: cell.target.sort != "head" and cell.lie.how == "a ghost",
    ),
    Reason(
        "what somebody else signed at a place of its own is none of ours",
        lambda cell, world: cell.lie.verb == "inject" and _is_elsewhere(cell, world),
    ),
    Reason(
        "a vault that an own record names is asked for by name",
        lambda cell, _: cell.target.sort == "genesis" and cell.lie.how == "left out",
    ),
    Reason(
        "a join reads records and heads, and leaves the rest to the first pull",
        lambda cell, _: cell.command == "join" and (cell.target.sort in {*PACKS, "index"} or cell.lie.how == "a ghost"),
    ),
    Reason(
        "a genesis at another name is no vault of ours",
        lambda cell, _: cell.target.sort == "genesis" and _is_beside(cell),
    ),
    Reason(
        "it was there already at that time, with the same bytes",
        lambda cell, world: cell.lie.verb == "replay" and _stood_then(cell, world),
    ),
    Reason(
        "what this device has accepted is shown again: nothing new, and nothing taken back",
        lambda cell, _: cell.command in REMEMBERS_KNOWN and cell.lie.how == "known",
    ),
    Reason(
        "without memory the whole store may be older",
        lambda cell, _: cell.command not in HAVE_MEMORY and cell.lie.verb in {"replay_all", "fork"},
    ),
    Reason(
        "an index that was loaded before is not read again",
        lambda cell, world: cell.command == "pull with memory" and cell.target.sort == "index"
        and _stood_then(cell, world, "known"),
    ),
    Reason(
        "these bytes of a pack are not needed for this state",
        lambda cell, _: cell.target.sort in PACKS and cell.command != "verify --deep"
        and not (cell.command == "verify" and cell.lie.verb in {"delete", "hide"}),
    ),
)  # fmt: skip


def _is_gone(cell: Cell) -> bool:
    return cell.lie.verb in {"delete", "hide"} or cell.lie.how == "left out"


def _is_beside(cell: Cell) -> bool:
    how = cell.lie.how
    return "another name" in how or "new name" in how or how == "a ghost" or "forgery, vaults/" in how


def _is_elsewhere(cell: Cell, world: SweepWorld) -> bool:
    owners = world.keys.vault_id.hex(), world.keys.identity.public.fingerprint.hex()
    return (
        "forgery" in cell.lie.how
        and "over" not in cell.lie.how
        and not any(o in cell.lie.how for o in owners)
    )


def _stood_then(cell: Cell, world: SweepWorld, moment: str = "") -> bool:
    then = world.store.at(getattr(world.moments, moment or cell.lie.how))
    return then.get(cell.target.key) == world.store.body(cell.target.key)
