"""What the long runs share: devices as processes, stores on real servers, trees as values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from e2esync.adapters.stores.location import open_store, parse_location
from e2esync.model.store import Store
from moto_fixtures.servers import RcloneServer, SeaweedServer

PROGRAM = Path(sys.executable).parent / "e2esync"
READER = Path(__file__).parents[2] / "examples" / "read_without_e2esync.py"
SERVERS = {"seaweed": SeaweedServer, "rclone": RcloneServer}


@dataclass(frozen=True)
class Place:
    """A store's address and the environment that opens it."""

    url: str
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Device:
    """One home, one folder."""

    home: Path
    folder: Path
    place: Place

    def environment(self) -> dict[str, str]:
        """Return what the program sees."""
        ours = {"E2ESYNC_HOME": str(self.home), "E2ESYNC_NO_NOTIFY": "1"}
        return {**os.environ, **self.place.env, **ours}

    def run(self, *words: str, check: bool = True) -> dict[str, Any]:
        """Run a command with --json; return the last line, with the exit code as `rc`."""
        done = subprocess.run(
            [PROGRAM, *words, "--json", "--no-input"],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "{}"
        return {**json.loads(last), "rc": done.returncode}

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command and do not wait."""
        return subprocess.Popen(
            [PROGRAM, *words, "--json", "--no-input"],
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def setup(self, words: Path) -> None:
        """Make a vault; the words go to a file."""
        self.run("setup", self.place.url, str(self.folder), "--recovery-file", str(words))

    def join(self, words: Path) -> None:
        """Join the vault from the words."""
        self.run("join", self.place.url, str(self.folder), "--recovery-file", str(words), "--yes")


def until(come: Callable[[], object], *, every: float = 0.01, deadline: float = 600.0) -> None:
    """Wait until something is so; times are seconds.

    Raises:
        TimeoutError: It does not come.
    """
    end = time.monotonic() + deadline
    while not come():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(every)


def is_up_to_date(device: Device, files: int = 0, *, since: float = 0.0) -> bool:
    """Return whether the daemon says so, has so many files, and was in touch with the store since a time."""
    told = device.run("status", check=False)
    if told.get("state") != "up-to-date" or told["folders"][0]["last_sync"] is None:
        return False
    folder = told["folders"][0]
    return folder["files"] >= files and datetime.fromisoformat(folder["last_sync"]).timestamp() >= since


@contextmanager
def place(kind: str, scratch: Path) -> Iterator[Place]:
    """Give a store: `directory`, or a real server of `SERVERS`."""
    if kind == "directory":
        yield Place(str(scratch / "store"))
        return
    with SERVERS[kind]() as server:
        server.make_bucket("vaults")
        yield Place("s3://vaults/home", {**server.env()})


def tree(root: Path) -> dict[bytes, tuple[object, ...]]:
    """Return kind, mode, mtime and link target of everything in a folder; contents are for `diff`."""
    found: dict[bytes, tuple[object, ...]] = {}
    top = os.fsencode(root)
    for here, directories, files in os.walk(top):
        if here == top and b".e2esync" in directories:
            directories.remove(b".e2esync")
        for name in directories + files:
            path = os.path.join(here, name)
            status, relative = os.lstat(path), os.path.relpath(path, top)
            if os.path.islink(path):
                found[relative] = ("link", os.readlink(path), status.st_mtime_ns)
            elif os.path.isdir(path):
                found[relative] = ("directory", status.st_mode & 0o777)
            else:
                found[relative] = ("file", status.st_mode & 0o777, status.st_mtime_ns, status.st_size)
    return found


def differs(one: Path, other: Path) -> str:
    """Return what `diff -r --no-dereference` prints; empty if nothing."""
    command = ["diff", "-r", "-q", "--no-dereference", "-x", ".e2esync", str(one), str(other)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def opened(at: Place) -> Store:
    """Return a store as the program sees it."""
    os.environ.update(at.env)
    return open_store(parse_location(at.url))


def copy_store(at: Place, target: Path) -> Path:
    """Copy a store into a plain directory, as a provider's export would."""
    if not at.url.startswith("s3://"):
        return Path(at.url)
    store = opened(at)
    for info in store.list(""):
        path = target / info.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.get(info.key))
    store.close()
    return target


def read_by_second_reader(store: Path, target: Path, words: Path) -> None:
    """Turn a copied store into files with the program that knows nothing of e2esync."""
    subprocess.run([sys.executable, READER, store, target, "--recovery-file", words, "--deep"], check=True)
