"""What this device keeps, in its home: the one that `setup`, `join` and their like work on."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from e2esync.adapters import durable
from e2esync.engine.notes import FolderNote, KeptIdentity, KeptMembership, Plan, PromisedWords
from e2esync.errors import BadObject, NoAccess
from e2esync.merge.retention import Rules
from e2esync.wiring import config
from e2esync.wiring.config import Config
from e2esync.wiring.home import Home

if TYPE_CHECKING:  # what needs cryptography is loaded where it is used: `status` does without
    from e2esync.adapters.keystore import AskPassphrase, KeyStore, Kind
    from e2esync.vault.device import Device
    from e2esync.vault.identity import Identity
    from e2esync.vault.trust import Trusted

IDENTITY, OBJECTS, DEVICES = "identity", "objects", "device "
STATE_FILE, CATALOGUE_FILE, MEMBERS_FILE, LOCK_FILE = "folder.db", "catalogue.db", "members", "lock"


class HomeDevice:
    """A device in its home. It holds the opened keys, so that a passphrase is asked for once."""

    def __init__(self, home: Home, *, kind: Kind | None = None, ask: AskPassphrase | None = None) -> None:
        self.home = home
        self._kind = kind  # for keys that are not there yet
        self._ask = ask
        self.config: Config = config.load(home.config)

    @property
    def device_name(self) -> str:
        """The name of this device."""
        return self.config.device_name

    @property
    def user_name(self) -> str:
        """The name of its user."""
        return self.config.user_name

    def set_user_name(self, name: str) -> None:
        """Keep the name of this device's user."""
        self._save(replace(self.config, user_name=name))

    def set_device_name(self, name: str) -> None:
        """Keep the name of this device."""
        self._save(replace(self.config, device_name=name))

    # the keys

    @property
    def has_keys(self) -> bool:
        """Whether there are keys, opened or not."""
        from e2esync.adapters.keystore import keys_exist

        return keys_exist(self.home.keys)

    @cached_property
    def _keystore(self) -> KeyStore:
        from e2esync.adapters.keystore import Kind, create_keystore, open_keystore

        if self.has_keys:
            return open_keystore(self.home.keys, ask=self._ask)
        return create_keystore(self.home.keys, self._kind or Kind.FILE, ask=self._ask)

    @cached_property
    def _secrets(self) -> dict[str, Mapping[str, bytes]]:
        return dict(self._keystore.load()) if self.has_keys else {}

    def _keep(self, name: str, parts: Mapping[str, bytes], **more: Mapping[str, bytes]) -> None:
        secrets = {**self._secrets, name: parts, **more}
        self._keystore.save(secrets)
        self.__dict__["_secrets"] = secrets

    def kept_identity(self) -> KeptIdentity | None:
        """Return the identity, or None before there is one."""
        from e2esync.vault.identity import load_identity

        if IDENTITY not in self._secrets:
            return None
        return KeptIdentity(load_identity(self._secrets[IDENTITY]), dict(self._secrets.get(OBJECTS, {})))

    def identity(self) -> Identity:
        """Return the identity.

        Raises:
            NoAccess: There is none.
        """
        kept = self.kept_identity()
        if kept is None:
            raise NoAccess(
                "there is no identity on this device",
                why="its keys are gone, or were never made",
                fix="e2esync join STORE --recovery-file FILE",
            )
        return kept.identity

    def save_identity(self, kept: KeptIdentity) -> None:
        """Keep the identity and its objects, in one step."""
        self._keep(IDENTITY, kept.identity.reveal(), **{OBJECTS: kept.objects})

    def devices(self) -> tuple[Device, ...]:
        """Return the keys under which this device writes or has written, the newest last."""
        from e2esync.vault.device import load_device

        names = sorted(name for name in self._secrets if name.startswith(DEVICES))
        return tuple(load_device(self._secrets[name]) for name in names)

    def add_device(self, device: Device) -> None:
        """Keep the keys of a device, besides those before."""
        count = sum(name.startswith(DEVICES) for name in self._secrets)
        self._keep(f"{DEVICES}{count:06d}", device.reveal())

    def device(self, device_id: bytes) -> Device:
        """Return the keys of one device.

        Raises:
            BadObject: They are not here.
        """
        for device in self.devices():
            if device.id == device_id:
                return device
        raise BadObject(
            "the keys of this device do not fit its configuration",
            why="the keys under which this folder is written are not here",
            fix="e2esync forget FOLDER, then join again; files stay where they are",
        )

    # setups on their way

    @property
    def _promise_file(self) -> Path:
        return self.home.state / "recovery-file"

    def promised_words(self) -> PromisedWords | None:
        """Return the recovery file of a setup that did not come to its end."""
        from e2esync.wiring import records

        content = _content(self._promise_file)
        return records.decode_promise(content, self._promise_file) if content is not None else None

    def promise_words(self, promised: PromisedWords | None) -> None:
        """Keep that, or forget it."""
        from e2esync.wiring import records

        if promised is None:
            durable.remove(self._promise_file)
        else:
            durable.replace(self._promise_file, records.encode_promise(promised))

    def _plan_file(self, path: Path) -> Path:
        return self.home.state / "plans" / hashlib.sha256(bytes(path)).hexdigest()[:32]

    def plan(self, path: Path) -> Plan | None:
        """Return the plan of an interrupted setup of this folder."""
        from e2esync.wiring import records

        file = self._plan_file(path)
        content = _content(file)
        return records.decode_plan(content, file) if content is not None else None

    def save_plan(self, plan: Plan) -> None:
        """Keep it."""
        from e2esync.wiring import records

        durable.replace(self._plan_file(plan.note.path), records.encode_plan(plan))

    # folders

    def folders(self) -> tuple[FolderNote, ...]:
        """Return all folders."""
        return self.config.folders

    def membership(self, vault: bytes) -> KeptMembership:
        """Return the membership of a vault of this device.

        Raises:
            BadObject: It is damaged or gone.
        """
        from e2esync.wiring import records

        file = self.home.vault(vault) / MEMBERS_FILE
        content = _content(file)
        return records.decode_membership(content if content is not None else b"", file)

    def trusted(self, vault: bytes) -> Trusted:
        """Return what this device has accepted of a vault."""
        from e2esync.adapters.state import FolderState
        from e2esync.engine.fetch import TRUSTED
        from e2esync.vault.trust import NOTHING, Trusted

        path = self.home.vault(vault) / STATE_FILE
        if not path.exists():
            return NOTHING
        state = FolderState(path)
        try:
            kept = state.get(TRUSTED)
        finally:
            state.close()
        return Trusted.decode(kept) if kept is not None else NOTHING

    def add_folder(self, note: FolderNote, membership: KeptMembership, trusted: Trusted) -> None:
        """Note a new folder with what is known of its vault, and nothing else; a plan of it is done."""
        from e2esync.adapters.state import FolderState
        from e2esync.engine.fetch import TRUSTED
        from e2esync.wiring import records

        directory = self.home.vault(note.vault)
        if all(one.vault != note.vault for one in self.folders()):
            shutil.rmtree(directory, ignore_errors=True)  # left by another life of this home
            durable.replace(directory / MEMBERS_FILE, records.encode_membership(membership))
            state = FolderState(directory / STATE_FILE)
            try:
                state.set(TRUSTED, trusted.encode())
            finally:
                state.close()
            self._save(self.config.with_folder(note))
        durable.remove(self._plan_file(note.path))

    def move_folder(self, note: FolderNote) -> None:
        """Note that a vault of ours has another address."""
        self._save(self.config.with_folder(note))

    def set_rules(self, note: FolderNote, rules: Rules) -> FolderNote:
        """Note what pruning lets go of."""
        changed = replace(note, rules=rules)
        if changed != note:
            self._save(self.config.with_folder(changed))
        return changed

    def remove_folder(self, note: FolderNote) -> None:
        """Forget a folder and all that was known of its vault."""
        self._save(self.config.without_folder(note.vault))
        shutil.rmtree(self.home.vault(note.vault), ignore_errors=True)

    def _save(self, changed: Config) -> None:
        config.save(self.home.config, changed)
        self.config = changed


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
