"""One vault as a command works on it: keys, store, local state and folder, connected."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # `status` scans and needs no cryptography
    from e2esync.adapters.catalogue import Catalogue
    from e2esync.adapters.files import LocalFolder
    from e2esync.adapters.state import FolderState
    from e2esync.model.store import Store
    from e2esync.vault.cipher import VaultCipher
    from e2esync.vault.device import Device
    from e2esync.vault.keyring import Keyring
    from e2esync.vault.membership import Membership


class Progress(Protocol):
    """Hears how long work goes on."""

    def __call__(self, stage: str, done: int, total: int | None, /) -> None:
        """Hear that `done` of `total` (None: unknown) are done; bytes, or things."""
        ...


def silent(_stage: str, _done: int, _total: int | None) -> None:
    """Hear nothing."""


@dataclass(frozen=True)
class Clock:
    """Time, passed in so that tests decide it."""

    now_ns: Callable[[], int]
    sleep: Callable[[float], None]

    def now(self) -> int:
        """Return seconds since 1970."""
        return self.now_ns() // 1_000_000_000


SYSTEM_CLOCK = Clock(time.time_ns, time.sleep)


@dataclass(frozen=True, kw_only=True)
class OpenVault:
    """A vault whose keys are open, at its store, without a folder."""

    vault_id: bytes
    store: Store
    membership: Membership
    keyring: Keyring
    cipher: VaultCipher
    catalogue: Catalogue
    clock: Clock
    progress: Progress = silent


@dataclass(frozen=True, kw_only=True)
class SyncedFolder(OpenVault):
    """A vault with the folder that shows it on this device."""

    device: Device
    names: tuple[str, str]  # of the device, of the user
    accepted: frozenset[str] = frozenset()  # risks, by their names
    within_files: bool = False  # a file borrows only its own chunks (`--dedup file`)
    state: FolderState
    folder: LocalFolder


@dataclass
class Summary:
    """What a command did, as `--json` prints it."""

    uploaded_files: int = 0
    downloaded_files: int = 0
    moved: int = 0
    deleted_local: int = 0
    deleted_remote: int = 0
    conflicts: int = 0
    skipped: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    aliases: list[dict[str, Any]] = field(
        default_factory=list
    )  # what stands here under another name, each once
    actions: list[Any] = field(default_factory=list)  # of a dry run: `preview.Action`


def failure(path: bytes, reason: str) -> dict[str, str]:
    """Return a path and what is the matter with it, for the summary."""
    return {"path": text_of(path), "reason": reason}


def text_of(path: bytes) -> str:
    """Return a path or name for the summary."""
    return path.decode("utf-8", "backslashreplace")
