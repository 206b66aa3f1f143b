"""Where everything of this device lies: `E2ESYNC_HOME`, or the directories of the platform.

One value of `E2ESYNC_HOME` is one device. Under it:

    config.toml          folders, stores, names: never a secret
    keys                 the secret keys (e2esync.adapters.keystore)
    state/<vault>/       databases, membership and lock of one vault
    store/               the embedded default store
    cache/

Elsewhere the same names under the platform's directories for configuration, state, data and cache.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2esync.errors import UsageError

VARIABLE = "E2ESYNC_HOME"
_NAME = "e2esync"


@dataclass(frozen=True, slots=True)
class Home:
    """The directories of one device; nothing is made before it is needed."""

    config: Path  # a file
    keys: Path  # the directory that holds the file `keys`
    state: Path
    data: Path
    cache: Path
    is_explicit: bool  # by E2ESYNC_HOME

    @property
    def default_store(self) -> Path:
        """The store that a setup without one gets."""
        return self.data / "store"

    @property
    def daemon_lock(self) -> Path:
        """What the one daemon of this home holds."""
        return self.state / "daemon.lock"

    @property
    def socket(self) -> Path:
        """Where the daemon answers."""
        from e2esync.adapters.peer import socket_path

        return socket_path(self.state)

    def vault(self, vault_id: bytes) -> Path:
        """Return the directory of what this device knows of a vault."""
        return self.state / vault_id.hex()

    def make(self) -> None:
        """Make the directories that every command needs, closed to other users.

        Raises:
            UsageError: They cannot be made or written.
        """
        for directory in (self.config.parent, self.keys, self.state, self.data):
            try:
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise _unwritable(
                    directory, error.strerror or "it cannot be made", self.is_explicit
                ) from error
            if not os.access(directory, os.W_OK | os.X_OK):
                raise _unwritable(directory, "it is not writable", self.is_explicit)


def _unwritable(directory: Path, reason: str, is_explicit: bool) -> UsageError:  # noqa: FBT001
    fix = (
        f"set {VARIABLE} to a directory that you can write to" if is_explicit else f"chmod u+rwx {directory}"
    )
    return UsageError(f"e2esync cannot keep its files in {directory}", why=reason, fix=fix)


def find_home(environ: Mapping[str, str]) -> Home:
    """Return the directories of this device, from the environment."""
    explicit = environ.get(VARIABLE)
    if explicit:
        return at(Path(explicit))
    from platformdirs import PlatformDirs

    dirs = PlatformDirs(_NAME, appauthor=False)
    return Home(
        config=dirs.user_config_path / "config.toml",
        keys=dirs.user_data_path,
        state=dirs.user_state_path,
        data=dirs.user_data_path,
        cache=dirs.user_cache_path,
        is_explicit=False,
    )


def at(directory: Path) -> Home:
    """Return the directories of a device that lives in one directory."""
    root = directory.expanduser().absolute()
    return Home(
        config=root / "config.toml",
        keys=root,
        state=root / "state",
        data=root,
        cache=root / "cache",
        is_explicit=True,
    )
