"""What this device has accepted and joined: trust, context, and which heads it has looked at."""

from __future__ import annotations

from e2esync.adapters.state import FolderState
from e2esync.format.cbor import decode_exact, encode
from e2esync.vault.heads import ContextMap

_CONTEXT, _SEEN = "context", "heads seen"


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
