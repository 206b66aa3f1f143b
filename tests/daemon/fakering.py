"""A keyring in a file, for processes of their own: `PYTHON_KEYRING_BACKEND` names it; the file `open` opens it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

DIRECTORY = "FAKE_KEYRING"  # the variable that says where it lies


class FileRing(KeyringBackend):
    """Keeps passwords as they are."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()
        self._at = Path(os.environ[DIRECTORY])

    def _kept(self) -> dict[str, str]:
        if not (self._at / "open").exists():
            raise KeyringLocked("Failed to unlock the collection!")  # as the Secret Service says it
        path = self._at / "passwords"
        return json.loads(path.read_text()) if path.exists() else {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._kept().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        kept = {**self._kept(), f"{service} {username}": password}
        (self._at / "passwords").write_text(json.dumps(kept))

    def delete_password(self, service: str, username: str) -> None:
        kept = self._kept()
        del kept[f"{service} {username}"]
        (self._at / "passwords").write_text(json.dumps(kept))
