"""Which devices a vault has, as far as this one has read: noted in clear locally, so that `status` opens no keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from e2esync.format.cbor import decode_exact, encode

if TYPE_CHECKING:
    from e2esync.adapters.state import FolderState
    from e2esync.engine.vault import SyncedFolder

_LAST_SYNC, _DEVICES = "last sync", "devices seen"


class SeenDevice(NamedTuple):
    """A device by its newest head that was read here."""

    name: str
    last_seen: int  # seconds since 1970: when it signed, and never later than now


def note_sync(vault: SyncedFolder) -> None:
    """Note that folder and store were in touch just now, and whose words were read."""
    from e2esync.engine.joined import cached_head, load_seen
    from e2esync.vault.heads import open_head

    now = vault.clock.now()
    seen = [[vault.names[0], now]]
    for device in sorted(load_seen(vault.state)):
        content = vault.state.get(cached_head(device))
        if content is None or device == vault.device.id:
            continue
        head = open_head(
            content, device.hex(), vault_id=vault.vault_id, membership=vault.membership, keyring=vault.keyring
        )
        seen.append([head.device_name, min(head.time, now)])
    with vault.state.transaction():
        vault.state.set(_LAST_SYNC, encode(now))
        vault.state.set(_DEVICES, encode(seen))


def last_sync(state: FolderState) -> int | None:
    """Return when folder and store were last in touch, in seconds since 1970."""
    kept = state.get(_LAST_SYNC)
    return int(decode_exact(kept)) if kept is not None else None


def seen_devices(state: FolderState) -> list[SeenDevice]:
    """Return the devices that were read, this one first."""
    kept = state.get(_DEVICES)
    return [SeenDevice(name, time) for name, time in decode_exact(kept)] if kept is not None else []
