"""The configuration file: which folders this device keeps the same with which stores.

    version = 1
    device_name = "laptop"
    user_name = "Alice"

    [[folders]]
    vault = "…64 hex digits…"
    name = "Sync"
    path = "/home/alice/Sync"
    store = "s3://bucket/prefix"
    device = "…32 hex digits…"
    dedup = "vault"
    keep_days = 90
    keep_versions = 10
    s3 = { endpoint_url = "https://…", region = "…" }

Credentials never stand here. Comments that a person adds are kept.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from e2esync.adapters import durable
from e2esync.engine.notes import Dedup, FolderNote, StoreAddress
from e2esync.errors import NewerFormat, UsageError
from e2esync.merge.retention import Rules

VERSION = 1


@dataclass(frozen=True, slots=True)
class Config:
    """What the file says."""

    device_name: str = ""
    user_name: str = ""
    folders: tuple[FolderNote, ...] = field(default=())

    def with_folder(self, note: FolderNote) -> Config:
        """Return this with a folder, in place of what was said of its vault before."""
        return replace(self, folders=(*(one for one in self.folders if one.vault != note.vault), note))

    def without_folder(self, vault: bytes) -> Config:
        """Return this without the folder of a vault."""
        return replace(self, folders=tuple(note for note in self.folders if note.vault != vault))


def load(path: Path) -> Config:
    """Return the configuration; an absent file is an empty one.

    Raises:
        UsageError: The file is damaged or cannot be read.
        NewerFormat: A newer version wrote it.
    """
    text = _read(path)
    if text is None:
        return Config()
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers too long, and brackets too deep
        raise _damaged(path, str(error)) from error
    version = values.get("version")
    if isinstance(version, int) and version > VERSION:
        raise NewerFormat(
            f"the configuration was written by a newer e2esync (version {version})", why=f"it is in {path}"
        )
    if version != VERSION:
        raise _damaged(path, "it has no version")
    try:
        return Config(
            device_name=_text(values, "device_name"),
            user_name=_text(values, "user_name"),
            folders=tuple(_folder(item) for item in values.get("folders", [])),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _damaged(path, f"this is not as it should be: {error}") from error


def save(path: Path, config: Config) -> None:
    """Write the configuration; what a person wrote beside it stays.

    Raises:
        UsageError: It cannot be written.
    """
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        document = tomlkit.parse(_read(path) or "")
    except ParseError as error:
        raise _damaged(path, str(error)) from error
    document["version"] = VERSION
    document["device_name"] = config.device_name
    document["user_name"] = config.user_name
    folders = tomlkit.aot()
    for note in config.folders:
        folders.append(tomlkit.item(_table(note)))
    document.pop("folders", None)
    if config.folders:
        document["folders"] = folders
    try:
        durable.replace(path, tomlkit.dumps(document).encode())
    except OSError as error:
        raise UsageError(
            "the configuration cannot be written",
            why=f"{path}: {error.strerror}",
            fix=f"ls -ld {path.parent}",
        ) from error


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(
            "the configuration cannot be read", why=f"{path}: {error.strerror}", fix=f"ls -l {path}"
        ) from error
    except UnicodeDecodeError as error:
        raise _damaged(path, "it is not text") from error


def _damaged(path: Path, reason: str) -> UsageError:
    return UsageError(
        "the configuration is damaged",
        why=reason,
        fix=f"mend {path} by hand, or move it away and join your vaults again (e2esync join)",
    )


def _folder(item: dict[str, Any]) -> FolderNote:
    s3 = item.get("s3", {})
    return FolderNote(
        vault=_hex(item, "vault", 32),
        name=_text(item, "name"),
        path=Path(_text(item, "path")),
        store=StoreAddress(_text(item, "store"), **{key: _text(s3, key) for key in s3}),
        device=_hex(item, "device", 16),
        dedup=Dedup(item.get("dedup", Dedup.VAULT)),
        rules=Rules(_number(item, "keep_days"), _number(item, "keep_versions")),
    )


def _table(note: FolderNote) -> dict[str, Any]:
    table: dict[str, Any] = {
        "vault": note.vault.hex(),
        "name": note.name,
        "path": str(note.path),
        "store": note.store.url,
        "device": note.device.hex(),
        "dedup": str(note.dedup),
    }
    rules = {"keep_days": note.rules.keep_days, "keep_versions": note.rules.keep_versions}
    table |= {key: number for key, number in rules.items() if number is not None}
    if settings := note.store.settings():
        table["s3"] = settings
    return table


def _text(values: dict[str, Any], key: str) -> str:
    value = values[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is not a text")
    return value


def _number(values: dict[str, Any], key: str) -> int | None:
    value = values.get(key)
    if value is not None and type(value) is not int:
        raise TypeError(f"{key} is not a whole number")
    return value


def _hex(values: dict[str, Any], key: str, size: int) -> bytes:
    value = bytes.fromhex(_text(values, key))
    if len(value) != size:
        raise ValueError(f"{key} has the wrong length")
    return value
