"""Persons at devices for tests of setup, join and their like: real homes and folders, a store in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from e2esync.adapters import durable, keystore
from e2esync.adapters.files import LocalFolder
from e2esync.adapters.stores.memory import MemoryStore
from e2esync.crypto import recovery
from e2esync.crypto.secrets import Entropy
from e2esync.engine.join import Candidate, Found, JoinRequest, join
from e2esync.engine.notes import FolderNote, StoreAddress
from e2esync.engine.setup import NewFolder, setup
from e2esync.engine.vault import Clock
from e2esync.format import names
from e2esync.wiring.home import at
from e2esync.wiring.localdevice import HomeDevice

ADDRESS = StoreAddress("s3://bucket/prefix")
CLOCK = Clock(lambda: 1_700_000_000_000_000_000, lambda _seconds: None)


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Answers:
    """What a person answers, and what was asked."""

    choice: int = 0
    says_yes: bool = True
    asked: list[str] = field(default_factory=list)

    def choose(self, candidates: Sequence[Candidate]) -> Candidate:
        self.asked.append("which vault")
        return candidates[self.choice]

    def confirm(self, found: Found, folder: Path, *, is_empty: bool) -> None:
        self.asked.append(f"{found.candidate.label}{'' if is_empty else ', not empty'}")
        if not is_empty and not self.says_yes:
            raise Killed


def device_in(home: Path) -> HomeDevice:
    """Return a device in its home, as the next process finds it."""
    local = HomeDevice(at(home))
    if not local.device_name:
        local.set_device_name(home.name)
        local.set_user_name("Alice")
    return local


def set_up(
    store: MemoryStore, home: Path, folder: Path, words: Path | Callable[[tuple[str, ...]], None]
) -> FolderNote:
    """Set up as one run of the command does."""
    request = NewFolder(folder, ADDRESS, folder.name)
    return setup(request, store, device_in(home), words=words, clock=CLOCK)


def join_up(
    store: MemoryStore,
    home: Path,
    folder: Path,
    entropy: Entropy | None,
    *,
    vault: str | None = None,
    answers: Answers | None = None,
) -> tuple[FolderNote, Found]:
    """Join as one run of the command does."""
    request = JoinRequest(folder, ADDRESS, vault)
    questions = answers or Answers()
    return join(request, store, device_in(home), entropy=entropy, questions=questions, clock=CLOCK)


def entropy_of(words: Path) -> Entropy:
    """Return what a recovery file spells."""
    return recovery.from_words(words.read_text())


def kinds(store: MemoryStore) -> list[names.Kind]:
    """Return the kinds of all objects, each as often as it is there."""
    found = (names.parse(info.key) for info in store.list(""))
    return sorted((name.kind for name in found if name is not None), key=lambda kind: kind.name)


@contextmanager
def killed_at(step: int, *, after: bool) -> Iterator[list[str]]:
    """End the process at the n-th durable step of this device or its store, before or after its effect."""
    done: list[str] = []

    def wrapped(name: str, original: Callable) -> Callable:
        def run(*args, **kwargs):
            done.append(name)
            if len(done) == step and not after:
                raise Killed
            result = original(*args, **kwargs)
            if len(done) == step:
                raise Killed
            return result

        return run

    steps = [
        (durable, "replace"),
        (durable, "create"),
        (durable, "remove"),
        (keystore, "_write"),
        (MemoryStore, "put"),
        (LocalFolder, "write_marker"),
    ]
    patches = [patch.object(owner, name, wrapped(name, getattr(owner, name))) for owner, name in steps]
    for one in patches:
        one.start()
    try:
        yield done
    finally:
        for one in patches:
            one.stop()
