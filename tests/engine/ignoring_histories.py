"""Random histories in which rules come and go: what is ignored may differ between devices, all else may not.

Which directories there are is not compared: one that holds only ignored things is on some disks and not
on others, and what was ignored for a while keeps those above it alive.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

from e2esync.engine.diskrules import DiskRules, own_names
from e2esync.engine.vault import Summary
from e2esync.ignoring.rules import RULES_FILE
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
        if path.exists() and self.random.random() < 0.3:
            self.saved.deleted.add(number_of(path.read_bytes()))
            path.unlink()
            self.trace.append(f"{dev.name} rm {path.relative_to(dev.root)}")
            return
        number = self.saved.new()
        rules = self.random.sample(RULES, self.random.randint(1, 2))
        if path.exists():
            self.saved.replaced.add(number_of(path.read_bytes()))
        path.write_text("\n".join([f"# {number}", *rules]))
        self.trace.append(f"{dev.name} rules {path.relative_to(dev.root)} {number}: {rules}")

    def _said(self, summary: Summary, dev: Dev) -> None:
        """Something ignored may be in the way, once; and nothing fails."""
        assert summary.failed == [], f"{dev.name}: {summary}"

    def settle(self) -> int:
        """Let all sync until nobody has anything to say, or in the way, twice: rules that come are obeyed by the next scan."""
        quiet = 0
        for number in range(1, 2 * len(self.devices) + 8):
            is_busy = False
            for dev in self.devices:
                self.trace.append(f"{dev.name} sync")
                is_busy |= dev.count(partial(self._finish, dev)).requests["PUT"] != 0
                is_busy |= dev.vault.state.count_due() != 0
            quiet = 0 if is_busy else quiet + 1
            if quiet == 2:
                return number
        return number

    def end(self) -> Counter[str]:
        found: Counter[str] = Counter()
        found["slow"] = self.settle() > 6
        followed = [_followed(dev) for dev in self.devices]
        for dev, files in zip(self.devices, followed, strict=True):
            found["diverged"] += files != followed[0]
            found["not as shown"] += _visible(dev, shown(dev)) != files.keys()
            found["not quiet"] += dev.count(dev.sync).requests["PUT"] != 0
            found["not quiet"] += dev.vault.state.count_due() != 0 or dev.sync().skipped != []
        there = Counter(
            number_of(thing[1]) for dev in self.devices for thing in dev.tree().values() if thing[0] == "file"
        )
        saved = self.saved
        found["lost"] = len(saved.all - saved.replaced - saved.deleted - there.keys())
        return +found


def _followed(dev: Dev) -> dict[bytes, tuple]:
    """The files on a disk that are not ignored there."""
    tree = dev.tree()
    files = {path: thing for path, thing in tree.items() if thing[0] == "file"}
    return {path: files[path] for path in _visible(dev, {path: thing[0] for path, thing in files.items()})}


def _visible(dev: Dev, kinds: dict[bytes, str]) -> set[bytes]:
    """What is not ignored."""
    rules = DiskRules(dev.vault.folder, own_names(dev.vault.state))
    return {
        path
        for path, kind in kinds.items()
        if kind == "file" and not rules.is_ignored(path, is_directory=False)
    }
