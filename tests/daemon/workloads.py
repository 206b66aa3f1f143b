"""People at work in a synced folder: each has a directory of its own, and knows what has to be there in the end."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import tarfile
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

GIT = shutil.which("git") or "git"
BESIDE = re.compile(r" \(conflict, [^)]*[0-9a-f]{8}[^)]*\)")


def files_in(top: Path) -> dict[str, bytes]:
    """Return the contents of all files below a directory, by path."""
    return {str(path.relative_to(top)): path.read_bytes() for path in files_at(top)}


class Worker:
    """Works in a directory that nobody else writes."""

    name = ""

    def __init__(self, folder: Path, owner: str, random: Random) -> None:
        self.where, self.random, self.done = f"{owner}-{self.name}", random, 0
        self.top = folder / self.where
        self.top.mkdir()
        self.files: dict[str, bytes] = {}  # what has to be there

    def step(self) -> None:
        """Do something."""
        self.work()
        self.done += 1

    def work(self) -> None:
        raise NotImplementedError

    def rest(self) -> None:
        """Let go of what is open."""

    def problems(self, folder: Path) -> list[str]:
        """Return what is wrong with this in a folder, here or elsewhere."""
        there = files_in(folder / self.where)
        wrong = sorted(
            path for path in there.keys() | self.files.keys() if there.get(path) != self.files.get(path)
        )
        return [f"{folder.name}: {self.where}/{path} is not what was saved" for path in wrong]

    def new_content(self) -> bytes:
        return self.random.randbytes(self.random.choice((1, 100, 10_000, 300_000)))


class Saver(Worker):
    """Saves files as editors do."""

    name = "saver"

    def work(self) -> None:
        name, content = f"file {self.random.randrange(20)}.txt", self.new_content()
        path = self.top / name
        match self.random.randrange(5):
            case 0:
                path.write_bytes(content)
            case 1:  # a new file, renamed over the old one
                (self.top / f"{name}.new").write_bytes(content)
                (self.top / f"{name}.new").replace(path)
            case 2:  # vim
                if path.exists():
                    path.rename(self.top / f"{name}~")
                path.write_bytes(content)
                (self.top / f"{name}~").unlink(missing_ok=True)
            case 3:
                with path.open("ab") as file:
                    file.write(content)
                content = self.files.get(name, b"") + content
            case _:
                path.unlink(missing_ok=True)
                self.files.pop(name, None)
                return
        self.files[name] = content


class Mover(Worker):
    """Moves and renames files and directories."""

    name = "mover"

    def work(self) -> None:
        directories = [self.top, *(path for path in self.top.rglob("*") if path.is_dir())]
        into, name = self.random.choice(directories), f"{self.random.choice('abcdef')}{self.done}"
        if len(into.relative_to(self.top).parts) > 3:
            into = self.top
        chance = self.random.random()
        if chance < 0.3 or not self.files:
            self._write(into / name)
        elif chance < 0.45:
            (into / name).mkdir()
        elif chance < 0.7:
            self._move(self.top / self.random.choice(sorted(self.files)), into / name)
        elif chance < 0.8:
            self._write(self.top / self.random.choice(sorted(self.files)))
        elif chance < 0.95:
            source = self.random.choice(directories)
            if source != self.top and source not in (into, *into.parents):
                self._move(source, into / name)
        else:
            gone = self.random.choice(sorted(self.files))
            (self.top / gone).unlink()
            del self.files[gone]

    def _write(self, path: Path) -> None:
        content = self.new_content()
        path.write_bytes(content)
        self.files[str(path.relative_to(self.top))] = content

    def _move(self, source: Path, target: Path) -> None:
        source.rename(target)
        old, new = str(source.relative_to(self.top)), str(target.relative_to(self.top))
        for path in [path for path in self.files if path == old or path.startswith(old + "/")]:
            self.files[new + path.removeprefix(old)] = self.files.pop(path)


class Unpacker(Worker):
    """Unpacks a tree of many files, or copies it, and deletes it."""

    name = "trees"
    size = 300  # files

    def __init__(self, folder: Path, owner: str, random: Random) -> None:
        super().__init__(folder, owner, random)
        self._scratch = TemporaryDirectory()
        self._source = Path(self._scratch.name) / "source"
        for number in range(self.size):
            path = self._source / f"{number // 25}" / f"file {number}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"%s %d" % (owner.encode(), number) * random.randrange(1, 200))
        self._archive = Path(self._scratch.name) / "source.tar"
        with tarfile.open(self._archive, "w") as archive:
            archive.add(self._source, ".")
        self._content = files_in(self._source)

    def work(self) -> None:
        target = self.top / f"tree {self.random.randrange(2)}"
        if self.files:
            shutil.rmtree(self.top / Path(next(iter(self.files))).parts[0])
            self.files = {}
            return
        if self.random.random() < 0.5:
            shutil.copytree(self._source, target)
        else:
            with tarfile.open(self._archive) as archive:
                archive.extractall(target, filter="data")
        self.files = {f"{target.name}/{path}": content for path, content in self._content.items()}

    def rest(self) -> None:
        self._scratch.cleanup()


class Programmer(Worker):
    """Commits in a repository."""

    name = "git"

    def __init__(self, folder: Path, owner: str, random: Random) -> None:
        super().__init__(folder, owner, random)
        self._run(self.top, "init", "-q", "-b", "main")

    def work(self) -> None:
        if self.done % 10 == 7:
            self._run(self.top, "checkout", "-q", "-b", f"branch{self.done}")
        for _ in range(self.random.randrange(1, 4)):
            path = self.top / f"dir{self.random.randrange(4)}" / f"file{self.random.randrange(20)}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(self.random.randbytes(200).hex().encode())
        self._run(self.top, "add", "-A")
        self._run(self.top, "commit", "-q", "-m", f"commit {self.done}")
        if self.done % 10 == 9:
            self._run(self.top, "checkout", "-q", "main")
            self._run(self.top, "merge", "-q", f"branch{self.done - 2}")
        if self.done % 30 == 29:
            self._run(self.top, "gc", "-q")

    def problems(self, folder: Path) -> list[str]:
        mine, there = self.top, folder / self.where
        wrong = []
        for words in (["fsck", "--strict", "--no-dangling", "--no-progress"], ["status", "--porcelain"]):
            try:
                said = self._run(there, *words)
            except subprocess.CalledProcessError as error:
                said = f"{error.stdout}{error.stderr}"
            if said:
                wrong.append(f"{folder.name}: git {words[0]} in {self.where}: {said[:300]}")
        if not wrong and self._run(there, "rev-parse", "HEAD") != self._run(mine, "rev-parse", "HEAD"):
            wrong.append(f"{folder.name}: {self.where} has another commit")
        if not wrong and len(self._run(there, "log", "--oneline").splitlines()) != self.done:
            wrong.append(f"{folder.name}: {self.where} does not have {self.done} commits")
        return wrong

    def _run(self, where: Path, *words: str) -> str:
        env = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
        who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "gc.autoDetach=false")
        command = [GIT, *who, *words]
        env["GIT_OPTIONAL_LOCKS"] = "0"  # so that a look changes nothing
        return subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, check=True).stdout


class Bookkeeper(Worker):
    """Commits to a SQLite database, which is closed and opened again now and then."""

    name = "sqlite"

    def __init__(self, folder: Path, owner: str, random: Random) -> None:
        super().__init__(folder, owner, random)
        self._mode = random.choice(("delete", "wal", "truncate"))
        self._open: sqlite3.Connection | None = None
        self._rows: dict[int, int] = {}

    def work(self) -> None:
        if self._open is None:
            self._open = sqlite3.connect(self.top / "book.db", check_same_thread=False)
            self._open.execute(f"pragma journal_mode={self._mode}")
            self._open.execute("create table if not exists book (id integer primary key, sum, what)")
        with self._open as transaction:
            for _ in range(self.random.randrange(1, 20)):
                row, value = self.random.randrange(500), self.random.randrange(10**9)
                what = self.random.randbytes(self.random.randrange(2000))
                transaction.execute("insert or replace into book values (?, ?, ?)", (row, value, what))
                self._rows[row] = value
        if self.random.random() < 0.2:
            self.rest()

    def rest(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def problems(self, folder: Path) -> list[str]:
        with TemporaryDirectory() as scratch:
            copy = Path(scratch) / "copy"
            shutil.copytree(folder / self.where, copy)
            with closing(sqlite3.connect(copy / "book.db")) as database:
                told = database.execute("pragma integrity_check").fetchall()
                rows = dict(database.execute("select id, sum from book")) if told == [("ok",)] else {}
        if told == [("ok",)] and rows == self._rows:
            return []
        return [f"{folder.name}: {self.where}: {told}, as saved: {rows == self._rows}"]


class Crowd:
    """Edits the files that others edit, too: a save has all the lines that were read, and one more.

    So whatever the times, each line has to be in some file in the end, or in the history, where two saves crossed
    within the blink between reading and saving.
    """

    name = "shared"

    def __init__(self, folder: Path, owner: str, random: Random, scratch: Path) -> None:
        self.owner, self.random, self.done = owner, random, 0
        self.top, self._scratch = folder / self.name, scratch / f"{owner}.new"
        self.top.mkdir(exist_ok=True)
        self.lines: set[str] = set()

    def step(self) -> None:
        """Edit a file, move one or a directory, or put what stands beside a file back into it."""
        with suppress(OSError):  # somebody else has just moved what was chosen
            there = files_at(self.top)
            beside = [path for path in there if BESIDE.search(path.name)]
            if beside and self.random.random() < 0.4:
                self._settle(self.random.choice(beside))
            elif there and self.random.random() < 0.15:
                self._move(self.random.choice(there))
            else:
                name = f"notes {self.random.randrange(3)} {self.done // 40}.txt"
                path = self.top / self.random.choice(("here", "there")) / name
                self._edit(self.random.choice([path, path, *there]))
        self.done += 1

    def _edit(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        line = f"{self.owner} {self.done} {self.random.randbytes(8).hex()}"
        self._save(path, lines_of(path) | {line})
        self.lines.add(line)

    def _move(self, path: Path) -> None:
        """Rename a file, or the directory it is in."""
        source = path if self.random.random() < 0.7 else path.parent
        source.rename(source.with_name(f"moved {self.owner} {self.done}"))

    def _settle(self, copy: Path) -> None:
        lines = lines_of(copy)
        path = copy.with_name(BESIDE.sub("", copy.name))
        self._save(path, lines_of(path) | lines)
        copy.unlink(missing_ok=True)

    def _save(self, path: Path, lines: set[str]) -> None:
        self._scratch.write_text("".join(f"{line}\n" for line in sorted(lines)))
        self._scratch.replace(path)

    def rest(self) -> None:
        """Nothing is open."""


def files_at(top: Path) -> list[Path]:
    """Return the files below a directory."""
    return sorted(path for path in top.rglob("*") if path.is_file())


def lines_of(path: Path) -> set[str]:
    """Return the lines of a file, of none if it is not there."""
    try:
        return set(path.read_text().splitlines())
    except FileNotFoundError:
        return set()


WORKERS: tuple[type[Worker], ...] = (Saver, Mover, Unpacker, Programmer, Bookkeeper)
