"""Random histories in which rules come and go: what is ignored may differ between devices, all else may not.

Which directories there are is not compared: one that holds only ignored things is on some disks and not
on others, and what was ignored for a while keeps those above it alive. Nor is what something ignored of
another kind stands in the way of (`b/`, a directory b on this disk, a file b on the others): that is due
for ever, and nothing else is.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from e2esync.engine import listing
from e2esync.engine.diskrules import DiskRules, own_names
from e2esync.engine.places import Places
from e2esync.engine.plan import due_things
from e2esync.engine.scan import LETTERS
from e2esync.engine.vault import Summary
from e2esync.ignoring.rules import RULES_FILE
from e2esync.tree.keys import kind_of
from tests.engine.histories import History, number_of
from tests.engine.shows import shown
from tests.engine.world import Dev

RULES = ["a", "b/", "/c", "!a", "!b", "a/b", "*", "!c", ""]


class IgnoringHistory(History):
    """One history in which users write rules, too."""

    def step(self) -> None:
        if self.random.random() < 0.12:
            self._write_rules(self.random.choice(self.devices))
        else:
            super().step()

    def _write_rules(self, dev: Dev) -> None:
        directories = [
            path for path in sorted(dev.root.rglob("*")) if path.is_dir() and ".e2esync" not in path.parts
        ]
        path = self.random.choice([dev.root, dev.root, *directories]) / RULES_FILE.decode()
        if self.random.random() < 0.15:
            self._move_rules(dev, path)
            return
        if path.exists() and self.random.random() < 0.3:
            self.saved.deleted.add(number_of(path.read_bytes()))
            path.unlink()
            self.trace.append(f"{dev.name} rm {path.relative_to(dev.root)}")
            return
        number = self.saved.new()
        rules = self.random.sample(RULES, self.random.randint(1, 2))
        if path.exists():
            self.saved.replaced.add(number_of(path.read_bytes()))
        content = "\n".join([f"# {number}", *rules]).encode()
        self.written.add(content)
        path.write_bytes(content)
        self.trace.append(f"{dev.name} rules {path.relative_to(dev.root)} {number}: {rules}")

    def _move_rules(self, dev: Dev, new: Path) -> None:
        """Move a file of rules to another directory, or make any file one."""
        files = [
            path for path in sorted(dev.root.rglob("*")) if path.is_file() and ".e2esync" not in path.parts
        ]
        rules = [path for path in files if path.name == new.name]
        old = self.random.choice([*rules, *files] or [new])
        if old == new or new.is_dir():
            return
        if new.exists():
            self.saved.deleted.add(number_of(new.read_bytes()))
        self.saved.moved.add(number_of(old.read_bytes()))
        old.rename(new)
        self.trace.append(f"{dev.name} mv {old.relative_to(dev.root)} {new.relative_to(dev.root)}")

    def _said(self, summary: Summary, dev: Dev) -> None:
        """Something ignored may be in the way, once; and nothing fails."""
        assert summary.failed == [], f"{dev.name}: {summary}"

    def settle(self) -> int:
        """Let all sync until nobody has anything to say, or in the way, three times.

        Rules that come are obeyed by the next scan; and what stood beside a thing that is ignored by them
        has a name of its own only in the one after that.
        """
        quiet = 0
        for number in range(1, 2 * len(self.devices) + 9):
            is_busy = False
            for dev in self.devices:
                is_busy |= self.said_by(dev) != 0
                is_busy |= dev.vault.state.count_due() != 0 and not _kept_out(dev)
            quiet = 0 if is_busy else quiet + 1
            if quiet == 3:
                return number
        return number

    def end(self) -> Counter[str]:
        found: Counter[str] = Counter()
        found["slow"] = self.settle() > 7
        kept_out = [_kept_out(dev) for dev in self.devices]
        but = set[bytes]().union(*kept_out)
        followed = [_followed(dev, but) for dev in self.devices]
        for dev, files, out in zip(self.devices, followed, kept_out, strict=True):
            found["diverged"] += files != followed[0]
            found["not as shown"] += _visible(dev, shown(dev)) - but != files.keys()
            found["not quiet"] += dev.count(dev.sync).requests["PUT"] != 0
            found["not quiet"] += not out and (dev.vault.state.count_due() != 0 or dev.sync().skipped != [])
        there = Counter(
            number_of(thing[1]) for dev in self.devices for thing in dev.tree().values() if thing[0] == "file"
        )
        saved = self.saved
        found["lost"] = len(saved.all - saved.replaced - saved.deleted - there.keys())
        return +found


def _followed(dev: Dev, but: set[bytes]) -> dict[bytes, tuple]:
    """The files on a disk that are not ignored there."""
    tree = dev.tree()
    files = {path: thing for path, thing in tree.items() if thing[0] == "file" and path not in but}
    left = {path for path in files if _is_left(dev, path)}
    visible = _visible(dev, {path: thing[0] for path, thing in files.items()})
    return {path: files[path] for path in visible - left}


def _is_left(dev: Dev, path: bytes) -> bool:
    """Return whether these are rules in a directory of nothing but ignored things that the tree has not."""
    directory, _, name = path.rpartition(b"/")
    if name != RULES_FILE or not directory or listing.find(dev.vault.state, directory) is not None:
        return False
    return DiskRules(dev.vault.folder, own_names(dev.vault.state)).is_hollow(directory)


def _kept_out(dev: Dev) -> set[bytes]:
    """The paths of what is due and has no place, if something ignored of another kind has it; else nothing."""
    state, found = dev.vault.state, set[bytes]()
    places = Places(state)
    for due in due_things(state):
        if due.target is not None and not due.is_nothing:
            path = places.path_in_tree(due.target)
            if not any(_is_taken(dev, above) for above in [path, *_above(path)]):
                return set()
            found.add(path)
        if due.place is not None and not due.is_nothing:
            found.add(places.path(due.place) or b"")
    return found


def _above(path: bytes) -> list[bytes]:
    parts = path.split(b"/")
    return [b"/".join(parts[:number]) for number in range(1, len(parts))]


def _is_taken(dev: Dev, path: bytes) -> bool:
    """Return whether something ignored stands at a path, of another kind than what the tree has there."""
    here, there = dev.vault.folder.stat(path), listing.find(dev.vault.state, path)
    if here is None or there is None or LETTERS[kind_of(there[0])] == here.kind:
        return False
    rules = DiskRules(dev.vault.folder, own_names(dev.vault.state))
    return rules.is_ignored(path, is_directory=here.kind == "d")


def _visible(dev: Dev, kinds: dict[bytes, str]) -> set[bytes]:
    """What is not ignored."""
    rules = DiskRules(dev.vault.folder, own_names(dev.vault.state))
    return {
        path
        for path, kind in kinds.items()
        if kind == "file" and not rules.is_ignored(path, is_directory=False)
    }
