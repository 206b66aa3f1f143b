"""What this device has accepted and joined: trust, context, and which heads it has looked at."""

from __future__ import annotations

from e2esync.adapters.state import FolderState
from e2esync.format.cbor import decode_exact, encode
from e2esync.vault.heads import ContextMap

_CONTEXT, _SEEN = "context", "heads seen"
_RENEWED = "renewed"  # id of the device that wrote by this state before, as long as nothing was joined since


def load_context(state: FolderState) -> ContextMap:
    """Return what of the other devices is joined: sequence and snapshot hash, by device."""
    data = state.get(_CONTEXT)
    return (
        {device: (sequence, digest) for device, sequence, digest in decode_exact(data)}
        if data is not None
        else {}
    )


def save_context(state: FolderState, context: ContextMap) -> None:
    """Keep it."""
    state.set(_CONTEXT, encode(sorted([device, *point] for device, point in context.items())))


def load_seen(state: FolderState) -> dict[bytes, str]:
    """Return the ETags of the heads as they were last read, by device."""
    data = state.get(_SEEN)
    return {bytes(device): etag for device, etag in decode_exact(data)} if data is not None else {}


def save_seen(state: FolderState, seen: dict[bytes, str]) -> None:
    """Keep them."""
    state.set(_SEEN, encode(sorted([device, etag] for device, etag in seen.items())))


def cached_head(device: bytes) -> str:
    """Return under which name the state keeps the head of a device as it was joined last."""
    return f"head {device.hex()}"


def head_aside(device: bytes) -> str:
    """Return under which name the state keeps the head of a device at fault as it was read last."""
    return f"head aside {device.hex()}"


def former_device(state: FolderState) -> bytes | None:
    """Return which device wrote by this state before; None once this one has joined something."""
    return state.get(_RENEWED)


def note_former(state: FolderState, device: bytes | None) -> None:
    """Keep it."""
    state.set(_RENEWED, device)
