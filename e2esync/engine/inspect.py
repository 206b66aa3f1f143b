"""`inspect`: how a file is stored and for whom, by what this device knows; nothing is fetched.

The chain that opens a file: chunks ← data key ← vault key of an epoch ← the public key of each member.
"""

from __future__ import annotations

from dataclasses import dataclass

from e2esync.adapters.catalogue import Catalogue
from e2esync.adapters.state import DiskRow, FolderState
from e2esync.crypto.asymmetric import object_hash
from e2esync.crypto.recovery import safety_number
from e2esync.engine.shown import digest_of, shown_of
from e2esync.errors import UsageError
from e2esync.format.members import Role
from e2esync.tree.keys import ROOT, Kind
from e2esync.tree.lists import ListRoot
from e2esync.tree.values import FileContent
from e2esync.vault.membership import Membership


@dataclass(frozen=True, slots=True)
class DataKeyReport:
    """One data key of a file."""

    born: bytes  # epoch
    under: bytes  # epoch under whose vault key it is wrapped


@dataclass(frozen=True, slots=True)
class Recipient:
    """A member whose public key opens the vault key."""

    safety_number: str
    role: Role
    public_key: bytes  # SHA-256 of the HPKE public key that the vault key is wrapped to
    card_number: int


@dataclass(frozen=True, slots=True)
class FileReport:
    """How one file is stored."""

    kind: Kind
    size: int  # bytes
    saved: int | None  # seconds since 1970
    device: str  # that wrote it
    chunks: int
    packs: tuple[bytes, ...]  # ids; empty where the list of chunks is stored by itself
    keys: tuple[DataKeyReport, ...]
    epoch: bytes  # the current one
    recipients: tuple[Recipient, ...]


def inspect(path: bytes, *, state: FolderState, catalogue: Catalogue, membership: Membership) -> FileReport:
    """Return how the file at `path`, relative to the folder, is stored.

    Raises:
        UsageError: Nothing was published under this path.
    """
    row = find_row(state, path)
    if row is None or state.node(row.node) is None:
        raise UsageError(
            f"{path.decode(errors='backslashreplace')} is not in the vault",
            why="it was not pushed yet, or the path is not one of this folder",
            fix="e2esync push",
        )
    shown = shown_of(state, row.node)
    content = next((each.content for each in shown if digest_of(each.content) == row.hash), None)
    file = content if isinstance(content, FileContent) else None
    chunks = file.chunks if file else ()
    return FileReport(
        kind=Kind(row.kind),
        size=file.size if file else 0,
        saved=file.saved if file else None,
        device=file.device_name if file else "",
        chunks=chunks.references if isinstance(chunks, ListRoot) else len(chunks),
        packs=() if isinstance(chunks, ListRoot) else _packs(catalogue, [chunk.id for chunk in chunks]),
        keys=tuple(DataKeyReport(key.born, key.under) for key in file.keys) if file else (),
        epoch=membership.newest.epoch,
        recipients=tuple(recipients(membership)),
    )


def find_row(state: FolderState, path: bytes) -> DiskRow | None:
    """Return what is known at a path of the disk."""
    *directories, last = path.split(b"/")
    parent = ROOT
    for name in directories:
        row = state.row_at(parent, name)
        if row is None or row.number is None:
            return None
        parent = row.number
    return state.row_at(parent, last)


def _packs(catalogue: Catalogue, ids: list[bytes]) -> tuple[bytes, ...]:
    found = (places[0].pack for chunk in ids if (places := catalogue.find(chunk)))
    return tuple(dict.fromkeys(found))


def recipients(membership: Membership) -> list[Recipient]:
    """Return the members, with the public key that the vault key is wrapped to."""
    listed = []
    for member in membership.newest.members.members:
        card = membership.cards.get(member.card)
        public = object_hash(card.hpke) if card is not None else b""
        listed.append(Recipient(safety_number(member.fingerprint), member.role, public, member.card_number))
    return listed
