"""Defences against hostile trees, names and objects that a test can switch off, beside those of `arena_defences`.

Importing this module adds them to `DEFENCES`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import urllib.error
import urllib.request
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import cbor2
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from e2esync.adapters.files.fingerprint import settled
from e2esync.engine.blobs import BlobReader
from e2esync.errors import BadObject
from e2esync.format import names
from e2esync.tree.keys import Kind
from e2esync.tree.values import Attributes, DirectoryContent, Dot, Entry, FileContent, SymlinkContent
from tests.attacks.arena_defences import DEFENCES, EqualToAll, Patch, _sealer, always, skipped

_DOT = Dot(1, bytes(16), 1)


class _HasSeenAll(dict):
    """A context that covers every sequence of every device."""

    def get(self, _device: object, _default: object = None) -> int:
        return 1 << 48


class _AnyRoot(tuple):
    """A root that is equal to every other."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = tuple.__hash__


def _any_root(original):
    return lambda *arguments, **named: _AnyRoot(original(*arguments, **named) or ())


def _any_dots(original):
    return lambda key, value, _covered, *more: original(key, value, _HasSeenAll(), *more)


def _any_order(_original):
    return lambda items, after, last: items[-1][0] if items else after


def _repaired(original):
    """Reading that puts something plausible in the place of what it cannot read."""

    def decode_entries(raw, kind):
        try:
            return original(raw, kind)
        except BadObject:
            return (Entry(bytes(16), 1, (), (), (_instead(kind),), ()),)

    return decode_entries


def _instead(kind: Kind) -> Any:
    match kind:
        case Kind.DIRECTORY:
            return DirectoryContent(_DOT, here=True)
        case Kind.SYMLINK:
            return SymlinkContent(_DOT, b"repaired", 0)
        case _:
            return FileContent(_DOT, 0, EqualToAll(bytes(32)), 0, (), (), "", 0)


def _overwrite(_original):
    """Putting a new file where nothing should be, without a look at what is there."""

    def put_new(staged, target):
        staged.move_to(target.directory, target.name)
        staged.use_up()
        return settled(target.look(), staged.fingerprint)

    return put_new


def _all_bits(_original):
    def set_meta(self, mtime_ns, mode):
        os.fchmod(self._fd, mode)
        os.utime(self._fd, ns=(mtime_ns, mtime_ns))

    return set_meta


def _any_mode(_original):
    return lambda raw, devices: Attributes(Dot(raw[1], devices[raw[0]], raw[2]), raw[3])


def _poisoned(_original):
    """A seal that takes the nonce which stands in the store already."""

    def seal(self, plaintext, *, context):
        return POISON + self._cipher.encrypt(POISON, plaintext, self._aad + context)

    return seal


def _walks_through_links(_original):
    return lambda dir_fd, path, flags: os.open(path, flags & ~os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)


def _lax(_original):
    """Decoding that takes what cbor2 takes by itself."""

    def decode(data):
        try:
            return cbor2.loads(data)
        except Exception:
            raise BadObject("a record is not readable") from None

    return decode


def _in_sight(_original):
    return lambda character: character


def _no_floor(original):
    return lambda body, *, overhead, least=0: original(body, overhead=overhead)


def _as_long_as_it_is(_original):
    return lambda size: size


def _convergent(_original):
    """Sealing under a key that follows from the content, as convergent encryption has it."""
    return lambda self, chunk: (
        bytes(12) + AESGCM(hashlib.sha256(chunk).digest()).encrypt(bytes(12), bytes(chunk), None)
    )


def _with_checksum(original):
    """Sealing with a plain hash beside the ciphertext."""
    return lambda self, chunk: original(self, chunk) + hashlib.sha256(chunk).digest()


def _together(original):
    """Compression that goes on where the last content ended; its frames are never opened."""
    before = bytearray()

    def compress(self, body):
        alone = len(zlib.compress(bytes(before), 9)) if before else 0
        before.extend(body)
        size = max(1, len(zlib.compress(bytes(before), 9)) - alone)
        return original(self, body)[:1] + os.urandom(size)

    return compress


def _borrows_all(_original):
    return lambda self, known: None


def _speaks(original):
    """Reading a file with a word about it in the log."""

    def read_small(self, path, *arguments):
        logging.getLogger("e2esync").debug("reading %s", path)
        return original(self, path, *arguments)

    return read_small


def _open_home(original):
    """A home that is made, and opened to others."""

    def make(self):
        original(self)
        for directory in (self.config.parent, self.state):
            directory.chmod(0o755)

    return make


class _Clear:
    """Encryption that encrypts nothing."""

    def __init__(self, key: bytes) -> None:
        del key

    def encrypt(self, _nonce: bytes, data: bytes, _aad: bytes) -> bytes:
        return bytes(data) + bytes(16)

    def decrypt(self, _nonce: bytes, data: bytes, _aad: bytes) -> bytes:
        return bytes(data[:-16])


def _tells(original):
    """Opening that looks at the store once more where the seal was good and what is in it is not."""

    def open_chunk(self, key, reference, sealed):
        try:
            return original(self, key, reference, sealed)
        except BadObject as error:
            if "does not open" not in str(error):
                self._vault.store.head(names.genesis(self._vault.vault_id))
            raise

    return open_chunk


def _tries_again(original):
    """Opening that reads once more where decompression failed, as if that could be bad luck."""

    def open_chunk(self, key, reference, sealed):
        try:
            return original(self, key, reference, sealed)
        except BadObject as error:
            if "decompress" not in str(error):
                raise
            self._reader = BlobReader(self._vault)
            return original(self, key, reference, None)

    return open_chunk


def _trusts_frames(_original):
    return lambda self, frame, most: zstandard.ZstdDecompressor().decompress(frame)


def _believes_etags(original):
    """A get that takes the ETag for a checksum."""

    def get(self, key, *, start=0, length=None):
        content, info = original(self, key, start=start, length=length), self.head(key)
        whole = info is not None and start == 0 and len(content) == info.size
        if whole and info.etag != hashlib.md5(content, usedforsecurity=False).hexdigest():
            raise BadObject("an object is not what its ETag says")
        return content

    return get


def _reads_all(_original):
    return lambda body, _size: b"".join(iter(lambda: body.read(1 << 20), b""))


def _goes_there(original):
    """An HTTP client that takes a request, with all that is in it, to where it is sent."""

    def send(self, request):
        answer = original(self, request)
        if 300 <= answer.status_code < 400:
            signature = str(request.headers.get("Authorization"))
            onward = urllib.request.Request(answer.headers["Location"], headers={"Authorization": signature})
            with suppress(urllib.error.URLError):
                urllib.request.urlopen(onward, timeout=5).close()
        return answer

    return send


def _fetches_entities(original):
    """An XML parser that puts in what an entity names."""

    def parse(self, xml):
        if (named := re.search(rb'<!ENTITY e SYSTEM "([^"]+)">', xml)) is not None:
            with urllib.request.urlopen(named[1].decode(), timeout=5) as there:
                xml = re.sub(rb"<!DOCTYPE.*?\]>", b"", xml).replace(b"&e;", there.read())
        return original(self, xml)

    return parse


POISON = b"a nonce, old"  # 12 bytes

DEFENCES.update(
    {
        # of trees, H7
        "page cut": (Patch("e2esync.engine.merge", "update", _any_root, everywhere=False),),
        "page order": (Patch("e2esync.tree.compare", "check_range", _any_order),),
        "dots": (Patch("e2esync.engine.check", "check_value", _any_dots),),
        "values": (Patch("e2esync.tree.codec", "decode_entries", _repaired),),
        "bounds of values": (Patch("e2esync.tree.codec", "are_too_many", always(False)),),
        "order in entries": (Patch("e2esync.tree.codec", "_ascending", skipped),),
        "entries": (Patch("e2esync.tree.codec", "_check_entry", skipped),),
        "list sums": (Patch("e2esync.tree.lists", "_check_sums", skipped),),
        # of names and the disk, N
        "walker": (Patch("e2esync.adapters.files.walk:Walker", "check", skipped),),
        "beneath": (Patch("e2esync.adapters.files.syscalls", "open_beneath", _walks_through_links),),
        "never over": (Patch("e2esync.adapters.files.replacing", "put_new", _overwrite),),
        "modes": (
            Patch("e2esync.tree.codec", "_decode_attributes", _any_mode),
            Patch("e2esync.adapters.files.staging:StagedFile", "set_meta", _all_bits),
        ),
        "fresh nonces": (Patch("e2esync.crypto.secrets:Sealer", "seal", _poisoned),),
        "chance": (
            Patch("e2esync.crypto.secrets", "token_bytes", lambda _original: bytes, everywhere=False),
        ),
        "one encoding": (
            Patch("e2esync.format.cbor", "decode", _lax),
            Patch("e2esync.format.cbor", "decode_exact", _lax),
        ),
        # of what shows, L
        "padding": (Patch("e2esync.format.padding", "padme", _as_long_as_it_is),),
        "alignment": (
            Patch("e2esync.engine.blobs", "aligned", lambda _original: lambda start, end: (start, end)),
            Patch("e2esync.engine.ranges", "end_of_run", lambda _original: lambda end: end),
        ),
        "floor": (
            Patch("e2esync.format.padding", "pad", _no_floor),
            Patch("e2esync.format.padding", "unpad", _no_floor),
        ),
        "random keys": (Patch("e2esync.vault.cipher:FileCipher", "seal", _convergent),),
        "sealed chunks only": (Patch("e2esync.vault.cipher:FileCipher", "seal", _with_checksum),),
        "compression apart": (
            Patch("e2esync.vault.compression:Compressor", "compress", _together),
            Patch("e2esync.format.padding", "padme", _as_long_as_it_is),
        ),
        "dedup within files": (Patch("e2esync.engine.reading:Reader", "_borrow", _borrows_all),),
        "silent logs": (Patch("e2esync.adapters.files.reader:FolderReader", "read_small", _speaks),),
        "closed directories": (
            Patch("e2esync.wiring.home:Home", "make", _open_home),
            Patch("e2esync.adapters.durable", "_write", lambda _original: Path.write_bytes),
        ),
        "encryption": (Patch("e2esync.crypto.secrets:Sealer", "__init__", _sealer(_Clear)),),
        # of what the store is told, O
        "silence": (Patch("e2esync.engine.download:Downloader", "_open", _tells),),
        "no second try": (Patch("e2esync.engine.download:Downloader", "_open", _tries_again),),
        "stated sizes": (Patch("e2esync.vault.compression:Compressor", "_inflate", _trusts_frames),),
        "crowds": (Patch("e2esync.format.cbor", "_is_crowded", always(False)),),
        # of transport: N2, O3, O5, O6
        "headers ignored": (Patch("e2esync.adapters.stores.s3:S3Store", "get", _believes_etags),),
        "bounded reads": (Patch("e2esync.adapters.stores.s3_ranges", "_read", _reads_all),),
        "no redirect": (Patch("botocore.httpsession:URLLib3Session", "send", _goes_there),),
        "plain xml": (
            Patch("botocore.parsers:BaseXMLResponseParser", "_parse_xml_string_to_dom", _fetches_entities),
        ),
        "escapes": (Patch("e2esync.cli.output", "_escaped", _in_sight),),
    }
)
