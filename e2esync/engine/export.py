"""The log as a file that proves itself to somebody without keys or store (format §13).

It is written while it is read: what is held in memory is one push at most, and of that little more
than the pages in which trees differ.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO

from e2esync.crypto.asymmetric import object_hash
from e2esync.engine.faults import certificate_of, load_faults
from e2esync.engine.objects import read, read_all
from e2esync.engine.pushes import Push, Pushes, chain_start
from e2esync.engine.told import Event, tell
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import MissingObject, UsageError
from e2esync.format import names
from e2esync.merge.naming import LAST_SECOND
from e2esync.tree.keys import kind_of
from e2esync.tree.values import FileContent, SymlinkContent
from e2esync.vault.cipher import BlobKind
from e2esync.vault.heads import Head, signed_body

VERSION = 1
IN_MEMORY = 1 << 20  # bytes of the changes of one push; more wait in a temporary file

Write = Callable[[bytes], object]


@dataclass
class Exported:
    """What an export holds."""

    pushes: int = 0
    told: int = 0  # of these: the others are not in the store any more, as pruning leaves it
    changes: int = 0


def export(
    vault: SyncedFolder, write: Write, *, since: int = 0, device: str | None = None, contents: bool = False
) -> Exported:
    """Write the log with its proofs, line by line; return what it holds.

    `since` in seconds since 1970; `device`: the name of the only one whose pushes are listed. `contents`:
    disclose the key of content hashes.

    Raises:
        UsageError: There is no device of that name.
        MissingObject: A record, or a list of a device's snapshots, is not there; pruning leaves them.
        BadObject: What is stored is not what was signed.
        StoreUnavailable, StoreRefused, NoAccess: The store.
    """
    lines = _Lines(vault, write)
    pushes = Pushes(vault, lines.heard)
    listed = [head for head in pushes.heads if device in {None, head.device_name}]
    if device is not None and not listed:
        raise UsageError(f"no device of this vault is called {device!r}", fix="e2esync log")
    keys = {purpose: key.hex() for purpose, key in vault.cipher.disclosed(contents=contents).items()}
    lines.write(
        "e2esync log", version=VERSION, vault=vault.vault_id.hex(), keys=keys, since=since, device=device
    )
    for kind, record in _records(vault, pushes.heads):
        lines.write(kind, record=_base64(record))
    for of, proof in sorted(load_faults(vault.state).items()):
        lines.write(
            "fault",
            certificate=_base64(certificate_of(vault, of)),
            snapshots=[_base64(record) for record in proof.snapshots],
            head=[_base64(part) for part in proof.head],
        )
    return _Export(
        vault, pushes, lines, {head.device: chain_start(pushes, head, since) for head in listed}
    ).run()


def _records(vault: SyncedFolder, heads: list[Head]) -> Iterator[tuple[str, bytes]]:
    """Yield what is signed by persons, then the heads."""
    membership = vault.membership
    yield "card", membership.owner.record
    for card in membership.cards.values():
        if card != membership.owner:
            yield "card", card.record
    genesis = read(vault.store, names.genesis(vault.vault_id))
    if genesis is None:
        raise MissingObject("the record of the vault's birth is not there")
    yield "genesis", genesis
    stored = read_all(vault.store, names.members_prefix(vault.vault_id), [names.Kind.MEMBERS])
    for number, digest in sorted(record.name for record in membership.records.values()):
        record = stored.get(names.members(vault.vault_id, number, digest))
        if record is None:
            raise MissingObject("a membership record is not there")
        yield "members", record
    for head in heads:
        yield "head", signed_body(head, vault.membership, vault.keyring)


class _Lines:
    """Writes lines in the one form that they have, and each proof once."""

    def __init__(self, vault: SyncedFolder, write: Write) -> None:
        self._vault, self._write = vault, write
        self._written = vault.catalogue.reach()  # on disk: memory does not grow with the history

    def write(self, type_: str, /, **fields: object) -> None:
        """Write one line."""
        self._write(_line(type_, **fields))

    def copy(self, lines: IO[bytes]) -> None:
        """Write lines that are ready."""
        lines.seek(0)
        for line in lines:
            self._write(line)

    def heard(self, kind: BlobKind, body: bytes) -> None:
        """Write a page or snapshot that was read, if it was not written yet."""
        if kind is BlobKind.SNAPSHOT:
            if self._written.look(object_hash(body)):
                self.write("snapshot", record=_base64(body))
        elif self._written.look(self._vault.cipher.page_id(kind, body)):
            self.write("page", kind=int(kind), body=_base64(body))

    def directory(self, number: bytes) -> bytes | None:
        """Return which directory has a number, as far as this device knows, and write it if it was not written yet."""
        key = self._vault.state.directory_node(number)
        if key is not None and self._written.look(number):
            self.write("directory", key=_base64(key))
        return key


class _Export:
    """The pushes of an export, in an order in which each comes after those that it had seen."""

    def __init__(self, vault: SyncedFolder, pushes: Pushes, lines: _Lines, starts: dict[bytes, int]) -> None:
        self._vault, self._pushes, self._lines = vault, pushes, lines
        self._last = {head.device: head.sequence for head in pushes.heads if head.device in starts}
        self._next = {device: start for device, start in starts.items() if start <= self._last[device]}
        self._done = Exported()

    def run(self) -> Exported:
        """Write them all."""
        total = sum(self._last[device] - start + 1 for device, start in self._next.items())
        while self._next:
            device = min(filter(self._is_ready, self._next), key=self._time)
            self._one(device, self._next[device])
            self._next[device] += 1
            if self._next[device] > self._last[device]:
                del self._next[device]
            self._vault.progress("export", self._done.pushes, total)
        done = self._done
        self._lines.write("end", pushes=done.pushes, told=done.told, changes=done.changes)
        return done

    def _is_ready(self, device: bytes) -> bool:
        """Return whether all that the next push of a device had seen is written: hashes allow no circles."""
        snapshot = self._pushes.snapshot(device, self._next[device])
        return snapshot is None or all(
            other not in self._next
            or at < self._next[other]
            or at > self._last[other]
            or self._pushes.hash_of(other, at) != digest
            for other, at, digest in snapshot.changes
        )

    def _time(self, device: bytes) -> tuple[int, bytes]:
        snapshot = self._pushes.snapshot(device, self._next[device])
        return snapshot.time if snapshot is not None else 0, device

    def _one(self, device: bytes, sequence: int) -> None:
        """Write one push, and after it what it did."""
        push = self._pushes.push(device, sequence)
        with SpooledTemporaryFile(max_size=IN_MEMORY) as changes:
            count = self._changes(push, changes)
            self._lines.write(
                "push",
                device=device.hex(),
                sequence=sequence,
                hash=self._pushes.hash_of(device, sequence).hex(),
                told=count is not None,
                whole=count is not None and push is not None and push.is_whole,
            )
            if count is not None:
                self._lines.copy(changes)
        self._done.pushes += 1
        self._done.told += count is not None
        self._done.changes += count or 0

    def _changes(self, push: Push | None, lines: IO[bytes]) -> int | None:
        """Put aside what a push did, while its proofs are written; return how much, or None if it cannot be told."""
        if push is None:
            return None
        count = 0
        try:
            for event in tell(push, self._pushes.get, self._lines.directory):
                lines.write(_line("change", **_change(event)))
                count += 1
        except MissingObject:
            return None
        return count


def _change(event: Event) -> dict[str, object]:
    content = event.content
    file = content if isinstance(content, FileContent) else None
    target = content.target if isinstance(content, SymlinkContent) else None
    return {
        "change": str(event.what),
        "time": datetime.fromtimestamp(min(event.time, LAST_SECOND), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "device": event.device.hex(),
        "device_name": event.device_name,
        "person": event.person,
        "sequence": event.sequence,
        "kind": kind_of(event.node).name.lower(),
        **_text("path", event.path),
        **_text("from", event.origin),
        "size": file.size if file is not None else None,
        "hash": file.hash.hex() if file is not None else None,
        **_text("target", target),
        "version": event.id,
        "node": _base64(event.node),
    }


def _text(name: str, told: bytes | None) -> dict[str, str | None]:
    """Return bytes as text, or where they are none in base64."""
    if told is None:
        return {name: None, f"{name}_b64": None}
    try:
        return {name: told.decode(), f"{name}_b64": None}
    except UnicodeDecodeError:
        return {name: None, f"{name}_b64": _base64(told)}


def _line(type_: str, /, **fields: object) -> bytes:
    return json.dumps({"type": type_, **fields}, separators=(",", ":")).encode("ascii") + b"\n"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
