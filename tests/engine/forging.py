"""Histories with real folders, sealed objects and heads in which one device forges: the engine, lived through.

What it forges are `tests.merge.forger`'s moves, on the tree that a reader of its own has joined, under a context that covers
all heads. Left out are those that would stop every device at once: directories taken from above what others put into
them, references that lead to nothing, trees that are refused.

Now and then its context has gaps: it names others, and not what those had seen. Nobody takes that in.

Now and then it goes on from an earlier snapshot once more, and publishes on both branches. Who has not been told so yet may be
stopped by what the others name. In the end nobody is.

What may never come is as in `tests.engine.histories`; of what the forger had seen, it may take away, but not from history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from e2esync.adapters.stores.memory import MemoryStore
from e2esync.engine.broken import BrokenWord, TwoHistories
from e2esync.engine.check import check_value
from e2esync.engine.shown import decoded
from e2esync.engine.vault import Summary
from e2esync.errors import BadObject, Fork, Rollback
from e2esync.merge.join import Entries
from e2esync.merge.vector import Vector
from e2esync.merge.write import Writer
from e2esync.tree.keys import ROOT, Kind, kind_of
from e2esync.tree.pages import Item
from e2esync.tree.values import Dot, FileContent, value
from e2esync.vault.heads import ContextMap
from moto_fixtures.hostile import HostileStore
from tests.attacks.forge_tree import Forger, item
from tests.engine import histories
from tests.engine.histories import Kinds, content_of
from tests.engine.world import Dev
from tests.merge import forger
from tests.merge.court import sequences
from tests.merge.forger import MADE_UP, Draft, tidy

NEVER = histories.NEVER | {"stopped", "gaps taken in"}
COUNTED = (*histories.COUNTED, "forged", "forked", "at fault", "waited", "gaps", "made up", "taken away")

MOVES = (
    forger.overwrite,
    forger.cover_more_than_was,
    forger.cover_less_than_was,
    forger.pass_off_another_content,
    forger.pass_off_one_more_content,
    forger.pass_off_a_content_beside_it,
    forger.pass_off_a_content_in_ones_own_entry,
    forger.pass_off_an_entry,
    forger.use_ones_own_dot_again,
    forger.bring_back,
    forger.write_deleted_contents_again,
    forger.delete_some,
    forger.delete_an_entry_of_several,
    forger.move,
    forger.pass_off_a_place,
    forger.pass_off_a_mode,
    forger.remove_all_directories,
    forger.make_a_file,
)


@dataclass
class _Draft(Draft):
    """A draft whose contents are stored, and whose numbers are those of the vault."""

    by: Forger

    def content(self, dot: Dot, number: int | None = None) -> FileContent:
        number = self.made_up + self.random.randrange(3) if number is None else number
        return self.by.text(content_of(number))._replace(dot=dot)

    def number(self, key: bytes) -> bytes:
        return self.by.cipher.directory_number(key)

    def parent(self) -> bytes:
        numbers = [self.number(key) for key in sorted(self.tree) if kind_of(key) is Kind.DIRECTORY]
        return self.random.choice([ROOT, *numbers])


class History(histories.History):
    """One history, told by its seed."""

    def __init__(self, home: Path, seed: int, kinds: Kinds) -> None:
        store = HostileStore(MemoryStore())
        super().__init__(home, seed, kinds, store=store)
        self.reader = self.world.device("reader")
        self.forger = Forger(self.world.keys, store)
        self.old: list[Mapping[bytes, Entries]] = []  # what the forger has seen
        self.seen: set[bytes] = set()  # content hashes in that
        self.made_up: set[int] = set()
        self.branches = [self.forger]
        self.waits = 0  # commands that were stopped, since the proof is not in the store yet
        self.gaps, self.taken_in = 0, 0  # contexts with gaps; those that counted
        self.words: dict[bytes, ContextMap] = {}  # what snapshots had seen, by their hashes
        self.told: set[str] = set()  # devices that have said who is at fault

    def do(self, dev: Dev, command: str) -> Summary:
        try:
            return super().do(dev, command)
        except TwoHistories as error:
            self.told.add(dev.name)
            return error.done or Summary()
        except BrokenWord as error:  # what has not seen enough
            return error.done or Summary()
        except (Rollback, Fork) as error:
            self.trace.append(f"{dev.name} is stopped: {error}")
            self.waits += 1
            self.left += 1
            return Summary()

    def step(self) -> None:
        if self.random.random() < 0.2:
            self.forge()
        else:
            super().step()

    def forge(self) -> None:
        """Publish a tree that is spoilt."""
        with suppress(BrokenWord, Rollback, Fork):
            self.reader.pull()
        if len(self.branches) == 1 and self.random.random() < 0.15:
            self.branches.append(self.forger.twin())
        self.forger = self.random.choice(self.branches)
        for other in self.branches:
            self.forger.list_indexes_of(other)
        self.words |= {head.hash: head.context for head in self.forger.others()}
        state = self.reader.vault.state
        tree = {key: decoded(key, encoded) for key, encoded in state.items(0, after=b"", last=None)}
        self.old.append(dict(tree))
        self.seen |= {value(each) for entries in tree.values() for one in entries for each in one.contents}
        me, sequence = self.forger.device.id, self.forger.sequence + 1
        covered = sequences(self.forger.everything()) | {me: sequence}
        made_up = MADE_UP + 10 * len(self.old)
        self.made_up |= set(range(made_up, made_up + 3))
        draft = _Draft(self.random, self.old, dict(tree), covered, Writer(me, sequence), made_up, self.forger)
        for _ in range(self.random.randint(1, 4)):
            move = self.random.choice(MOVES)
            move(draft)
            self.trace.append(f"the forger: {move.__name__}")
        tidy(draft)
        self._give_back_directories(draft, tree)
        nodes = [item(key, tuple(entries)) for key, entries in draft.tree.items()]
        if self.random.random() < 0.4:
            self._publish_with_gaps(nodes)
        else:
            self.forger.publish(nodes)

    def _publish_with_gaps(self, nodes: list[Item]) -> None:
        """Publish what of a tree a context covers that may lack what those had seen whom it names."""
        whole, context = self.forger.everything(), dict(self.forger.context)
        for device in self.random.sample(sorted(whole), min(1, len(whole))):
            context[device] = whole[device]
        has_gaps = any(
            context.get(third, (0, b""))[0] < number
            for _, digest in context.values()
            for third, (number, _) in self.words[digest].items()
            if third != self.forger.device.id
        )
        covered = sequences(context) | {self.forger.device.id: self.forger.sequence + 1}
        self.forger.publish([node for node in nodes if _is_covered(node, covered)], context=context)
        self.trace.append(f"the forger: a context {'with gaps' if has_gaps else 'of a few'}")
        if has_gaps:
            self.gaps += 1
            with suppress(BrokenWord, Rollback, Fork):
                self.reader.pull()
                self.taken_in += 1

    def _give_back_directories(self, draft: Draft, before: forger.Tree) -> None:
        """Leave no node without the directory that it stands in, here or where others write into it just now."""
        for key, entries in before.items():
            if kind_of(key) is Kind.DIRECTORY and key not in draft.tree:
                draft.tree[key] = entries

    def end(self) -> Counter[str]:
        """Let everybody say what it has joined, with a write of its own: what it said in between, only some have seen."""
        for dev in self.devices:
            (dev.root / f"last of {dev.name}").write_bytes(content_of(self.saved.new()))
        self.settle()
        waits = self.waits
        found = super().end()
        found["stopped"] = self.waits - waits
        return +found

    def _is_whole(self, dev: Dev) -> bool:
        written = set(map(content_of, self.saved.all | self.made_up))
        return all(thing[1] in written for thing in dev.tree().values() if thing[0] == "file")

    def unrecorded(self, dev: Dev) -> set[int]:
        """Return what was published of what a user has saved, and is not in the history that a device reads."""
        return super().unrecorded(dev) - self.made_up

    def _count(self, found: Counter[str], there: Counter[int]) -> None:
        super()._count(found, there)
        gone = self.saved.all - self.saved.replaced - self.saved.deleted - there.keys()
        hash_of = self.reader.vault.cipher.content_hash
        taken = {number for number in gone if hash_of(content_of(number)) in self.seen}
        found["lost"], found["taken away"] = len(gone - taken), len(taken)
        found["forged"], found["made up"] = self.forger.sequence, len(self.made_up & there.keys())
        found["forked"], found["at fault"] = len(self.branches) - 1, len(self.told)
        found["waited"] = self.waits
        found["gaps"], found["gaps taken in"] = self.gaps, self.taken_in


def _is_covered(node: Item, covered: Vector) -> bool:
    try:
        return bool(check_value(*node, covered))
    except BadObject:
        return False


__all__ = ["COUNTED", "NEVER", "History"]
