"""What this device last published, as its state keeps it: the ground for the next snapshot."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from e2esync.adapters.state import FolderState
from e2esync.format.cbor import decode_exact, encode
from e2esync.format.history import History
from e2esync.tree.pages import Root
from e2esync.vault.heads import ContextMap

KEY = "own head"
HEAD = "head"  # bytes of our head, as it was put last
PENDING = "pending head"  # bytes of a head that is committed here and may not be in the store


@dataclass(frozen=True)
class LiveIndex:
    """An index of our own that the head lists."""

    id: bytes
    level: int  # how often its rows were folded
    size: int  # bytes


@dataclass(frozen=True)
class OwnHead:
    """The newest snapshot of this device and what its head says."""

    sequence: int = 0
    hash: bytes | None = None
    revision: int = 0
    history: History = ((),)
    context: ContextMap = field(default_factory=dict)  # of the snapshot, whole
    root: Root | None = None
    indexes: tuple[LiveIndex, ...] = ()
    etag: str = ""  # of the head in the store, as our own PUT was answered

    def encode(self) -> bytes:
        """Return the bytes that the state keeps."""
        return encode(
            [
                self.sequence,
                self.hash,
                self.revision,
                self.history,
                sorted([device, *point] for device, point in self.context.items()),
                self.root,
                [[index.id, index.level, index.size] for index in self.indexes],
                self.etag,
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return what the state kept."""
        sequence, digest, revision, history, context, root, indexes, etag = decode_exact(data)
        return cls(
            sequence,
            digest,
            revision,
            tuple(map(tuple, history)),
            {device: (number, snapshot) for device, number, snapshot in context},
            Root(*root) if root else None,
            tuple(LiveIndex(*index) for index in indexes),
            etag,
        )


def load(state: FolderState) -> OwnHead:
    """Return what this device last committed, published or not."""
    data = state.get(KEY)
    return OwnHead.decode(data) if data is not None else OwnHead()


def save(state: FolderState, own: OwnHead) -> None:
    """Keep it."""
    state.set(KEY, own.encode())


__all__ = ["HEAD", "KEY", "PENDING", "LiveIndex", "OwnHead", "load", "save"]
