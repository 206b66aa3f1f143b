"""What a device notes of its folders, and the port to where it notes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from e2esync.merge.retention import KEEP_ALL, Rules

if TYPE_CHECKING:  # `status` reads notes and needs no cryptography
    from e2esync.vault.device import Device
    from e2esync.vault.identity import Identity
    from e2esync.vault.trust import Trusted


class Dedup(StrEnum):
    """How far equal content is stored once."""

    VAULT = "vault"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where a store is and how it is spoken to; never with credentials."""

    url: str
    endpoint_url: str | None = None
    profile: str | None = None
    region: str | None = None
    addressing_style: str | None = None

    def settings(self) -> dict[str, str]:
        """Return what is set beside the address."""
        return {key: value for key, value in asdict(self).items() if key != "url" and value is not None}


@dataclass(frozen=True, slots=True)
class FolderNote:
    """A folder of this device and its vault."""

    vault: bytes
    name: str
    path: Path  # absolute
    store: StoreAddress
    device: bytes  # id under which this device writes in the vault
    dedup: Dedup = Dedup.VAULT
    rules: Rules = KEEP_ALL  # what this device lets go of when it prunes


@dataclass(frozen=True, slots=True)
class KeptIdentity:
    """The identity of this device, and its objects that every store of a member holds."""

    identity: Identity
    objects: Mapping[str, bytes]  # card and card keys, by their keys in a store


@dataclass(frozen=True, slots=True)
class KeptMembership:
    """The records of a vault's membership as they were verified here; they are verified again when used."""

    genesis: bytes
    members: Mapping[str, bytes]  # by their keys in a store
    cards: tuple[bytes, ...]  # of owner and members


@dataclass(frozen=True, slots=True)
class Plan:
    """All that an interrupted setup needs to come to its end. Nothing in it is secret."""

    note: FolderNote
    membership: KeptMembership
    objects: tuple[tuple[str, bytes], ...]  # what the store gets, in this order, the genesis last


@dataclass(frozen=True, slots=True)
class PromisedWords:
    """A recovery file that is being written: whose words it holds, if it does."""

    path: Path
    fingerprint: bytes


class LocalDevice(Protocol):
    """What this device keeps. Whatever saves is durable when it returns."""

    @property
    def device_name(self) -> str:
        """The name of this device."""
        ...

    @property
    def user_name(self) -> str:
        """The name of its user."""
        ...

    def set_user_name(self, name: str) -> None:
        """Keep the name of this device's user."""
        ...

    def kept_identity(self) -> KeptIdentity | None:
        """Return the identity, or None before there is one."""
        ...

    def save_identity(self, kept: KeptIdentity) -> None:
        """Keep the identity."""
        ...

    def devices(self) -> tuple[Device, ...]:
        """Return the keys under which this device writes or has written, the newest last."""
        ...

    def add_device(self, device: Device) -> None:
        """Keep the keys of a device, besides those before."""
        ...

    def promised_words(self) -> PromisedWords | None:
        """Return the recovery file of a setup that did not come to its end."""
        ...

    def promise_words(self, promised: PromisedWords | None) -> None:
        """Keep that, or forget it."""
        ...

    def plan(self, path: Path) -> Plan | None:
        """Return the plan of an interrupted setup of this folder."""
        ...

    def save_plan(self, plan: Plan) -> None:
        """Keep it."""
        ...

    def folders(self) -> tuple[FolderNote, ...]:
        """Return all folders."""
        ...

    def membership(self, vault: bytes) -> KeptMembership:
        """Return the membership of a vault of this device."""
        ...

    def trusted(self, vault: bytes) -> Trusted:
        """Return what this device has accepted of a vault."""
        ...

    def add_folder(self, note: FolderNote, membership: KeptMembership, trusted: Trusted) -> None:
        """Note a new folder with what is known of its vault, and nothing else; a plan of it is done."""
        ...

    def move_folder(self, note: FolderNote) -> None:
        """Note that a vault of ours has another address."""
        ...

    def remove_folder(self, note: FolderNote) -> None:
        """Forget a folder and all that was known of its vault."""
        ...
