"""Bring contents of files from the store into temporary files, verified while they are written (format §7).

Where the form of a content that the tree shows cannot be read, that which the device of its dot has signed is.

Files of one chunk go in the order in which their chunks lie in packs, so that each pack is read
once; the others one by one. Nothing of this is visible in the folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias

from e2esync.adapters.catalogue import KnownChunk, Location
from e2esync.adapters.files import Staged, StagedFile
from e2esync.adapters.state import Step
from e2esync.engine.blobs import BlobReader
from e2esync.engine.fetch import refresh
from e2esync.engine.going import Going
from e2esync.engine.honest import HonestForms
from e2esync.engine.plan import look_up, unpack_key
from e2esync.engine.ranges import Want, read
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import BadObject, IntegrityError, MissingObject
from e2esync.tree.keys import node_of
from e2esync.tree.lists import Reference
from e2esync.tree.values import FileContent, WrappedKey
from e2esync.vault.cipher import VaultCipher

BATCH = 1000  # chunks
SPARSE_FROM = 1 << 20  # bytes; below, looking for zeros costs more than it saves

NO_KEY = "a file names a key that it does not list"
NOT_SIGNED = "a file's content is not the one that was signed"

Stage = Callable[[int, bool], StagedFile]  # size, sparse -> a new temporary file
Fetched: TypeAlias = Staged | IntegrityError
"""A complete temporary file, or why there is none."""


class _Given:
    """What was given of a file so far."""

    def __init__(self, cipher: VaultCipher) -> None:
        self.hasher, self.size = cipher.content_hasher(), 0


class Downloader:
    """Turns contents into complete temporary files."""

    def __init__(self, vault: SyncedFolder, stage: Stage, going: Going | None = None) -> None:
        self._vault = vault
        self._going = going or Going("pull")
        self._stage = stage
        self._known: list[KnownChunk] = []
        self._reader = BlobReader(vault, partial(refresh, vault))
        self._last: tuple[tuple[bytes, bytes], bytes] | None = (
            None  # last chunk opened: runs of zeros repeat it
        )
        self._honest = HonestForms(vault)

    def singles(self, steps: Iterable[Step]) -> Iterator[tuple[Step, Fetched]]:
        """Yield step and temporary file for files of one chunk, which come in the order of packs."""
        waiting: dict[bytes, Step] = {}

        def wants() -> Iterator[Want]:
            for step in steps:
                assert step.pack is not None
                assert step.chunk is not None
                waiting[step.thing] = step
                location = Location(step.pack, step.start or 0, step.length or 0, b"")
                yield Want(step.thing, Reference(0, step.chunk, step.size), location)

        for want, sealed in read(self._vault, wants()):
            step = waiting.pop(want.thing)
            try:
                chunk = self._single(step, want.reference, sealed)
            except (BadObject, MissingObject) as error:
                shown = look_up(self._vault.state, step.thing).shown
                assert shown is not None
                assert isinstance(shown.content, FileContent)
                yield step, self._tried_instead(node_of(step.thing), shown.content, error)
            else:
                yield step, self._write(step.size, iter((chunk,)))
        self.flush()

    def _single(self, step: Step, reference: Reference, sealed: bytes | None) -> bytes:
        key = unpack_key(step.key or b"")
        chunk = self._open(key, reference, sealed)
        if self._vault.cipher.content_hash(chunk) != step.digest:
            raise BadObject(NOT_SIGNED)
        self._remember(step.digest, reference, key)
        return chunk

    def whole(self, node: bytes, content: FileContent) -> StagedFile:
        """Return the temporary file of any content; `node`: the key under which it stands."""
        try:
            return self._write(content.size, self._form(content, _Given(self._vault.cipher)))
        except (BadObject, MissingObject) as error:
            return self._whole_instead(node, content, error)

    def tried(self, node: bytes, content: FileContent) -> Fetched:
        """Return what `whole` does, or why it cannot."""
        try:
            return self.whole(node, content)
        except (BadObject, MissingObject) as error:
            return error

    def _tried_instead(self, node: bytes, content: FileContent, error: IntegrityError) -> Fetched:
        try:
            return self._whole_instead(node, content, error)
        except (BadObject, MissingObject) as failed:
            return failed

    def _whole_instead(self, node: bytes, content: FileContent, error: IntegrityError) -> StagedFile:
        """Return the temporary file of the form that the content's device has signed, where that in the tree fails."""
        with self._instead(node, content, error) as other:
            return self._write(other.size, self._form(other, _Given(self._vault.cipher)))

    @contextmanager
    def _instead(self, node: bytes, content: FileContent, error: IntegrityError) -> Iterator[FileContent]:
        """Give the form that the content's device has signed; if there is no other or it fails too, the error stands."""
        other = self._honest.find(node, content)
        if other is None:
            raise error
        try:
            yield other
        except (BadObject, MissingObject):
            raise error from None

    def _write(self, size: int, chunks: Iterator[bytes]) -> StagedFile:
        file = self._stage(size, size >= SPARSE_FROM)
        try:
            for chunk in chunks:
                file.write(chunk)
                self._going.passed(len(chunk))
        except BaseException:
            file.discard()
            raise
        return file

    def chunks(self, node: bytes, content: FileContent) -> Iterator[bytes]:
        """Yield the verified chunks of a file in order; its end is an error if the whole is not what was signed."""
        given = _Given(self._vault.cipher)
        try:
            yield from self._form(content, given)
        except (BadObject, MissingObject) as error:
            with self._instead(node, content, error) as other:
                yield from self._rest(other, given)

    def _rest(self, content: FileContent, given: _Given) -> Iterator[bytes]:
        """Yield what of a file follows on what was given of it already, if that is how it begins."""
        again, left = self._vault.cipher.content_hasher(), given.size
        for chunk in self._form(content, _Given(self._vault.cipher)):
            begin, rest = chunk[:left], chunk[left:]
            again.update(begin)
            left -= len(begin)
            if rest:
                if again.digest() != given.hasher.digest():
                    raise BadObject(NOT_SIGNED)
                yield rest
        if again.digest() != given.hasher.digest():
            raise BadObject(NOT_SIGNED)

    def _form(self, content: FileContent, given: _Given) -> Iterator[bytes]:
        """Yield the verified chunks of one form of a file; `given` adds up what was given."""
        for want, sealed in read(self._vault, self._wants(content)):
            if not 0 <= want.reference.key < len(content.keys):
                raise BadObject(NO_KEY)
            chunk = self._open(content.keys[want.reference.key], want.reference, sealed)
            given.hasher.update(chunk)
            given.size += len(chunk)
            content_hash = self._vault.cipher.content_hash(chunk)
            self._remember(content_hash, want.reference, content.keys[want.reference.key])
            yield chunk
        self.flush()
        if given.hasher.digest() != content.hash or given.size != content.size:
            raise BadObject(NOT_SIGNED)

    def _remember(self, content_hash: bytes, reference: Reference, key: WrappedKey) -> None:
        """Note a chunk that was opened and verified here: a copy of it need not be sent."""
        self._known.append(KnownChunk(content_hash, reference.id, reference.length, key))
        if len(self._known) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Keep what was noted."""
        self._vault.catalogue.remember(self._known)
        self._known = []

    def _wants(self, content: FileContent) -> Iterator[Want]:
        for reference in self._reader.iterate(content):
            places = self._vault.catalogue.find(reference.id)
            if not places:
                raise MissingObject("a part of a file is in no index of the store")
            yield Want(b"", reference, places[0])

    def _open(self, key: WrappedKey, reference: Reference, sealed: bytes | None) -> bytes:
        """Return a chunk; where it is not what it should be, every other place is tried."""
        name = (key.wrapped, reference.id)
        if self._last is not None and self._last[0] == name:
            return self._last[1]
        try:
            if sealed is None:
                raise BadObject("a pack is not in the store")
            chunk = self._vault.cipher.file_key(key).open(reference, sealed)
        except BadObject:
            chunk = self._reader.chunk(key, reference)
        self._last = name, chunk
        return chunk
