"""Small private files of our own: whole or not there, also after a power cut, and for nobody else to read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

PRIVATE = 0o600
PRIVATE_DIRECTORY = 0o700


def replace(path: Path, content: bytes) -> None:
    """Write a file in place of what was there; when this returns it survives a crash. Raises OSError."""
    path.parent.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        _write(temporary, content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def create(path: Path, content: bytes) -> None:
    """Write a file where none is. Raises FileExistsError, and OSError."""
    _write(path, content)
    sync_directory(path.parent)


def remove(path: Path) -> None:
    """Remove a file for good; absent is no error. Raises OSError."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Bring the names in a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
